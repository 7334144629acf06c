"""What the doctor looks at: a run's settings, its events and its pairs, and figures that several causes need.

Losses of single batches are noisy, so a training loss is always a median over some steps. The validation loss
is of the same pairs at every check and is taken where it was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from statistics import median

from core import catalog
from core.config import METHODS, RunConfig
from core.data import uploads
from core.data.example import Example, Record
from core.data.examples import Splits
from core.data.run_data import own_splits
from core.errors import UserError
from core.events import Evaluation, Event, Failed, Phase, Started, Step, Validation

FIRST_STEPS = 3
"""So many losses at the start are those of the base model, or nearly: the rate is still warming up."""


@dataclass(frozen=True)
class Case:
    config: RunConfig
    events: Sequence[Event]
    data: Splits | None = None
    """Pairs of the task trained on; None where they are no longer here."""
    records: Sequence[Record] = ()
    """Of a file of one's own, as it was given: with its duplicates."""

    @classmethod
    def of(cls, config: RunConfig, events: Sequence[Event]) -> "Case":
        """A case with its pairs, as far as they can be read."""
        try:
            data = own_splits(config, config.data.task)
            is_own = config.data.task == catalog.CUSTOM_TASK
            records = uploads.load(config.data.dataset) if is_own else []
        except UserError:
            return cls(config, events)
        return cls(config, events, data, records)

    @property
    def task(self) -> str:
        return self.config.data.task

    @property
    def usual_rate(self) -> float:
        """What the method starts with when nobody names a rate."""
        return METHODS[self.config.method.name].learning_rate

    @cached_property
    def failure(self) -> str:
        return next((e.reason for e in self.events if isinstance(e, Failed)), "")

    @cached_property
    def started(self) -> Started | None:
        return next((e for e in self.events if isinstance(e, Started)), None)

    @cached_property
    def steps(self) -> list[Step]:
        """Of a sequence of tasks, those of its last stage: each stage begins with a high loss."""
        phases = [e for e in self.events if isinstance(e, Phase)]
        first = phases[-1].first_step if phases else 0
        return [e for e in self.events if isinstance(e, Step) and e.step >= first]

    @cached_property
    def losses(self) -> list[float]:
        return [e.loss for e in self.steps if isfinite(e.loss)]

    @cached_property
    def start_loss(self) -> float | None:
        """Median training loss of the first steps; None with too few steps to say anything."""
        return median(self.losses[:FIRST_STEPS]) if len(self.losses) > 2 * FIRST_STEPS else None

    @cached_property
    def base_loss(self) -> float | None:
        """Loss before training, or nearly: that of the first steps or of the base on the validation pairs, whichever
        is higher, as with a high rate the first steps fall already."""
        if self.start_loss is None or self.config.data.order == "sequential":
            return self.start_loss
        first = [e.loss for e in self.validations[:1] if e.step == 0]
        return max(self.start_loss, *first) if first else self.start_loss

    @cached_property
    def end_loss(self) -> float | None:
        """Median training loss of the last fifth, at least of three steps."""
        n = max(FIRST_STEPS, len(self.losses) // 5)
        return median(self.losses[-n:]) if self.start_loss is not None else None

    @cached_property
    def validations(self) -> list[Validation]:
        return [e for e in self.events if isinstance(e, Validation) and isfinite(e.loss)]

    @cached_property
    def progress(self) -> float | None:
        """By which share the loss fell: that of the validation pairs, else of the training batches."""
        ends = (self.validations[0].loss, self.validations[-1].loss) if self.validations else ()
        is_measured = len(self.validations) > 1 and self.validations[-1].step > 0
        is_measured = is_measured and self.config.data.order != "sequential"
        first, last = ends if is_measured and ends else (self.start_loss, self.end_loss)
        return 1 - last / first if first and last is not None else None

    @cached_property
    def epochs(self) -> float:
        """How often each training pair was seen."""
        n = self.started.n_train if self.started else 0
        return len(self.steps) * self.config.optimizer.batch_size / n if n else 0.0

    def first(self, task: str) -> Evaluation | None:
        """The base model's score on a task."""
        return next((e for e in self._scores(task) if e.step == 0), None)

    def last(self, task: str) -> Evaluation | None:
        """The score at the last check after training began."""
        return next((e for e in reversed(self._scores(task)) if e.step > 0), None)

    def _scores(self, task: str) -> list[Evaluation]:
        return [e for e in self.events if isinstance(e, Evaluation) and e.task == task]

    @cached_property
    def has_labels(self) -> bool:
        """Whether the task's answers are labels."""
        last = self.last(self.task) or self.first(self.task)
        return bool(last and last.classification)

    def prompts(self, part: str) -> list[Example]:
        """The pairs of "train" or "test"; [] where they are not here."""
        return getattr(self.data, part) if self.data else []
