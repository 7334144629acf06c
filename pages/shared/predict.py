"""Predict before a run, compare after it: one guess chosen, one drawn, in every lesson in the same way.

    predict(COURSE, name="run")                  at the left, before Run
    answer(…, course=COURSE)                     at the right: a recorded run stops before it tells
    show_outcome_of(COURSE, run_id)              at the right, above a run that is over
    if predict_here(COURSE): …                   where no run of the page tells, with the button that shows it

A guess is locked as soon as the run or the replay starts, or what was measured is asked for. It can be left out, and
made anew with "Guess again". It is not in the address: a link must not tell it to others.
"""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from core.course.content import Lesson
from core.course.figures import Figure
from core.course.measured_run import MeasuredRun
from core.course.predictions import Came, Chosen, Drawn, Prediction
from core.course.progress import Entry
from core.runs.store import Run
from core.typed_json import Json
from pages.shared.ask import ask
from pages.shared.colours import AMBER, BLUE, GREY
from pages.shared.engine import events_of, store
from pages.shared.layout import ask_guess, show_guess
from pages.shared.learner import learner, remember
from pages.shared.visitor import classroom, visitor

STEPS_OF_AXIS = 20
"""Positions of a slider."""
PICTURE_HEIGHT = 230
GUESSED = "course_guesses"
"""In the session: the chosen option by lesson and prediction, also when the page is left."""


def is_locked(course: Lesson, name: str = "") -> bool:
    """Whether a run stands in the address under `name`, or the reader asked to see what was measured."""
    return name in st.query_params or bool(st.session_state.get(_seen(course)))


def predict(course: Lesson, *, name: str) -> None:
    """Ask for all predictions of a lesson; `name` is that of a run in the address."""
    locked = is_locked(course, name)
    for one in course.chosen:
        _choose(course, one, locked)
    for one in course.drawn:
        _draw(course, one, locked)
    if locked:
        _say_locked(course, name)


def predict_here(course: Lesson) -> bool:
    """The same where no run tells, with the button that shows what was measured; whether it may be shown."""
    predict(course, name="")
    if is_locked(course):
        return True
    _show_me(course, course.id)
    return False


def _show_on_the_wall(course: Lesson) -> None:
    """In a class: the teacher's wall has the guess from the moment at which it is locked."""
    if (who := visitor()).role != "learner":
        return
    shown: set[str] = st.session_state.setdefault(f"{course.id}_on_the_wall", set())
    for one in course.predictions:
        guess = chosen_of(course, one) if isinstance(one, Chosen) else drawn_of(course, one)
        if guess and one.id not in shown:
            classroom().guesses.lock(who, course.id, one.id, guess)
            shown.add(one.id)


def waits_for_guess(
    course: Lesson, what: str, *, name: str = "", label: str = "Show me", key: str = ""
) -> bool:
    """Whether a result has to wait for the guess; then a line says so, with the button that shows it all the same."""
    if is_locked(course, name):
        return False
    guessed = "Your guess is made." if has_guess(course) else "Guess first, or:"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{what} {guessed}")
        _show_me(course, key or course.id, label)
    return True


def lock(course: Lesson) -> None:
    """The reader asked to see what was measured: the guess stands as it is."""
    st.session_state[_seen(course)] = True


def _show_me(course: Lesson, key: str, label: str = "Show me") -> None:
    st.button(label, key=f"{key}_show_me", on_click=lock, args=(course,))


def _say_locked(course: Lesson, name: str) -> None:
    """That the guess is locked, or was left out, and the way to make it anew."""
    guessed = has_guess(course)
    if guessed:
        _show_on_the_wall(course)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Your guess is locked." if guessed else "You made no guess.")
        st.button(
            "Guess again" if guessed else "Guess",
            key=f"{course.id}_again",
            on_click=_forget,
            args=(course, name),
        )


def _seen(course: Lesson) -> str:
    """Where it is kept that the reader asked to see what was measured, with or without a guess."""
    return f"{course.id}_seen"


def _guessed() -> dict[str, str]:
    return st.session_state.setdefault(GUESSED, {})


def has_guess(course: Lesson) -> bool:
    """Whether anything is guessed in this lesson."""
    chosen = any(chosen_of(course, one) for one in course.chosen)
    return chosen or any(drawn_of(course, one) for one in course.drawn)


