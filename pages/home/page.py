"""Home: what fine-tuning is in one picture, the way through the lessons, and something true at once."""

import psutil
import streamlit as st

from core.course.lessons import as_markdown, name_of
from core.errors import UserError
from core.experiments.collapse import LEAD
from core.generate.settings import SamplingSettings
from core.paths import ASSETS
from core.recorded.answers import where_asked
from core.runs.messages import Generate
from pages.home.lead_replay import lead_replay
from pages.home.tour import start_tour, tour_button
from pages.shared.engine import current_model, engine, model_ready, store
from pages.shared.plain import plain, quoted
from pages.shared.prepare import compute_button
from pages.shared.recordings import known_answer
from pages.shared.typed import pieces_of, typed
from pages.shared.visitor import visitor

GREEDY = SamplingSettings(max_new_tokens=40)
QUESTIONS = ("What is the capital of Japan?", LEAD, "What do bees make?")


def before_and_after() -> None:
    """A model that learns and forgets, as recorded, and the way to it."""
    lead_replay()
    st.page_link(
        "pages/lessons/forgetting/page.py",
        label=f"See it happen: {name_of('forgetting')}",
        icon=":material/arrow_forward:",
    )
    st.page_link(
        "pages/lessons/instruction/page.py",
        label="Tune it yourself: 20 steps on reviews",
        icon=":material/arrow_forward:",
    )


def ask_base() -> None:
    """A question, and the base model's answer as it comes: the recorded one, then that of this machine."""
    asked = st.radio("Ask the base model", QUESTIONS, key="home_question")
    question = Generate(model=current_model().id, text=asked, settings=GREEDY)
    if not compute_button("Ask it now", key="home_ask", is_primary=True):
        if recorded := known_answer(question):
            st.html(f'<p class="said">{typed(pieces_of(recorded))}</p>')
            st.caption(where_asked())
        return
    place = st.empty()
    n_tokens, elapsed_s = 0, 0.0
    try:
        for message in engine().ask(question):
            n_tokens, elapsed_s = message.token.n_tokens, message.token.elapsed_s
            place.markdown(quoted(message.token.text))
    except UserError as error:
        st.error(plain(str(error)))
        return
    st.caption(
        f"{n_tokens} tokens in {elapsed_s:.1f} s, computed on this machine just "
        "now. This is the model before any fine-tuning."
    )


def picture() -> None:
    """Fine-tuning as a picture, its text in the theme's colour."""
    drawn = (ASSETS / "images" / "fine_tuning.svg").read_text("utf-8")
    ink = "#ffffff" if st.context.theme.type == "dark" else "#222222"
    st.image(
        drawn.replace("currentColor", ink),
        width=760,
        alt="A pretrained model, prompt-completion pairs, and the tuned model whose weights moved.",
    )
    st.caption(
        "Fine-tuning: a pretrained model reads prompt-completion pairs, and its weights move a little, so "
        "that the completions become likelier."
    )


@st.fragment(run_every=2.0)
def machine() -> None:
    """What the worker measured here, and how much memory is free."""
    found = engine().machine()
    memory = psutil.virtual_memory()
    left, middle, right = st.columns(3)
    entry = current_model()
    state = "not prepared"
    if model_ready():
        state = "ready" if found else "loading"
    left.metric("Model", state)
    left.caption(
        f"{entry.title}, {entry.parameters / 1e6:.1f} million weights, {entry.licence}. {entry.rounding}"
    )
    middle.metric("Precision of products", found.dtype if found else "–")
    if found:
        speeds = " and ".join(f"{v:.0f} in {k}" for k, v in found.gflops.items())
        middle.caption(
            f"The {found.device.upper()} does {speeds} (10⁹ operations/s, measured at the start "
            "of the worker). The faster one is used."
        )
    else:
        middle.caption("Measured when the model is first loaded.")
    right.metric("Free memory", f"{memory.available / 1e9:.1f} GB")
    n = store().n_active()
    right.caption(
        f"of {memory.total / 1e9:.1f} GB; {n} run{'' if n == 1 else 's'} waiting or training"
    )


st.title("Tuning Fork")
st.subheader("Fine-tune a real language model, here, in seconds, and see what changes.")
wants_tour = tour_button()
said, ask = st.columns([3, 2], gap="large")
with said:
    before_and_after()
with ask:
    ask_base()

st.header("What fine-tuning is")
picture()

st.header("The way through")
st.markdown(as_markdown(with_links=True, for_learner=visitor().role == "learner"))

st.header("This machine")
machine()
if wants_tour:
    start_tour()
