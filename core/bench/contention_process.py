"""What computes beside something else while contention is measured, each in a process of its own.

    python -m core.bench.contention_process train --store sqlite:////tmp/runs.sqlite3
    python -m core.bench.contention_process busy

`train` carries out a run, as a worker does, for each line on standard input: its number of steps. It prints
JSON lines: {"event": "step", "at_s"} after each step, {"event": "done", "dtype", "device", "threads"} after
the last, or {"event": "failed", "reason"}. `busy` uses 60 % of a core until it is ended. Needs torch to train.
"""

import argparse
import json
import sys
import time
from typing import Any

from core.bench.workloads import find_workload, run_config
from core.config import RunConfig
from core.events import Event, Started, Step

BUSY_S, IDLE_S = 0.06, 0.04


def train_on_demand(url: str, model: str) -> None:
    import torch

    from core.runs.execute import execute
    from core.runs.store import RunStore, worker_identity
    from core.runs.worker import BaseKeeper

    store, keeper = RunStore(url), BaseKeeper()
    began: list[Started] = []

    def show(event: Event) -> None:
        if isinstance(event, Started):
            began[:] = [event]
        if isinstance(event, Step):
            say("step", at_s=time.monotonic())

    for line in sys.stdin:
        config = run_config(find_workload("lora8"), model=model, seed=0, steps=int(line))
        run = store.start(config, worker=worker_identity())
        execute(run, store, keeper, on_event=show, keep_weights=False)
        ended = store.get(run.id)
        if ended.status == "failed":
            say("failed", reason=ended.reason)
            return
        (last,) = began
        about = {"dtype": last.dtype, "device": last.device}
        say("done", **about, threads=torch.get_num_threads())


def be_busy() -> None:
    while True:
        end = time.monotonic() + BUSY_S
        while time.monotonic() < end:
            pass
        time.sleep(IDLE_S)


def say(event: str, **more: Any) -> None:
    print(json.dumps({"event": event, **more}), flush=True)  # noqa: T201


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m core.bench.contention_process")
    parser.add_argument("role", choices=("train", "busy"))
    parser.add_argument("--store", default="", help="address of a database for the runs")
    parser.add_argument("--model", default=RunConfig().model)
    chosen = parser.parse_args(arguments)
    if chosen.role == "busy":
        be_busy()
    train_on_demand(chosen.store, chosen.model)


if __name__ == "__main__":
    main(sys.argv[1:])
