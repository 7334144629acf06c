"""The curves of a run that is followed are built anew at a check, not at every look between two."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.events import Event
from core.experiments.collapse import collapse
from core.recorded import files
from core.runs.store import Run, RunStore
from pages.shared import forgetting
from tests.events import evaluation, sample, step
from tests.pages.shipped import ship


@pytest.fixture(autouse=True)
def nothing_drawn() -> Iterator[None]:
    st.cache_data.clear()
    yield
    st.cache_data.clear()


def drawn(run: "Run", events: "list[Event]") -> None:
    from pages.shared.forgetting import draw

    draw(run, events)


def titles(run: Run, events: list[Event]) -> list[str]:
    """Of the charts on the page."""
    app = AppTest.from_function(drawn, kwargs={"run": run, "events": events}).run()
    assert not app.exception
    return [chart.proto.spec for chart in app.get("vega_lite_chart")]


@pytest.mark.thorough
def test_the_curves_are_built_once_for_a_check(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    built: list[int] = []
    usual = forgetting.curves

    def counted(events: list[Event], *more: object, **options: object) -> object:
        built.append(len(events))
        return usual(events, *more, **options)  # pyright: ignore

    monkeypatch.setattr(forgetting, "curves", counted)
    store = RunStore()
    run, other = (store.submit(collapse(seed=seed)) for seed in (1, 2))
    events: list[Event] = [sample(0, "", "Amina and Omar."), evaluation(0, "names", 0.5)]
    looks: list[list[str]] = []
    for number in range(1, 4):
        looks.append(titles(run, events))
        events.append(step(number))
    assert built == [2]
    assert looks[0] == looks[1] == looks[2]  # and they are drawn at each look
    assert "At step 0: Names 0.50" in looks[2][0]
    events.append(evaluation(5, "names", 0.25))
    assert "At step 5: Names 0.25" in titles(run, events)[0]
    assert built == [2, 6]
    titles(other, events)
    assert built == [2, 6, 6]
    monkeypatch.setattr(files, "FOLDER", tmp_path / "recorded")
    ship(tmp_path / "recorded", [collapse(seed=1)])
    titles(run, events)
    assert built == [2, 6, 6, 6]  # the recorded one is drawn behind it now


def test_an_equal_number_of_other_scores_is_another_chart() -> None:
    """As where a run began again: its second attempt has as many checks as the first had."""
    from pages.shared.live_chart import losses_in, scores_in

    first: list[Event] = [evaluation(0, "names", 0.5), step(1, 2.0)]
    second: list[Event] = [evaluation(0, "names", 0.25), step(1, 3.0)]
    assert scores_in(first) != scores_in(second)
    assert losses_in(first) != losses_in(second)
