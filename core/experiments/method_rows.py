"""What runs of the methods measured, side by side: which runs compare, and their figures over seeds.

The runs themselves are described in core/experiments/methods.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan, nan
from statistics import fmean, median

from core import catalog
from core.config import METHODS, MethodConfig, RunConfig, default_learning_rate
from core.evaluate.form_and_label import Line, lines, mean_lines
from core.events import Evaluation, Event, Memory, Step
from core.experiments.methods import method_config
from core.experiments.mitigations import KEPT, LEARNED
from core.runs.store import RunSummary

FIGURES = ("share", "training_bytes", "total_bytes", "step_s", "artifact_bytes")
"""What every row has, besides scores."""


@dataclass(frozen=True, kw_only=True)
class MethodRow:
    """What one finished run measured."""

    method: MethodConfig
    knob: str
    """In words, such as "rank 8"; with whatever else is not as usual."""
    seed: int
    n_trained: int
    n_total: int
    memory: Memory
    """What the first step kept, in bytes."""
    artifact_bytes: int
    step_s: float
    """Seconds per step: the median where each step was kept, else the mean."""
    scores: dict[str, float]
    """Of each task at the end, 0 to 1."""
    lines: tuple[Line, ...]
    """Right form and likeliest label on sentiment at the end; () in records from before they were measured."""
    n: int
    """Test examples of each score."""
    is_recorded: bool
    """Shipped with the app, not run on this machine."""
    run_id: str = ""

    @property
    def share(self) -> float:
        """Trained parameters as a share of all, 0 to 1."""
        return self.n_trained / self.n_total

    @property
    def training_bytes(self) -> int:
        """What training keeps besides the weights."""
        memory = self.memory
        return memory.gradient_bytes + memory.optimizer_bytes + memory.activation_bytes

    @property
    def total_bytes(self) -> int:
        """With the weights, frozen and trained: what has to fit."""
        return self.training_bytes + self.memory.frozen_bytes + self.memory.trained_bytes


def method_row(
    run: RunConfig | None,
    events: Sequence[Event],
    summary: RunSummary,
    *,
    step_s: float = nan,
    run_id: str = "",
    is_recorded: bool = False,
) -> MethodRow | None:
    """A finished run's row, or None when it is not comparable: another model, task, number of steps, or a
    cure. `step_s` is the median step, where a record keeps it instead of the steps."""
    if run is None or not _is_comparable(run):
        return None
    memory = next((e for e in events if isinstance(e, Memory)), None)
    last = {e.task: e for e in events if isinstance(e, Evaluation) and e.step}
    if memory is None or not {LEARNED, KEPT} <= last.keys():
        return None
    return MethodRow(
        method=run.method,
        knob=_knob_words(run),
        seed=run.seed,
        n_trained=summary.trainable_params,
        n_total=summary.total_params,
        memory=memory,
        artifact_bytes=summary.artifact_bytes,
        step_s=_step_s(events, summary, step_s),
        scores={task: e.score for task, e in last.items()},
        lines=tuple(lines(last[LEARNED])),
        n=last[KEPT].n,
        is_recorded=is_recorded,
        run_id=run_id,
    )


def _step_s(events: Sequence[Event], summary: RunSummary, recorded: float) -> float:
    """A record keeps no steps, but their median or at least their sum."""
    if steps := [e.step_s for e in events if isinstance(e, Step)]:
        return median(steps)
    return summary.train_s / summary.steps if isnan(recorded) else recorded


def _is_comparable(run: RunConfig) -> bool:
    usual = method_config(run.method.name).optimizer
    mine = run.optimizer
    return (
        run.model == catalog.DEFAULT_MODEL
        and run.data.tasks == (LEARNED,)
        and not run.data.template
        and run.cure.regularizer == "none"
        and not run.cure.rehearse
        and (mine.steps, mine.batch_size, mine.schedule)
        == (usual.steps, usual.batch_size, usual.schedule)
    )


def _knob_words(run: RunConfig) -> str:
    method, name = run.method, run.method.name
    words: list[str] = []
    usual, spec = MethodConfig(name=name), METHODS[name]
    if knob := spec.knob:
        value: int = getattr(method, knob.field)
        words.append(knob.said(value))
        usual = MethodConfig(name=name, **knob.settings(value))
    if spec.low_rank:
        if method.target_modules != usual.target_modules:
            words.append(" ".join(method.target_modules))
        if method.last_layers:
            words.append(f"last {method.last_layers} layers")
        if method.alpha != usual.alpha:
            words.append(f"alpha {method.alpha:g}")
        if method.dropout:
            words.append(f"dropout {method.dropout:g}")
    if spec.adds_tokens and method.prompt_start != usual.prompt_start:
        words.append(f"from {method.prompt_start}")
    if run.optimizer.learning_rate != default_learning_rate(name):
        words.append(f"rate {run.optimizer.learning_rate:g}")
    return ", ".join(words)


@dataclass(frozen=True, kw_only=True)
class MethodSetting:
    """The runs of one method at one knob, seeds taken together."""

    name: str
    knob: str
    is_recorded: bool
    rows: tuple[MethodRow, ...]

    @property
    def title(self) -> str:
        words = f" ({self.knob})" if self.knob else ""
        return f"{METHODS[self.name].title}{words}"

    def values(self, figure: str) -> tuple[float, ...]:
        """One of `FIGURES`, or the score of a task, of the runs that measured it."""
        if figure in FIGURES:
            return tuple(getattr(row, figure) for row in self.rows)
        return tuple(row.scores[figure] for row in self.rows if figure in row.scores)

    @property
    def lines(self) -> list[Line]:
        """Right form and likeliest label on sentiment, seeds taken together."""
        return mean_lines([row.lines for row in self.rows])

    def mean(self, figure: str) -> float | None:
        values = self.values(figure)
        return fmean(values) if values else None


def method_settings(rows: Iterable[MethodRow]) -> list[MethodSetting]:
    """Rows of one method and knob together, recorded and own apart, in the order of `METHODS`."""
    groups: dict[tuple[str, str, bool], list[MethodRow]] = {}
    for row in rows:
        groups.setdefault((row.method.name, row.knob, row.is_recorded), []).append(row)
    found = [
        MethodSetting(name=name, knob=knob, is_recorded=is_recorded, rows=tuple(group))
        for (name, knob, is_recorded), group in groups.items()
    ]
    order = list(METHODS)
    return sorted(found, key=lambda s: (order.index(s.name), s.knob, not s.is_recorded))
