"""Other layouts of chats, as the `messages` that intake reads.

ShareGPT's `conversations` name the sides human and gpt and what they say value; TRL's conversational pairs have a
list of turns as prompt and one as completion (huggingface.co/docs/trl, "Dataset formats and types").
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from core.data.intake.rows import Row, read_table
from core.typed_json import Json, JsonObject

MESSAGES = "messages"
SHAREGPT = "sharegpt"
CONVERSATIONAL = "conversational prompt/completion"
CONVERSATIONS = ("conversations", "conversation")
ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "system": "system",
}
"""What ShareGPT files call the sides; another name stays as it is, and intake says that it is not known."""


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    text: str
    format: str
    renamed: dict[str, str]
    """Columns that stand as another one in `text`."""


def rewritten(text: str, name: str, *, most: int) -> Rewritten | None:
    """The file with such chats as `messages`, each row on its line; None where it holds none."""
    if name.lower().endswith((".csv", ".tsv")) or text.lstrip()[:1] not in ("{", "["):
        return None
    table = read_table(text, name, most=most)
    shape = _shape_of(table.rows)
    if not shape:
        return None
    is_array = table.file_type == "JSON array"
    rows = [(row.line, _value(row, shape, text, is_array=is_array)) for row in table.rows]
    written = _array(rows) if is_array else _lines(rows)
    names = CONVERSATIONS if shape == SHAREGPT else ("prompt", "completion")
    here = [name for name in names if name in table.columns]
    return Rewritten(text=written, format=shape, renamed=dict.fromkeys(here, MESSAGES))


def _shape_of(rows: list[Row]) -> str:
    """By the first row that can be read: all rows of a file have one shape."""
    cells = next((row.cells for row in rows if not row.problem), {})
    if MESSAGES in cells:
        return ""
    if any(_is_chat(cells.get(name)) for name in CONVERSATIONS):
        return SHAREGPT
    both = (cells.get("prompt"), cells.get("completion"))
    return CONVERSATIONAL if all(map(_is_chat, both)) else ""


def _is_chat(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _value(row: Row, shape: str, text: str, *, is_array: bool) -> str:
    """A row as JSON; one that cannot be read stays what it is, so that intake says what is wrong with it."""
    if row.problem:
        return "null" if is_array else text.split("\n")[row.line - 1]
    if shape == SHAREGPT:
        return json.dumps(_from_sharegpt(row.cells))
    return json.dumps(_from_conversational(row.cells))


def _from_sharegpt(cells: JsonObject) -> JsonObject:
    name = next((n for n in CONVERSATIONS if n in cells), "")
    turns = cells.get(name)
    if not isinstance(turns, list):
        return cells
    written = [_turn(turn) for turn in turns]
    system = cells.get("system")
    if isinstance(system, str) and system.strip():
        written.insert(0, {"role": "system", "content": system})
    left_out = {name, "system"}
    return {MESSAGES: written, **{k: v for k, v in cells.items() if k not in left_out}}


def _turn(turn: Json) -> Json:
    if not isinstance(turn, dict):
        return turn
    side = turn.get("from", turn.get("role"))
    role = ROLES.get(side.lower(), side) if isinstance(side, str) else side
    return {"role": role, "content": turn.get("value", turn.get("content"))}


def _from_conversational(cells: JsonObject) -> JsonObject:
    prompt, completion = cells.get("prompt"), cells.get("completion")
    if not isinstance(prompt, list) or not isinstance(completion, list):
        return cells
    rest = {k: v for k, v in cells.items() if k not in ("prompt", "completion")}
    return {MESSAGES: [*prompt, *completion], **rest}


def _lines(rows: list[tuple[int, str]]) -> str:
    lines = [""] * max(line for line, _ in rows)
    for line, value in rows:
        lines[line - 1] = value
    return "\n".join(lines)


def _array(rows: list[tuple[int, str]]) -> str:
    return f"[{','.join(_padded(rows))}\n]"


def _padded(rows: list[tuple[int, str]]) -> Iterator[str]:
    """Each value after as many line breaks as put it on its line."""
    at = 1
    for line, value in rows:
        yield "\n" * (line - at) + value
        at = line
