"""The live view of a run: how often it looks, and what it says while answers are still coming."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.config import EvaluationConfig, RunConfig
from core.recorded import files
from core.runs.store import RunStore, RunSummary
from pages.shared import live
from pages.shared.engine import events_of
from pages.shared.live import (
    FIRST_POLL_S,
    NEWS_LOOK_S,
    NEWS_WAIT_S,
    POLL_S,
    News,
    pace_of,
    stop_key,
    worker_words,
)
from tests.events import evaluation, step
from tests.pages.fake_engine import FakeEngine
from tests.pages.shipped import ship
from tests.patience import PATIENCE_S

ME = "here:1:0.0"


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server of its own: empty store, nothing remembered."""
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def status_of(run_id: str) -> None:
    from pages.shared.engine import store
    from pages.shared.live import show_status

    show_status(store().get(run_id), store().events(run_id))


def test_only_a_run_that_is_near_and_has_no_loss_is_looked_at_often() -> None:
    store = RunStore()
    near, behind = store.submit(RunConfig(seed=1)), store.submit(RunConfig(seed=2))

    def paces() -> list[float | None]:
        return [pace_of(store.get(run.id), events_of(run.id)) for run in (near, behind)]

    assert paces() == [FIRST_POLL_S, POLL_S]
    store.claim(worker=ME)
    assert paces() == [FIRST_POLL_S, FIRST_POLL_S]  # the second one is next
    store.append(near.id, evaluation(0, "names", 0.5))
    assert paces()[0] == FIRST_POLL_S
    store.append(near.id, step(1))
    assert paces()[0] == POLL_S
    store.finish(near.id, RunSummary())
    assert paces() == [None, FIRST_POLL_S]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> "Clock":
    made = Clock()
    monkeypatch.setattr("pages.shared.live.monotonic", lambda: made.now_s)
    monkeypatch.setattr("pages.shared.live.sleep", made.sleep)
    return made


