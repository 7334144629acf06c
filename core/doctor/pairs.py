"""Causes that the pairs show: labels swapped or noisy, test leaked, duplicates."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import permutations

from core.data.example import Example, Record
from core.data.examples import CUSTOM_TEMPLATE, make_example
from core.data.split import same
from core.data.test_sets import MOST_LABELS
from core.doctor.case import Case
from core.doctor.diagnosis import Diagnosis, NextRun
from core.doctor.loss_curves import FEW_PAIRS
from core.evaluate.apart import are_apart
from core.evaluate.uncertainty import wilson_interval
from core.percent import percent

MOST_PERMUTED = 6
"""Labels of which every exchange is tried: 720."""
LEAST_SWAPPED = 0.3
MOST_CONTRADICTING = 0.05
MOST_LEAKED = 0.05
NEAR = 0.85
"""Two texts are nearly the same from this share of common words on (Jaccard)."""
SHORTEST_TEXT = 4
"""Words; shorter texts are often alike without being copies."""
MOST_REPEATED = 0.2


def labels_swapped(case: Case) -> Diagnosis | None:
    """Another naming of the labels fits the answers far better, or the base model knows them the other way round."""
    return _swapped_in_answers(case) or _swapped_for_base(case)


def _swapped_in_answers(case: Case) -> Diagnosis | None:
    last = case.last(case.task)
    report = last.classification if last else None
    if not last or not report or not 2 <= len(report.labels) <= MOST_PERMUTED:
        return None
    k, table = len(report.labels), report.confusion
    right = sum(table[i][i] for i in range(k))
    best = max(permutations(range(k)), key=lambda order: sum(table[i][order[i]] for i in range(k)))
    found = sum(table[i][best[i]] for i in range(k))
    here, there = wilson_interval(right, last.n), wilson_interval(found, last.n)
    if (found - right) / last.n < LEAST_SWAPPED or not are_apart(here, there):
        return None
    names = {report.labels[i]: report.labels[best[i]] for i in range(k) if best[i] != i}
    said = ", ".join(f"“{a}” is answered “{b}”" for a, b in names.items())
    return Diagnosis(
        cause="labels swapped",
        sentence=f"Labels are swapped: {said}. With the names exchanged {found} of {last.n} test answers "
        f"would be right, as they are {right}.",
        measure="share of right answers that exchanged labels would add",
        figure=(found - right) / last.n,
        limit=LEAST_SWAPPED,
        strength=0.93,
        next=_renamed(case, {b: a for a, b in names.items()}),
        advice="Look at some training pairs of each label; two names seem to be exchanged.",
    )


def _swapped_for_base(case: Case) -> Diagnosis | None:
    """The untuned model tells the labels apart, with the names exchanged."""
    first = case.first(case.task)
    if not first or first.label_accuracy is None or not first.classification:
        return None
    labels = first.classification.labels
    low, high = wilson_interval(round(first.label_accuracy * first.n), first.n)
    if (
        len(labels) != 2 or high >= 0.5
    ):  # with more labels, below chance may be a fixed wrong choice
        return None
    one, other = labels
    return Diagnosis(
        cause="labels swapped",
        sentence=f"Labels are probably swapped: before any training the model finds the right label likeliest in "
        f"only {percent(first.label_accuracy)} [{percent(low)}, {percent(high)}], so with “{one}” and “{other}” exchanged "
        "it would be right in most.",
        measure="share that the base model gets right, the upper end of its interval",
        figure=high,
        limit=0.5,
        strength=0.89,
        next=_renamed(case, {one: other, other: one}, parts=("", "train", "validation", "test")),
        advice="Look at some pairs of each label; the two names seem to be exchanged.",
    )


def _renamed(
    case: Case, names: dict[str, str], *, parts: Sequence[str] = ("train", "validation")
) -> NextRun | None:
    """The pairs with labels renamed, where their part of the data is one of `parts` ("": they name none)."""
    records = [
        {**r, "completion": names[label]}
        if str(r.get("split", "")) in parts and (label := str(r["completion"]).strip()) in names
        else r
        for r in case.records
    ]
    if records == [*case.records]:
        return None
    return NextRun(
        change="Exchange the labels in the training pairs",
        config=case.config,
        records=tuple(records),
    )


def labels_noisy(case: Case) -> Diagnosis | None:
    """The same text has different labels."""
    pairs = _own_examples(case)
    if not pairs or len({e.completion for e in pairs}) > MOST_LABELS:
        return None
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for i, e in enumerate(pairs):
        groups[bare(e.prompt)].append(i)
    against = [g for g in groups.values() if len({same(pairs[i].completion) for i in g}) > 1]
    n, share = sum(map(len, against)), sum(map(len, against)) / len(pairs)
    if share < MOST_CONTRADICTING:
        return None
    dropped = {i for group in against for i in group}
    left = tuple(r for i, r in enumerate(case.records) if i not in dropped)
    return Diagnosis(
        cause="labels noisy",
        sentence=f"Labels are noisy: {n} of {len(pairs)} pairs ({percent(share)}) have a text that stands there with "
        "another label as well.",
        measure="share of pairs that contradict another",
        figure=share,
        limit=MOST_CONTRADICTING,
        strength=0.91,
        next=_with_pairs(case, left, "Leave out the pairs that contradict each other"),
        advice="Decide on one label for each text.",
    )


def leaked_test(case: Case) -> Diagnosis | None:
    """Test texts that stand among the training pairs, or nearly."""
    train, test = case.prompts("train"), case.prompts("test")
    if not train or not test:
        return None
    known = Near([e.prompt for e in train])
    leaked = {bare(e.prompt): e for e in test if known.holds(e.prompt)}
    n = sum(bare(e.prompt) in leaked for e in test)
    if n < 2 or n / len(test) < MOST_LEAKED:
        return None
    seen = Near([e.prompt for e in leaked.values()], others=[e.prompt for e in train])
    pairs = _own_examples(case)
    exact = {e.prompt for e in leaked.values()}
    left = tuple(
        r
        for r, e in zip(case.records, pairs, strict=True)
        if e.prompt in exact or not seen.holds(e.prompt)
    )
    return Diagnosis(
        cause="test leaked",
        sentence=f"The test leaked: {n} of {len(test)} test texts ({percent(n / len(test))}) stand among the training "
        "pairs, word for word or nearly. Their score says what was learned by heart.",
        measure="share of test texts that were trained on",
        figure=n / len(test),
        limit=MOST_LEAKED,
        strength=0.9,
        next=_with_pairs(case, left, "Train without the pairs that are tested"),
        advice="Take copies of test texts out of the training pairs.",
    )


def duplicates(case: Case) -> Diagnosis | None:
    """Pairs that repeat another one, or nearly."""
    pairs = _own_examples(case)
    counted = Counter((bare(e.prompt), same(e.completion)) for e in pairs)
    n_repeated = len(pairs) - len(counted)
    if not pairs or n_repeated / len(pairs) < MOST_REPEATED:
        return None
    seen = set[tuple[str, str]]()
    left: list[Record] = []
    for record, e in zip(case.records, pairs, strict=True):
        if (key := (bare(e.prompt), same(e.completion))) not in seen:
            seen.add(key)
            left.append(record)
    share, is_cause = n_repeated / len(pairs), len(counted) <= 2 * FEW_PAIRS
    return Diagnosis(
        cause="duplicates",
        sentence=f"There are duplicates: {n_repeated} of {len(pairs)} pairs ({percent(share)}) repeat another one, so "
        f"there are {len(counted)} different ones to learn from.",
        measure="share of pairs that repeat another",
        figure=share,
        limit=MOST_REPEATED,
        strength=0.87 if is_cause else 0.65 + 0.2 * share,
        next=_with_pairs(case, tuple(left), "Train without the repeated pairs"),
        advice="Add pairs that differ from those there are.",
    )


def bare(text: str) -> str:
    """What two texts have in common that differ only in case, white space and punctuation."""
    return " ".join(re.findall(r"\w+", text.casefold()))


class Near:
    """Finds whether a text is nearly one of many; words that most of these share are not counted."""

    def __init__(self, texts: Sequence[str], *, others: Sequence[str] = ()) -> None:
        sets = [frozenset(bare(text).split()) for text in texts]
        every = [*sets, *(frozenset(bare(text).split()) for text in others)]
        count = Counter(word for words in every for word in words)
        self.common = {word for word, n in count.items() if n > max(3, len(every) / 2)}
        self.exact = {bare(text) for text in texts}
        self.sets = [words - self.common for words in sets]
        self.places: defaultdict[str, list[int]] = defaultdict(list)
        for i, words in enumerate(self.sets):
            for word in words:
                self.places[word].append(i)

    def holds(self, text: str) -> bool:
        if bare(text) in self.exact:
            return True
        words = frozenset(bare(text).split()) - self.common
        if len(words) < SHORTEST_TEXT:
            return False
        shared = Counter(i for word in words for i in self.places.get(word, ()))
        return any(
            n / len(words | self.sets[i]) >= NEAR
            for i, n in shared.items()
            if n >= NEAR * len(words)
        )


def _own_examples(case: Case) -> list[Example]:
    """Every pair of a file of one's own, in the file's order; [] for a task of the catalogue."""
    template = case.config.data.template or CUSTOM_TEMPLATE
    return [make_example(record, template) for record in case.records]


def _with_pairs(case: Case, records: tuple[Record, ...], change: str) -> NextRun | None:
    """A run on other pairs; None where too few would be left, or none were taken away."""
    prompts = {str(r.get("prompt", i)) for i, r in enumerate(records)}
    if len(prompts) < 8 or len(records) == len(case.records):
        return None
    return NextRun(change=change, config=case.config, records=records)
