"""Two texts compared before the reader's eyes: colours, arithmetic, the common subsequence."""

import html
import unicodedata
from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from core.evaluate.compare_texts import (
    LONGEST,
    MATCHED,
    SURPLUS,
    NgramCount,
    TextComparison,
    compare_texts,
)
from core.evaluate.metric_failures import CHALLENGES, METRIC_FAILURES, attempt
from core.evaluate.overlap import Overlap
from core.evaluate.undefined import or_dash, share
from core.evaluate.words import CutText, Cutting
from pages.shared.colours import BLUE
from pages.shared.one_of import one_of
from pages.shared.plain import plain

REFERENCE = "Raj lets Fiona bake her bread in his oven."
OUTPUT = "Fiona bakes her bread in the oven of her friend Raj."
LOOKS = {
    MATCHED: "background:rgba(0,114,178,.32)",
    SURPLUS: "background:rgba(230,159,0,.30);text-decoration:underline dashed;text-underline-offset:3px",
}
HINTS = {MATCHED: "counted as a match", SURPLUS: "not counted: the other text has fewer of it"}
CHARACTER_PX, PAD_PX, ROW_PX = 8.5, 14, 120
GRAMS = {1: "unigrams", 2: "bigrams", 3: "trigrams"}


def grams(n: int) -> str:
    return GRAMS.get(n, f"{n}-grams")


def fill(failure: str) -> None:
    """Put a prepared pair into the boxes."""
    st.session_state["evaluation_reference"] = METRIC_FAILURES[failure].reference
    st.session_state["evaluation_output"] = METRIC_FAILURES[failure].output
    st.session_state["evaluation_right"] = "right" if METRIC_FAILURES[failure].is_right else "wrong"


def texts() -> tuple[str, str]:
    """The two boxes, and buttons that fill them."""
    left, right = st.columns(2)
    reference = left.text_area(
        "Reference: the answer we want",
        REFERENCE,
        max_chars=1_000,
        key="evaluation_reference",
        bind="query-params",
    )
    output = right.text_area(
        "Output: what a model said",
        OUTPUT,
        max_chars=1_000,
        key="evaluation_output",
        bind="query-params",
    )
    return reference, output


def options() -> tuple[int, Cutting]:
    """How long the n-grams are and which words are equal."""
    slider, switches = st.columns(2)
    n = slider.slider("n: words in a row", 1, LONGEST, 1, key="evaluation_n", bind="query-params")
    with switches:
        lowercase = st.toggle("Ignore case", True, key="evaluation_lowercase", bind="query-params")
        stem = st.toggle(
            "Compare stems (English)",
            key="evaluation_stem",
            bind="query-params",
            help="“bakes” and “bake” are then one word (Porter's algorithm, as in rouge-score).",
        )
        any_script = st.toggle(
            "Letters of any script",
            key="evaluation_any_script",
            bind="query-params",
            help="rouge-score knows a-z and 0-9 only: it reads “José” as “jos”, and no Greek at all.",
        )
    return n, Cutting(lowercase=lowercase, stem=stem, any_script=any_script)


def compared() -> TextComparison:
    """Everything above the break: boxes, options, colours, arithmetic; returns what was found."""
    reference, output = texts()
    n, how = options()
    found = compare_texts(reference, output, n=n, how=how)
    left, right = st.columns(2)
    with left:
        show_text(found.reference, found.reference_marks, "Reference")
    with right:
        show_text(found.output, found.output_marks, "Output")
    st.caption(
        f"Blue: words of matched {grams(n)}. Amber, dashed: the other text has fewer of them, so these "
        "are not counted."
    )
    arithmetic(found.overlap, n)
    with st.expander(
        f"Clipped counts: each of the {grams(n)} counts at most as often as both texts have it"
    ):
        st.dataframe(count_table(found.counts), hide_index=True, width="stretch")
    subsequence(found)
    scores(found)
    return found


