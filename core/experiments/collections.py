"""The collections of recorded runs: which settings come with the app, those worth most first.

Each is made of the configs that a lesson's own controls spell, so that what a reader chooses is found
exactly (`tests/core/experiments/test_collections.py` compares them with the pages). `python -m core record`
makes them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import permutations

from core import catalog
from core.config import (
    METHODS,
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    RunConfig,
    as_taught,
    default_learning_rate,
)
from core.experiments import for_findings, mixtures, soft_prompts
from core.experiments.adapters import ADAPTER_TASKS, adapter_config
from core.experiments.collapse import SEQUENCE, TEXTBOOK_RATE, collapse, in_sequence
from core.experiments.first_screens import instruction_config
from core.experiments.methods import method_config, usual_config
from core.experiments.mitigations import LEARNED, MITIGATIONS, mitigation_config
from core.experiments.prompting import SIZES as TRAINING_SIZES
from core.experiments.prompting import (
    TUNED,
    tuned_configs,
)
from core.experiments.ranks import full_config, rank_config
from core.experiments.record import SEEDS
from core.experiments.run_requests import ask_as_prompts_are, ask_matrices, ask_prompt_and_merge
from core.experiments.sweep import RANKS, RATES, Sweep
from core.experiments.watching import WATCHED_TASKS, watched_config
from core.recorded.plan import Wanted

FULL_RATES = (TEXTBOOK_RATE, 2e-5, 1e-4, 5e-5, 2e-4, 1e-5, 1e-3)
LORA_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
PROMPT_RATES = (3e-3, 1e-2, 3e-2, 1e-1)
TARGETS: tuple[tuple[str, ...], ...] = (
    ("query",),
    ("value",),
    ("key",),
    ("output",),
    ("gate",),
    ("up",),
    ("down",),
    ("query", "key", "value", "output"),
    ("gate", "up", "down"),
    ("query", "key", "value", "output", "gate", "up", "down"),
)
"""For LoRA, besides the usual query and value: each role alone, all of attention, all of the MLP, all."""
MORE_RANKS = (3, 6, 12, 24, 48, 96)
"""Stops of the lesson's rank slider between those of the sweep."""
ALPHAS = (1.0, 4.0, 8.0, 32.0, 64.0, 128.0)
"""At the usual rank."""


@cache
def wanted() -> tuple[Wanted, ...]:
    """Every collection, in the order in which they are recorded."""
    return (
        Wanted(
            name="forgetting",
            about="tune on reviews and watch the others go: method and rate",
            configs=_each(forgetting()),
        ),
        Wanted(
            name="methods",
            about="all methods at their own rates, then their other sizes",
            configs=_each(methods()),
            ask=ask_prompt_and_merge,
        ),
        Wanted(
            name="mitigations",
            about="cures of forgetting over their knobs",
            configs=_each(mitigations()),
        ),
        Wanted(
            name="sequences",
            about="three tasks, one after another",
            configs=_each(sequences()),
        ),
        Wanted(
            name="ranks",
            about="LoRA's rank at several rates, and full fine-tuning beside it",
            configs=_each(ranks()),
            ask=ask_matrices,
        ),
        Wanted(
            name="soft_prompts",
            about="numbers of virtual tokens, what they begin as, and their paths",
            configs=_each(prompts()),
            ask=ask_prompt_and_merge,
        ),
        Wanted(
            name="mixtures",
            about="one, some and all tasks at once",
            configs=_each(mixtures.recorded_configs(SEEDS)),
        ),
        Wanted(
            name="single_tasks",
            about="one task with precision, recall and F1 at every check; adapters; instruction tuning",
            configs=_each(single_tasks()),
        ),
        Wanted(name="targets", about="which matrices LoRA changes", configs=_each(targets())),
        Wanted(name="sweep", about="LoRA's rank against its rate", configs=_each(sweep())),
        Wanted(
            name="prompting",
            about="tuned on few and on all examples, to set beside prompts",
            configs=_each(tuned_configs(LEARNED, TUNED, TRAINING_SIZES, SEEDS)),
            ask=ask_as_prompts_are,
        ),
        Wanted(
            name="findings",
            about="seeds and settings that a published finding needs besides: adapters, IA³, orders of tasks",
            configs=_each(for_findings.configs(SEEDS)),
        ),
    )


def forgetting() -> Iterator[RunConfig]:
    """The lesson's experiment: full fine-tuning over its rates first, every seed; then other methods."""
    for seed in SEEDS:
        for rate in FULL_RATES:
            yield collapse(rate=rate, seed=seed)
    for seed in SEEDS:
        for rate in LORA_RATES:
            yield collapse(method="lora", rate=rate, seed=seed)
        for rate in PROMPT_RATES:
            yield collapse(method="prompt", rate=rate, seed=seed)
        for rate in (1e-5, 1e-4, 3e-4, 1e-3):
            yield collapse(method="top_layers", rate=rate, seed=seed)


