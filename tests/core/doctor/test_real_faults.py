"""Faults planted into real runs of a tiny real model: the doctor reads what training really said."""

from pathlib import Path
from typing import Any

import pytest

from core import catalog
from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.data import uploads
from core.data.example import Record
from core.doctor.case import Case
from core.doctor.doctor import diagnose
from core.errors import UserError
from core.events import Event, Failed
from core.models.load import LoadedModel
from core.train.training import train

WORDS = ("cat", "dog", "mat", "sat", "ran", "review")
PAIRS: list[Record] = [
    {"prompt": f"{a} {b} {n}", "completion": "yes" if n % 2 else "no"}
    for n in range(4)
    for a in WORDS
    for b in WORDS
]


def trained(base: LoadedModel, records: list[Record], *, method: str = "full", evaluation: dict[str, Any] | None = None, **optimizer: Any) -> Case:  # fmt: skip
    config = RunConfig(
        data=DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(records)),
        method=MethodConfig(name=method, rank=4),
        optimizer=OptimizerConfig(**({"steps": 30, "warmup_steps": 0} | optimizer)),
        evaluation=EvaluationConfig(**({"every": 10, "samples": 0} | (evaluation or {}))),
    )
    events: list[Event] = []
    try:
        events += train(config, base)
    except UserError as error:
        events.append(Failed(run_id="", reason=str(error)))
    return Case.of(config, events)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("cause", "plant"),
    [
        ("rate too low", {"learning_rate": 1e-9}),
        ("rate too high", {"learning_rate": 1.0, "steps": 60}),
        ("answers cut", {"learning_rate": 3e-3, "steps": 60, "evaluation": {"max_new_tokens": 1}}),
    ],
)
def test_settings(cause: str, plant: dict[str, Any], home: Path, tiny: LoadedModel) -> None:
    found = diagnose(trained(tiny, PAIRS, **plant))
    assert found[0].cause == cause, [(one.cause, one.sentence) for one in found]


@pytest.mark.thorough
def test_pairs(home: Path, tiny: LoadedModel) -> None:
    good: dict[str, Any] = {"learning_rate": 3e-3, "steps": 20}
    turned = {"yes": "no", "no": "yes"}
    against = [{**r, "completion": turned[str(r["completion"])]} for r in PAIRS[:30]]
    parts = [{**r, "split": "train" if i % 5 else "test"} for i, r in enumerate(PAIRS)]
    copies = [{**r, "prompt": f"{r['prompt']} .", "split": "train"} for r in parts if r["split"] == "test"]  # fmt: skip
    planted: dict[str, list[Record]] = {
        "labels noisy": PAIRS + against,
        "test leaked": parts + copies,
        "duplicates": PAIRS[:40] * 4,
    }
    for cause, records in planted.items():
        found = diagnose(trained(tiny, records, **good))
        assert found[0].cause == cause, [(one.cause, one.sentence) for one in found]
