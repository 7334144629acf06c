"""The built-in probes: 16 prompts for each of nine skills, in assets/probes/battery.jsonl, written for this app.

The battery never changes with a run, so every run of one model is compared with the same answers. A probe's
answer is right or wrong by a rule that code can check (core/probes/checks.py); no model judges.
"""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache

from core.paths import ASSETS
from core.typed_json import read

FILE = ASSETS / "probes" / "battery.jsonl"


@dataclass(frozen=True, kw_only=True)
class Skill:
    id: str
    title: str
    right_when: str
    """What counts as right, to stand after "Right when the answer"."""
    max_new_tokens: int
    """Length limit of its answers."""


SKILLS = {
    skill.id: skill
    for skill in (
        Skill(
            id="names",
            title="Names in a text",
            right_when="holds the name",
            max_new_tokens=24,
        ),
        Skill(
            id="general",
            title="General questions",
            right_when="holds the fact",
            max_new_tokens=24,
        ),
        Skill(
            id="topic",
            title="Topic of a text",
            right_when="holds the right one of two topics, and not the other",
            max_new_tokens=16,
        ),
        Skill(
            id="qa",
            title="Questions on a text",
            right_when="holds what the text says",
            max_new_tokens=24,
        ),
        Skill(
            id="summary",
            title="Summary",
            right_when="names what the text is about, in at most 30 words",
            max_new_tokens=48,
        ),
        Skill(
            id="instructions",
            title="Following instructions",
            right_when="has the form that was asked for: a word, a beginning, lines, capitals …",
            max_new_tokens=24,
        ),
        Skill(
            id="answers",
            title="Answering at all",
            right_when="has at least four words and refuses nothing; all questions are harmless",
            max_new_tokens=40,
        ),
        Skill(
            id="length",
            title="Length of free text",
            right_when="has at least 25 words where a text was asked for",
            max_new_tokens=64,
        ),
        Skill(
            id="repetition",
            title="Text without repetition",
            right_when="has at least 25 words and repeats at most a fifth of its word triples",
            max_new_tokens=64,
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class Probe:
    skill: str
    prompt: str
    check: str
    """One of `core.probes.checks.CHECKS`."""
    expects: tuple[str, ...] = ()
    most_words: int = 0
    least_words: int = 0
    lines: int = 0

    @property
    def limit(self) -> int:
        return SKILLS[self.skill].max_new_tokens


@dataclass(frozen=True, kw_only=True)
class Battery:
    probes: tuple[Probe, ...]
    digest: str = field(default="")
    """12 hex digits of what is asked: answers are kept under it."""

    @property
    def prompts(self) -> tuple[tuple[str, int], ...]:
        """Each prompt with its length limit, once, in order: one text may be judged by two probes."""
        return tuple(dict.fromkeys((probe.prompt, probe.limit) for probe in self.probes))


@cache
def battery() -> Battery:
    """All probes, in the order of the skills."""
    text = FILE.read_text("utf-8")
    probes = tuple(read(Probe, json.loads(line)) for line in text.splitlines() if line)
    asked = json.dumps([(probe.prompt, probe.limit) for probe in probes])
    return Battery(probes=probes, digest=hashlib.sha256(asked.encode()).hexdigest()[:12])
