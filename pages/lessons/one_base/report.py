"""The lesson's lab report: the adapters in memory and what they answered; one that is opened trains them here."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from core import catalog
from core.config import RunConfig
from core.course.content import Lesson
from core.course.report import Table
from core.course.report_settings import Settings
from core.errors import UserError
from core.experiments.adapters import ADAPTER_TASKS, Adapter, adapter_config
from pages.lessons.one_base.adapters import BASE_MODEL, remembered
from pages.shared.engine import store
from pages.shared.lab_report import OUT_OF_REACH, Done, put_button, report_panel
from pages.shared.queue import run_all

NOT_ASKED = "–"


def lab_report(course: Lesson, loaded: Mapping[str, Adapter], texts: Sequence[str]) -> None:
    """Folded up at the end of the page."""
    report_panel(
        course,
        done(course, loaded, texts),
        missing="An adapter of your own makes the report: train one above.",
        offer=partial(offer, course=course),
    )


def done(course: Lesson, loaded: Mapping[str, Adapter], texts: Sequence[str]) -> Done | None:
    """The adapters in memory, and their answers to the prompts of the page; None without any."""
    if not loaded:
        return None
    configs = tuple(store().get(adapter.run_id).config for adapter in loaded.values())
    rows = tuple(
        (name, str(one.rank), f"{one.score:.2f}", f"{one.n_bytes / 1e6:.2f}")
        for name, one in loaded.items()
    )
    head = ("Adapter", "Rank", "Score on its task", "On disk (MB)")
    tables = [Table(title="Adapters", head=head, rows=rows)]
    if any(map(remembered, texts)):
        names = (BASE_MODEL, *loaded)
        tables.append(
            Table(
                title="Answers",
                head=("Prompt", *names),
                rows=tuple((text, *answers(text, names)) for text in texts),
            )
        )
    return Done(settings=Settings(lesson=course.id, runs=configs), tables=tuple(tables))


def answers(text: str, names: Sequence[str]) -> list[str]:
    """What each model answered to a prompt in this session."""
    own = remembered(text)
    return [own[name].text if name in own else NOT_ASKED for name in names]


def offer(settings: Settings, *, course: Lesson) -> None:
    """The adapters of an opened report: their tasks for the controls, and their training."""
    if not settings.runs:
        raise UserError("The report holds no run, so there is nothing to repeat on this page.")
    tasks = [catalog.task_title(config.data.task) for config in settings.runs]
    st.markdown(f"The report has an adapter for each of: {', '.join(tasks)}.")
    if all(map(spells, settings.runs)):
        put_button(course, partial(put, settings.runs))
    else:
        st.caption(OUT_OF_REACH)
    run_all(settings.runs, "Train them here", key="one_base_report")


def spells(config: RunConfig) -> bool:
    """Whether a config is what the page trains for its task."""
    task = config.data.task
    return task in ADAPTER_TASKS and config == adapter_config(task)


def put(configs: Sequence[RunConfig]) -> None:
    st.session_state["one_base_tasks"] = list(dict.fromkeys(one.data.task for one in configs))
