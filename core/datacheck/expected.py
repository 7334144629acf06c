"""How long a run will take and how much memory, by the runs that finished here; and how far off that was.

Seconds are those of core/runs/duration.py. Memory is what the formulas count for this run (core/formulas/memory.py),
and on top the least that an earlier run of the model took beyond its own: the libraries, the tokenizer, answers. The
least, since a worker's peak may be that of an earlier run of the same process.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
"""Of the model's latest runs, whose memory is looked at."""


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
    config: RunConfig, store: RunStore, *, pair_tokens: float, before: float = math.inf
) -> Expected:
    """What a run is expected to take, by the runs that had finished at the time `before` (seconds since 1970).

    `pair_tokens` are those of a pair, on average.
    """
    finished = [run for run in store.finished() if (run.ended_at or 0.0) < before]
    return Expected(
        seconds=expected_s(config, finished),
        memory_mb=_memory_mb(config, finished, store, pair_tokens=pair_tokens),
    )


def looking_back(expected: Expected, run: Run) -> str:
    """What was expected of a finished run beside what it took; empty where one of both is not known."""
    took = run.summary
    both = [
        (f"about {in_words(wanted)}", f"{came:.0f} s", came / wanted)
        for wanted, came in [(expected.seconds, took.elapsed_s)]
        if wanted and math.isfinite(came)
    ] + [
        (f"{wanted:,.0f} MB", f"{came:,.0f} MB", came / wanted)
        for wanted, came in [(expected.memory_mb, took.peak_memory_mb)]
        if wanted and math.isfinite(came)
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
    config: RunConfig, finished: Sequence[Run], store: RunStore, *, pair_tokens: float
) -> float | None:
    beyond: list[float] = []
    for run in finished:
        if run.config_dict.get("model") == config.model and len(beyond) < MOST_RUNS:
            beyond += _beyond_mb(run, store)
    if not beyond:
        return None
    try:
        shape = shape_of(config.model)
    except UserError:
        return None
    n = trainable_parameters(config.method, shape)
    own = n if METHODS[config.method.name].is_own(shape) else 0
    n_tokens = max(1, round(config.optimizer.batch_size * pair_tokens))
    parts = in_this_app(config.method, shape, n_tokens=n_tokens)
    weights = 2 * (total_parameters(shape) - own) + 4 * n
    return (weights + sum(parts.values())) / 1e6 + min(beyond)


def _beyond_mb(run: Run, store: RunStore) -> list[float]:
    """What a run took beyond the parts it measured, in MB; nothing where that is not on record."""
    peak = run.summary.peak_memory_mb
    found = next((e for e in store.events(run.id) if isinstance(e, Memory)), None)
    if found is None or not math.isfinite(peak):
        return []
    counted = (
        found.frozen_bytes
        + found.trained_bytes
        + found.gradient_bytes
        + found.optimizer_bytes
        + found.activation_bytes
    )
    return [max(0.0, peak - counted / 1e6)]
