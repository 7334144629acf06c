"""A run taken home from its page: written and checked by a process of its own, then downloaded."""

import json
import time

import pytest
from streamlit.testing.v1 import AppTest

from core.export import kept
from core.runs.store import RunStore
from pages.shared import take_home
from tests.pages.fake_engine import FakeEngine
from tests.pages.lab.test_workbench import labels, opened, said, step_by_step
from tests.pages.test_any_run import store
from tests.pages.test_lessons import engine

pytestmark = pytest.mark.thorough
__all__ = ["engine", "store"]  # fixtures


def wait_for(app: AppTest, label: str) -> None:
    """The page again and again, until a button is there."""
    for _ in range(300):
        app.run()
        assert not app.exception
        if any(label in button for button in labels(app)) or app.get("download_button"):
            return
        time.sleep(0.3)
    raise AssertionError(f"{label} never came: {said(app)}")


def choose_format(app: AppTest, name: str) -> None:
    (formats,) = [s for s in app.selectbox if s.label == "Format"]
    formats.set_value(name).run()


def test_the_card_is_written_by_a_process_and_downloaded(
    engine: FakeEngine, store: RunStore
) -> None:
    """The real command, on a run of the record."""
    run_id = step_by_step(store, "finished")
    app = opened("runs", run=run_id)
    choose_format(app, "card")
    app.button(key=f"take_home_{run_id}_start_card").click().run()
    wait_for(app, "Export it anew")
    assert (kept.folder_of(run_id, "card") / "README.md").is_file()
    assert kept.zipped(run_id, "card").stat().st_size > 500
    app.button(key=f"take_home_{run_id}_anew_card").click().run()
    assert not kept.is_there(run_id, "card")
    assert "Export" in labels(app)


def test_an_export_that_cannot_be_made_says_why(engine: FakeEngine, store: RunStore) -> None:
    """The run of the record has no weights."""
    run_id = step_by_step(store, "finished")
    app = opened(run=run_id)
    app.button(key=f"take_home_{run_id}_start_merged").click().run()
    wait_for(app, "Export")
    assert [e.value for e in app.error] == [
        f"The run {run_id} has no saved adapter (it is finished); run it again."
    ]
    assert not kept.is_there(run_id, "merged")
    assert not list(kept.folder_of(run_id, "").parent.glob("*partial*"))


def test_a_parity_table_is_shown(engine: FakeEngine, store: RunStore) -> None:
    run_id = step_by_step(store, "finished")
    folder = kept.folder_of(run_id, "merged")
    folder.mkdir(parents=True)
    row = {"max_new_tokens": 8, "same_tokens": True, "parts_at": None, "app_gap": None}
    rows = [
        {**row, "prompt": "a", "app": "x", "exported": "x", "exported_gap": None, "is_equal": True},
        {**row, "prompt": "b", "app": "x", "exported": "y", "parts_at": 0, "app_gap": 9.0,
         "exported_gap": 1.0, "is_equal": False},
    ]  # fmt: skip
    found = {"format": "merged", "run": run_id, "dtype": "bfloat16", "end_ids": [2], "rows": rows}
    (folder / "parity.json").write_text(json.dumps(found))
    app = opened(run=run_id)
    choose_format(app, "merged")
    assert "1 of 2 answers are those of the app. 1 answer differs by more" in app.warning[0].value
    (table,) = [d.value for d in app.dataframe if "answers" in d.value.columns]
    assert list(table["answers"]) == ["equal", "different"]
    store.delete(run_id)


class Running:
    """An export that is being written."""

    is_running = True


def test_a_class_does_not_fill_the_machine_with_exports(
    engine: FakeEngine, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {(f"run{n}", "merged"): Running() for n in range(take_home.MOST_AT_ONCE)}
    monkeypatch.setattr(take_home, "_under_way", lambda: others)
    run_id = step_by_step(store, "finished")
    app = opened("runs", run=run_id)
    choose_format(app, "card")
    app.button(key=f"take_home_{run_id}_start_card").click().run()
    assert not app.exception
    assert "2 other exports are being written on this machine." in app.error[0].value
    assert (run_id, "card") not in others
    others.popitem()
    app.button(key=f"take_home_{run_id}_start_card").click().run()
    wait_for(app, "Export it anew")
