"""The button that starts a run: an equal one is joined, a long one asks first, a full queue says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import pages.shared.engine
from core.config import OptimizerConfig, RunConfig
from core.events import Notice, Stopped
from core.runs import unfinished
from core.runs.store import RunStore, RunSummary
from tests.events import step
from tests.pages.fake_engine import FakeEngine


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.setattr(pages.shared.engine, "LocalEngine", FakeEngine)
    monkeypatch.setattr(pages.shared.engine, "is_ready", lambda entry: True)
    st.cache_resource.clear()
    yield RunStore()
    st.cache_resource.clear()


def button(settings: dict) -> None:  # type: ignore[type-arg]  (its text is run alone)
    import streamlit as st

    from core.config import RunConfig
    from core.errors import UserError
    from pages.shared.run_button import run_button

    try:
        run_button(RunConfig.from_dict(settings), "Run", key="page", name="run")
    except UserError as error:  # as app.py does
        st.error(str(error))


def opened(config: RunConfig) -> AppTest:
    return AppTest.from_function(button, kwargs={"settings": config.to_dict()}).run()


def said(app: AppTest) -> str:
    assert not app.exception
    return " ".join(text.value for text in [*app.caption, *app.markdown, *app.error])


@pytest.mark.thorough
def test_an_equal_run_is_joined_and_the_page_says_so(store: RunStore) -> None:
    app = opened(RunConfig())
    assert said(app) == ""
    app.button(key="page_start").click().run()
    (run,) = store.runs()
    assert app.query_params["run"] == run.id
    again = opened(RunConfig())
    assert said(again) == (
        "A run with exactly these settings is waiting already; it is not started twice."
    )
    again.button(key="page_start").click().run()
    assert [r.id for r in store.runs()] == [run.id]
    assert again.query_params["run"] == run.id
    store.claim(worker="another-host:1:1.00")
    assert "is training already" in said(opened(RunConfig()))


@pytest.mark.thorough
def test_a_long_run_asks_first_and_says_how_long_it_takes(store: RunStore) -> None:
    done = store.start(RunConfig(), worker="another-host:1:1.00")
    store.finish(done.id, RunSummary(steps=20, train_s=10.0, elapsed_s=10.0))
    assert said(opened(RunConfig())) == ""
    long = RunConfig(optimizer=OptimizerConfig(steps=10_000))
    app = opened(long)
    assert said(app) == "This run will take about 83 minutes. Other runs wait meanwhile."
    assert app.button(key="page_start").label == "Start it"
    assert len(store.runs()) == 1
    app.button(key="page_start").click().run()
    assert store.runs()[0].config == long


@pytest.mark.thorough
def test_what_a_new_run_would_wait_for_is_said(store: RunStore) -> None:
    store.submit(RunConfig(seed=1))
    words = "A new run waits for 1 other: how long, no finished run tells yet."
    assert said(opened(RunConfig())) == words
    finish_alike(store)
    assert said(opened(RunConfig())) == "A new run waits for 1 other, about 10 s."


def finish_alike(store: RunStore) -> None:
    """A run that tells how long one of its kind takes."""
    done = store.start(RunConfig(seed=9), worker="another-host:1:1.00")
    store.finish(done.id, RunSummary(steps=20, train_s=8.0, elapsed_s=10.0))
    st.cache_resource.clear()  # instead of half a minute


def test_a_full_queue_is_said(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNING_FORK_QUEUE", "1")
    store.submit(RunConfig(seed=1))
    app = opened(RunConfig()).button(key="page_start").click().run()
    assert said(app) == (
        "The queue is full (1 waiting). Stop a run, or try again when some are done."
    )
    assert len(store.runs()) == 1


def address() -> None:
    from pages.shared.run_button import run_in_url

    run_in_url("run", offer_runs=False)


def test_a_long_address_is_repeated_in_part(store: RunStore) -> None:
    app = AppTest.from_function(address)
    app.query_params["run"] = "a" * 101
    told = said(app.run())
    assert "a" * 99 + "…” in this page’s address is not on this machine" in told
    assert "a" * 100 not in told


@pytest.mark.thorough
def test_a_stopped_run_that_kept_its_state_goes_on(store: RunStore) -> None:
    run = store.start(RunConfig(), worker="another-host:1:1.00")
    for event in (Notice(step=0, message="a note"), step(1), step(2)):
        store.append(run.id, event)
    app = AppTest.from_function(button, kwargs={"settings": RunConfig().to_dict()})
    app.query_params["run"] = run.id
    assert "page_go_on" not in {one.key for one in app.run().button}  # it trains
    store.append(run.id, Stopped(run_id=run.id, n_events=2))
    store.stop(run.id, "Stopped by the reader.")
    assert "page_go_on" not in {one.key for one in app.run().button}  # it kept nothing
    unfinished.keep(run.id, lambda path: path.write_bytes(b"state"))
    app.run()
    assert app.button(key="page_go_on").label == "Go on from step 2"
    app.button(key="page_go_on").click().run()
    assert not app.exception
    (gone_on,) = store.active()
    assert app.query_params["run"] == gone_on.id != run.id
    assert [event.type for event in store.events(gone_on.id)] == ["notice", "step"]
    assert unfinished.is_kept(gone_on.id)
