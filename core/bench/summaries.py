"""A side on a workload, over its processes: medians with their ranges. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median

from core.bench.report import Measured, Report
from core.bench.workloads import SIDES, WARM_UP
from core.evaluate.uncertainty import median_interval

LAST = 3
"""The final loss is the mean over so many last steps: a batch of eight is noisy."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A side on a workload, over its seeds."""

    side: str
    setting: str
    n: int
    """Processes."""
    examples_per_s: float
    """Median over processes of the examples by the median step after warm-up."""
    low: float
    """The lowest and highest process; of a single one, its interval."""
    high: float
    interval: tuple[float, float]
    """From the lowest to the highest end of its processes' 95 % intervals of the median step: the range
    of two or three medians alone parts too easily by chance."""
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

    @property
    def spread(self) -> float | None:
        """How far its processes lie apart, as a share of the median; None with one only."""
        return (self.high - self.low) / self.examples_per_s if self.n > 1 else None


def step_s(one: Measured) -> float:
    """The median step after warm-up; with too few steps, of those there are."""
    return median(_counted(one))


def _counted(one: Measured) -> Sequence[float]:
    return one.step_s[WARM_UP:] or one.step_s[-1:]


def final_loss(one: Measured) -> float:
    return mean(one.losses[-LAST:])


def summaries(report: Report, workload: str) -> dict[str, Summary]:
    """By side; a side that failed every time is left out (see `failures`)."""
    found: dict[str, Summary] = {}
    for side in SIDES:
        done = [m for m in measurements_of(report, workload, side) if m.step_s]
        if not done:
            continue
        speeds = [m.batch_size / step_s(m) for m in done]
        ends = [m.batch_size / s for m in done for s in median_interval(_counted(m))]
        shown = speeds if len(done) > 1 else ends
        scored = {m.seed: m.score for m in done if m.score is not None}
        found[side] = Summary(
            side=side,
            setting=done[0].setting,
            n=len(done),
            examples_per_s=median(speeds),
            low=min(shown),
            high=max(shown),
            interval=(min(ends), max(ends)),
            step_s=median(map(step_s, done)),
            peak_memory_mb=median(m.peak_memory_mb for m in done),
            first_loss_s=median(m.first_loss_s for m in done),
            final_loss={m.seed: final_loss(m) for m in done if m.losses},
            score=scored,
            n_scored=done[0].n_scored,
        )
    return found


def measurements_of(report: Report, workload: str, side: str) -> list[Measured]:
    return [m for m in report.measured if (m.workload, m.side) == (workload, side)]


def failures(report: Report, workload: str) -> dict[str, str]:
    """Why a side has no figures, by side."""
    return {m.side: m.reason for m in report.measured if m.workload == workload and not m.step_s}
