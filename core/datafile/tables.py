"""Spreadsheets (XLSX) and Parquet: their rows, each with its number.

A spreadsheet's rows are numbered as it numbers them, and its first row with content names the columns.
"""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from core.data.intake import MAX_UPLOAD_BYTES, MAX_UPLOAD_PAIRS
from core.data.listing import join
from core.errors import UserError, quote

MOST_UNPACKED = 10 * MAX_UPLOAD_BYTES
"""Bytes. A file that unpacks to more is no data of a lesson, but fills the memory."""
Cells = dict[str, object]
"""A row by column; a cell is whatever pyarrow or openpyxl made of it."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    file_type: str
    rows: list[tuple[int, Cells]]
    empty: list[int] = field(default_factory=list[int])
    """Numbers of rows without content."""
    warnings: list[str] = field(default_factory=list[str])


def read_table(content: bytes, name: str) -> Rows | None:
    """The rows of a spreadsheet or a Parquet file, told by its first bytes; None for any other file.

    Of a table with more than MAX_UPLOAD_PAIRS rows, one more than that. Raises `UserError` when it cannot be read.
    """
    if content.startswith(b"PAR1"):
        return _parquet(content, name)
    if content.startswith(b"PK\x03\x04"):
        return _spreadsheet(content, name)
    if content.startswith(bytes.fromhex("d0cf11e0a1b11ae1")):
        raise UserError(f"{name} is an old Excel file; save it as XLSX or CSV.")
    return None


def as_jsonl(rows: Sequence[tuple[int, Cells]]) -> str:
    """JSONL with each row on the line of its number."""
    lines = [""] * max((number for number, _ in rows), default=0)
    for number, cells in rows:
        lines[number - 1] = json.dumps(cells, default=_plain)
    return "\n".join(lines)


def _plain(value: Any) -> Any:
    """A cell that JSON has no word for: dates and decimals as text; bytes and others are no text."""
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | timedelta) else {}


def _parquet(content: bytes, name: str) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(content))
        groups = range(file.metadata.num_row_groups)
        size = sum(file.metadata.row_group(n).total_byte_size for n in groups)
        _check_unpacked(size, name)
        names = file.schema_arrow.names
        _check_names(names, name)
        batches = file.iter_batches(batch_size=1000)
        found = (row for batch in batches for row in batch.to_pylist())
        rows = list(enumerate(islice(found, MAX_UPLOAD_PAIRS + 1), start=1))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:100]
        raise UserError(f"{name} cannot be read as Parquet ({said}).") from error
    return Rows(file_type="Parquet", rows=rows)


def _spreadsheet(content: bytes, name: str) -> Rows:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise UserError(
            f"To read {name}, install the package openpyxl (pip install openpyxl), or save the sheet as CSV."
        ) from error
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_unpacked(sum(one.file_size for one in archive.infolist()), name)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheets = [
            (sheet.title, _filled(sheet.iter_rows(values_only=True))) for sheet in book.worksheets
        ]
        filled = [(title, rows) for title, rows in sheets if rows]
    except UserError:
        raise
    except Exception as error:  # openpyxl raises what its parsers raise: KeyError, ValueError, …
        raise UserError(
            f"{name} cannot be read as a spreadsheet; open it, save it as XLSX or CSV and try again."
        ) from error
    if not filled:
        raise UserError(f"{name} holds no cells with content.")
    title, rows = filled[0]
    others = [f"“{other}”" for other, _ in filled[1:]]
    said = (
        f"{name} has {len(filled)} sheets; “{title}” is read, {join(others)} not." if others else ""
    )
    return _with_header(rows, name, [said] if said else [])


def _filled(rows: Iterable[Sequence[Any]]) -> list[tuple[int, Sequence[Any]]]:
    """The rows from the first to the last one with content, each with its number."""
    found = list(islice(enumerate(rows, start=1), MAX_UPLOAD_PAIRS + 2))
    with_content = [n for n, row in found if not _is_empty(row)]
    if not with_content:
        return []
    return [(n, row) for n, row in found if with_content[0] <= n <= with_content[-1]]


def _is_empty(row: Iterable[Any]) -> bool:
    return all(cell is None or not str(cell).strip() for cell in row)


def _with_header(rows: Sequence[tuple[int, Sequence[Any]]], name: str, warnings: list[str]) -> Rows:
    (_, header), *body = rows
    width = max(
        (n for _, row in rows for n, cell in enumerate(row, start=1) if cell is not None), default=0
    )
    cells = [*header, *[None] * width][:width]
    columns = [
        f"column {n}" if cell is None or not str(cell).strip() else str(cell).strip()
        for n, cell in enumerate(cells, start=1)
    ]
    _check_names(columns, name)
    empty = [n for n, row in body if _is_empty(row)]
    found = [(n, dict(_named(columns, row))) for n, row in body if not _is_empty(row)]
    return Rows(file_type="XLSX", rows=found, empty=empty, warnings=warnings)


def _named(columns: Sequence[str], row: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    yield from zip(columns, [*row, *[None] * len(columns)], strict=False)


def _check_names(columns: Sequence[str], name: str) -> None:
    twice = next((c for c, n in Counter(columns).items() if n > 1), None)
    if twice is not None:
        raise UserError(f"{name}: two columns are called {quote(twice)}; rename one of them.")


def _check_unpacked(n_bytes: int, name: str) -> None:
    if n_bytes > MOST_UNPACKED:
        raise UserError(
            f"{name} unpacks to {n_bytes / 1e6:,.0f} MB; at most {MOST_UNPACKED / 1e6:.0f} MB can be read. "
            "Shorten it."
        )
