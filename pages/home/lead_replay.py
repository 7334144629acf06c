"""The first picture of the app: a recorded run of the lesson of forgetting, in 20 seconds, before any click.

The prompt that the lesson leads with, what the model answers to it at each check, and how many reviews and names it
gets right. All is drawn in the browser (assets/components/lead_replay.js).
"""

from dataclasses import asdict, dataclass

import streamlit as st

from core import catalog
from core.events import Evaluation, Sample
from core.experiments.collapse import LEAD, collapse
from core.recorded import RecordedRun
from pages.shared.colours import TASK_COLOURS
from pages.shared.recordings import recorded_run
from pages.shared.replay import TimeLine, component, time_line

SECONDS = 20.0
TITLES = {"sentiment": "Reviews: what it is tuned on", "names": "Names: what it could do before"}


def lead_replay() -> None:
    """Play it; nothing where it is not recorded."""
    if not (found := recorded_run(collapse())):
        return
    st.markdown("**A real language model is tuned on reviews and on nothing else. It is asked:**")
    component("lead_replay")(key="home_lead", data=asdict(scene(found)))
    took = time_line(found).seconds
    pace = (
        "" if round(took) == SECONDS else f" It took {took:.0f} s and is played in {SECONDS:.0f}."
    )
    st.caption(
        f"{found.where}{pace} Bars: right answers on test examples, with 95 % intervals; the dashed line is "
        "where the model began."
    )


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What the model said to the prompt after a step."""

    step: int
    answer: str
    is_label: bool


@dataclass(frozen=True, kw_only=True)
class Score:
    value: float
    low: float
    high: float
    hits: int
    n: int


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A task's scores, one for each check."""

    title: str
    colour: str
    scores: list[Score]


@dataclass(frozen=True, kw_only=True)
class Scene(TimeLine):
    """What the browser plays: the time line, an answer at each check, and the scores of `TITLES`."""

    autoplay: bool
    prompt: str
    answers: list[Answered]
    bars: list[Bar]


def scene(found: RecordedRun) -> Scene:
    line, events = time_line(found, seconds=SECONDS), found.events()
    said = {e.step: e.output for e in events if isinstance(e, Sample) and e.prompt == LEAD}
    scores = {(e.task, e.step): e for e in events if isinstance(e, Evaluation)}
    steps = [frame.step for frame in line.frames]
    return Scene(
        seconds=line.seconds,
        n_steps=line.n_steps,
        frames=line.frames,
        points=line.points,
        autoplay=True,
        prompt=LEAD,
        answers=[
            Answered(step=step, answer=said[step], is_label=is_label(said[step])) for step in steps
        ],
        bars=[
            Bar(
                title=title,
                colour=TASK_COLOURS[task],
                scores=[_score(scores[task, step]) for step in steps],
            )
            for task, title in TITLES.items()
        ],
    )


def is_label(answer: str) -> bool:
    """Whether it answers a review that nobody showed it."""
    return answer.strip().lower().startswith(catalog.SENTIMENT_LABELS)


def _score(found: Evaluation) -> Score:
    low, high = found.interval
    hits = round(found.score * found.n)
    return Score(value=found.score, low=low, high=high, hits=hits, n=found.n)
