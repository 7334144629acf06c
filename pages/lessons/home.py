"""Home: what fine-tuning is in one picture, the way through the lessons, and something true at once."""

import psutil
import streamlit as st

from core import catalog
from core.errors import UserError
from pages.ui.engine import engine, model_ready, preparation, store

GREEDY = {"max_new_tokens": 40}
QUESTIONS = ("What is the capital of France?", "What is your name?", "What do bees make?")

st.title("Tuning Fork")
st.subheader("Fine-tune a real language model, here, in seconds, and see what changes.")
st.image(
    "assets/images/fine_tuning.svg",
    caption=(
        "Fine-tuning: a pretrained model reads prompt-completion pairs, and its weights move a "
        "little so that the completions become likelier."
    ),
    width=760,
)

if model_ready():
    asked = st.pills(
        "Ask the untouched model", QUESTIONS, default=QUESTIONS[0], key="home_question"
    )
    if st.button("Ask it now", type="primary", key="home_ask") and asked:
        place = st.empty()
        try:
            last = {}
            for last in engine().ask(
                "generate", model=catalog.DEFAULT_MODEL, text=asked, settings=GREEDY
            ):
                place.markdown(f"> {last['text']}")
            st.caption(
                f"{last['n_tokens']} tokens in {last['elapsed_s']:.1f} s, computed on this machine "
                "just now. This is the model before any fine-tuning."
            )
        except UserError as error:
            st.error(str(error))
    st.page_link(
        "pages/lessons/instruction.py",
        label="Now tune it yourself: 20 steps on reviews",
        icon=":material/arrow_forward:",
    )
else:
    preparation()

st.header("The way through")
st.markdown(
    """
1. **[Before fine-tuning](before)**: tasks one could tune for; prompting a pretrained model; where the next token comes from.
2. **[Instruction fine-tuning](instruction)**: pairs, templates, which tokens the loss sees; the training loop one phase at a time; then a real run.

Every run you start is kept in **[Runs](runs)**, with its settings, curves and answers.
"""
)

st.header("This machine")
found = engine().machine()
memory = psutil.virtual_memory()
left, middle, right = st.columns(3)
entry = catalog.MODELS[catalog.DEFAULT_MODEL]
left.metric("Model", "ready" if model_ready() else "not prepared")
left.caption(f"{entry.title}, {entry.parameters / 1e6:.1f} million weights, {entry.licence}")
middle.metric("Precision of products", found.get("dtype", "not measured yet"))
if found:
    speeds = ", ".join(f"{k} {v:.0f}" for k, v in found["gflops"].items())
    middle.caption(f"Measured on {found['device']}, GFLOP/s: {speeds}. The faster one is used.")
else:
    middle.caption("A worker measures this when the model is first loaded.")
right.metric("Free memory", f"{memory.available / 1e9:.1f} GB")
right.caption(f"of {memory.total / 1e9:.1f} GB; {len(store().active())} runs waiting or running")
