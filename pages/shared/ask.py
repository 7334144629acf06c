"""Questions with explained answers: one while a run is computed, one "why" after a prediction.

    ask(COURSE, question)                  a radio; the explanation of whatever is chosen stands below it
    ask_while_waiting(COURSE, run_id)      one question for each run, beside the live view and after it

A question never covers anything and stops nothing. What was answered stays for the session, also when the page is left.
"""

import streamlit as st

from core.course.content import Lesson
from core.course.progress import Entry
from core.course.questions import Question
from core.typed_json import Json
from pages.shared.learner import learner, remember

ANSWERED = "course_answers"
"""In the session: the text of the chosen answer, by lesson and question."""


def ask(course: Lesson, question: Question, *, label: str = "", place: str = "run") -> None:
    """Draw it; `label` stands before the question, in bold; on one page each place has its own."""
    kept: dict[str, str] = st.session_state.setdefault(ANSWERED, {})
    name, key = f"{course.id} {question.id}", f"{course.id}_ask_{question.id}_{place}"
    if (
        key not in st.session_state and kept.get(name) in question.choices
    ):  # the page was left and is back
        st.session_state[key] = kept[name]
    words = course.shown(question.ask)
    words = f"**{label}** {words}" if label else words
    chosen = st.radio(words, question.choices, index=None, format_func=course.shown, key=key)
    if chosen is None:
        return
    answer = next(a for a in question.answers if a.text == chosen)
    if kept.get(name) != chosen:
        kept[name] = chosen
        detail: dict[str, Json] = {"answer": chosen, "right": answer.right}
        remember(
            Entry(
                learner=learner(),
                kind="answered",
                lesson=course.id,
                item=question.id,
                detail=detail,
            )
        )
    verdict = "Right." if answer.right else "Not quite."
    explained = answer.explained.removeprefix("Yes. ").removeprefix("Yes, ").removeprefix("Yes: ")
    st.markdown(f"**{verdict}** {course.shown(explained[0].upper() + explained[1:])}")


def ask_while_waiting(course: Lesson, run_id: str) -> None:
    """The question of a run: another one for the next run, so that all come up."""
    ask(course, course.questions[which(run_id, len(course.questions))], label="While it trains:")


def which(run_id: str, n: int) -> int:
    """Of `n` questions the one for a run: the same after a reload."""
    return sum(run_id.encode()) % n
