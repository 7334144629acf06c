"""A lesson's lab report: to take home, and to open one from another machine.

    lab_report(COURSE, name="run", set_controls=set_controls)

It is made of the reader's own finished run in the address, of the guesses and of the answers of this session. A report
that is opened puts its settings into the page's controls, where the page has them, and offers the run.
"""

from collections.abc import Callable

import streamlit as st

from core.config import RunConfig
from core.course.content import Lesson
from core.course.lessons import number_of
from core.course.measured_run import MeasuredRun
from core.course.predictions import Chosen
from core.course.report import Answered, Guessed, config_of_report, report
from core.errors import UserError
from core.runs.names import run_name
from pages.shared.ask import ANSWERED
from pages.shared.engine import engine, events_of, store
from pages.shared.learner import learner
from pages.shared.plain import plain
from pages.shared.predict import chosen_of, drawn_of
from pages.shared.run_button import start_button

SetControls = Callable[[RunConfig], None]


def lab_report(course: Lesson, *, name: str, set_controls: SetControls | None = None) -> None:
    """Folded up: download a report, or open one. `name` is that of a run in the address."""
    with st.expander("Lab report", icon=":material/lab_profile:"):
        if run := own_run(name):
            st.download_button(
                "Download your lab report",
                report(
                    course,
                    run,
                    guesses=guesses(course, run),
                    answered=answered(course),
                    learner=learner(),
                ),
                f"{number_of(course.id):02}-{course.id}-report.html",
                "text/html",
                key=f"{course.id}_report",
            )
        else:
            st.caption("A finished run of your own on this page makes the report.")
        file = st.file_uploader(
            "Open a report from another machine", type=["html"], key=f"{course.id}_open_report"
        )
        if file:
            try:
                text = file.getvalue().decode("utf-8", "replace")
                offer(course, config_of_report(text), name, set_controls)
            except UserError as error:
                st.error(plain(str(error)))


def offer(course: Lesson, config: RunConfig, name: str, set_controls: SetControls | None) -> None:
    """The settings of an opened report, and what can be done with them."""
    st.markdown(
        f"The report was made with: {plain(run_name(config.to_dict()))}, seed {config.seed}."
    )
    with st.container(horizontal=True):
        if set_controls:
            st.button(
                "Put these settings into the controls",
                key=f"{course.id}_report_settings",
                on_click=set_controls,
                args=(config,),
            )
        if start_button(config, "Run it here", key=f"{course.id}_report_run"):
            st.query_params[name] = engine().submit(config).id
            st.rerun()


def own_run(name: str) -> MeasuredRun | None:
    """The reader's finished run in the address; None where there is none, or its settings are not valid any more."""
    try:
        run = store().get(st.query_params.get(name, ""))
        if run.status != "finished":
            return None
        return MeasuredRun(config=run.config, events=tuple(events_of(run.id)), summary=run.summary)
    except UserError:
        return None


def guesses(course: Lesson, run: MeasuredRun) -> list[Guessed]:
    """What the reader predicted, beside what this run or the recordings say."""
    found: list[Guessed] = []
    for one in course.predictions:
        if isinstance(one, Chosen):
            if not (guess := chosen_of(course, one)):
                continue
            came = one.measured(course.figures, run)
            words = one.compare(guess, came).words if came else ""
        else:
            if not (heights := drawn_of(course, one)):
                continue
            pairs = zip(one.points, heights, strict=True)
            guess = ", ".join(f"{point}: {height:.2g}" for point, height in pairs)
            points = one.measured(course.figures, run)
            words = ""
            if points and len(points) == len(heights):
                measured = zip(one.points, points, strict=True)
                words = ", ".join(f"{point}: {figure.words}" for point, figure in measured)
                words += f". {one.how} Here: {one.compare(heights, points).distance:.2g}."
        found.append(Guessed(ask=course.printed(one.ask), guess=guess, came=words))
    return found


def answered(course: Lesson) -> list[Answered]:
    """The questions of this lesson that were answered in this session."""
    kept: dict[str, str] = st.session_state.get(ANSWERED, {})
    asked = [*(one.question for one in course.predictions), *course.questions]
    found: list[Answered] = []
    for question in asked:
        for answer in question.answers:
            if kept.get(f"{course.id} {question.id}") == answer.text:
                verdict = (
                    "" if answer.right else f"Not quite. The right answer: {question.right.text}. "
                )
                found.append(
                    Answered(
                        ask=course.printed(question.ask),
                        answer=course.printed(answer.text),
                        verdict=course.printed(verdict + answer.explained),
                    )
                )
    return found
