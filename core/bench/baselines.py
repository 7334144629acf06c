"""The other sides: Hugging Face's Trainer with peft, and TRL's SFTTrainer. Development only.

On the device and in the precision of our side, each with its best settings for this machine: a short
trial takes the faster of bf16 autocast and bf16 weights (not for full fine-tuning, where bf16 weights
lose small updates), of the fused and the eager attention, and for SFTTrainer of padded and padding-free
batches (its packing of the very same examples). The other precision is tried, too, to say so where it
would be faster. AdamW is fused, the collator pads to the longest of a batch, the rate is ours, step by
step.
"""

import importlib.util
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from core.bench.device import best_device, device_of, peak_memory_mb, synchronize
from core.bench.workloads import Workload, product_dtype, run_config
from core.catalog import find_model
from core.config import METHODS, MethodConfig, RunConfig
from core.data.encode import Encoded
from core.data.test_sets import fixed_set
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.evaluate.task import evaluate_task
from core.models.acquire import model_dir
from core.models.load import LoadedModel
from core.models.probe import resolve_dtype
from core.models.roles import modules_for
from core.models.seed import seed_everything
from core.train.plan import batches_of, make_plan
from core.train.schedule import learning_rate

Message = dict[str, Any]
PACKAGES = {"trainer": ("accelerate",), "sft": ("accelerate", "datasets", "trl")}
TRIAL_STEPS = 2
"""The first warms up, the second counts."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How a baseline is set up: "bfloat16 sdpa", "autocast eager packed"."""

    dtype: str = "bfloat16"
    """float32; autocast: float32 weights, bf16 products; bfloat16: bf16 weights, too. What multiplies
    in the same precision is compared (`product_dtype`)."""
    attention: str = "sdpa"
    is_packed: bool = False

    def __str__(self) -> str:
        return f"{self.dtype} {self.attention}{' packed' if self.is_packed else ''}"

    @classmethod
    def of(cls, text: str) -> "Setting":
        dtype, attention, *packed = text.split()
        return cls(dtype=dtype, attention=attention, is_packed=bool(packed))


def check_installed(side: str) -> None:
    """`UserError` naming what is missing; the app itself does not need these packages."""
    missing = [name for name in PACKAGES[side] if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"This side needs {' and '.join(missing)}; run: pip install -r requirements-dev.txt"
        )


def measure_training(
    side: str,
    workload: Workload,
    *,
    model: str,
    seed: int,
    steps: int,
    n_scored: int,
    setting: Setting,
    on_first: Any,
) -> Message:
    """Train on the batches that our side takes, and score with the same evaluator."""
    config = run_config(workload, model=model, seed=seed, steps=steps, n_scored=n_scored)
    folder = model_dir(find_model(model))
    tokenizer = ChatTokenizer.load(folder)
    plan = make_plan(config, tokenizer)
    tuned, found = fit(side, config, batches_of(plan, config), folder, setting, on_first=on_first)
    device = device_of(tuned)
    found |= {"setting": str(setting), "dtype": product_dtype(str(setting)), "device": str(device)}
    found["peak_memory_mb"] = peak_memory_mb(device)
    if n_scored:
        dtype = torch.float32 if setting.dtype == "float32" else torch.bfloat16
        causal: Any = tuned
        bare = causal.get_base_model() if hasattr(tuned, "get_base_model") else tuned
        base = LoadedModel("tuned elsewhere", bare, tokenizer, dtype)
        task = config.data.task
        examples = fixed_set(plan.tests[task], n_scored)
        score, _ = evaluate_task(tuned.eval(), base, task, examples)
        found |= {"score": score.score, "n_scored": score.n}
    return found


def usual_setting(method: MethodConfig, dtype: str = "auto") -> Setting:
    """What is taken without a trial."""
    if resolve_dtype(dtype) is torch.float32:
        return Setting(dtype="float32")
    return Setting(dtype="autocast" if method.name == "full" else "bfloat16")


def choose_setting(side: str, workload: Workload, *, model: str, dtype: str) -> Message:
    """The fastest setting that multiplies in `dtype`, in short trials; each choice is kept for the next."""
    config = run_config(workload, model=model, seed=0, steps=TRIAL_STEPS)
    folder = model_dir(find_model(model))
    batches = batches_of(make_plan(config, ChatTokenizer.load(folder)), config)
    tried: dict[str, float] = {}

    def seconds(setting: Setting) -> float:
        if str(setting) not in tried:
            _, found = fit(side, config, batches, folder, setting)
            tried[str(setting)] = min(found["step_s"][1:])
        return tried[str(setting)]

    best = Setting()
    for choices in choices_for(side, workload.method, dtype=dtype):
        best = min((replace(best, **choice) for choice in choices), key=seconds)
    for other in _dtypes(workload.method, but=dtype):
        seconds(replace(best, dtype=other))
    return {"setting": str(best), "tried": tried}


def _dtypes(method: MethodConfig, *, but: str = "") -> list[str]:
    """What a setting's `dtype` can be, without those that multiply in the precision `but`."""
    of_full = ("float32", "autocast")
    known = of_full if method.name == "full" else (*of_full, "bfloat16")
    return [dtype for dtype in known if product_dtype(dtype) != but]


def choices_for(side: str, method: MethodConfig, *, dtype: str) -> Iterator[list[dict[str, Any]]]:
    """The choices in turn, each of settings that multiply in `dtype`."""
    others = _dtypes(method, but=dtype)
    yield [{"dtype": name} for name in _dtypes(method) if name not in others]
    yield [{"attention": attention} for attention in ("sdpa", "eager")]
    # Packed, virtual tokens would stand before the first text only.
    if side == "sft" and not METHODS[method.name].adds_tokens:
        yield [{"is_packed": packed} for packed in (False, True)]


