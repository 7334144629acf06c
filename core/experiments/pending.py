"""Which of an experiment's runs wait or train, which are still to be submitted, and which failed."""

from collections.abc import Iterable

from core.config import RunConfig
from core.runs.states import RunStatus
from core.runs.store import Run, RunStore


def active(configs: Iterable[RunConfig], store: RunStore) -> list[Run]:
    """Runs of these configs that wait or train, oldest first."""
    wanted = {config.hash for config in configs}
    return [run for run in store.active() if run.config_hash in wanted]


def missing(configs: Iterable[RunConfig], store: RunStore) -> list[RunConfig]:
    """Those that have neither a finished run nor one that waits or trains."""
    waiting = {run.config_hash for run in store.active()}
    return [c for c in configs if c.hash not in waiting and not store.find_finished(c)]


def failed(configs: Iterable[RunConfig], store: RunStore) -> list[Run]:
    """The latest run of each that is missing because it failed."""
    wanted = {config.hash for config in missing(configs, store)}
    latest: dict[str, Run] = {}
    for run in store.runs():
        if run.config_hash in wanted:
            latest.setdefault(run.config_hash, run)
    return [run for run in latest.values() if run.status is RunStatus.FAILED]
