"""One workload with parts of our speed switched off by turns, in a process of its own. Needs torch.

    python -m core.bench.ablation_process lora --rounds 9
    python -m core.bench.ablation_process full --rounds 4 --parts blocks

Every variant in a round takes the same batch from the same weights: the learning rate is 0, so AdamW does
all its work and moves nothing. Losses and gradient norms must therefore agree. Each round begins with a step
that is not counted, and another variant comes first in each. Prints JSON lines: {"event": "timed", …} for
each measurement, and {"event": "done", "timed": …} or {"event": "failed", "reason"}.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

import torch

from core import methods
from core.bench.ablation import Timed
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
from core.config import RunConfig
from core.config.command import names
from core.data.encode import Encoded
from core.errors import UserError
from core.generate.batch import answer_greedily
from core.models.load import LoadedModel
from core.models.seed import seed_everything
from core.models.trie import build
from core.train.loop import make_optimizer, take_step
from core.train.plan import make_batches

Work = Callable[[], Timed]
"""Does it once, and says how long that took and what came of it."""


def measure(
    base: LoadedModel, workload: str, *, rounds: int, only: tuple[str, ...] = ()
) -> Iterator[Timed]:
    """Every variant in rounds 1, 2, …"""
    compared = variants(parts_of(workload, only))
    for number, work in enumerate(_work(base, workload, rounds + 1)):
        work()
        if not number:
            for off in compared.values():
                with without(off):
                    work()
            continue
        order = list(compared)
        order = order[number % len(order) :] + order[: number % len(order)]
        for name in order:
            with without(compared[name]):
                found = work()
            yield replace(found, part=name, round=number)


def _work(base: LoadedModel, workload: str, n: int) -> Iterator[Work]:
    """What is timed, with the batch of each of n rounds."""
    if workload == "answer":
        asked = prompts_to_answer(find_workload("answer").tasks)
        prompts = [base.tokenizer.ask(example.prompt) for example in asked]
        for _ in range(n):
            yield lambda: _answers(base, prompts)
        return
    known = find_workload("full" if workload == "full" else "lora8")
    config = run_config(known, model=RunConfig().model, seed=0, steps=n)
    seed_everything(0)
    model = methods.find(config.method.name).attach(base.model, config.method).train()
    optimizer = make_optimizer(model, config)

    def step(batch: list[Encoded]) -> Timed:
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
        seconds = time.perf_counter() - tick
        return Timed(workload=workload, round=0, seconds=seconds, loss=loss, grad_norm=grad_norm)

    for batch in make_batches(config, base.tokenizer):
        yield lambda batch=batch: step(batch)


def _answers(base: LoadedModel, prompts: list[list[int]]) -> Timed:
    base.answers.clear()
    tick = time.perf_counter()
    found = answer_greedily(base.model, base, prompts, max_new_tokens=ANSWER_TOKENS)
    seconds = time.perf_counter() - tick
    texts = [answer.text for answer in found]
    return Timed(workload="answer", round=0, seconds=seconds, answers=tuple(checksums(texts)))


def say(event: str, **more: Any) -> None:
    print(json.dumps({"event": event, **more}), flush=True)  # noqa: T201


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m core.bench.ablation_process")
    parser.add_argument("workload", choices=tuple(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--parts", default="", help="only these")
    parser.add_argument("--model", default=RunConfig().model)
    chosen = parser.parse_args(arguments)
    try:
        base = load_base(chosen.model)
        if base.path == "plain":
            raise UserError(
                "This model is computed by transformers' own code: nothing to switch off."
            )
        timed: list[Timed] = []
        for one in measure(
            base,
            chosen.workload,
            rounds=chosen.rounds,
            only=tuple(names(chosen.parts)),
        ):
            timed.append(one)
            say("timed", part=one.part, round=one.round, seconds=one.seconds)
        dtype = str(base.dtype).removeprefix("torch.")
        say(
            "done",
            timed=[asdict(one) for one in timed],
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
