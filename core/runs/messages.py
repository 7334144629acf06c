"""What the answering worker is asked, and what it answers, message by message. Imports no torch.

    for message in engine.ask(Generate(model=…, text="Hi")):   # each is a `Generated`
        print(message.token.text)

A `Request[M]` is answered with messages of type M: one for most, a stream for those that take long. Both
go through the worker's pipe as JSON lines, and only there: pages and the session see these classes.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Generic, TypeVar, get_args

from core.answer import Answer
from core.config import RunConfig
from core.errors import UserError, quote
from core.evaluate.examples import Judged
from core.evaluate.thresholds import LabelRow
from core.events import Evaluation
from core.generate.settings import SamplingSettings
from core.generate.tokens import NextToken, Token
from core.inspect.results import LoraStart, Matrices, Merged, Spectrum, TakenAway
from core.runs.prompt_evaluation import Measured, PromptEvaluation
from core.train.ablations import TimedStep
from core.train.phases import (
    MarkedToken,
    Phase,
)
from core.typed_json import Json, read

M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)


class Request(Generic[M_co]):
    """One operation of `InferenceSession` with its arguments."""

    operation: ClassVar[str]
    """The name of the session's method."""
    answers: ClassVar[dict[str, type]]
    """The classes of its messages by their names."""

    def __init_subclass__(cls) -> None:
        (answer,) = get_args(getattr(cls, "__orig_bases__")[0])  # noqa: B009  (unknown to pyright)
        cls.answers = {kind.__name__: kind for kind in get_args(answer) or (answer,)}


# What is answered


@dataclass(frozen=True, kw_only=True)
class Warmed:
    device: str
    dtype: str


@dataclass(frozen=True, kw_only=True)
class Generated:
    n_prompt: int
    """Tokens of the prompt."""
    token: Token


@dataclass(frozen=True, kw_only=True)
class NextTokenTable:
    rows: list[NextToken]


@dataclass(frozen=True, kw_only=True)
class PairLosses:
    tokens: list[MarkedToken]


@dataclass(frozen=True, kw_only=True)
class Switched:
    """How long the switch took, and what is in memory."""

    switch_ms: float
    loaded: int
    adapter_bytes: dict[str, int]
    base_bytes: int


@dataclass(frozen=True, kw_only=True)
class TextScore:
    score: float
    interval: tuple[float, float]
    n: int
    n_tokens: int
    """Of the text."""
    n_cut: int
    max_new_tokens: int


@dataclass(frozen=True, kw_only=True)
class Progress:
    answered: int
    of: int


@dataclass(frozen=True, kw_only=True)
class Answers(Progress):
    """Some more answers. Prompts of like length are answered together, so they are in no order."""

    rows: list[Judged]
    max_new_tokens: int


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    evaluation: Evaluation
    n_trained_on: int | None
    """Examples that the run trained on; None where nobody knows."""
    labels: list[str]


@dataclass(frozen=True, kw_only=True)
class LabelProbabilities(Progress):
    rows: list[LabelRow]


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What the base model and a run's model answer to `core.probes.battery`, in the order of its prompts."""

    before: list[Answer]
    after: list[Answer]


# What is asked


@dataclass(frozen=True, kw_only=True)
class Warm(Request[Warmed]):
    operation = "warm"
    model: str


@dataclass(frozen=True, kw_only=True)
class NextTokensAfter(Request[NextTokenTable]):
    """`text` is a prompt; with `raw`, the model reads it as it stands. `forced` tokens stand at the
    answer's beginning (a reader's choice)."""

    operation = "next_tokens"
    model: str
    text: str
    settings: SamplingSettings = field(default_factory=SamplingSettings)
    run: str = ""
    raw: bool = False
    forced: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Generate(Request[Generated]):
    """As `NextTokensAfter`. `scale` is a LoRA run's: how much of its change is used."""

    operation = "generate"
    model: str
    text: str
    settings: SamplingSettings = field(default_factory=SamplingSettings)
    run: str = ""
    raw: bool = False
    forced: tuple[int, ...] = ()
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class StepThrough(Request[Phase]):
    """Results of the phases `known` … `phase` of training, counted from 0."""

    operation = "step_through"
    config: RunConfig
    phase: int
    known: int = 0


