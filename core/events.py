"""What a training run says while it runs. `train` yields these; the store keeps them as JSON."""

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Event:
    type: ClassVar[str] = "event"

    def to_dict(self) -> dict[str, Any]:
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
class Evaluation(Event):
    type: ClassVar[str] = "evaluation"
    step: int
    task: str
    n: int
    score: float
    """The task's own main metric, named in `metric`."""
    metric: str
    exact_match: float
    contains: float
    precision: float
    """Unigram overlap with the reference, mean over examples; recall and f1 likewise."""
    recall: float
    f1: float
    interval: tuple[float, float]
    """95 % interval of `score`: Wilson's for a share, the normal one for a mean F1."""
    answered_with_sentiment: float | None
    """Share of answers that begin with a sentiment label; None for the sentiment task itself."""
    classification: dict[str, Any] | None
    """Per-class and macro figures and the confusion matrix, where the task has labels."""
    elapsed_s: float
    """Time to answer; where several tasks are answered together, the time of all."""
    intervals: dict[str, tuple[float, float]] = field(
        default_factory=dict[str, tuple[float, float]]
    )
    """95 % intervals of `precision`, `recall` and `f1`."""
    n_cut: int = 0
    """Answers that the length limit ended, not the model."""
    max_new_tokens: int = 0
    """That limit, in tokens; 0 in records of before it was kept."""


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
class NextTokens(Event):
    """What could come next after a watched prompt: likely tokens, and those watched from the start."""

    type: ClassVar[str] = "next_tokens"
    step: int
    prompt: str
    rows: list[dict[str, Any]]
    """{"token", "probability"}, likeliest first."""


@dataclass(frozen=True, kw_only=True)
class Movement(Event):
    type: ClassVar[str] = "movement"
    step: int
    rows: list[dict[str, Any]]
    """{"layer", "module", "relative"}: how far each matrix has moved from the start."""


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
class VocabularyMap(Event):
    """A fixed plane of the embedding space, with the task's words on it."""

    type: ClassVar[str] = "vocabulary_map"
    step: int
    words: list[dict[str, Any]]
    """{"token", "x", "y"}"""
    explained: tuple[float, float]
    """Share of the words' variance along each axis."""


@dataclass(frozen=True, kw_only=True)
class VirtualTokens(Event):
    """Where a soft prompt's virtual tokens are on the plane of `VocabularyMap`."""

    type: ClassVar[str] = "virtual_tokens"
    step: int
    tokens: list[dict[str, Any]]
    """{"x", "y", "norm", "nearest": [{"token", "cosine"}]}, nearest words of the vocabulary first."""


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
