"""The other sides: Hugging Face's Trainer with peft, and TRL's SFTTrainer. Development only.

On the device and in the precision of our side, each with its best settings for this machine: a short
trial takes the faster of bf16 autocast and bf16 weights (not for full fine-tuning, where bf16 weights
lose small updates), of the fused and the eager attention, and for SFTTrainer of padded and padding-free
batches (its packing of the very same examples). The other precision is tried, too, to say so where it
would be faster.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypedDict

import torch

from core.bench.device import device_of, peak_memory_mb
from core.bench.process_results import Choice, Figures, OnFirst
from core.bench.trainers import Setting, fit
from core.bench.workloads import Workload, product_dtype, run_config
from core.catalog import find_model
from core.config import METHODS, MethodConfig
from core.data.test_sets import fixed_set
from core.data.tokenizer import ChatTokenizer
from core.evaluate.task import evaluate_task
from core.models.acquire import model_dir
from core.models.load import LoadedModel
from core.models.probe import resolve_dtype
from core.train.plan import batches_of, make_plan

TRIAL_STEPS = 2
"""The first warms up, the second counts."""


def measure_training(
    side: str,
    workload: Workload,
    *,
    model: str,
    seed: int,
    steps: int,
    n_scored: int,
    setting: Setting,
    on_first: OnFirst,
) -> Figures:
    """Train on the batches that our side takes, and score with the same evaluator."""
    config = run_config(workload, model=model, seed=seed, steps=steps, n_scored=n_scored)
    folder = model_dir(find_model(model))
    tokenizer = ChatTokenizer.load(folder)
    plan = make_plan(config, tokenizer)
    fitted = fit(side, config, batches_of(plan, config), folder, setting, on_first=on_first)
    tuned, device = fitted.model, device_of(fitted.model)
    found = Figures(
        setting=str(setting),
        dtype=product_dtype(str(setting)),
        device=str(device),
        step_s=fitted.step_s,
        losses=fitted.losses,
        peak_memory_mb=peak_memory_mb(device),
    )
    if n_scored:
        dtype = torch.float32 if setting.dtype == "float32" else torch.bfloat16
        causal: Any = tuned
        bare = causal.get_base_model() if hasattr(tuned, "get_base_model") else tuned
        base = LoadedModel("tuned elsewhere", bare, tokenizer, dtype)
        task = config.data.task
        examples = fixed_set(plan.tests[task], n_scored)
        score, _ = evaluate_task(tuned.eval(), base, task, examples)
        found.score, found.n_scored = score.score, score.n
    return found


def usual_setting(method: MethodConfig, dtype: str = "auto") -> Setting:
    """What is taken without a trial."""
    if resolve_dtype(dtype) is torch.float32:
        return Setting(dtype="float32")
    return Setting(dtype="autocast" if method.name == "full" else "bfloat16")


def choose_setting(side: str, workload: Workload, *, model: str, dtype: str) -> Choice:
    """The fastest setting that multiplies in `dtype`, in short trials; each choice is kept for the next."""
    config = run_config(workload, model=model, seed=0, steps=TRIAL_STEPS)
    folder = model_dir(find_model(model))
    batches = batches_of(make_plan(config, ChatTokenizer.load(folder)), config)
    tried: dict[str, float] = {}

    def seconds(setting: Setting) -> float:
        if str(setting) not in tried:
            fitted = fit(side, config, batches, folder, setting)
            tried[str(setting)] = min(fitted.step_s[1:])
        return tried[str(setting)]

    best = Setting()
    for choices in choices_for(side, workload.method, dtype=dtype):
        best = min((replace(best, **choice) for choice in choices), key=seconds)
    for other in _dtypes(workload.method, but=dtype):
        seconds(replace(best, dtype=other))
    return Choice(setting=str(best), tried=tried)


def _dtypes(method: MethodConfig, *, but: str = "") -> list[str]:
    """What a setting's `dtype` can be, without those that multiply in the precision `but`."""
    of_full = ("float32", "autocast")
    known = of_full if method.name == "full" else (*of_full, "bfloat16")
    return [dtype for dtype in known if product_dtype(dtype) != but]


class Change(TypedDict, total=False):
    """Of a setting, by its fields."""

    dtype: str
    attention: str
    is_packed: bool


def choices_for(side: str, method: MethodConfig, *, dtype: str) -> Iterator[list[Change]]:
    """The choices in turn, each of settings that multiply in `dtype`."""
    others = _dtypes(method, but=dtype)
    yield [{"dtype": name} for name in _dtypes(method) if name not in others]
    yield [{"attention": attention} for attention in ("sdpa", "eager")]
    # Packed, virtual tokens would stand before the first text only.
    if side == "sft" and not METHODS[method.name].adds_tokens:
        yield [{"is_packed": packed} for packed in (False, True)]