def fit(
    side: str,
    config: RunConfig,
    batches: Sequence[Sequence[Encoded]],
    folder: Path,
    setting: Setting,
    *,
    on_first: Any = lambda: None,
) -> tuple[nn.Module, Message]:
    """The tuned model, and {"step_s", "losses"} of its steps."""
    check_installed(side)
    from transformers import TrainerCallback

    seed_everything(config.seed)
    device = best_device()
    model = with_method(load_plain(folder, setting), config.method).to(device)
    wanted = config.optimizer
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad],
        lr=wanted.learning_rate,
        weight_decay=wanted.weight_decay,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda done: learning_rate(done + 1, wanted) / wanted.learning_rate
    )
    found: Message = {"step_s": [], "losses": []}

    class Watch(TrainerCallback):
        """Takes the time from one step's end to the next one's."""

        tick = 0.0

        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            self.tick = time.perf_counter()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            synchronize(device)
            now = time.perf_counter()
            if not found["step_s"]:
                on_first()
            found["step_s"].append(now - self.tick)
            self.tick = time.perf_counter()

        def on_log(self, *args: Any, **kwargs: Any) -> None:
            logs: Message = kwargs["logs"]
            if "loss" in logs:
                found["losses"].append(float(logs["loss"]))

    rows = [{"input_ids": pair.ids, "labels": pair.labels} for batch in batches for pair in batch]
    with TemporaryDirectory() as scratch:
        make = {"trainer": _trainer, "sft": _sft_trainer}[side]
        trainer = make(
            model, rows, config, setting, scratch, folder, (optimizer, schedule), [Watch()]
        )
        trainer.train()
    return model, found


def load_plain(folder: Path, setting: Setting) -> Any:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    return AutoModelForCausalLM.from_pretrained(
        str(folder),
        dtype=torch.bfloat16 if setting.dtype == "bfloat16" else torch.float32,
        attn_implementation=setting.attention,
        local_files_only=True,
    )


def with_method(model: Any, method: MethodConfig) -> Any:
    """As peft's own guide does it; peft keeps what it adds to a bf16 model in float32."""
    from peft import (
        LoraConfig,
        PromptTuningConfig,
        PromptTuningInit,
        TaskType,
        get_peft_model,
    )

    if method.name == "full":
        return model
    if method.name == "prompt":
        settings: Any = PromptTuningConfig(
            task_type=TaskType.CAUSAL_LM,
            num_virtual_tokens=method.virtual_tokens,
            prompt_tuning_init=PromptTuningInit.SAMPLE_VOCAB,
        )
    elif method.name == "lora":
        settings = LoraConfig(
            task_type=TaskType.CAUSAL_LM,
            r=method.rank,
            lora_alpha=int(method.alpha),
            target_modules=modules_for(model, method.target_modules),
        )
    else:
        raise UserError(f"The baselines are set up for lora, full and prompt, not {method.name}.")
    tuned: Any = get_peft_model(model, settings)
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return tuned


def _arguments(config: RunConfig, setting: Setting, scratch: str) -> dict[str, Any]:
    """What both trainers are told."""
    return {
        "output_dir": scratch,
        "per_device_train_batch_size": config.optimizer.batch_size,
        "max_steps": config.optimizer.steps,
        "max_grad_norm": config.optimizer.clip_norm,
        "train_sampling_strategy": "sequential",
        "bf16": setting.dtype != "float32",
        "use_cpu": best_device().type == "cpu",  # else Trainer takes the first GPU, as we do
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "seed": config.seed,
    }


def _trainer(
    model: Any,
    rows: list[Message],
    config: RunConfig,
    setting: Setting,
    scratch: str,
    folder: Path,
    optimizers: Any,
    callbacks: list[Any],
) -> Any:
    from transformers import Trainer, TrainingArguments

    pad_id = ChatTokenizer.load(folder).eos_id
    return Trainer(
        model=model,
        args=TrainingArguments(**_arguments(config, setting, scratch)),
        train_dataset=rows,  # pyright: ignore[reportArgumentType]
        data_collator=partial(_pad, pad_id=pad_id),
        optimizers=optimizers,
        callbacks=callbacks,
    )


def _pad(rows: Sequence[Message], *, pad_id: int) -> dict[str, torch.Tensor]:
    """Padded at the right to the longest of the batch."""
    width = max(len(row["input_ids"]) for row in rows)

    def table(name: str, value: int) -> torch.Tensor:
        return torch.tensor([row[name] + [value] * (width - len(row[name])) for row in rows])

    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    return {
        "input_ids": table("input_ids", pad_id),
        "labels": table("labels", -100),
        "attention_mask": (torch.arange(width) < lengths[:, None]).long(),
    }


def _sft_trainer(
    model: Any,
    rows: list[Message],
    config: RunConfig,
    setting: Setting,
    scratch: str,
    folder: Path,
    optimizers: Any,
    callbacks: list[Any],
) -> Any:
    from datasets import Dataset  # pyright: ignore
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer  # pyright: ignore

    arguments: Any = SFTConfig(
        **_arguments(config, setting, scratch),
        max_length=None,
        padding_free=setting.is_packed,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    trainer: Any = SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(str(folder)),
        optimizers=optimizers,
        callbacks=callbacks,
    )
    return trainer
