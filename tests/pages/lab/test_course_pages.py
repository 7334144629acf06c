"""The pages around the lessons: challenges with the judge, glossary with search, questions, progress."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.course import quiz
from core.course.challenges import PairChallenge, challenge
from core.course.glossary import terms
from core.course.progress import Entry, keep, progress
from pages.shared.terms import FirstUses, address_of
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import streamlit as st

    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    st.cache_resource.clear()
    return tmp_path


def opened(page: str, **state: object) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    for key, value in state.items():
        app.session_state[key] = value
    app.switch_page(f"pages/lab/{page}/page.py").run()
    assert not app.exception
    return app


def text_of(app: AppTest) -> str:
    return "\n".join(one.value for one in (*app.markdown, *app.caption))


def test_terms_are_marked_once_and_lead_to_the_glossary() -> None:
    uses = FirstUses()
    first = uses.marked("LoRA has a rank.")
    assert f'[LoRA]({address_of(terms()["lora"])} "{terms()["lora"].definition}")' in first
    assert uses.marked("LoRA has a rank.") == "LoRA has a rank."
    assert all('"' not in term.definition for term in terms().values())
    assert address_of(terms()["ia3"]) == "glossary?glossary_search=%28IA%29%C2%B3"


@pytest.mark.thorough
def test_the_glossary_finds_a_term_and_its_place() -> None:
    app = opened("glossary")
    assert f"{len(terms())} terms" in text_of(app)
    app.text_input(key="glossary_search").set_value("low-rank adaptation").run()
    found = app.markdown[0].value
    assert found.startswith("**LoRA**")
    assert "(lora)" in found
    app.text_input(key="glossary_search").set_value("![x](http://evil.example)").run()
    assert not app.exception
    assert "Nothing is called" in text_of(app)
    assert "![x](http" not in text_of(app)


def judge(app: AppTest, id: str) -> AppTest:
    app.button(key=f"challenges_{id}_judge").click().run()
    assert not app.exception
    return app


@pytest.mark.thorough
def test_a_challenge_is_tried_hinted_at_and_solved() -> None:
    one = challenge("fooled")
    assert isinstance(one, PairChallenge)
    app = opened("challenges", challenges_fooled=True, learner="Mia")
    app.radio(key="challenges_fooled_said").set_value("wrong").run()
    assert "Not solved" in text_of(judge(app, "fooled"))
    assert "A hint." not in text_of(app)
    assert "A hint." in text_of(judge(app, "fooled"))
    app.text_area(key="challenges_fooled_reference").set_value(one.solution.reference)
    app.text_area(key="challenges_fooled_output").set_value(one.solution.output).run()
    said = text_of(judge(app, "fooled"))
    assert "Solved." in said
    assert "Why it is so" in said
    found = progress("Mia")
    assert (found.tries["fooled"], list(found.solved)) == (2, ["fooled"])
    assert progress().entries == ()


@pytest.mark.thorough
def test_a_prompt_is_judged_on_what_was_measured() -> None:
    app = opened("challenges", challenges_one_example=True)
    box = app.selectbox(key="challenges_one_example_prompt")
    assert box.options[0] == "no examples"
    box.select("1 example as a chat, seed 0").run()
    assert "Solved." in text_of(judge(app, "one_example"))


def test_a_challenge_on_runs_says_what_to_do_without_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.recorded.collections", list)
    app = opened("challenges", challenges_gentle=True)
    assert "There is no finished run with these scores yet" in text_of(app)


@pytest.mark.thorough
def test_the_questions_before_and_after() -> None:
    app = opened("before_after", learner="Mia")
    form = quiz.items(quiz.form_for("Mia", quiz.BEFORE))
    for item in form[:3]:
        radio = app.radio(key=f"before_after_{item.question.id}")
        radio.set_value(item.right if item is not form[2] else item.held)
    next(b for b in app.button if b.label == "Hand in").click().run()
    assert not app.exception
    assert app.metric[0].value == "2 of 14"
    app.button_group(key="before_after_moment").set_value(quiz.AFTER).run()
    other = quiz.items(quiz.form_for("Mia", quiz.AFTER))  # its turn has come
    assert app.radio(key=f"before_after_{other[0].question.id}").value is None
    for item in other[:5]:
        app.radio(key=f"before_after_{item.question.id}").set_value(item.right)
    next(b for b in app.button if b.label == "Hand in").click().run()
    assert not app.exception
    assert [metric.value for metric in app.metric] == ["2 of 14", "5 of 14"]
    assert "3 more right answers" in text_of(app)
    assert form[2].misconception in text_of(app)


def test_progress_shows_and_deletes_what_one_did() -> None:
    keep(Entry(learner="Mia", kind="solved", lesson="lora", item="one_matrix"))
    keep(Entry(kind="ran", lesson="lora", item="some run"))
    app = opened("progress", learner="Mia")
    row = app.table[0].value.set_index("Lesson").filter(like="LoRA", axis=0).iloc[0]
    assert row["Solved"].startswith("1 of")
    assert row["Runs"] == 0
    assert challenge("one_matrix").title in text_of(app)
    app.button(key="progress_delete").click().run()
    assert not app.exception
    assert (progress("Mia").entries, len(progress().entries)) == ((), 1)
