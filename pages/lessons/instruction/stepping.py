"""Step through training: one click, one phase, on the real model, and what it produced."""

import ast
import html
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import altair as alt
import pandas as pd
import streamlit as st

from core.config import RunConfig
from core.errors import UserError
from core.paths import ROOT
from core.percent import percent
from core.recorded.answers import where_asked
from core.runs.messages import StepThrough
from core.train.phases import (
    PHASES,
    BackwardPhase,
    BatchPhase,
    ClipPhase,
    ForwardPhase,
    LayerNorm,
    LossPhase,
    Phase,
    TargetToken,
    UpdatePhase,
)
from pages.shared.colours import BLUE
from pages.shared.engine import engine, model_ready
from pages.shared.plain import plain
from pages.shared.prepare import compute_button
from pages.shared.recordings import known_answer

MOST_PHASES = 60
"""Ten steps: a link that asks for more is cut short, as each must be computed again."""
MEANING = {
    "batch": "Take the next pairs. What begins alike is merged, so it is computed once.",
    "forward": "The model predicts every next token. Here: each completion token's probability.",
    "loss": "−log of each probability, in nats; their mean is the loss.",
    "backward": "How would the loss change with each trained weight? That is the gradient.",
    "clip": "A gradient longer than the limit is shortened, so that one odd batch cannot do harm.",
    "update": "AdamW moves each trained weight a little, against its gradient.",
}
LOOP = (
    ("", "for batch in batches:"),
    ("batch", "    tokens, labels = batch"),
    ("forward", "    logits = model(tokens)"),
    ("loss", "    loss = cross_entropy(logits, labels)"),
    ("backward", "    loss.backward()"),
    ("clip", "    clip_grad_norm_(weights, 1.0)"),
    ("update", "    optimizer.step()"),
    ("", "    optimizer.zero_grad()"),
)
"""The classical loop, PyTorch-style: each line with the phase that it is."""


B_STARTS_AT_0 = ("lora", "rslora", "dora")
NO_GRADIENT_OF_A = (
    "Why does A have no gradient yet? The change is B·A, so A’s gradient is Bᵀ times the gradient of "
    "the whole matrix, and B starts at 0. In the first step only B moves."
)
FIRST_STEP_OF_ADAM = (
    "Why do all weights move alike? Adam divides each weight’s mean gradient by its usual size. After "
    "one step both come from the same gradient, so only its sign is left, and every weight moves by the "
    "learning rate. A bar is longer where more weights stand together."
)
FORWARD = ("tree_logits", "tree_outputs", "tree_forward", "ancestors", "run_layers")
"""Of core/models/forward.py, in reading order."""


def source_of(file: str, *functions: str) -> str:
    """The source text of functions of ours, read without importing their module (and torch)."""
    text = (ROOT / file).read_text("utf-8")
    found = {
        node.name: ast.get_source_segment(text, node) or ""
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef)
    }
    for name in functions:
        if name not in found:
            raise LookupError(f"{file} has no function {name}.")
    return "\n\n\n".join(found[name] for name in functions)


def step_through(config: RunConfig) -> None:
    """At the left the loop, its current line lit with its values; at the right buttons and what came.

    The number of phases done is in the URL: a reload replays them.
    """
    left, right = st.columns(2)
    with right:
        results = _next_phase(config)
        if results:
            _show(results[-1], config)
            if _recorded_phase(config, len(results) - 1):
                st.caption(where_asked())
        else:
            st.caption(
                "One click does one phase of the loop on the real model, with the settings above."
            )
    with left:
        st.markdown("**The classical loop**, PyTorch-style")
        st.html(loop_html(results))
        st.caption("The line that was carried out last is lit. Beside each line: what it made.")


def loop_html(results: Sequence[Phase]) -> str:
    """The loop with what its lines made in the current step; the line carried out last is lit."""
    made = {result.name: value_of(result) for result in results[-_in_step(results) :]}
    last = results[-1].name if results else ""
    rows = [
        f"<div{' class=lit' if phase and phase == last else ''}><code>{html.escape(line)}</code>"
        f"<span>{html.escape(made.get(phase, ''))}</span></div>"
        for phase, line in LOOP
    ]
    return (
        f'<div class="loop" role="figure" aria-label="The loop; now: {last}">{"".join(rows)}</div>'
    )


def _in_step(results: Sequence[Phase]) -> int:
    """How many phases of the current step are done."""
    return (len(results) - 1) % len(PHASES) + 1 if results else 0


def value_of(result: Phase) -> str:
    """What a phase made, in a few signs."""
    match result:
        case BatchPhase():
            return f"{len(result.examples)} pairs, {result.tokens_computed} tokens"
        case ForwardPhase():
            likeliest = max(result.rows, key=lambda row: row.count)
            return f"P(“{likeliest.token.strip()}”) = {likeliest.probability:.2f}"
        case LossPhase():
            return (
                f"{result.loss:.2f} nats, so {percent(math.exp(-result.loss))} for the right token"
            )
        case BackwardPhase():
            return f"gradient of length {result.grad_norm:.2f}"
        case ClipPhase():
            return f"× {result.scale:.3f}, now of length {result.after:.2f}"
        case UpdatePhase():
            return f"loss {result.loss_before:.2f} → {result.loss_after:.2f}"


