"""The page for teachers: what each lesson asks, and the kit to take along."""

import io
import zipfile

from streamlit.testing.v1 import AppTest

from core.course.content import lesson
from core.course.lessons import LESSONS
from core.paths import ROOT


def test_a_teacher_finds_every_lesson_and_takes_the_kit() -> None:
    app = AppTest.from_file(str(ROOT / "pages/lab/teachers/page.py"), default_timeout=30).run()
    assert not app.exception
    assert len(app.dataframe[0].value) == len(LESSONS)
    assert "45 minutes" in " ".join(m.value for m in app.markdown)
    app.selectbox(key="teachers_lesson").set_value("lora").run()
    assert not app.exception
    assert any("rank" in m.value.lower() for m in app.markdown)
    one = lesson("lora")
    goals = [f"- {one.shown(goal)}" for goal in one.goals]
    assert "\n".join(goals) in [m.value for m in app.markdown]  # whole, not cut off in a table


def test_the_archive_holds_notes_and_worksheets() -> None:
    from core.course.kit import kit_pages, packed

    names = zipfile.ZipFile(io.BytesIO(packed())).namelist()
    assert names == [f"kit/{name}" for name in kit_pages()]
    assert len(names) == 2 * len(LESSONS) + 1
