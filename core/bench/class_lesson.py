"""What one learner does in the lesson of `bench classroom`, and what the teacher's wall shows of it.

A learner joins, guesses, chooses settings, presses Run, answers the question that stands beside it, tries the model
in another lesson, and begins again, with pauses as people make them. Each has a mark of their own in the nickname
and in what they type: a mark in somebody else's browser is foreign data.
"""

import asyncio
import re
import time
import urllib.parse
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from html import unescape
from random import Random

from core.bench.browser import Browser, Reaction
from core.bench.classroom import Action, Shown
from core.classwork.places import page_titles

MARK = re.compile(rb"Mark[a-z]{8}")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LESSON, OTHER = "forgetting", "before"
GUESS, RUN, SHOW = "forgetting_park_guess", "forgetting_run_start", "forgetting_run_show"
PROMPT, ASK = "before_prompt_sentiment_Zero-shot", "before_ask"
STEPS = 10
DISTINCT = 3
"""Settings that learners choose among in one round of the lesson."""
PAUSE_S = (4.0, 14.0)
"""Between two actions of one learner."""
GUESSED = re.compile(rb"(\d+) guessed")
ROW = re.compile(r"<li><p><span>(.*?)</span>.*?<small>(.*?)</small></li>", re.DOTALL)


def mark(random: Random) -> str:
    """A nickname that occurs nowhere else."""
    return "Mark" + "".join(random.choice(LETTERS) for _ in range(8))


@dataclass
class Wall:
    """What the teacher's wall has shown, and what it has yet to show."""

    waiting: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    """(what, of whom or what) -> since when it should be there."""
    shown: list[Shown] = field(default_factory=list[Shown])
    n_guessed: int = 0
    titles: dict[str, str] = field(default_factory=page_titles)

    def take(self, payload: bytes) -> None:
        """A message to the teacher's browser."""
        now = time.monotonic()
        for found in GUESSED.findall(payload):
            self.n_guessed = max(self.n_guessed, int(found))
        for n in range(1, self.n_guessed + 1):
            self._is_there("guessed", str(n), now)
        if b'class="wall"' not in payload:
            return
        for title, names in ROW.findall(payload.decode("utf-8", "replace")):
            for name in unescape(names).split(", "):
                self._is_there("moved", f"{name} {unescape(title)}", now)

    def moved(self, name: str, page: str, at: float) -> None:
        """A learner is on another page now; where they were before need not be shown any more."""
        for what, whom in [key for key in self.waiting if key[0] == "moved"]:
            if whom.startswith(f"{name} "):
                del self.waiting[what, whom]
        self.waiting["moved", f"{name} {self.titles[page]}"] = at

    def guessed(self, at: float, n_locked: int) -> None:
        """One more guess is locked: it makes so many."""
        self.waiting["guessed", str(n_locked)] = at

    def _is_there(self, what: str, whom: str, now: float) -> None:
        since = self.waiting.pop((what, whom), None)
        if since is not None:
            self.shown.append(Shown(what=what, delay_s=max(0.0, now - since)))

    def finish(self) -> tuple[Shown, ...]:
        """All of it; what was due and never came has no delay."""
        return (*self.shown, *(Shown(what=what, delay_s=None) for what, _ in self.waiting))


@dataclass
class Told:
    """What one learner was told by the pages; the records must hold all of it."""

    name: str
    joined: bool = False
    runs: set[str] = field(default_factory=set[str])
    """Their ids."""
    guess: str = ""
    answered: set[str] = field(default_factory=set[str])
    """Ids of questions of the lesson."""


@dataclass
class Class:
    """All that happens in the lesson."""

    begun: float
    wall: Wall
    actions: list[Action] = field(default_factory=list[Action])
    foreign: list[str] = field(default_factory=list[str])
    broken: list[str] = field(default_factory=list[str])
    refused: Counter[str] = field(default_factory=Counter[str])
    n_locked: int = 0
    n_runs: int = 0
    n_questions: int = 0

    def note(self, who: str, reaction: Reaction) -> Reaction:
        self.actions.append(
            Action(
                who=who,
                what=reaction.action,
                at_s=reaction.at - self.begun,
                first_s=reaction.first_s,
                done_s=reaction.done_s,
            )
        )
        return reaction


