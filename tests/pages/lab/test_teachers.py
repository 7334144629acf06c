"""The page for teachers: what each lesson asks, and the kit to take along."""

import io
import zipfile
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.classroom.classroom import Classroom
from core.classroom.links import opened
from core.course.content import lesson
from core.course.lessons import LESSONS
from core.paths import ROOT
from tests.patience import PATIENCE_S


def test_a_teacher_finds_every_lesson_and_takes_the_kit() -> None:
    app = AppTest.from_file(
        str(ROOT / "pages/lab/teachers/page.py"), default_timeout=PATIENCE_S
    ).run()
    assert not app.exception
    assert len(app.dataframe[0].value) == len(LESSONS)
    assert "45 minutes" in " ".join(m.value for m in app.markdown)
    app.selectbox(key="teachers_lesson").set_value("lora").run()
    assert not app.exception
    assert any("rank" in m.value.lower() for m in app.markdown)
    one = lesson("lora")
    goals = [f"- {one.shown(goal)}" for goal in one.goals]
    assert "\n".join(goals) in [m.value for m in app.markdown]  # whole, not cut off in a table


@pytest.mark.thorough
def test_the_archive_holds_notes_and_worksheets() -> None:
    from core.course.kit import kit_pages, packed

    names = zipfile.ZipFile(io.BytesIO(packed())).namelist()
    assert names == [f"kit/{name}" for name in kit_pages()]
    assert len(names) == 2 * len(LESSONS) + 1


@pytest.mark.thorough
def test_a_link_is_prepared_from_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    st.cache_resource.clear()
    app = AppTest.from_file(
        str(ROOT / "pages/lab/teachers/page.py"), default_timeout=PATIENCE_S
    ).run()
    address = "http://localhost:8501/forgetting?forgetting_steps=40&forgetting_seed=3"
    app.text_input(key="teachers_address").set_value(address).run()
    assert not app.exception
    assert app.code[0].value.endswith("/forgetting?forgetting_steps=40&forgetting_seed=3")
    assert "works on any computer" in " ".join(one.value for one in app.caption)
    app.multiselect(key="teachers_link_locked").set_value(["forgetting_steps"]).run()
    link = opened(app.code[0].value.partition("?link=")[2])
    assert (link.locked, link.settings["forgetting_seed"]) == (("forgetting_steps",), ["3"])
    assert "works here and nowhere else" in " ".join(one.value for one in app.caption)
    app.button(key="teachers_link_short").click().run()
    assert not app.exception
    (shown,) = [one.value for one in app.header if "?l=" in one.value]
    assert Classroom().short_links.get(shown.rpartition("=")[2]) == link
    app.text_input(key="teachers_address").set_value("http://localhost:8501/nowhere").run()
    assert "not the address of a page" in app.error[0].value
