"""What each part of our speed gains: all on against one off, by turns, many rounds. Imports no torch.

A gain is the median over rounds of the ratio of two times in the same round, with the 95 % interval of that
median: a slower minute of the machine meets both.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import median

from core.bench.ablation_parts import ALL_ON, PARTS, SMALL, WORKLOADS, Part, parts_of
from core.bench.compare import follow
from core.bench.markdown import table
from core.bench.records import Record, read_record, rows_json, write
from core.errors import UserError
from core.evaluate.uncertainty import median_interval
from core.quiet import Watch
from core.stamp import Stamp
from core.typed_json import read

NAME = "ablation"
ROUNDS = {"lora": 9, "full": 8, "answer": 6}
"""With nine rounds the interval leaves out the lowest and the highest; with fewer than six it says nothing."""


@dataclass(frozen=True, kw_only=True)
class Timed:
    """One variant in one round."""

    workload: str
    part: str = ALL_ON
    """The part that is off (besides what it is compared against); empty: everything is on."""
    round: int
    seconds: float
    loss: float | None = None
    grad_norm: float | None = None
    answers: tuple[int, ...] = ()
    """Checksums."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """What a process of one workload says at its end."""

    timed: tuple[Timed, ...] = ()
    dtype: str = ""
    device: str = ""
    threads: int = 0


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How much longer it takes without a part."""

    part: Part
    workload: str
    ratio: float
    """Median over rounds of the time without it by the time with it: below 1 it costs time."""
    low: float
    high: float
    n: int
    seconds: float
    """Median with it."""
    seconds_off: float

    @property
    def words(self) -> str:
        """Such as "1.24 times as long (1.21 to 1.28)"."""
        return f"{self.ratio:.2f} times as long ({self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True, kw_only=True)
class Ablation(Record):
    timed: tuple[Timed, ...]


