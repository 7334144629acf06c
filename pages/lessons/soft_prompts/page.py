"""Lesson: virtual tokens that are trained instead of the model."""

from collections.abc import Sequence

import streamlit as st

from core.config import FINAL_EXAMPLES, METHODS, RunConfig, default_learning_rate, of_family
from core.course import content
from core.evaluate.limits import cut_line
from core.events import Evaluation, Event
from core.experiments.mitigations import LEARNED, PROMPTS
from core.experiments.soft_prompts import SIZES, TEXT, prompt_config, token_configs
from core.formulas.parameters import trainable_parameters
from core.runs.messages import ScoreText, TakeAway
from pages.lessons.soft_prompts.figures import (
    against_words,
    draw,
    moving_view,
    recorded_tokens,
    soft_prompt_view,
    token_row,
    wandering_words,
)
from pages.lessons.soft_prompts.sizes import own_sizes, recorded_sizes, size_figure, size_finding
from pages.shared.answers import answer, other_settings
from pages.shared.ask import ask_while_waiting
from pages.shared.engine import (
    ask_once,
    current_model,
    engine,
    events_of,
    model_shape,
    store,
)
from pages.shared.lab_report import lab_report
from pages.shared.layout import experiment, more_settings
from pages.shared.one_of import one_of
from pages.shared.plain import plain
from pages.shared.predict import predict, show_outcome_of, waits_for_guess
from pages.shared.prepare import compute_button
from pages.shared.queue import run_all
from pages.shared.run_button import run_button
from pages.shared.settings import SEEDS, rate_slider, within
from pages.shared.thread import begin, end

COURSE = content.lesson("soft_prompts")

STARTS = {"vocabulary": "Words drawn at random", "text": "A text", "random": "Noise"}
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
TURNED = (
    "method.virtual_tokens",
    "method.name",
    "method.prompt_start",
    "method.prompt_text",
    "optimizer.learning_rate",
    "optimizer.steps",
    "seed",
)


def choose() -> RunConfig:
    """The soft prompt's size, the rest in a popover."""
    n = st.select_slider(
        "Virtual tokens", SIZES, 10, key="soft_prompts_tokens", bind="query-params"
    )
    with more_settings():
        method = one_of(
            st.segmented_control,
            "Method",
            of_family("soft prompts"),
            format_func=lambda name: METHODS[name].title,
            default="prompt",
            key="soft_prompts_method",
            bind="query-params",
        )
        start, text = "vocabulary", ""
        if method == "prompt":
            start = one_of(
                st.segmented_control,
                "The tokens begin as",
                list(STARTS),
                format_func=STARTS.__getitem__,
                default="vocabulary",
                key="soft_prompts_begin",
                bind="query-params",
            )
            if start == "text":
                text = st.text_input("Text", TEXT, key="soft_prompts_text", bind="query-params")
        rate = rate_slider(
            default_learning_rate(method), key=f"soft_prompts_rate_{method}", rates=RATES
        )
        steps = st.number_input("Steps", 1, 200, 20, key="soft_prompts_steps", bind="query-params")
        seed = st.number_input("Seed", 0, 9999, 0, key="soft_prompts_seed", bind="query-params")
    config = prompt_config(
        n, method=method, start=start, text=text, seed=seed, learning_rate=rate, steps=steps
    )
    shape = model_shape()
    count = trainable_parameters(config.method, shape)
    width = f"{shape.hidden}" if method == "prompt" else f"{count // n:,} keys and values"
    st.markdown(
        f"{METHODS[method].how} Trained: {n} × {width} = **{count:,}** parameters. No weight of the model "
        "moves."
    )
    return config


def train() -> str:
    """The first screen: the soft prompt's size and Run at the left; what the model reads at the right."""
    left, right = experiment()
    with left:
        predict(COURSE, name="run")
        place = st.container()
        config = choose()
    with place:
        run_id = run_button(config, "Train the soft prompt", key="soft_prompts", name="run")
    if not run_id:
        with right:
            shown = answer(
                config,
                draw,
                key="soft_prompts",
                name="run",
                collections=("soft_prompts", "methods"),
                turned=TURNED,
                set_controls=set_controls,
                course=COURSE,
                otherwise=lambda: not_trained(config),
            )
            wandered(shown)
            what = "**How much is learned with each number of virtual tokens.**"
            if "run" not in st.query_params and not waits_for_guess(  # else it stands below
                COURSE, what, label="Show the scores", key="soft_prompts_sizes"
            ):
                size_curve()
        return ""
    with left:
        other_settings(config, run_id, key="soft_prompts", name="run")
        ask_while_waiting(COURSE, run_id)
    with right:
        show_outcome_of(COURSE, run_id)
        soft_prompt_view(run_id)
    moving_view(run_id)
    if store().get(run_id).config.method.name not in of_family("soft prompts"):
        st.caption("This run trained no soft prompt, so it has no virtual tokens to show.")
        return ""
    wandered(events_of(run_id) if store().get(run_id).status.is_over else [])
    return run_id


