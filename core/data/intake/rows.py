"""The rows of a JSONL, JSON or CSV file, each with the number of the line it begins on.

JSON is told from CSV by the file's ending, else by its first sign. The delimiter of a CSV is the one a
first line `sep=;` names, else the one of comma, semicolon and tab under which most rows have as many
cells as the header. A line that cannot be read is a row with a `problem`, so that all can be named.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from core.data.example import Record
from core.errors import UserError, quote

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
ROWS_LOOKED_AT = 200
"""Rows by which the delimiter is recognised."""


@dataclass(frozen=True, kw_only=True)
class Row:
    line: int
    """The line it begins on, from 1."""
    cells: Record = field(default_factory=Record)
    problem: str = ""
    """Why it cannot be read, or empty."""


@dataclass(frozen=True, kw_only=True)
class Table:
    file_type: str
    """JSONL, JSON array, or CSV with its delimiter."""
    rows: list[Row]
    columns: list[str]
    """All names that occur, in order."""
    empty_lines: list[int]
    """Rows of a CSV without any content; a spreadsheet leaves them at the end."""


def read_table(text: str, name: str, *, most: int) -> Table:
    """The rows of a file's text; of a file with more than `most` of them, one more than that.

    Raises `UserError` when the file as a whole cannot be read.
    """
    ending = name.lower().rpartition(".")[2]
    looks_like_json = text.lstrip()[:1] in ("{", "[")
    if ending in ("csv", "tsv") or (ending not in ("json", "jsonl") and not looks_like_json):
        return _csv_table(text, name, most)
    array = _json_array(text)
    rows = list(islice(_jsonl_rows(text) if array is None else array, most + 1))
    file_type = "JSONL" if array is None else "JSON array"
    columns = list(dict.fromkeys(column for row in rows for column in row.cells))
    return Table(file_type=file_type, rows=rows, columns=columns, empty_lines=[])


def _row(line: int, value: Any) -> Row:
    if isinstance(value, dict):
        return Row(line=line, cells=value)
    return Row(line=line, problem='expected {"prompt": …, "completion": …}')


def _json_array(text: str) -> list[Row] | None:
    """The rows of a JSON array, or of one object written over several lines; None for JSONL."""
    start = text.lstrip()[:1]
    try:
        whole = json.loads(text) if start in ("[", "{") else None
    except (ValueError, RecursionError) as error:
        if start == "{" or str(error).startswith("Extra data"):
            return None  # line by line
        line = getattr(error, "lineno", 1)
        return [Row(line=line, problem=f"not valid JSON ({error})")]
    if not isinstance(whole, list):
        return None if whole is None or text.strip().count("\n") == 0 else [_row(1, whole)]
    decoder, rows = json.JSONDecoder(), list[Row]()
    at, line, seen = text.index("[") + 1, 1, 0
    for value in whole:
        while text[at].isspace() or text[at] == ",":
            at += 1
        line, seen = line + text.count("\n", seen, at), at
        rows.append(_row(line, value))
        _, at = decoder.raw_decode(text, at)
    return rows


def _jsonl_rows(text: str) -> Iterator[Row]:
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            yield _row(line, json.loads(content))
        except (ValueError, RecursionError) as error:
            yield Row(line=line, problem=f"not valid JSON ({error})")


def _csv_table(text: str, name: str, most: int) -> Table:
    first, _, rest = text.partition("\n")
    first, skipped = first.strip().strip('"'), 0
    delimiter = ""
    if first.lower().startswith("sep=") and len(first) <= 5:
        delimiter, text, skipped = first[4:] or "\t", rest, 1
    delimiter = delimiter or recognise_delimiter(text)
    try:
        found = islice(_csv_lines(text, delimiter), most + 2)  # with the header
        lines = [(line + skipped, cells) for line, cells in found]
    except csv.Error as error:
        line = error.args[1] + skipped
        raise UserError(f"{name}, line {line}: not valid CSV ({error.args[0]}).") from error
    kind = f"CSV, {DELIMITERS.get(delimiter, repr(delimiter))}"
    if not lines:
        return Table(file_type=kind, rows=[], columns=[], empty_lines=[])
    columns = [cell.strip() or f"column {n}" for n, cell in enumerate(lines[0][1], start=1)]
    twice = next((c for c, n in Counter(columns).items() if n > 1), "")
    if twice:
        raise UserError(f"{name}: two columns are called {quote(twice)}; rename one of them.")
    rows, empty = list[Row](), list[int]()
    for line, cells in lines[1:]:
        if not any(cell.strip() for cell in cells):
            empty.append(line)
        elif len(cells) != len(columns):
            rows.append(Row(line=line, problem="not as many cells as the header has columns"))
        else:
            rows.append(Row(line=line, cells=dict(zip(columns, cells, strict=True))))
    return Table(file_type=kind, rows=rows, columns=columns, empty_lines=empty)


def _csv_lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, and the line it begins on. An error carries that line, too."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise csv.Error(str(error), line) from error
        if cells is None:
            return
        if cells:
            yield line, cells


def recognise_delimiter(text: str) -> str:
    """The delimiter under which the header has two cells or more, and most rows have as many."""
    best, most = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        widths: list[int] = []
        try:
            for _, cells in _csv_lines(text, delimiter):
                widths.append(len(cells))
                if len(widths) == ROWS_LOOKED_AT:
                    break
        except csv.Error:
            pass  # what came before tells enough; the error is said when the file is read
        if not widths or widths[0] < 2:
            continue
        found = widths.count(widths[0]) / len(widths), widths[0]
        if found > most:
            best, most = delimiter, found
    return best
