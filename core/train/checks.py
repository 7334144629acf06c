"""What is measured while training: validation loss, scores on test examples, answers, movement."""

import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn

from core import catalog
from core.answer import Answer
from core.config import RunConfig
from core.data.encode import Encoded
from core.data.examples import Example
from core.errors import Stopped
from core.evaluate.task import answer_tasks, limit_of, score
from core.events import Event, Movement, NextTokens, Sample, TokenProbability, Validation
from core.generate.stream import next_logits
from core.inspect.movement import movement
from core.methods.sharing import in_dtype
from core.models.load import LoadedModel
from core.models.precision import autocast
from core.models.trie import build, mean_loss
from core.train.plan import Plan

FREE = ""
"""The task of a prompt that belongs to none."""
TOP = 8
"""Likeliest next tokens shown for a watched prompt."""


@torch.no_grad()
def validation_loss(model: nn.Module, pairs: list[Encoded], base: LoadedModel) -> float:
    """Mean loss per completion token over `pairs`, computed in tries of 16."""
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
        self.tests = {task: spread(e, limit or len(e)) for task, e in plan.tests.items()}
        longest = config.evaluation.max_new_tokens
        self.limits = {
            task: limit_of(task, examples, base, wanted=longest)
            for task, examples in self.tests.items()
        }
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
        """Some test examples while training, all of them at the last step.

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
        start = time.perf_counter()
        sets = {
            task: spread(examples, len(examples) if last else self.config.evaluation.examples)
            for task, examples in self.tests.items()
        }
        prompts = {task: [e.prompt for e in examples] for task, examples in sets.items()}
        free = self.config.evaluation.prompts
        answers = answer_tasks(
            model,
            self.base,
            {**prompts, FREE: free},
            limits=self.limits,
            should_stop=self.should_stop,
        )
        elapsed_s = time.perf_counter() - start
        for task, examples in sets.items():
            yield score(
                task,
                examples,
                answers[task],
                step=step,
                elapsed_s=elapsed_s,
                max_new_tokens=self.limits[task],
            )
            yield from self._samples(task, examples, answers[task], step)
        for prompt, answer in zip(free, answers[FREE], strict=True):
            yield Sample(
                step=step,
                task=FREE,
                prompt=prompt,
                reference="",
                output=answer.text,
                was_cut=answer.was_cut,
            )
        yield from self.next_tokens(model, step)
        if step and (rows := movement(self.model, self.base.model)):
            yield Movement(step=step, rows=rows)

    def _samples(
        self, task: str, examples: list[Example], answers: list[Answer], step: int
    ) -> Iterator[Event]:
        shown = {e.prompt for e in spread(self.shown_from(task), self.config.evaluation.samples)}
        for example, answer in zip(examples, answers, strict=True):
            if example.prompt in shown:
                yield Sample(
                    step=step,
                    task=task,
                    prompt=example.prompt,
                    reference=example.completion,
                    output=answer.text,
                    was_cut=answer.was_cut,
                )

    def shown_from(self, task: str) -> list[Example]:
        """Examples that every check answers: the samples shown are among them."""
        return spread(self.tests[task], self.config.evaluation.examples)


def spread(examples: list[Example], n: int) -> list[Example]:
    """`n` examples spread evenly over the list, always the same ones."""
    if n >= len(examples):
        return examples
    return [examples[i * len(examples) // n] for i in range(n)]


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
        for prompt in self.prompts:
            logits = next_logits(model, self.base, tokenizer.ask(prompt))
            probabilities = logits.softmax(-1)
            likely = probabilities.topk(TOP).indices.tolist()
            first = self.first_choice.setdefault(prompt, likely[0])
            shown = sorted({*likely, first, *self.labels}, key=lambda i: -float(probabilities[i]))
            rows = [
                TokenProbability(token=piece, probability=float(probabilities[i]), first=i == first)
                for i, piece in zip(shown, tokenizer.pieces(shown), strict=True)
            ]
            yield NextTokens(step=step, prompt=prompt, rows=rows)
