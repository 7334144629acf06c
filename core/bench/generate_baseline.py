"""The other side of answering: transformers' `generate` on padded batches, with its best settings."""

import time
from typing import Any

import torch

from core.bench.device import best_device, peak_memory_mb
from core.bench.process_results import Choice, Figures, OnFirst
from core.bench.trainers import Setting, load_plain
from core.bench.workloads import (
    ANSWER_TOKENS,
    N_PROMPTS,
    Workload,
    checksums,
    product_dtype,
    prompts_to_answer,
)
from core.catalog import find_model
from core.data.tokenizer import ChatTokenizer
from core.models.acquire import model_dir
from core.models.probe import resolve_dtype

OTHER_DTYPE = {"float32": "bfloat16", "bfloat16": "float32"}
SIZES = (16, N_PROMPTS)
"""Prompts in a padded batch that are tried."""


def measure_answering(
    workload: Workload, *, model: str, steps: int, setting: str, on_first: OnFirst
) -> Figures:
    """Answer the same prompts `steps` times (at least once); `setting` is "bfloat16 sdpa 64"."""
    answers: list[str] = []
    device = best_device()
    dtype, attention, size = setting.split()
    folder = model_dir(find_model(model))
    tokenizer = ChatTokenizer.load(folder)
    module = load_plain(folder, Setting(dtype=dtype, attention=attention)).eval().to(device)
    prompts = [tokenizer.ask(e.prompt) for e in prompts_to_answer(workload.tasks)]
    found = Figures(setting=setting, dtype=product_dtype(setting), device=str(module.device))
    for number in range(steps):
        tick = time.perf_counter()
        answers = _answer(module, tokenizer, prompts, int(size))
        found.step_s.append(time.perf_counter() - tick)
        if not number:
            on_first()
    found.peak_memory_mb = peak_memory_mb(device)
    found.answers = checksums(answers)
    return found


def usual_setting(dtype: str = "auto") -> str:
    """What is taken without a trial."""
    return f"{str(resolve_dtype(dtype)).removeprefix('torch.')} sdpa {N_PROMPTS}"


def choose_setting(workload: Workload, *, model: str, dtype: str) -> Choice:
    """The fastest attention and batch size in the precision of all sides, each choice kept for the next.

    The other precision is tried as well, to say so where it would be faster.
    """
    tried: dict[str, float] = {}

    def seconds(setting: str) -> float:
        if setting not in tried:
            found = measure_answering(
                workload, model=model, steps=1, setting=setting, on_first=lambda: None
            )
            tried[setting] = found.step_s[0]
        return tried[setting]

    best = min((f"{dtype} {attention} {SIZES[-1]}" for attention in ("sdpa", "eager")), key=seconds)
    best = min((f"{best.rsplit(' ', 1)[0]} {size}" for size in SIZES), key=seconds)
    seconds(best.replace(dtype, OTHER_DTYPE[dtype]))
    return Choice(setting=best, tried=tried)


@torch.no_grad()
def _answer(
    module: Any, tokenizer: ChatTokenizer, prompts: list[list[int]], size: int
) -> list[str]:
    """Sorted by length, padded at the left, until every answer of a batch has ended."""
    eos, answers = tokenizer.eos_id, [""] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    for start in range(0, len(order), size):
        group = order[start : start + size]
        width = max(len(prompts[i]) for i in group)
        rows = [[eos] * (width - len(prompts[i])) + prompts[i] for i in group]
        mask = [[0] * (width - len(prompts[i])) + [1] * len(prompts[i]) for i in group]
        output = module.generate(
            input_ids=torch.tensor(rows, device=module.device),
            attention_mask=torch.tensor(mask, device=module.device),
            max_new_tokens=ANSWER_TOKENS,
            do_sample=False,
            eos_token_id=eos,
            pad_token_id=eos,
        )
        for i, ids in zip(group, output[:, width:].tolist(), strict=True):
            end = ids.index(eos) if eos in ids else len(ids)
            answers[i] = tokenizer.decode(ids[:end]).strip()
    return answers
