"""What a training run says while it runs.

`train` yields these; the store keeps them as JSON, and `event_from_dict` makes events of it again.
"""

import math
from dataclasses import asdict, dataclass, field
from typing import ClassVar

from core.typed_json import Json, read


@dataclass(frozen=True, kw_only=True)
class Event:
    type: ClassVar[str] = "event"

    def to_dict(self) -> dict[str, Json]:
        return {"type": self.type, **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class Started(Event):
    type: ClassVar[str] = "started"
    run_id: str = ""
    model: str
    method: str
    task: str
    device: str
    dtype: str
    n_train: int
    n_validation: int
    n_test: int
    trainable_params: int
    total_params: int
    path: str = "tree"
    """How the model is computed: on trees of tokens, or "plain": by transformers' own code, padded."""


@dataclass(frozen=True, kw_only=True)
class Step(Event):
    type: ClassVar[str] = "step"
    step: int
    loss: float
    """Mean cross-entropy per completion token, in nats."""
    learning_rate: float
    grad_norm: float
    """Before clipping."""
    examples_per_s: float
    tokens_per_s: float
    """Tokens of the examples, shared ones counted for each example, per second of this step."""
    tokens_computed: int
    """Nodes of the trie: what was really computed."""
    tokens_padded: int
    """What a padded batch would have computed."""
    step_s: float
    elapsed_s: float
    """Time in optimizer steps so far."""
    penalty: float = 0.0
    """What the regularizer added to the loss."""


@dataclass(frozen=True, kw_only=True)
class Phase(Event):
    """With sequential tasks: the next task begins."""

    type: ClassVar[str] = "phase"
    index: int
    task: str
    first_step: int
    last_step: int


@dataclass(frozen=True, kw_only=True)
class Validation(Event):
    type: ClassVar[str] = "validation"
    step: int
    loss: float
    n: int


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    precision: float
    recall: float
    f1: float
    support: int
    """How many references have this label."""


@dataclass(frozen=True, kw_only=True)
class ClassificationReport:
    labels: tuple[str, ...]
    accuracy: float
    per_class: dict[str, ClassScores]
    macro_precision: float
    macro_recall: float
    macro_f1: float
    confusion: list[list[int]]
    """Rows: true label. Columns: the labels in order, then unparsed."""


@dataclass(frozen=True, kw_only=True)
class Evaluation(Event):
    """Scores on a task's test examples. Records that come with the app keep only the main one."""

    type: ClassVar[str] = "evaluation"
    step: int
    task: str
    n: int
    score: float
    """The task's own main metric, named in `metric`."""
    metric: str
    exact_match: float = math.nan
    contains: float = math.nan
    precision: float = math.nan
    """Unigram overlap with the reference, mean over examples; recall and f1 likewise."""
    recall: float = math.nan
    f1: float = math.nan
    interval: tuple[float, float]
    """95 % interval of `score`: Wilson's for a share, the normal one for a mean F1."""
    answered_with_sentiment: float | None = None
    """Share of answers that begin with a sentiment label; None for the sentiment task itself."""
    classification: ClassificationReport | None = None
    """Per-class and macro figures and the confusion matrix, where the task has labels."""
    elapsed_s: float = math.nan
    """Time to answer; where several tasks are answered together, the time of all."""
    intervals: dict[str, tuple[float, float]] = field(
        default_factory=dict[str, tuple[float, float]]
    )
    """95 % intervals of `precision`, `recall` and `f1`; with labels, of `right_form` and `label_accuracy`
    as well (Wilson's)."""
    right_form: float | None = None
    """Share of answers that are exactly one of the labels, right or wrong; None for free text."""
    label_accuracy: float | None = None
    """Share of examples whose right label is the model's likeliest one, whatever it wrote; None for free
    text. See `core.evaluate.label_likelihood`."""
    n_cut: int = 0
    """Answers that the length limit ended, not the model."""
    max_new_tokens: int = 0
    """That limit, in tokens; 0 in records of before it was kept."""

    def partial(self, n_all: int) -> "PartialEvaluation":
        """Its main score, as that of the first examples of `n_all`."""
        return PartialEvaluation(
            step=self.step,
            task=self.task,
            n=self.n,
            n_all=n_all,
            score=self.score,
            metric=self.metric,
            interval=self.interval,
        )


@dataclass(frozen=True, kw_only=True)
class PartialEvaluation(Event):
    """A task's main score on the test examples answered so far, spread evenly over all; the `Evaluation` of
    all of them follows."""

    type: ClassVar[str] = "partial_evaluation"
    step: int
    task: str
    n: int
    n_all: int
    score: float
    metric: str
    interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Sample(Event):
    type: ClassVar[str] = "sample"
    step: int
    task: str
    prompt: str
    reference: str
    output: str
    was_cut: bool = False
    """The length limit ended it, not the model."""


@dataclass(frozen=True, kw_only=True)
class TokenProbability:
    token: str
    probability: float
    first: bool = False
    """The base model's first choice."""


@dataclass(frozen=True, kw_only=True)
class NextTokens(Event):
    """What could come next after a watched prompt: likely tokens, and those watched from the start."""

    type: ClassVar[str] = "next_tokens"
    step: int
    prompt: str
    rows: list[TokenProbability]
    """Likeliest first."""


@dataclass(frozen=True, kw_only=True)
class MatrixMovement:
    """‖W' − W‖ / ‖W‖ (Frobenius) of one matrix."""

    layer: int
    module: str
    relative: float


@dataclass(frozen=True, kw_only=True)
class Movement(Event):
    type: ClassVar[str] = "movement"
    step: int
    rows: list[MatrixMovement]
    """How far each matrix has moved from the start."""


@dataclass(frozen=True, kw_only=True)
class Memory(Event):
    """What the first optimizer step kept in memory, measured from its tensors."""

    type: ClassVar[str] = "memory"
    step: int
    frozen_bytes: int
    """Weights that are not trained; with `trained_bytes`, all of the model."""
    trained_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int
    """What the forward pass kept for the backward pass of a batch of `n_tokens` tree nodes."""
    n_tokens: int


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word's place on the map."""

    token: str
    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class VocabularyMap(Event):
    """A fixed plane of the embedding space, with the task's words on it."""

    type: ClassVar[str] = "vocabulary_map"
    step: int
    words: list[Word]
    explained: tuple[float, float]
    """Share of the words' variance along each axis."""


@dataclass(frozen=True, kw_only=True)
class NearWord:
    token: str
    cosine: float


@dataclass(frozen=True, kw_only=True)
class VirtualToken:
    x: float
    y: float
    norm: float
    nearest: list[NearWord]
    """Words of the vocabulary, the nearest first."""


@dataclass(frozen=True, kw_only=True)
class VirtualTokens(Event):
    """Where a soft prompt's virtual tokens are on the plane of `VocabularyMap`."""

    type: ClassVar[str] = "virtual_tokens"
    step: int
    tokens: list[VirtualToken]


@dataclass(frozen=True, kw_only=True)
class Notice(Event):
    """Something the reader should know, e.g. that training stopped early and why."""

    type: ClassVar[str] = "notice"
    step: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    type: ClassVar[str] = "finished"
    run_id: str = ""
    steps: int
    stopped_early: bool
    trainable_params: int
    total_params: int
    peak_memory_mb: float
    """Largest resident memory of the training process so far."""
    elapsed_s: float
    train_s: float
    """Time in optimizer steps alone."""
    examples_seen: int = 0
    """In all batches together: with few steps, fewer than there are to train on; 0 in older records."""


@dataclass(frozen=True, kw_only=True)
class Stopped(Event):
    """Someone asked the run to stop."""

    type: ClassVar[str] = "stopped"
    run_id: str
    n_events: int = 0
    """How many of the events before this one count for a run that goes on from here: a check that was cut off is made
    again. 0 where there is nothing to go on from (core/runs/unfinished.py)."""


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    type: ClassVar[str] = "failed"
    run_id: str
    reason: str
    """A sentence for a person."""


@dataclass(frozen=True, kw_only=True)
class Unknown(Event):
    """What another version of the app recorded, and this one cannot read."""

    type: ClassVar[str] = "unknown"
    message: dict[str, Json]

    def to_dict(self) -> dict[str, Json]:
        return self.message


EVENTS: dict[str, type[Event]] = {
    kind.type: kind
    for kind in (
        Started,
        Step,
        Phase,
        Validation,
        Evaluation,
        PartialEvaluation,
        Sample,
        NextTokens,
        Movement,
        Memory,
        VocabularyMap,
        VirtualTokens,
        Notice,
        Finished,
        Stopped,
        Failed,
    )
}


def event_from_dict(message: dict[str, Json]) -> Event:
    """The event that `to_dict` wrote; `Unknown` for one that this version does not know."""
    kind = EVENTS.get(str(message.get("type")))
    try:
        return read(kind, message) if kind else Unknown(message=message)
    except ValueError:  # a field is missing or has another type by now
        return Unknown(message=message)
