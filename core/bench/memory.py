"""Does a training worker grow from run to run? What it holds after each of many short runs. Imports no torch.

The worker is the app's own, in a process of its own with a store of its own, and the runs are real: methods by
turns, a new seed each, so that no batch has the shape of another. Memory is no matter of time: the machine
need not be quiet.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import psutil

from core import catalog
from core.bench.records import read_record, write
from core.config import (
    METHODS,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
    default_learning_rate,
)
from core.errors import UserError
from core.models.acquire import model_dir
from core.paths import ROOT
from core.quiet import Quietness
from core.runs.store import RunStore
from core.stamp import Stamp

NAME = "memory"
STEPS = 3
MOST_GROWTH_MB = 50
"""Over the second half of the runs."""
LONGEST_RUN_S = 600
LOOKS = 3


@dataclass(frozen=True, kw_only=True)
class MemoryGrowth:
    """Resident memory of a worker, in MB, after each run."""

    command: str
    stamp: Stamp
    methods: tuple[str, ...]
    """Of the runs, in their order."""
    held_mb: tuple[float, ...]
    n_workers: int = 1
    """More where a worker was started anew."""

    @property
    def growth_mb(self) -> float:
        """What the second half of the runs added: the mean of the last round of methods less that of the half's first."""
        half, size = len(self.held_mb) // 2, len(METHODS)
        first, last = self.held_mb[half : half + size], self.held_mb[-size:]
        return sum(last) / len(last) - sum(first) / len(first)

    @property
    def finding(self) -> str:
        n = len(self.held_mb)
        return (
            f"After {n} runs the training worker holds {self.held_mb[-1]:,.0f} MB; the last {n - n // 2} runs "
            f"added {self.growth_mb:.0f} MB"
        )

    @property
    def where(self) -> str:
        """A sentence for a caption."""
        stamp = self.stamp
        return (
            f"Measured on {stamp.machine} ({stamp.at[:10]}, commit {stamp.commit or 'not known'})."
        )


def measure(
    *, model: str, n_runs: int, command: str, on_run: Callable[[int, str, float], None]
) -> MemoryGrowth:
    """Let a worker carry out `n_runs` and look at what it holds between them."""
    held: list[float] = []
    methods = tuple(islice(cycle(METHODS), n_runs))
    pids: set[int] = set()
    with _home_of_its_own() as environment, tempfile.TemporaryFile() as errors:
        store = RunStore(f"sqlite:///{environment['TUNING_FORK_HOME']}/data/runs.sqlite3")
        worker = _worker(environment, errors)
        try:
            for number, method in enumerate(methods):
                run = store.submit(_config(model, method, seed=number))
                ended_by = time.monotonic() + LONGEST_RUN_S
                while not store.get(run.id).status.is_over and time.monotonic() < ended_by:
                    if worker.poll() is not None:
                        worker = _worker(environment, errors)
                    time.sleep(0.1)
                ended = store.get(run.id)
                if ended.status != "finished":
                    raise UserError(f"Run {number + 1} ended as {ended.status}: {ended.reason}")
                held.append(round(_idle_mb(worker), 1))
                pids.add(worker.pid)
                on_run(number, method, held[-1])
        finally:
            assert worker.stdin
            worker.stdin.close()
            worker.wait(timeout=60)
    return MemoryGrowth(
        command=command,
        stamp=Stamp.now(dtype="", device="", quiet=Quietness()),
        methods=methods,
        held_mb=tuple(held),
        n_workers=len(pids),
    )


@contextmanager
def _home_of_its_own() -> Generator[dict[str, str]]:
    """The environment of processes that keep their runs apart, and share the models of this machine."""
    models = model_dir(catalog.MODELS[catalog.DEFAULT_MODEL]).parent
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "cache").mkdir()
        (home / "data").mkdir()
        (home / "cache" / "models").symlink_to(models.resolve())
        yield os.environ | {"TUNING_FORK_HOME": folder, "DATABASE_URL": ""}


def _worker(environment: dict[str, str], errors: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "core.runs.worker", "train"],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=errors,
    )


def _idle_mb(worker: subprocess.Popen[bytes]) -> float:
    """What it holds once it has given back what the run took: when several looks find it asleep with the same.

    On a busy machine a worker that still has to give memory back may wait long for its turn to compute; the
    system counts it as running then.
    """
    held, n_alike = 0.0, 0
    while n_alike < LOOKS:
        try:
            process = psutil.Process(worker.pid)
            is_asleep, now = (
                process.status() == psutil.STATUS_SLEEPING,
                process.memory_info().rss / 1e6,
            )
        except psutil.Error:
            return held
        n_alike = n_alike + 1 if is_asleep and abs(now - held) < 1 else 0
        held = now
        time.sleep(0.5)
    return held


def _config(model: str, method: str, *, seed: int) -> RunConfig:
    return RunConfig(
        model=model,
        method=MethodConfig(name=method),
        optimizer=OptimizerConfig(
            steps=STEPS, warmup_steps=0, learning_rate=default_learning_rate(method)
        ),
        evaluation=EvaluationConfig(examples=4, final_examples=8, every=STEPS),
        seed=seed,
    )


def picture(found: MemoryGrowth) -> str:
    """An SVG: a dot a run, and how much the second half added."""
    wide, high, left, top = 720, 300, 60, 40
    most = max(found.held_mb) * 1.15
    n = len(found.held_mb)

    def place(number: int, held: float) -> tuple[float, float]:
        return left + (wide - left - 20) * number / max(1, n - 1), high - (high - top) * held / most

    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="#0072b2"/>'
        for x, y in (place(number, held) for number, held in enumerate(found.held_mb))
    )
    lines = "".join(
        f'<line x1="{left}" x2="{wide - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{mb:,}</text>'
        for mb, y in ((mb, place(0, mb)[1]) for mb in range(0, int(most), 500))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high + 40}" role="img" '
        f'font-family="sans-serif" font-size="12"><title>{found.finding}</title>'
        f'<rect width="100%" height="100%" fill="white"/>'
        f'<text x="{left}" y="20" font-size="14">{found.finding}</text>{lines}{dots}'
        f'<text x="{left}" y="{high + 25}">Runs 1 to {n}; memory held between runs, in MB</text></svg>\n'
    )


def save(found: MemoryGrowth, folder: Path) -> None:
    """Write memory.json and memory.svg; `UserError` when the disk refuses."""
    values = asdict(found) | {"growth_mb": round(found.growth_mb, 1), "finding": found.finding}
    write(folder / f"{NAME}.json", json.dumps(values, indent=1, ensure_ascii=False) + "\n")
    write(folder / f"{NAME}.svg", picture(found))


@cache
def recorded() -> MemoryGrowth | None:
    """What comes with the app; None when there is nothing."""
    return read_record(MemoryGrowth, NAME)
