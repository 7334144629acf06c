"""Bytes and a name to a `Dataset`: pairs with their lines, what was recognised, what was left out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from core.data.example import Record
from core.data.intake.cells import NotTextError, kept_fields
from core.data.intake.rows import Row, Table, read_table
from core.data.intake.shapes import (
    CHAT,
    Mapping,
    chosen_mapping,
    pair_of,
    recognise,
    shape_of,
    unknown_columns,
)
from core.data.listing import MOST_NAMED, count, first_few, name_lines
from core.errors import UserError, shortened
from core.typed_json import Json

MAX_UPLOAD_BYTES = 20_000_000
MAX_UPLOAD_PAIRS = 20_000
_CONTROL = re.compile(
    r"<\|[^|<>\s]{1,40}\|>|</s>|<(?:bos|eos|pad|start_of_turn|end_of_turn)>|\[/?INST\]"
)
"""Text that looks like a control token of some model's chat template."""


class BadLinesError(UserError):
    """Lines that cannot be used; `read` leaves them out when asked to."""


SHOWN_ROWS = 3


class UnknownColumnsError(UserError):
    """The file can be read, but which columns to take must be said; `columns` are those it has, `first` its
    first rows, to choose by."""

    def __init__(
        self, message: str, columns: list[str], first: Sequence[dict[str, Json]] = ()
    ) -> None:
        super().__init__(message)
        self.columns = columns
        self.first = first


class Described(TypedDict):
    """What the command line says of a dataset."""

    format: str
    file_type: str
    n: int
    columns: list[str]
    mapping: dict[str, str]
    skipped: int
    skipped_lines: list[int]
    warnings: list[str]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    name: str
    format: str
    """The shape of the rows: prompt/completion, alpaca, messages, …"""
    file_type: str
    columns: list[str]
    mapping: Mapping
    records: list[Record]
    """`prompt`, `completion`, and the other columns for templates."""
    lines: list[int]
    """Of each record, the line it begins on."""
    skipped: list[tuple[int, str]]
    """Lines left out, each with the reason."""
    warnings: list[str]

    def to_dict(self) -> "Described":
        return {
            "format": self.format,
            "file_type": self.file_type,
            "n": len(self.records),
            "columns": self.columns,
            "mapping": self.mapping.to_dict(),
            "skipped": len(self.skipped),
            "skipped_lines": [line for line, _ in self.skipped],
            "warnings": self.warnings,
        }

    @property
    def taken(self) -> str:
        """What was recognised, in a sentence; empty for plain prompt and completion."""
        return (
            "" if self.format == "prompt/completion" else f"{self.format}: {self.mapping.in_words}"
        )


def read(
    content: bytes,
    *,
    name: str,
    mapping: Mapping | None = None,
    skip_bad_lines: bool = False,
) -> Dataset:
    """The pairs of a JSONL, JSON or CSV file.

    `mapping` names the columns where they are not to be recognised.
    Raises `UserError` for a file that cannot be read as a whole, `UnknownColumnsError` when a mapping is
    needed, and `BadLinesError`, naming them all, unless they are to be skipped.
    """
    name = shortened(name)
    table = read_table(_decoded(content, name), name, most=MAX_UPLOAD_PAIRS)
    if not table.rows:
        raise UserError(f"{name} holds no prompt-completion pairs.")
    if len(table.rows) > MAX_UPLOAD_PAIRS:
        raise UserError(f"{name} has more than {MAX_UPLOAD_PAIRS} pairs; shorten it.")
    if all(row.problem for row in table.rows):
        raise BadLinesError(_bad_lines([(row.line, row.problem) for row in table.rows], name))
    shape, taken = _mapping(table, mapping, name)
    records, lines, bad = list[Record](), list[int](), list[tuple[int, str]]()
    for row in table.rows:
        try:
            records.append(_record(row, taken))
            lines.append(row.line)
        except NotTextError as problem:
            bad.append((row.line, str(problem)))
    if bad and not skip_bad_lines:
        raise BadLinesError(_bad_lines(bad, name))
    if not records:
        raise UserError(f"{name} holds no prompt-completion pairs that can be used.")
    empty = [(line, "empty") for line in table.empty_lines]
    return Dataset(
        name=name,
        format=shape,
        file_type=table.file_type,
        columns=table.columns,
        mapping=taken,
        records=records,
        lines=lines,
        skipped=sorted(bad + empty),
        warnings=_warnings(table, taken, records, lines, bad),
    )


