"""How a run moves the weights, and what it does against forgetting."""

from dataclasses import dataclass

from core import catalog
from core.config.settings import check_settings, setting
from core.errors import UserError

SCHEDULES = ("constant", "linear", "cosine")
EARLIER = "earlier"
"""Instead of a task to rehearse: those that came before in a sequence."""
REGULARIZERS = ("none", "l2sp", "ewc", "kl")


TRAINABLE = tuple(task.id for task in catalog.TASKS.values() if "train" in task.splits)


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    learning_rate: float = setting(
        1e-3,
        "--lr",
        "Peak learning rate of AdamW.",
        low=0,
        high=1,
        above=True,
        usual="the method's own: lora 1e-3, full 5e-5",
    )
    steps: int = setting(
        20,
        "--steps",
        "Optimizer steps; with sequential tasks, for each of them.",
        low=1,
        high=10_000,
    )
    batch_size: int = setting(8, "--batch-size", "Examples per step.", low=1, high=256)
    warmup_steps: int = setting(
        5,
        "--warmup-steps",
        "Steps over which the learning rate rises linearly from zero to its peak.",
        low=0,
        high=10_000,
    )
    schedule: str = setting(
        "constant",
        "--schedule",
        "What follows warm-up: a constant rate, linear decay or cosine decay to zero.",
        choices=SCHEDULES,
    )
    weight_decay: float = setting(
        0.0, "--weight-decay", "AdamW's decoupled weight decay.", low=0, high=1
    )
    clip_norm: float = setting(
        1.0,
        "--clip-norm",
        "The gradient is scaled down to this norm when it is longer.",
        low=0,
        high=1_000,
        above=True,
    )
    patience: int = setting(
        0,
        "--patience",
        "Stop early after this many evaluations without a better validation loss; 0 never stops.",
        low=0,
        high=1_000,
    )

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True, kw_only=True)
class MitigationConfig:
    """What is done against forgetting, besides the choice of method and learning rate."""

    regularizer: str = setting(
        "none",
        "--regularizer",
        "A penalty on moving away from the start: l2sp on weights, ewc on weights that matter to "
        "the kept tasks, kl on changed answers to the kept tasks' prompts.",
        choices=REGULARIZERS,
        example="kl:1",
    )
    strength: float = setting(
        0.0, "--regularizer", "The penalty's factor; 0 is no penalty.", low=0, high=1e9
    )
    keep: tuple[str, ...] = setting(
        ("names",),
        "--keep",
        "Tasks whose training prompts ewc and kl look at.",
        title="task to keep",
        choices=TRAINABLE,
    )
    rehearse: str = setting(
        "",
        "--rehearse",
        "A task whose training pairs are mixed in; earlier: those before it in a sequence.",
        title="task to rehearse",
        choices=("", EARLIER, *TRAINABLE),
        example="names:0.2",
    )
    rehearse_share: float = setting(
        0.0, "--rehearse", "Share of each training batch that is rehearsal.", low=0, high=0.9
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.regularizer in ("ewc", "kl") and not self.keep:
            raise UserError(f"Name a task to keep: {self.regularizer} looks at its prompts.")
        if (self.regularizer == "none") != (self.strength == 0):
            raise UserError("A regularizer goes with a strength above 0, and only with it.")
        if bool(self.rehearse) != (self.rehearse_share > 0):
            raise UserError("Rehearsal needs a task and a share above 0, for example names:0.2.")
