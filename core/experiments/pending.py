"""Which of an experiment's runs wait or train, and which are still to be submitted."""

from collections.abc import Iterable

from core.config import RunConfig
from core.runs.store import Run, RunStore


def active(configs: Iterable[RunConfig], store: RunStore) -> list[Run]:
    """Runs of these configs that wait or train, oldest first."""
    wanted = {config.hash for config in configs}
    return [run for run in store.active() if run.config_hash in wanted]


def missing(configs: Iterable[RunConfig], store: RunStore) -> list[RunConfig]:
    """Those that have neither a finished run nor one that waits or trains."""
    waiting = {run.config_hash for run in store.active()}
    return [c for c in configs if c.hash not in waiting and not store.find_finished(c)]
