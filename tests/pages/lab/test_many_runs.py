"""The page Runs with many runs: found, written on, compared, deleted; the doctor's and the probes' panels."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import pages.shared.engine
from core.config import OptimizerConfig, RunConfig
from core.events import Event
from core.probes.battery import SKILLS
from core.probes.report import compare
from core.runs.artifacts import saving
from core.runs.marks import Mark
from core.runs.messages import AskProbes
from core.runs.store import RunStore, RunSummary, worker_identity
from pages.lab.runs.compare import loss_figure, names_of, score_figure
from pages.shared.broke import broke_figure
from tests.core.doctor.streams import falling, scored, stream
from tests.pages.fake_engine import ANSWERS, FakeEngine
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.setattr(pages.shared.engine, "LocalEngine", FakeEngine)
    monkeypatch.setattr(pages.shared.engine, "is_ready", lambda entry: True)
    st.cache_resource.clear()
    st.cache_data.clear()
    yield RunStore()
    st.cache_resource.clear()


def finished(store: RunStore, config: RunConfig, events: list[Event], *, has_weights: bool = False) -> str:  # fmt: skip
    run = store.start(config, worker=worker_identity())
    for event in events:
        store.append(run.id, event)
    if has_weights:
        with saving(run.id) as folder:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "weights").write_bytes(b"1")
    store.finish(run.id, RunSummary(scores={"sentiment": 0.9}, first_scores={"sentiment": 0.0}))
    return run.id


def slow(rate: float = 1e-6) -> tuple[RunConfig, list[Event]]:
    """A run whose rate is far too low."""
    config = RunConfig(optimizer=OptimizerConfig(learning_rate=rate))
    before = scored(0, "sentiment", 0.0, form=0.0, label_accuracy=0.6)
    after = scored(20, "sentiment", 0.0, form=0.0, label_accuracy=0.6)
    return config, stream(config, loss=falling(2.35, 2.3), before=before, after=after)


def page(**address: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page("pages/lab/runs/page.py").run()
    assert not app.exception
    return app


def listed(app: AppTest) -> list[str]:
    return [str(run) for run in app.dataframe[0].value["run"]]


@pytest.mark.thorough
def test_runs_are_found_and_sorted(store: RunStore) -> None:
    ids = [finished(store, RunConfig(seed=seed), []) for seed in range(6)]
    store.marks.put(ids[2], Mark(name="My best run", tags=("good",)))
    store.marks.put(ids[3], Mark(tags=("good", "late")))
    app = page()
    assert len(listed(app)) == 6
    app.text_input(key="runs_words").set_value("best").run()
    assert listed(app) == ["My best run"]
    app.text_input(key="runs_words").set_value("").run()
    app.selectbox(key="runs_order").set_value("oldest first").run()
    app.multiselect(key="runs_tags").set_value(["good"]).run()
    assert listed(app) == ["My best run", "sentiment · LoRA 0.001, seed 3"]
    assert "2 of 6 runs." in [caption.value for caption in app.caption]


@pytest.mark.thorough
def test_a_name_tags_and_a_note_are_kept(store: RunStore) -> None:
    run = finished(store, RunConfig(), [])
    app = page(run=run)
    app.text_input(key=f"runs_name_{run}").set_value("The [first] one")
    app.text_input(key=f"runs_tags_{run}").set_value("good, lesson 3")
    app.text_area(key=f"runs_note_{run}").set_value("Look at *this*.")
    next(button for button in app.button if button.label == "Save").click().run()
    assert not app.exception
    mark = Mark(name="The [first] one", tags=("good", "lesson 3"), note="Look at *this*.")
    assert store.marks.of(run) == mark
    assert listed(app) == ["The [first] one"]
    assert app.header[0].value == r"The \[first\] one"
    assert "Tags: good, lesson 3" in [caption.value for caption in app.caption]


@pytest.mark.thorough
def test_the_doctor_s_next_run_is_one_click_away(store: RunStore) -> None:
    app = page(run=finished(store, *slow()))
    assert any(m.value.startswith("**The learning rate is too low:** it is") for m in app.markdown)
    assert any(c.value.startswith("Measured: highest rate") for c in app.caption)
    (button,) = (b for b in app.button if b.label == "Next run: Train at a rate of 0.001")
    button.click().run()
    assert not app.exception
    newest = store.runs()[0]
    assert newest.config == RunConfig()
    assert app.query_params["run"] == newest.id
    assert not [s for s in app.subheader if s.value == "Run doctor"]  # it has hardly begun


@pytest.mark.thorough
def test_what_a_tuning_broke_is_asked_and_shown(store: RunStore) -> None:
    run = finished(store, *slow(), has_weights=True)
    app = page(run=run)
    app.button(key="runs_broke_ask").click().run()
    assert not app.exception
    assert pages.shared.engine.engine().asked == [AskProbes(run=run)]
    shown = app.selectbox(key="runs_broke_skill")
    assert "Names in a text" in shown.options
    assert any("of 16. An answer is right when it" in c.value for c in app.caption)
    assert any("now wrong" in html.proto.body for html in app.get("html"))


def test_the_picture_tells_verdicts_apart_by_their_marks() -> None:
    probed = ANSWERS[AskProbes]
    report = compare(probed.before, probed.after)
    figure = broke_figure(report)
    drawn = {trace.name: trace for trace in figure.data}
    assert sum(len(trace.y) for trace in figure.data) == len(SKILLS)
    assert len({trace.marker.symbol for trace in figure.data}) == len(drawn) > 1
    lost = drawn["lost"]
    assert list(lost.y) == [
        s.kind.title for s in sorted(report.of("lost"), key=lambda s: -s.difference)
    ]
    assert all(x + up < 0 for x, up in zip(lost.x, lost.error_x.array, strict=True))


def compared(*ids: str) -> None:
    from pages.lab.runs.compare import compare_runs
    from pages.shared.engine import store

    compare_runs([store().get(run_id) for run_id in ids])


@pytest.mark.thorough
def test_many_runs_are_compared_and_taken_home(store: RunStore) -> None:
    ids = [finished(store, *slow(rate)) for rate in (1e-6, 1e-5, 1e-4)]
    store.marks.put(ids[1], Mark(name="Middle"))
    app = AppTest.from_function(compared, args=tuple(ids)).run()
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table["setting"]) == ["optimizer.learning_rate"]
    assert list(table.columns[1:]) == ["learning rate 0.000001", "Middle", "learning rate 0.0001"]
    assert list(table["Middle"]) == ["1e-05"]
    loss, score = (json.loads(chart.proto.spec) for chart in app.get("plotly_chart"))
    assert [trace["name"] for trace in loss["data"]] == list(table.columns[1:])
    assert all("error_y" in trace for trace in score["data"])
    assert [b.proto.label for b in app.get("download_button")] == ["Download CSV", "Download JSON"]


def test_equal_names_are_told_apart_by_their_ids(store: RunStore) -> None:
    runs = [store.get(finished(store, RunConfig(seed=seed), [])) for seed in range(2)]
    marks = {run.id: Mark(name="same") for run in runs}
    assert names_of(runs, marks) == {run.id: f"same ({run.id[-6:]})" for run in runs}


def test_a_name_in_a_chart_is_text(store: RunStore) -> None:
    _, events = slow()
    for figure in (loss_figure, score_figure):
        (trace,) = figure({"<a href='x'>click</a>": events}).data
        assert trace.name == "&lt;a href=&#x27;x&#x27;&gt;click&lt;/a&gt;"


def deleting(*ids: str) -> None:
    from pages.lab.runs.deletions import delete_button, deletions, offer_undo
    from pages.shared.engine import store

    offer_undo()
    left = [store().get(i) for i in ids if i not in deletions().waiting()]
    if left:
        delete_button(left)


@pytest.mark.thorough
def test_several_runs_are_deleted_and_brought_back_together(store: RunStore) -> None:
    ids = [finished(store, RunConfig(seed=seed), []) for seed in range(3)]
    app = AppTest.from_function(deleting, args=tuple(ids)).run()
    app.button(key="runs_delete_all").click().run()
    assert [i.value for i in app.info] == [
        "Deleted: 3 runs. For a minute they can be brought back."
    ]
    assert not [b for b in app.button if b.key == "runs_delete_all"]
    app.button(key="runs_undo").click().run()
    assert not app.exception
    assert app.button(key="runs_delete_all")
    assert {run.id for run in store.runs()} == {*ids}
