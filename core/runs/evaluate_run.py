"""A model on a test set: its answers, and how probable it finds each label. Needs torch.

Operations of the answering worker: they yield as they go, so that a page shows progress and can stop.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import exp

from torch import nn

from core.data.examples import Example
from core.data.lengths import check_length
from core.errors import Stopped, UserError
from core.evaluate.examples import judge, labels_of
from core.evaluate.label_likelihood import label_log_probabilities, likeliest_labels
from core.evaluate.limits import usual_limit
from core.evaluate.task import limit_of, questions_of, score
from core.evaluate.thresholds import LabelRow, shares
from core.generate.batch import answers_of, ask
from core.generate.questions import Reply
from core.models.load import LoadedModel
from core.runs.messages import Answers, Evaluated, LabelProbabilities

AT_ONCE = 16
"""Prompts between two messages: a second or two. Larger groups are a little faster and seem to hang."""
PAIRS_AT_ONCE = 8


def evaluate(
    model: nn.Module,
    base: LoadedModel,
    task: str,
    examples: Sequence[Example],
    *,
    should_stop: Callable[[], bool],
    max_new_tokens: int = 0,
    trained_on: Sequence[bool] | None = (),
) -> Iterator[Answers | Evaluated]:
    """Answer every example greedily, then score them.

    Prompts of like length are answered together, so the rows do not come in the examples' order.
    `trained_on` says of each example whether `model` trained on it;
    () stands for none, None for nobody knows.
    """
    labels = labels_of(task, examples)
    prompts = [base.tokenizer.ask(example.prompt) for example in examples]
    for ids in prompts:
        check_length(ids, base.tokenizer, max_new_tokens or usual_limit(task))
    limit = limit_of(task, examples, base, wanted=max_new_tokens)
    asked = questions_of(examples, base, limit=limit, labels=labels, prompts=prompts)
    seen = trained_on or [False] * len(examples)
    order = sorted(range(len(examples)), key=lambda i: len(prompts[i]))
    replies = [Reply()] * len(examples)
    more = partial(Answers, of=len(order), max_new_tokens=limit)
    yield more(answered=0, rows=[])  # the model is loaded: the asking begins
    start = time.perf_counter()
    for first in range(0, len(order), AT_ONCE):
        group = order[first : first + AT_ONCE]
        try:
            found = ask(model, base, [asked[i] for i in group], should_stop=should_stop)
        except Stopped:
            return
        for i, reply in zip(group, found, strict=True):
            replies[i] = reply
        rows = [
            judge(
                i + 1,
                examples[i],
                answer.text,
                labels,
                cut=answer.was_cut,
                trained_on=seen[i],
            )
            for i, answer in zip(group, answers_of(found), strict=True)
        ]
        yield more(answered=first + len(group), rows=rows)
    elapsed_s = time.perf_counter() - start
    found = score(
        task,
        examples,
        answers_of(replies),
        step=0,
        elapsed_s=elapsed_s,
        max_new_tokens=limit,
        likeliest=likeliest_labels(labels, replies),
    )
    n_trained_on = None if trained_on is None else sum(trained_on)
    yield Evaluated(evaluation=found, n_trained_on=n_trained_on, labels=list(labels))


def label_probabilities(
    model: nn.Module,
    base: LoadedModel,
    task: str,
    examples: Sequence[Example],
    *,
    should_stop: Callable[[], bool],
) -> Iterator[LabelProbabilities]:
    """How probable the model finds each label as the whole completion."""
    labels = labels_of(task, examples)
    if not labels:
        raise UserError("This test set has no labels: its right answers are free text.")
    for first in range(0, len(examples), PAIRS_AT_ONCE):
        if should_stop():
            return
        group = examples[first : first + PAIRS_AT_ONCE]
        prompts = [base.tokenizer.ask(example.prompt) for example in group]
        logs = label_log_probabilities(model, base, prompts, labels)
        rows = [
            LabelRow(
                number=first + i + 1,
                reference=example.completion,
                probabilities=shares(found),
                mass=sum(map(exp, found.values())),
            )
            for i, (example, found) in enumerate(zip(group, logs, strict=True))
        ]
        yield LabelProbabilities(answered=first + len(group), of=len(examples), rows=rows)