def show_text(text: CutText, marks: Sequence[str], label: str) -> None:
    """A text as it stands, its matched words coloured."""
    parts: list[str] = []
    done = 0
    for word, mark in zip(text.words, marks, strict=True):
        parts.append(html.escape(text.text[done : word.start]))
        shown = html.escape(text.text[word.start : word.end])
        if mark in LOOKS:
            shown = (
                f'<span style="{LOOKS[mark]};border-radius:4px;padding:1px 3px" '
                f'title="{HINTS[mark]}">{shown}</span>'
            )
        parts.append(shown)
        done = word.end
    parts.append(html.escape(text.text[done:]))
    n_matched = sum(mark == MATCHED for mark in marks)
    st.markdown(f"**{label}**: {n_matched} of {len(marks)} words matched")
    st.html(
        f'<div style="font-size:1.15rem;line-height:1.9;white-space:pre-wrap">{"".join(parts)}</div>'
    )


def arithmetic(found: Overlap, n: int) -> None:
    """Recall, precision and F1 with the numbers in the fractions."""
    one, two, three = st.columns(3)
    one.metric("Recall", share_of(found, found.in_reference))
    one.latex(
        rf"\frac{{\text{{matched}}}}{{\text{{in reference}}}}={fraction(found, found.in_reference)}"
    )
    two.metric("Precision", share_of(found, found.in_output))
    two.latex(
        rf"\frac{{\text{{matched}}}}{{\text{{in output}}}}={fraction(found, found.in_output)}"
    )
    three.metric("F1, their harmonic mean", f"{found.f1:.3f}")
    p, r = found.precision, found.recall
    three.latex(
        rf"\frac{{2PR}}{{P+R}}=\frac{{2\cdot{p:.3f}\cdot{r:.3f}}}{{{p:.3f}+{r:.3f}}}={found.f1:.3f}"
        if p + r
        else r"P+R=0,\ \text{so } F_1=0"
    )
    if not found.in_reference or not found.in_output:
        st.caption(
            f"A text has no {grams(n)}: it is too short, and its share is 0/0. F1 counts that as 0, as "
            "rouge-score does."
        )


def fraction(found: Overlap, total: int) -> str:
    equals = f"={found.matched / total:.3f}" if total else r"\ \text{(undefined)}"
    return rf"\frac{{{found.matched}}}{{{total}}}{equals}"


def share_of(found: Overlap, total: int) -> str:
    return or_dash(share(found.matched, total), 3)


def count_table(counts: Sequence[NgramCount]) -> pd.DataFrame:
    rows = [(row.ngram, row.in_reference, row.in_output, row.counted) for row in counts]
    _, *numbers = zip(*rows, strict=True) if rows else ((), (), (), ())
    total = ("all", *map(sum, numbers))
    return pd.DataFrame([*rows, total], columns=["n-gram", "in reference", "in output", "counted"])


def subsequence(found: TextComparison) -> None:
    """ROUGE-L: the longest common subsequence as lines between the two texts."""
    words = " ".join(found.reference.shown[i] for i, _ in found.common)
    n = len(found.common)
    st.markdown(
        f"**ROUGE-L: {n} words stand in both texts in the same order: “{plain(words)}”**"
        if n
        else "**ROUGE-L: no word stands in both texts**"
    )
    if found.reference.words and found.output.words:
        st.markdown(subsequence_svg(found), unsafe_allow_html=True)  # st.html takes no SVG
    common = found.rouge_l
    st.caption(
        f"Lines may not cross; other words may lie between. Recall {common.matched}/{common.in_reference} = "
        f"{common.recall:.3f}, precision {common.matched}/{common.in_output} = {common.precision:.3f}, F1 {common.f1:.3f}."
    )


