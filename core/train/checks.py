"""What is measured while training: validation loss, scores on test examples, answers, movement."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import nn

from core import catalog
from core.config import RunConfig
from core.data.encode import Encoded
from core.data.examples import Example
from core.data.test_sets import fixed_set
from core.errors import Stopped
from core.evaluate.examples import labels_of
from core.evaluate.label_likelihood import likeliest_labels
from core.evaluate.limits import FREE_TOKENS
from core.evaluate.task import limit_of, questions_of, score
from core.events import (
    Evaluation,
    Event,
    Movement,
    NextTokens,
    Sample,
    TokenProbability,
    Validation,
)
from core.generate.batch import answers_of, ask
from core.generate.questions import Question, Reply
from core.inspect.movement import movement
from core.methods.sharing import in_dtype
from core.models.load import LoadedModel, NextChoices
from core.models.precision import autocast
from core.models.trie import build, mean_loss
from core.train.plan import Plan

FREE = ""
"""The task of a prompt that belongs to none."""
Replies = dict[tuple[str, str], Reply]
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

        At step 0 the base model is asked; its answers are remembered for the next run. What begins with tuned weights
        is asked itself.
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
        if step == 0 and not self.config.start_from:
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
        labels = {task: labels_of(task, examples) for task, examples in sets.items()}
        free = self.next_tokens.questions(model, limit=FREE_TOKENS)
        replies = self._ask(model, shown, labels, free)
        yield from self._samples(replies, step)
        others = {
            task: [e for e in examples if (task, e.prompt) not in replies]
            for task, examples in sets.items()
        }
        if any(others.values()):
            for task, examples in shown.items():
                yield self._score(task, examples, replies, step, start).partial(len(sets[task]))
            replies |= self._ask(model, others, labels)
        for task, examples in sets.items():
            yield self._score(task, examples, replies, step, start, labels[task])
        yield from self.next_tokens(model, step, replies)
        if step and (rows := movement(self.model, self.base.model, norms=self.base.norms)):
            yield Movement(step=step, rows=rows)

    def _ask(
        self,
        model: nn.Module,
        sets: Mapping[str, list[Example]],
        labels: Mapping[str, tuple[str, ...]],
        free: Mapping[str, Question] | None = None,
    ) -> Replies:
        """All together: that is faster."""
        asked = {(FREE, prompt): question for prompt, question in (free or {}).items()}
        for task, examples in sets.items():
            questions = questions_of(
                examples, self.base, limit=self.limits[task], labels=labels[task]
            )
            asked |= {(task, e.prompt): q for e, q in zip(examples, questions, strict=True)}
        found = ask(
            model,
            self.base,
            list(asked.values()),
            guesses=self.guesses if model is not self.base.model else (),
            should_stop=self.should_stop,
        )
        return dict(zip(asked, found, strict=True))

    def _score(
        self,
        task: str,
        examples: list[Example],
        replies: Replies,
        step: int,
        start: float,
        labels: tuple[str, ...] = (),
    ) -> Evaluation:
        found = [replies[task, e.prompt] for e in examples]
        return score(
            task,
            examples,
            answers_of(found),
            step=step,
            elapsed_s=time.perf_counter() - start,
            max_new_tokens=self.limits[task],
            likeliest=likeliest_labels(labels, found),
        )

    def _samples(self, replies: Replies, step: int) -> Iterator[Event]:
        shown = [
            (task, e.prompt, e.completion)
            for task in self.tests
            for e in self.shown_from(task)[: self.config.evaluation.samples]
        ]
        free = [(FREE, prompt, "") for prompt in self.config.evaluation.prompts]
        asked = [*free, *shown]
        answers = answers_of([replies[task, prompt] for task, prompt, _ in asked])
        for (task, prompt, reference), answer in zip(asked, answers, strict=True):
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

    def questions(self, model: nn.Module, *, limit: int) -> dict[str, Question]:
        """What to ask at each prompt: an answer, and the next token's logits where they are not remembered."""
        return {
            prompt: Question(
                prompt=tuple(ids),
                limit=limit,
                wants_next=self._key(ids) not in self._known(model),
            )
            for prompt in self.prompts
            if (ids := self.base.tokenizer.ask(prompt))
        }

    def __call__(self, model: nn.Module, step: int, replies: Replies) -> Iterator[Event]:
        for prompt in self.prompts:
            first, found = self._choices(model, prompt, replies[FREE, prompt].next_logits)
            first = self.first_choice.setdefault(prompt, first)
            pieces = self.base.tokenizer.pieces([i for i, _ in found])
            rows = [
                TokenProbability(token=piece, probability=probability, first=i == first)
                for (i, probability), piece in zip(found, pieces, strict=True)
            ]
            yield NextTokens(step=step, prompt=prompt, rows=rows)

    def _known(self, model: nn.Module) -> dict[tuple[int, ...], NextChoices]:
        """What is remembered: what the base model says, in `base.next_tokens`."""
        return self.base.next_tokens if model is self.base.model else {}

    def _key(self, ids: Sequence[int]) -> tuple[int, ...]:
        return (*ids, -1, *self.labels)

    def _choices(self, model: nn.Module, prompt: str, logits: torch.Tensor | None) -> NextChoices:
        """From logits that were asked for, or remembered."""
        known, key = self._known(model), self._key(self.base.tokenizer.ask(prompt))
        if logits is not None:
            known[key] = self._choice(logits, prompt)
        return known[key]

    def _choice(self, logits: torch.Tensor, prompt: str) -> NextChoices:
        probabilities = logits.softmax(-1)
        likely: list[int] = probabilities.topk(TOP).indices.tolist()
        first = self.first_choice.get(prompt, likely[0])
        shown = sorted({*likely, first, *self.labels}, key=lambda i: -float(probabilities[i]))
        return likely[0], tuple((i, float(probabilities[i])) for i in shown)
