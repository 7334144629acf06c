"""Prompting against tuning on one task: what is measured, and the ways side by side.

    ask the base model with 0 … 8 solved examples     (`prompt_evaluations`)
    ask a LoRA or fully tuned model without any              (`tuned_configs`, then `tuned_evaluation`)

Both see the same labelled pairs, and answer the same test examples.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from core.config import (
    FINAL_EXAMPLES,
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
    check_choice,
    check_number,
    default_learning_rate,
)
from core.data.listing import seen_words
from core.evaluate.form_and_label import Line, lines, mean_lines
from core.evaluate.limits import cut_line
from core.evaluate.uncertainty import median_interval
from core.events import Event, Started, Step
from core.experiments.break_even import Cost, Option
from core.runs.prompt_evaluation import Measured, PromptEvaluation

SHOTS = (0, 1, 2, 4, 8)
TEXT_SHOTS = (1, 8)
"""With all examples in one message, for comparison: how they are shown matters, too."""
SIZES = (16, 64, 0)
"""Training examples of the tuned models; 0 takes all there are."""
PROMPTED = "prompt"
TUNED = ("lora", "full")
"""The methods that prompts are compared with."""
UNITS = ("seconds", "tokens")


def prompt_evaluations(
    task: str,
    shots: Iterable[int],
    seeds: Sequence[int],
    *,
    form: str = "chat",
    n_test: int = FINAL_EXAMPLES,
    model: str = RunConfig().model,
) -> Iterator[PromptEvaluation]:
    """Every number of examples with every seed; without examples seeds are alike, and one is enough."""
    for k in shots:
        for seed in seeds if k else seeds[:1]:
            yield PromptEvaluation(
                task=task, shots=k, seed=seed, form=form, n_test=n_test, n_timed=_timed(n_test),
                model=model,
            )  # fmt: skip


def tuned_evaluation(
    config: RunConfig, run_id: str, *, n_test: int = FINAL_EXAMPLES
) -> PromptEvaluation:
    """A finished run of `tuned_configs`, asked like the base model."""
    return PromptEvaluation(
        task=config.data.task,
        run=run_id,
        seed=config.seed,
        n_test=n_test,
        n_timed=_timed(n_test),
        model=config.model,
    )


def _timed(n_test: int) -> int:
    return min(10, n_test)


def tuned_config(
    task: str,
    method: str,
    size: int,
    *,
    seed: int = 0,
    steps: int = 20,
    model: str = RunConfig().model,
) -> RunConfig:
    """Tune on `size` examples (0: all) for `steps` steps; scored on few, as it is measured afterwards."""
    check_choice("The method", method, TUNED)
    check_number("The number of training examples", size, 0, 100_000, whole=True)
    return RunConfig(
        model=model,
        data=DataConfig(task=task, train_examples=size),
        method=MethodConfig(name=method),
        optimizer=OptimizerConfig(
            learning_rate=default_learning_rate(method), steps=steps, schedule="linear"
        ),
        evaluation=EvaluationConfig(every=10_000, samples=1),
        seed=seed,
    )


def tuned_configs(
    task: str,
    methods: Iterable[str],
    sizes: Sequence[int],
    seeds: Iterable[int],
    *,
    model: str = RunConfig().model,
) -> Iterator[RunConfig]:
    """Every method and size with every seed, seed by seed."""
    for seed in seeds:
        for method in methods:
            for size in sizes:
                yield tuned_config(task, method, size, seed=seed, model=model)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way with one seed, as measured."""

    kind: str
    """`PROMPTED`, or the method that tuned."""
    task: str
    labels: int
    """Labelled examples shown, or trained on."""
    seed: int
    form: str
    """How examples were shown; empty without any."""
    score: float
    interval: tuple[float, float]
    metric: str
    n: int
    prompt_tokens: float
    """Of a request, the mean; likewise the next two."""
    uncached_tokens: float
    """Those after the beginning that all requests share."""
    answer_tokens: float
    seconds: tuple[float, ...]
    """Of single requests, nothing computed before."""
    cached_seconds: tuple[float, ...]
    """Of the same requests, the shared beginning computed before."""
    right_form: float | None = None
    """As in an `Evaluation`, likewise the label accuracy; None in records from before they were measured."""
    label_accuracy: float | None = None
    seen: int = 0
    """Training: examples in all batches together; 0 for prompts, and in older records."""
    n_cut: int = 0
    """Answers of the n that the length limit ended; likewise that limit, 0 where it was not kept."""
    max_new_tokens: int = 0
    once_s: float = 0.0
    """Training: time in optimizer steps."""
    once_tokens: float = 0.0
    """Training: tokens of all batches."""


def prompt_row(measured: Measured) -> Row:
    """From what `core.runs.prompt_evaluation` keeps of prompting."""
    asking = measured.asking
    return _row(
        measured,
        kind=PROMPTED,
        task=asking.task,
        labels=asking.shots,
        seed=asking.seed,
        form=asking.form if asking.shots else "",
    )


