"""One review, three answers: raw completion, the makers' instruction tuning, and ours."""

import html

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.course.content import Lesson
from core.course.lessons import name_of
from core.errors import UserError
from core.events import Sample
from core.experiments.first_screens import (
    ANSWER_TOKENS,
    REVIEW,
    first_screens,
    instruction_config,
)
from core.generate.settings import SamplingSettings
from core.recorded.answers import where_asked
from core.runs.messages import Generate
from core.runs.states import RunStatus
from core.runs.store import Run
from pages.shared.engine import current_model, engine, store
from pages.shared.plain import plain
from pages.shared.predict import is_locked, predict_here
from pages.shared.prepare import compute_button
from pages.shared.recordings import known_answer, recorded_run
from pages.shared.typed import Piece, pieces_of, typed, words_of

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
NO_TEXT = "(it ends at once)"
SETTINGS = SamplingSettings(max_new_tokens=ANSWER_TOKENS)


def three_answers(course: Lesson) -> bool:
    """The recorded answers, as they came, and a button that asks the model that is here.

    Raw completion is what the reader is asked to guess, in its place; whether it is shown by now.
    """
    told = is_locked(course)
    st.markdown("**Same model. What changed?** " + REVIEW.replace("\n\n", " "))
    own, known, where = own_run(), *recorded_answers()
    places: dict[str, DeltaGenerator] = {}
    for column, (way, (title, meaning)) in zip(st.columns(3), WAYS.items(), strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            if told or way != "raw":
                places[way] = st.empty()
                if way in known:
                    places[way].html(f'<p class="said">{typed(known[way]) or NO_TEXT}</p>')
                else:
                    show(places[way], None)
            if way == "raw":
                predict_here(course)
            st.caption(meaning)
    note = st.empty()
    note.caption(where)
    if compute_button("Ask the model on this machine", key="before_three"):
        for way, run in (("raw", None), ("chat", None), ("tuned", own)):
            if {"raw": told, "tuned": bool(run)}.get(way, True):
                ask(places[way], raw=way == "raw", run=run)
        mine = (
            f"Ours is your run {own.id}."
            if own
            else "You have no run of your own yet, so ours is recorded."
        )
        note.caption(f"Answered on this machine just now. {mine}")
    return told


def recorded_answers() -> tuple[dict[str, list[Piece]], str]:
    """What each way answered, piece by piece, and sentences on where that was recorded."""
    known: dict[str, list[Piece]] = {}
    where: list[str] = []
    for way, raw in (("raw", True), ("chat", False)):
        if said := known_answer(question(raw=raw)):
            known[way] = pieces_of(said)
            where = [where_asked()]
    if run := recorded_run(instruction_config()):
        last = [e for e in run.events(Sample) if isinstance(e, Sample) and e.prompt == REVIEW][-1]
        known["tuned"] = words_of(last.output)
        where.append(run.where)
    if len(known) < len(WAYS) and (found := first_screens()):
        others = {"raw": found.raw, "chat": found.chat, "tuned": found.tuned}
        known = {way: words_of(said) for way, said in others.items()} | known
        where.append(found.where)
    return known, " ".join(dict.fromkeys(where))


def question(*, raw: bool, run: str = "") -> Generate:
    return Generate(model=current_model().id, text=REVIEW, raw=raw, run=run, settings=SETTINGS)


def ask(place: DeltaGenerator, *, raw: bool, run: Run | None) -> None:
    """The answer as it comes, where the recorded one stood."""
    try:
        for message in engine().ask(question(raw=raw, run=run.id if run else "")):
            show(place, message.token.text)
    except UserError as error:
        place.error(plain(str(error)))


def show(place: DeltaGenerator, answer: str | None) -> None:
    text = "not recorded" if answer is None else answer or NO_TEXT
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