def subsequence_svg(found: TextComparison) -> str:
    """Two rows of words, and a line for every pair of the common subsequence."""
    rows = [(found.reference.shown, 20.0), (found.output.shown, ROW_PX - 10.0)]
    centres: list[list[float]] = []
    parts: list[str] = []
    width = 0.0
    for number, (words, y) in enumerate(rows):
        taken = {pair[number] for pair in found.common}
        x, middles = 0.0, []
        for place, word in enumerate(words):
            size = CHARACTER_PX * columns_of(word)
            middle = x + size / 2
            middles.append(middle)
            style = f'fill="currentColor" font-weight="{700 if place in taken else 400}"'
            parts.append(f'<text x="{middle:.1f}" y="{y}" {style}>{html.escape(word)}</text>')
            x += size + PAD_PX
        centres.append(middles)
        width = max(width, x)
    for i, j in found.common:
        parts.append(
            f'<line x1="{centres[0][i]:.1f}" y1="28" x2="{centres[1][j]:.1f}" y2="{ROW_PX - 26}" '
            f'stroke="{BLUE}" stroke-width="2"/>'
        )
    label = html.escape(f"{len(found.common)} lines join the words of the common subsequence")
    return (
        '<div tabindex="0" role="group" aria-label="common subsequence" style="overflow-x:auto">'
        f'<svg role="img" aria-label="{label}" width="{width:.0f}" height="{ROW_PX}" '
        'font-family="monospace" font-size="14" text-anchor="middle">'
        f"{''.join(parts)}</svg></div>"
    )


def columns_of(word: str) -> int:
    """How many columns a word takes in a monospaced face; Chinese and the like take two each."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in word)


def scores(found: TextComparison) -> None:
    """The usual measures beside each other."""
    names = {"ROUGE-1": found.rouge_1, "ROUGE-2": found.rouge_2, "ROUGE-L": found.rouge_l}
    place = st.container(horizontal=True, gap="large")
    for name, overlap in names.items():
        place.metric(f"{name} F1", f"{overlap.f1:.3f}", width="content")
    bleu = found.bleu
    place.metric("BLEU, of 100", f"{bleu.score:.1f}", width="content")
    st.markdown(f"As whole answers: {found.in_words[0].lower()}{found.in_words[1:]}")
    factors = " × ".join(f"{p:.3f}" for p in bleu.precisions if p)
    n_factors = sum(1 for p in bleu.precisions if p)
    if n_factors:
        st.caption(
            f"BLEU = 100 × brevity penalty {bleu.brevity_penalty:.3f} × ({factors})^(1/{n_factors}): "
            "precisions of 1- to 4-grams, no recall. It counts marks such as commas as words. A "
            "precision without a match counts as half a match, the next as a quarter."
        )
    else:
        st.caption("BLEU is 0: no word of the output stands in the reference.")


def metric_failures(*, on_look: Callable[[], None]) -> None:
    """Pairs on which the score lies, one click each, which also calls `on_look`."""

    def look(failure: str) -> None:
        fill(failure)
        on_look()

    st.caption("Each button fills the boxes below; then change them yourself.")
    with st.container(horizontal=True):
        for failure in METRIC_FAILURES.values():
            st.button(
                failure.title,
                key=f"evaluation_trap_{failure.id}",
                on_click=look,
                args=(failure.id,),
            )


def challenges(found: TextComparison) -> None:
    """Why a prepared pair fools the score, and two challenges for the reader's own pairs."""
    reference, output = found.reference.text, found.output.text
    for failure in METRIC_FAILURES.values():
        if (failure.reference, failure.output) == (reference, output):
            kind = "right" if failure.is_right else "wrong"
            st.markdown(
                f"**{failure.title}: a {kind} answer with F1 {found.rouge_1.f1:.2f}.** {failure.why}"
            )
    verdict = one_of(
        st.segmented_control,
        "You are the judge: the output is",
        ["wrong", "right"],
        default="wrong",
        key="evaluation_right",
        bind="query-params",
    )
    won, words = attempt(reference, output, found.rouge_1.f1, is_right=verdict == "right")
    done: dict[str, str] = st.session_state.setdefault("evaluation_won", {})
    if won:
        done[won] = f"“{output}” for “{reference}”: F1 {found.rouge_1.f1:.2f}"
    for challenge in CHALLENGES:
        mark = ":material/check_circle:" if challenge.id in done else ":material/circle:"
        st.markdown(f"{mark} **{challenge.title}**")
        if challenge.id in done:
            st.caption(plain(done[challenge.id]))
    st.caption(plain(words))
