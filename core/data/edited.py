"""Edited training pairs: kept as a dataset of their own, beside the validation and test pairs they had."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.data import uploads
from core.data.example import Record
from core.data.examples import PARTS, Splits
from core.data.intake.cells import NotTextError, text_of
from core.data.split import short
from core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class EditedRow:
    """As a table gives it: a cell without content is None or no text at all."""

    prompt: object
    completion: object
    tags: object = None


def keep_edited(rows: Sequence[EditedRow], splits: Splits) -> tuple[str, list[str]]:
    """Keep the rows as the training pairs of `splits`; the address, and a sentence for each row left out.

    A row that was just added is half empty for a while: it is left out until it is whole. Raises
    `UserError` when no row is left.
    """
    records: list[Record] = []
    left_out: list[str] = []
    for number, row in enumerate(rows, start=1):
        cells = {"prompt": _cell(row.prompt), "completion": _cell(row.completion)}
        if not any(cells.values()):
            continue
        if problem := next(filter(None, map(_problem, cells, cells.values())), ""):
            left_out.append(f"Row {number} ({_begin(cells)}) is left out: its {problem}.")
            continue
        tags = tuple(map(str, row.tags)) if isinstance(row.tags, list) else ()
        records.append(_record(**cells, tags=tags, part=PARTS[0]))
    if not records:
        raise UserError("No training pairs are left in the table; keep or add at least one.")
    for part, examples in zip(PARTS[1:], (splits.validation, splits.test), strict=True):
        for e in examples:
            records.append(_record(e.prompt, e.completion, tags=e.tags, part=part))
    return uploads.keep(records), left_out


def _record(prompt: str, completion: str, *, tags: Sequence[str], part: str) -> Record:
    tagged: Record = {"tags": list(tags)} if tags else {}
    return {"prompt": prompt, "completion": completion, **tagged, "split": part}


def _cell(value: object) -> str:
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
