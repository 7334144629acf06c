"""What each phase of a training step produced, under the magnifier. Imports no torch."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class PhaseResult:
    name: ClassVar[str]
    step: int
    """The optimizer step it belongs to: 1, 2, …"""


@dataclass(frozen=True, kw_only=True)
class PairPieces:
    prompt: list[str]
    completion: list[str]


@dataclass(frozen=True, kw_only=True)
class BatchPhase(PhaseResult):
    name: ClassVar[str] = "batch"
    examples: list[PairPieces]
    tokens_computed: int
    tokens_padded: int
    n_targets: int


@dataclass(frozen=True, kw_only=True)
class TargetToken:
    """A distinct target."""

    token: str
    loss: float
    """In nats."""
    probability: float
    count: int
    """How many examples share it."""


@dataclass(frozen=True, kw_only=True)
class ForwardPhase(PhaseResult):
    name: ClassVar[str] = "forward"
    rows: list[TargetToken]
    hidden_size: int
    vocabulary: int


@dataclass(frozen=True, kw_only=True)
class LossPhase(PhaseResult):
    name: ClassVar[str] = "loss"
    loss: float
    rows: list[TargetToken]


@dataclass(frozen=True, kw_only=True)
class LayerNorm:
    """Euclidean norm of all tensors at one place of the network."""

    place: str
    norm: float


@dataclass(frozen=True, kw_only=True)
class BackwardPhase(PhaseResult):
    name: ClassVar[str] = "backward"
    layers: list[LayerNorm]
    """Of the gradient."""
    grad_norm: float
    n_parameters: int


@dataclass(frozen=True, kw_only=True)
class ClipPhase(PhaseResult):
    name: ClassVar[str] = "clip"
    before: float
    after: float
    clip_norm: float
    scale: float


@dataclass(frozen=True, kw_only=True)
class UpdatePhase(PhaseResult):
    name: ClassVar[str] = "update"
    layers: list[LayerNorm]
    """Of the change."""
    learning_rate: float
    loss_before: float
    loss_after: float


@dataclass(frozen=True, kw_only=True)
class MarkedToken:
    token: str
    seen: bool
    """The loss sees it."""
    loss: float | None = None
    """In nats, where it does and was measured."""


Phase = BatchPhase | ForwardPhase | LossPhase | BackwardPhase | ClipPhase | UpdatePhase
PHASES = tuple(
    kind.name
    for kind in (BatchPhase, ForwardPhase, LossPhase, BackwardPhase, ClipPhase, UpdatePhase)
)
"""Of each step, in their order."""
