"""Carry out the runs of an experiment one after another, skipping those that are done. Needs torch."""

from collections.abc import Callable, Sequence

from core.config import RunConfig
from core.data.examples import task_examples
from core.data.test_sets import fixed_set
from core.errors import UserError
from core.evaluate.task import evaluate_task
from core.events import Evaluation, Event, Started
from core.experiments.recording import Recorder
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
    recorder: Recorder | None = None,
) -> list[Run]:
    """The finished runs of all configs, in their order.

    A config that has a finished run of the same code and model is not run again, so an experiment
    that was stopped goes on where it was. For a record it is, unless it was stamped on a quiet machine
    (core/experiments/recording.py). Tuned weights are not kept, the record is. Raises
    `UserError` when a run fails; what was done before stays.
    """
    finished = list[Run]()
    for number, config in enumerate(configs):
        done = store.find_finished(config)
        if done and recorder and not recorder.is_done(done.id):
            done = None
        if done is None:
            if recorder:
                recorder.begins()
            run = store.start(config, worker=worker_identity())
            execute(run, store, keeper, on_event=on_event, keep_weights=False)
            ended = store.get(run.id)
            if ended.status != "finished":
                raise UserError(
                    f"Run {number + 1} of {len(configs)} {ended.status}: {ended.reason}"
                )
            if recorder:
                stamp_run(recorder, ended, store)
            on_run(number, ended, False)
            finished.append(ended)
        else:
            on_run(number, done, True)
            finished.append(done)
    return finished


def stamp_run(recorder: Recorder, run: Run, store: RunStore) -> None:
    """Keep the stamp of a run that ended just now."""
    started = next(e for e in store.events(run.id) if isinstance(e, Started))
    recorder.ended(run.id, dtype=started.dtype, device=started.device)


def score_base(config: RunConfig, keeper: BaseKeeper) -> list[Evaluation]:
    """The base model's evaluations on the very examples that the last check of `config` scores."""
    base, found = keeper(config), list[Evaluation]()
    for task in config.evaluation_tasks():
        examples = fixed_set(task_examples(task, "test"), config.evaluation.final_examples)
        evaluation, _ = evaluate_task(base.model, base, task, examples)
        found.append(evaluation)
    return found
