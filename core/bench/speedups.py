"""What the measurements say: ratios, equality of learning, utilisation. Imports no torch.

A finding is stated only where intervals part. A row that learned otherwise than the other sides, or
whose speeds overlap, is marked with the reason and left out of the headline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median

from core.bench.report import Report
from core.bench.summaries import Summary, measurements_of, step_s, summaries
from core.bench.workloads import BASELINES, SIDES, WORKLOADS, Workload, product_dtype

CLOSE = 0.02
"""Final losses this near (as a share) count as equal."""
MOST_SPREAD = 0.10
"""Of a baseline's speed over its processes: the same program on a quiet machine varies by 2 to 5 %, of
which batches of other seeds are 3 %. A headline cannot be better than its denominator."""


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
    """The largest distance of final losses from a baseline's of the same seed, as a share; None where
    there is no loss."""
    gap_to: str
    """The baseline with that distance."""
    same_answers: float | None
    """Share of equal answers, of the workload `answer`."""
    utilisation: float | None
    """Needed operations per second, as a share of the peak of the fastest product."""
    faster_in: str
    """The other precision, where a trial of the fastest side was faster in it."""

    @property
    def marks(self) -> tuple[str, ...]:
        """Why this row stands in no headline; none where it may."""
        found: list[str] = []
        if self.workload.trains and self.loss_gap is None:
            found.append("final losses could not be compared")
        elif self.loss_gap is not None and self.loss_gap > CLOSE:
            found.append(
                f"its final losses differ by up to {100 * self.loss_gap:.1f} % from those of "
                f"{SIDES[self.gap_to]}, more than {100 * CLOSE:.0f} %"
            )
        (low, high), (other_low, other_high) = self.ours.interval, self.other.interval
        if low <= other_high and other_low <= high:
            found.append("the speeds of both sides overlap")
        if self.faster_in:
            found.append(f"{SIDES[self.other.side]} was faster with {self.faster_in}")
        return tuple(found)

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
    gaps = {side: loss_gap(found["ours"], s) for side, s in found.items() if side != "ours"}
    known = {side: gap for side, gap in gaps.items() if gap is not None}
    farthest = max(known, key=known.__getitem__, default="")
    return Comparison(
        workload=WORKLOADS[workload],
        ours=found["ours"],
        other=other,
        loss_gap=known.get(farthest),
        gap_to=farthest,
        same_answers=_same_answers(report, workload, other.side),
        utilisation=utilisation(report, workload),
        faster_in=_faster_in(report, WORKLOADS[workload], other),
    )


def _faster_in(report: Report, workload: Workload, other: Summary) -> str:
    """The precision in which a trial of the other side was faster by more than trials vary."""
    tried = report.trials.get(f"{other.side} {workload.tried_with or workload.id}", {})
    used = product_dtype(other.setting) if other.setting else ""
    same = [s for setting, s in tried.items() if product_dtype(setting) == used]
    faster = {
        product_dtype(setting)
        for setting, s in tried.items()
        if same and product_dtype(setting) != used and s < (1 - MOST_SPREAD) * min(same)
    }
    return next(iter(faster), "")


def loss_gap(one: Summary, other: Summary) -> float | None:
    gaps = [
        abs(loss - other.final_loss[seed]) / other.final_loss[seed]
        for seed, loss in one.final_loss.items()
        if other.final_loss.get(seed)
    ]
    return max(gaps, default=None)


def _same_answers(report: Report, workload: str, side: str) -> float | None:
    ours, other = (
        next((m.answers for m in measurements_of(report, workload, name) if m.answers), ())
        for name in ("ours", side)
    )
    if not ours or len(ours) != len(other):
        return None
    return mean(a == b for a, b in zip(ours, other, strict=True))


def utilisation(report: Report, workload: str) -> float | None:
    """Of the machine's best peak, whichever precision has it; None where operations are not counted."""
    done = [m for m in measurements_of(report, workload, "ours") if m.step_s and m.needed_flops]
    if not done or not report.gflops:
        return None
    peak = max(report.gflops.values()) * 1e9
    return median(m.needed_flops / step_s(m) / peak for m in done)


def comparisons(report: Report, workloads: Sequence[str] = ()) -> list[Comparison]:
    """In the order of the workloads."""
    found = (compare(report, name) for name in workloads or WORKLOADS)
    return [c for c in found if c]


def disturbances(report: Report) -> list[str]:
    """Why the figures are not those of a quiet machine, in sentences; none where nothing speaks against."""
    found = list(report.stamp.disturbed)
    spreads = {
        (side, workload.title): one.spread
        for name, workload in WORKLOADS.items()
        for side, one in summaries(report, name).items()
        if side != "ours" and one.spread is not None
    }
    if spreads:
        (side, title), widest = max(spreads.items(), key=lambda item: item[1] or 0.0)
        if widest and widest > MOST_SPREAD:
            found.append(
                f"Processes of the same baseline differed by up to {100 * widest:.0f} % in speed "
                f"({SIDES[side]} on “{title}”; at most {100 * MOST_SPREAD:.0f} %)."
            )
    return found


def measured_once(report: Report) -> str:
    """Baselines with one process only, in a sentence: no spread can be told of these. Empty without."""
    titles = [
        f"{SIDES[side]} on “{workload.title}”"
        for name, workload in WORKLOADS.items()
        for side, one in summaries(report, name).items()
        if side != "ours" and one.n == 1
    ]
    if not titles:
        return ""
    more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
    return f"Measured in one process only: {titles[0]}{more}; take two or more with --repeats 2."


def finding(report: Report) -> str:
    """One sentence: the range of the speed-ups, over unmarked rows and sides that were measured."""
    trained = [c for c in comparisons(report) if c.workload.trains]
    counted = [c for c in trained if not c.marks]
    if not trained:
        return "Nothing was compared yet"
    if not counted:
        return "No row allows a comparison: each is marked with the reason"
    low, high = min(counted, key=speed_up), max(counted, key=speed_up)
    others = _measured_others(report, [c.workload.id for c in counted])
    if low is high:
        found = f"{low.workload.title}: {low.speed_up:.1f} times as fast as {others}"
    else:
        ends = dict.fromkeys(f"{c.speed_up:.1f}" for c in (low, high))  # one, if they round alike
        found = f"{' to '.join(ends)} times as many examples per second as {others}"
    return f"On a disturbed machine: {found}" if disturbances(report) else found


def left_out(report: Report) -> list[str]:
    """The rows that the headline leaves out, each with its figure and the reason, as sentences."""
    return [
        f"“{c.workload.title}” ({c.speed_up:.1f} times) is left out of the headline: "
        f"{' and '.join(c.marks)}."
        for c in comparisons(report)
        if c.marks and c.workload.trains
    ]


def equal_words(report: Report) -> str:
    """Whether all sides learned alike, as the losses say it; empty where none can be compared."""
    gaps = [c.loss_gap for c in comparisons(report) if c.loss_gap is not None]
    if not gaps:
        return ""
    n_close = sum(gap <= CLOSE for gap in gaps)
    which = f"all {len(gaps)}" if n_close == len(gaps) else f"{n_close} of {len(gaps)}"
    return (
        f"Final losses of the same seed lie within {100 * CLOSE:.0f} % of every baseline’s on {which} "
        f"trained rows; the largest gap is {100 * max(gaps):.1f} %."
    )


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
