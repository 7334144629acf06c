"""What the app knows of a tuning method: its `MethodSpec`, and `METHODS`, the table of all of them.

The specification stands in the method's own file, core/methods/<name>.py, which enters it here. Choices and
defaults of a run, command line, formulas, calculator, pictures, tables and pages read this table and name
no method themselves. Imports no torch.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.shape import ModelShape

if TYPE_CHECKING:
    from core.config.method import MethodConfig


@dataclass(frozen=True, kw_only=True)
class Family:
    title: str
    how: str


FAMILIES: dict[str, Family] = {
    "selective": Family(
        title="Selective", how="Train some of the model’s own weights and freeze the others."
    ),
    "reparameterization": Family(
        title="Reparameterization",
        how="Freeze the weights and train their change, written with few parameters.",
    ),
    "additive": Family(
        title="Additive", how="Freeze the weights and train small new parts between them."
    ),
    "soft prompts": Family(
        title="Soft prompts", how="Freeze the weights and train what stands before the text."
    ),
    "full": Family(title="Full", how="The reference: nothing is frozen."),
}
"""In the order they are taught."""


@dataclass(frozen=True, kw_only=True)
class Knob:
    """The one setting of a method that a reader turns."""

    field: str
    """Of `MethodConfig`."""
    words: str
    values: tuple[int, ...]
    usual: int
    value_first: bool = False
    """One says "10 virtual tokens", but "rank 8"."""
    alpha_follows: bool = False
    """Alpha is twice the knob, so that the scale alpha / r stays."""

    def said(self, value: int) -> str:
        return f"{value} {self.words}" if self.value_first else f"{self.words} {value}"

    def settings(self, value: int) -> dict[str, Any]:
        """Its value as fields of `MethodConfig`."""
        return {self.field: value} | ({"alpha": 2.0 * value} if self.alpha_follows else {})


LETTERS = {
    "d": "width of the residual stream",
    "m": "inner width of the MLP",
    "L": "decoder layers",
    "r": "rank",
    "keys": "size of all key heads",
    "values": "size of all value heads",
}


@dataclass(frozen=True, kw_only=True)
class Count:
    """A number, the formula it comes from, and that formula with its numbers."""

    n: int
    symbols: str
    numbers: str
    letters: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the formula's letters mean, besides `LETTERS`."""

    @property
    def legend(self) -> str:
        """What the letters of the formula mean."""
        known = {**LETTERS, **self.letters}
        letters = [
            word for word in dict.fromkeys(re.findall(r"\w+", self.symbols)) if word in known
        ]
        return ", ".join(f"{letter}: {known[letter]}" for letter in letters)


IN_LAYER = ("norm1", "query", "key", "value", "output", "norm2", "gate", "up", "down")
"""The places with weights in the picture of a decoder layer, from top to bottom."""
PLACES = ("embeddings", *IN_LAYER, "norm", "head")
"""Those before and after the layers, too."""
BEFORE_DOWN = "before_down"
"""Inside the MLP, where something may be added that belongs to no matrix."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What a method trains: places of the model itself, and small parts it adds at places."""

    trained: tuple[str, ...] = ()
    added: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Labels of the parts at each place."""
    bottlenecks: bool = False
    """A small network follows attention and MLP."""


def trains_none(shape: ModelShape) -> bool:
    return False


def trains_own(shape: ModelShape) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class MethodSpec:
    name: str
    """As in `--method`."""
    title: str
    family: str
    how: str
    """One sentence: how it works."""
    adds: str
    """What it trains or adds in a decoder layer."""
    formula: str
    """LaTeX."""
    paper: str
    symbol: str
    """Its mark in charts, by Plotly's names; a family has one colour, within it shapes differ."""
    learning_rate: float
    """The peak rate that learns sentiment in 20 steps (measured: assets/recorded/methods.json)."""
    count: "Callable[[MethodConfig, ModelShape], Count]"
    """How many parameters are trained."""
    picture: "Callable[[MethodConfig], Picture]"
    knob: Knob | None = None
    depth: str = ""
    """The field of `MethodConfig` with the number of last decoder layers that are trained, 0 for all;
    empty where that is no choice."""
    low_rank: bool = False
    """It trains a low-rank change beside chosen matrices (`target_modules`)."""
    is_own: Callable[[ModelShape], bool] = trains_none
    """Whether what it trains are the model's own weights, instead of some that it adds."""
    has_large_artifact: bool = False
    """What a run leaves behind takes as much as the model."""
    adds_tokens: bool = False
    """Virtual tokens (`virtual_tokens`) pass through all layers with the text."""
    starts_as_base: bool = True
    """Before the first step the tuned model computes what the base does."""
    is_mergeable: bool = True
    """What it adds is a change of weights, which they can take up."""
    is_scalable: bool = False
    """The change can be turned up and down after training."""
    is_stackable: bool = False
    """Several runs can stand beside one base in memory, switched and added."""
    plans_one_run: bool = False
    """It plans ahead over all steps, so a sequence of tasks is not for it."""

    def knob_settings(self, value: int) -> dict[str, Any]:
        """A knob's value as fields of `MethodConfig`; none where there is no knob."""
        return self.knob.settings(value) if self.knob else {}


METHODS: dict[str, MethodSpec] = {}
"""Every tuning method by name; filled by core/methods when `core` is imported."""


def method_title(method: str) -> str:
    """What people call a method; one that a later version took out keeps its name."""
    return METHODS[method].title if method in METHODS else method


def of_family(family: str) -> list[str]:
    """The methods of a family, in the order they are taught."""
    return [name for name, spec in METHODS.items() if spec.family == family]


def low_rank_methods() -> list[str]:
    """LoRA and its variants."""
    return [name for name, spec in METHODS.items() if spec.low_rank]


def as_taught() -> list[str]:
    """All methods, family by family."""
    return [name for family in FAMILIES for name in of_family(family)]