class Learner:
    """One learner with one browser."""

    def __init__(self, name: str, browser: Browser, lesson: Class, random: Random) -> None:
        self.told = Told(name)
        self._name, self._browser, self._class, self._random = name, browser, lesson, random

    async def learn(self, until: float) -> None:
        """Until this time."""
        await self._open(LESSON)
        self.told.joined = True
        number = 0
        while time.monotonic() < until:
            await self._run(number)
            for step in (self._answer, self._look_around, self._ask_the_model):
                if time.monotonic() < until:
                    await step()
            number += 1
            if time.monotonic() < until:
                await self._go(LESSON)

    async def _run(self, number: int) -> None:
        """Guess, choose one of few settings, press Run."""
        page, guess = self._browser.page, ""
        if page.has(GUESS):
            guess = self._random.choice(list(page.widget(GUESS)[1].options))
            await self._choose(GUESS, guess)
        await self._choose("forgetting_steps", STEPS)
        await self._choose("forgetting_seed", number * DISTINCT + self._random.randrange(DISTINCT))
        is_there = page.has(SHOW)
        reaction = await self._click(SHOW if is_there else RUN)
        self._look_for_refusals()
        run_id = dict(urllib.parse.parse_qsl(page.query)).get("run")
        if not run_id:
            return
        self.told.runs.add(run_id)
        self._class.n_runs += not is_there
        if guess and not self.told.guess and reaction.first_s is not None:
            self.told.guess = guess  # the first one counts
            self._class.n_locked += 1
            self._class.wall.guessed(reaction.at + reaction.first_s, self._class.n_locked)

    async def _answer(self) -> None:
        """The question beside the run."""
        ends = re.compile(r"forgetting_ask_(\w+)_run$")
        keys = [key for key in self._browser.page.widget_keys() if ends.match(key)]
        if not keys:
            return
        key = keys[0]
        options = list(self._browser.page.widget(key)[1].options)
        await self._choose(key, self._random.choice(options))
        if found := ends.match(key):
            self.told.answered.add(found[1])

    async def _look_around(self) -> None:
        """Other settings than those of the run."""
        for rate in self._random.sample(["0.00002", "0.0001", "0.001"], 2):
            if self._browser.page.has("forgetting_rate_full"):
                await self._choose("forgetting_rate_full", rate)

    async def _ask_the_model(self) -> None:
        await self._go(OTHER)
        if self._browser.page.has(PROMPT):
            await self._choose(PROMPT, f"My name is {self._name}. What is my name?")
        if self._browser.page.has(ASK):
            await self._click(ASK)
            self._look_for_refusals()
            self._class.n_questions += 1

    def _look_for_refusals(self) -> None:
        for said in self._browser.page.warnings():
            self._class.refused[said.replace(self._name, "NAME")] += 1

    async def _open(self, page: str) -> None:
        await self._moved(page, self._browser.open(page))

    async def _go(self, page: str) -> None:
        await self._pause()
        await self._moved(page, self._browser.go(page))

    async def _moved(self, page: str, opening: Awaitable[Reaction]) -> None:
        reaction = self._class.note(self._name, await opening)
        if reaction.first_s is not None:
            self._class.wall.moved(self._name, page, reaction.at + reaction.first_s)

    async def _choose(self, key: str, value: object) -> None:
        await self._pause()
        self._class.note(self._name, await self._browser.choose(key, value))

    async def _click(self, key: str) -> Reaction:
        await self._pause()
        return self._class.note(self._name, await self._browser.click(key))

    async def _pause(self) -> None:
        await asyncio.sleep(self._random.uniform(*PAUSE_S))


def looking_for_foreign(name: str, lesson: Class) -> Callable[[bytes], None]:
    """Sees every message to a learner's browser, and notes marks of others."""
    mine = name.encode()

    def look(payload: bytes) -> None:
        for found in set(MARK.findall(payload)) - {mine}:
            lesson.foreign.append(f"{name} got {found.decode()}")

    return look
