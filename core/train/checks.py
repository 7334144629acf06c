"""What is measured while training: validation loss, scores on test examples, answers, movement."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import nn

from core import catalog
from core.answer import Answer
from core.config import RunConfig
from core.data.encode import Encoded
from core.data.examples import Example
from core.data.test_sets import fixed_set
from core.errors import Stopped
from core.evaluate.task import answer_tasks, likeliest_labels, limit_of, score
from core.events import (
    Evaluation,
    Event,
    Movement,
    NextTokens,
    Sample,
    TokenProbability,
    Validation,
)
from core.generate.batch import logits_after
from core.inspect.movement import movement
from core.methods.sharing import in_dtype
from core.models.load import LoadedModel, NextChoices
from core.models.precision import autocast
from core.models.trie import build, mean_loss
from core.train.plan import Plan

FREE = ""
"""The task of a prompt that belongs to none."""
Answers = dict[tuple[str, str], Answer]
"""By task and prompt."""
MOST_GUESSED = 20
"""Tokens of all labels of a task together: four labels have some ten, and are read with every prompt."""
TOP = 8
"""Likeliest next tokens shown for a watched prompt."""


def validation_loss(model: nn.Module, pairs: list[Encoded], base: LoadedModel) -> float:
    """Mean loss per completion token over `pairs`; the base model's is remembered in `base.losses`."""
    if model is not base.model:
        return _validation_loss(model, pairs, base)
    ids = json.dumps([(pair.prompt_ids, pair.completion_ids) for pair in pairs])
    name = hashlib.sha256(ids.encode()).hexdigest()
    if name not in base.losses:
        base.losses[name] = _validation_loss(model, pairs, base)
    return base.losses[name]


@torch.no_grad()
def _validation_loss(model: nn.Module, pairs: list[Encoded], base: LoadedModel) -> float:
    """Computed in tries of 16."""
    total, count = 0.0, 0
    for start in range(0, len(pairs), 16):
        batch = build(pairs[start : start + 16]).to(base.device)
        n = int(batch.counts.sum())
        with autocast(base.device, base.dtype):
            total += mean_loss(model, batch).item() * n
        count += n
    return total / count


class Checks:
    """What is measured while training: validation loss, scores on test examples, sample answers."""

    def __init__(
        self,
        config: RunConfig,
        base: LoadedModel,
        model: nn.Module,
        plan: Plan,
        should_stop: Callable[[], bool],
    ) -> None:
        self.config, self.base, self.model, self.should_stop = config, base, model, should_stop
        self.watched = plan.validation
        limit = config.evaluation.final_examples
        self.tests = {task: fixed_set(e, limit) for task, e in plan.tests.items()}
        longest = config.evaluation.max_new_tokens
        self.limits = {
            task: limit_of(task, examples, base, wanted=longest)
            for task, examples in self.tests.items()
        }
        self.guesses = likely_answers(plan)
        self.next_tokens = NextTokenWatch(config, base)
        self.best = math.inf
        self.n_without_better = 0

    @property
    def is_exhausted(self) -> bool:
        """The validation loss has not got better for `patience` checks."""
        patience = self.config.optimizer.patience
        return bool(patience) and self.n_without_better >= patience

    @property
    def why_exhausted(self) -> str:
        return f"Stopped early: no better validation loss in {self.n_without_better} checks."

    def __call__(self, step: int, *, last: bool = False) -> Iterator[Event]:
        """Some test examples while training; before and after it all, the same ones.

        At step 0 the base model is asked; its answers are remembered for the next run.
        """
        if self.should_stop():
            raise Stopped
        model = self._to_ask(step)
        if self.watched:
            loss = validation_loss(model, self.watched, self.base)
            self.n_without_better = 0 if loss < self.best else self.n_without_better + 1
            self.best = min(self.best, loss)
            yield Validation(step=step, loss=loss, n=len(self.watched))
        yield from self._measure(model, step, last)

    def _to_ask(self, step: int) -> nn.Module:
        """The model as it will answer once it is saved and loaded: in the base's precision."""
        if step == 0:
            return self.base.model
        self.model.eval()
        if hasattr(self.model, "peft_config"):
            return self.model
        return in_dtype(self.model, self.base.dtype)

    def _measure(self, model: nn.Module, step: int, last: bool) -> Iterator[Event]:
        """The watched prompts and what every check asks come first, before and after it all the other examples."""
        start = time.perf_counter()
        shown = {task: self.shown_from(task) for task in self.tests}
        sets = self.tests if last or step == 0 else shown
        answers = self._answers(model, shown, self.config.evaluation.prompts)
        yield from self._samples(answers, step)
        others = {
            task: [e for e in examples if (task, e.prompt) not in answers]
            for task, examples in sets.items()
        }
        if any(others.values()):
            for task, examples in shown.items():
                yield self._score(task, examples, answers, step, start).partial(len(sets[task]))
            answers |= self._answers(model, others)
        for task, examples in sets.items():
            likeliest = likeliest_labels(
                model, self.base, task, examples, should_stop=self.should_stop
            )
            yield self._score(task, examples, answers, step, start, likeliest)
        yield from self.next_tokens(model, step)
        if step and (rows := movement(self.model, self.base.model, norms=self.base.norms)):
            yield Movement(step=step, rows=rows)

    def _answers(
        self, model: nn.Module, sets: Mapping[str, list[Example]], free: Sequence[str] = ()
    ) -> Answers:
        prompts = {task: [e.prompt for e in examples] for task, examples in sets.items()}
        prompts[FREE] = list(free)
        found = answer_tasks(
            model,
            self.base,
            prompts,
            limits=self.limits,
            guesses=self.guesses if model is not self.base.model else (),
            should_stop=self.should_stop,
        )
        return {
            (task, prompt): answer
            for task, asked in prompts.items()
            for prompt, answer in zip(asked, found[task], strict=True)
        }

    def _score(
        self,
        task: str,
        examples: list[Example],
        answers: Answers,
        step: int,
        start: float,
        likeliest: Sequence[str] = (),
    ) -> Evaluation:
        return score(
            task,
            examples,
            [answers[task, e.prompt] for e in examples],
            step=step,
            elapsed_s=time.perf_counter() - start,
            max_new_tokens=self.limits[task],
            likeliest=likeliest,
        )

    def _samples(self, answers: Answers, step: int) -> Iterator[Event]:
        shown = [
            (task, e.prompt, e.completion)
            for task in self.tests
            for e in self.shown_from(task)[: self.config.evaluation.samples]
        ]
        free = [(FREE, prompt, "") for prompt in self.config.evaluation.prompts]
        for task, prompt, reference in [*free, *shown]:
            answer = answers[task, prompt]
            yield Sample(
                step=step,
                task=task,
                prompt=prompt,
                reference=reference,
                output=answer.text,
                was_cut=answer.was_cut,
            )

    def shown_from(self, task: str) -> list[Example]:
        """Examples that every check answers: the samples shown are among them."""
        return self.tests[task][: self.config.evaluation.examples]


