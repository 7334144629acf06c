"""Gained, kept or lost: the same probes before and after tuning, skill by skill.

    report = compare(before, after)         # answers to `battery().prompts`, in their order
    report.skills[0].verdict                # "lost"
    report.skills[0].flips                  # prompts whose answer became wrong or right

A skill is *lost* where the whole 95 % interval of the paired difference lies below 0, and *gained* where it
lies above. It is *kept* only where the interval excludes a loss of more than `MARGIN`; a skill that the base
model hardly had cannot be shown to be kept. All else is *not decided*.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

from core.answer import Answer
from core.evaluate.limits import as_shown
from core.probes.battery import SKILLS, Battery, Skill, battery
from core.probes.checks import is_right, words
from core.probes.interval import paired_interval

MARGIN = 0.2
"""The largest loss that still counts as kept, in shares: 0.2 is 20 of 100 prompts. With 16 prompts a skill, a
smaller one could never be excluded."""
GAINED, KEPT, LOST, NOT_DECIDED = "gained", "kept", "lost", "not decided"


@dataclass(frozen=True, kw_only=True)
class Flip:
    """A probe that was right on one side only."""

    prompt: str
    before: str
    after: str
    is_loss: bool


@dataclass(frozen=True, kw_only=True)
class SkillChange:
    skill: str
    n: int
    before: float
    """Share of right answers; `after` likewise."""
    after: float
    interval: tuple[float, float]
    """95 % interval of after - before (Tango's, paired)."""
    words_before: float
    """Mean length of the answers; `words_after` likewise."""
    words_after: float
    n_equal: int
    """Answers that are the same to the letter."""
    flips: tuple[Flip, ...] = ()
    """Losses first."""

    @property
    def kind(self) -> Skill:
        return SKILLS[self.skill]

    @property
    def difference(self) -> float:
        return self.after - self.before

    @property
    def verdict(self) -> str:
        low, high = self.interval
        if high < 0:
            return LOST
        if low > 0:
            return GAINED
        return KEPT if low > -MARGIN and self.before > MARGIN else NOT_DECIDED

    @property
    def in_words(self) -> str:
        """ "Names in a text: lost, 0.88 → 0.06 (difference -0.81 [-0.93, -0.56], 16 prompts)." """
        low, high = self.interval
        return (
            f"{self.kind.title}: {self.verdict}, {self.before:.2f} → {self.after:.2f} (difference "
            f"{self.difference:+.2f} [{low:+.2f}, {high:+.2f}], {self.n} prompts)."
        )


@dataclass(frozen=True, kw_only=True)
class Report:
    skills: tuple[SkillChange, ...]

    def of(self, verdict: str) -> list[SkillChange]:
        return [skill for skill in self.skills if skill.verdict == verdict]

    @property
    def headline(self) -> str:
        """What was found, in a sentence; what is not decided is counted, not named."""
        said = [
            f"{verdict}: {', '.join(skill.kind.title.lower() for skill in found)}"
            for verdict in (LOST, GAINED, KEPT)
            if (found := self.of(verdict))
        ]
        if open_ones := len(self.of(NOT_DECIDED)):
            said.append(f"not decided: {open_ones} of {len(self.skills)}")
        text = "; ".join(said)
        return f"{text[0].upper()}{text[1:]}."


def compare(
    before: Sequence[Answer], after: Sequence[Answer], *, asked: Battery | None = None
) -> Report:
    """The report of answers to the battery's prompts, both in the order of `Battery.prompts`."""
    asked = asked or battery()
    firsts = dict(zip(asked.prompts, before, strict=True))
    seconds = dict(zip(asked.prompts, after, strict=True))
    skills: list[SkillChange] = []
    for skill in dict.fromkeys(probe.skill for probe in asked.probes):
        mine = [probe for probe in asked.probes if probe.skill == skill]
        flips: list[Flip] = []
        n_before = n_after = n_equal = 0
        said: list[tuple[Answer, Answer]] = []
        for probe in mine:
            first, second = (answers[probe.prompt, probe.limit] for answers in (firsts, seconds))
            was, became = is_right(probe, first.text), is_right(probe, second.text)
            n_before, n_after = n_before + was, n_after + became
            n_equal += first.text == second.text
            said.append((first, second))
            if was != became:
                shown = {"before": as_shown(first), "after": as_shown(second)}
                flips.append(Flip(prompt=probe.prompt, is_loss=was, **shown))
        n, n_lost = len(mine), sum(flip.is_loss for flip in flips)
        skills.append(
            SkillChange(
                skill=skill,
                n=n,
                before=n_before / n,
                after=n_after / n,
                interval=paired_interval(n_lost, len(flips) - n_lost, n),
                words_before=_mean_words([first for first, _ in said]),
                words_after=_mean_words([second for _, second in said]),
                n_equal=n_equal,
                flips=tuple(sorted(flips, key=lambda flip: not flip.is_loss)),
            )
        )
    return Report(skills=tuple(skills))


def _mean_words(answers: Sequence[Answer]) -> float:
    return sum(len(words(a.text)) for a in answers) / len(answers) if answers else nan
