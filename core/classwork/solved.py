"""Which challenges a class solved, and who did."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.course.challenges import challenges
from core.course.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Solved:
    """A challenge that somebody tried or solved."""

    id: str
    title: str
    lesson: str
    names: tuple[str, ...]
    """Who solved it, the first one first."""
    n_tried: int
    """Who tried it and has not solved it."""


def solved(found: Mapping[str, Progress], *, lesson: str = "") -> list[Solved]:
    """Of a class's learners by name; of one lesson where one is named. What most solved stands first."""
    rows: list[Solved] = []
    for one in challenges(lesson):
        first = {name: p.solved[one.id].at for name, p in found.items() if one.id in p.solved}
        tried = sum(one.id in p.tries and one.id not in p.solved for p in found.values())
        if first or tried:
            names = tuple(sorted(first, key=lambda name: (first[name], name)))
            rows.append(
                Solved(id=one.id, title=one.title, lesson=one.lesson, names=names, n_tried=tried)
            )
    return sorted(rows, key=lambda row: (-len(row.names), -row.n_tried))