def measure(
    *,
    model: str,
    command: str,
    watch: Watch,
    workloads: Sequence[str] = tuple(WORKLOADS),
    only: tuple[str, ...] = (),
    rounds: int = 0,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Ablation:
    """Carry it all out; 0 `rounds` take each workload's own. `UserError` where a process fails."""
    timed: list[Timed] = []
    last = Process()

    def run(workload: str, *options: str) -> tuple[Timed, ...]:
        nonlocal last
        last = _run(workload, "--model", model, *options)
        watch.look()
        return last.timed

    for workload in workloads:
        parts, began = parts_of(workload, only), time.monotonic()
        if names := [part.id for part in parts]:
            wanted = rounds or ROUNDS[workload]
            timed += run(workload, "--rounds", f"{wanted}", "--parts", ",".join(names))
        on_progress(f"{WORKLOADS[workload]}: {time.monotonic() - began:.0f} s")
    stamp = Stamp.now(dtype=last.dtype, device=last.device, quiet=watch.found)
    return Ablation(
        command=command,
        model=model,
        threads=last.threads,
        timed=tuple(timed),
        stamp=stamp,
    )


def _run(workload: str, *options: str) -> Process:
    command = [sys.executable, "-m", "core.bench.ablation_process", workload, *options]
    found, _ = follow(command, lambda message: message.get("event") == "timed")
    if found.get("event") != "done":
        raise UserError(f"The ablation of {WORKLOADS[workload]} failed: {found.get('reason')}")
    return read(Process, found)


def gains(found: Ablation) -> list[Gain]:
    """Of every part in every workload that was measured, in the order of the parts."""
    return [
        gain
        for part in PARTS.values()
        for workload in part.workloads
        if (gain := _gain(found.timed, part, workload))
    ]


def _gain(timed: Iterable[Timed], part: Part, workload: str) -> Gain | None:
    rounds: dict[str, dict[int, float]] = {}
    for one in timed:
        if one.workload == workload:
            rounds.setdefault(one.part, {})[one.round] = one.seconds
    off = rounds.get(part.id, {})
    on = rounds.get(part.against, {})
    pairs = [(on[number], seconds) for number, seconds in off.items() if number in on]
    if not pairs:
        return None
    ratios = [without / usual for usual, without in pairs]
    low, high = median_interval(ratios)
    return Gain(
        part=part,
        workload=workload,
        ratio=median(ratios),
        low=low,
        high=high,
        n=len(pairs),
        seconds=median(usual for usual, _ in pairs),
        seconds_off=median(without for _, without in pairs),
    )


def verdict(found: Sequence[Gain]) -> str:
    """What the gains of one part, one a workload, say of keeping it."""
    if not found[0].part.is_for_speed:
        return "kept for exact answers"
    if any(gain.low >= SMALL for gain in found):
        return "kept"
    if all(gain.high < SMALL for gain in found):
        return f"gains less than {100 * (SMALL - 1):.0f} %"
    return "not decided"


def by_part(found: Sequence[Gain]) -> dict[str, list[Gain]]:
    """The gains of each part, by its id."""
    grouped: dict[str, list[Gain]] = {}
    for gain in found:
        grouped.setdefault(gain.part.id, []).append(gain)
    return grouped


def finding(found: Ablation) -> str:
    """One sentence: the part of the accelerator that saves most, where its interval parts from 1."""
    sure = [g for g in gains(found) if g.low > 1 and g.part.id != "fused" and g.part.is_for_speed]
    if not sure:
        return "No part alone gains more than the noise"
    most = max(sure, key=lambda gain: gain.ratio)
    others = "transformers’ own layers" if most.part.against == "fused" else "everything else on"
    return (
        f"“{most.part.title}” gains most: with {others} but without it, {WORKLOADS[most.workload]} "
        f"takes {most.words}"
    )


def differences(found: Ablation) -> dict[str, float]:
    """By workload, how far results lie from those with everything on: the largest relative gap of a loss or
    gradient norm in the same round; of answers, the largest share that differs."""
    usual = {(one.workload, one.round): one for one in found.timed if one.part == ALL_ON}
    gaps: dict[str, float] = {}
    for one in found.timed:
        on = usual.get((one.workload, one.round))
        if on is not None and one.part in PARTS:
            gaps[one.workload] = max(gaps.get(one.workload, 0.0), _gap(one, on))
    return gaps


def _gap(one: Timed, on: Timed) -> float:
    if on.answers:
        unlike = sum(a != b for a, b in zip(one.answers, on.answers, strict=True))
        return unlike / len(on.answers)
    values = ((one.loss, on.loss), (one.grad_norm, on.grad_norm))
    return max(abs(a - b) / max(abs(b), 1e-9) for a, b in values if a is not None and b is not None)


def markdown(found: Ablation) -> str:
    """A table of all parts, with what stands in their place and what goes with them."""
    rows = [
        (
            gain.part.title,
            WORKLOADS[gain.workload],
            f"{gain.ratio:.3f}",
            f"{gain.low:.3f} to {gain.high:.3f}",
            f"{gain.seconds:.3f} s, {gain.seconds_off:.3f} s",
            verdict(group),
            gain.part.code,
        )
        for group in by_part(gains(found)).values()
        for gain in group
    ]
    head = ("part", "of", "without: times", "95 %", "with, without", "verdict", "code")
    unlike = ", ".join(f"{WORKLOADS[w]} {100 * gap:.2f} %" for w, gap in differences(found).items())
    disturbed = found.stamp.disturbed
    said = f"**Disturbed.** {' '.join(disturbed)}\n\n" if disturbed else ""
    return (
        f"# What does each part gain?\n\n{said}{finding(found)}.\n\n{table(head, rows)}\n\n"
        f"Largest difference of a result from everything on: {unlike}.\n\n"
        f"{found.where} Made with `{found.command}`.\n"
    )


def to_json(found: Ablation) -> str:
    """JSON, one measurement a line."""
    rows = [{k: v for k, v in asdict(one).items() if v not in (None, ())} for one in found.timed]
    return rows_json(asdict(found) | {"timed": rows}, "timed")


def from_json(text: str) -> Ablation:
    return read(Ablation, json.loads(text))


def save(found: Ablation, folder: Path) -> None:
    """Write ablation.json and ablation.md; `UserError` when the disk refuses."""
    write(folder / f"{NAME}.json", to_json(found))
    write(folder / f"{NAME}.md", markdown(found))


@cache
def recorded() -> Ablation | None:
    """The ablation that comes with the app; None when there is none."""
    return read_record(Ablation, NAME)
