"""Uploads of a class: whose a dataset is, and what is deleted with its class.

The pairs lie under the address of their content (`core/data/uploads.py`), so that two who bring the same file have the
same dataset. Who brought it stands with what they used (`core/runs/limits.py`), which also says who may read it.
"""

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import delete, select

from core.data import uploads as datasets
from core.errors import UserError
from core.runs.limits import UPLOAD, ClassLimits
from core.runs.schema import Database
from core.runs.tables import limits, runs, uses


def bringing(allowed: ClassLimits) -> Callable[[str], None]:
    """Before a dataset is kept: what is to be called afterwards with its address, so that it is this visitor's.

    That raises `UserError` where the class allows no more; the dataset is gone again, then.
    """
    known = {file.stem for file in datasets.folder().glob("*.jsonl")}

    def bring(address: str) -> None:
        if not address:
            return
        try:
            n_bytes = (datasets.folder() / f"{address}.jsonl").stat().st_size
            allowed.count_upload(address, n_bytes)
        except UserError:
            if address not in known:
                _remove(address)
            raise

    return bring


def delete_uploads(
    database: Database, *, class_id: str, spaces: Collection[str], began_at: float
) -> None:
    """Delete what the learners of a class brought, and what they used of its limits.

    A dataset stays that others brought, too, that a run still names, or that was there before the class.
    """
    with database.transaction(alone=True) as connection:
        mine = uses.c.space.in_(spaces)
        brought = set(connection.scalars(select(uses.c.name).where(mine, uses.c.kind == UPLOAD)))
        connection.execute(delete(uses).where(mine))
        connection.execute(delete(limits).where(limits.c.class_id == class_id))
        others = set(connection.scalars(select(uses.c.name).where(uses.c.kind == UPLOAD)))
        configs = connection.scalars(select(runs.c.config)) if brought - others else ()
        named = {_dataset_of(config) for config in configs}
    for address in brought - others - named:
        if _kept_at(address) >= began_at:
            _remove(address)


def _dataset_of(config: Any) -> str:
    """The dataset that a stored config names, however damaged the config is."""
    data = config.get("data") if isinstance(config, dict) else None
    return str(data.get("dataset", "")) if isinstance(data, dict) else ""


def _kept_at(address: str) -> float:
    try:
        return (datasets.folder() / f"{address}.jsonl").stat().st_mtime
    except OSError:
        return 0.0


def _remove(address: str) -> None:
    try:
        for file in datasets.folder().glob(f"{address}.*"):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"An upload cannot be deleted: {error.strerror or error}.") from error
