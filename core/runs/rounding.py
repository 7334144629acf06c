"""A prepared model beside the original that its weights were rounded from: what the rounding changed.

Both are computed in float32, so that only their weights differ. Needs torch.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from core import catalog
from core.data.examples import task_examples
from core.data.test_sets import fixed_set
from core.errors import UserError, quote
from core.evaluate.task import evaluate_task
from core.inspect.logits import all_logits
from core.models import acquire
from core.models.download import Progress
from core.models.layers import layer_of
from core.models.load import LoadedModel, load, load_folder

PROMPTS_PER_TASK = 4


@dataclass(frozen=True, kw_only=True)
class WeightError:
    part: str
    relative_error: float
    """‖W - W₀‖ / ‖W₀‖."""


@dataclass(frozen=True, kw_only=True)
class LogitsBeside:
    """The next-token logits after every token of the app's own test prompts."""

    part: str = "answers"
    n_prompts: int
    n_tokens: int
    largest_logit_difference: float
    same_choice: float
    """Share of the tokens after which both find the same token likeliest."""
    same_first_token: float
    """Of the prompts, by the first token of the answer."""


@dataclass(frozen=True, kw_only=True)
class ScoresBeside:
    part: str = "scores"
    task: str
    n: int
    score: float
    interval: tuple[float, float]
    original_score: float
    original_interval: tuple[float, float]
    score_difference: float
    same_answers: float
    """Share of the test examples that both answer alike."""


def original_folder(name: str, *, on_progress: Callable[[Progress], None]) -> Path:
    """The folder `name`, or that of the hub's repository `name`, fetched where it is not here yet.

    Raises `UserError` for a folder that is no model, and where the hub cannot be reached.
    """
    if name and Path(name).expanduser().is_dir():
        return acquire.prepare(catalog.find_model(name), on_progress=on_progress)
    if name.count("/") != 1:
        raise UserError(
            f"The original {quote(name)} is neither a model folder nor the name of a repository on the hub; "
            "give one with --original."
        )
    size_mb = catalog.MODELS[catalog.DEFAULT_MODEL].parameters * 2 // 10**6
    entry = catalog.ModelEntry(
        id=name.replace("/", "--"), title=name, licence="", parameters=0, download_mb=size_mb, hub=name
    )  # fmt: skip
    return acquire.prepare(entry, on_progress=on_progress)


def compare(
    model: str,
    original: Path,
    *,
    task: str,
    examples: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[WeightError | LogitsBeside | ScoresBeside]:
    """The relative error of each layer's weights and of all; then logits, choices and scores of both."""
    chosen = fixed_set(task_examples(task, "test"), examples)
    ours = load(model, dtype=torch.float32)
    theirs = load_folder(original, id=str(original), dtype=torch.float32)
    errors = weight_errors(ours.model, theirs.model)
    for part, error in errors.items():
        yield WeightError(part=part, relative_error=error)
    theirs = replace(theirs, tokenizer=ours.tokenizer)  # the same prompts, token by token
    yield _logits(ours, theirs)
    scores = [
        evaluate_task(base.model, base, task, chosen, should_stop=should_stop)
        for base in (ours, theirs)
    ]
    (one, answers), (other, other_answers) = scores
    same = sum(a == b for a, b in zip(answers, other_answers, strict=True))
    yield ScoresBeside(
        task=task,
        n=one.n,
        score=one.score,
        interval=one.interval,
        original_score=other.score,
        original_interval=other.interval,
        score_difference=one.score - other.score,
        same_answers=same / one.n,
    )


@torch.no_grad()
def weight_errors(ours: nn.Module, original: nn.Module) -> dict[str, float]:
    """‖W - W₀‖ / ‖W₀‖ of each layer's weights, of those outside the layers, and of all.

    Raises `UserError` for models of other shapes.
    """
    mine, theirs = dict(ours.named_parameters()), dict(original.named_parameters())
    shapes = [{name: p.shape for name, p in found.items()} for found in (mine, theirs)]
    if shapes[0] != shapes[1]:
        raise UserError(
            "The original has other layers than this model; it is not what it was made of."
        )
    squares: dict[str, list[float]] = {}
    for name, w in mine.items():
        layer = layer_of(name)
        w0 = theirs[name].double()
        error, size = float((w.double() - w0).square().sum()), float(w0.square().sum())
        for part in ("all", f"layer {layer}" if layer >= 0 else "embeddings and last norm"):
            found = squares.setdefault(part, [0.0, 0.0])
            found[0] += error
            found[1] += size
    errors = {part: (error / size) ** 0.5 for part, (error, size) in squares.items()}
    return {**{part: e for part, e in errors.items() if part != "all"}, "all": errors["all"]}


def _logits(ours: LoadedModel, original: LoadedModel) -> LogitsBeside:
    largest, same, n, last_same, n_prompts = 0.0, 0, 0, 0, 0
    for task in catalog.TASKS.values():
        for example in fixed_set(task_examples(task.id, "test"), PROMPTS_PER_TASK):
            one, other = (all_logits(m.model, m, [example.prompt]) for m in (ours, original))
            largest = max(largest, (one - other).abs().max().item())
            equal = one.argmax(-1) == other.argmax(-1)
            same, n = same + int(equal.sum()), n + len(equal)
            last_same, n_prompts = last_same + int(equal[-1]), n_prompts + 1
    return LogitsBeside(
        n_prompts=n_prompts,
        n_tokens=n,
        largest_logit_difference=largest,
        same_choice=same / n,
        same_first_token=last_same / n_prompts,
    )
