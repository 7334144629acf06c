"""Small LoRA adapters, one a task, to hang side by side on one base."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core import catalog
from core.config import (
    METHODS,
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
)
from core.runs.store import Run, RunStore

ADAPTER_TASKS = ("sentiment", "topic", "names", "emotion")
WEIGHT_BYTES = 2
"""Of a frozen weight in bf16: what a whole copy of the model takes for each parameter."""


def adapter_config(task: str, *, seed: int = 0) -> RunConfig:
    """LoRA at its usual setting on one task, scored on that task only, so that it is quick."""
    return RunConfig(
        data=DataConfig(task=task),
        method=MethodConfig(name="lora"),
        optimizer=OptimizerConfig(learning_rate=1e-3, schedule="linear"),
        evaluation=EvaluationConfig(every=1000, samples=1),
        seed=seed,
    )


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A finished LoRA run whose adapter is on disk."""

    run_id: str
    task: str
    rank: int
    seed: int
    score: float
    n_bytes: int

    @property
    def title(self) -> str:
        return f"{catalog.TASKS[self.task].title} · {self.run_id[-6:]}"


def adapters(store: RunStore) -> list[Adapter]:
    """The reader's adapters that can hang side by side, newest first."""
    return [found for run in store.runs() if (found := _adapter(run, store))]


def newest_of_each(found: Iterable[Adapter], tasks: Iterable[str]) -> list[Adapter]:
    """Of each task the newest adapter, in the order of the tasks; `found` is newest first."""
    newest: dict[str, Adapter] = {}
    for adapter in found:
        newest.setdefault(adapter.task, adapter)
    return [newest[task] for task in tasks if task in newest]


def names_of(loaded: Sequence[Adapter]) -> dict[str, Adapter]:
    """Adapters by what they are called: by their task, and by their run, too, where a task has several."""
    tasks = [adapter.task for adapter in loaded]
    return {catalog.TASKS[a.task].title if tasks.count(a.task) == 1 else a.title: a for a in loaded}


def _adapter(run: Run, store: RunStore) -> Adapter | None:
    config = run.valid_config
    if config is None or run.status != "finished" or not METHODS[config.method.name].is_stackable:
        return None
    task = config.data.task
    if config.model != catalog.DEFAULT_MODEL or task not in catalog.TASKS:
        return None
    size = store.size_bytes(run.id)
    scores = run.summary.scores
    if not size or task not in scores:
        return None
    return Adapter(
        run_id=run.id,
        task=task,
        rank=config.method.rank,
        seed=config.seed,
        score=scores[task],
        n_bytes=size,
    )
