"""The decision guide in words, from the reader's own numbers and measurements; and facts neither brings."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import UserError
from core.experiments.break_even import Advice, Reason, advise
from core.experiments.knowledge_probe import (
    ANSWER_TOKENS,
    FACTS,
    GIVEN,
    PLAIN,
    SHOWN,
    TUNED,
    Fact,
    is_right,
    texts,
)
from core.experiments.prompting import Way
from core.generate.settings import SamplingSettings
from core.runs.messages import Generate
from pages.lessons.choice.costs import amount, pay_words
from pages.lessons.choice.figures import name_of
from pages.shared.engine import current_model, engine, tokenizer
from pages.shared.one_of import one_of
from pages.shared.plain import plain
from pages.shared.prepare import compute_button

FACT_TITLES = {
    PLAIN: "asked plainly",
    SHOWN: "after 4 solved questions",
    TUNED: "tuned model",
    GIVEN: "with the fact in the prompt",
}


def guide(found: Sequence[Way], requests: int, *, unit: str, cached: bool) -> None:
    """Two more questions to the reader, and the advice that follows."""
    st.caption(f"For {requests:,} requests, as on the slider at the top of this page.")
    two, three = st.columns(2)
    needed = two.slider(
        "Score you need", 0.0, 1.0, 0.8, 0.05, key="choice_needed", bind="query-params"
    )
    amounts = sorted({way.labels for way in found})
    labels = three.select_slider(
        "Labelled examples you have",
        amounts,
        amounts[-1],
        key=f"choice_labels_{'_'.join(map(str, amounts))}",
    )
    options = [way.option(name_of(way), unit, cached=cached) for way in found]
    try:
        advice = advise(options, needed=needed, requests=requests, labels=labels)
    except UserError as error:
        st.caption(plain(str(error)))
        return
    st.markdown(f"**{verdict(advice, needed=needed)}**")
    st.markdown("\n".join(f"- {why}" for why in reasons(advice, requests=requests, unit=unit)))


def verdict(advice: Advice, *, needed: float) -> str:
    """The advice in one sentence."""
    choice = advice.choice
    if advice.reason is Reason.NONE_GOOD_ENOUGH:
        return (
            f"Neither: nothing measured here reaches {needed:.2f}. The best is “{choice.name}” "
            f"with {choice.score:.2f}."
        )
    verb = "Tune" if choice.is_tuned else "Prompt"
    return f"{verb}: “{choice.name}” reaches {choice.score:.2f}."


def reasons(advice: Advice, *, requests: int, unit: str) -> list[str]:
    """Why, and how sure that is."""
    choice, rival = advice.choice, advice.rival
    low, high = choice.interval
    said: list[str] = []
    if advice.reason is Reason.NONE_GOOD_ENOUGH:
        said.append(
            "Try more labelled examples, a larger model, or an easier question, and measure again."
        )
    elif rival is None:
        other = "prompt" if choice.is_tuned else "tuned model"
        said.append(f"No {other} measured here is good enough, so the cost does not decide.")
    else:
        said.append(
            f"Over {requests:,} requests it takes {amount(advice.total, unit)}; “{rival.name}” "
            f"({rival.score:.2f}) takes {amount(advice.rival_total or 0.0, unit)}."
        )
    if rival and advice.break_even:
        tuned = choice if choice.is_tuned else rival
        said.append(f"“{tuned.name}” {pay_words(advice.break_even, unit)}.")
    measured = f"The 95 % interval of its score is {low:.2f} to {high:.2f}"
    if len(choice.seeds) > 1:
        measured += f"; its seeds scored {min(choice.seeds):.2f} to {max(choice.seeds):.2f}"
    said.append(
        f"{measured}, so the verdict holds over the whole interval."
        if advice.is_score_sure
        else f"{measured}. So it is not certain whether that is good enough."
    )
    return said


def ask_fact(run: str) -> None:
    """A question whose answer stands in no weight: asked in every way, live."""
    kinds = {fact.kind: fact for fact in FACTS}
    chosen = one_of(
        st.pills,
        "A fact that is",
        list(kinds),
        default=FACTS[0].kind,
        key="choice_fact",
        bind="query-params",
    )
    fact = edited(kinds[chosen])
    kept: dict[Any, dict[str, str]] = st.session_state.setdefault("choice_facts", {})
    if compute_button("Ask in every way", key="choice_fact_ask", is_primary=True):
        with st.spinner("Asking"):
            kept[fact] = asked(fact, run)
    if answers := kept.get(fact):
        st.dataframe(fact_table([(fact, answers)]), hide_index=True, width="stretch")
        right = [FACT_TITLES[way] for way in answers if is_right(answers[way], fact.answer)]
        st.markdown(f"Right: **{', '.join(right) or 'none of them'}**.")


def edited(fact: Fact) -> Fact:
    """The reader may write another question, answer and sentence."""
    with st.expander("The question, and the fact: change them if you like"):
        key = f"choice_fact_{FACTS.index(fact)}"
        question = st.text_input("Question", fact.question, key=f"{key}_question")
        answer = st.text_input("Right answer", fact.answer, key=f"{key}_answer")
        given = st.text_input("A sentence that says it", fact.given, key=f"{key}_given")
    return Fact(kind=fact.kind, question=question, answer=answer, given=given)


def asked(fact: Fact, run: str) -> dict[str, str]:
    """The answer of each way; without a tuned model, of the others."""
    answers: dict[str, str] = {}
    for way, text in texts(fact.question, fact.given, tokenizer()).items():
        if way == TUNED and not run:
            continue
        question = Generate(
            model=current_model().id,
            text=text,
            raw=True,
            run=run if way == TUNED else "",
            settings=SamplingSettings(max_new_tokens=ANSWER_TOKENS),
        )
        for message in engine().ask(question):
            answers[way] = message.token.text
    return answers


def fact_table(rows: Sequence[tuple[Fact, dict[str, str]]]) -> pd.DataFrame:
    """A row per question and way."""
    return pd.DataFrame(
        [
            {
                "question": fact.question,
                "way": FACT_TITLES[way],
                "right": "yes" if is_right(answers[way], fact.answer) else "no",
                "answer": answers[way],
            }
            for fact, answers in rows
            for way in FACT_TITLES
            if way in answers
        ]
    )


def fact_finding(rows: Sequence[tuple[Fact, dict[str, str]]]) -> str:
    """How many questions each way got right."""
    counts = {
        title: sum(is_right(answers[way], fact.answer) for fact, answers in rows if way in answers)
        for way, title in FACT_TITLES.items()
    }
    said = ", ".join(f"{title} {right}" for title, right in counts.items())
    return f"Right answers out of {len(rows)} recorded for each way: {said}."