class Clock:
    """Time that passes only where somebody sleeps; at a moment, something may happen."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.then: tuple[float, Callable[[], object]] = (inf, lambda: None)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        at, happen = self.then
        if self.now_s >= at:
            self.then = (inf, lambda: None)
            happen()


def test_while_the_first_loss_is_awaited_only_news_are_drawn(clock: Clock) -> None:
    store = RunStore()
    run = store.start(RunConfig(), worker=ME)
    news = News(run.id, wait_s=NEWS_WAIT_S)
    assert news.next()[1] == []
    assert clock.now_s == 100.0  # the first time there is a page to draw
    clock.then = (100.2, lambda: store.append(run.id, step(1)))
    assert len(news.next()[1]) == 1
    news_s = clock.now_s
    assert news_s - 100.2 < 1.5 * NEWS_LOOK_S
    assert len(news.next()[1]) == 1
    assert clock.now_s - news_s == pytest.approx(NEWS_WAIT_S, abs=1.5 * NEWS_LOOK_S)
    clock.then = (clock.now_s, lambda: store.request_stop(run.id))
    before_s = clock.now_s
    assert news.next()[0].stop_requested
    assert clock.now_s - before_s < 2 * NEWS_LOOK_S


def test_a_click_on_stop_waits_for_nothing(clock: Clock) -> None:
    run = RunStore().start(RunConfig(), worker=ME)
    news = News(run.id, wait_s=NEWS_WAIT_S)
    news.next()
    st.session_state[stop_key(run.id)] = True
    try:
        news.next()
    finally:
        del st.session_state[stop_key(run.id)]
    assert clock.now_s == 100.0


def test_the_view_of_a_run_behind_another_keeps_nobody_waiting(clock: Clock) -> None:
    store = RunStore()
    first, second = (store.submit(RunConfig(seed=seed)) for seed in (1, 2))
    store.claim(worker=ME)
    news = News(second.id, wait_s=NEWS_WAIT_S)
    news.next()
    news.next()
    assert clock.now_s == 100.0
    store.finish(first.id, RunSummary())
    news.next()
    assert clock.now_s == pytest.approx(100 + NEWS_WAIT_S, abs=1.5 * NEWS_LOOK_S)


def test_who_looks_seldom_or_at_another_phase_waits_for_nothing(clock: Clock) -> None:
    run = RunStore().start(RunConfig(), worker=ME)
    news = News(run.id, wait_s=0)
    news.next()
    news.next()
    assert clock.now_s == 100.0


def test_a_score_is_seen_to_grow_and_the_loss_stands_beside_the_step() -> None:
    store = RunStore()
    run = store.start(RunConfig(), worker=ME)
    store.append(run.id, step(20, 0.531))
    whole = evaluation(20, "sentiment", 0.75, n=40)
    store.append(run.id, evaluation(20, "sentiment", 0.5, n=12).partial(40))
    shown = AppTest.from_function(status_of, kwargs={"run_id": run.id}).run()
    assert not shown.exception
    said = "Scores so far: Sentiment 0.50 (0.40 to 0.60) on 12 of 40 examples."
    assert said in [c.value for c in shown.caption]
    assert shown.get("progress")[0].proto.text == "Step 20 of 20, about 1 s left; loss 0.53."
    store.append(run.id, whole)
    assert not [c for c in shown.run().caption if "so far" in c.value]


def said_of(run_id: str) -> str:
    shown = AppTest.from_function(status_of, kwargs={"run_id": run_id}).run()
    assert not shown.exception
    return shown.get("progress")[0].proto.text


@pytest.mark.thorough
def test_who_waits_sees_place_and_seconds_and_then_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = RunStore()
    kind = RunConfig(evaluation=EvaluationConfig(every=10, examples=10, final_examples=20))
    done = store.start(kind, worker="there:1:0.0")
    store.finish(done.id, RunSummary(steps=20, train_s=16.0, elapsed_s=21.0))
    first, second = (store.submit(replace(kind, seed=seed)).id for seed in (1, 2))
    assert said_of(first).startswith("Waiting. Yours is next.")
    assert said_of(second).startswith("Waiting. 1 run before yours, about 20 s.")
    claimed = store.claim(worker=ME)
    assert claimed
    monkeypatch.setattr("core.runs.forecast.now", lambda: claimed.started_at)
    assert said_of(first) == "Measuring the base model first, about 20 s left."
    for task in kind.evaluation_tasks():
        assert said_of(first).startswith("Measuring the base model first")
        store.append(first, evaluation(0, task, 0.5))
    assert said_of(first).startswith("Computing the first step, about ")
    for number in range(1, 8):
        store.append(first, step(number, 0.5, step_s=0.4))
    # 13 steps of 0.4 s, then 10 and 20 prompts of 0.1 s
    assert said_of(first) == "Step 7 of 20, about 8 s left; loss 0.50."
    assert said_of(second).startswith("Waiting. 1 run before yours, about 8 s.")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("is_warm", "trains_elsewhere", "said"),
    [
        (True, False, ""),
        (False, False, " The worker is loading the model."),
        (False, True, " Another server with the same data folder trains now; runs of both take turns."),
    ],
)  # fmt: skip
def test_why_a_run_that_is_next_has_not_begun(
    is_warm: bool, trains_elsewhere: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Engine(FakeEngine):
        def is_warm(self, role: str) -> bool:
            return is_warm and role == "train"

        def trains_elsewhere(self) -> bool:
            return trains_elsewhere

    monkeypatch.setattr("pages.shared.live.engine", lambda: Engine(RunStore()))
    assert worker_words() == said


def whole_view(run_id: str) -> None:
    from pages.shared.live import run_view

    run_view(run_id)


@pytest.mark.thorough
def test_a_recorded_run_is_offered_while_one_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FOLDER", tmp_path / "recorded")
    ship(tmp_path / "recorded", [RunConfig()])
    store = RunStore()
    run, other = store.submit(RunConfig()), store.submit(RunConfig(seed=5))
    shown = AppTest.from_function(whole_view, kwargs={"run_id": other.id}).run()
    assert not shown.toggle  # nothing is recorded of its settings
    shown = AppTest.from_function(whole_view, kwargs={"run_id": run.id}).run()
    assert "Recorded on a machine" not in " ".join(c.value for c in shown.caption)
    shown.toggle(key=f"live_recorded_{run.id}").set_value(True).run()
    assert not shown.exception
    assert "Recorded on a machine" in " ".join(c.value for c in shown.caption)
    store.claim(worker=ME)
    store.append(run.id, evaluation(0, "sentiment", 0.5))
    store.append(run.id, step(1))
    shown.run()
    assert not shown.exception
    assert not shown.toggle  # its own curves stand here now


def test_each_look_makes_a_reader_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a page that nobody touches would be forgotten, and still look every second."""
    looks: list[float] = []
    monkeypatch.setattr(live, "shared_pace", lambda usual_s: looks.append(usual_s) or usual_s)
    run = RunStore().start(RunConfig(), worker=ME)

    def page(run_id: str) -> None:
        from pages.shared.live import run_view

        run_view(run_id)

    app = AppTest.from_function(page, args=(run.id,), default_timeout=PATIENCE_S).run()
    assert not app.exception
    assert len(looks) == 2  # the page, and the look that is repeated
