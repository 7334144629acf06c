"""What recorded runs and the base model were asked: requests of core/runs/messages and their answers.

A recorded run leaves no weights, so what a lesson asks of them (its matrices, its spectrum) is asked right
after it was made, and kept beside it. What is asked of the base model stands in a folder of its own.

    recorded_answer(LookAtSpectrum(run=found.run_id, layer=29, module="query"))    # [Spectrum(…)], or None
"""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.recorded import files
from core.recorded.collection import readable
from core.recorded.files import ANSWERS
from core.recorded.run import where_words
from core.runs.messages import (
    M,
    Request,
    message_from_json,
    message_to_json,
    request_from_json,
    request_to_json,
)
from core.stamp import Stamp
from core.typed_json import JsonObject, read, read_object, strict_json

BASE = "base_model"
"""The folder of what the base model was asked."""
Asked = tuple[Request[Any], list[Any]]


def recorded_answer(request: Request[M], *, folder: Path | None = None) -> list[M] | None:
    """The answers to exactly this request, floats with four digits; None where it is not recorded."""
    path = _path_of(run_of(request), folder)
    with files.reading(path):
        found = _kept(path).get(key_of(request))
        if found is None:
            return None
        return [message_from_json(request, one) for one in found.answers]


def all_recorded(run_id: str = "", *, folder: Path | None = None) -> list[Asked]:
    """Every request to a recorded run, or to the base model, with its answers."""
    found: list[Asked] = []
    path = _path_of(run_id, folder)
    with files.reading(path):
        for line in _kept(path).values():
            request = request_from_json(line.asked)
            found.append((request, [message_from_json(request, one) for one in line.answers]))
    return found


def run_of(request: Request[Any]) -> str:
    """Whom it asks: a run, or "" for the base model."""
    parts = (request, getattr(request, "wanted", None), getattr(request, "on", None))
    return next((part.run for part in parts if getattr(part, "run", "")), "")  # pyright: ignore


def save(path: Path, asked: list[Asked], *, identity: str, stamp: Stamp) -> None:
    """Write requests with their answers, and how these came about."""
    lines: list[JsonObject] = [
        {
            "asked": request_to_json(request),
            "answers": files.rounded([message_to_json(answer) for answer in answers]),
        }
        for request, answers in asked
    ]
    files.write_lines(path, [{"identity": identity, "stamp": asdict(stamp)}, *lines])


def how(path: Path) -> tuple[str, Stamp]:
    """The identity and the stamp of recorded answers; `UserError` where they cannot be read."""
    head, *_ = files.read_lines(path)
    with files.reading(path):
        return str(head.get("identity")), read(Stamp, head.get("stamp", {}))


def where_asked(*, folder: Path | None = None) -> str:
    """Sentences for a caption: when, where and how the base model was asked; "" where it was not."""
    path = base_path(folder or files.FOLDER)
    return where_words(how(path)[1]) if path.is_file() else ""


def key_of(request: Request[Any]) -> str:
    """Equal for equal requests, also after they went through JSON."""
    return files.line_of(_plain(strict_json(request_to_json(request))))


def _plain(value: Any) -> Any:
    """16 and 16.0 are one number in a config, and its hash says so."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def base_path(place: Path) -> Path:
    return path_of(place / BASE, BASE)


def path_of(folder: Path, run_id: str) -> Path:
    return folder / f"{run_id}{ANSWERS}"


def _path_of(run_id: str, folder: Path | None) -> Path | None:
    """Where the answers of a run lie, or those of the base model; None for a run that is not recorded."""
    place = folder or files.FOLDER
    if not run_id:
        return base_path(place)
    for one in readable(folder=place):
        if any(run.run_id == run_id for run in one.runs):
            return path_of(place / one.name, run_id)
    return None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A request with its answers, as they lie in the file."""

    asked: JsonObject
    answers: list[JsonObject]


def _kept(path: Path | None) -> dict[str, Line]:
    """Each request with its answers, by its key."""
    try:
        return _read(path, path.stat().st_mtime_ns) if path else {}
    except OSError:  # it was asked nothing
        return {}


@lru_cache(maxsize=32)
def _read(path: Path, changed_at: int) -> dict[str, Line]:
    del changed_at
    _, *lines = files.read_lines(path)
    found = [
        Line(
            asked=read_object(line["asked"]),
            answers=[read_object(one) for one in read(list[object], line["answers"])],
        )
        for line in lines
    ]
    return {files.line_of(_plain(line.asked)): line for line in found}
