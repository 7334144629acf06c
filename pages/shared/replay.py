"""A recorded run, played: a time line with play, pause and speed, and the views of a live run below it.

    replay(recorded, draw, key="forgetting")

`draw(run, events)` is what `pages/shared/live.py:follow` takes. It is called once for each check, with the events up
to it, and all the pictures go to the browser at once, one behind the other; assets/components/replay.js shows
one of them as time goes on. So a replay runs without the server: thirty readers cost it no more than one, since
what `draw` made is kept (`st.cache_data`), and a rerun of the page does not disturb it.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import streamlit as st
from streamlit.components import v2

from core.events import Evaluation, Event, Sample, Step
from core.paths import ASSETS
from core.runs.states import RunStatus
from core.runs.store import Run
from pages.shared.live import planned_steps
from pages.shared.recordings import Recorded

FOLDER = ASSETS / "components"
Draw = Callable[[Run, list[Event]], None]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A check: when all of it was there."""

    at: float
    """Seconds on the time line."""
    step: int
    n_events: int
    """Of the run, up to it."""


@dataclass(frozen=True, kw_only=True)
class Point:
    at: float
    step: int
    loss: float


@dataclass(frozen=True, kw_only=True)
class TimeLine:
    """What the browser needs to play a run. It begins when the base model was measured."""

    seconds: float
    n_steps: int
    frames: list[Frame]
    points: list[Point]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def time_line(recorded: Recorded, *, seconds: float | None = None) -> TimeLine:
    """Of a recorded run, as long as it took, or in so many seconds."""
    events, times = recorded.events(), recorded.times()
    ends = check_ends(events)
    start = times[ends[0][1] - 1] if ends else 0.0
    lasted = max(times[-1] - start, 1e-3)
    scale = seconds / lasted if seconds else 1.0

    def at(n: int) -> float:
        return round(max(0.0, times[n] - start) * scale, 3)

    return TimeLine(
        seconds=round(lasted * scale, 3),
        n_steps=planned_steps(recorded.config),
        frames=[Frame(at=at(end - 1), step=step, n_events=end) for step, end in ends],
        points=[
            Point(at=at(n), step=e.step, loss=e.loss)
            for n, e in enumerate(events)
            if isinstance(e, Step) and isfinite(e.loss)
        ],
    )


def check_ends(events: Sequence[Event]) -> list[tuple[int, int]]:
    """The step of each check, and how many events there were when all of it had come."""
    ends: dict[int, int] = {}
    for n, event in enumerate(events, start=1):
        if isinstance(event, Evaluation | Sample):
            ends[event.step] = n
    return list(ends.items())


def replay(recorded: Recorded, draw: Draw, *, key: str, autoplay: bool = True) -> None:
    """Play a recorded run in the views of a live one. `draw` is a function of a module: its name says which."""
    line = time_line(recorded)
    with st.container(key=f"{key}_replay"):
        data = line.to_dict() | {"key": key, "autoplay": autoplay}
        component("replay")(key=f"{key}_time_line", data=data)
        _pictures(
            recorded,
            draw,
            line,
            key,
            f"{recorded.config.hash} {recorded.where} {draw.__module__}.{draw.__qualname__}",
        )
        st.caption(recorded.where)


@st.cache_data(show_spinner=False, max_entries=64)
def _pictures(_recorded: Recorded, _draw: Draw, _line: TimeLine, key: str, what: str) -> None:
    """A container for each check; `what` and `key` say which pictures are the same."""
    events, run = _recorded.events(), run_of(_recorded)
    with st.container(key=f"{key}_replay_frames"):
        for n, frame in enumerate(_line.frames):
            with st.container(key=f"{key}_replay_frame_{n}"):
                _draw(run, events[: frame.n_events])


def run_of(recorded: Recorded) -> Run:
    """It as a row of the store, for the views."""
    config = recorded.config
    return Run(
        id=f"recorded-{config.hash}",  # views keep what they draw by a run's id
        config_dict=config.to_dict(),
        config_hash=config.hash,
        version="",
        status=RunStatus.FINISHED,
        stop_requested=False,
        reason="",
        created_at=0.0,
        started_at=0.0,
        ended_at=recorded.times()[-1],
        worker="",
        summary_dict={},
    )


@st.cache_resource(show_spinner=False)
def component(name: str) -> Any:
    """A component that plays: the time line, and what assets/components/`name`.js shows with it."""
    parts = {
        kind: [FOLDER / f"{name}.{kind}", FOLDER / f"player.{kind}"] for kind in ("html", "css")
    }
    html, css = (
        "\n".join(path.read_text("utf-8") for path in paths if path.is_file())
        for paths in parts.values()
    )
    js = "\n".join((FOLDER / f"{part}.js").read_text("utf-8") for part in ("player", name))
    return v2.component(f"{name}_player", html=html, css=css, js=js)
