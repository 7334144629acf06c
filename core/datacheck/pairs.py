"""Findings about pairs beside each other: repeated, nearly the same, contradicting, in two parts at once."""

from collections.abc import Sequence
from os.path import commonprefix

from core.data.example import Example
from core.data.examples import PARTS, Splits
from core.data.listing import count, name_lines
from core.data.split import by_prompt, distinct, same, short
from core.datacheck.findings import Finding
from core.datacheck.near import near_pairs

SHOWN_BEFORE = 25
"""Characters of two near copies that are shown before they part."""


def duplicates(examples: Sequence[Example], word: str) -> list[Finding]:
    """Pairs that stand there twice."""
    first = {id(e) for e in distinct(examples)}
    lines = tuple(e.number for e in examples if id(e) not in first)
    if not lines:
        return []
    said = f"{count(len(lines), 'pair')} repeat an earlier one and count once: {name_lines(lines, word)}."
    if len(lines) == 1:
        said = f"1 pair repeats an earlier one and counts once: {name_lines(lines, word)}."
    return [Finding(kind="duplicates", level="note", sentence=said, lines=lines)]


def contradictions(examples: Sequence[Example], word: str) -> list[Finding]:
    """Prompts with different answers."""
    groups = [g for g in by_prompt(examples) if len({same(e.completion) for e in g}) > 1]
    if not groups:
        return []
    first = groups[0][0]
    other = next(e for e in groups[0] if same(e.completion) != same(first.completion))
    said = (
        f"{count(len(groups), 'prompt')} with different answers, for example "
        f"{name_lines([first.number, other.number], word)}: “{short(first.prompt)}” is answered "
        f"“{short(first.completion)}” and “{short(other.completion)}”. "
        "The model can give only one answer: keep the one you want."
    )
    lines = tuple(sorted(e.number for group in groups for e in group))
    return [Finding(kind="contradictions", level="look", sentence=said, lines=lines)]


def near_duplicates(examples: Sequence[Example], splits: Splits | None, word: str) -> list[Finding]:
    """Prompts that are nearly the same, and those of them that are trained on and tested."""
    groups = by_prompt(examples)
    firsts = [group[0] for group in groups]
    found = near_pairs([same(e.prompt) for e in firsts])
    if not found:
        return []
    both = [(firsts[near.earlier], firsts[near.later]) for near in found]
    findings = [_nearly_the_same(both, word)]
    if splits:
        findings += _leaks(both, splits, word)
    return findings


def _nearly_the_same(both: Sequence[tuple[Example, Example]], word: str) -> Finding:
    one, other = both[0]
    lines = tuple(sorted({e.number for pair in both for e in pair}))
    is_one = len(both) == 1
    said = (
        f"{count(len(both), 'prompt')} {'is' if is_one else 'are'} nearly the same as an earlier one, for example "
        f"{_example(one, other, word)}. Near copies teach little that is new."
    )
    return Finding(kind="near_duplicates", level="look", sentence=said, lines=lines)


def _leaks(both: Sequence[tuple[Example, Example]], splits: Splits, word: str) -> list[Finding]:
    trained = {same(e.prompt) for e in splits.train}
    tested = {same(e.prompt) for e in splits.test}
    across = [
        (one, other)
        for pair in both
        for one, other in (pair, pair[::-1])
        if same(one.prompt) in trained and same(other.prompt) in tested
    ]
    if not across:
        return []
    one, other = across[0]
    n = len({e.number for _, e in across})
    said = (
        f"{count(n, 'test prompt')} {'is' if n == 1 else 'are'} nearly the same as one that is trained on, for "
        f"example {_example(one, other, word)}. The score on {'it' if n == 1 else 'them'} says little about new "
        "prompts."
    )
    lines = tuple(sorted({e.number for pair in across for e in pair}))
    return [Finding(kind="leakage", level="look", sentence=said, lines=lines)]


def _example(one: Example, other: Example, word: str) -> str:
    """Both prompts from a little before where they part, so that the difference is seen."""
    lines = name_lines([one.number, other.number], word)
    alike = len(commonprefix([one.prompt, other.prompt]))  # noqa: RUF071  (characters are meant)
    start = one.prompt.rfind(" ", 0, max(0, alike - SHOWN_BEFORE)) + 1
    mark = "…" if start else ""
    first, second = (f"{mark}{short(text.prompt[start:])}" for text in (one, other))
    return f"{lines}: “{first}” and “{second}”"


def in_two_parts(examples: Sequence[Example], word: str) -> list[Finding]:
    """Prompts that the file itself puts into more than one part."""
    said = [e for e in examples if e.fields.get("split") in PARTS]
    groups = [g for g in by_prompt(said) if len({str(e.fields["split"]) for e in g}) > 1]
    if not groups:
        return []
    lines = tuple(sorted(e.number for group in groups for e in group))
    parts = " and ".join(p for p in PARTS if any(e.fields["split"] == p for e in groups[0]))
    sentence = (
        f"{count(len(groups), 'prompt')} {'stands' if len(groups) == 1 else 'stand'} in two parts of your split "
        f"(the first one in {parts}): {name_lines(lines, word)}. What is tested is left out of training."
    )
    return [Finding(kind="leakage", level="look", sentence=sentence, lines=lines)]