def likely_answers(plan: Plan) -> list[list[int]]:
    """What a model learns to answer, where that is a few short labels (token ids with the end)."""
    found: set[tuple[int, ...]] = set()
    for stage in plan.stages:
        for pool in stage.pools:
            distinct = {tuple(pair.completion_ids) for pair in pool}
            if sum(map(len, distinct)) <= MOST_GUESSED:
                found |= distinct
    return [list(ids) for ids in sorted(found)]


class NextTokenWatch:
    """The probabilities of the next token after free prompts, check by check.

    Shown are the likeliest tokens, and always the base's first choice and the first tokens of the
    trained task's labels: one is seen to fall while the others rise.
    """

    def __init__(self, config: RunConfig, base: LoadedModel) -> None:
        self.prompts, self.base = config.evaluation.prompts, base
        known = catalog.TASKS.get(config.data.task)
        labels = known.labels if known else ()
        self.labels = [base.tokenizer.encode(label)[0] for label in labels]
        self.first_choice: dict[str, int] = {}

    def __call__(self, model: nn.Module, step: int) -> Iterator[Event]:
        tokenizer = self.base.tokenizer
        for prompt, (first, found) in zip(self.prompts, self._choices(model), strict=True):
            first = self.first_choice.setdefault(prompt, first)
            pieces = tokenizer.pieces([i for i, _ in found])
            rows = [
                TokenProbability(token=piece, probability=probability, first=i == first)
                for (i, probability), piece in zip(found, pieces, strict=True)
            ]
            yield NextTokens(step=step, prompt=prompt, rows=rows)

    def _choices(self, model: nn.Module) -> list[NextChoices]:
        """Of each prompt; the base model's are remembered in `base.next_tokens`."""
        asked = [self.base.tokenizer.ask(prompt) for prompt in self.prompts]
        keys = [(*ids, -1, *self.labels) for ids in asked]
        known = self.base.next_tokens if model is self.base.model else {}
        new = [i for i, key in enumerate(keys) if key not in known]
        if new:
            logits = logits_after(model, self.base, [asked[i] for i in new])
            for i, found in zip(new, logits, strict=True):
                known[keys[i]] = self._choice(found, self.prompts[i])
        return [known[key] for key in keys]

    def _choice(self, logits: torch.Tensor, prompt: str) -> NextChoices:
        probabilities = logits.softmax(-1)
        likely: list[int] = probabilities.topk(TOP).indices.tolist()
        first = self.first_choice.get(prompt, likely[0])
        shown = sorted({*likely, first, *self.labels}, key=lambda i: -float(probabilities[i]))
        return likely[0], tuple((i, float(probabilities[i])) for i in shown)
