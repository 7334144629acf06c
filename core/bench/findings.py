"""What the measurements say: medians, ratios, equality of learning, utilisation. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median

from core.bench.report import Measured, Report
from core.bench.workloads import BASELINES, SIDES, WARM_UP, WORKLOADS, Workload

LAST = 3
"""The final loss is the mean over so many last steps: a batch of eight is noisy."""
CLOSE = 0.02
"""Final losses this near (as a share) count as equal."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A side on a workload, over its seeds."""

    side: str
    setting: str
    n: int
    """Processes."""
    examples_per_s: float
    """Median over processes of the examples by the median step after warm-up; low and high of them."""
    low: float
    high: float
    step_s: float
    peak_memory_mb: float
    first_loss_s: float
    final_loss: dict[int, float]
    """By seed."""
    score: dict[int, float]
    n_scored: int

    @property
    def mean_score(self) -> float | None:
        return mean(self.score.values()) if self.score else None


def step_s(one: Measured) -> float:
    """The median step after warm-up; with too few steps, of those there are."""
    return median(one.step_s[WARM_UP:] or one.step_s[-1:])


def final_loss(one: Measured) -> float:
    return mean(one.losses[-LAST:])


def summaries(report: Report, workload: str) -> dict[str, Summary]:
    """By side; a side that failed every time is left out (see `failures`)."""
    found: dict[str, Summary] = {}
    for side in SIDES:
        done = [m for m in of(report, workload, side) if m.step_s]
        if not done:
            continue
        speeds = [m.batch_size / step_s(m) for m in done]
        scored = {m.seed: m.score for m in done if m.score is not None}
        found[side] = Summary(
            side=side,
            setting=done[0].setting,
            n=len(done),
            examples_per_s=median(speeds),
            low=min(speeds),
            high=max(speeds),
            step_s=median(map(step_s, done)),
            peak_memory_mb=median(m.peak_memory_mb for m in done),
            first_loss_s=median(m.first_loss_s for m in done),
            final_loss={m.seed: final_loss(m) for m in done if m.losses},
            score=scored,
            n_scored=done[0].n_scored,
        )
    return found


def of(report: Report, workload: str, side: str) -> list[Measured]:
    return [m for m in report.measured if (m.workload, m.side) == (workload, side)]


def failures(report: Report, workload: str) -> dict[str, str]:
    """Why a side has no figures, by side."""
    return {m.side: m.reason for m in report.measured if m.workload == workload and not m.step_s}


def best_other(found: dict[str, Summary]) -> Summary | None:
    """The fastest of the other sides."""
    others = [s for s in found.values() if s.side != "ours"]
    return max(others, key=lambda s: s.examples_per_s, default=None)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Ours against the fastest other side."""

    workload: Workload
    ours: Summary
    other: Summary
    loss_gap: float | None
    """The largest distance of final losses as a share, over seeds; None where there is no loss."""
    same_answers: float | None
    """Share of equal answers, of the workload `answer`."""
    utilisation: float | None
    """Needed operations per second, as a share of the peak of the fastest product."""

    @property
    def speed_up(self) -> float:
        return self.ours.examples_per_s / self.other.examples_per_s

    @property
    def memory_share(self) -> float:
        return self.ours.peak_memory_mb / self.other.peak_memory_mb

    @property
    def score_gap(self) -> float | None:
        a, b = self.ours.mean_score, self.other.mean_score
        return None if a is None or b is None else a - b


def compare(report: Report, workload: str) -> Comparison | None:
    """None unless ours and another side have figures."""
    found = summaries(report, workload)
    other = best_other(found)
    if "ours" not in found or other is None:
        return None
    return Comparison(
        workload=WORKLOADS[workload],
        ours=found["ours"],
        other=other,
        loss_gap=loss_gap(found["ours"], other),
        same_answers=_same_answers(report, workload, other.side),
        utilisation=utilisation(report, workload),
    )


def loss_gap(one: Summary, other: Summary) -> float | None:
    gaps = [
        abs(loss - other.final_loss[seed]) / other.final_loss[seed]
        for seed, loss in one.final_loss.items()
        if other.final_loss.get(seed)
    ]
    return max(gaps, default=None)


def _same_answers(report: Report, workload: str, side: str) -> float | None:
    ours, other = (
        next((m.answers for m in of(report, workload, name) if m.answers), ())
        for name in ("ours", side)
    )
    if not ours or len(ours) != len(other):
        return None
    return mean(a == b for a, b in zip(ours, other, strict=True))


def utilisation(report: Report, workload: str) -> float | None:
    """Of the machine's best peak, whichever precision has it; None where operations are not counted."""
    done = [m for m in of(report, workload, "ours") if m.step_s and m.needed_flops]
    if not done or not report.gflops:
        return None
    peak = max(report.gflops.values()) * 1e9
    return median(m.needed_flops / step_s(m) / peak for m in done)


def comparisons(report: Report, workloads: Sequence[str] = ()) -> list[Comparison]:
    """In the order of the workloads."""
    found = (compare(report, name) for name in workloads or WORKLOADS)
    return [c for c in found if c]


def finding(report: Report) -> str:
    """One sentence: the range of the speed-ups, over those sides alone that were measured."""
    trained = [c for c in comparisons(report) if c.workload.trains]
    if not trained:
        return "Nothing was compared yet"
    low, high = min(trained, key=speed_up), max(trained, key=speed_up)
    others = _measured_others(report, [c.workload.id for c in trained])
    if low is high:
        return f"{low.workload.title}: {low.speed_up:.1f} times as fast as {others}"
    ends = dict.fromkeys(f"{c.speed_up:.1f}" for c in (low, high))  # one, if they round alike
    return f"{' to '.join(ends)} times as many examples per second as {others}"


def _measured_others(report: Report, workloads: Sequence[str]) -> str:
    """The other sides in words: those with figures everywhere, or that it differs."""
    measured = [frozenset(summaries(report, name)) for name in workloads]
    everywhere = [SIDES[side] for side in BASELINES if all(side in found for found in measured)]
    if len(set(measured)) > 1:
        return "the fastest other side of each row that could be measured"
    if len(everywhere) == 1:
        return everywhere[0]
    return f"the better of {' and '.join(everywhere)}"


def speed_up(found: Comparison) -> float:
    return found.speed_up