def chosen_of(course: Lesson, one: Chosen) -> str:
    """The option that was chosen, or ""."""
    return _guessed().get(f"{course.id} {one.id}", "")


def drawn_of(course: Lesson, one: Drawn) -> list[float]:
    """The heights that were drawn, or [] where the reader drew nothing."""
    return st.session_state.get(_drawing(course, one), [])


def is_about(course: Lesson, one: Prediction, run: MeasuredRun | None) -> bool:
    """Whether a guess was about this run: one about any run was about the first that was shown after it."""
    if run is None or not one.any_run:
        return True
    return st.session_state.setdefault(_first(course), run.config.hash) == run.config.hash


def _first(course: Lesson) -> str:
    return f"{course.id}_guess_of"


def show_outcome_of(course: Lesson, run_id: str) -> None:
    """The guesses beside a run that is over; nothing while it waits or trains."""
    run = store().get(run_id)
    if run.status.is_over and events_of(run_id):
        show_outcome(course, measured_run(run))


def measured_run(run: Run) -> MeasuredRun:
    """A run of this machine that is over. Raises `UserError` where its settings no longer work."""
    events = tuple(events_of(run.id))
    return MeasuredRun(config=run.config, events=events, summary=run.summary, run_id=run.id)


def show_outcome(course: Lesson, run: MeasuredRun | None = None) -> None:
    """Each guess beside what came, with its distance; then the question why. Nothing without a guess.

    `run` is the one that is shown; None looks everything up in the recordings.
    """
    others = False
    for one in course.predictions:
        guess = chosen_of(course, one) if isinstance(one, Chosen) else drawn_of(course, one)
        if not guess:
            continue
        if not is_about(course, one, run):
            others = True
        elif isinstance(one, Chosen):
            _chosen_outcome(course, one, str(guess), run)
        else:
            _drawn_outcome(course, one, drawn_of(course, one), run)
    if others:
        st.caption("Your guess was about another run. Guess again before the next one.")


def _choose(course: Lesson, one: Chosen, locked: bool) -> None:
    texts = [option.text for option in one.options]
    key, name = f"{course.id}_{one.id}_guess", f"{course.id} {one.id}"
    if _guessed().get(name) in texts:  # the page was left, and is back
        st.session_state.setdefault(key, _guessed()[name])
    _guessed()[name] = ask_guess(course.shown(one.ask), texts, key=key, is_locked=locked)


def _draw(course: Lesson, one: Drawn, locked: bool) -> None:
    """Sliders and a picture that follows them, folded up, and only made once they are unfolded.

    No popover: with the keyboard one would have to go through the whole page to what stands in it.
    """
    name = _drawing(course, one)
    box = st.expander(
        "Draw a second guess", icon=":material/draw:", key=f"{name}_open", on_change="rerun"
    )
    if not box.open:
        return
    start = one.start(course.figures)
    usual = one.high / 2 if start is None else start
    for n, height in enumerate(drawn_of(course, one)):  # it was folded, or the page was left
        st.session_state.setdefault(f"{course.id}_{one.id}_{n}_drawn", height)
    with box:
        st.markdown(f"**Guess first:** {course.shown(one.ask)}")
        place = st.container()  # above the sliders, so that it is seen while they move
        heights = [
            st.slider(
                point,
                0.0,
                float(one.high),
                _on_a_stop(usual, one.high),
                one.high / STEPS_OF_AXIS,
                key=f"{course.id}_{one.id}_{n}_drawn",
                disabled=locked,
                on_change=st.session_state.__setitem__,
                args=(f"{name}_touched", True),
            )
            for n, point in enumerate(one.points)
        ]
        figure = picture(one, heights, start=start)
        place.plotly_chart(figure, width="stretch", key=f"{course.id}_{one.id}_picture")
        st.caption(one.how)
    if st.session_state.get(f"{name}_touched"):
        st.session_state[name] = heights


def _on_a_stop(value: float, high: float) -> float:
    """The nearest position of a slider."""
    step = high / STEPS_OF_AXIS
    return min(high, round(value / step) * step)


