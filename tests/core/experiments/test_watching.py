"""The evaluation lesson's run is valid for each task it offers, and checked often enough to see."""

import pytest

from core.experiments.watching import WATCHED_TASKS, watched_config


@pytest.mark.parametrize("task", WATCHED_TASKS)
def test_every_task_is_checked_at_least_five_times(task: str) -> None:
    config = watched_config(task)
    assert config.optimizer.steps // config.evaluation.every >= 4  # and once before the first step
    assert "names" in config.evaluation.tasks
