"""Which way of doing a task is measured, and where its figures are kept: one small file each.

A measurement is kept under everything that decides it: the way itself, the code, the model, and the
machine, as seconds are no other machine's. So a reload loses nothing, and nothing is measured twice.
"""

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from core import catalog
from core.config import check_choice, check_number, check_type
from core.data.shots import FORMS, MOST_SHOTS
from core.errors import UserError
from core.machine import describe_machine
from core.paths import data_dir, writable
from core.runs.identity import identity_of_answers


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
    n_test: int = 40
    """Test examples scored, spread over the test split."""
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
                raise UserError(f"The setting {name!r} of a measurement is not known.")
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


def find(prompt_evaluation: PromptEvaluation) -> dict[str, Any] | None:
    """The kept figures; None when there are none, or their file is damaged."""
    try:
        return json.loads((folder() / f"{prompt_evaluation.key}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None


def keep(prompt_evaluation: PromptEvaluation, figures: dict[str, Any]) -> dict[str, Any]:
    """Write figures, whole or not at all, and return what is kept."""
    kept = {"asking": prompt_evaluation.to_dict(), "measured_at": time.time(), **figures}
    path = writable(folder()) / f"{prompt_evaluation.key}.json"
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        new.write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error
    return kept


def everything() -> list[dict[str, Any]]:
    """All kept figures whose settings are still valid, oldest first."""
    found: list[dict[str, Any]] = []
    for path in folder().glob("*.json"):
        try:
            kept = json.loads(path.read_text("utf-8"))
            if (
                PromptEvaluation.from_dict(kept["asking"]).key == path.stem
            ):  # of this code and machine
                found.append(kept)
        except (OSError, ValueError, KeyError, TypeError, UserError):
            continue
    return sorted(found, key=lambda kept: kept["measured_at"])
