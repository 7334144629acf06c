"""RunConfig: all parts together, to and from JSON, with a hash."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, Self

from core import catalog
from core.config.data import DataConfig
from core.config.evaluation import EvaluationConfig
from core.config.method import MethodConfig
from core.config.settings import check_settings, setting, settings_of
from core.config.specification import METHODS
from core.config.training import EARLIER, MitigationConfig, OptimizerConfig
from core.errors import UserError, quote
from core.typed_json import Json

DTYPES = ("auto", "float32", "bfloat16")


RUN_ID = re.compile(r"[0-9a-z-]{1,40}")
"""What can be the id of a run."""


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    model: str = setting(
        catalog.DEFAULT_MODEL,
        "--model",
        "A model of the catalogue, or a local folder in Hugging Face format.",
    )
    data: DataConfig = field(default_factory=DataConfig)
    method: MethodConfig = field(default_factory=MethodConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    cure: MitigationConfig = field(default_factory=MitigationConfig)
    seed: int = setting(
        0,
        "--seed",
        "Seeds the split, the batch order, LoRA's initialisation and dropout.",
        low=0,
        high=2**31 - 1,
    )
    dtype: str = setting(
        "auto",
        "--dtype",
        "Precision of the matrix products: auto asks the probe of this machine.",
        choices=DTYPES,
    )
    start_from: str = setting(
        "",
        "--start-from",
        "A run whose tuned weights this one begins with, of the same model and method; without it, the base model.",
        title="run to begin with",
    )

    def __post_init__(self) -> None:
        check_settings(self)
        # A folder by its full path: a run must mean the same from every working directory.
        object.__setattr__(self, "model", catalog.find_model(self.model).id)
        if self.cure.rehearse == EARLIER and self.data.order != "sequential":
            raise UserError("Rehearsing earlier tasks goes with a sequence of tasks.")
        if self.optimizer.patience and self.data.order == "sequential":
            raise UserError(
                "Stopping early goes with one task or mixed tasks, not with a sequence."
            )
        if self.start_from and not RUN_ID.fullmatch(self.start_from):
            raise UserError(f"{quote(self.start_from)} is no run to begin with.")
        method = METHODS[self.method.name]
        if method.plans_one_run and self.start_from:
            raise UserError(
                f"{method.title} plans its ranks over one run, so it begins with the base model."
            )
        if method.plans_one_run and self.data.order == "sequential":
            raise UserError(
                f"{method.title} plans its ranks over one run; choose one task or mixed tasks, or LoRA."
            )
        if self.cure.rehearse in self.data.tasks:
            raise UserError(f"{self.cure.rehearse} is trained on already; rehearse another task.")

    def to_dict(self) -> dict[str, Json]:
        """Plain JSON data; `from_dict` gives an equal config back."""
        found = json.loads(json.dumps(asdict(self)))
        if not self.start_from:  # most: so those from before there was this setting are the same
            del found["start_from"]
        return found

    @classmethod
    def from_dict(cls, values: Mapping[str, Json]) -> Self:
        """Build and validate a config from JSON data; unknown names are refused by name."""
        arguments = dict(_known(cls, values))
        for part in fields(cls):
            if part.name in arguments and isinstance(part.type, type) and is_dataclass(part.type):
                given = _known(part.type, arguments[part.name]).items()
                tupled = {k: tuple(v) if isinstance(v, list) else v for k, v in given}
                arguments[part.name] = part.type(**tupled)
        return cls(**arguments)

    @property
    def hash(self) -> str:
        """16 hex digits that are equal exactly when two configs are."""
        canonical = json.dumps(_plain(self.to_dict()), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def evaluation_tasks(self) -> tuple[str, ...]:
        """The trained tasks first, then the others, each once."""
        return tuple(dict.fromkeys((*self.data.tasks, *self.evaluation.tasks)))


SETTINGS = settings_of(RunConfig)
"""Every setting of a run by its path, such as `optimizer.learning_rate`."""


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _known(part: type, values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise UserError(f"Expected settings for {part.__name__}, got {quote(values)}.")
    names = [f.name for f in fields(part)]
    for name in values:
        if name not in names:
            raise UserError(
                f"The setting {quote(name)} is not known; known are: {', '.join(names)}."
            )
    return values
