"""A run as it happens: status, curves, answers. Polls the store, so a reload loses nothing."""

from collections.abc import Callable
from math import isfinite
from statistics import median
from time import monotonic, sleep

import streamlit as st

from core import catalog
from core.data.listing import seen_words
from core.errors import UserError
from core.evaluate.limits import cut_lines
from core.events import (
    Evaluation,
    Event,
    Notice,
    PartialEvaluation,
    Sample,
    Started,
    Step,
)
from core.runs.duration import n_steps as planned_steps
from core.runs.states import RunStatus
from core.runs.store import Run
from pages.shared.cards import cards_of, show_cards
from pages.shared.engine import engine, events_of, store
from pages.shared.live_chart import live_chart, losses_in, scores_in
from pages.shared.pace import shared_pace
from pages.shared.plain import plain
from pages.shared.recordings import beside_words, recorded_like
from pages.shared.replay import replay
from pages.shared.run_charts import loss_chart, score_chart, score_note, score_table
from pages.shared.waiting import left_words, place_words

POLL_S = 1.0
FIRST_POLL_S = 0.3
"""While a run is next or has begun, and no loss is there: the reader has just clicked, and waits for it."""
NEWS_WAIT_S, NEWS_LOOK_S = 0.8, 0.1
"""Then it is drawn only once there is something new, or after so long: to draw the same again takes a tenth of a
second of the cores on which the first step is computed."""
LEFT = "left_run"
"""In the session: the run that its reader stopped and that goes on for others."""


def follow(
    run_id: str, draw: Callable[[Run, list[Event]], None], *, with_status: bool = True
) -> None:
    """A run's status and what `draw` makes of its events, anew while the run waits or trains."""
    run = store().get(run_id)
    pace = pace_of(run, events_of(run_id))
    every = None if pace is None else shared_pace(pace)
    is_waited_for = pace == FIRST_POLL_S == every and with_status  # of two views of a run, one
    news = News(run_id, wait_s=NEWS_WAIT_S if is_waited_for else 0)
    with st.container(key=f"live_{'run' if with_status else 'part'}_{run_id}"):  # page.css
        st.fragment(_follow, run_every=every)(news, draw, pace, with_status)
    if with_status and run.status is RunStatus.QUEUED:
        _offer_recorded(run)


def pace_of(run: Run, events: list[Event]) -> float | None:
    """Seconds between two looks of a single reader at a run; None for one that is over.

    A run that waits behind others is looked at no more often than one that trains: many may wait.
    """
    if run.status.is_over:
        return None
    has_loss = any(isinstance(e, Step) for e in events)
    is_near = run.status is RunStatus.RUNNING or store().queue_position(run.id) == 1
    return FIRST_POLL_S if is_near and not has_loss else POLL_S


class News:
    """A run and its events, as soon as there is more than at the last look, or after `wait_s` at the latest.

    A run that waits for another has none before that ends: its view waits for nothing, as the other's may stand
    on the same page.
    """

    def __init__(self, run_id: str, *, wait_s: float) -> None:
        self.run_id, self.wait_s = run_id, wait_s
        self._seen: tuple[RunStatus, bool, int] | None = None

    def next(self) -> tuple[Run, list[Event]]:
        is_stop_clicked = st.session_state.get(stop_key(self.run_id))
        until = monotonic() + (0 if is_stop_clicked else self.wait_s)
        while True:
            run, events = store().get(self.run_id), events_of(self.run_id)
            now = run.status, run.stop_requested, len(events)
            if now != self._seen or monotonic() >= until or _waits_for_another(run):
                self._seen = now
                return run, events
            sleep(NEWS_LOOK_S)


def _waits_for_another(run: Run) -> bool:
    return run.status is RunStatus.QUEUED and store().n_active() > 1


def _follow(
    news: News,
    draw: Callable[[Run, list[Event]], None],
    paced: float | None,
    with_status: bool,
) -> None:
    try:
        if paced is not None:
            shared_pace(paced)  # a reader who only watches counts among the others, too
        run, events = news.next()
        if pace_of(run, events) != paced:
            st.rerun()  # draw the page around it again, and poll at the new pace or no more
        # each in its place, so that a changed status moves nothing below it
        status, view, below = st.container(), st.container(), st.container()
        if with_status:
            with status:
                show_status(run, events)
            with below if run.status.is_over else status:  # what came is to be seen first
                show_pace(run, events)
        with view:
            draw(run, events)
    except UserError as error:  # app.py does not see what happens in a fragment
        st.error(plain(str(error)))


def _offer_recorded(run: Run) -> None:
    """While a run waits, the recorded one of the same settings can be played."""
    key = f"live_recorded_{run.id}"
    recorded = recorded_like(run)
    words = "Play a recorded run of exactly these settings while yours waits"
    if recorded and st.toggle(words, key=key):
        replay(recorded, draw_run, key=key)


def run_view(run_id: str) -> None:
    """Everything about a run."""
    follow(run_id, draw_run)


