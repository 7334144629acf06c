"""Answers on which word overlap lies, and two challenges to find more of them."""

from dataclasses import dataclass

from core.evaluate.answers import exact_match
from core.evaluate.overlap import unicode_words

HIGH, LOW = 0.8, 0.2


@dataclass(frozen=True, kw_only=True)
class MetricFailure:
    id: str
    title: str
    reference: str
    output: str
    is_right: bool
    """As a person judges it."""
    why: str


METRIC_FAILURES: dict[str, MetricFailure] = {
    failure.id: failure
    for failure in (
        MetricFailure(
            id="negation",
            title="Negation",
            reference="The old bridge is safe for cars and open to everyone again.",
            output="The old bridge is not safe for cars and not open to everyone again.",
            is_right=False,
            why="Two small words turn the meaning round. They cost a little precision, no more.",
        ),
        MetricFailure(
            id="order",
            title="Word order",
            reference="Mira sold the old boat to Jonas.",
            output="Jonas sold the old boat to Mira.",
            is_right=False,
            why="Unigrams do not see order at all. Bigrams and ROUGE-L see some of it: move n to 2.",
        ),
        MetricFailure(
            id="number",
            title="One wrong number",
            reference="The night train to Oslo leaves at nine from platform four.",
            output="The night train to Oslo leaves at five from platform four.",
            is_right=False,
            why="All words count alike, also the only one that mattered.",
        ),
        MetricFailure(
            id="salad",
            title="Word salad",
            reference="The museum opens at ten on Sundays.",
            output="Sundays ten museum at opens on the.",
            is_right=False,
            why="Every word is there, no sentence is. BLEU falls at once, as it looks at 4-grams, too.",
        ),
        MetricFailure(
            id="repetition",
            title="Repetition",
            reference="The museum opens at ten.",
            output="The the the museum museum museum museum.",
            is_right=False,
            why="Without clipping, each of these words would count and precision would be 1. With "
            "clipping, a word counts at most as often as the reference has it.",
        ),
        MetricFailure(
            id="paraphrase",
            title="Paraphrase",
            reference="The doctor told Ana to rest for a week.",
            output="She must stay in bed seven days, her physician says.",
            is_right=True,
            why="Other words for the same thing count nothing. Stemming helps only with endings.",
        ),
        MetricFailure(
            id="sentence",
            title="A whole sentence",
            reference="Paris",
            output="The city you are looking for, the capital of France, is Paris.",
            is_right=True,
            why="Recall is 1, but each further word costs precision. So we score names by "
            "“contains”, not by F1.",
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class TwoAnswers:
    """A right and a wrong answer to the same reference."""

    reference: str
    right: str
    wrong: str


SAME_SCORE = TwoAnswers(
    reference="The bridge was closed on Monday.",
    right="On Monday the bridge was shut.",
    wrong="The bridge was opened on Monday.",
)
"""No word overlap tells these apart, whatever the length of its n-grams."""


@dataclass(frozen=True, kw_only=True)
class Challenge:
    id: str
    title: str


CHALLENGES = (
    Challenge(id="high", title=f"A wrong answer with an F1 above {HIGH}"),
    Challenge(id="low", title=f"A right answer with an F1 below {LOW}"),
)


def attempt(reference: str, output: str, f1: float, *, is_right: bool) -> tuple[str, str]:
    """Which challenge a pair wins ("high", "low" or ""), and a sentence about it.

    Whether the answer is right is for the reader to say: the score cannot, which is the point.
    """
    if not reference.strip() or not output.strip():
        return "", "Both texts need words."
    prepared = [
        tuple(map(unicode_words, (t.reference, t.output))) for t in METRIC_FAILURES.values()
    ]
    if tuple(map(unicode_words, (reference, output))) in prepared:
        return "", "This pair is one of ours. Change it into your own."
    if not is_right and exact_match(reference, output):
        return "", "The answer is the reference itself, so it can hardly be wrong."
    if not is_right and f1 > HIGH:
        return "high", f"F1 {f1:.2f} for a wrong answer: you have fooled the score."
    if is_right and f1 < LOW:
        return "low", f"F1 {f1:.2f} for a right answer: the score has missed it."
    kind, wanted = ("right", f"below {LOW}") if is_right else ("wrong", f"above {HIGH}")
    return "", f"F1 is {f1:.2f}. For a {kind} answer it must be {wanted}."
