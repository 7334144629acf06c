"""Answers as cards, one a prompt: before, after, and what changed between them marked.

Cards wrap where a table cuts its last column off, which is where the change stands.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from os.path import commonprefix

import streamlit as st

from core.evaluate.limits import sample_as_shown
from core.events import Sample

BEFORE = "before"
WORDS = re.compile(r"\w+|[^\w\s]|\s+")


@dataclass(frozen=True, kw_only=True)
class Card:
    prompt: str
    answers: Sequence[tuple[str, str]]
    """Who answered, and what; each is compared with the first."""
    right: str = ""
    """The right answer, where the data have one."""
    later: str = ""
    """What stands where an answer is still to come."""


def show_cards(cards: Sequence[Card]) -> None:
    """Draw cards, as many beside each other as there is room for."""
    st.html(f'<div class="answers">{"".join(map(_card, cards))}</div>')


def cards_of(samples: Sequence[Sample], *, step: int | None = None) -> list[Card]:
    """A card for each prompt of a run's samples: the base model's answer and that at `step`, or the last."""
    shared = shared_words([e.prompt for e in samples])
    cards: list[Card] = []
    for prompt in dict.fromkeys(e.prompt for e in samples):
        mine = [e for e in samples if e.prompt == prompt]
        after = [e for e in mine if e.step == step] if step is not None else mine[-1:]
        answers = [(BEFORE, sample_as_shown(mine[0]))]
        if after and after[0].step > mine[0].step:
            answers.append((f"step {after[0].step}", sample_as_shown(after[0])))
        short = ("… " if shared else "") + prompt[shared:]
        cards.append(Card(prompt=short, answers=answers, right=mine[0].reference))
    return cards


def shared_words(prompts: Sequence[str]) -> int:
    """How many characters all prompts begin with alike, up to the end of a word."""
    if len(set(prompts)) < 2:
        return 0
    common = commonprefix(list(prompts))  # noqa: RUF071  (characters are meant)
    return max(common.rfind(" "), common.rfind("\n")) + 1


def marked(before: str, after: str) -> str:
    """`after` as HTML, with the words marked that `before` does not have there."""
    old, new = WORDS.findall(before), WORDS.findall(after)
    pieces: list[str] = []
    for kind, _, _, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        text = html.escape("".join(new[start:end]))
        pieces.append(f"<mark>{text}</mark>" if kind in ("insert", "replace") and text else text)
    return "".join(pieces)


def _card(card: Card) -> str:
    (_, first), *_ = card.answers
    rows = [("right", html.escape(card.right))] if card.right else []
    rows += [
        (name, html.escape(text) if n == 0 else marked(first, text) or "<i>nothing</i>")
        for n, (name, text) in enumerate(card.answers)
    ]
    rows += [("after", html.escape(card.later))] if card.later else []
    listed = "".join(f"<div><span>{html.escape(name)}</span> {said}</div>" for name, said in rows)
    return f"<div><p>{html.escape(card.prompt)}</p>{listed}</div>"
