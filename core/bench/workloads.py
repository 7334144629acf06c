"""What is measured: the same data, steps, rates and seeds on every side. Imports no torch."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.config import (
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
    check_choice,
    default_learning_rate,
)
from core.data.examples import Example, task_examples

SIDES = {
    "ours": "Tuning Fork",
    "trainer": "Trainer + peft",
    "sft": "TRL SFTTrainer",
    "generate": "generate",
}
BASELINES = ("trainer", "sft")
WARM_UP = 1
"""Steps at the beginning that are not counted: libraries prepare themselves."""
N_SCORED = 96
"""Test examples that a tuned model answers."""
N_PROMPTS = 64
ANSWER_TOKENS = 24


@dataclass(frozen=True, kw_only=True)
class Workload:
    id: str
    title: str
    tasks: tuple[str, ...] = ("sentiment",)
    """Trained on, mixed in every batch; of the workload `answer`, asked."""
    method: MethodConfig = field(default_factory=MethodConfig)
    batch_size: int = 8
    steps: int = 4
    seeds: tuple[int, ...] = (0, 1)
    """Each seed is one repetition on every side."""
    is_scored: bool = False
    """Whether the tuned model also answers test examples."""
    tried_with: str = ""
    """The workload whose short trials also choose the baselines' settings here."""
    least: float = 2.0
    """The ratio of examples per second that we aim at, over the best baseline."""

    @property
    def trains(self) -> bool:
        return self.id != "answer"

    @property
    def sides(self) -> tuple[str, ...]:
        return ("ours", *BASELINES) if self.trains else ("ours", "generate")


WORKLOADS: dict[str, Workload] = {
    workload.id: workload
    for workload in (
        Workload(
            id="lora8",
            title="LoRA r=8 on reviews, batch 8",
            steps=12,
            seeds=(0, 1, 2),
            is_scored=True,
            least=8,
        ),
        Workload(
            id="lora16",
            title="LoRA r=8 on reviews, batch 16",
            batch_size=16,
            tried_with="lora8",
            least=8,
        ),
        Workload(
            id="full",
            title="Full fine-tuning on reviews, batch 8",
            method=MethodConfig(name="full"),
            steps=7,
            seeds=(0, 1, 2),
            is_scored=True,
            least=5,
        ),
        Workload(
            id="prompt",
            title="Prompt tuning on reviews, batch 8",
            method=MethodConfig(name="prompt"),
        ),
        Workload(
            id="mixed",
            title="LoRA r=8 on four tasks in every batch",
            tasks=("sentiment", "topic", "names", "qa"),
            tried_with="lora8",
        ),
        Workload(
            id="dialogues",
            title="LoRA r=8 on long dialogues, little shared",
            tasks=("summary",),
            tried_with="lora8",
        ),
        Workload(
            id="answer",
            title=f"Answering {N_PROMPTS} short prompts greedily",
            tasks=("general", "names"),
            steps=3,
            least=4,
        ),
    )
}


def product_dtype(setting: str) -> str:
    """In which precision a setting multiplies matrices: autocast, too, computes in 16 bit.

    >>> product_dtype("autocast sdpa")
    'bfloat16'
    """
    return "float32" if setting.split()[0] == "float32" else "bfloat16"


def find_workload(name: str) -> Workload:
    """A workload by its id; `UserError` for anything else."""
    check_choice("The workload", name, tuple(WORKLOADS))
    return WORKLOADS[name]


def run_config(
    workload: Workload, *, model: str, seed: int, steps: int, n_scored: int = 0
) -> RunConfig:
    """The run that every side carries out; nothing is checked before its end."""
    task, *others = workload.tasks
    return RunConfig(
        model=model,
        data=DataConfig(task=task, others=tuple(others), validation_share=0.0),
        method=workload.method,
        optimizer=OptimizerConfig(
            learning_rate=default_learning_rate(workload.method.name),
            steps=steps,
            batch_size=workload.batch_size,
        ),
        evaluation=EvaluationConfig(
            every=10_000, examples=1, samples=0, final_examples=n_scored or 1
        ),
        seed=seed,
    )


def prompts_to_answer(tasks: Sequence[str]) -> list[Example]:
    """64 test prompts, in equal parts of the tasks."""
    each = N_PROMPTS // len(tasks)
    return [example for task in tasks for example in task_examples(task, "test")[:each]]


def checksums(answers: Sequence[str]) -> list[int]:
    """One number for each answer, to see which sides answer alike."""
    return [zlib.crc32(answer.encode()) for answer in answers]