@dataclass
class Stepped:
    """What the phases done so far made, and of which settings."""

    hash: str
    results: list[Phase] = field(default_factory=list[Phase])


def _next_phase(config: RunConfig) -> list[Phase]:
    """The buttons; returns the results of all phases done."""
    done: Stepped = st.session_state.setdefault("stepping", Stepped(config.hash))
    results, wanted = done.results, _phases_in_url()
    if done.hash != config.hash:  # other settings: another training
        results.clear()
        wanted = 0
    done.hash = config.hash
    following = PHASES[len(results) % len(PHASES)]
    go, again = st.columns([2, 1])
    label = f"Next phase: {following}"
    if _recorded_phase(config, len(results)):  # it needs no model
        clicked = go.button(label, key="instruction_step", type="primary", width="stretch")
    else:
        clicked = compute_button(
            label, key="instruction_step", place=go, is_primary=True, width="stretch"
        )
    if clicked:
        wanted = len(results) + 1
    if again.button("Start over", key="instruction_step_reset", disabled=not results):
        results.clear()
        wanted = 0
    n_before = len(results)
    while wanted > len(results) and (known := _recorded_phase(config, len(results))):
        results += known
    is_left = wanted > len(results) and model_ready()
    if len(results) > n_before and not is_left:
        st.query_params["phases"] = str(wanted)
        st.rerun()  # the next phase's name goes on the button
    if is_left:
        try:
            with st.spinner(f"{following.capitalize()} …"):
                asked = StepThrough(config=config, phase=wanted - 1, known=len(results))
                for result in engine().ask(asked):
                    results.append(result)
        except UserError as error:
            st.error(plain(str(error)))
            return results
        st.query_params["phases"] = str(wanted)
        st.rerun()
    if not wanted and _phases_in_url():
        del st.query_params["phases"]
        st.rerun()
    return results


def _recorded_phase(config: RunConfig, n_done: int) -> list[Phase]:
    """The phase after so many, where it is recorded with these settings."""
    return known_answer(StepThrough(config=config, phase=n_done, known=n_done))


def _show(last: Phase, config: RunConfig) -> None:
    """What the phase done last made, in full."""
    st.markdown(f"**Step {last.step}, {last.name}.** {MEANING[last.name]}")
    match last:
        case BatchPhase():
            _batch(last)
        case ForwardPhase():
            _targets(last.rows)
        case LossPhase():
            st.metric("Mean loss", f"{last.loss:.3f} nats per token")
            _targets(last.rows)
        case BackwardPhase():
            _gradient(last, config)
        case ClipPhase():
            _clip(last)
        case UpdatePhase():
            _update(last)


def _phases_in_url() -> int:
    text = st.query_params.get("phases", "0")
    return min(int(text), MOST_PHASES) if text.isdecimal() else 0


def _batch(result: BatchPhase) -> None:
    st.caption(
        f"{len(result.examples)} pairs. {result.tokens_computed} tokens to compute; a padded "
        f"batch would compute {result.tokens_padded}. {result.n_targets} tokens have a loss."
    )
    rows = [
        {"prompt": "".join(e.prompt[-28:]), "completion": "".join(e.completion)}
        for e in result.examples
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")


def _targets(rows: Sequence[TargetToken]) -> None:
    frame = pd.DataFrame(map(asdict, rows)).round({"loss": 3, "probability": 4})
    frame.columns = ["token", "loss (nats)", "probability", "count"]
    st.dataframe(frame, hide_index=True, width="stretch", height=240)


def _gradient(result: BackwardPhase, config: RunConfig) -> None:
    st.caption(f"{result.n_parameters:,} trained parameters; gradient norm {result.grad_norm:.2f}.")
    if result.step == 1 and config.method.name in B_STARTS_AT_0:
        st.caption(NO_GRADIENT_OF_A)
    _layers(result.layers, "Length of the gradient, layer by layer", "gradient norm")


def _clip(result: ClipPhase) -> None:
    before, after = st.columns(2)
    before.metric("Gradient norm before", f"{result.before:.3f}")
    after.metric("after clipping", f"{result.after:.3f}")
    st.caption(
        f"The limit is {result.clip_norm:g}; the gradient was multiplied by {result.scale:.3f}."
    )


def _update(result: UpdatePhase) -> None:
    before, after = st.columns(2)
    before.metric("Loss of this batch before", f"{result.loss_before:.3f}")
    after.metric("after the update", f"{result.loss_after:.3f}")
    st.caption(f"Learning rate of this step: {result.learning_rate:.2g} (warm-up included).")
    if result.step == 1:
        st.caption(FIRST_STEP_OF_ADAM)
    _layers(result.layers, "How far the weights moved, layer by layer", "change (norm)")


def _layers(rows: Sequence[LayerNorm], title: str, axis: str) -> None:
    chart = (
        alt.Chart(pd.DataFrame(map(asdict, rows)), title=title, height=220)
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X("place:N", title="place in the network", sort=None),
            y=alt.Y("norm:Q", title=axis),
            tooltip=["place", alt.Tooltip("norm", format=".3g")],
        )
        .properties(description=title)
    )
    st.altair_chart(chart, width="stretch")
