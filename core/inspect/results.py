"""What a look into a tuned model finds. Imports no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LoraStart:
    """A LoRA before its first step beside its base."""

    a_norm: float
    b_norm: float
    scaling: float
    largest_difference: float
    """Among the logits."""
    n_logits: int


@dataclass(frozen=True, kw_only=True)
class Matrices:
    """A LoRA pair, its scaled product and the frozen matrix, each cut to at most so many blocks a side."""

    A: list[list[float]]
    B: list[list[float]]
    BA: list[list[float]]
    W: list[list[float]]
    scaling: float
    shape: list[int]
    """Outputs, inputs."""
    rank: int
    modules: dict[str, list[int]]
    """Where the run has pairs: each module's layers."""


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    singular_values: list[float]
    energy: list[float]
    """Share of all that the first 1, 2, … of them hold."""
    effective_rank: float
    relative: float
    """‖W' − W‖ / ‖W‖"""
    shape: list[int]
    control_values: list[float]
    """Of a random matrix of the same shape, norm and rank: what a low effective rank is measured by."""
    control_rank: float
    """The control's effective rank."""


@dataclass(frozen=True, kw_only=True)
class MergedOnce:
    """There and back in one precision."""

    dtype: str
    merge_s: float
    unmerge_s: float
    n_logits: int
    largest_logit: float
    largest_merged_difference: float
    same_choice: float
    """Share of places where the likeliest token stays after merging."""
    largest_unmerged_difference: float
    largest_weight_error: float
    relative_weight_error: float


@dataclass(frozen=True, kw_only=True)
class Merged(MergedOnce):
    """The figures are those in the base's dtype."""

    rows: list[MergedOnce]
    """In the base's dtype, in bfloat16 and in float32."""
    words: str


@dataclass(frozen=True, kw_only=True)
class TakenAway:
    rows: list[dict[str, str]]
    """A "prompt", and the answers "base", "with" the soft prompt and "without" it."""
    equal: bool
    """Answers and logits of the base and of what is left."""
    largest_difference: float
    n_logits: int