@dataclass(frozen=True, kw_only=True)
class Losses(Request[PairLosses]):
    operation = "losses"
    model: str
    prompt: str
    completion: str
    run: str = ""


@dataclass(frozen=True, kw_only=True)
class Switch(Request[Switched | Generated]):
    """Answer with some of the loaded `adapters` (LoRA runs), weighted; with none, as the base."""

    operation = "switch"
    model: str
    adapters: tuple[str, ...]
    active: dict[str, float]
    text: str
    settings: SamplingSettings = field(default_factory=SamplingSettings)


@dataclass(frozen=True, kw_only=True)
class StartLora(Request[LoraStart]):
    operation = "lora_start"
    config: RunConfig


@dataclass(frozen=True, kw_only=True)
class LookAtMatrices(Request[Matrices]):
    operation = "matrices"
    run: str
    layer: int
    module: str


@dataclass(frozen=True, kw_only=True)
class LookAtSpectrum(Request[Spectrum]):
    operation = "spectrum"
    run: str
    layer: int
    module: str


@dataclass(frozen=True, kw_only=True)
class Merge(Request[Merged]):
    operation = "merge"
    run: str
    prompts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TakeAway(Request[TakenAway]):
    operation = "take_away"
    run: str
    prompts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ScoreText(Request[TextScore]):
    """The base model's score on a task with `text` written before every prompt."""

    operation = "score_text"
    model: str
    task: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ModelOnTestSet:
    """A model, or that of a run, on a task's test set, an uploaded one, or with `pairs_of` a run's own."""

    model: str
    task: str
    run: str = ""
    dataset: str = ""
    split: str = "test"
    template: str = ""
    pairs_of: str = ""
    whole: bool = False
    """Of a task of the catalogue all test examples, not those of the final set."""


@dataclass(frozen=True, kw_only=True)
class Evaluate(Request[Answers | Evaluated]):
    operation = "evaluate"
    on: ModelOnTestSet
    max_new_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class AskLabels(Request[LabelProbabilities]):
    operation = "label_probabilities"
    on: ModelOnTestSet


@dataclass(frozen=True, kw_only=True)
class Measure(Request[Progress | Measured]):
    """Score and time one way to do a task; the last message holds the figures, which are kept."""

    operation = "measure"
    wanted: PromptEvaluation


@dataclass(frozen=True, kw_only=True)
class AskProbes(Request[Progress | Probed]):
    """The built-in probes before and after a run's tuning; the last message holds the answers, which are kept."""

    operation = "probe"
    run: str


@dataclass(frozen=True, kw_only=True)
class TimeAblations(Request[TimedStep]):
    operation = "ablations"
    model: str
    task: str
    batch_size: int
    seed: int
    off: tuple[str, ...]
    rounds: int


REQUESTS: dict[str, type[Request[Any]]] = {
    kind.operation: kind
    for kind in (
        Warm,
        NextTokensAfter,
        Generate,
        StepThrough,
        Losses,
        Switch,
        StartLora,
        LookAtMatrices,
        LookAtSpectrum,
        Merge,
        TakeAway,
        ScoreText,
        Evaluate,
        AskLabels,
        Measure,
        AskProbes,
        TimeAblations,
    )
}


# Through the pipe


def request_to_json(request: Request[Any]) -> dict[str, Json]:
    return {"op": request.operation, "args": asdict(request)}  # pyright: ignore[reportArgumentType]


def request_from_json(line: dict[str, Json]) -> Request[Any]:
    """`UserError` for an operation that is not known."""
    kind = REQUESTS.get(str(line["op"]))
    if kind is None:
        raise UserError(f"The worker knows no operation {quote(line['op'])}.")
    return read(kind, line["args"])


def message_to_json(message: Any) -> dict[str, Json]:
    return {"kind": type(message).__name__, "message": asdict(message)}


def message_from_json(request: Request[M], line: dict[str, Json]) -> M:
    return read(request.answers[str(line["kind"])], line["message"])


ELSEWHERE = "trains elsewhere"
"""State of a training worker that waits for that of another server with the same data folder."""
LEAVING = "leaving"
"""State of a worker that ends by itself, between two pieces of work: it begins none any more."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """What a worker measured of its machine once it is warm."""

    device: str
    dtype: str
    gflops: dict[str, float]
