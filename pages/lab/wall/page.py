"""Lab: the wall, for the projector: a class's guesses and what came, its runs, who is where, challenges solved."""

from dataclasses import replace
from time import time as now

import streamlit as st

from core.catalog import task_title
from core.classroom.learners import Learner
from core.classwork.guessed import Fan, Histogram, fan, histogram, nearest
from core.classwork.places import places
from core.classwork.plane import Place, place
from core.classwork.pupils import holders, measured, progress_of
from core.classwork.solved import solved
from core.course.content import Lesson, lesson
from core.course.lessons import LESSONS, name_of
from core.course.predictions import Chosen, Prediction
from core.course.sources import MeasuredRun
from core.data.listing import count
from core.errors import UserError
from core.runs.record import Run
from core.runs.states import RunStatus
from pages.lab.wall.figures import fan_chart, guess_bars, plane_chart
from pages.lab.wall.lists import solved_list, where_list
from pages.lab.wall.steer import steer
from pages.shared.class_choice import chosen_class
from pages.shared.engine import events_of, store
from pages.shared.one_of import one_of
from pages.shared.plain import plain
from pages.shared.visitor import classroom, visitor

LIVE_S = 2.0
KEPT = ("general", "names")
MOST_RUNS = 400


def most_visited(class_id: str) -> str:
    """The lesson at which most of the class are; the first one where nobody is."""
    seen = classroom().presence.of_class(visitor(), class_id)
    pages = [one.page for one in seen if one.is_here(now())]
    return max(LESSONS, key=lambda page: pages.count(page.url_path)).id


def choose(class_id: str) -> tuple[Lesson, Prediction, str, bool, bool]:
    """Lesson, prediction, the task that is kept, whether to show what came, and whether to show names."""
    titles = {page.id: f"{name_of(page.id)}: {page.title}" for page in LESSONS}
    if "wall_lesson" not in st.session_state and "wall_lesson" not in st.query_params:
        st.session_state["wall_lesson"] = most_visited(class_id)
    one, two, three, four = st.columns([3, 4, 2, 3], vertical_alignment="bottom")
    id = one.selectbox(
        "Lesson",
        list(titles),
        format_func=titles.__getitem__,
        key="wall_lesson",
        bind="query-params",
    )
    course = lesson(id)
    asked = {each.id: each for each in course.predictions}
    chosen = two.selectbox(
        "Guess",
        list(asked),
        format_func=lambda id: course.printed(asked[id].ask),
        key=f"wall_guess_{id}",
    )
    kept = one_of(three.segmented_control, "Kept", KEPT, format_func=lambda task: task_title(task).lower(), default=KEPT[0],
        key="wall_kept", bind="query-params",
    )  # fmt: skip
    with four:
        with_truth = st.toggle("Show what came", key=f"wall_came_{id}_{chosen}")
        with_names = not st.toggle("Hide names", key="wall_hide", bind="query-params")
    return course, asked[chosen], kept, with_truth, with_names


@st.fragment(run_every=LIVE_S)
def board(
    class_id: str, course: Lesson, one: Prediction, kept: str, with_truth: bool, with_names: bool
) -> None:
    """All of it, drawn anew every two seconds."""
    try:
        learners = classroom().members(visitor(), class_id)
        runs, held = runs_of(learners)
        names = {each.space: each.name for each in learners} if with_names else {}
        found = places(learners, classroom().presence.of_class(visitor(), class_id), now=now())
        known = {each.name: progress_of(each.space, each.name) for each in learners}
        done = solved(known)
        training = sum(run.status is RunStatus.RUNNING for run in runs)
        figures = {
            "Here now": f"{found.n_here} of {len(learners)}",
            "Runs": f"{len(runs)}" + (f", {training} training" if training else ""),
            "Challenges solved": str(sum(len(each.names) for each in done)),
        }
        for column, (label, value) in zip(st.columns(3), figures.items(), strict=True):
            column.metric(label, value)
        left, right = st.columns(2, gap="large")
        with left:
            guesses(class_id, course, one, runs, with_truth, names)
            st.subheader("Who is where")
            st.html(where_list(found, with_names=with_names))
        with right:
            plane(runs, held, kept, names)
            st.subheader("Challenges")
            if done:
                st.html(solved_list(done, n_learners=len(learners), with_names=with_names))
            else:
                st.caption("Nobody has tried one yet.")
    except UserError as error:
        st.error(plain(str(error)))


