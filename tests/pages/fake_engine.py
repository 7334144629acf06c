"""An engine without processes, for tests of pages: runs wait in the store, questions are answered at once.

The test decides how a run goes on, by what it writes into the store, as a training worker would.
"""

from collections.abc import Iterator
from typing import Any

from core.config import RunConfig
from core.data.examples import task_examples
from core.errors import UserError
from core.evaluate.examples import judge, labels_of
from core.runs.store import Run, RunStore

MATRIX = [[0.5, -0.25], [0.0, 1.0]]
MERGED = {
    "dtype": "float32",
    "largest_merged_difference": 1e-5,
    "largest_unmerged_difference": 1e-6,
    "largest_weight_error": 1e-7,
    "relative_weight_error": 1e-8,
    "same_choice": 1.0,
}
ANSWERS: dict[str, dict[str, Any]] = {
    "generate": {"text": "Tokyo", "n_prompt": 4, "n_tokens": 2, "elapsed_s": 0.1, "ended": True},
    "lora_start": {"a_norm": 3.0, "b_norm": 0.0, "n_logits": 100, "largest_difference": 0.0},
    "matrices": {"A": MATRIX, "B": MATRIX, "BA": MATRIX, "rank": 8, "shape": [576, 576]},
    "spectrum": {
        "singular_values": [2.0, 1.0],
        "energy": [0.8, 1.0],
        "effective_rank": 1.7,
        "shape": [576, 576],
    },
    "merge": {"rows": [MERGED], "words": "Taken out again, the weights are the base's."},
    "take_away": {
        "rows": [{"prompt": "Hello", "base": "Hi", "with": "positive", "without": "Hi"}],
        "equal": True,
        "largest_difference": 0.0,
        "n_logits": 100,
    },
}
"""What each operation of the answering worker says, where it says one thing."""


def rows_of(operation: str, task: str) -> dict[str, Any]:
    """Six examples of a task's test set, all answered right."""
    examples = task_examples(task, "test")[:6]
    labels = labels_of(task, examples)
    rows = [judge(n, e, e.completion, labels).to_dict() for n, e in enumerate(examples, start=1)]
    if operation == "label_probabilities":
        rows = [
            {
                "number": row["number"],
                "reference": row["reference"],
                "probabilities": {label: float(label == row["reference"]) for label in labels},
                "mass": 0.9,
            }
            for row in rows
        ]
    return {"answered": 6, "of": 6, "rows": rows, "max_new_tokens": 8}


class FakeEngine:
    """What pages use of `core.runs.engines.local.LocalEngine`."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.preparations: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        """Every question: operation and arguments."""
        self.error = ""
        """What the worker answers instead, if anything."""

    def submit(self, config: RunConfig) -> Run:
        return self.store.submit(config)

    def cancel(self, run_id: str) -> None:
        self.store.request_stop(run_id)

    def ask(self, operation: str, *, beat: bool = False, **args: Any) -> Iterator[dict[str, Any]]:
        self.asked.append((operation, args))
        if self.error:
            raise UserError(self.error)
        if operation in ("evaluate", "label_probabilities"):
            yield rows_of(operation, args["task"])
        else:
            yield ANSWERS[operation]

    def is_warm(self, role: str) -> bool:
        return True

    def machine(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass
