"""Edited training pairs: kept as a dataset of their own, beside the validation and test pairs they had."""

from collections.abc import Sequence
from typing import Any

from core.data import uploads
from core.data.examples import PARTS, Splits
from core.data.intake.cells import NotTextError, text_of
from core.data.split import short
from core.errors import UserError

TableRow = dict[str, Any]
"""{"prompt", "completion"} as a table gives it: a cell without content is None or no text at all."""


def keep_edited(rows: Sequence[TableRow], splits: Splits) -> tuple[str, list[str]]:
    """Keep the rows as the training pairs of `splits`; the address, and a sentence for each row left out.

    A row that was just added is half empty for a while: it is left out until it is whole. Raises
    `UserError` when no row is left.
    """
    records: list[dict[str, Any]] = []
    left_out: list[str] = []
    for number, row in enumerate(rows, start=1):
        cells = {name: _cell(row.get(name)) for name in ("prompt", "completion")}
        if not any(cells.values()):
            continue
        if problem := next(filter(None, map(_problem, cells, cells.values())), ""):
            left_out.append(f"Row {number} ({_begin(cells)}) is left out: its {problem}.")
            continue
        tags = row.get("tags")
        records.append({**cells, **({"tags": list(tags)} if tags else {}), "split": PARTS[0]})
    if not records:
        raise UserError("No training pairs are left in the table; keep or add at least one.")
    for part, examples in zip(PARTS[1:], (splits.validation, splits.test), strict=True):
        for e in examples:
            tags = {"tags": list(e.tags)} if e.tags else {}
            records.append({"prompt": e.prompt, "completion": e.completion, **tags, "split": part})
    return uploads.keep(records), left_out


def _cell(value: Any) -> str:
    """The text of a cell; a table's missing value is an empty one."""
    return value if isinstance(value, str) else ""


def _begin(cells: dict[str, str]) -> str:
    """How a row begins, by which it is found: a table that can be edited shows no numbers."""
    return f"“{short(cells['prompt'] or cells['completion'])}”"


def _problem(name: str, value: str) -> str:
    """Why a cell is no text, after its name; empty when it is one."""
    try:
        text_of(value)
    except NotTextError as problem:
        return f"{name} {problem}"
    return ""
