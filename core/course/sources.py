"""Where the figures of a lesson's texts come from: recorded runs, recorded prompts, compared texts, formulas.

A lesson names its sources in course.toml:

    [figures.textbook]
    runs = "forgetting"                                   # a collection of recorded runs (core/experiments/collections.py)
    settings = { "method.name" = "full", "optimizer.learning_rate" = 3e-4 }     # one run for each seed

    [figures.four]
    prompt = { shots = 4, form = "chat" }                 # the base model with solved examples

    [figures.lora_16]
    tuned = { method = "lora", examples = 16 }            # measured beside prompts; 0 examples are all there are

    [figures.raw]
    said = "raw"                                          # the recorded answer "raw", "chat" or "tuned" to one review

    [figures.right]
    pair = "right"                                        # two answers of core/evaluate/metric_failures.py

    [figures.lora]
    count = { name = "lora", rank = 8 }                   # trained parameters, by formula

    [figures.copies]
    weights = { tasks = 20, way = "copies" }              # memory of many tasks, by formula

What can be measured on each says core/course/citations.py.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from core import recorded as shipped
from core.catalog import DEFAULT_MODEL, MODELS
from core.config import SETTINGS, MethodConfig, RunConfig
from core.course.measured_run import MeasuredRun, of_recorded
from core.errors import UserError, quote
from core.evaluate.metric_failures import METRIC_FAILURES, SAME_SCORE
from core.experiments import collections, first_screens

SEED = "seed"
WAYS = ("copies", "adapters")


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Settings of a collection, each but for its seed."""

    runs: str
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    @cached_property
    def configs(self) -> tuple[RunConfig, ...]:
        """One config for each seed. Raises `UserError` where the settings name none, or several."""
        known = {one.name: one.configs for one in collections.wanted()}
        if self.runs not in known:
            raise UserError(
                f"No collection of recorded runs is named {quote(self.runs)}; choose one of: {', '.join(known)}."
            )
        for path in self.settings:
            if path not in SETTINGS:
                raise UserError(f"{quote(path)} is not a setting of a run.")
        found = [config for config in known[self.runs] if self._fits(config)]
        if not found:
            raise UserError(f"The collection {self.runs} has no run with {self.settings}.")
        seeds = [config.seed for config in found]
        if len(set(seeds)) < len(seeds):
            raise UserError(
                f"{self.settings} fits several settings of the collection {self.runs}; name one more."
            )
        return tuple(found)

    def _fits(self, config: RunConfig) -> bool:
        return all(_plain(value_at(config, path)) == want for path, want in self.settings.items())

    def holds(self, config: RunConfig) -> bool:
        """Whether a run has these settings, with whatever seed."""
        return any(replace(config, seed=one.seed) == one for one in self.configs)

    def measured(self) -> list[MeasuredRun]:
        """Those of its runs that are recorded, by seed."""
        return [run for config in self.configs if (run := _recorded(config))]


@dataclass(frozen=True, kw_only=True)
class Shots:
    """How many solved examples a prompt shows, and how: "chat" or "text"."""

    shots: int
    form: str = "chat"


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """The base model with solved examples in the prompt, on reviews."""

    prompt: Shots


@dataclass(frozen=True, kw_only=True)
class TunedOn:
    """A method of the lesson on prompting or tuning, and how many examples it was trained on; 0 is all."""

    method: str
    examples: int


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """A tuned model, asked like a prompt without examples."""

    tuned: TunedOn


@dataclass(frozen=True, kw_only=True)
class Said:
    """A recorded answer of core/experiments/first_screens.py, by its name."""

    said: str


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A reference and an answer of the lesson on evaluation: "right", "wrong" or the name of a failure."""

    pair: str

    @property
    def texts(self) -> tuple[str, str]:
        """Reference and answer; `UserError` where there is no such pair."""
        if self.pair in ("right", "wrong"):
            return SAME_SCORE.reference, getattr(SAME_SCORE, self.pair)
        if self.pair not in METRIC_FAILURES:
            raise UserError(
                f"No pair of texts is named {quote(self.pair)}; choose one of: right, wrong, "
                f"{', '.join(METRIC_FAILURES)}."
            )
        found = METRIC_FAILURES[self.pair]
        return found.reference, found.output


@dataclass(frozen=True, kw_only=True)
class Count:
    """A method's settings, whose trained parameters are counted; `shape` is a published model's."""

    count: dict[str, Any]
    shape: str = MODELS[DEFAULT_MODEL].shape

    @property
    def method(self) -> MethodConfig:
        return MethodConfig(**self.count)


@dataclass(frozen=True, kw_only=True)
class ManyTasks:
    """So many tasks, as "copies" of the model or as "adapters" beside one."""

    tasks: int
    way: str


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What the weights of many tasks take in memory."""

    weights: ManyTasks


Source = Runs | Prompt | Tuned | Said | Pair | Count | Weights
KINDS: dict[str, type[Source]] = {
    "runs": Runs,
    "prompt": Prompt,
    "tuned": Tuned,
    "said": Said,
    "pair": Pair,
    "count": Count,
    "weights": Weights,
}


def kind_of(table: Mapping[str, Any]) -> type[Source]:
    """Which source a table of course.toml spells; `UserError` where none or several."""
    named = [kind for key, kind in KINDS.items() if key in table]
    if len(named) != 1:
        raise UserError(f"A figure has one of: {', '.join(KINDS)}; got {', '.join(table)}.")
    return named[0]


def value_at(config: Any, path: str) -> Any:
    """A config's setting, such as `optimizer.learning_rate`."""
    for name in path.split("."):
        config = getattr(config, name)
    return config


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _recorded(config: RunConfig) -> MeasuredRun | None:
    """From the recorded runs, else from the record of the first screens; a damaged file is as good as none.

    `python -m core recorded check` says what is wrong with it.
    """
    if found := shipped.find(config):
        with suppress(UserError):
            return of_recorded(found)
    screens = first_screens.first_screens()
    for run in screens.runs.values() if screens else ():
        if run.config.hash == config.hash:
            return MeasuredRun(config=config, events=run.events, is_recorded=True)
    return None
