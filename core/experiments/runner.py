"""Carry out the runs of an experiment one after another, skipping those that are done. Needs torch."""

from collections.abc import Callable, Sequence

from core.config import RunConfig
from core.errors import UserError
from core.events import Event
from core.runs.execute import execute
from core.runs.store import Run, RunStore, worker_identity
from core.runs.worker import BaseKeeper


def carry_out(
    configs: Sequence[RunConfig],
    store: RunStore,
    keeper: BaseKeeper,
    *,
    on_run: Callable[[int, Run, bool], None] = lambda number, run, was_done: None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> list[Run]:
    """The finished runs of all configs, in their order.

    A config that has a finished run of the same code and model is not run again, so an experiment
    that was stopped goes on where it was. Tuned weights are not kept, what happened is. Raises
    `UserError` when a run fails; what was done before stays.
    """
    finished = list[Run]()
    for number, config in enumerate(configs):
        done = store.find_finished(config)
        if done is None:
            run = store.start(config, worker=worker_identity())
            execute(run, store, keeper, on_event=on_event, keep_weights=False)
            ended = store.get(run.id)
            if ended.status != "finished":
                raise UserError(
                    f"Run {number + 1} of {len(configs)} {ended.status}: {ended.reason}"
                )
            on_run(number, ended, False)
            finished.append(ended)
        else:
            on_run(number, done, True)
            finished.append(done)
    return finished
