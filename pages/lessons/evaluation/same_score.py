"""The first screen: a right and a wrong answer that word overlap cannot tell apart, for n = 1, 2 and 3."""

import html

import streamlit as st

from core.evaluate.compare_texts import MATCHED, TextComparison, compare_texts
from core.evaluate.metric_failures import SAME_SCORE
from core.evaluate.words import Cutting

LENGTHS = (1, 2, 3)
MARK_S = 0.35
"""Between two marks."""
WORDS = {1: "single words", 2: "pairs of words", 3: "three in a row"}


def same_score() -> None:
    """Both answers, their matched words marked, and F1 for each length of n-gram."""
    answers = {"right": SAME_SCORE.right, "wrong": SAME_SCORE.wrong}
    found = {
        kind: {n: compare_texts(SAME_SCORE.reference, said, n=n, how=Cutting()) for n in LENGTHS}
        for kind, said in answers.items()
    }
    st.markdown(f"**{finding(found['right'], found['wrong'])}**")
    cards = "".join(
        f"<div><p>A {kind} answer</p>{marked(by_n[1])}</div>" for kind, by_n in found.items()
    )
    wanted = f"<div><p>The answer we want</p>{html.escape(SAME_SCORE.reference)}</div>"
    st.html(f'<div class="answers">{wanted}{cards}</div>')
    st.table(
        [
            {"F1 over": f"n = {n}: {WORDS[n]}"}
            | {f"{kind} answer": f"{by_n[n].overlap.f1:.2f}" for kind, by_n in found.items()}
            for n in LENGTHS
        ],
        hide_index=True,
    )
    st.caption(
        "F1 is the harmonic mean of precision (how much of the answer stands in the reference) and recall "
        "(how much of the reference stands in the answer). Marked: words that both have. No count of "
        "shared words knows that “shut” means “closed”, and that “opened” does not."
    )


def finding(right: dict[int, TextComparison], wrong: dict[int, TextComparison]) -> str:
    """For which n both answers score the same."""
    same = [n for n in right if right[n].overlap.f1 == wrong[n].overlap.f1]
    if len(same) == len(right):
        return "One of these two answers is wrong, and F1 gives both the same score for every n"
    lengths = " and ".join(f"n = {n}" for n in same) or "no n"
    return f"One of these two answers is wrong; F1 gives both the same score for {lengths}"


def marked(found: TextComparison) -> str:
    """The output as HTML, its matched words marked one after another."""
    parts: list[str] = []
    done = n_marked = 0
    text = found.output.text
    for word, mark in zip(found.output.words, found.output_marks, strict=True):
        parts.append(html.escape(text[done : word.start]))
        shown = html.escape(text[word.start : word.end])
        if mark == MATCHED:
            n_marked += 1
            shown = f'<mark class="same" style="animation-delay:{MARK_S * n_marked:.2f}s">{shown}</mark>'
        parts.append(shown)
        done = word.end
    parts.append(html.escape(text[done:]))
    return "".join(parts)
