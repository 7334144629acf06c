"""The learning-forgetting plane: how well the new task was learned against what of the old was kept.

After Biderman et al. 2024, "LoRA Learns Less and Forgets Less", section 4, where each run is a point
and each method a curve.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from core.events import Evaluation, Event
from core.experiments.mitigations import KEPT, LEARNED, mitigation_of


@dataclass(frozen=True, kw_only=True)
class Check:
    """Scores at one step, 0 to 1, each on `n` test examples."""

    step: int
    learned: float
    kept: float
    general: float | None
    n: int


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run on the plane."""

    mitigation: str
    value: float
    """Of the cure's knob."""
    seed: int
    path: tuple[Check, ...]
    """From the base model (step 0) to the end."""
    is_recorded: bool
    """Shipped with the app, not run on this machine."""
    run_id: str = ""

    @property
    def end(self) -> Check:
        return self.path[-1]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The runs of one cure at one value, seeds taken together."""

    mitigation: str
    value: float
    points: tuple[Point, ...]

    @property
    def learned(self) -> float:
        return fmean(p.end.learned for p in self.points)

    @property
    def kept(self) -> float:
        return fmean(p.end.kept for p in self.points)

    @property
    def general(self) -> float | None:
        found = [p.end.general for p in self.points if p.end.general is not None]
        return fmean(found) if found else None

    def spread(self, name: str) -> tuple[float, float]:
        """Lowest and highest `learned`, `kept` or `general` over the seeds that measured it."""
        values = [v for p in self.points if (v := getattr(p.end, name)) is not None]
        return min(values), max(values)


def point(
    config: dict[str, Any],
    events: Iterable[Event],
    *,
    run_id: str = "",
    is_recorded: bool = False,
) -> Point | None:
    """A run's point, or None when it does not belong on the plane or measured nothing yet."""
    found = mitigation_of(config)
    scores: dict[int, dict[str, Evaluation]] = {}
    for event in events:
        if isinstance(event, Evaluation):
            scores.setdefault(event.step, {})[event.task] = event
    path = tuple(
        Check(
            step=step,
            learned=by_task[LEARNED].score,
            kept=by_task[KEPT].score,
            general=by_task["general"].score if "general" in by_task else None,
            n=by_task[KEPT].n,
        )
        for step, by_task in sorted(scores.items())
        if LEARNED in by_task and KEPT in by_task
    )
    if found is None or not path or path[-1].step == 0:
        return None
    mitigation, value = found
    return Point(
        mitigation=mitigation,
        value=value,
        seed=config.get("seed", 0),
        path=path,
        run_id=run_id,
        is_recorded=is_recorded,
    )


def settings(points: Iterable[Point]) -> list[Setting]:
    """Points of the same cure, value and number of steps together, in the order they came."""
    groups: dict[tuple[str, float, int], list[Point]] = {}
    for p in points:
        groups.setdefault((p.mitigation, p.value, p.end.step), []).append(p)
    return [
        Setting(mitigation=mitigation, value=value, points=tuple(group))
        for (mitigation, value, _), group in groups.items()
    ]


def pareto_front(found: Sequence[Setting]) -> list[Setting]:
    """Settings that no other beats in both scores (equal in one and better in the other also beats),
    from least to most learned."""
    front = [s for s in found if not any(_beats(other, s) for other in found)]
    return sorted(front, key=lambda s: (s.learned, s.kept))


def _beats(a: Setting, b: Setting) -> bool:
    no_worse = a.learned >= b.learned and a.kept >= b.kept
    return no_worse and (a.learned > b.learned or a.kept > b.kept)