def _drawing(course: Lesson, one: Drawn) -> str:
    return f"{course.id}_{one.id}_heights"


def _forget(course: Lesson, name: str) -> None:
    """All guesses of a lesson and the run that is shown, so that the guesses can be made anew."""
    for one in course.chosen:
        st.session_state[f"{course.id}_{one.id}_guess"] = None
        _guessed().pop(f"{course.id} {one.id}", None)
    for one in course.drawn:
        sliders = (f"{course.id}_{one.id}_{n}_drawn" for n, _ in enumerate(one.points))
        for kept in (_drawing(course, one), f"{_drawing(course, one)}_touched", *sliders):
            st.session_state.pop(kept, None)
    st.query_params.pop(name, None)
    st.session_state.pop(f"{course.id}_on_the_wall", None)
    st.session_state[_seen(course)] = False
    st.session_state.pop(_first(course), None)


def _remember(course: Lesson, id: str, guess: str | list[float], came: Came) -> None:
    """Keep a prediction and how far it was from what came; once for each guess."""
    told: set[tuple[str, str]] = st.session_state.setdefault("course_predicted", set())
    if (id, f"{guess} {came.distance}") in told:
        return
    told.add((id, f"{guess} {came.distance}"))
    kept: list[Json] | str = guess if isinstance(guess, str) else [*guess]
    detail: dict[str, Json] = {"guess": kept, "distance": came.distance, "right": came.is_right}
    remember(Entry(learner=learner(), kind="predicted", lesson=course.id, item=id, detail=detail))


def _chosen_outcome(course: Lesson, one: Chosen, guess: str, run: MeasuredRun | None) -> None:
    found = one.measured(course.figures, run)
    if found is None:
        show_guess(guess, "What came is not recorded yet: run it.")
        return
    came = one.compare(guess, found)
    _remember(course, one.id, guess, came)
    is_number = any(option.is_range for option in one.options)
    distance = f" Distance: {came.distance:.2f}." if is_number else ""
    if came.is_right is None:
        distance += (
            " More examples could move it over the border of your range, so your guess stays open."
        )
    show_guess(guess, f"{came.words}{distance}", is_right=came.is_right)
    ask(course, one.question, label="Why?")


def _drawn_outcome(
    course: Lesson, one: Drawn, heights: Sequence[float], run: MeasuredRun | None
) -> None:
    found = one.measured(course.figures, run)
    if found is None or len(found) != len(heights):
        st.caption(
            "What you drew is not measured here: not recorded yet, or not by a run of these settings."
        )
        return
    came = one.compare(heights, found)
    _remember(course, one.id, list(heights), came)
    st.markdown(
        f"**Your drawing is {came.distance:.2g} away, on average** ({one.axis}; 0 is exact)"
    )
    figure = picture(one, heights, start=one.start(course.figures), measured=found)
    st.plotly_chart(figure, width="stretch", key=f"{course.id}_{one.id}_outcome")
    ask(course, one.question, label="Why?")


def picture(
    one: Drawn,
    heights: Sequence[float],
    *,
    start: float | None = None,
    measured: Sequence[Figure] = (),
) -> go.Figure:
    """The guess, and what was measured beside it: lines over steps, or bars side by side."""
    figure = go.Figure()
    rows = [("your guess", list(heights), AMBER, "dash")]
    if measured:
        rows.append(("measured", [found.value for found in measured], BLUE, "solid"))
    for name, values, colour, dash in rows:
        if one.curve:
            first = [] if start is None else [(0, start)]
            points = [*first, *zip(one.steps, values, strict=True)]
            figure.add_scatter(
                x=[x for x, _ in points],
                y=[y for _, y in points],
                name=name,
                mode="lines+markers",
                line={"color": colour, "dash": dash},
            )
        else:
            figure.add_bar(
                x=list(one.points),
                y=values,
                name=name,
                marker={"color": colour, "pattern": {"shape": "/" if dash == "dash" else ""}},
            )
    figure.update_layout(
        height=PICTURE_HEIGHT,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        showlegend=True,
        xaxis={"title": "optimizer step" if one.curve else None},
        yaxis={"title": one.axis, "range": [0, 1.04 * one.high], "zerolinecolor": GREY},
    )
    return figure
