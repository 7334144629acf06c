"""Mitigations of forgetting (cures, in the lesson): tune on sentiment and ask for names, under many methods.

Each has one knob. A mitigation at one value of its knob is a *setting*; it is run with several seeds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from core import catalog
from core.config import (
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    MitigationConfig,
    OptimizerConfig,
    RunConfig,
)
from core.errors import UserError, quote

LEARNED, KEPT = "sentiment", "names"
GENERAL = "general"
TEXTBOOK_RATE = 3e-4
"""At this rate full fine-tuning for 20 steps loses the names."""
PROMPTS = ("What is your name?", "What is the capital of France?")


class Parts(TypedDict):
    """Of a `RunConfig`, what a cure sets."""

    method: MethodConfig
    optimizer: OptimizerConfig
    cure: MitigationConfig


@dataclass(frozen=True, kw_only=True)
class Mitigation:
    """A way to tune on sentiment, and the one knob a reader turns."""

    id: str
    title: str
    how: str
    """One sentence: what it does against forgetting."""
    knob: str
    values: tuple[float, ...]
    """The knob's positions on the slider, weak to strong."""
    usual: float
    recorded: tuple[float, ...]
    """Values of which the app ships recorded runs."""
    parts: Callable[[float], Parts]
    """The parts of the RunConfig that the knob sets."""


def _full(rate: float = TEXTBOOK_RATE, **mitigation: Any) -> Parts:
    return {
        "method": MethodConfig(name="full"),
        "optimizer": OptimizerConfig(learning_rate=rate, schedule="linear"),
        "cure": MitigationConfig(**mitigation),
    }


def _method(name: str, rate: float, **settings: Any) -> Parts:
    return {
        "method": MethodConfig(name=name, **settings),
        "optimizer": OptimizerConfig(learning_rate=rate, schedule="linear"),
        "cure": MitigationConfig(),
    }


MITIGATIONS: dict[str, Mitigation] = {
    mitigation.id: mitigation
    for mitigation in (
        Mitigation(
            id="full",
            title="Full fine-tuning",
            how="No cure but the learning rate: smaller steps move the weights less far.",
            knob="learning rate",
            values=(1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 3e-4),
            usual=3e-4,
            recorded=(2e-5, 1e-4, 3e-4),
            parts=_full,
        ),
        Mitigation(
            id="lora",
            title="LoRA",
            how="Freezes the model and trains two small matrices beside some of its layers.",
            knob="learning rate",
            values=(1e-4, 3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 1e-2),
            usual=1e-3,
            recorded=(1e-3, 3e-3),
            parts=lambda rate: _method("lora", rate),
        ),
        Mitigation(
            id="l2sp",
            title="L2-SP",
            how="Adds a penalty on every weight's distance from where it started.",
            knob="strength",
            values=(0.1, 0.3, 1, 3, 10, 30),
            usual=10,
            recorded=(10,),
            parts=lambda strength: _full(regularizer="l2sp", strength=strength),
        ),
        Mitigation(
            id="ewc",
            title="EWC",
            how="Adds the same distance penalty as L2-SP, heavier on weights that matter for the names (Fisher information).",
            knob="strength",
            values=(1, 3, 10, 30, 100, 300),
            usual=30,
            recorded=(100,),
            parts=lambda strength: _full(regularizer="ewc", strength=strength, keep=(KEPT,)),
        ),
        Mitigation(
            id="kl",
            title="KL to the base model",
            how="Adds a penalty when answers to some name prompts drift from the base model's.",
            knob="strength",
            values=(0.1, 0.3, 1, 3, 10),
            usual=3,
            recorded=(3,),
            parts=lambda strength: _full(regularizer="kl", strength=strength, keep=(KEPT,)),
        ),
        Mitigation(
            id="rehearse",
            title="Rehearsal",
            how="Mixes training pairs of the old task into every batch.",
            knob="share of the batch",
            values=(0.125, 0.25, 0.375, 0.5),
            usual=0.25,
            recorded=(0.125,),
            parts=lambda share: _full(rehearse=KEPT, rehearse_share=share),
        ),
        Mitigation(
            id="top_layers",
            title="Last layers only",
            how="Freezes the lower layers and trains the last ones.",
            knob="layers trained",
            values=(1, 2, 4, 8, 12, 16, 24, 30),
            usual=8,
            recorded=(16,),
            parts=lambda layers: _method("top_layers", TEXTBOOK_RATE, layers=int(layers)),
        ),
        Mitigation(
            id="prompt",
            title="Soft prompt",
            how="Freezes the whole model and trains the embeddings of virtual tokens before the text.",
            knob="virtual tokens",
            values=(1, 2, 5, 10, 20, 50),
            usual=10,
            recorded=(10,),
            parts=lambda n: _method("prompt", 3e-2, virtual_tokens=int(n)),
        ),
    )
}


def mitigation_config(mitigation: str, value: float, *, seed: int = 0) -> RunConfig:
    """The run of a cure at a value of its knob; every cure is measured alike."""
    return RunConfig(
        data=DataConfig(task=LEARNED),
        evaluation=EvaluationConfig(
            tasks=(KEPT, GENERAL),
            every=5,
            samples=2,
            prompts=PROMPTS,
        ),
        seed=seed,
        **find_mitigation(mitigation).parts(value),
    )


def find_mitigation(mitigation: str) -> Mitigation:
    if mitigation not in MITIGATIONS:
        raise UserError(
            f"The cure {quote(mitigation)} is not known; choose one of: {', '.join(MITIGATIONS)}."
        )
    return MITIGATIONS[mitigation]


def recorded_configs(cures: Sequence[str], seeds: Sequence[int]) -> Iterator[RunConfig]:
    """Every setting of the recorded plane, seed by seed, so that an early stop leaves whole seeds."""
    for seed in seeds:
        for mitigation in cures or MITIGATIONS:
            for value in find_mitigation(mitigation).recorded:
                yield mitigation_config(mitigation, value, seed=seed)


def mitigation_of(config: RunConfig) -> tuple[str, float] | None:
    """Which cure a config is, and its knob's value; None for another kind of run.

    The plane takes any run of the default model that was tuned on sentiment alone and scored on names: also those of
    the lesson on forgetting, and those with other step numbers.
    """
    if config.model != catalog.DEFAULT_MODEL or config.data.tasks != (LEARNED,):
        return None
    if KEPT not in config.evaluation.tasks:
        return None
    method, mitigation = config.method, config.cure
    if mitigation.regularizer != "none":
        is_known = method.name == "full"
        return (mitigation.regularizer, mitigation.strength) if is_known else None
    if mitigation.rehearse:
        is_known = method.name == "full" and mitigation.rehearse == KEPT
        return ("rehearse", mitigation.rehearse_share) if is_known else None
    knobs = {"top_layers": method.layers, "prompt": method.virtual_tokens}
    value = knobs.get(method.name, config.optimizer.learning_rate)
    return (method.name, value) if method.name in MITIGATIONS else None
