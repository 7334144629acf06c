"""The entry of a subprocess that measures one side, in a process of its own.

    python -m core.bench.subprocess_entry ours lora8 --seed 0 --steps 20
    python -m core.bench.subprocess_entry trainer lora8 --setting "bfloat16 sdpa"
    python -m core.bench.subprocess_entry sft lora8 --trial

It prints JSON lines: {"event": "first"} at its first result, for the parent to take the time, and at
the end {"event": "done", …what was measured} or {"event": "failed", "reason"}.
"""

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

from core.bench.process_results import Choice, Figures, Peak, Scaling, WarmStart
from core.bench.workloads import SIDES, Workload, find_workload
from core.config import RunConfig
from core.errors import UserError

LOOKS = ("peak", "warm", "growth")
"""In a workload's place: the machine's device, usual precision and peak of matrix products, the start of a
run in a warm process, and how the cost of a step grows."""


def say(event: str, **more: Any) -> None:
    print(json.dumps({"event": event, **more}), flush=True)  # noqa: T201


def first() -> None:
    say("first")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m core.bench.subprocess_entry")
    parser.add_argument("side", choices=tuple(SIDES))
    parser.add_argument("workload", help=f"or one of: {', '.join(LOOKS)}")
    parser.add_argument("--model", default=RunConfig().model)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=0, help="0: as the workload says")
    parser.add_argument("--scored", type=int, default=0, help="test examples to answer at the end")
    parser.add_argument("--setting", default="", help='such as "autocast sdpa"; default: usual')
    parser.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--trial", action="store_true", help="find the baseline's best setting")
    chosen = parser.parse_args(arguments)
    try:
        say("done", **asdict(measure(chosen)))
    except (UserError, RuntimeError, ValueError, ImportError, MemoryError) as error:
        say("failed", reason=str(error).splitlines()[0] if str(error) else type(error).__name__)
        return 1
    return 0


def measure(chosen: argparse.Namespace) -> Figures | Choice | Peak | WarmStart | Scaling:
    """What the arguments ask for. Needs torch from here on."""
    if chosen.workload == "peak":
        import torch

        from core.bench.peak import peak_gflops
        from core.models.probe import probe

        return Peak(
            device=probe().device,
            dtype=probe().dtype,
            gflops=peak_gflops(),
            threads=torch.get_num_threads(),
        )
    from core.bench import tuning_fork

    if chosen.workload == "warm":
        return tuning_fork.measure_warm_start(model=chosen.model, dtype=chosen.dtype)
    if chosen.workload == "growth":
        from core.bench.scaling import measure_scaling

        growth = measure_scaling(model=chosen.model, dtype=chosen.dtype)
        return Scaling(growth=tuple(growth))
    workload = find_workload(chosen.workload)
    if chosen.side == "generate":
        return _generate(workload, chosen)
    if chosen.side != "ours":
        return _baseline(workload, chosen)
    steps = chosen.steps or workload.steps
    if not workload.trains:
        return tuning_fork.measure_answering(
            workload, model=chosen.model, steps=steps, on_first=first, dtype=chosen.dtype
        )
    return tuning_fork.measure_training(
        workload,
        model=chosen.model,
        seed=chosen.seed,
        steps=steps,
        n_scored=chosen.scored,
        on_first=first,
        dtype=chosen.dtype,
    )


def _generate(workload: Workload, chosen: argparse.Namespace) -> Figures | Choice:
    from core.bench import generate_baseline

    if chosen.trial:
        return generate_baseline.choose_setting(
            workload, model=chosen.model, dtype=_named(chosen.dtype)
        )
    return generate_baseline.measure_answering(
        workload,
        model=chosen.model,
        steps=chosen.steps or workload.steps,
        setting=chosen.setting or generate_baseline.usual_setting(chosen.dtype),
        on_first=first,
    )


def _baseline(workload: Workload, chosen: argparse.Namespace) -> Figures | Choice:
    from core.bench import baselines
    from core.bench.trainers import Setting

    if chosen.trial:
        return baselines.choose_setting(
            chosen.side, workload, model=chosen.model, dtype=_named(chosen.dtype)
        )
    if chosen.setting:
        setting = Setting.of(chosen.setting)
    else:
        setting = baselines.usual_setting(workload.method, chosen.dtype)
    return baselines.measure_training(
        chosen.side,
        workload,
        model=chosen.model,
        seed=chosen.seed,
        steps=chosen.steps or workload.steps,
        n_scored=chosen.scored,
        setting=setting,
        on_first=first,
    )


def _named(dtype: str) -> str:
    """With `auto` answered by the probe."""
    from core.models.probe import resolve_dtype

    return str(resolve_dtype(dtype)).removeprefix("torch.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
