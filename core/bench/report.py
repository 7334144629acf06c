"""What a benchmark leaves behind: every measurement, kept raw, as JSON. Imports no torch."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from core.bench.records import rows_json, write
from core.experiments.record import FOLDER
from core.recorded.files import reading
from core.stamp import Stamp, check_alike
from core.typed_json import read

NAME, ELSEWHERE = "bench", "bench-elsewhere"
"""Of the last report, and of an earlier one, of a machine with another kind of processor."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One process: one side, one workload, one seed."""

    workload: str
    side: str
    seed: int
    reason: str = ""
    """Why there are no figures: the side failed."""
    setting: str = ""
    device: str = ""
    """Where it computed, such as "cpu"; empty in records from before this was kept, like `dtype`."""
    dtype: str = ""
    """Of its matrix products."""
    batch_size: int = 0
    """Examples of a step; of the workload `answer`, prompts of a pass."""
    step_s: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    first_loss_s: float = 0.0
    """From the start of the process to the first loss (answer: to the first pass's end)."""
    peak_memory_mb: float = 0.0
    """Resident, at the last step."""
    score: float | None = None
    n_scored: int = 0
    answers: tuple[int, ...] = ()
    """Checksums of the answers, to compare them."""
    needed_flops: float = 0.0
    """Operations a step needs (ours only), and below the tokens of a step: means over the steps."""
    tokens_computed: float = 0.0
    tokens: float = 0.0
    tokens_padded: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What a step costs at one value of an axis (core/bench/scaling.py)."""

    axis: str
    value: float
    step_s: float
    """Median, with its 95 % interval from `low` to `high` over `n_steps`; older records have no interval."""
    low: float | None = None
    high: float | None = None
    n_steps: int = 0
    tokens: int
    needed_flops: int = 0

    @property
    def interval(self) -> tuple[float, float] | None:
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class Report:
    command: str
    machine: str
    date: str
    threads: int
    gflops: dict[str, float]
    """Measured 10⁹ operations per second of the fastest product (core/bench/peak.py), by dtype."""
    ready_s: tuple[float, ...] = ()
    """Cold starts of a worker, to ready."""
    warm_first_loss_s: tuple[float, ...] = ()
    """In a warm process, from the wish for a run to its first loss."""
    trials: dict[str, dict[str, float]]
    """Seconds per step of each setting tried, by "side workload"."""
    measured: tuple[Measured, ...] = ()
    growth: tuple[Growth, ...] = ()
    stamp: Stamp = field(default_factory=Stamp)

    def __post_init__(self) -> None:
        check_one_device(self.measured)

    @property
    def where(self) -> str:
        """Sentences for a caption."""
        machine = f"{self.machine}, {self.threads} threads"
        return f"Recorded on {self.date} on {machine}. {self.stamp.words}"


def check_one_device(measured: Sequence[Measured]) -> None:
    """`UserError` where sides computed on different devices or in different precisions."""

    def named(one: Measured) -> str:
        return f"{one.side} on {one.workload}"

    check_alike("device", [(named(m), m.device) for m in measured])
    check_alike("precision", [(named(m), m.dtype) for m in measured])


def to_json(report: Report) -> str:
    """JSON, one measurement a line."""
    values = asdict(report)
    rounded = {name: _rounded(values[name]) for name in ("measured", "growth")}
    return rows_json(values | rounded, "measured", "growth")


def from_json(text: str) -> Report:
    found = json.loads(text)
    stamp = {"versions": found.pop("versions", {})} | found.pop("stamp", {})
    return read(Report, found | {"stamp": stamp})


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return round(value, 5) if isinstance(value, float) else value


def save(report: Report, path: Path) -> None:
    """Write it as JSON; `UserError` when the disk refuses."""
    write(path, to_json(report))


@cache
def recorded(name: str = NAME) -> Report | None:
    """The report that comes with the app, or one of another machine by its name; None when there is none."""
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        return None
    with reading(path):
        return from_json(path.read_text("utf-8"))
