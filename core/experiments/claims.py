"""What three papers claim about cures, beside what the runs on the plane show, as plain comparisons.

Two groups of runs are compared by all their values: `above` or `below` only where every run of one
lies above every run of the other, and each has at least `FEWEST`. With three seeds a group, more would
be pretending.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from core.experiments.mitigations import MITIGATIONS, TEXTBOOK_RATE
from core.experiments.plane import Point, Setting
from core.runs.names import decimals

KEPT_WORDS = "General questions kept"
"""What no run saw while it trained."""
LEARNED_ENOUGH = 0.85
"""Runs are compared at equal learning where the new task's score is at least this."""

FEWEST = 3
"""Runs of a group: two and two of the same kind part by chance in one case of three, three and three in
one of ten."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs taken together, and one of their scores."""

    title: str
    values: tuple[float, ...]

    @property
    def words(self) -> str:
        """Such as "0.52 (0.41 to 0.60, 6 runs)"."""
        n = len(self.values)
        if n == 1:
            return f"{self.values[0]:.2f} (1 run)"
        return (
            f"{fmean(self.values):.2f} ({min(self.values):.2f} to {max(self.values):.2f}, {n} runs)"
        )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two groups by one score."""

    score: str
    first: Group
    second: Group

    @property
    def verdict(self) -> str:
        """`above`, `below`, `overlap`, or `missing` where a group has fewer runs than `FEWEST`."""
        a, b = self.first.values, self.second.values
        if min(len(a), len(b)) < FEWEST:
            return "missing"
        if min(a) > max(b):
            return "above"
        if max(a) < min(b):
            return "below"
        return "overlap"

    @property
    def words(self) -> str:
        """One sentence."""
        a, b = self.first, self.second
        if self.verdict == "missing":
            said = " and ".join(
                f"{_count_words(len(g.values))} of {g.title}"
                for g in (a, b)
                if len(g.values) < FEWEST
            )
            return f"{self.score}: {said} to compare; each needs {FEWEST}."
        ends = {
            "above": f"every run of {a.title} is above every run of {b.title}.",
            "below": f"every run of {a.title} is below every run of {b.title}.",
            "overlap": "the runs overlap, so this does not decide it.",
        }
        values = f"{a.title} {a.words}, {b.title} {b.words}"
        return f"{self.score}: {values}; {ends[self.verdict]}"


def not_apart_words(best: Sequence[float], others: Sequence[Sequence[float]]) -> str:
    """How many of the others cannot be told from the best, to stand behind its name; "" if all can be.

    >>> not_apart_words((0.6, 0.7, 0.8), [(0.1, 0.2, 0.1), (0.5, 0.6, 0.5)])
    ' (1 of 2 others cannot be told from it)'
    """
    n = sum(
        min(len(best), len(one)) < FEWEST or (max(one) >= min(best) and max(best) >= min(one))
        for one in others
    )
    many = f"{n} of {len(others)} others" if len(others) > 1 else "the other one"
    return f" ({many} cannot be told from it)" if n else ""


def _count_words(n: int) -> str:
    return f"only {n} run{'' if n == 1 else 's'}" if n else "no run"


def group(
    found: Sequence[Setting],
    mitigation: str,
    score: str,
    title: str,
    *,
    value: float | None = None,
    least: float = 0.0,
) -> Group:
    """`learned`, `general` or `names` at the end of the runs of a cure: of one value of its knob, and of
    those whose new task reached `least`."""

    def is_wanted(p: Point) -> bool:
        same = value is None or abs(p.value - value) < 1e-12
        return p.mitigation == mitigation and same and p.end.learned >= least

    ends = [getattr(p.end, score) for s in found for p in s.points if is_wanted(p)]
    return Group(title=title, values=tuple(sorted(v for v in ends if v is not None)))


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a paper says, and the comparisons that test it here."""

    source: str
    claim: str
    comparisons: tuple[Comparison, ...]


def claims(found: Sequence[Setting]) -> list[Claim]:
    """The three papers of the lesson against `found`."""
    textbook, lora_rate = TEXTBOOK_RATE, MITIGATIONS["lora"].usual
    lora_title = f"LoRA at {decimals(lora_rate)}"

    def full(score: str, *, least: float = 0.0) -> Group:
        return group(
            found,
            "full",
            score,
            f"full fine-tuning at {decimals(textbook)}",
            value=textbook,
            least=least,
        )

    def enough(mitigation: str, title: str) -> Group:
        return group(found, mitigation, "general", title, least=LEARNED_ENOUGH)

    equal = f"{KEPT_WORDS}, only runs with sentiment of at least {LEARNED_ENOUGH}"
    return [
        Claim(
            source="Biderman et al. 2024, “LoRA Learns Less and Forgets Less”",
            claim=(
                "At its usual rate LoRA forgets less than full fine-tuning. Where both learn "
                "equally well, they often lie on one curve."
            ),
            comparisons=(
                Comparison(
                    score="Sentiment learned",
                    first=group(found, "lora", "learned", lora_title, value=lora_rate),
                    second=full("learned"),
                ),
                Comparison(
                    score=KEPT_WORDS,
                    first=group(found, "lora", "general", lora_title, value=lora_rate),
                    second=full("general"),
                ),
                Comparison(
                    score="Names kept, which neither trained on",
                    first=group(found, "lora", "names", lora_title, value=lora_rate),
                    second=full("names"),
                ),
                Comparison(
                    score=equal + ", all rates",
                    first=enough("lora", "LoRA"),
                    second=enough("full", "full fine-tuning"),
                ),
            ),
        ),
        Claim(
            source="Li, Grandvalet and Davoine 2018, “Explicit Inductive Bias” (L2-SP)",
            claim="A pull towards the start keeps what the pretrained model knew.",
            comparisons=(
                Comparison(
                    score=equal,
                    first=enough("l2sp", "L2-SP"),
                    second=full("general", least=LEARNED_ENOUGH),
                ),
                Comparison(
                    score=equal,
                    first=enough("l2sp", "L2-SP"),
                    second=enough("full", "full fine-tuning, all rates"),
                ),
            ),
        ),
        Claim(
            source="Kirkpatrick et al. 2017, “Overcoming catastrophic forgetting” (EWC)",
            claim=(
                "Holding the weights that matter to the old task keeps it better than holding all "
                "weights alike."
            ),
            comparisons=(
                Comparison(
                    score="Sentiment learned",
                    first=group(found, "ewc", "learned", "EWC"),
                    second=full("learned"),
                ),
                Comparison(
                    score=KEPT_WORDS,
                    first=group(found, "ewc", "general", "EWC"),
                    second=full("general"),
                ),
                Comparison(
                    score="Names, whose prompts EWC was given (the claim is about such a task)",
                    first=group(found, "ewc", "names", "EWC"),
                    second=full("names"),
                ),
                Comparison(score=equal, first=enough("ewc", "EWC"), second=enough("l2sp", "L2-SP")),
            ),
        ),
    ]
