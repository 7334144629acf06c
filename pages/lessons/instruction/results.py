"""What the experiment shows at the right: recorded before any run, then the reader's own."""

import html
import math
from collections.abc import Callable, Sequence

import streamlit as st

from core import catalog
from core.config import DataConfig, RunConfig
from core.data.examples import Example, load_splits
from core.evaluate.uncertainty import wilson_interval
from core.events import Evaluation, Event, Sample, Step
from core.experiments.first_screens import first_screens
from core.percent import percent
from core.runs.duration import n_steps as planned_steps
from core.runs.store import Run
from pages.shared.cards import cards_of, show_cards
from pages.shared.engine import events_of
from pages.shared.live import follow, recorded_behind
from pages.shared.live_chart import live_chart, losses_in, scores_in
from pages.shared.run_charts import loss_chart, score_chart, score_table

FEW_TESTS = 20
CHART_HEIGHT = 270


def likelihood(loss: float) -> float:
    """What a mean loss in nats says of the right token: its probability, as a geometric mean."""
    return math.exp(-loss)


def three_pairs() -> None:
    """What the lesson trains on when it is opened."""
    st.markdown("**Three pairs, and what 20 steps on such pairs did**")
    lines = [
        f"<div>{html.escape(str(e.fields['text']))} → <b>{html.escape(e.completion)}</b></div>"
        for e in short_pairs()
    ]
    st.html(f'<div class="pairs">{"".join(lines)}</div>')


def usual_run() -> None:
    """Where no run of these settings can be played: the end of the one that comes with the first screens."""
    if not (found := first_screens()):
        return
    run = found.runs["instruction"]
    curve(run.config, run.events)
    wrong_before = [
        c for c in cards_of(tested(run.config, run.events)) if c.right not in c.answers[0][1]
    ]
    show_cards(wrong_before[:1])
    st.caption(found.where)


def short_pairs() -> list[Example]:
    """The shortest training pair of each label, and the next one."""
    pairs = sorted(
        load_splits(DataConfig(task="sentiment"), seed=0).train, key=lambda e: len(e.prompt)
    )
    first, *others = pairs
    second = next(e for e in others if e.completion != first.completion)
    return [first, second, next(e for e in others if e is not second)]


def run_results(run_id: str, compare: Callable[[str], None]) -> None:
    """The reader's run, live while it trains; at its end `compare` sets the guess beside what came."""

    def draw(run: Run, events: list[Event]) -> None:
        if run.status.is_over:
            compare(run.id)
        results(run.unchecked_config, events, behind=recorded_behind(run))
        warn_of_few_tests(events, run.unchecked_config.data.task)

    follow(run_id, draw)


def draw(run: Run, events: list[Event]) -> None:
    """Answers before and after, loss and scores: what a replay shows of a check."""
    config = run.unchecked_config
    task = config.data.task
    if samples := tested(config, events):
        show_cards(cards_of(samples))
    curve(config, events)
    if any(isinstance(e, Evaluation) and e.task == task for e in events):
        scores = score_chart(events, planned_steps(config), task)
        st.altair_chart(scores.properties(height=CHART_HEIGHT), width="stretch")


def results(config: RunConfig, events: Sequence[Event], *, behind: Sequence[Event] = ()) -> None:
    """Answers before and after, then loss and scores over the steps; `behind` is the recorded run's."""
    task = config.data.task
    if samples := tested(config, events):
        show_cards(cards_of(samples))
    curve(config, events, behind=behind)
    evaluations = [e for e in events if isinstance(e, Evaluation)]
    if any(e.task == task for e in evaluations) and any(isinstance(e, Step) for e in events):
        live_chart(
            ("instruction scores", config.hash, scores_in(events)),
            lambda: score_chart(list(events), planned_steps(config), task).properties(
                height=CHART_HEIGHT
            ),
        )
        with st.expander("Scores in numbers, with 95 % intervals"):
            st.dataframe(score_table(evaluations), hide_index=True)


def tested(config: RunConfig, events: Sequence[Event]) -> list[Sample]:
    """Its answers to test prompts of the task that it learns."""
    return [e for e in events if isinstance(e, Sample) and e.task == config.data.task]


def curve(config: RunConfig, events: Sequence[Event], *, behind: Sequence[Event] = ()) -> None:
    """The loss over the steps, and what its last value means."""
    losses = [e.loss for e in events if isinstance(e, Step) and math.isfinite(e.loss)]
    if losses:
        live_chart(
            ("instruction loss", config.hash, losses_in(events), len(behind)),
            lambda: loss_chart(list(events), planned_steps(config), behind=behind).properties(
                height=CHART_HEIGHT
            ),
        )
        st.caption(
            "The loss is −ln of the probability that the model gives the right token, averaged over tokens: "
            f"{losses[-1]:.2f} means {percent(likelihood(losses[-1]))} (a geometric mean)."
        )


def warn_of_few_tests(events: Sequence[Event], task: str) -> None:
    """A sentence where a score stands on a handful of test pairs."""
    found = [e for e in events if isinstance(e, Evaluation) and e.task == task and e.step]
    if not found or found[-1].n >= FEW_TESTS:
        return
    last = found[-1]
    low, high = last.interval
    if low == high:  # a mean of equal values: Wilson's interval still knows how few they are
        low, high = wilson_interval(round(last.score * last.n), last.n)
    st.warning(
        f"{catalog.task_title(task)}: {last.score:.2f} rests on only {last.n} test "
        f"pair{'' if last.n == 1 else 's'}. The 95 % interval reaches from {low:.2f} to {high:.2f}; "
        "more pairs would narrow it."
    )


def trained_task_prompt(run_id: str) -> str:
    """The first test prompt that a run was watched on, whatever its task; "" where there is none."""
    asked = (e.prompt for e in events_of(run_id) if isinstance(e, Sample) and e.task)
    return next(asked, "")