def tuned_row(measured: Measured, config: RunConfig, events: Sequence[Event]) -> Row:
    """From what is kept of a tuned model's answers, and its run's config and events."""
    steps = [e for e in events if isinstance(e, Step)]
    n_train = next(e.n_train for e in events if isinstance(e, Started))
    found = _row(
        measured,
        kind=config.method.name,
        task=config.data.task,
        labels=n_train,
        seed=config.seed,
    )
    return replace(
        found,
        once_s=sum(e.step_s for e in steps),
        once_tokens=round(sum(e.tokens_per_s * e.step_s for e in steps)),
        seen=len(steps) * config.optimizer.batch_size,
    )


def _row(
    measured: Measured, *, kind: str, task: str, labels: int, seed: int, form: str = ""
) -> Row:
    return Row(
        kind=kind,
        task=task,
        labels=labels,
        seed=seed,
        form=form,
        score=measured.score,
        interval=measured.interval,
        metric=measured.metric,
        n=measured.n,
        right_form=measured.right_form,
        label_accuracy=measured.label_accuracy,
        n_cut=measured.n_cut,
        max_new_tokens=measured.max_new_tokens,
        prompt_tokens=measured.prompt_tokens,
        uncached_tokens=measured.uncached_tokens,
        answer_tokens=measured.answer_tokens,
        seconds=measured.seconds,
        cached_seconds=measured.cached_seconds,
    )


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way of doing a task, seeds taken together."""

    kind: str
    labels: int
    form: str
    rows: tuple[Row, ...]

    @property
    def is_tuned(self) -> bool:
        return self.kind != PROMPTED

    @property
    def score(self) -> float:
        return fmean(row.score for row in self.rows)

    @property
    def interval(self) -> tuple[float, float]:
        """The mean of the seeds' 95 % intervals over test examples.

        The seeds share the test examples, so their mean is hardly surer than one of them.
        """
        low, high = zip(*(row.interval for row in self.rows), strict=True)
        return fmean(low), fmean(high)

    @property
    def lines(self) -> list[Line]:
        """Right form and likeliest label, seeds taken together; [] where they were not measured."""
        return mean_lines([lines(row) for row in self.rows])

    @property
    def seen_words(self) -> str:
        """How many of its examples a tuned model saw; "" for a prompt, and where it was not kept."""
        seen = min(row.seen for row in self.rows)
        return seen_words(seen, self.labels) if seen else ""

    @property
    def prompt_tokens(self) -> float:
        return fmean(row.prompt_tokens for row in self.rows)

    @property
    def cut_line(self) -> str:
        """How many answers a length limit ended, over all seeds."""
        n_cut, n = sum(row.n_cut for row in self.rows), sum(row.n for row in self.rows)
        return cut_line(n_cut, n, limit=max(row.max_new_tokens for row in self.rows))

    @property
    def answer_tokens(self) -> float:
        return fmean(row.answer_tokens for row in self.rows)

    def latency_s(self, *, cached: bool = False) -> float:
        """Median over single requests of all seeds."""
        return median(self._seconds(cached))

    def cost(self, unit: str = "seconds", *, cached: bool = False) -> Cost:
        """In one of `UNITS`; cached tokens are not counted, as they were computed before."""
        if unit == "seconds":
            low, high = median_interval(self._seconds(cached))
            each, once = self.latency_s(cached=cached), median(row.once_s for row in self.rows)
            return Cost(once=once, each=each, low=low, high=high)
        read = "uncached_tokens" if cached else "prompt_tokens"
        each = fmean(getattr(row, read) + row.answer_tokens for row in self.rows)
        once = fmean(row.once_tokens for row in self.rows)
        return Cost(once=once, each=each, low=each, high=each)

    def option(self, name: str, unit: str = "seconds", *, cached: bool = False) -> Option:
        return Option(
            name=name,
            is_tuned=self.is_tuned,
            labels=self.labels,
            score=self.score,
            interval=self.interval,
            seeds=tuple(row.score for row in self.rows),
            cost=self.cost(unit, cached=cached),
        )

    def _seconds(self, cached: bool) -> list[float]:
        return [s for row in self.rows for s in (row.cached_seconds if cached else row.seconds)]


def ways(rows: Iterable[Row]) -> list[Way]:
    """Rows of one kind, number of examples and form together: prompting first, few examples first."""
    groups: dict[tuple[str, int, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.kind, row.labels, row.form), []).append(row)
    order = (PROMPTED, *TUNED)
    return [
        Way(kind=kind, labels=labels, form=form, rows=tuple(groups[kind, labels, form]))
        for kind, labels, form in sorted(groups, key=lambda g: (order.index(g[0]), g[2], g[1]))
    ]
