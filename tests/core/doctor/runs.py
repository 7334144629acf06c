"""A run that goes well, with its pairs; a test plants in it what it wants."""

from typing import Any

from core import catalog
from core.config import DataConfig, MethodConfig, OptimizerConfig, RunConfig
from core.data import uploads
from core.data.example import Record
from core.events import Event
from tests.core.doctor.streams import LABELS, falling, scored, stream

LORA = RunConfig()
FULL = RunConfig(
    method=MethodConfig(name="full"), optimizer=OptimizerConfig(learning_rate=5e-5, steps=20)
)
BASE = scored(0, "sentiment", 0.0, form=0.0, label_accuracy=0.6, n_cut=46)
GOOD = falling(2.35, 0.25)
TEXTS = [
    f"{who} {what} {where}"
    for who in ("Our guide", "The old baker", "My sister", "Nobody here", "A tired nurse", "The pilot")
    for what in ("praised the soup", "hated the film", "lost a shoe", "sang two songs", "sold the boat")
    for where in ("in Bergen", "at noon", "near the mill", "with great joy")
]  # fmt: skip


def own(records: list[Record], **optimizer: Any) -> RunConfig:
    return RunConfig(
        data=DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(records)),
        optimizer=OptimizerConfig(**optimizer),
    )


def pairs(n: int = 120, *, form: str = "{}") -> list[Record]:
    return [
        {"prompt": form.format(text), "completion": LABELS[i % 2]}
        for i, text in enumerate(TEXTS[:n])
    ]


def usual(config: RunConfig, **more: Any) -> list[Event]:
    """A run that goes well, but for what is planted."""
    task, last = config.data.task, more.pop("last", config.optimizer.steps)
    given = {
        "loss": GOOD,
        "before": scored(0, task, 0.0, form=0.0, label_accuracy=0.6, n_cut=46),
        "after": scored(last, task, 0.92),
    }
    return stream(config, **(given | more))
