"""How a run moves the weights, and what it does against forgetting."""

from dataclasses import dataclass

from core import catalog
from core.config.checks import check_choice, check_number, check_type
from core.errors import UserError

SCHEDULES = ("constant", "linear", "cosine")
EARLIER = "earlier"
"""Instead of a task to rehearse: those that came before in a sequence."""
REGULARIZERS = ("none", "l2sp", "ewc", "kl")


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
