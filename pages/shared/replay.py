"""A recorded run, played: a time line with play, pause and speed, and the views of a live run below it.

    replay(recorded, draw, key="forgetting")

`draw(run, events)` is what `pages/shared/live.py:follow` takes; it draws no widgets here. It is called once for each
check, with the events up to it, and all the pictures go to the browser at once, one behind the other;
assets/components/replay.js shows one of them as time goes on. So a replay runs without the server: thirty readers
cost it no more than one, since what `draw` made is kept (`st.cache_data`), and a rerun of the page does not disturb
it.

Where the reader has still to guess what comes, `hold` stops it before the first check that would tell, until
`hold` is false; then it goes on from there. `after` draws what is to be seen at the end only.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import streamlit as st
from streamlit.components import v2

from core.events import Evaluation, Event, Sample, Step
from core.paths import ASSETS
from core.recorded import RecordedRun, as_run
from core.runs.duration import n_steps
from core.runs.store import Run
from pages.shared.live_chart import kept_around
from pages.shared.plain import plain

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

    @property
    def before_it_tells(self) -> float:
        """The last step before the first check after the base model's; 0 where there is none."""
        told = next((frame.at for frame in self.frames if frame.step), self.seconds)
        return max((point.at for point in self.points if point.at < told), default=0.0)


def time_line(recorded: RecordedRun, *, seconds: float | None = None) -> TimeLine:
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
        n_steps=n_steps(recorded.config),
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


def replay(
    recorded: RecordedRun,
    draw: Draw,
    *,
    key: str,
    autoplay: bool = True,
    hold: bool = False,
    after: Callable[[], None] | None = None,
) -> None:
    """Play a recorded run in the views of a live one. `draw` is a function of a module: its name says which."""
    line = time_line(recorded)
    held = f"{key}_held"
    if hold:
        st.session_state[held] = recorded.run_id
    was_held = not hold and st.session_state.get(held) == recorded.run_id
    data = asdict(line) | {
        "key": key,
        "autoplay": autoplay,
        "until": line.before_it_tells if hold else line.seconds,
        "from": line.before_it_tells if was_held else 0.0,
    }
    what = f"{recorded.run_id} {recorded.where} {draw.__module__}.{draw.__qualname__}"
    with st.container(key=f"{key}_replay"):
        component("replay")(key=f"{key}_time_line", data=data)
        _pictures(recorded, draw, line, key, what)
        if after and not hold:
            with st.container(key=f"{key}_replay_after"):
                after()
        st.caption(plain(recorded.where))


@st.cache_data(show_spinner=False, max_entries=64)
def _pictures(_recorded: RecordedRun, _draw: Draw, _line: TimeLine, key: str, what: str) -> None:
    """A container for each check; `what` and `key` say which pictures are the same."""
    events, run = _recorded.events(), as_run(_recorded)
    with st.container(key=f"{key}_replay_frames"), kept_around():
        for n, frame in enumerate(_line.frames):
            with st.container(key=f"{key}_replay_frame_{n}"):
                _draw(run, events[: frame.n_events])


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
