"""One review, three answers: raw completion, the makers' instruction tuning, and ours."""

import html

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.course.lessons import name_of
from core.errors import UserError
from core.experiments.first_screens import ANSWER_TOKENS, REVIEW, first_screens
from core.generate.settings import SamplingSettings
from core.runs.messages import Generate
from core.runs.states import RunStatus
from core.runs.store import Run
from pages.shared.engine import current_model, engine, store
from pages.shared.plain import plain
from pages.shared.prepare import compute_button

WAYS = {
    "raw": (
        "1 · Raw completion",
        "No chat template. The model goes on with the text, as **pretraining** taught it: billions of "
        "words from the web, and at each one, “what comes next?”",
    ),
    "chat": (
        "2 · Its makers’ instruction tuning",
        "With the chat template. Its makers tuned the pretrained model on many prompts with good "
        "answers: it is **instruction-tuned**, and answers in sentences.",
    ),
    "tuned": (
        "3 · Our tuning",
        f"20 more steps on reviews, as in {name_of('instruction')}. It answers with the one word that its "
        "training pairs had.",
    ),
}
SETTINGS = SamplingSettings(max_new_tokens=ANSWER_TOKENS)


def three_answers() -> None:
    """The recorded answers, and a button that asks the model that is here."""
    found = first_screens()
    st.markdown("**Same model. What changed?** " + REVIEW.replace("\n\n", " "))
    own = own_run()
    known = {"raw": found.raw, "chat": found.chat, "tuned": found.tuned} if found else {}
    places = {}
    for column, (way, (title, meaning)) in zip(st.columns(3), WAYS.items(), strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            places[way] = st.empty()
            show(places[way], known.get(way))
            st.caption(meaning)
    note = st.empty()
    if found:
        note.caption(found.where)
    if compute_button("Ask the model on this machine", key="before_three"):
        for way, run in (("raw", None), ("chat", None), ("tuned", own)):
            if way != "tuned" or run:
                ask(places[way], raw=way == "raw", run=run)
        mine = (
            f"Ours is your run {own.id}."
            if own
            else "You have no run of your own yet, so ours is recorded."
        )
        note.caption(f"Answered on this machine just now. {mine}")


def ask(place: DeltaGenerator, *, raw: bool, run: Run | None) -> None:
    """The answer as it comes, where the recorded one stood."""
    question = Generate(
        model=current_model().id,
        text=REVIEW,
        raw=raw,
        run=run.id if run else "",
        settings=SETTINGS,
    )
    try:
        for message in engine().ask(question):
            show(place, message.token.text)
    except UserError as error:
        place.error(plain(str(error)))


def show(place: DeltaGenerator, answer: str | None) -> None:
    text = "not recorded" if answer is None else answer or "(it ends at once)"
    place.html(f'<p class="said">{html.escape(text)}</p>')


def own_run() -> Run | None:
    """The reader's newest finished run on reviews alone, whose weights are here."""
    for run in store().runs():
        config = run.unchecked_config
        if (
            run.status is RunStatus.FINISHED
            and config.model == current_model().id
            and config.data.tasks == ("sentiment",)
            and run.summary.artifact_bytes
        ):
            return run
    return None
