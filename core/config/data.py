"""What a run trains on."""

import re
from dataclasses import dataclass

from core import catalog
from core.config.checks import check_choice, check_number, check_type
from core.errors import UserError

ORDERS = ("mixed", "sequential")


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
