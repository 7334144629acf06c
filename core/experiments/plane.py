"""The learning-forgetting plane: how well the new task was learned against what of the old was kept.

Kept is what a run never saw and can still do: general questions, which no cure is told of, come first. Names
are the second measure, but some cures look at training pairs of names (rehearsal at pairs, EWC and KL at
prompts): what such a run answers about names it was trained for, so `saw_names` marks it, and it is not
counted as kept.

After Biderman et al. 2024, "LoRA Learns Less and Forgets Less", section 4, where each run is a point
and each method a curve.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from core.config import EARLIER, RunConfig
from core.evaluate.form_and_label import Line, lines, mean_lines
from core.events import Evaluation, Event
from core.experiments.mitigations import GENERAL, KEPT, LEARNED, mitigation_of


@dataclass(frozen=True, kw_only=True)
class Check:
    """Scores at one step, 0 to 1, each on `n` test examples."""

    step: int
    learned: float
    general: float | None
    """General questions: no run sees them while it trains."""
    names: float
    n: int
    lines: tuple[Line, ...] = ()
    """Right form and likeliest label on sentiment; () in records from before they were measured."""


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
    saw_names: bool = False
    """Its training looked at training pairs or prompts of names."""
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
    def general(self) -> float | None:
        return self.kept("general")

    @property
    def names(self) -> float:
        return fmean(p.end.names for p in self.points)

    @property
    def lines(self) -> list[Line]:
        """Right form and likeliest label on sentiment at the end, seeds taken together."""
        return mean_lines([p.end.lines for p in self.points])

    @property
    def saw_names(self) -> bool:
        return any(p.saw_names for p in self.points)

    def kept(self, score: str) -> float | None:
        """The mean over seeds of `general` or `names` at the end, where it says what was kept: None where it was
        trained or not measured."""
        if score == "names" and self.saw_names:
            return None
        ends = [p.end.general if score == "general" else p.end.names for p in self.points]
        found = [value for value in ends if value is not None]
        return fmean(found) if found else None

    def spread(self, name: str) -> tuple[float, float]:
        """Lowest and highest `learned`, `general` or `names` over the seeds that measured it."""
        values = [v for p in self.points if (v := getattr(p.end, name)) is not None]
        return min(values), max(values)


def point(
    config: RunConfig | None,
    events: Iterable[Event],
    *,
    run_id: str = "",
    is_recorded: bool = False,
) -> Point | None:
    """A run's point, or None when it does not belong on the plane or measured nothing yet."""
    if config is None or (found := mitigation_of(config)) is None:
        return None
    scores: dict[int, dict[str, Evaluation]] = {}
    for event in events:
        if isinstance(event, Evaluation):
            scores.setdefault(event.step, {})[event.task] = event
    path = tuple(
        Check(
            step=step,
            learned=by_task[LEARNED].score,
            general=by_task[GENERAL].score if GENERAL in by_task else None,
            names=by_task[KEPT].score,
            n=by_task[KEPT].n,
            lines=tuple(lines(by_task[LEARNED])),
        )
        for step, by_task in sorted(scores.items())
        if LEARNED in by_task and KEPT in by_task
    )
    if not path or path[-1].step == 0:
        return None
    mitigation, value = found
    return Point(
        mitigation=mitigation,
        value=value,
        seed=config.seed,
        path=path,
        run_id=run_id,
        is_recorded=is_recorded,
        saw_names=KEPT in tasks_seen(config),
    )


def tasks_seen(config: RunConfig) -> frozenset[str]:
    """Tasks whose training pairs or prompts a run of this config looks at."""
    cure = config.cure
    seen = {*config.data.tasks, cure.rehearse}
    if cure.regularizer in ("ewc", "kl"):
        seen |= set(cure.keep)
    return frozenset(seen - {"", EARLIER})


def settings(points: Iterable[Point]) -> list[Setting]:
    """Points of the same cure, value and number of steps together, in the order they came."""
    groups: dict[tuple[str, float, int], list[Point]] = {}
    for p in points:
        groups.setdefault((p.mitigation, p.value, p.end.step), []).append(p)
    return [
        Setting(mitigation=mitigation, value=value, points=tuple(group))
        for (mitigation, value, _), group in groups.items()
    ]


def pareto_front(found: Sequence[Setting], score: str) -> list[tuple[Setting, float]]:
    """Settings whose means no other beats in both scores (equal in one and better in the other also
    beats), from least to most learned, each with what it kept. Settings that trained on `score` are left
    out. Means of few seeds: who draws the front says so."""
    known = [(s, kept) for s in found if (kept := s.kept(score)) is not None]
    front = [one for one in known if not any(_beats(other, one) for other in known)]
    return sorted(front, key=lambda one: (one[0].learned, one[1]))


def _beats(a: tuple[Setting, float], b: tuple[Setting, float]) -> bool:
    (one, kept), (other, other_kept) = a, b
    no_worse = one.learned >= other.learned and kept >= other_kept
    return no_worse and (one.learned > other.learned or kept > other_kept)
