"""Lab: the questions before the first lesson and after the last one, and their results as a file."""

import streamlit as st

from core.course.quiz import (
    AFTER,
    BEFORE,
    FORMS,
    MOMENTS,
    NOT_ANSWERED,
    Item,
    Result,
    as_csv,
    form_for,
    items,
    results,
    score,
)
from core.data.listing import count
from core.errors import UserError
from core.percent import percent
from pages.shared.learner import ask_learner, learner, my_progress, remember
from pages.shared.one_of import one_of
from pages.shared.plain import plain
from pages.shared.terms import FirstUses

TITLES = {BEFORE: "Before the first lesson", AFTER: "After the last lesson"}


def choose_moment(done: dict[str, Result]) -> str:
    usual = AFTER if BEFORE in done else BEFORE
    return one_of(
        st.segmented_control,
        "When",
        MOMENTS,
        format_func=TITLES.__getitem__,
        default=usual,
        key="before_after_moment",
    )


def ask(moment: str) -> None:
    """The form, which counts once it is handed in; what is left open counts as not known."""
    name = learner()
    form = form_for(name, moment)
    with st.form(f"before_after_{moment}_{form}"):
        chosen: dict[str, int] = {}
        for number, item in enumerate(items(form), start=1):
            texts = [answer.text for answer in item.question.answers]
            said = st.radio(
                f"**{number}.** {item.question.ask}",
                range(len(texts)),
                format_func=texts.__getitem__,
                index=None,
                key=f"before_after_{item.question.id}",
            )
            chosen[item.id] = NOT_ANSWERED if said is None else said
        st.caption("Leave open what you do not know.")
        handed_in = st.form_submit_button("Hand in", type="primary")
    if handed_in:
        remember(score(name, moment, chosen).entry())
        st.rerun()


def show_result(result: Result) -> None:
    """How many are right, with how sure that is."""
    n, (low, high) = len(items(result.form)), result.interval
    st.metric(TITLES[result.moment], f"{result.n_right} of {n}")
    st.caption(
        f"{count(result.n_held, 'misconception')} chosen. With {n} questions, what you know may be anywhere from "
        f"{percent(low)} to {percent(high)} (95 % interval)."
    )


def compare(done: dict[str, Result]) -> None:
    """Both, side by side, and as a file."""
    for column, result in zip(st.columns(2), done.values(), strict=False):
        with column:
            show_result(result)
    if len(done) == 2:
        change = more_right(done[AFTER].n_right - done[BEFORE].n_right)
        st.markdown(
            f"**After the course: {change}.** One person’s answers vary; a class of twenty says more than you alone."
        )
    st.download_button(
        "Download as CSV",
        as_csv(done.values()),
        file_name="before_and_after.csv",
        mime="text/csv",
        key="before_after_csv",
        icon=":material/download:",
    )


def more_right(n: int) -> str:
    """The change between two counts of right answers, in words."""
    if n == 0:
        return "as many right answers as before"
    return f"{abs(n)} {'more' if n > 0 else 'fewer'} right answer{'' if abs(n) == 1 else 's'}"


def explain(result: Result) -> None:
    """Every answer of a form, explained."""
    uses = FirstUses()
    for item in items(result.form):
        number = result.chosen.get(item.id, NOT_ANSWERED)
        state = "right" if number == item.right else "open" if number < 0 else "not right"
        with st.expander(f"{item.question.ask} ({state})"):
            show_answers(item, number, uses)


def show_answers(item: Item, number: int, uses: FirstUses) -> None:
    for place, answer in enumerate(item.question.answers):
        mark = ":material/check:" if answer.right else ":material/close:"
        mine = " *(your answer)*" if place == number else ""
        st.markdown(f"{mark} **{plain(answer.text)}**{mine}  \n{uses.marked(answer.explained)}")
    if number != item.right:
        st.caption(f"The misconception behind it: {item.misconception}")


st.title("Before and after")
st.markdown(
    f"{len(items(FORMS[0]))} questions about what fine-tuning does and does not do. Answer them before the "
    "first lesson, and their twins after the last one: the difference is what you learned."
)
try:
    ask_learner(key="before_after_name")
    done = results(my_progress())
    if done:
        compare(done)
    moment = choose_moment(done)
    if moment not in done:
        ask(moment)
    elif moment == BEFORE:
        st.write(
            "You have handed these in. The explanations come with the second form, so that it measures the "
            "course and not them."
        )
    else:
        st.header("The answers, explained")
        explain(done[AFTER])
        if BEFORE in done:
            st.header("Those of the first form")
            explain(done[BEFORE])
except UserError as error:
    st.error(plain(str(error)))
