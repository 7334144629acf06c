"""Many learners and a teacher on one server, through a lesson: how long clicks and the wall take, and what was lost.

Imports no torch and no user interface. core/bench/measure_classroom.py carries it out, core/bench/browser.py is the
browser.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from core.bench.markdown import table
from core.bench.records import read_record, rows_json, write
from core.stamp import Stamp

NAME = "classroom"
LEARNERS, MINUTES = 30, 10.0
"""Of a record."""
MOST_CLICK_S, MOST_WALL_S, MOST_GROWTH_MB = 1.0, 3.0, 100.0
"""The aims: 95 of 100 clicks show a first change within so many seconds, 95 of 100 things that learners do are on the
wall within so many, and the second half of the lesson adds so much memory at most."""
SERVER, WORKERS = "server", "workers"
WARM_UP_SHARE = 0.5
"""Of the lesson: memory of the first half is what pages, models and caches take once."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """One action of one learner, or of a real browser beside them."""

    who: str
    what: str
    """Such as "click forgetting_run_start"."""
    at_s: float
    """Since the lesson began."""
    first_s: float | None
    """Until the first change of the page; None where none came."""
    done_s: float | None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a learner did, and when the teacher's wall had it."""

    what: str
    """"joined", "guessed" or "moved"."""
    delay_s: float | None
    """None where it never came."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """Resident memory at a moment."""

    at_s: float
    server_mb: float
    workers_mb: float


@dataclass(frozen=True, kw_only=True)
class ClassLoad:
    """All that was measured."""

    command: str
    n_learners: int
    minutes: float
    actions: tuple[Action, ...]
    shown: tuple[Shown, ...]
    held: tuple[Held, ...]
    refused: dict[str, int] = field(default_factory=dict[str, int])
    """Sentences that learners read instead of what they wanted, such as a limit of the class, and how often."""
    foreign: tuple[str, ...] = ()
    """What a learner's browser got that belongs to another learner; must be empty."""
    lost: tuple[str, ...] = ()
    """What learners did and the records do not hold; must be empty."""
    broken: tuple[str, ...] = ()
    """Learners whose lesson ended early, and why; must be empty."""
    n_runs: int = 0
    """That were asked for, before equal ones were joined."""
    n_computed: int = 0
    n_events: int = 0
    """Recorded of these runs, and found again without a gap."""
    n_guesses: int = 0
    n_questions: int = 0
    """To the model."""
    sent_mb: float = 0.0
    """From the server to all browsers."""
    stamp: Stamp = field(default_factory=Stamp)

    @property
    def where(self) -> str:
        """Sentences for a caption."""
        return self.stamp.where()

    def clicks(self, who: str = "") -> list[float]:
        """Seconds to the first change, of all actions but opening a page; of `who` alone where named."""
        return [
            one.first_s
            for one in self.actions
            if one.first_s is not None
            and not one.what.startswith("open")
            and (one.who == who if who else one.who != CHROMIUM)
        ]

    def opened(self) -> list[float]:
        """Seconds until a page that was opened was whole."""
        return [
            one.done_s
            for one in self.actions
            if one.done_s is not None and one.what.startswith("open") and one.who != CHROMIUM
        ]

    @property
    def unanswered(self) -> list[Action]:
        return [one for one in self.actions if one.first_s is None]

    def delays(self) -> list[float]:
        return [one.delay_s for one in self.shown if one.delay_s is not None]

    def growth_mb(self, of: str) -> float:
        """What the second half of the lesson added: the mean of its last fifth less that of its first."""
        values = [one.server_mb if of == SERVER else one.workers_mb for one in self.held]
        half = values[int(WARM_UP_SHARE * len(values)) :]
        fifth = max(1, len(half) // 5)
        return float(np.mean(half[-fifth:]) - np.mean(half[:fifth])) if half else 0.0


QUESTION = re.compile(r"forgetting_ask_\w+")
"""Each of the lesson's questions has a key of its own."""
CHROMIUM = "chromium"
"""A real browser beside the others."""


@dataclass(frozen=True, kw_only=True)
class Aim:
    title: str
    value: float
    n: int
    """Of how many measurements."""
    at_most: float

    @property
    def verdict(self) -> str:
        if not self.n:
            return "not measured"
        return "met" if self.value <= self.at_most else "missed"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed; 0.0 of none.

    >>> percentile([0.1, 0.2, 0.3, 0.4, 2.0], 0.5)
    0.3
    """
    return float(np.quantile(values, share, method="inverted_cdf")) if len(values) else 0.0


def aims(found: ClassLoad) -> list[Aim]:
    """Each with what it should be at most; the last three are counts that must be zero."""
    clicks, delays = found.clicks(), found.delays()
    n_shown, n_held = len(found.shown), len(found.held)
    missing = n_shown - len(delays)
    return [
        Aim(title="click to first change, p95 (s)", value=percentile(clicks, 0.95), n=len(clicks), at_most=MOST_CLICK_S),
        Aim(title="behind on the wall, p95 (s)", value=percentile(delays, 0.95), n=len(delays), at_most=MOST_WALL_S),
        Aim(title="memory that the server gained in the second half (MB)", value=found.growth_mb(SERVER), n=n_held, at_most=MOST_GROWTH_MB),
        Aim(title="memory that the workers gained in the second half (MB)", value=found.growth_mb(WORKERS), n=n_held, at_most=MOST_GROWTH_MB),
        Aim(title="data of other learners seen", value=len(found.foreign), n=found.n_learners, at_most=0),
        Aim(title="lost: events, guesses, runs, learners", value=len(found.lost) + len(found.broken), n=found.n_learners, at_most=0),
        Aim(title="clicks without an answer", value=len(found.unanswered), n=len(found.actions), at_most=0),
        Aim(title="never on the wall", value=missing, n=n_shown, at_most=0),
    ]  # fmt: skip


def finding(found: ClassLoad) -> str:
    """One sentence."""
    clicks, delays = found.clicks(), found.delays()
    bad = len(found.foreign) + len(found.lost) + len(found.broken)
    end = (
        "nothing was lost, and nobody saw another’s data" if not bad else f"{bad} things went wrong"
    )
    return (
        f"With {found.n_learners} learners on one server, a click shows its first change after "
        f"{percentile(clicks, 0.5):.2f} s (95 of 100 within {percentile(clicks, 0.95):.2f} s), the wall is "
        f"{percentile(delays, 0.5):.1f} s behind (95 of 100 within {percentile(delays, 0.95):.1f} s), and {end}"
    )


def kinds(found: ClassLoad) -> dict[str, list[float]]:
    """Seconds to the first change of each kind of action, a real browser's apart."""
    by_kind: dict[str, list[float]] = {}
    for one in found.actions:
        seconds = one.done_s if one.what.startswith("open") else one.first_s
        if seconds is not None:
            what = QUESTION.sub("forgetting_ask", one.what)
            kind = what if one.who != CHROMIUM else f"{what}, as Chromium shows it"
            by_kind.setdefault(kind, []).append(seconds)
    return by_kind


def markdown(found: ClassLoad) -> str:
    """The aims, then each kind of action, then what went wrong."""
    rows = [
        [
            one.title,
            f"{one.value:.2f}".rstrip("0").rstrip("."),
            f"{one.at_most:g}",
            f"{one.n}",
            one.verdict,
        ]
        for one in aims(found)
    ]
    each = [
        [
            kind,
            f"{len(values)}",
            *(f"{percentile(values, share):.2f}" for share in (0.5, 0.95, 1.0)),
        ]
        for kind, values in sorted(kinds(found).items())
    ]
    disturbed = found.stamp.disturbed
    wrong = [
        f"{title}:\n\n" + "\n".join(f"- {said}" for said in saids[:20])
        for title, saids in (
            ("Seen of others", found.foreign),
            ("Lost", found.lost),
            ("Ended early", found.broken),
        )
        if saids
    ]
    refused = [f"- {n} times: {said}" for said, n in sorted(found.refused.items())]
    parts = [
        f"# {found.n_learners} learners, one server, {found.minutes:g} minutes",
        f"**Disturbed.** {' '.join(disturbed)}" if disturbed else "",
        f"{finding(found)}.",
        table(("what", "measured", "at most", "n", "verdict"), rows),
        f"Learners asked for {found.n_runs} runs, of which {found.n_computed} were computed, as equal ones are computed "
        f"once; {found.n_events:,} events of them were recorded and found again. They locked {found.n_guesses} guesses "
        f"and asked the model {found.n_questions} questions. The server sent {found.sent_mb:,.0f} MB.",
        "Seconds to the first change; of opening a page, until it was whole:",
        table(("action", "n", "half within", "95 of 100 within", "longest"), each),
        "What learners were refused, with the sentence they read:\n\n" + "\n".join(refused) if refused else "",
        *wrong,
        f"{found.where} Made with `{found.command}`.",
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def to_json(found: ClassLoad) -> str:
    """JSON, one measurement a line."""
    return rows_json(asdict(found), "actions", "shown", "held")


def save(found: ClassLoad, folder: Path) -> None:
    """Write classroom.json and classroom.md; `UserError` when the disk refuses."""
    write(folder / f"{NAME}.json", to_json(found))
    write(folder / f"{NAME}.md", markdown(found))


def summary(found: ClassLoad) -> dict[str, object]:
    """For a program: without the single measurements."""
    values: dict[str, object] = asdict(found)
    for name in ("actions", "shown", "held"):
        values.pop(name)
    values["aims"] = [asdict(one) | {"verdict": one.verdict} for one in aims(found)]
    return values


@cache
def recorded() -> ClassLoad | None:
    """What comes with the app; None when there is nothing."""
    return read_record(ClassLoad, NAME)


def read_back(text: str) -> ClassLoad:
    from core.typed_json import read

    return read(ClassLoad, json.loads(text))