def draw_run(run: Run, events: list[Event]) -> None:
    """Losses, scores and answers of a run of any kind."""
    steps = [e for e in events if isinstance(e, Step)]
    if steps:
        left, right = st.columns(2)
        wanted = planned_steps(run.unchecked_config)
        task, behind = run.unchecked_config.data.task, recorded_behind(run)
        with left:
            live_chart(
                ("loss", run.id, losses_in(events), len(behind)),
                lambda: loss_chart(events, wanted, behind=behind),
            )
        with right:
            live_chart(
                ("scores", run.id, scores_in(events)),
                lambda: score_chart(events, wanted, task),
            )
            st.caption(score_note(events, task))
    evaluations = [e for e in events if isinstance(e, Evaluation)]
    if evaluations:
        with st.expander("Scores in numbers, with 95 % intervals"):
            st.dataframe(score_table(evaluations), hide_index=True)
    samples = [e for e in events if isinstance(e, Sample)]
    if samples:
        st.markdown("**The same prompts, asked again at every check**")
        show_cards(cards_of(samples))


def recorded_behind(run: Run) -> list[Event]:
    """The events of the recorded run of the same settings, to draw behind a live one; none where there is none."""
    found = recorded_like(run)
    return found.events() if found else []


def worker_words() -> str:
    """Why a run that is next has not begun; empty where the worker is ready for it."""
    if engine().is_warm("train"):
        return ""
    if engine().trains_elsewhere():
        return " Another server with the same data folder trains now; runs of both take turns."
    return " The worker is loading the model."


def show_status(run: Run, events: list[Event]) -> None:
    """Where a run is, why it ended, and the button that stops it."""
    wanted = planned_steps(run.unchecked_config)
    steps = [e for e in events if isinstance(e, Step)]
    done = steps[-1].step if steps else 0
    if run.status is RunStatus.QUEUED:
        text = f"Waiting. {place_words(run)}{worker_words()}"
        st.progress(0.0, text=text)
    elif run.status is RunStatus.RUNNING:
        asked = " Stopping…" if run.stop_requested else ""
        measured = {e.task for e in events if isinstance(e, Evaluation)}
        is_measured = measured >= set(run.unchecked_config.evaluation_tasks())
        what = "Computing the first step" if is_measured else "Measuring the base model first"
        text = f"{what}{left_words(run)}"
        if done:
            text = f"Step {done} of {wanted}{left_words(run)}; loss {steps[-1].loss:.2f}"
            if seen := examples_seen(run, events, done):
                text += f", {seen}"
        st.progress(done / wanted, text=f"{text}.{asked}")
    elif run.status is RunStatus.FAILED:
        st.error(plain(run.reason))
    else:
        seconds = (run.ended_at or 0) - (run.started_at or run.created_at)
        seen = examples_seen(run, events, done)
        after = f"{done} steps, {seconds:.0f} s" + (f", {seen}" if seen else "")
        st.success(f"{run.status.capitalize()} after {after}. {plain(run.reason)}")
    for event in events:
        if isinstance(event, Notice):
            st.caption(plain(event.message))
    if cut := cut_lines([e for e in events if isinstance(e, Evaluation)]):
        st.caption(f"{'; '.join(cut)}.")
    if so_far := scores_so_far(events):
        st.caption(f"{so_far}.")
    if not run.status.is_over:
        _stop_button(run)


def show_pace(run: Run, events: list[Event]) -> None:
    """A finished run beside the recorded one of its settings, and how fast it was."""
    if run.status is RunStatus.FINISHED and (beside := beside_words(run)):
        st.caption(beside)
    steps = [e for e in events if isinstance(e, Step)]
    if steps:
        last, usual_s = steps[-1], median(e.step_s for e in steps)
        batch_size = run.unchecked_config.optimizer.batch_size
        pace = f"{batch_size / usual_s:.0f} examples/s, {usual_s:.2f} s per step (median). "
        st.caption(
            (pace if isfinite(usual_s) else "")
            + f"The last step: {last.tokens_computed} tokens computed where a padded batch would take "
            f"{last.tokens_padded}."
        )


def stop_key(run_id: str) -> str:
    return f"live_stop_{run_id}"


def _stop_button(run: Run) -> None:
    """Where others in the class have pressed Run for these settings, too, it goes on for them."""
    if st.button("Stop", key=stop_key(run.id)) and not engine().cancel(run.id):
        st.session_state[LEFT] = run.id
        st.rerun()


def examples_seen(run: Run, events: list[Event], step: int) -> str:
    """How many of its examples a run has trained on by a step; "" before it has begun."""
    n_train = next((e.n_train for e in events if isinstance(e, Started)), 0)
    return seen_words(step * run.unchecked_config.optimizer.batch_size, n_train) if n_train else ""


def scores_so_far(events: list[Event]) -> str:
    """The scores of a check that is still answering, with their intervals; empty where none is."""
    partial = {e.task: e for e in events if isinstance(e, PartialEvaluation)}
    whole = {(e.step, e.task) for e in events if isinstance(e, Evaluation)}
    found = [
        f"{catalog.task_title(e.task)} {e.score:.2f} ({e.interval[0]:.2f} to {e.interval[1]:.2f}) on "
        f"{e.n} of {e.n_all} examples"
        for e in partial.values()
        if (e.step, e.task) not in whole
    ]
    return f"Scores so far: {', '.join(found)}" if found else ""
