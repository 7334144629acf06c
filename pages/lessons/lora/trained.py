"""Lesson, a finished run: set beside full fine-tuning, merged into the weights, turned up and down."""

from collections.abc import Sequence

import streamlit as st

from core.config import METHODS
from core.experiments.mitigations import PROMPTS
from core.experiments.ranks import full_config
from core.generate.settings import SamplingSettings
from core.runs.messages import Generate, Merge
from core.runs.store import Run
from pages.lessons.lora.inside import about_merging, show_merged
from pages.lessons.lora.matrices import scale_table
from pages.shared.engine import ask_once, current_model, engine, store
from pages.shared.forgetting import forgetting_view
from pages.shared.plain import quoted
from pages.shared.prepare import compute_button
from pages.shared.run_button import run_button


def not_looked_into(run: Run, variants: Sequence[str]) -> str:
    """Why a finished run has nothing for the rest of this page; "" where it has."""
    if run.config.model != current_model().id:
        return (
            f"This run tuned another model, {run.config.model}, which this page cannot look into."
        )
    if run.config.method.name not in variants:
        return "This is not a LoRA run, so there is no pair of matrices to look at."
    return ""


def beside_full(run: Run) -> str:
    """Full fine-tuning on the same data, for its spectrum; returns its run, or ""."""
    st.markdown("How low-rank is the change that **full fine-tuning** makes on the same reviews?")
    full_id = run_button(
        full_config(run.config), "Train full fine-tuning", key="lora_full", name="full"
    )
    if full_id and not store().get(full_id).status.is_over:
        forgetting_view(full_id)
    return full_id


def merge(run: Run) -> None:
    about_merging()
    if compute_button("Merge and unmerge", key="lora_merge"):
        with st.spinner("Merging and taking it out again, in two precisions"):
            found = ask_once(Merge(run=run.id, prompts=PROMPTS))
        show_merged(found)


def scale(run: Run) -> None:
    st.header("Turn it up and down")
    st.latex(r"W' = W + s \cdot \frac{\alpha}{r}\, B A")
    if not METHODS[run.config.method.name].is_scalable:
        st.caption(
            "DoRA also trains the lengths of the weight vectors, so it has no such scale. Train LoRA or rsLoRA "
            "to try it."
        )
        return
    left, right = st.columns(2)
    s = left.slider("Scale s", -1.0, 2.0, 1.0, 0.25, key="lora_scale")
    text = right.text_input("Prompt", PROMPTS[0], key="lora_scale_prompt")
    answers = st.session_state.setdefault("lora_scaled", {}).setdefault((run.id, text), {})
    if compute_button("Ask at this scale", key="lora_scale_ask", is_primary=True):
        place = st.empty()
        asked = Generate(
            model=run.config.model,
            text=text,
            run=run.id,
            scale=s,
            settings=SamplingSettings(max_new_tokens=30),
        )
        for message in engine().ask(asked):
            answers[s] = message.token.text
            place.markdown(quoted(message.token.text))
    if answers:
        st.dataframe(scale_table(answers), hide_index=True, width="stretch")
        st.caption(
            "0 is the base model, 1 the model as trained; below 0 it moves away from what it learned."
        )
