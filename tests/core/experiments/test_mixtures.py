"""Multi-task runs: which tasks, what is scored, and what a record of them says."""

from dataclasses import replace

import pytest

from core.experiments.mixtures import (
    GENERAL,
    HELD_OUT,
    SCORED,
    SIZES,
    TRAINED,
    mixture,
    mixture_config,
    recorded_configs,
)
from tests.events import evaluation


def test_every_task_is_scored_and_the_held_out_one_is_never_trained_on() -> None:
    for config in recorded_configs((0, 1)):
        assert set(config.evaluation_tasks()) == set(SCORED)
        assert not {HELD_OUT, GENERAL} & set(config.data.tasks)


def test_recorded_runs_hold_mixtures_of_each_size_and_every_task_alone() -> None:
    tasks = [config.data.tasks for config in recorded_configs((0,))]
    assert {len(t) for t in tasks} == set(SIZES)
    assert {t for t in tasks if len(t) == 1} == {(task,) for task in TRAINED}
    assert len(tasks) == len(set(tasks))


def test_a_mixture_knows_before_and_after() -> None:
    config = mixture_config(("sentiment", "names"), steps=4)
    events = [evaluation(0, t, 0.2) for t in SCORED] + [evaluation(2, t, 0.9) for t in SCORED]
    events += [evaluation(4, t, 0.5) for t in SCORED]
    found = mixture(config, events, run_id="r")
    assert found is not None
    assert found.mean(found.tasks) == pytest.approx(0.5)
    assert found.mean((HELD_OUT,), before=True) == pytest.approx(0.2)
    assert found.scores["names"].change == pytest.approx(0.3)
    assert found.untrained == TRAINED[2:]
    assert found.mean(("poetry",)) is None


def test_a_sequence_or_an_unmeasured_run_is_no_mixture() -> None:
    config = mixture_config(("sentiment", "names"))
    assert mixture(config, [evaluation(0, "names", 0.2)]) is None
    sequence = replace(config, data=replace(config.data, order="sequential"))
    assert mixture(sequence, [evaluation(0, "names", 0.2), evaluation(4, "names", 0.5)]) is None
