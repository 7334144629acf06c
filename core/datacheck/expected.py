"""How long a run will take and how much memory, by the runs that finished here; and how far off that was.

Seconds are those of core/runs/duration.py. Memory is what the formulas count for this run (core/formulas/memory.py),
its activations scaled by how those of earlier runs came out beside the formula, and on top the least that an earlier
run of the model took beyond its own: the libraries, the tokenizer, answers, and what a step needs for a moment. A
run's peak is that of its process, so it counts only where no earlier run of the same process had a higher one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from core import catalog
from core.config import METHODS, RunConfig
from core.errors import UserError
from core.events import Memory
from core.formulas.memory import in_this_app
from core.formulas.parameters import trainable_parameters
from core.models.acquire import model_dir
from core.percent import percent
from core.runs.duration import expected_s, in_words
from core.runs.store import Run, RunStore
from core.shape import PUBLISHED, ModelShape, of_folder, total_parameters

MOST_RUNS = 5
"""Of the latest runs that tell, whose memory is looked at."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    seconds: float | None
    """None where no run of the model and method has finished here."""
    memory_mb: float | None
    """None where the model's sizes are not known, or no run of the model has finished here."""

    @property
    def in_words(self) -> str:
        """A sentence; it says what is not known, too."""
        if self.seconds is None and self.memory_mb is None:
            return "How long it takes and how much memory is not known yet: no run of this model has finished here."
        memory = "" if self.memory_mb is None else f"{self.memory_mb:,.0f} MB of memory"
        if self.seconds is None:
            return (
                f"Expected: {memory}; how long it takes no finished run of this method tells yet."
            )
        return (
            f"Expected: {' and '.join(filter(None, (f'about {in_words(self.seconds)}', memory)))}."
        )


def expect(
    config: RunConfig, store: RunStore, *, batch_tokens: float, before: float = math.inf
) -> Expected:
    """What a run is expected to take, by the runs that had finished at the time `before` (seconds since 1970).

    `batch_tokens` are those that a batch computes (core/datacheck/lengths.py:Lengths.batch_tokens).
    """
    finished = [run for run in store.finished() if (run.ended_at or 0.0) < before]
    return Expected(
        seconds=expected_s(config, finished),
        memory_mb=_memory_mb(config, finished, store, n_tokens=max(1, round(batch_tokens))),
    )


def looking_back(expected: Expected, run: Run, store: RunStore) -> str:
    """What was expected of a finished run beside what it took; empty where one of both is not known."""
    took = run.summary
    peak_mb = _own_peak_mb(run, store.finished())
    both = [
        (f"about {in_words(wanted)}", f"{came:.0f} s", came / wanted)
        for wanted, came in [(expected.seconds, took.elapsed_s)]
        if wanted and math.isfinite(came)
    ] + [
        (f"{wanted:,.0f} MB", f"{came:,.0f} MB", came / wanted)
        for wanted, came in [(expected.memory_mb, peak_mb)]
        if wanted and came
    ]
    said = [f"{came} instead of {wanted} ({_off(ratio)})" for wanted, came, ratio in both]
    return f"It took {' and '.join(said)}." if said else ""


def _off(ratio: float) -> str:
    share = abs(ratio - 1)
    return "as expected" if share < 0.01 else f"{percent(share)} {'more' if ratio > 1 else 'less'}"


def shape_of(model: str) -> ModelShape:
    """The sizes of a model, of the catalogue even before it is here. `UserError` where they are not known."""
    entry = catalog.find_model(model)
    return PUBLISHED[entry.shape] if entry.shape in PUBLISHED else of_folder(model_dir(entry))


def _memory_mb(
    config: RunConfig, finished: Sequence[Run], store: RunStore, *, n_tokens: int
) -> float | None:
    try:
        shape = shape_of(config.model)
    except UserError:
        return None
    known = [
        one
        for run in _alike(config, finished, shape)[:MOST_RUNS]
        if (one := _known(run, shape, store))
    ]
    if not known:
        return None
    n = trainable_parameters(config.method, shape)
    own = n if METHODS[config.method.name].is_own(shape) else 0
    parts = in_this_app(config.method, shape, n_tokens=n_tokens)
    parts["activations"] *= median(one.activations for one in known)
    weights = 2 * (total_parameters(shape) - own) + 4 * n
    return (weights + sum(parts.values())) / 1e6 + min(one.beyond_mb for one in known)


def _alike(config: RunConfig, finished: Sequence[Run], shape: ModelShape) -> list[Run]:
    """The runs of the model whose peak is their own: those of the same method, else of methods that train the model's
    own weights or not, as it does; else all."""
    found = [
        (known.method.name, run)
        for run in finished
        if (known := run.valid_config) and known.model == config.model
        if _own_peak_mb(run, finished) is not None
    ]
    is_own = METHODS[config.method.name].is_own(shape)
    same = [run for name, run in found if name == config.method.name]
    near = [run for name, run in found if METHODS[name].is_own(shape) == is_own]
    return same or near or [run for _, run in found]


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a finished run tells about memory."""

    activations: float
    """Those that were measured over those of the formula."""
    beyond_mb: float
    """What it took at its peak beyond the parts that were measured."""


def _known(run: Run, shape: ModelShape, store: RunStore) -> Known | None:
    """None where its parts were not measured."""
    found = next((e for e in store.events(run.id) if isinstance(e, Memory)), None)
    if found is None:
        return None
    counted = (
        found.frozen_bytes
        + found.trained_bytes
        + found.gradient_bytes
        + found.optimizer_bytes
        + found.activation_bytes
    )
    formula = in_this_app(run.config.method, shape, n_tokens=found.n_tokens)["activations"]
    return Known(
        activations=found.activation_bytes / formula,
        beyond_mb=max(0.0, run.summary.peak_memory_mb - counted / 1e6),
    )


def _own_peak_mb(run: Run, finished: Sequence[Run]) -> float | None:
    """The run's peak; None where its process had been as high before, in an earlier run."""
    peak = run.summary.peak_memory_mb
    before = [
        other.summary.peak_memory_mb
        for other in finished
        if other.worker == run.worker and other.created_at < run.created_at
    ]
    if not math.isfinite(peak) or any(other >= peak for other in before):
        return None
    return peak
