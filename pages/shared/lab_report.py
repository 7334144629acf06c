"""A lesson's lab report: to take home, and to open one from another machine.

    lab_report(COURSE, name="run", set_controls=set_controls, spells=spells)     of a lesson with a run in the address
    report_panel(COURSE, done, missing="…", offer=offer)                         of one that does something else

It is made of what the reader did, and of the guesses and answers of this session. A report that is opened puts its
settings into the page's controls, where the page has them, and offers the run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import streamlit as st

from core.config import RunConfig
from core.course.content import Lesson
from core.course.lessons import name_of, number_of, title_of
from core.course.measured_run import MeasuredRun
from core.course.predictions import Chosen
from core.course.report import Answered, Guessed, Table, answered, guessed, report
from core.course.report_settings import Settings, settings_of
from core.data import uploads
from core.errors import UserError
from core.runs.names import run_name
from pages.shared.ask import ANSWERED
from pages.shared.engine import engine, store
from pages.shared.learner import learner
from pages.shared.plain import plain
from pages.shared.predict import chosen_of, drawn_of, is_about, measured_run
from pages.shared.run_button import start_button

SetControls = Callable[[RunConfig], None]
Spells = Callable[[RunConfig], bool]
OUT_OF_REACH = (
    "The controls of this page cannot be set to these settings, but you can run them here."
)


@dataclass(frozen=True, kw_only=True)
class Done:
    """What the report of a page is about."""

    settings: Settings
    run: MeasuredRun | None = None
    """The one whose curves are drawn."""
    tables: tuple[Table, ...] = ()


def lab_report(course: Lesson, *, name: str, set_controls: SetControls, spells: Spells) -> None:
    """The report of the finished run that the address has under `name`.

    `spells` says whether the page's controls can be set to a config.
    """
    run = own_run(name)
    settings = Settings(lesson=course.id, runs=(run.config,)) if run else Settings()
    report_panel(
        course,
        Done(settings=settings, run=run) if run else None,
        missing="A finished run of your own on this page makes the report.",
        offer=partial(
            offer_run, course=course, name=name, set_controls=set_controls, spells=spells
        ),
    )


def report_panel(
    course: Lesson, done: Done | None, *, missing: str, offer: Callable[[Settings], None]
) -> None:
    """Folded up: download a report, or open one; `offer` draws what can be done with the settings of one of this lesson.

    `missing` says what makes a report where nothing is done yet.
    """
    with st.expander("Lab report", icon=":material/lab_profile:"):
        if done:
            st.download_button(
                "Download your lab report",
                report(
                    course,
                    done.run,
                    settings=done.settings,
                    tables=done.tables,
                    guesses=guesses(course, done.run),
                    answers=answers(course),
                    learner=learner(),
                ),
                f"{number_of(course.id):02}-{course.id}-report.html",
                "text/html",
                key=f"{course.id}_report",
            )
        else:
            st.caption(missing)
        file = st.file_uploader(
            "Open a report from another machine", type=["html"], key=f"{course.id}_open_report"
        )
        if file:
            try:
                settings = settings_of(file.getvalue().decode("utf-8", "replace"))
                if settings.lesson in ("", course.id):
                    offer(settings)
                else:
                    _lead_to(settings.lesson)
            except UserError as error:
                st.error(plain(str(error)))


def _lead_to(lesson: str) -> None:
    """A report of another lesson belongs there."""
    st.markdown(f"This is a report of {name_of(lesson)}. Open it on that lesson’s page.")
    st.page_link(f"pages/lessons/{lesson}/page.py", label=title_of(lesson))


def offer_run(
    settings: Settings, *, course: Lesson, name: str, set_controls: SetControls, spells: Spells
) -> None:
    """The run of an opened report: its settings for the controls, and the run itself."""
    if not settings.runs:
        raise UserError("The report holds no run, so there is nothing to repeat on this page.")
    config = settings.runs[0]
    st.markdown(
        f"The report was made with: {plain(run_name(config.to_dict()))}, seed {config.seed}."
    )
    if config.data.dataset and not uploads.is_here(config.data.dataset):
        st.caption("It trained on a file that is not on this machine. Upload the file first.")
        return
    can_set = spells(config)
    if not can_set:
        st.caption(OUT_OF_REACH)
    with st.container(horizontal=True):
        if can_set:
            put_button(course, partial(set_controls, config))
        if start_button(config, "Run it here", key=f"{course.id}_report_run"):
            st.query_params[name] = engine().submit(config).id
            st.rerun()


def put_button(course: Lesson, put: Callable[[], None]) -> None:
    """The button that puts the settings of an opened report into the page's controls."""
    st.button(
        "Put these settings into the controls", key=f"{course.id}_report_settings", on_click=put
    )


def own_run(name: str) -> MeasuredRun | None:
    """The reader's finished run in the address; None where there is none, or its settings are not valid any more."""
    try:
        run = store().get(st.query_params.get(name, ""))
        return measured_run(run) if run.status == "finished" else None
    except UserError:
        return None


def guesses(course: Lesson, run: MeasuredRun | None) -> list[Guessed]:
    """What the reader predicted, beside what this run or the recordings say."""
    given = {
        one.id: chosen_of(course, one) if isinstance(one, Chosen) else drawn_of(course, one)
        for one in course.predictions
        if is_about(course, one, run)
    }
    return guessed(course, given, run)


def answers(course: Lesson) -> list[Answered]:
    """The questions of this lesson that were answered in this session."""
    kept: dict[str, str] = st.session_state.get(ANSWERED, {})
    begin = f"{course.id} "
    given = {
        name.removeprefix(begin): text for name, text in kept.items() if name.startswith(begin)
    }
    return answered(course, given)
