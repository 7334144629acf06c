"""Soft prompts: the runs of their lesson, and what their virtual tokens did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from core import catalog
from core.config import (
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
    default_learning_rate,
    of_family,
)
from core.evaluate.form_and_label import Line, lines
from core.events import Evaluation, Event, VirtualTokens, VocabularyMap
from core.experiments.mitigations import KEPT, LEARNED

SIZES = (1, 2, 5, 10, 20, 50)
"""Numbers of virtual tokens on the learning curve."""
TEXT = "Is this review positive or negative? Answer with one word."
"""What a soft prompt that begins as a text begins as, unless the reader writes another."""


def prompt_config(
    virtual_tokens: int,
    *,
    method: str = "prompt",
    start: str = "vocabulary",
    text: str = "",
    seed: int = 0,
    learning_rate: float | None = None,
    steps: int = 20,
) -> RunConfig:
    """Train virtual tokens on reviews; the names are asked, too."""
    rate = default_learning_rate(method) if learning_rate is None else learning_rate
    return RunConfig(
        data=DataConfig(task=LEARNED),
        method=MethodConfig(
            name=method, virtual_tokens=virtual_tokens, prompt_start=start, prompt_text=text
        ),
        optimizer=OptimizerConfig(learning_rate=rate, steps=steps, schedule="linear"),
        evaluation=EvaluationConfig(tasks=(KEPT,), every=10, samples=2),
        seed=seed,
    )


def token_configs(seeds: Sequence[int] = (0,)) -> Iterator[RunConfig]:
    """Every size with every seed, seed by seed."""
    for seed in seeds:
        for n in SIZES:
            yield prompt_config(n, seed=seed)


@dataclass(frozen=True, kw_only=True)
class SizeRun:
    """What one run with `virtual_tokens` learned."""

    virtual_tokens: int
    method: str
    seed: int
    score: float
    interval: tuple[float, float]
    n: int
    is_recorded: bool
    lines: tuple[Line, ...] = ()
    """Right form and likeliest label; () in records from before they were measured."""


def size_run(
    config: RunConfig | None, events: Sequence[Event], *, is_recorded: bool
) -> SizeRun | None:
    """A finished run's point on the learning curve; None for a run of another kind."""
    found = [e for e in events if isinstance(e, Evaluation) and e.task == LEARNED]
    if (
        config is None
        or config.model != catalog.DEFAULT_MODEL
        or config.method.name not in of_family("soft prompts")
        or config.data.tasks != (LEARNED,)
        or config.optimizer.steps != 20
        or config.method.prompt_start != "vocabulary"
        or not found
    ):
        return None
    return SizeRun(
        virtual_tokens=config.method.virtual_tokens,
        method=config.method.name,
        seed=config.seed,
        score=found[-1].score,
        interval=found[-1].interval,
        n=found[-1].n,
        is_recorded=is_recorded,
        lines=tuple(lines(found[-1])),
    )


@dataclass(frozen=True, kw_only=True)
class Wandering:
    """How a soft prompt's tokens moved among the words of the vocabulary."""

    n: int
    start_cosine: float
    """To each token's nearest word, on average."""
    end_cosine: float
    n_same_word: int
    """Tokens whose nearest word is still the one they began with."""
    n_near_task: int
    """Tokens whose nearest word at the end is on the map of the task's words."""


def wandering(events: Sequence[Event]) -> Wandering | None:
    """From a run's events; None when they hold fewer than two looks at the virtual tokens."""
    looks = [e for e in events if isinstance(e, VirtualTokens)]
    plane = next((e for e in events if isinstance(e, VocabularyMap)), None)
    if len(looks) < 2 or plane is None:
        return None
    words = {word.token for word in plane.words}
    first, last = ([t.nearest[0] for t in look.tokens] for look in (looks[0], looks[-1]))
    pairs = list(zip(first, last, strict=True))
    return Wandering(
        n=len(last),
        start_cosine=fmean(near.cosine for near in first),
        end_cosine=fmean(near.cosine for near in last),
        n_same_word=sum(a.token == b.token for a, b in pairs),
        n_near_task=sum(near.token.strip() in words for near in last),
    )
