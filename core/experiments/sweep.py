"""A sweep: one short LoRA run for each rank and learning rate, and how far it is.

The store is the only memory of a sweep. So it can be stopped at any time, and goes on where it was.

    sweep = Sweep(ranks=(1, 8), rates=(1e-3, 3e-3))
    for config in missing(sweep.configs(), store):
        store.submit(config)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from core.config import (
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
    check_choice,
    check_number,
    check_type,
    low_rank_methods,
)
from core.errors import UserError
from core.experiments.mitigations import KEPT, LEARNED
from core.runs.identity import identity_of
from core.runs.store import Run, RunStore

RANKS = (1, 2, 4, 8, 16, 32, 64, 128)
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
"""What a reader may choose from; the command line takes any."""
MOST_CELLS = 40
NO_CHECKS = 1_000
"""A sweep scores at the end only; it has no more steps than this."""
MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Sweep:
    ranks: tuple[int, ...] = (1, 8, 64)
    rates: tuple[float, ...] = (3e-4, 1e-3, 3e-3)
    """Peak learning rates."""
    steps: int = 15
    """Of each run."""
    seed: int = 0
    method: str = "lora"
    """LoRA or a variant; its alpha stays as usual, whatever the rank."""

    def __post_init__(self) -> None:
        check_choice("The method of a sweep", self.method, low_rank_methods())
        check_number("The steps of a sweep", self.steps, 1, NO_CHECKS, whole=True)
        _check_values("ranks", self.ranks)
        _check_values("learning rates", self.rates)
        n_cells = len(self.ranks) * len(self.rates)
        if n_cells > MOST_CELLS:
            raise UserError(
                f"{len(self.ranks)} ranks and {len(self.rates)} learning rates make {n_cells} runs; "
                f"choose at most {MOST_CELLS}."
            )
        for _ in self.configs():  # each checks its own values
            pass

    def configs(self) -> Iterator[RunConfig]:
        """The run of every cell: all learning rates of the first rank, then of the next."""
        for rank in self.ranks:
            for rate in self.rates:
                yield self.config(rank, rate)

    def config(self, rank: int, rate: float) -> RunConfig:
        """Tune on sentiment for a few steps, and score it and names at the end."""
        return RunConfig(
            data=DataConfig(task=LEARNED),
            method=MethodConfig(name=self.method, rank=rank),
            optimizer=OptimizerConfig(learning_rate=rate, steps=self.steps, schedule="linear"),
            evaluation=EvaluationConfig(tasks=(KEPT,), every=NO_CHECKS, samples=0),
            seed=self.seed,
        )


def _check_values(words: str, values: Any) -> None:
    check_type(f"The {words} of a sweep", values, tuple, "a list")
    if not values:
        raise UserError(f"A sweep needs some {words}; choose at least one.")
    if len(set(values)) < len(values):
        raise UserError(f"Name each of the {words} of a sweep only once.")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One rank at one learning rate, as the store knows it."""

    config: RunConfig
    status: str
    """`MISSING`, or the status of its run."""
    run_id: str = ""
    learned: float | None = None
    """Sentiment score at the end, 0 to 1; None until the run is finished."""
    kept: float | None = None
    """Names score at the end."""
    elapsed_s: float | None = None

    @property
    def rank(self) -> int:
        return self.config.method.rank

    @property
    def rate(self) -> float:
        return self.config.optimizer.learning_rate


def state(sweep: Sweep, store: RunStore) -> list[Cell]:
    """All cells in the order of `Sweep.configs`: a finished run of the cell, else its newest."""
    newest: dict[tuple[str, str], Run] = {}
    for run in chain(reversed(store.active()), store.runs()):
        newest.setdefault((run.config_hash, run.version), run)
    cells: list[Cell] = []
    for config in sweep.configs():
        run = store.find_finished(config) or newest.get((config.hash, identity_of(config)))
        cells.append(_cell(config, run))
    return cells


def _cell(config: RunConfig, run: Run | None) -> Cell:
    if run is None:
        return Cell(config=config, status=MISSING)
    scores = run.summary.scores
    return Cell(
        config=config,
        status=run.status,
        run_id=run.id,
        learned=scores.get(LEARNED),
        kept=scores.get(KEPT),
        elapsed_s=run.summary.elapsed_s if run.summary_dict else None,
    )
