"""What a run trains on."""

import re
from dataclasses import dataclass

from core import catalog
from core.config.settings import check_settings, setting
from core.errors import UserError

ORDERS = ("mixed", "sequential")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    task: str = setting(
        "sentiment",
        "--task",
        'A task of the catalogue, or "custom" for an uploaded dataset.',
        choices=(*catalog.TASKS, catalog.CUSTOM_TASK),
    )
    others: tuple[str, ...] = setting(
        (),
        "--tasks",
        "Several tasks, the first of which is `task`; with --mixed or --sequential.",
        title="task",
        choices=tuple(catalog.TASKS),
        example="sentiment,topic,names",
    )
    order: str = setting(
        "mixed",
        "--mixed/--sequential",
        "Several tasks: together in every batch, or one after another.",
        choices=ORDERS,
    )
    dataset: str = setting(
        "",
        "--dataset",
        "Content address of a dataset that was uploaded or given with --data before.",
    )
    weights: tuple[float, ...] = setting(
        (),
        "--weights",
        "Mixed tasks: how much of each, in their order; empty takes equal parts.",
        title="weight",
        low=0,
        high=1_000,
        above=True,
        example="2,1,1",
    )
    template: str = setting(
        "", "--template", "Prompt template with {field} placeholders; empty takes the task's own."
    )
    train_examples: int = setting(
        0,
        "--train-examples",
        "Use only the first n training examples after the seeded shuffle; 0 takes all.",
        low=0,
        high=100_000,
    )
    validation_share: float = setting(
        0.1,
        "--validation-share",
        "Share of the training pairs kept out of training to watch the validation loss.",
        low=0,
        high=0.5,
    )

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks trained on, `task` first."""
        return (self.task, *self.others)

    def __post_init__(self) -> None:
        check_settings(self)
        if (self.task == catalog.CUSTOM_TASK) != bool(self.dataset):
            raise UserError('An uploaded dataset goes with the task "custom", and only with it.')
        if len(set(self.tasks)) < len(self.tasks):
            raise UserError("Name each task to train on only once.")
        if self.others and (self.task == catalog.CUSTOM_TASK or self.template):
            raise UserError("Your own pairs or template go with one task only.")
        if self.weights and (len(self.weights) != len(self.tasks) or self.order != "mixed"):
            raise UserError(
                "Weights are for mixed tasks, one for each: "
                f"{len(self.tasks)} tasks, {len(self.weights)} weights."
            )
        if self.template and not re.search(r"\{\w+\}", self.template):
            raise UserError("The template needs at least one {field}, for example {text}.")
