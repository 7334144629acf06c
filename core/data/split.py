"""Dividing pairs into training, validation and test so that none is trained on and tested.

All pairs of one prompt go to one part. Two prompts are one when they differ only in white space and in
upper and lower case, after the template was filled: rather too careful than a test that was trained on.
A pair given twice (same prompt, same completion, whatever its tags) counts once.
"""

import random
from collections.abc import Sequence

from core.data.example import Example
from core.data.listing import count, name_lines

Group = list[Example]
"""All pairs of one prompt."""


def same(text: str) -> str:
    """What two texts have in common that differ only in white space and case."""
    return " ".join(text.split()).casefold()


def distinct(examples: Sequence[Example]) -> list[Example]:
    """Each pair once, the first one of equal ones."""
    return list({(e.prompt, e.completion): e for e in reversed(examples)}.values())[::-1]


def by_prompt(examples: Sequence[Example]) -> list[Group]:
    groups: dict[str, Group] = {}
    for example in examples:
        groups.setdefault(same(example.prompt), []).append(example)
    return list(groups.values())


def take(groups: list[Group], n_pairs: int) -> tuple[list[Group], list[Group]]:
    """Groups of `n_pairs` pairs together, or a little fewer, and the others; order is kept.

    When even the smallest group holds more, it is taken, so that the part is not empty; but one group
    is always left.
    """
    taken, left, room = list[Group](), list[Group](), n_pairs
    for group in groups:
        if len(group) <= room:
            taken.append(group)
            room -= len(group)
        else:
            left.append(group)
    if n_pairs and not taken and len(left) > 1:
        smallest = min(left, key=len)
        taken, left = [smallest], [group for group in left if group is not smallest]
    return taken, left


def pairs(groups: Sequence[Group]) -> list[Example]:
    return [example for group in groups for example in group]


def shuffled(groups: list[Group], seed: str) -> list[Group]:
    mixed = list(groups)
    random.Random(seed).shuffle(mixed)
    return mixed


def without_prompts_of(
    examples: Sequence[Example], others: Sequence[Example]
) -> tuple[list[Example], list[Example]]:
    """Examples whose prompt is none of the others', and those left out."""
    known = {same(other.prompt) for other in others}
    kept = [e for e in examples if same(e.prompt) not in known]
    return kept, [e for e in examples if same(e.prompt) in known]


def duplicate_notes(examples: Sequence[Example], *, word: str) -> list[str]:
    """What is said of equal pairs and of prompts with several answers; `word` is "line" or "pair"."""
    once = distinct(examples)
    notes: list[str] = []
    if len(once) < len(examples):
        first = {id(e) for e in once}
        repeated = [e.number for e in examples if id(e) not in first]
        notes.append(
            f"{count(len(repeated), 'pair')} of {len(examples):,} repeat an earlier one and are left "
            f"out: {name_lines(repeated, word)}."
        )
    several = [g for g in by_prompt(once) if len(g) > 1]
    if several:
        notes.append(
            f"{count(len(several), 'prompt')} with several pairs; all pairs of a prompt stay "
            "together, so that no test prompt is trained on."
        )
    against = [g for g in several if len({same(e.completion) for e in g}) > 1]
    if against:
        one, other = against[0][:2]
        n = sum(map(len, against))
        notes.append(
            f"{count(len(against), 'prompt')} with different answers ({count(n, 'pair')}), for example "
            f"{name_lines([one.number, other.number], word)}: “{short(one.prompt)}” is answered "
            f"“{short(one.completion)}” and “{short(other.completion)}”. "
            "The model can give only one answer: keep the one you want."
        )
    return notes


def short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else f"{flat[:59]}…"
