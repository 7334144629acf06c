"""RunConfig: everything that decides what a training run does, as frozen, validated, hashable data.

A run is reproducible from its RunConfig alone. Pages, URL parameters and the command line all build
one through `RunConfig.from_dict` (or the constructors), so bad values are refused here, once, with a
sentence a student understands.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from core import catalog
from core.errors import UserError

LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
SCHEDULES = ("constant", "linear", "cosine")
DTYPES = ("auto", "float32", "bfloat16")
METHODS = ("full", "top_layers", "lora", "prompt")
LEARNING_RATES = {"full": 5e-5, "top_layers": 1e-4, "lora": 1e-3, "prompt": 3e-2}
"""Peak rates that learn sentiment in 20 steps and keep most else (measured; see the README)."""
ORDERS = ("mixed", "sequential")
EARLIER = "earlier"
"""Instead of a task to rehearse: those that came before in a sequence."""
REGULARIZERS = ("none", "l2sp", "ewc", "kl")


def default_learning_rate(method: str) -> float:
    """The rate a method starts with when the reader names none."""
    check_choice("The method", method, METHODS)
    return LEARNING_RATES[method]


def check_type(name: str, value: Any, kind: type, words: str) -> None:
    """Raise `UserError` unless `value` is a `kind`, in `words` a reader knows."""
    if not isinstance(value, kind):
        raise UserError(f"{name} must be {words}; got {value!r}.")


def check_number(
    name: str, value: Any, low: float, high: float, *, whole: bool = False, above: bool = False
) -> None:
    """Raise `UserError` unless `value` is a finite number in [low, high] (in ]low, high] if `above`)."""
    kind = "a whole number" if whole else "a number"
    limits = f"above {low:g} and at most {high:g}" if above else f"from {low:g} to {high:g}"
    wanted = f"{name} must be {kind} {limits}; got {value!r}."
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise UserError(wanted)
    if not low <= value <= high or (above and value == low):  # NaN is in no range
        raise UserError(wanted)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UserError(f"{name} {value!r} is not known; choose one of: {', '.join(choices)}.")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    task: str = "sentiment"
    """A task of the catalogue, or "custom" for an uploaded dataset."""
    dataset: str = ""
    """Content address of an uploaded dataset (see `core.data.uploads`); empty for a built-in task."""
    template: str = ""
    """Prompt template with {field} places; empty takes the task's own."""
    train_examples: int = 0
    """Use only the first n training examples after the seeded shuffle; 0 takes all."""
    validation_share: float = 0.1
    """Share of the training pairs kept out of training to watch the validation loss."""
    others: tuple[str, ...] = ()
    """Further tasks to train on, together with `task` or after it."""
    order: str = "mixed"
    """With others: `mixed` in every batch, or `sequential`, one task after another."""
    weights: tuple[float, ...] = ()
    """Mixed: how much of each task, in the order of `tasks`; empty takes equal parts."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks trained on, `task` first."""
        return (self.task, *self.others)

    def __post_init__(self) -> None:
        choices = (*catalog.TASKS, catalog.CUSTOM_TASK)
        check_choice("The task", self.task, choices)
        check_type("The dataset", self.dataset, str, "a text")
        check_type("The template", self.template, str, "a text")
        if (self.task == catalog.CUSTOM_TASK) != bool(self.dataset):
            raise UserError('An uploaded dataset goes with the task "custom", and only with it.')
        check_number("train_examples", self.train_examples, 0, 100_000, whole=True)
        check_number("validation_share", self.validation_share, 0.0, 0.5)
        self._check_others()
        if self.template and not re.search(r"\{\w+\}", self.template):
            raise UserError("The template needs at least one {field}, for example {text}.")

    def _check_others(self) -> None:
        check_choice("The order", self.order, ORDERS)
        check_type("The other tasks", self.others, tuple, "a list")
        check_type("The weights", self.weights, tuple, "a list")
        for task in self.others:
            check_choice("The task", task, tuple(catalog.TASKS))
        if len(set(self.tasks)) < len(self.tasks):
            raise UserError("Name each task to train on only once.")
        if self.others and (self.task == catalog.CUSTOM_TASK or self.template):
            raise UserError("Your own pairs or template go with one task only.")
        for weight in self.weights:
            check_number("A weight", weight, 0, 1_000, above=True)
        if self.weights and (len(self.weights) != len(self.tasks) or self.order != "mixed"):
            raise UserError(
                "Weights are for mixed tasks, one for each: "
                f"{len(self.tasks)} tasks, {len(self.weights)} weights."
            )


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    name: str = "lora"
    """`full` trains every weight; `top_layers` those of the last layers; `lora` two small matrices
    beside each target; `prompt` embeddings of virtual tokens before the text."""
    layers: int = 8
    """`top_layers`: how many decoder layers are trained, counted from the last."""
    virtual_tokens: int = 10
    """`prompt`: how many embeddings are trained."""
    rank: int = 8
    """LoRA's r: the inner width of B·A."""
    alpha: float = 16.0
    """LoRA's scale: the update is (alpha / rank) · B·A."""
    target_modules: tuple[str, ...] = ("q_proj", "v_proj")
    """Which linear layers get a LoRA pair."""
    dropout: float = 0.0
    """Dropout on LoRA's input while training."""

    def __post_init__(self) -> None:
        check_choice("The method", self.name, METHODS)
        check_number("layers", self.layers, 1, 1_000, whole=True)
        check_number("virtual_tokens", self.virtual_tokens, 1, 256, whole=True)
        check_number("rank", self.rank, 1, 256, whole=True)
        check_number("alpha", self.alpha, 0, 1024, above=True)
        check_number("dropout", self.dropout, 0, 0.9)
        check_type("target_modules", self.target_modules, tuple, "a list")
        if not self.target_modules:
            raise UserError("Choose at least one target module for LoRA.")
        for target in self.target_modules:
            check_choice("The target module", target, LORA_TARGETS)


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    learning_rate: float = 1e-3
    """Peak learning rate of AdamW."""
    steps: int = 20
    """Optimizer steps; with sequential tasks, for each of them."""
    batch_size: int = 8
    """Examples per step."""
    warmup_steps: int = 5
    """Steps over which the learning rate rises linearly from zero to its peak."""
    schedule: str = "constant"
    """What follows warm-up: constant, linear decay or cosine decay to zero."""
    weight_decay: float = 0.0
    """AdamW's decoupled weight decay."""
    clip_norm: float = 1.0
    """The gradient is scaled down to this norm when it is longer."""
    patience: int = 0
    """Stop early after this many evaluations without a better validation loss; 0 never stops early."""

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, 0, 1, above=True)
        check_number("steps", self.steps, 1, 10_000, whole=True)
        check_number("batch_size", self.batch_size, 1, 256, whole=True)
        check_number("warmup_steps", self.warmup_steps, 0, 10_000, whole=True)
        check_choice("The schedule", self.schedule, SCHEDULES)
        check_number("weight_decay", self.weight_decay, 0, 1)
        check_number("clip_norm", self.clip_norm, 0, 1_000, above=True)
        check_number("patience", self.patience, 0, 1_000, whole=True)


