"""The lines of JSON between the server and its workers. What those to and from the answering one carry:
core/runs/messages.py."""

from dataclasses import asdict, dataclass, field
from typing import Any

from core.runs.messages import Request
from core.typed_json import Json


@dataclass(frozen=True, kw_only=True)
class QueuedLine:
    """A line to the training worker: so that it need not look."""

    queued: str
    """The run's id."""


@dataclass(frozen=True, kw_only=True)
class RequestLine:
    """A line to the answering worker: a request, or the number of one to `cancel`."""

    request: int = 0
    op: str = ""
    args: dict[str, Json] = field(default_factory=dict[str, Json])
    cancel: int = 0


@dataclass(frozen=True, kw_only=True)
class AnswerLine:
    """A line from it: an answer's `kind` and `message`, or an `error`, or that the request is `done`."""

    request: int
    kind: str = ""
    message: dict[str, Json] = field(default_factory=dict[str, Json])
    error: str = ""
    done: bool = False


def request_line(number: int, request: Request[Any]) -> RequestLine:
    args = asdict(request)  # pyright: ignore[reportArgumentType]
    return RequestLine(request=number, op=request.operation, args=args)


def answer_line(number: int, message: Any) -> AnswerLine:
    return AnswerLine(request=number, kind=type(message).__name__, message=asdict(message))


def line_of(said: QueuedLine | RequestLine | AnswerLine) -> dict[str, Json]:
    """What goes through the pipe: nothing that is empty."""
    return {name: value for name, value in vars(said).items() if value}
