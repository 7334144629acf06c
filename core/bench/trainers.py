"""Hugging Face's Trainer with peft, and TRL's SFTTrainer, on the batches that our side takes. Development only.

AdamW is fused, the collator pads to the longest of a batch, the rate is ours, step by step. SFTTrainer can pack
the very same examples without padding.
"""

import importlib.util
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypedDict

import torch
from torch import nn

from core.bench.device import best_device, synchronize
from core.bench.process_results import OnFirst
from core.config import MethodConfig, RunConfig
from core.data.encode import Encoded
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.models.roles import modules_for
from core.models.seed import seed_everything
from core.train.schedule import learning_rate

PACKAGES = {"trainer": ("accelerate",), "sft": ("accelerate", "datasets", "trl")}


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


class TrainingRow(TypedDict):
    """An example as both trainers take it."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a trainer is made of."""

    model: Any
    rows: list[TrainingRow]
    folder: Path
    """Of the base, with its tokenizer."""
    arguments: "SharedArguments"
    is_packed: bool
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LambdaLR
    callbacks: list[Any]


@dataclass
class Fitted:
    """The tuned model, and the seconds and the loss of each step."""

    model: nn.Module
    step_s: list[float]
    losses: list[float]


def fit(
    side: str,
    config: RunConfig,
    batches: Sequence[Sequence[Encoded]],
    folder: Path,
    setting: Setting,
    *,
    on_first: OnFirst = lambda: None,
) -> Fitted:
    """Train with one of both; `UserError` where it is not installed."""
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
    found = Fitted(model=model, step_s=[], losses=[])

    class Watch(TrainerCallback):
        """Takes the time from one step's end to the next one's."""

        tick = 0.0

        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            self.tick = time.perf_counter()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            synchronize(device)
            now = time.perf_counter()
            if not found.step_s:
                on_first()
            found.step_s.append(now - self.tick)
            self.tick = time.perf_counter()

        def on_log(self, *args: Any, **kwargs: Any) -> None:
            logs: dict[str, float] = kwargs["logs"]
            if "loss" in logs:
                found.losses.append(float(logs["loss"]))

    rows: list[TrainingRow] = [
        {"input_ids": pair.ids, "labels": pair.labels} for batch in batches for pair in batch
    ]
    with TemporaryDirectory() as scratch:
        make = {"trainer": _trainer, "sft": _sft_trainer}[side]
        job = Job(
            model=model,
            rows=rows,
            folder=folder,
            arguments=shared_arguments(config, setting, scratch),
            is_packed=setting.is_packed,
            optimizer=optimizer,
            schedule=schedule,
            callbacks=[Watch()],
        )
        make(job).train()
    return found


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


class SharedArguments(TypedDict):
    """Of transformers' `TrainingArguments` and TRL's `SFTConfig`: what both trainers are told."""

    output_dir: str
    per_device_train_batch_size: int
    max_steps: int
    max_grad_norm: float
    train_sampling_strategy: str
    bf16: bool
    use_cpu: bool
    gradient_checkpointing: bool
    dataloader_pin_memory: bool
    logging_steps: int
    logging_nan_inf_filter: bool
    save_strategy: str
    report_to: str
    disable_tqdm: bool
    seed: int


def shared_arguments(config: RunConfig, setting: Setting, scratch: str) -> SharedArguments:
    """What both are told: the batches in their own order, on the device that we take; nothing is saved or reported."""
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


def _trainer(job: Job) -> Any:
    from transformers import Trainer, TrainingArguments

    pad_id = ChatTokenizer.load(job.folder).eos_id
    return Trainer(
        model=job.model,
        args=TrainingArguments(**job.arguments),
        train_dataset=job.rows,  # pyright: ignore[reportArgumentType]
        data_collator=partial(_pad, pad_id=pad_id),
        optimizers=(job.optimizer, job.schedule),
        callbacks=job.callbacks,
    )


def _pad(rows: Sequence[TrainingRow], *, pad_id: int) -> dict[str, torch.Tensor]:
    """Padded at the right to the longest of the batch."""
    width = max(len(row["input_ids"]) for row in rows)

    def table(name: Literal["input_ids", "labels"], value: int) -> torch.Tensor:
        return torch.tensor([row[name] + [value] * (width - len(row[name])) for row in rows])

    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    return {
        "input_ids": table("input_ids", pad_id),
        "labels": table("labels", -100),
        "attention_mask": (torch.arange(width) < lengths[:, None]).long(),
    }


def _sft_trainer(job: Job) -> Any:
    from datasets import Dataset  # pyright: ignore
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer  # pyright: ignore

    arguments: Any = SFTConfig(
        **job.arguments,
        max_length=None,
        padding_free=job.is_packed,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    trainer: Any = SFTTrainer(
        model=job.model,
        args=arguments,
        train_dataset=Dataset.from_list(job.rows),  # pyright: ignore[reportArgumentType]
        processing_class=AutoTokenizer.from_pretrained(str(job.folder)),
        optimizers=(job.optimizer, job.schedule),
        callbacks=job.callbacks,
    )
    return trainer
