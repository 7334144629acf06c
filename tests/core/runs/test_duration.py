"""How long a run is expected to take, and when that is worth a question."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.events import Event
from core.runs.duration import Ahead, Pace, ahead, expected_s, in_words, left_s, warning
from core.runs.store import RunStore, RunSummary
from tests.events import evaluation, step

DONE = RunConfig(
    optimizer=OptimizerConfig(steps=20, batch_size=8),
    evaluation=EvaluationConfig(every=10, examples=20, final_examples=70),
)
"""It is checked three times, before, at 10 steps and at the end: 70, 20 and 70 prompts."""
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
    finish(store, DONE, train_s=8.0, elapsed_s=24.0)  # 0.05 s an example, 0.1 s a prompt
    assert expected_s(DONE, store.finished()) == pytest.approx(24.0)
    checks_s = 0.1 * (2 * 70 + 299 * 20)
    assert expected_s(ALIKE, store.finished()) == pytest.approx(48_000 * 0.05 + checks_s)
    rare = replace(ALIKE, evaluation=replace(DONE.evaluation, every=1_000))
    checks_s = 0.1 * (2 * 70 + 2 * 20)
    assert expected_s(rare, store.finished()) == pytest.approx(48_000 * 0.05 + checks_s)
    more = replace(DONE, evaluation=replace(DONE.evaluation, tasks=("names",), prompts=("Hello",)))
    assert expected_s(more, store.finished()) == pytest.approx(8 + 0.1 * (2 * 160 + 3))
    in_turn = replace(ALIKE, data=DataConfig(others=("names",), order="sequential"))
    checks_s = 0.1 * 2 * (3 * 70 + 2 * 299 * 20)
    assert expected_s(in_turn, store.finished()) == pytest.approx(96_000 * 0.05 + checks_s)


def test_what_is_left_follows_from_the_runs_own_steps_and_checks() -> None:
    usual = Pace(example_s=1.0, asked_s=0.2)

    def left(
        *events: Event, usual: Pace | None = usual, since_start_s: float = 100.0
    ) -> float | None:
        return left_s(DONE, events, usual, since_start_s=since_start_s)

    base = evaluation(0, "sentiment", 0.5, elapsed_s=7.0)
    assert left() == pytest.approx(160 + 32 - 100)
    assert left(since_start_s=500.0) == 0
    assert left(usual=None) is None
    six = [step(n, step_s=0.5 if n < 6 else 30.0) for n in range(1, 7)]  # the median step counts
    assert left(base, *six) == pytest.approx(14 * 0.5 + 0.2 * (20 + 70))
    assert left(base, *six, usual=None) == pytest.approx(14 * 0.5 + 0.1 * (20 + 70))
    assert left(*six, usual=None) == pytest.approx(14 * 0.5)
    checked = evaluation(10, "sentiment", 0.5, elapsed_s=1.0)
    ten = [step(n, step_s=0.5) for n in range(1, 11)]
    assert left(base, *ten, checked) == pytest.approx(10 * 0.5 + 0.05 * 70)
    done = evaluation(20, "sentiment", 0.5, elapsed_s=3.5)
    assert left(base, *ten, checked, *[step(n, step_s=0.5) for n in range(11, 21)], done) == 0


def test_the_wait_is_the_sum_of_the_runs_before(store: RunStore) -> None:
    first, second, third = (store.submit(replace(DONE, seed=seed)).id for seed in range(3))
    took = {first: 10.0, second: 30.0, third: 1.0}
    assert ahead(third, store.active(), lambda run: took[run.id]) == Ahead(n_runs=2, seconds=40.0)
    assert ahead("", store.active(), lambda run: took[run.id]) == Ahead(n_runs=3, seconds=41.0)
    assert ahead(first, store.active(), lambda run: None) == Ahead(n_runs=0, seconds=0)
    assert ahead(second, store.active(), lambda run: None) == Ahead(n_runs=1, seconds=None)


def test_the_median_of_like_runs_counts(store: RunStore) -> None:
    for train_s in (8.0, 9.0, 800.0):
        finish(store, DONE, train_s=train_s, elapsed_s=train_s)
    finish(store, replace(DONE, method=MethodConfig(name="full")), train_s=1e6, elapsed_s=1e6)
    assert expected_s(DONE, store.finished()) == pytest.approx(9.0)
    assert expected_s(replace(DONE, method=MethodConfig(name="ia3")), store.finished()) is None


def test_only_long_runs_are_asked_about(store: RunStore) -> None:
    def asked(config: RunConfig) -> str:
        return warning(config, expected_s(config, store.finished()))

    many = replace(DONE, optimizer=OptimizerConfig(steps=1_000))
    assert asked(DONE) == asked(many) == ""
    assert "trains on 48,000 examples, and no run of its method has finished" in asked(ALIKE)
    finish(store, DONE, train_s=8.0, elapsed_s=8.0)
    assert asked(ALIKE) == "This run will take about 40 minutes. Other runs wait meanwhile."
    assert asked(many) == ""


def test_runs_of_other_versions_tell_nothing(store: RunStore) -> None:
    run = store.start(DONE, worker="another-host:1:1.00")
    store.finish(run.id, RunSummary())  # without figures
    assert expected_s(DONE, store.finished()) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (12.4, "12 s"),
        (41, "40 s"),
        (119, "2 minutes"),
        (610, "10 minutes"),
        (5_300, "88 minutes"),
        (9_000, "2 hours"),
        (200_000, "2 days"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
