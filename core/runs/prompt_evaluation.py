"""Which way of doing a task is measured, and where its figures are kept: one small file each.

A measurement is kept under everything that decides it: the way itself, the code, the model, and the
machine, as seconds are no other machine's. So a reload loses nothing, and nothing is measured twice.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from core import catalog
from core.config import FINAL_EXAMPLES, check_choice, check_number, check_type
from core.data.shots import FORMS, MOST_SHOTS
from core.errors import UserError, quote
from core.machine import describe_machine
from core.paths import data_dir, write_whole
from core.runs.identity import identity_of_answers
from core.typed_json import read


@dataclass(frozen=True, kw_only=True)
class PromptEvaluation:
    """One way to do a task: prompt the base model with solved examples, or ask a tuned one."""

    task: str = "sentiment"
    shots: int = 0
    """Solved examples before each question."""
    seed: int = 0
    """Which training pairs are shown."""
    form: str = "chat"
    """One of `FORMS`."""
    run: str = ""
    """A finished run to ask instead of the base model; it is shown no examples."""
    n_test: int = FINAL_EXAMPLES
    """Test examples scored: the first of the fixed order (core/data/test_sets)."""
    n_timed: int = 10
    """Of these, how many are answered one by one, on the clock."""
    model: str = catalog.DEFAULT_MODEL

    def __post_init__(self) -> None:
        check_choice("The task", self.task, prompted_tasks())
        check_number("The number of examples shown", self.shots, 0, MOST_SHOTS, whole=True)
        check_number("seed", self.seed, 0, 2**31 - 1, whole=True)
        check_choice("The form of the examples", self.form, FORMS)
        check_type("The run", self.run, str, "a text")
        check_number("The number of test examples", self.n_test, 2, 10_000, whole=True)
        check_number("The number of timed requests", self.n_timed, 2, self.n_test, whole=True)
        catalog.find_model(self.model)
        if self.run and self.shots:
            raise UserError("A tuned model is asked without examples; set their number to 0.")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        known = {f.name for f in fields(cls)}
        for name in values:
            if name not in known:
                raise UserError(f"The setting {quote(name)} of a measurement is not known.")
        return cls(**values)

    @property
    def key(self) -> str:
        """16 hex digits, equal for measurements that would be the same, on one machine.

        Without examples neither seed nor form makes a difference.
        """
        decides = self.to_dict()
        if not self.shots:
            del decides["seed"], decides["form"]
        text = json.dumps(
            [decides, identity_of_answers(self.model), describe_machine()], sort_keys=True
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def prompted_tasks() -> tuple[str, ...]:
    """Tasks one can both show examples of and tune on."""
    return tuple(t.id for t in catalog.TASKS.values() if {"train", "test"} <= set(t.splits))


def folder() -> Path:
    return data_dir() / "measured"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What came of it, as it is kept."""

    asking: PromptEvaluation
    measured_at: float
    score: float
    metric: str
    interval: tuple[float, float]
    n: int
    right_form: float | None = None
    """Of all answers, as in an `Evaluation`; likewise the label accuracy."""
    label_accuracy: float | None = None
    n_cut: int = 0
    max_new_tokens: int = 0
    prompt_tokens: float
    """Of a request, the mean; likewise the next two."""
    uncached_tokens: float
    """Those after the beginning that all requests share."""
    answer_tokens: float
    seconds: tuple[float, ...]
    """Of single requests, nothing computed before."""
    cached_seconds: tuple[float, ...]
    """Of the same requests, the shared beginning computed before."""
    dtype: str = ""
    first_answers: list[str] = field(default_factory=list[str])


def find(prompt_evaluation: PromptEvaluation) -> Measured | None:
    """The kept figures; None when there are none, or their file is damaged."""
    return _read(folder() / f"{prompt_evaluation.key}.json")


def _read(path: Path) -> Measured | None:
    try:
        return read(Measured, json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, UserError):
        return None


def keep(measured: Measured) -> None:
    """Write figures, whole or not at all."""
    path = folder() / f"{measured.asking.key}.json"
    try:
        write_whole(path, json.dumps(asdict(measured), ensure_ascii=False).encode())
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error


def everything() -> list[Measured]:
    """All kept figures whose settings are still valid, oldest first."""
    read_ones = ((path, _read(path)) for path in folder().glob("*.json"))
    # A key is of this code and machine.
    found = [kept for path, kept in read_ones if kept and kept.asking.key == path.stem]
    return sorted(found, key=lambda kept: kept.measured_at)
