"""Many measurements by turns: A, B, C, A, B, C, each in a fresh process. Imports no torch.

By turns, because a machine that is slower for a minute should be slower for every side; in fresh
processes, because memory once taken and libraries once warm would favour whoever comes second. A side
that fails is reported in words and left out; the others go on.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product

from core.bench.process_results import Choice, Peak, Scaling, WarmStart
from core.bench.report import Measured, Report, check_one_device
from core.bench.workloads import N_PROMPTS, N_SCORED, Workload
from core.machine import describe_machine
from core.openmp import without_brief_spin
from core.paths import ROOT
from core.quiet import Watch
from core.stamp import Stamp
from core.typed_json import JsonObject, read

VISIBLE = "CUDA_VISIBLE_DEVICES"
LONGEST_S = 900
"""A process that takes longer is ended."""


def run_side(side: str, workload: str, *options: str) -> tuple[JsonObject, float]:
    """What a process found, and the seconds until its first result."""
    command = [sys.executable, "-m", "core.bench.subprocess_entry", side, workload, *options]
    # Spinning briefly is one of our parts: the others run as they do without us.
    environment = dict(os.environ) if side == "ours" else without_brief_spin(os.environ)
    return follow(command, lambda message: message.get("event") == "first", environment)


def follow(
    command: Sequence[str],
    is_first: Callable[[JsonObject], bool],
    environment: Mapping[str, str] | None = None,
) -> tuple[JsonObject, float]:
    """The last JSON object a process prints, and when the first awaited one came."""
    environment = os.environ if environment is None else environment
    started, first_s = time.monotonic(), 0.0
    last: JsonObject = {}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=dict(environment)
            | {"PYTHONWARNINGS": "ignore", "TOKENIZERS_PARALLELISM": "false"}
            | one_gpu(environment),
        )
        try:
            for message in _messages(process, started + LONGEST_S):
                last = message
                if not first_s and is_first(message):
                    first_s = time.monotonic() - started
                    if message.get("state"):  # a worker: it would wait for work
                        break
        finally:
            if process.stdin:
                process.stdin.close()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
        if last.get("event") not in ("done", "failed") and "state" not in last:
            errors.seek(0)
            said = [line for line in errors.read().splitlines() if line.strip()]
            reason = said[-1] if said else f"ended with status {process.returncode}"
            last = {"event": "failed", "reason": reason}
    return last, first_s


def _messages(process: subprocess.Popen[str], end: float) -> Iterator[JsonObject]:
    assert process.stdout is not None
    for line in process.stdout:
        try:
            message = json.loads(line)
        except json.JSONDecodeError:
            continue  # a library printed something
        if isinstance(message, dict):
            yield message
        if time.monotonic() > end:
            yield {"event": "failed", "reason": f"took longer than {LONGEST_S} s"}
            process.kill()
            return


def one_gpu(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that show every side the same single GPU: Trainer would take all of them at once.

    >>> one_gpu({"TUNING_FORK_DEVICE": "cuda:1", "CUDA_VISIBLE_DEVICES": "4,6"})
    {'CUDA_VISIBLE_DEVICES': '6', 'TUNING_FORK_DEVICE': 'cuda'}
    """
    chosen, visible = environment.get("TUNING_FORK_DEVICE", ""), environment.get(VISIBLE)
    if chosen.partition(":")[0] not in ("", "cuda") or visible == "":  # "": all are hidden
        return {}
    wanted = chosen.partition(":")[2] or "0"
    names = visible.split(",") if visible else []
    shown = names[int(wanted)] if wanted.isdigit() and int(wanted) < len(names) else wanted
    return {VISIBLE: shown} | ({"TUNING_FORK_DEVICE": "cuda"} if chosen else {})


def worker_ready_s() -> float:
    """Cold start of an answering worker, to ready; 0 when it does not get there."""
    command = [sys.executable, "-m", "core.runs.worker", "ask"]
    _, first_s = follow(command, lambda message: message.get("state") == "ready")
    return first_s


