"""What the teacher decides: limits of the class, and which runs the class sees on the wall."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import pages.shared.engine
from core.classroom.classroom import SERVER, Classroom
from core.config import RunConfig
from core.errors import UserError
from core.paths import ROOT
from core.runs.limits import Limits
from core.runs.rights import store_for
from core.runs.store import RunStore, RunSummary, worker_identity
from core.visitor import Visitor
from pages.shared import visitor as who
from tests.pages.fake_engine import FakeEngine
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.thorough


class Room:
    """A class with two learners and a teacher, and a browser that is one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        room = Classroom()
        school_class, secret = room.classes.begin(name="8b", minutes=45)
        self.class_id = school_class.id
        self.cookies = {name: room.enter(school_class.code, name) for name in ("Mia", "Ben")}
        self.cookies["teacher"] = room.teach(secret)
        self.tickets = room.tickets

    def visitor(self, name: str) -> Visitor:
        return self.tickets.visitor(self.cookies[name])

    def open(self, page: str, name: str, **address: str) -> AppTest:
        cookies = {who.COOKIE: self.cookies[name]}
        self.monkeypatch.setattr(type(st.context), "cookies", property(lambda _: cookies))
        app = AppTest.from_file(str(ROOT / f"pages/lab/{page}/page.py"), default_timeout=PATIENCE_S)
        for key, value in address.items():
            app.query_params[key] = value
        app.run()
        assert not app.exception
        return app


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv(SERVER, "1")
    monkeypatch.setattr(pages.shared.engine, "LocalEngine", FakeEngine)
    monkeypatch.setattr(pages.shared.engine, "is_ready", lambda entry: True)
    st.cache_resource.clear()
    return Room(monkeypatch)


def said(app: AppTest) -> str:
    return " ".join(text.value for text in (*app.markdown, *app.caption))


def test_the_teacher_sets_limits_and_learners_are_held_to_them(room: Room) -> None:
    app = room.open("classroom", "teacher")
    key = f"classroom_limits_{room.class_id}"
    app.number_input(key=f"{key}_steps").set_value(12)
    app.number_input(key=f"{key}_mb").set_value(0.5)
    next(b for b in app.button if b.label == "Save").click().run()
    assert not app.exception
    store = RunStore()
    assert store.limits.of(room.class_id) == Limits(steps=12, upload_bytes=500_000)
    with pytest.raises(UserError, match="at most 12 steps"):
        store_for(room.visitor("Mia"), store).submit(RunConfig())
    assert not room.open("classroom", "Mia").number_input  # it is the teacher's page


def test_the_teacher_sees_whose_a_run_is_and_hides_it(room: Room) -> None:
    store = RunStore()
    for name in ("Mia", "Ben"):
        run_id = store_for(room.visitor(name), store).submit(RunConfig()).id
    assert store.claim(worker=worker_identity())
    store.finish(run_id, RunSummary())
    app = room.open("runs", "teacher", run=run_id)
    assert "Run by Mia, Ben." in said(app)
    app.button(key=f"runs_hide_{run_id}").click().run()
    assert "Hidden from the wall." in said(app)
    assert all(one.hidden for one in store.holdings())
    app.button(key=f"runs_hide_{run_id}").click().run()
    assert not any(one.hidden for one in store.holdings())
    app = room.open("runs", "Mia", run=run_id)
    assert "Run by" not in said(app)
    assert not [b for b in app.button if b.key == f"runs_hide_{run_id}"]