@dataclass(frozen=True, kw_only=True)
class CureConfig:
    """What is done against forgetting, besides the choice of method and learning rate."""

    regularizer: str = "none"
    """A penalty on moving away from the start: `l2sp` on weights, `ewc` on weights that matter to the
    kept tasks, `kl` on changed answers to the kept tasks' prompts."""
    strength: float = 0.0
    """The penalty's factor; 0 is no penalty."""
    keep: tuple[str, ...] = ("names",)
    """Tasks whose training prompts `ewc` and `kl` look at."""
    rehearse: str = ""
    """A task whose training pairs are mixed in; `earlier` rehearses the earlier ones of a sequence."""
    rehearse_share: float = 0.0
    """Share of each training batch that is rehearsal."""

    def __post_init__(self) -> None:
        check_choice("The regularizer", self.regularizer, REGULARIZERS)
        check_number("The strength", self.strength, 0, 1e9)
        check_type("The tasks to keep", self.keep, tuple, "a list")
        trainable = tuple(t.id for t in catalog.TASKS.values() if "train" in t.splits)
        for task in self.keep:
            check_choice("The task to keep", task, trainable)
        if self.regularizer in ("ewc", "kl") and not self.keep:
            raise UserError(f"Name a task to keep: {self.regularizer} looks at its prompts.")
        if (self.regularizer == "none") != (self.strength == 0):
            raise UserError("A regularizer goes with a strength above 0, and only with it.")
        check_number("rehearse_share", self.rehearse_share, 0, 0.9)
        if self.rehearse:
            check_choice("The task to rehearse", self.rehearse, (EARLIER, *trainable))
        if bool(self.rehearse) != (self.rehearse_share > 0):
            raise UserError("Rehearsal needs a task and a share above 0, for example names:0.2.")


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    tasks: tuple[str, ...] = ()
    """Tasks to score besides the one trained on; the trained task comes first by itself."""
    every: int = 10
    """Steps between two evaluations while training."""
    examples: int = 16
    """Test examples per task at each evaluation while training; the last one takes them all."""
    samples: int = 4
    """How many fixed prompts per task answer again at every evaluation."""
    final_examples: int = 0
    """Test examples per task at the last evaluation; 0 takes all."""
    prompts: tuple[str, ...] = ()
    """Free prompts that are answered again at every evaluation, with next-token probabilities."""

    def __post_init__(self) -> None:
        check_type("The prompts", self.prompts, tuple, "a list")
        for prompt in self.prompts:
            check_type("A prompt", prompt, str, "a text")
            if not 0 < len(prompt.strip()) <= 2_000:
                raise UserError("A prompt to watch needs 1 to 2,000 characters.")
        if len(self.prompts) > 20:
            raise UserError(f"At most 20 prompts can be watched; got {len(self.prompts)}.")
        check_number("evaluation.final_examples", self.final_examples, 0, 10_000, whole=True)
        check_type("The evaluation tasks", self.tasks, tuple, "a list")
        for task in self.tasks:
            check_choice("The evaluation task", task, tuple(catalog.TASKS))
        check_number("evaluation.every", self.every, 1, 10_000, whole=True)
        check_number("evaluation.examples", self.examples, 1, 10_000, whole=True)
        check_number("evaluation.samples", self.samples, 0, 50, whole=True)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    model: str = catalog.DEFAULT_MODEL
    """A model of the catalogue, or a local folder in Hugging Face format."""
    data: DataConfig = field(default_factory=DataConfig)
    method: MethodConfig = field(default_factory=MethodConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    cure: CureConfig = field(default_factory=CureConfig)
    seed: int = 0
    """Seeds the split, the batch order, LoRA's initialisation and dropout."""
    dtype: str = "auto"
    """Precision of the matrix products: auto asks the probe of this machine."""

    def __post_init__(self) -> None:
        catalog.find_model(self.model)
        check_number("seed", self.seed, 0, 2**31 - 1, whole=True)
        check_choice("The dtype", self.dtype, DTYPES)
        if self.cure.rehearse == EARLIER and self.data.order != "sequential":
            raise UserError("Rehearsing earlier tasks goes with a sequence of tasks.")
        if self.optimizer.patience and self.data.order == "sequential":
            raise UserError(
                "Stopping early goes with one task or mixed tasks, not with a sequence."
            )
        if self.cure.rehearse in self.data.tasks:
            raise UserError(f"{self.cure.rehearse} is trained on already; rehearse another task.")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; `from_dict` gives an equal config back."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build and validate a config from JSON data; unknown names are refused by name."""
        parts = {
            "data": DataConfig,
            "method": MethodConfig,
            "optimizer": OptimizerConfig,
            "evaluation": EvaluationConfig,
            "cure": CureConfig,
        }
        arguments: dict[str, Any] = {}
        for name, value in _known(cls, values).items():
            part = parts.get(name)
            arguments[name] = part(**_tupled(_known(part, value))) if part else value
        return cls(**arguments)

    @property
    def hash(self) -> str:
        """16 hex digits that are equal exactly when two configs are."""
        canonical = json.dumps(_plain(self.to_dict()), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def evaluation_tasks(self) -> tuple[str, ...]:
        """The trained tasks first, then the others, each once."""
        return tuple(dict.fromkeys((*self.data.tasks, *self.evaluation.tasks)))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _known(part: type, values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise UserError(f"Expected settings for {part.__name__}, got {values!r}.")
    names = [f.name for f in fields(part)]
    for name in values:
        if name not in names:
            raise UserError(f"The setting {name!r} is not known; known are: {', '.join(names)}.")
    return values


def _tupled(values: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
