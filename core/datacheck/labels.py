"""Findings about labels, where the completions are few and short: how many of each, and how they are spelled."""

from collections import Counter
from collections.abc import Sequence

from core.data.example import Example
from core.data.listing import count, first_few, name_lines
from core.datacheck.findings import Finding
from core.evaluate.classification import labels_among
from core.percent import percent

UNEVEN = 0.8
"""Always answering the commonest label is right as often as this or more."""
FEW = 5
"""Examples of a label that are too few to learn it from, and to be in every part of the split."""
MOST_SPELLINGS = 24


def label_findings(examples: Sequence[Example], word: str) -> list[Finding]:
    """How the labels are shared out, those with few examples, and labels in several spellings."""
    counts = Counter(e.completion for e in examples)
    return [*_spellings(examples, counts, word), *_balance(examples, counts, word)]


def _balance(examples: Sequence[Example], counts: Counter[str], word: str) -> list[Finding]:
    if not labels_among([e.completion for e in examples]):
        return []
    commonest, n = counts.most_common(1)[0]
    share = n / len(examples)
    shares = first_few(
        [f"{label} {percent(k / len(examples))}" for label, k in counts.most_common()]
    )
    said, level = f"{count(len(counts), 'label')}: {shares}.", "note"
    if share >= UNEVEN:
        level = "look"
        said += (
            f" Always answering “{commonest}” would be right for {percent(share)} of the pairs: look at precision and recall, "
            "too, or add pairs of the others."
        )
    found = [Finding(kind="label_balance", level=level, sentence=said)]
    rare = [label for label, k in counts.items() if k < FEW]
    if rare:
        lines = tuple(e.number for e in examples if e.completion in rare)
        sentence = (
            f"Fewer than {FEW} examples of {first_few([f'“{label}”' for label in rare])}: "
            f"{name_lines(lines, word)}. A label so rare is hardly learned, and may be missing from the test."
        )
        found.append(Finding(kind="rare_labels", level="look", sentence=sentence, lines=lines))
    return found


def _spellings(examples: Sequence[Example], counts: Counter[str], word: str) -> list[Finding]:
    """Labels that differ only in case, in white space or in a mark at their end."""
    if not 2 <= len(counts) <= MOST_SPELLINGS or len(counts) > len(examples) / 2:
        return []
    groups: dict[str, list[str]] = {}
    for label in counts:
        groups.setdefault(_plain(label), []).append(label)
    several = [labels for labels in groups.values() if len(labels) > 1]
    if not several:
        return []
    usual = {max(labels, key=counts.__getitem__) for labels in several}
    others = {label for labels in several for label in labels} - usual
    lines = tuple(e.number for e in examples if e.completion in others)
    said = "; ".join(first_few([f"“{label}”" for label in labels]) for labels in several)
    sentence = (
        f"The same label in several spellings: {said}. To the model these are different answers; write one of "
        f"them: {name_lines(lines, word)}."
    )
    return [Finding(kind="label_spelling", level="look", sentence=sentence, lines=lines)]


def _plain(label: str) -> str:
    return " ".join(label.split()).casefold().rstrip(".!")