def mitigations() -> Iterator[RunConfig]:
    """Each cure's usual value with every seed, then all of its slider."""
    for seed in SEEDS:
        for cure in MITIGATIONS.values():
            yield mitigation_config(cure.id, cure.usual, seed=seed)
            for value in cure.recorded:
                yield mitigation_config(cure.id, value, seed=seed)
    for seed in SEEDS:
        for cure in MITIGATIONS.values():
            for value in cure.values:
                yield mitigation_config(cure.id, value, seed=seed)


def methods() -> Iterator[RunConfig]:
    """Each at its usual size with every seed, then the other sizes of its slider with one."""
    for seed in SEEDS:
        for method in as_taught():
            yield usual_config(method, seed=seed)
    for method in as_taught():
        knob = METHODS[method].knob
        for value in knob.values if knob else ():
            yield method_config(method, **METHODS[method].knob_settings(value))


def sequences() -> Iterator[RunConfig]:
    """The lesson's three tasks in its order with every seed, more gently, with LoRA; then other orders."""
    gentle, lora = collapse(rate=2e-5), collapse(method="lora", rate=default_learning_rate("lora"))
    for seed in SEEDS:
        for single in (collapse(), gentle, lora):
            yield in_sequence(replace(single, seed=seed), SEQUENCE)
    for order in permutations(SEQUENCE):
        yield in_sequence(collapse(), order)


def ranks() -> Iterator[RunConfig]:
    """Every rank at the usual rate and alpha with every seed, and full fine-tuning beside it; then with one
    seed the variants, other rates, ranks and alphas, and alpha twice the rank."""
    usual = default_learning_rate("lora")
    for seed in SEEDS:
        yield full_config(rank_config(MethodConfig(), rate=usual, seed=seed))
        for rank in RANKS:
            yield rank_config(MethodConfig(rank=rank), rate=usual, seed=seed)
    for seed in SEEDS:
        yield _variant("rslora", seed)
        yield _variant("dora", seed)
    for rate in RATES:
        for rank in RANKS:
            yield rank_config(MethodConfig(rank=rank), rate=rate)
    for rank in MORE_RANKS:
        yield rank_config(MethodConfig(rank=rank), rate=usual)
    for alpha in ALPHAS:
        yield rank_config(MethodConfig(alpha=alpha), rate=usual)
    for rank in RANKS:
        yield rank_config(MethodConfig(rank=rank, alpha=2.0 * rank), rate=usual)


def targets() -> Iterator[RunConfig]:
    """Every choice of matrices with every seed."""
    for seed in SEEDS:
        for roles in TARGETS:
            method = MethodConfig(target_modules=roles)
            yield rank_config(method, rate=default_learning_rate("lora"), seed=seed)


def sweep() -> Iterator[RunConfig]:
    """The map of rank and rate as the lesson opens it, then all of it."""
    yield from Sweep().configs()
    yield from Sweep(ranks=RANKS, rates=RATES).configs()


def prompts() -> Iterator[RunConfig]:
    """Every number of virtual tokens with every seed; ten that begin as a text or as noise; prefixes."""
    yield from soft_prompts.token_configs(SEEDS)
    for seed in SEEDS:
        yield soft_prompts.prompt_config(10, start="text", text=soft_prompts.TEXT, seed=seed)
        yield soft_prompts.prompt_config(10, start="random", seed=seed)
    for n in soft_prompts.SIZES:
        yield soft_prompts.prompt_config(n, method="prefix")


def single_tasks() -> Iterator[RunConfig]:
    """Each with checks every few steps; LoRA adapters of four tasks; instruction tuning with each of its tasks."""
    for seed in SEEDS:
        for task in WATCHED_TASKS:
            yield watched_config(task, seed=seed)
    for task in ADAPTER_TASKS:
        yield adapter_config(task)
    yield instruction_config()
    for task in (t.id for t in catalog.TASKS.values() if "train" in t.splits):
        yield instruction_tuned_on(task)


def instruction_tuned_on(task: str) -> RunConfig:
    """As the lesson of instruction tuning opens."""
    return replace(instruction_config(), data=DataConfig(task=task), evaluation=EvaluationConfig())


def _variant(method: str, seed: int) -> RunConfig:
    rate = default_learning_rate(method)
    return rank_config(MethodConfig(name=method), rate=rate, seed=seed)


def _each(configs: Iterable[RunConfig]) -> tuple[RunConfig, ...]:
    """Every config once, where it comes first."""
    return tuple({config.hash: config for config in configs}.values())
