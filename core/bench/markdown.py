"""A report as Markdown: for a terminal, a pull request, a course handout."""

from collections.abc import Sequence
from statistics import median

from core.bench.growth import growth_finding
from core.bench.negative_results import NEGATIVE_RESULTS, WHERE
from core.bench.report import Growth, Report
from core.bench.speedups import (
    Comparison,
    comparisons,
    disturbances,
    equal_words,
    finding,
    left_out,
)
from core.bench.summaries import Summary, failures, summaries
from core.bench.workloads import SIDES, WARM_UP, WORKLOADS

NONE = "–"


def markdown(report: Report) -> str:
    """Everything, in tables."""
    parts = [f"# How fast is it?\n\n{finding(report)}.", " ".join(left_out(report))]
    parts += [_disturbed(report), _head(report), _sides(report)]
    if found := comparisons(report):
        parts.append(_compared(found, equal_words(report)))
    parts += [_starts(report), _trials(report), _growth(report), _tried()]
    return "\n\n".join(part for part in parts if part) + "\n"


def _disturbed(report: Report) -> str:
    found = disturbances(report)
    return f"**Disturbed.** {' '.join(found)}" if found else ""


def _tried() -> str:
    rows = "\n".join(f"- **{idea}**: {found}" for idea, found in NEGATIVE_RESULTS.items())
    return f"Tried and not used:\n\n{rows}\n\n{WHERE}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _head(report: Report) -> str:
    versions = ", ".join(f"{name} {found}" for name, found in report.stamp.versions.items())
    peak = ", ".join(f"{name} {value:.0f} GFLOP/s" for name, value in report.gflops.items())
    return (
        f"{report.where} Made with `{report.command}`. {versions}. Peak of the fastest product: {peak}. "
        f"Sides take turns, each in a fresh process; a step is the median without the first {WARM_UP}; "
        "several processes: the median of theirs, lowest and highest in brackets (of a single one, the "
        "95 % interval of its median)."
    )


def _sides(report: Report) -> str:
    rows: list[list[str]] = []
    for name, workload in WORKLOADS.items():
        for side, found in summaries(report, name).items():
            rows.append([workload.title, SIDES[side], *_cells(found)])
        for side, reason in failures(report, name).items():
            rows.append([workload.title, SIDES[side], f"failed: {reason}", *[NONE] * 6])
    head = ("workload", "side", "setting", "examples/s", "s/step", "final loss", "score")
    return table((*head, "peak MB", "s to first"), rows) if rows else ""


def _cells(found: Summary) -> list[str]:
    loss = median(found.final_loss.values()) if found.final_loss else None
    score = found.mean_score
    return [
        found.setting,
        f"{found.examples_per_s:.2f} ({found.low:.2f} to {found.high:.2f})",
        f"{found.step_s:.3f}",
        NONE if loss is None else f"{loss:.4f}",
        NONE if score is None else f"{score:.3f} (n={found.n_scored}, {found.n} seeds)",
        f"{found.peak_memory_mb:.0f}",
        f"{found.first_loss_s:.1f}",
    ]


def _compared(found: Sequence[Comparison], equal: str) -> str:
    rows = [
        [
            c.workload.title,
            SIDES[c.other.side],
            f"**{c.speed_up:.1f} ×** (aim {c.workload.least:g})",
            f"{100 * c.memory_share:.0f} %",
            percent(c.loss_gap, 2),
            NONE if c.score_gap is None else f"{c.score_gap:+.3f}",
            percent(c.same_answers),
            percent(c.utilisation),
            "; ".join(c.marks) or NONE,
        ]
        for c in found
    ]
    head = ("workload", "fastest other", "examples/s", "memory", "largest loss gap")
    note = (
        f"{equal} A marked row is left out of the headline. "
        "Utilisation: operations the mathematics needs (core/bench/flops.py) per second, as a share of "
        "the measured peak."
    )
    more = ("score gap", "same answers", "utilisation", "marked")
    return table((*head, *more), rows) + f"\n\n{note.lstrip()}"


def percent(share: float | None, digits: int = 0) -> str:
    return NONE if share is None else f"{100 * share:.{digits}f} %"


def _starts(report: Report) -> str:
    if not report.ready_s:
        return ""
    ready = f"Cold start of a worker to ready: {median(report.ready_s):.1f} s."
    if not report.warm_first_loss_s:
        return ready
    return f"{ready} In a warm process, a run's first loss after {median(report.warm_first_loss_s):.2f} s."


def _trials(report: Report) -> str:
    rows = [
        [name, setting, f"{s:.2f}"]
        for name, tried in report.trials.items()
        for setting, s in tried.items()
    ]
    return f"Settings tried:\n\n{table(('side', 'setting', 's/step'), rows)}" if rows else ""


def _growth(report: Report) -> str:
    if not report.growth:
        return ""
    rows = [[p.axis, f"{p.value:g}", _with_interval(p)] for p in report.growth]
    axes = dict.fromkeys(point.axis for point in report.growth)
    found = [
        f"- {axis}: {growth_finding(axis, [p for p in report.growth if p.axis == axis])}"
        for axis in axes
    ]
    head = ("what", "value", "s/step (95 % interval)")
    return "How cost grows:\n\n" + "\n".join(found) + f"\n\n{table(head, rows)}"


def _with_interval(point: Growth) -> str:
    known = "({:.3f} to {:.3f})".format(*point.interval) if point.interval else ""
    return f"{point.step_s:.3f} {known}".rstrip()