def _decoded(content: bytes, name: str) -> str:
    if len(content) > MAX_UPLOAD_BYTES:
        raise UserError(
            f"{name} is {len(content) / 1e6:.0f} MB; the limit is {MAX_UPLOAD_BYTES / 1e6:.0f} MB."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"{name}, line {line}: not UTF-8 text. Save the file as UTF-8.") from error


def _mapping(table: Table, wanted: Mapping | None, name: str) -> tuple[str, Mapping]:
    if wanted:
        mapping = chosen_mapping(wanted, table.columns, name)
        return shape_of(mapping, table.columns), mapping
    found = recognise(table.columns)
    if found is None:
        first = [row.cells for row in table.rows[:SHOWN_ROWS]]
        raise UnknownColumnsError(unknown_columns(table.columns, name), table.columns, first)
    return found


def _record(row: Row, mapping: Mapping) -> Record:
    if row.problem:
        raise NotTextError(row.problem)
    prompt, completion = pair_of(row.cells, mapping)
    return kept_fields(row.cells) | {"prompt": prompt, "completion": completion}


def _bad_lines(bad: list[tuple[int, str]], name: str) -> str:
    """One sentence that names every bad line, those of one reason together."""
    by_reason: dict[str, list[int]] = {}
    for line, reason in bad:
        by_reason.setdefault(reason, []).append(line)
    parts = [f"{name_lines(lines)}: {reason}" for reason, lines in by_reason.items()]
    more = len(parts) - MOST_NAMED
    named = "; ".join([*parts[:MOST_NAMED], f"and {more} more"] if more > 0 else parts)
    what = "Mend this line or skip it." if len(bad) == 1 else "Mend these lines or skip them."
    return f"{name}, {named}. {what}"


def _warnings(
    table: Table,
    mapping: Mapping,
    records: list[Record],
    lines: list[int],
    bad: list[tuple[int, str]],
) -> list[str]:
    found: list[str] = []
    if bad:
        numbers = name_lines([line for line, _ in bad])
        found.append(f"{count(len(bad), 'line')} left out that cannot be used: {numbers}.")
    if empty := table.empty_lines:
        found.append(f"{count(len(empty), 'empty row')} left out: {name_lines(empty)}.")
    texts = [
        (f"{r['prompt']}\n{r['completion']}", line) for r, line in zip(records, lines, strict=True)
    ]
    marked = [line for text, line in texts if _CONTROL.search(text)]
    if marked:
        signs = sorted({sign for text, _ in texts for sign in _CONTROL.findall(text)})
        found.append(
            f"Control tokens of a chat template ({first_few(signs)}) stand in the text of "
            f"{count(len(marked), 'pair')}: {name_lines(marked)}. They are read as text."
        )
    if mapping.completion.lower() == CHAT:
        chats = ((row.line, row.cells.get(mapping.completion)) for row in table.rows)
        long = [line for line, turns in chats if isinstance(turns, list) and _n_turns(turns) > 2]
        if long:
            found.append(
                f"{count(len(long), 'chat')} of several turns: {name_lines(long)}. What stands before "
                "the last answer is one prompt, its turns marked “User:” and “Assistant:”."
            )
    return found


def _n_turns(turns: Sequence[Json]) -> int:
    return sum(isinstance(turn, dict) and turn.get("role") != "system" for turn in turns)
