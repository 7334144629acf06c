"""How long a run is expected to take, and when that is worth a question."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.runs.duration import expected_s, in_words, warning
from core.runs.store import RunStore, RunSummary

DONE = RunConfig(
    optimizer=OptimizerConfig(steps=20, batch_size=8), evaluation=EvaluationConfig(every=10)
)
"""It is checked four times: before, at 10 and 20 steps, and at the end."""
ALIKE = replace(DONE, optimizer=OptimizerConfig(steps=3_000, batch_size=16))


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


def finish(store: RunStore, config: RunConfig, *, train_s: float, elapsed_s: float) -> None:
    run = store.start(config, worker="another-host:1:1.00")
    store.finish(
        run.id, RunSummary(steps=config.optimizer.steps, train_s=train_s, elapsed_s=elapsed_s)
    )


def test_what_steps_and_checks_took_is_scaled(store: RunStore) -> None:
    finish(store, DONE, train_s=8.0, elapsed_s=16.0)  # 0.05 s an example, 2 s a check
    assert expected_s(DONE, store.finished()) == pytest.approx(16.0)
    assert expected_s(ALIKE, store.finished()) == pytest.approx(48_000 * 0.05 + 302 * 2)
    rare = replace(ALIKE, evaluation=EvaluationConfig(every=1_000))
    assert expected_s(rare, store.finished()) == pytest.approx(48_000 * 0.05 + 5 * 2)
    in_turn = replace(ALIKE, data=DataConfig(others=("names",), order="sequential"))
    assert expected_s(in_turn, store.finished()) == pytest.approx(96_000 * 0.05 + 602 * 2)


def test_the_median_of_like_runs_counts(store: RunStore) -> None:
    for train_s in (8.0, 9.0, 800.0):
        finish(store, DONE, train_s=train_s, elapsed_s=train_s)
    finish(store, replace(DONE, method=MethodConfig(name="full")), train_s=1e6, elapsed_s=1e6)
    assert expected_s(DONE, store.finished()) == pytest.approx(9.0)
    assert expected_s(replace(DONE, method=MethodConfig(name="ia3")), store.finished()) is None


def test_only_long_runs_are_asked_about(store: RunStore) -> None:
    assert warning(DONE, store) == ""
    assert warning(replace(DONE, optimizer=OptimizerConfig(steps=1_000)), store) == ""
    assert "trains on 48,000 examples, and no run of its method has finished" in warning(
        ALIKE, store
    )
    finish(store, DONE, train_s=8.0, elapsed_s=8.0)
    assert warning(ALIKE, store) == (
        "This run will take about 40 minutes. Other runs wait meanwhile."
    )
    assert warning(replace(DONE, optimizer=OptimizerConfig(steps=1_000)), store) == ""


def test_runs_of_other_versions_tell_nothing(store: RunStore) -> None:
    run = store.start(DONE, worker="another-host:1:1.00")
    store.finish(run.id, RunSummary())  # without figures
    assert expected_s(DONE, store.finished()) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(610, "10 minutes"), (5_300, "88 minutes"), (9_000, "2 hours"), (200_000, "2 days")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
