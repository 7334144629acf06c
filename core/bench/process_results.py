"""What a process that measures found, on both sides of its standard output. Imports no torch.

`core.bench.subprocess_entry` prints one of these as its last JSON line, `core.bench.compare` reads it. Where
the process failed, all but `reason` has its default.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from core.bench.report import Growth

OnFirst = Callable[[], None]
"""Called at the first result, for who takes the time."""


@dataclass(kw_only=True)
class Figures:
    """One side on one workload; `core.bench.report.Measured` says what each is."""

    setting: str = ""
    dtype: str = ""
    device: str = ""
    step_s: list[float] = field(default_factory=list[float])
    losses: list[float] = field(default_factory=list[float])
    peak_memory_mb: float = 0.0
    score: float | None = None
    n_scored: int = 0
    answers: list[int] = field(default_factory=list[int])
    needed_flops: float = 0.0
    tokens_computed: float = 0.0
    tokens: float = 0.0
    tokens_padded: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The fastest setting of a baseline, and the seconds per step of each that was tried."""

    setting: str = ""
    tried: dict[str, float] = field(default_factory=dict[str, float])
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Peak:
    """10⁹ operations per second of the fastest product, by dtype; where, and in which dtype we compute."""

    device: str = ""
    dtype: str = "auto"
    gflops: dict[str, float] = field(default_factory=dict[str, float])
    threads: int = 0
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """Seconds to the first loss in a warm process."""

    warm_first_loss_s: tuple[float, ...] = ()
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How the cost of a step grows."""

    growth: tuple[Growth, ...] = ()
    reason: str = ""