def set_controls(config: RunConfig) -> None:
    """Put a config into the controls of `choose`."""
    method = config.method
    st.session_state["soft_prompts_tokens"] = method.virtual_tokens
    st.session_state["soft_prompts_method"] = method.name
    st.session_state["soft_prompts_begin"] = method.prompt_start
    st.session_state["soft_prompts_text"] = method.prompt_text or TEXT
    st.session_state[f"soft_prompts_rate_{method.name}"] = config.optimizer.learning_rate
    st.session_state["soft_prompts_steps"] = config.optimizer.steps
    st.session_state["soft_prompts_seed"] = config.seed


def spells(config: RunConfig) -> bool:
    """Whether the controls of `choose` can be set to a config."""
    method, optimizer = config.method, config.optimizer
    reached = {
        "method.name": of_family("soft prompts"),
        "method.virtual_tokens": SIZES,
        "method.prompt_start": STARTS,
        "optimizer.learning_rate": RATES,
        "optimizer.steps": range(1, 201),
        "seed": SEEDS,
    }
    return within(config, reached) and config == prompt_config(
        method.virtual_tokens,
        method=method.name,
        start=method.prompt_start,
        text=method.prompt_text,
        seed=config.seed,
        learning_rate=optimizer.learning_rate,
        steps=optimizer.steps,
    )


def not_trained(config: RunConfig) -> None:
    """The virtual tokens of a record that kept no more than these, or as they are before any training."""
    st.markdown("**What the model reads: vectors that stand for no word, then the review**")
    token_row(recorded_tokens(config.method.virtual_tokens), None)


def wandered(events: Sequence[Event]) -> None:
    """Whether the tokens of a finished run stayed near words."""
    if words := wandering_words(events):
        st.markdown(plain(words))
        st.caption(
            f"The map is flat, the embedding space has {model_shape().hidden} dimensions: two points "
            "that look near may be far apart. The cosines are taken in all dimensions; hover over a token "
            "to see them."
        )


def size_curve() -> None:
    """Scores over the number of virtual tokens, of recorded runs and the reader's."""
    found = [*recorded_sizes(), *own_sizes()]
    if not found:
        st.caption("No run yet. Train a soft prompt, or all six sizes below.")
        return
    st.markdown(f"**{size_finding(found)}**")
    st.plotly_chart(size_figure(found), width="stretch", key="soft_prompts_curve")
    st.caption(
        "Bars are 95 % intervals over the test reviews of one run; runs with different seeds differ too."
    )


def sizes() -> None:
    """The learning curve over the number of virtual tokens."""
    st.header("How many virtual tokens?")
    run_all(list(token_configs()), "Run every size", key="soft_prompts_sizes")
    if "run" in st.query_params:  # else the curve stands on the first screen
        size_curve()


def by_hand(run_id: str) -> None:
    """A written prompt of about equal length."""
    st.header("Or write it yourself")
    st.markdown(
        "Here the base model reads your words before every test review. Is a trained prompt better than a "
        "written one?"
    )
    text = st.text_area(
        "Your prompt",
        "You judge reviews. Reply with exactly one word, positive or negative.",
        key="soft_prompts_hand",
        bind="query-params",
    )
    if not compute_button("Score my prompt", key="soft_prompts_score"):
        return
    with st.spinner(f"Answering {FINAL_EXAMPLES} reviews"):
        asked = ScoreText(model=current_model().id, task=LEARNED, text=text)
        (hand,) = engine().ask(asked)
    if line := cut_line(hand.n_cut, hand.n, limit=hand.max_new_tokens):
        st.caption(f"{line}.")
    last = (
        [e for e in events_of(run_id) if isinstance(e, Evaluation) and e.task == LEARNED]
        if run_id
        else []
    )
    if not last or last[-1].step == 0:
        low, high = hand.interval
        st.markdown(
            f"Your {hand.n_tokens} tokens score **{hand.score:.2f}** [{low:.2f}, {high:.2f}] on "
            f"{hand.n} reviews. Train a soft prompt above to compare."
        )
        return
    n = store().get(run_id).config.method.virtual_tokens
    st.markdown(against_words(last[-1], hand, n))


def take_away(run_id: str) -> None:
    """Without its virtual tokens the model is the base model, bit for bit."""
    st.header("Take it away")
    run = store().get(run_id) if run_id else None
    if run is None or not run.status.is_over:
        st.caption("Train a soft prompt above; then take it away again here.")
        return
    if not compute_button("Take the soft prompt away", key="soft_prompts_take_away"):
        return
    with st.spinner("Asking three times"):
        found = ask_once(TakeAway(run=run.id, prompts=PROMPTS))
    titles = {
        "prompt": "prompt",
        "base": "base model",
        "with": "with the soft prompt",
        "without": "taken away",
    }
    rows = [{titles[k]: v for k, v in row.items()} for row in found.rows]
    st.dataframe(rows, hide_index=True, width="stretch")
    same = "exactly the same" if found.equal else "not the same"
    st.markdown(
        f"Before and after, the answers are **{same}**: the largest difference among "
        f"{found.n_logits:,} logits is {found.largest_difference:g}."
    )


begin(COURSE)
shown = train()
sizes()
by_hand(shown)
take_away(shown)
end(COURSE, name="run")
lab_report(COURSE, name="run", set_controls=set_controls, spells=spells)
