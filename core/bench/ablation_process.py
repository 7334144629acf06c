"""One workload with parts of our speed switched off by turns, in a process of its own. Needs torch.

    python -m core.bench.ablation_process lora --rounds 9
    python -m core.bench.ablation_process full --rounds 4 --parts blocks

Every variant in a round takes the same batch from the same weights: the learning rate is 0, so AdamW does
all its work and moves nothing. Losses and gradient norms must therefore agree. Each round begins with a step
that is not counted, and another variant comes first in each. Prints JSON lines: {"event": "timed", …} for
each measurement, and {"event": "done", "rows": …} or {"event": "failed", "reason"}.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from core import methods
from core.bench.ablation_parts import WORKLOADS, parts_of, variants
from core.bench.ablation_replacements import without
from core.bench.device import synchronize
from core.bench.tuning_fork import load_base
from core.bench.workloads import (
    ANSWER_TOKENS,
    checksums,
    find_workload,
    prompts_to_answer,
    run_config,
)
from core.catalog import DEFAULT_MODEL
from core.config.command import names
from core.errors import UserError
from core.generate.batch import answer_greedily
from core.models.load import LoadedModel
from core.models.seed import seed_everything
from core.models.trie import build
from core.train.loop import make_optimizer, take_step
from core.train.plan import make_batches

Row = dict[str, Any]
Timed = Callable[[], tuple[float, Row]]
"""Seconds, and what came of it."""


def measure(
    base: LoadedModel, workload: str, *, rounds: int, only: tuple[str, ...] = ()
) -> Iterator[Row]:
    """{"part", "round", "seconds", …what came of it} of every variant in rounds 1, 2, …"""
    compared = variants(parts_of(workload, only))
    for number, timed in enumerate(_work(base, workload, rounds + 1)):
        timed()
        if not number:
            for off in compared.values():
                with without(off):
                    timed()
            continue
        order = list(compared)
        order = order[number % len(order) :] + order[: number % len(order)]
        for name in order:
            with without(compared[name]):
                seconds, found = timed()
            yield {"part": name, "round": number, "seconds": seconds, **found}


def _work(base: LoadedModel, workload: str, n: int) -> Iterator[Timed]:
    """What is timed, with the batch of each of n rounds."""
    if workload == "answer":
        asked = prompts_to_answer(find_workload("answer").tasks)
        prompts = [base.tokenizer.ask(example.prompt) for example in asked]
        for _ in range(n):
            yield lambda: _answers(base, prompts)
        return
    known = find_workload("full" if workload == "full" else "lora8")
    config = run_config(known, model=DEFAULT_MODEL, seed=0, steps=n)
    seed_everything(0)
    model = methods.find(config.method.name).attach(base.model, config.method).train()
    optimizer = make_optimizer(model, config)

    def step(batch: Any) -> tuple[float, Row]:
        tick = time.perf_counter()
        loss, _, grad_norm = take_step(
            model,
            optimizer,
            build(batch).to(base.device),
            rate=0.0,
            clip_norm=1.0,
            dtype=base.dtype,
        )
        synchronize(base.device)
        return time.perf_counter() - tick, {"loss": loss, "grad_norm": grad_norm}

    for batch in make_batches(config, base.tokenizer):
        yield lambda batch=batch: step(batch)


def _answers(base: LoadedModel, prompts: list[list[int]]) -> tuple[float, Row]:
    base.answers.clear()
    tick = time.perf_counter()
    found = answer_greedily(base.model, base, prompts, max_new_tokens=ANSWER_TOKENS)
    seconds = time.perf_counter() - tick
    return seconds, {"answers": checksums([answer.text for answer in found])}


def say(event: str, **more: Any) -> None:
    print(json.dumps({"event": event, **more}), flush=True)  # noqa: T201


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m core.bench.ablation_process")
    parser.add_argument("workload", choices=tuple(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--parts", default="", help="only these")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    chosen = parser.parse_args(arguments)
    try:
        base = load_base(chosen.model)
        if base.path == "plain":
            raise UserError(
                "This model is computed by transformers' own code: nothing to switch off."
            )
        rows: list[Row] = []
        for row in measure(
            base,
            chosen.workload,
            rounds=chosen.rounds,
            only=tuple(names(chosen.parts)),
        ):
            rows.append(row)
            say("timed", part=row["part"], round=row["round"], seconds=row["seconds"])
        dtype = str(base.dtype).removeprefix("torch.")
        say(
            "done",
            rows=rows,
            dtype=dtype,
            device=str(base.device),
            threads=torch.get_num_threads(),
        )
    except (UserError, RuntimeError, ValueError, MemoryError) as error:
        say("failed", reason=str(error).splitlines()[0] if str(error) else type(error).__name__)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
