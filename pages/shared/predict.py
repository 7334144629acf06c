"""Predict before a run, compare after it: one guess chosen, one drawn.

    guess = predict(COURSE, name="run")          at the left, before Run; "" as long as nothing is guessed
    answer(…, guess=guess if is_locked(COURSE, "run") else "")      the recorded run waits until then
    show_outcome(COURSE, run)                    at the right, where the result stands
    predict_and_look_up(COURSE)                  instead of these, where no single run answers: a panel

A guess is locked as soon as the run or the replay starts. It can be left out, and made anew with "Guess again". It is
not in the address: a link must not tell it to others.
"""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from core.course.content import Lesson
from core.course.figures import Figure
from core.course.predictions import Came, Chosen, Drawn
from core.course.progress import Entry
from core.course.sources import MeasuredRun
from core.typed_json import Json
from pages.shared.ask import ask
from pages.shared.colours import AMBER, BLUE, GREY
from pages.shared.layout import ask_guess, show_guess
from pages.shared.learner import learner, remember
from pages.shared.visitor import classroom, visitor

STEPS_OF_AXIS = 20
"""Positions of a slider."""
PICTURE_HEIGHT = 230


def is_locked(course: Lesson, name: str) -> bool:
    """Whether a run stands in the address under `name`, or the recorded one was let go on."""
    return name in st.query_params or bool(st.session_state.get(_let_go_on(course)))


def predict(course: Lesson, *, name: str) -> str:
    """Ask for all predictions of a lesson; returns "" as long as nothing is guessed, else what was."""
    locked = is_locked(course, name)
    parts = [
        *(_choose(course, one, locked) for one in course.chosen),
        *(_draw(course, one, locked) for one in course.drawn),
    ]
    given = [part for part in parts if part]
    if locked and given:
        _show_on_the_wall(course)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Your guess is locked.")
            st.button(
                "Guess again", key=f"{course.id}_again", on_click=_forget, args=(course, name)
            )
    return ", ".join(given)


def predict_and_look_up(course: Lesson) -> None:
    """All predictions of a lesson folded up in a panel; a button locks them and looks up what was measured."""
    n = len(course.predictions)
    with st.expander(f"Predict first: {n} guesses", icon=":material/psychology_alt:"):
        guess = predict(course, name="")
        if not is_locked(course, ""):
            st.button(
                "Show what was measured",
                key=f"{course.id}_look_up_guess",
                on_click=st.session_state.__setitem__,
                args=(_let_go_on(course), True),
            )
        elif guess:
            show_outcome(course, None)
        else:
            st.caption("You made no guess, so there is nothing to compare.")
            st.button("Guess", key=f"{course.id}_again", on_click=_forget, args=(course, ""))


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


def _let_go_on(course: Lesson) -> str:
    """Where pages/shared/answers.py keeps that the reader wants to see it without a guess, or after it."""
    return f"{course.id}_skipped"


def chosen_of(course: Lesson, one: Chosen) -> str:
    """The option that was chosen, or ""."""
    return st.session_state.get(f"{course.id}_{one.id}_guess") or ""


def drawn_of(course: Lesson, one: Drawn) -> list[float]:
    """The heights that were drawn, or [] where the reader drew nothing."""
    return st.session_state.get(_drawing(course, one), [])


def show_outcome(course: Lesson, run: MeasuredRun | None) -> None:
    """Each guess beside what came, with its distance; then the question why. Nothing without a guess.

    `run` is the one that is shown; None looks everything up in the recordings.
    """
    for one in course.chosen:
        if guess := chosen_of(course, one):
            _chosen_outcome(course, one, guess, run)
    for one in course.drawn:
        if heights := drawn_of(course, one):
            _drawn_outcome(course, one, heights, run)


def _choose(course: Lesson, one: Chosen, locked: bool) -> str:
    texts = [option.text for option in one.options]
    key = f"{course.id}_{one.id}_guess"
    return ask_guess(course.shown(one.ask), texts, key=key, is_locked=locked)


def _draw(course: Lesson, one: Drawn, locked: bool) -> str:
    """Sliders and a picture that follows them, in a popover."""
    name = _drawing(course, one)
    start = one.start(course.figures)
    usual = one.high / 2 if start is None else start
    with st.popover("Or draw your guess", icon=":material/draw:", width="stretch"):
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
    if not st.session_state.get(f"{name}_touched"):
        return ""
    st.session_state[name] = heights
    return f"drawn: {', '.join(f'{height:.2g}' for height in heights)}"


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
    for one in course.drawn:
        sliders = (f"{course.id}_{one.id}_{n}_drawn" for n, _ in enumerate(one.points))
        for kept in (_drawing(course, one), f"{_drawing(course, one)}_touched", *sliders):
            st.session_state.pop(kept, None)
    st.query_params.pop(name, None)
    st.session_state.pop(f"{course.id}_on_the_wall", None)
    st.session_state[_let_go_on(course)] = False


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
