"""Lab: all challenges, and the judge that looks at runs, texts and prompts."""

import streamlit as st

from core.course.challenges import (
    TRIES_BEFORE_HINT,
    TUNED,
    AnyChallenge,
    PairChallenge,
    PromptChallenge,
    RunChallenge,
    challenges,
)
from core.course.lessons import LESSONS, name_of
from core.course.progress import Entry, Progress
from core.course.verdict import MET, MISSED, UNKNOWN, UNSURE, Verdict
from core.errors import UserError
from pages.lab.challenges.attempts import try_pair, try_prompt, try_run
from pages.shared.learner import ask_learner, learner, my_progress, remember
from pages.shared.plain import plain
from pages.shared.terms import FirstUses

ICONS = {
    MET: ":material/check:",
    MISSED: ":material/close:",
    UNSURE: ":material/help:",
    UNKNOWN: ":material/pending:",
}
ALL = "all"
MOST_TRIES_KEPT = 50
"""Of one challenge: more say nothing new."""
TITLES = {page.id: page.title for page in LESSONS}


def choose_lesson() -> str:
    """A lesson, or "" for all."""
    chosen = st.selectbox(
        "Lesson",
        [ALL, *TITLES],
        format_func=lambda id: "All lessons" if id == ALL else f"{name_of(id)}: {TITLES[id]}",
        key="challenges_lesson",
        bind="query-params",
    )
    return "" if chosen == ALL else chosen


def attempt(one: AnyChallenge) -> Verdict | None:
    """The controls of a challenge; the verdict where the judge was asked just now."""
    match one:
        case RunChallenge():
            return try_run(one)
        case PairChallenge():
            return try_pair(one)
        case PromptChallenge():
            return try_prompt(one, with_run=one.prompt.other == TUNED)


def card(one: AnyChallenge, found: Progress, uses: FirstUses) -> None:
    """What is to be done, how to try it, and what the judge says."""
    mark = ":material/check_circle: " if one.id in found.solved else ""
    box = st.expander(
        f"{mark}{one.title} ({one.difficulty})", key=f"challenges_{one.id}", on_change="rerun"
    )
    if not box.open:  # hundreds of recorded runs may be listed in it
        return
    with box:
        st.markdown(uses.marked(one.task))
        verdict = attempt(one)
        if verdict:
            st.session_state[f"challenges_said_{one.id}"] = verdict
            note(one, verdict, found)
            st.rerun()  # the marks above know of it, too
        if said := st.session_state.get(f"challenges_said_{one.id}"):
            show_verdict(said)
        after_tries(one, found, uses)


def note(one: AnyChallenge, verdict: Verdict, found: Progress) -> None:
    """Write down that it was tried, or solved."""
    if verdict.solved or found.tries[one.id] < MOST_TRIES_KEPT:
        kind = "solved" if verdict.solved else "tried"
        remember(Entry(learner=learner(), kind=kind, lesson=one.lesson, item=one.id))


def after_tries(one: AnyChallenge, found: Progress, uses: FirstUses) -> None:
    """Why it is so, or a hint, where it is time for one; and the way to the lesson."""
    if one.id in found.solved:
        st.markdown(f"**Why it is so.** {uses.marked(one.why)}")
    elif found.tries[one.id] >= TRIES_BEFORE_HINT:
        st.markdown(f":material/lightbulb: **A hint.** {uses.marked(one.hint)}")
    st.page_link(
        f"pages/lessons/{one.lesson}/page.py",
        label=f"Go to {name_of(one.lesson)}: {TITLES[one.lesson]}",
        icon=":material/arrow_forward:",
    )


def show_verdict(verdict: Verdict) -> None:
    lines = [f"{ICONS[finding.state]} {plain(finding.words)}" for finding in verdict.findings]
    st.markdown("\n\n".join([f"**{verdict.words}**", *lines]))


st.title("Challenges")
st.markdown(
    "Each names something to bring about. Run it in its lesson, then let the judge look: it reads what was "
    "measured, with the intervals."
)
try:
    left, right = st.columns(2)
    with left:
        lesson = choose_lesson()
    with right:
        ask_learner(key="challenges_name")
    found = my_progress()
    wanted, uses = challenges(lesson), FirstUses()
    n = sum(one.id in found.solved for one in wanted)
    st.caption(f"{n} of {len(wanted)} solved. A hint comes after {TRIES_BEFORE_HINT} tries.")
    for page in LESSONS:
        mine = [one for one in wanted if one.lesson == page.id]
        if mine:
            st.subheader(f"{name_of(page.id)}: {page.title}")
        for one in mine:
            card(one, found, uses)
except UserError as error:
    st.error(plain(str(error)))
