"""Which columns hold prompt and completion: recognised by their names, or as the user says.

A chat (`messages`) is a column like any other, from which prompt and completion are both taken: the last
turn of the assistant is the completion, what stands before it is the prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.data.example import Record
from core.data.intake.cells import NotTextError, text_of
from core.data.listing import join
from core.errors import UserError, quote, shortened

CHAT = "messages"
SHAPES: dict[str, tuple[tuple[str, ...], str]] = {
    "prompt/completion": (("prompt",), "completion"),
    "alpaca": (("instruction", "input"), "output"),
    CHAT: ((CHAT,), CHAT),
    "question/answer": (("question",), "answer"),
    "text/label": (("text",), "label"),
}
"""The columns of each known shape, prompt first. Alpaca's `input` may be missing, as a column or a cell."""
OPTIONAL = "input"
OWN = "own mapping"


@dataclass(frozen=True, kw_only=True)
class Mapping:
    prompt: tuple[str, ...]
    """Columns that make the prompt, a blank line between them."""
    completion: str

    def to_dict(self) -> dict[str, str]:
        return {"prompt": "+".join(self.prompt), "completion": self.completion}

    @property
    def in_words(self) -> str:
        if self.prompt == (CHAT,) and self.completion == CHAT:
            return "completion from the assistant’s last turn, prompt from what stands before it"
        return f"prompt from {' + '.join(self.prompt)}, completion from {self.completion}"


def recognise(columns: Sequence[str]) -> tuple[str, Mapping] | None:
    """The first known shape whose columns are all here, whatever their case."""
    here = {column.strip().lower(): column for column in reversed(columns)}
    for shape, (prompt, completion) in SHAPES.items():
        wanted = [column for column in prompt if column in here or column != OPTIONAL]
        if completion in here and all(column in here for column in wanted):
            found = Mapping(
                prompt=tuple(here[column] for column in wanted), completion=here[completion]
            )
            return shape, found
    return None


def shape_of(mapping: Mapping, columns: Sequence[str]) -> str:
    """The name of a mapping that the user chose: a known shape's, if it is just that."""
    found = recognise(columns)
    return found[0] if found and found[1] == mapping else OWN


def parse_mapping(text: str) -> Mapping:
    """The mapping of "prompt=instruction+input,completion=output"."""
    parts = [part.partition("=") for part in text.split(",")]
    found = {role.strip(): column.strip() for role, _, column in parts}
    if set(found) != {"prompt", "completion"} or len(parts) != 2 or not all(found.values()):
        raise UserError(
            "--map wants a column for each of the two: prompt=question,completion=answer "
            f"(several make one prompt: prompt=instruction+input,…); got {quote(text)}."
        )
    prompt = tuple(column.strip() for column in found["prompt"].split("+"))
    return Mapping(prompt=prompt, completion=found["completion"])


def chosen_mapping(wanted: Mapping, columns: Sequence[str], name: str) -> Mapping:
    """The user's mapping, once its columns are found to be there."""
    whole = "+".join(wanted.prompt)
    prompt = (whole,) if whole in columns else wanted.prompt
    for column in (*prompt, wanted.completion):
        if column not in columns:
            raise UserError(
                f"{name} has no column {quote(column)}; it has: {shortened(', '.join(columns))}."
            )
    return Mapping(prompt=prompt, completion=wanted.completion)


def pair_of(cells: Record, mapping: Mapping) -> tuple[str, str]:
    """Prompt and completion of one row. Raises `NotTextError` with the role: "the completion is empty"."""
    if mapping.prompt == (mapping.completion,):
        return _pair_of_chat(cells.get(mapping.completion))
    parts: list[str] = []
    for column in mapping.prompt:
        if column.lower() == OPTIONAL and not str(cells.get(column) or "").strip():
            continue
        parts.append(_named(text_of, cells.get(column), "prompt", column, mapping.prompt))
    completion = _named(
        text_of, cells.get(mapping.completion), "completion", mapping.completion, ("completion",)
    )
    return "\n\n".join(parts), completion


def _named(read: Any, value: Any, role: str, column: str, usual: tuple[str, ...]) -> str:
    try:
        return read(value)
    except NotTextError as error:
        where = f"the {role}" if usual == (role,) == (column,) else f"the {role} ({column})"
        raise NotTextError(f"{where} {error}") from error


def _pair_of_chat(turns: Any) -> tuple[str, str]:
    if not isinstance(turns, list):
        raise NotTextError("expected a chat: a list of turns, each with a role and a content")
    read = [_turn(turn) for turn in turns]
    last = max((n for n, (role, _) in enumerate(read) if role == "assistant"), default=-1)
    if last < 0:
        raise NotTextError("no turn of the assistant, so no completion")
    if last == 0:
        raise NotTextError("nothing stands before the assistant’s turn, so no prompt")
    if last < len(read) - 1:
        raise NotTextError("a turn stands after the assistant’s last one; it would go unheard")
    before = read[:last]
    roles = [role for role, _ in before]
    plain = roles in (["user"], ["system", "user"])
    written = [text if plain else f"{role.capitalize()}: {text}" for role, text in before]
    return "\n\n".join(written), read[last][1]


def _turn(turn: Any) -> tuple[str, str]:
    role = turn.get("role") if isinstance(turn, dict) else None
    if role not in ("system", "user", "assistant"):
        raise NotTextError(
            f"a turn has the role {quote(role)}; known are system, user and assistant"
        )
    try:
        return role, text_of(turn.get("content"))
    except NotTextError as error:
        raise NotTextError(f"what the {role} says {error}") from error


def unknown_columns(columns: Sequence[str], name: str) -> str:
    """The sentence for a file whose columns have none of the known names."""
    one = next(iter(columns), "question")
    other = next(iter(columns[1:]), "answer")
    known = join(["prompt/completion", "alpaca", "messages", "question/answer", "text/label"])
    return (
        f"{name}: which columns hold prompt and completion? It has: "
        f"{shortened(', '.join(columns)) or 'nothing'}. Name them, for example "
        f"--map prompt={shortened(one)},completion={shortened(other)}. (Known by themselves: {known}.)"
    )
