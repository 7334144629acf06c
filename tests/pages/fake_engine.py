"""An engine without processes, for tests of pages: runs wait in the store, questions are answered at once.

The test decides how a run goes on, by what it writes into the store, as a training worker would.
"""

from collections.abc import Iterator
from typing import Any

from core.answer import Answer
from core.config import RunConfig
from core.data.examples import task_examples
from core.errors import UserError
from core.evaluate.examples import judge, labels_of
from core.evaluate.thresholds import LabelRow
from core.generate.tokens import Token
from core.inspect.results import LoraStart, Matrices, Merged, MergedOnce, Spectrum, TakenAway
from core.probes.battery import battery
from core.runs.engines.preparation import Preparation
from core.runs.messages import (
    Answers,
    AskLabels,
    AskProbes,
    Evaluate,
    Generate,
    Generated,
    LabelProbabilities,
    LookAtMatrices,
    LookAtSpectrum,
    M,
    Merge,
    Probed,
    Request,
    StartLora,
    TakeAway,
)
from core.runs.store import Run, RunStore

MATRIX = [[0.5, -0.25], [0.0, 1.0]]
ONCE = MergedOnce(
    dtype="float32",
    merge_s=0.01,
    unmerge_s=0.01,
    n_logits=100,
    largest_logit=20.0,
    largest_merged_difference=1e-5,
    same_choice=1.0,
    largest_unmerged_difference=1e-6,
    largest_weight_error=1e-7,
    relative_weight_error=1e-8,
)
MERGED = Merged(**vars(ONCE), rows=[ONCE], words="Taken out again, the weights are the base's.")
TOKYO = Token(
    id=1, piece="Tokyo", text="Tokyo", probability=0.9, n_tokens=2, elapsed_s=0.1, ended=True
)
RIGHT = {probe.prompt: next(iter(probe.expects), "a b c d") for probe in battery().probes}
"""To every probe an answer that is right in most skills."""
ANSWERS: dict[type[Request[Any]], Any] = {
    Generate: Generated(n_prompt=4, token=TOKYO),
    StartLora: LoraStart(a_norm=3.0, b_norm=0.0, scaling=1.0, largest_difference=0.0, n_logits=100),
    LookAtMatrices: Matrices(
        A=MATRIX,
        B=MATRIX,
        BA=MATRIX,
        W=MATRIX,
        scaling=1.0,
        shape=[576, 576],
        rank=8,
        modules={"q_proj": [7, 29]},
    ),
    LookAtSpectrum: Spectrum(
        singular_values=[2.0, 1.0],
        energy=[0.8, 1.0],
        effective_rank=1.7,
        control_values=[1.6, 1.5],
        control_rank=2.0,
        relative=0.01,
        shape=[576, 576],
    ),
    Merge: MERGED,
    AskProbes: Probed(
        before=[Answer(RIGHT[prompt], was_cut=False) for prompt, _ in battery().prompts],
        after=[Answer("positive", was_cut=False) for _ in battery().prompts],
    ),
    TakeAway: TakenAway(
        rows=[{"prompt": "Hello", "base": "Hi", "with": "positive", "without": "Hi"}],
        equal=True,
        largest_difference=0.0,
        n_logits=100,
    ),
}
"""What the answering worker says to each request, where it says one thing."""


def rows_of(request: Evaluate | AskLabels) -> Answers | LabelProbabilities:
    """Six examples of a task's test set, all answered right."""
    task = request.on.task
    examples = task_examples(task, "test")[:6]
    labels = labels_of(task, examples)
    if isinstance(request, Evaluate):
        rows = [judge(n, e, e.completion, labels) for n, e in enumerate(examples, start=1)]
        return Answers(answered=6, of=6, rows=rows, max_new_tokens=8)
    found = [
        LabelRow(
            number=n,
            reference=e.completion.strip(),
            probabilities={label: float(label == e.completion.strip()) for label in labels},
            mass=0.9,
        )
        for n, e in enumerate(examples, start=1)
    ]
    return LabelProbabilities(answered=6, of=6, rows=found)


class FakeEngine:
    """What pages use of `core.runs.engines.local.LocalEngine`."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.preparations: dict[str, Preparation] = {}
        self.asked: list[Any] = []
        """Every request."""
        self.error = ""
        """What the worker answers instead, if anything."""

    def submit(self, config: RunConfig, *, store: RunStore | None = None) -> Run:
        return (store or self.store).submit(config)

    def resume(self, run_id: str, *, store: RunStore | None = None) -> Run:
        return (store or self.store).resume(run_id)

    def cancel(self, run_id: str) -> bool:
        return self.store.request_stop(run_id)

    def ask(self, request: Request[M], *, beat: bool = False) -> Iterator[M]:
        self.asked.append(request)
        if self.error:
            raise UserError(self.error)
        answer: Any = (
            rows_of(request)
            if isinstance(request, Evaluate | AskLabels)
            else ANSWERS[type(request)]
        )
        yield answer

    def prepare(self, model: str) -> None:
        self.preparations[model] = Preparation(model, running=True, message="Starting")

    def is_warm(self, role: str) -> bool:
        return True

    def machine(self) -> None:
        """Nothing measured."""

    def close(self) -> None:
        pass