def measure(
    workloads: Sequence[Workload],
    *,
    model: str,
    command: str,
    watch: Watch,
    sides: Sequence[str] = (),
    seeds: Sequence[int] = (),
    repeats: int = 1,
    steps: int = 0,
    n_scored: int = N_SCORED,
    with_trials: bool = True,
    n_starts: int = 3,
    with_growth: bool = False,
    on_progress: Callable[[str], None] = lambda text: None,
    on_measured: Callable[[Measured], None] = lambda found: None,
) -> Report:
    """Carry it all out. Empty `sides`, `seeds` and 0 `steps` take what each workload says.

    `watch` has looked at the machine before, and looks again after each measurement. Raises
    `UserError` as soon as a side computed on another device or in another precision than the others.
    """
    peak = _peak(on_progress)
    usual = ("--model", model, "--dtype", peak.dtype)
    starts, warm = [worker_ready_s() for _ in range(n_starts)], WarmStart()
    if n_starts:
        warm = read(WarmStart, run_side("ours", "warm", *usual)[0])
        on_progress(f"A worker is ready after {min(starts):.1f} s.")
    trials, settings = dict[str, dict[str, float]](), dict[tuple[str, str], str]()
    measured = list[Measured]()
    for workload in workloads:
        wanted = [side for side in workload.sides if not sides or side in sides]
        for side in wanted:
            if side != "ours" and with_trials:
                _try(side, workload, usual, trials, settings, on_progress)
        for seed, side in product(seeds or workload.seeds, wanted * repeats):
            options = [*usual, "--seed", str(seed), "--steps", str(steps)]
            if workload.is_scored:
                options += ["--scored", str(n_scored)]
            if setting := settings.get((side, workload.tried_with or workload.id)):
                options += ["--setting", setting]
            measured.append(_measured(side, workload, seed, options))
            watch.look()
            check_one_device(measured)
            on_measured(measured[-1])
    gflops = peak.gflops
    if workloads:
        again = _peak(on_progress).gflops
        gflops = {name: max(value, again.get(name, 0.0)) for name, value in gflops.items()}
    scaling = Scaling()
    if with_growth:
        scaling = read(Scaling, run_side("ours", "growth", *usual)[0])
        watch.look()
        if scaling.reason:
            on_progress(f"How cost grows could not be measured: {scaling.reason}")
    return Report(
        command=command,
        machine=describe_machine(),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        threads=peak.threads,
        gflops=gflops,
        ready_s=tuple(starts),
        warm_first_loss_s=warm.warm_first_loss_s,
        trials=trials,
        measured=tuple(measured),
        growth=scaling.growth,
        stamp=Stamp.now(
            dtype="" if peak.dtype == "auto" else peak.dtype,
            device=peak.device,
            quiet=watch.found,
        ),
    )


def _measured(side: str, workload: Workload, seed: int, options: Sequence[str]) -> Measured:
    found, first_s = run_side(side, workload.id, *options)
    more: JsonObject = {
        "workload": workload.id,
        "side": side,
        "seed": seed,
        "batch_size": workload.batch_size if workload.trains else N_PROMPTS,
        "first_loss_s": first_s,
    }
    return read(Measured, found | more)


def _peak(on_progress: Callable[[str], None]) -> Peak:
    """Of this machine now."""
    found = read(Peak, run_side("ours", "peak")[0])
    said = ", ".join(f"{name} {value:.0f} GFLOP/s" for name, value in found.gflops.items())
    on_progress(f"fastest products: {said}")
    return found


def _try(
    side: str,
    workload: Workload,
    usual: Sequence[str],
    trials: dict[str, dict[str, float]],
    settings: dict[tuple[str, str], str],
    on_progress: Callable[[str], None],
) -> None:
    """Choose a baseline's setting, unless it was chosen before; without one its default is taken."""
    source = workload.tried_with or workload.id
    if (side, source) in settings:
        return
    found = read(Choice, run_side(side, source, "--trial", *usual)[0])
    if found.setting:
        settings[side, source] = found.setting
        trials[f"{side} {source}"] = found.tried
        tried = ", ".join(f"{name} {s:.2f} s" for name, s in found.tried.items())
        on_progress(f"{side} on {source}: {found.setting} is fastest ({tried})")
    else:
        on_progress(f"{side} on {source}: no setting could be tried: {found.reason}")
