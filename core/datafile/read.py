"""Bytes and a name to a `Dataset`, whatever the file's kind, encoding and layout."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from core.data import intake
from core.data.intake import MAX_UPLOAD_BYTES, MAX_UPLOAD_PAIRS, Dataset, Mapping
from core.data.listing import count, name_lines
from core.datafile import tables
from core.datafile.chats import MESSAGES, SHAREGPT, Rewritten, rewritten
from core.datafile.encoding import decoded
from core.errors import UserError, shortened

FILE_TYPES = ["jsonl", "json", "csv", "tsv", "txt", "xlsx", "parquet"]
"""Endings that a page offers to upload."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A file as the text that intake reads."""

    text: str
    file_type: str = ""
    """Of a table; empty where intake names it."""
    encoding: str = ""
    empty: list[int] = field(default_factory=list[int])
    warnings: list[str] = field(default_factory=list[str])


def read_file(
    path: Path, *, mapping: Mapping | None = None, skip_bad_lines: bool = False
) -> Dataset:
    """`read` of a file on this machine."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"The data file {shortened(path)} cannot be read: {error.strerror}."
        ) from error
    except ValueError as error:  # a zero byte, or half of a character
        raise UserError(f"{shortened(path)} cannot be the name of a file.") from error
    return read(content, name=path.name, mapping=mapping, skip_bad_lines=skip_bad_lines)


def read(
    content: bytes, *, name: str, mapping: Mapping | None = None, skip_bad_lines: bool = False
) -> Dataset:
    """The pairs of a file: JSONL, JSON, CSV in any usual encoding, XLSX or Parquet.

    Raises what `core.data.intake.read` raises, and `UserError` for a table that cannot be read.
    """
    name = shortened(name)
    opened = _opened(content, name)
    if opened is None:  # no text in any encoding known here: intake names the line
        return intake.read(content, name=name, mapping=mapping, skip_bad_lines=skip_bad_lines)
    chats = rewritten(opened.text, name, most=MAX_UPLOAD_PAIRS)
    if chats and mapping:
        mapping = _renamed(mapping, chats)
    if opened.file_type and name.lower().endswith((".csv", ".tsv")):
        name = f"{name} ({opened.file_type})"  # it is not the text that its name says
    text = chats.text if chats else opened.text
    data = intake.read(
        text.encode(),
        name=name,
        mapping=mapping,
        skip_bad_lines=skip_bad_lines,
    )
    return _named(data, opened, chats)


def _opened(content: bytes, name: str) -> Opened | None:
    if len(content) > MAX_UPLOAD_BYTES:
        raise UserError(
            f"{name} is {len(content) / 1e6:.0f} MB; the limit is {MAX_UPLOAD_BYTES / 1e6:.0f} MB."
        )
    table = tables.read_table(content, name)
    if table:
        return Opened(
            text=tables.as_jsonl(table.rows),
            file_type=table.file_type,
            empty=table.empty,
            warnings=table.warnings,
        )
    found = decoded(content, name)
    if found is None:
        return None
    text = found.content
    if "\r" in text and "\n" not in text:  # as Macs once ended lines
        text = text.replace("\r", "\n")
    return Opened(
        text=text, encoding=found.encoding, warnings=[found.warning] if found.warning else []
    )


def _renamed(mapping: Mapping, chats: Rewritten) -> Mapping:
    """A mapping that names the chat by its column in the file."""
    prompt = tuple(dict.fromkeys(chats.renamed.get(column, column) for column in mapping.prompt))
    completion = chats.renamed.get(mapping.completion, mapping.completion)
    return Mapping(prompt=prompt, completion=completion)


def _named(data: Dataset, opened: Opened, chats: Rewritten | None) -> Dataset:
    """What was recognised on the way, in the words of the dataset."""
    kind = ", ".join(filter(None, (opened.file_type or data.file_type, opened.encoding)))
    warnings = [*opened.warnings]
    if opened.empty:
        n = count(len(opened.empty), "empty row")
        warnings.append(f"{n} left out: {name_lines(opened.empty)}.")
    is_chat = chats is not None and data.mapping.completion == MESSAGES
    if chats and chats.format == SHAREGPT and is_chat:
        column = next(iter(chats.renamed))
        warnings.append(
            f"The chats in “{column}” (ShareGPT) are read as “messages”: human is the user, gpt the assistant."
        )
    empty = [(line, "empty") for line in opened.empty]
    return replace(
        data,
        format=chats.format if chats and is_chat else data.format,
        file_type=kind,
        skipped=sorted([*data.skipped, *empty]),
        warnings=[*warnings, *data.warnings],
    )
