"""Many questions at once: greedy answers, probabilities of labels, next tokens. Needs torch.

The prompts of a group are read as one tree, so that what they begin with alike (system prompt, instruction)
is computed once and nothing is padded (core/generate/answerer.py). The answers are those of one-by-one greedy
decoding (tests/core/generate/test_batch.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil

import torch
from torch import nn

from core.answer import Answer
from core.generate.answerer import Answerer
from core.generate.questions import Question, Reply, groups
from core.models.load import LoadedModel
from core.models.plain import can_pad
from core.models.precision import autocast
from core.models.structure import is_plain

PROMPTS_AT_ONCE = 64
"""On two cores 160 reviews took 5.0 s in groups of 16 and 5.5 s of 64 (short answers); 110 questions
with answers of 20 tokens took 21 s in groups of 16, 13 s of 32 and 11 s of 64."""


def ask(
    model: nn.Module,
    base: LoadedModel,
    questions: Sequence[Question],
    *,
    guesses: Sequence[Sequence[int]] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Reply]:
    """What `model` replies to each question.

    `guesses` are answers (token ids with the end) that a model tuned on a few labels is likely to give: they
    are read along with the prompts, which is faster than to compute them token by token, and change no answer
    (speculative decoding). What the base model answers and how probable it finds labels is remembered in
    `base.answers` and `base.label_logs`, as it never changes. Raises `Stopped` between two tokens when
    `should_stop` says so.
    """
    is_base = model is base.model
    answers = base.answers if is_base else {}
    logs = base.label_logs if is_base else {}
    next_logits = dict[tuple[int, ...], torch.Tensor]()

    def unknown(question: Question) -> Question:
        has_answer = (question.limit, *question.prompt) in answers
        has_logs = (question.labels, question.prompt) in logs
        return replace(
            question,
            limit=0 if has_answer else question.limit,
            labels=() if has_logs else question.labels,
        )

    new = {left for question in questions if (left := unknown(question)).wants_anything}
    if new:
        order = sorted(new, key=lambda q: (len(q.prompt), q.limit, q.prompt, q.labels))
        n_groups = ceil(len(order) / PROMPTS_AT_ONCE)
        size = 1 if is_plain(model) and not can_pad(model) else ceil(len(order) / n_groups)
        # One autocast around all: float32 weights are then cast once, not for every token.
        with autocast(base.device, base.dtype):
            answerer = Answerer(model, base, guesses, should_stop)
            for group in groups(order, size):
                for question, reply in zip(group, answerer.reply(group), strict=True):
                    if reply.answer is not None:
                        answers[question.limit, *question.prompt] = reply.answer
                    if reply.label_logs:
                        logs[question.labels, question.prompt] = reply.label_logs
                    if reply.next_logits is not None:
                        next_logits[question.prompt] = reply.next_logits
    return [
        Reply(
            answer=answers.get((question.limit, *question.prompt)),
            label_logs=logs.get((question.labels, question.prompt), ()),
            next_logits=next_logits.get(question.prompt),
        )
        for question in questions
    ]


def answer_greedily(
    model: nn.Module,
    base: LoadedModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int | Sequence[int],
    guesses: Sequence[Sequence[int]] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Answer]:
    """The greedy answer to each prompt (token ids), and whether its limit cut it; see `ask`.

    `max_new_tokens` is one limit for all, or one for each prompt.
    """
    limits = [max_new_tokens] * len(prompts) if isinstance(max_new_tokens, int) else max_new_tokens
    pairs = zip(prompts, limits, strict=True)
    questions = [Question(prompt=tuple(prompt), limit=limit) for prompt, limit in pairs]
    replies = ask(model, base, questions, guesses=guesses, should_stop=should_stop)
    return answers_of(replies)


def answers_of(replies: Sequence[Reply]) -> list[Answer]:
    """Of questions that all wanted one."""
    return [reply.answer for reply in replies if reply.answer is not None]
