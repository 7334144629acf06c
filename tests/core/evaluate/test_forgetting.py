"""The measures of forgetting, by hand on small matrices."""

import pytest

from core.evaluate.forgetting import Forgetting, forgetting_from_events
from core.events import Event, Phase
from tests.events import evaluation

THREE = Forgetting(
    tasks=("a", "b", "c"),
    matrix=[[0.1, 0.2, 0.3], [0.9, 0.2, 0.1], [0.5, 0.8, 0.1], [0.6, 0.4, 0.7]],
)


def test_three_tasks_by_hand() -> None:
    assert THREE.average_accuracy == pytest.approx((0.6 + 0.4 + 0.7) / 3)
    assert THREE.backward_transfer == pytest.approx(((0.6 - 0.9) + (0.4 - 0.8)) / 2)
    assert THREE.forgetting == pytest.approx(((0.9 - 0.6) + (0.8 - 0.4)) / 2)


def test_forgetting_counts_from_the_best_score_since_learning() -> None:
    rose = Forgetting(
        tasks=("a", "b", "c"), matrix=[[0, 0, 0], [0.5, 0, 0], [0.8, 1, 0], [0.6, 1, 1]]
    )
    assert rose.forgetting == pytest.approx((0.2 + 0.0) / 2)
    assert rose.backward_transfer == pytest.approx((0.1 + 0.0) / 2)


def test_one_task_forgets_nothing() -> None:
    alone = Forgetting(tasks=("a",), matrix=[[0.0], [0.9]])
    assert (alone.average_accuracy, alone.forgetting, alone.backward_transfer) == (0.9, 0.0, 0.0)


def test_matrix_is_read_at_the_end_of_each_stage() -> None:
    events: list[Event] = [
        Phase(index=0, task="a", first_step=1, last_step=4),
        Phase(index=1, task="b", first_step=5, last_step=8),
    ]
    for step in (0, 2, 4, 6):
        for task in ("a", "b"):
            events.append(evaluation(step, task, step / 10))
    assert forgetting_from_events(events) is None  # the second task is not finished
    events.append(evaluation(8, "a", 0.8))
    events.append(evaluation(8, "b", 0.9))
    found = forgetting_from_events(events)
    assert found is not None
    assert found.tasks == ("a", "b")
    assert found.matrix == [[0.0, 0.0], [0.4, 0.4], [0.8, 0.9]]