def runs_of(learners: list[Learner]) -> tuple[list[Run], dict[str, list[str]]]:
    """The runs of a class, the newest first, and who has each; what the teacher hid is left out."""
    spaces = {one.space for one in learners}
    held = {
        run_id: mine
        for run_id, holding in holders(store(), with_hidden=False).items()
        if (mine := [space for space in holding if space in spaces])
    }
    return [run for run in store().runs(limit=MOST_RUNS) if run.id in held], held


def guesses(
    class_id: str,
    course: Lesson,
    one: Prediction,
    runs: list[Run],
    with_truth: bool,
    names: dict[str, str],
) -> None:
    given = classroom().guesses.of(visitor(), class_id, course.id, one.id)
    st.subheader(course.shown(one.ask))
    if not given and not with_truth:
        st.caption(
            "No guess is locked yet. A guess is locked when its run, or the recorded one, starts."
        )
        return
    own = finished(runs) if with_truth else []
    if isinstance(one, Chosen):
        bars = histogram(course, one, given, own, with_truth=with_truth)
        st.markdown(f"**{chosen_words(bars)}**")
        alt = "; ".join(f"{option.text}: {option.n}" for option in bars.options)
        st.altair_chart(guess_bars(bars), width="stretch", key="wall_bars", alt=alt)
    else:
        lines = fan(course, one, given, own, with_truth=with_truth)
        st.markdown(f"**{drawn_words(lines, names)}**")
        alt = f"{count(len(lines.drawn), 'drawing')} of {one.axis}"
        st.altair_chart(fan_chart(lines), width="stretch", key="wall_fan", alt=alt)


def chosen_words(found: Histogram) -> str:
    """Above the bars."""
    said = f"{found.n} guessed"
    if not found.recorded and not found.n_runs:
        return said
    came = next((option for option in found.options if option.is_recorded), None)
    right = f", and {came.n} of them were right" if came and found.n else ""
    if not found.is_sure:
        right = ". More examples could move it over the border of a range, so no guess is right or wrong"
    if not found.recorded:
        return f"{said}, not recorded yet"
    return f"{plain(' '.join(found.recorded.split()))} {said}{right}."


def drawn_words(found: Fan, names: dict[str, str]) -> str:
    """Above the curves."""
    said = count(len(found.drawn), "drawing")
    if (away := found.mean_distance) is None:
        return said
    best = nearest(found.drawn, names)
    return f"{said}, on average {away:.2f} away from the first recorded run" + (
        f". {plain(best)}" if best else ""
    )


def finished(runs: list[Run]) -> list[MeasuredRun]:
    done = [run for run in runs if run.status is RunStatus.FINISHED]
    return [one for run in done if (one := measured_at_end(run.id, run))]


@st.cache_resource(show_spinner=False, max_entries=1_000)
def measured_at_end(run_id: str, _run: Run) -> MeasuredRun | None:
    """As `place_at_end`, for the guesses."""
    return measured(_run, events_of)


def plane(runs: list[Run], held: dict[str, list[str]], kept: str, names: dict[str, str]) -> None:
    st.subheader("Learning against keeping")
    found = [
        one
        for run in runs
        if run.status is not RunStatus.QUEUED and (one := place_of(run, kept, tuple(held[run.id])))
    ]
    if not found:
        st.caption(
            f"No run of the class has measured {task_title(kept).lower()} yet without training on it."
        )
        return
    tasks = list(dict.fromkeys(one.task for one in found))
    learned = task_title(tasks[0]).lower() if len(tasks) == 1 else "the new task"
    others = len(runs) - len(found)
    st.markdown(
        f"**{count(len(found), 'run')} of the class**"
        + (f"; {others} more measured no such score, or wait" if others else "")
    )
    chart = plane_chart(found, names=names, learned=learned, kept=task_title(kept).lower())
    alt = f"{count(len(found), 'run')} of the class: learned against kept"
    st.altair_chart(chart, width="stretch", key="wall_plane", alt=alt)


def place_of(run: Run, kept: str, spaces: tuple[str, ...]) -> Place | None:
    if not run.status.is_over:
        return place(run, events_of(run.id), kept=kept, spaces=spaces)
    found = place_at_end(run.id, kept, run)
    return replace(found, spaces=spaces) if found else None


@st.cache_data(show_spinner=False, max_entries=2_000)
def place_at_end(run_id: str, kept: str, _run: Run) -> Place | None:
    """Of a run that is over: its record does not change any more."""
    return place(_run, events_of(run_id), kept=kept, spaces=())


st.title("Wall")
try:
    if school_class := chosen_class(key="wall_class"):
        course, one, kept, with_truth, with_names = choose(school_class.id)
        steer(school_class.id, course, one)
        with st.container(key="wall_board"):
            board(school_class.id, course, one, kept, with_truth, with_names)
except UserError as error:
    st.error(plain(str(error)))
