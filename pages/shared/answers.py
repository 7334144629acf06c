"""What is known of the settings that stand in a page's controls, at once and without a run.

    answer(config, draw, key="forgetting", name="run", collections=("forgetting",), turned=RATE, set_controls=turn)

The reader's own finished run of exactly these settings is drawn; else the recorded one is played in the views of a
live run; else the page says that there is none, which recorded run is nearest, and offers to go there or to run
it here. Where the page asks for a guess, the replay stops before it tells, until the guess is given or skipped.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import streamlit as st

from core.config import RunConfig
from core.course.content import Lesson
from core.course.measured_run import MeasuredRun, of_recorded
from core.errors import UserError
from core.events import Event
from core.recorded import RecordedRun
from core.runs.names import differing_words
from core.runs.store import Run
from pages.shared.address import before_next_run
from pages.shared.engine import engine, events_of, store
from pages.shared.plain import plain
from pages.shared.predict import measured_run, show_outcome, waits_for_guess
from pages.shared.recordings import beside_words, look_up, recorded_by_id
from pages.shared.replay import Draw, replay
from pages.shared.run_button import start_button

MOST_NAMED = 3
"""Settings in a sentence; where more differ, the first ones say enough."""
NOTHING_YET = "No run of this can be played yet. Start one, and it is drawn here as it happens."
SetControls = Callable[[RunConfig], None]


def answer(
    config: RunConfig,
    draw: Draw,
    *,
    key: str,
    name: str,
    collections: Sequence[str],
    turned: Sequence[str] = (),
    set_controls: SetControls,
    course: Lesson | None = None,
    compare: Callable[[MeasuredRun], None] | None = None,
    otherwise: Callable[[], None] | None = None,
) -> list[Event]:
    """Show what is known of `config`; returns all events of the run that is shown to its end, else none.

    `name` is that of a run in the address, `set_controls` puts a config into the page's controls, `turned` are
    the settings that these turn. `course` is the lesson whose guesses come first, None where none is asked for here;
    `compare` sets them beside what came, in place of `show_outcome`. `otherwise` draws what stands here while nothing
    is recorded at all.
    """
    _turn_to_recorded(name, config, set_controls)
    if course and not compare:
        compare = partial(show_outcome, course)
    try:
        found = look_up(config, collections=collections, turned=turned)
        if found.own:
            return _own(found.own, draw, name=name, course=course, compare=compare)
        if found.recorded:
            return _play(found.recorded, draw, key=key, name=name, course=course, compare=compare)
        if found.near:
            _not_recorded(
                config,
                found.near,
                found.differs,
                key=key,
                name=name,
                set_controls=set_controls,
            )
        elif otherwise:
            otherwise()
        else:
            st.caption(NOTHING_YET)
    except UserError as error:  # damaged files: the rest of the page works
        st.caption(plain(str(error)))
    return []


def _turn_to_recorded(name: str, config: RunConfig, set_controls: SetControls) -> None:
    """Where the address names a recorded run: the controls are set as it has them, and it is played."""
    recorded = recorded_by_id(st.query_params.get(name, ""))
    if recorded is None:
        return
    del st.query_params[name]
    if recorded.config != config:
        before_next_run(set_controls, recorded.config)
    st.rerun()


def other_settings(config: RunConfig, run_id: str, *, key: str, name: str) -> None:
    """Where the controls no longer say what the run in the address had: so, and the way to what is known."""
    run = store().get(run_id)
    differs = differing_words(config.to_dict(), run.config_dict) if run.status.is_over else []
    if not differs:
        return

    def leave() -> None:
        st.query_params.pop(name, None)

    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            plain(
                f"Your controls now say {_list(a for a, _ in differs)}. This run had "
                f"{_list(b for _, b in differs)}."
            )
        )
        st.button("Look up these settings", key=f"{key}_look_up", on_click=leave)


def _own(
    run: Run,
    draw: Draw,
    *,
    name: str,
    course: Lesson | None,
    compare: Callable[[MeasuredRun], None] | None,
) -> list[Event]:
    what = "**Your finished run of exactly these settings is here.**"
    if course and waits_for_guess(course, what, name=name):
        return []
    events = events_of(run.id)
    st.markdown("**Your finished run of exactly these settings**")
    if compare:
        compare(measured_run(run))
    if beside := beside_words(run):
        st.caption(beside)
    draw(run, events)
    return events


def _play(
    recorded: RecordedRun,
    draw: Draw,
    *,
    key: str,
    name: str,
    course: Lesson | None,
    compare: Callable[[MeasuredRun], None] | None,
) -> list[Event]:
    what = "**A recorded run, up to the point that you are asked about.**"
    hold = bool(course and waits_for_guess(course, what, name=name))
    if not hold:
        st.markdown("**A recorded run of these settings.** Your own will stand here.")
    after = partial(compare, of_recorded(recorded)) if compare else None
    replay(recorded, draw, key=key, hold=hold, after=after)
    return [] if hold else recorded.events()


def _not_recorded(
    config: RunConfig,
    near: RecordedRun,
    differs: Sequence[tuple[str, str]],
    *,
    key: str,
    name: str,
    set_controls: SetControls,
) -> None:
    if differs:
        wanted, recorded = (_list(side) for side in zip(*differs, strict=True))
        st.markdown(
            f"**Not recorded: {plain(wanted)}.** The nearest recorded run has {plain(recorded)}."
        )
    else:
        st.markdown("**Not recorded with exactly these settings.** A recorded run is near.")
    with st.container(horizontal=True):
        st.button(
            "Show the nearest",
            key=f"{key}_nearest",
            on_click=set_controls,
            args=(near.config,),
        )
        if start_button(config, "Run it here", key=f"{key}_here"):
            st.query_params[name] = engine().submit(config).id
            st.rerun()


def _list(words: Iterable[str]) -> str:
    """The first few, in a sentence."""
    every = list(words)
    more = f" and {len(every) - MOST_NAMED} more" if len(every) > MOST_NAMED else ""
    return ", ".join(every[:MOST_NAMED]) + more
