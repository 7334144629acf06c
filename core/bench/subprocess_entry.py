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
from typing import Any

from core.bench.workloads import SIDES, find_workload
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
        say("done", **measure(chosen))
    except (UserError, RuntimeError, ValueError, ImportError, MemoryError) as error:
        say("failed", reason=str(error).splitlines()[0] if str(error) else type(error).__name__)
        return 1
    return 0


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    """What the arguments ask for. Needs torch from here on."""
    import torch

    threads = {"threads": torch.get_num_threads()}
    if chosen.workload == "peak":
        from core.bench.peak import peak_gflops
        from core.models.probe import probe

        usual = {"device": probe().device, "dtype": probe().dtype}
        return threads | usual | {"gflops": peak_gflops()}
    from core.bench import tuning_fork

    if chosen.workload == "warm":
        return threads | tuning_fork.measure_warm_start(model=chosen.model, dtype=chosen.dtype)
    if chosen.workload == "growth":
        from core.bench.scaling import measure_scaling

        growth = measure_scaling(model=chosen.model, dtype=chosen.dtype)
        return threads | {"growth": list(growth)}
    workload = find_workload(chosen.workload)
    steps = chosen.steps or workload.steps
    run: dict[str, Any] = {"model": chosen.model, "steps": steps, "on_first": first}
    if chosen.side == "generate":
        from core.bench import generate_baseline

        if chosen.trial:
            return generate_baseline.choose_setting(
                workload, model=chosen.model, dtype=_named(chosen.dtype)
            )
        setting = chosen.setting or generate_baseline.usual_setting(chosen.dtype)
        return threads | generate_baseline.measure_answering(workload, setting=setting, **run)
    if not workload.trains:
        return threads | tuning_fork.measure_answering(workload, dtype=chosen.dtype, **run)
    run |= {"seed": chosen.seed, "n_scored": chosen.scored}
    if chosen.side == "ours":
        return threads | tuning_fork.measure_training(workload, dtype=chosen.dtype, **run)
    from core.bench import baselines

    if chosen.trial:
        return baselines.choose_setting(
            chosen.side, workload, model=chosen.model, dtype=_named(chosen.dtype)
        )
    if chosen.setting:
        setting = baselines.Setting.of(chosen.setting)
    else:
        setting = baselines.usual_setting(workload.method, chosen.dtype)
    return threads | baselines.measure_training(chosen.side, workload, setting=setting, **run)


def _named(dtype: str) -> str:
    """With `auto` answered by the probe."""
    from core.models.probe import resolve_dtype

    return str(resolve_dtype(dtype)).removeprefix("torch.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
