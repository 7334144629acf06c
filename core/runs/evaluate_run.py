"""A model on a test set: its answers, and how probable it finds each label. Needs torch.

Operations of the answering worker: they yield as they go, so that a page shows progress and can stop.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import nn

from core.answer import Answer
from core.data.encode import encode
from core.data.examples import Example
from core.data.lengths import check_length
from core.errors import Stopped, UserError
from core.evaluate.examples import judge, labels_of
from core.evaluate.limits import usual_limit
from core.evaluate.task import limit_of, score
from core.evaluate.thresholds import LabelRow, shares
from core.generate.batch import answer_greedily
from core.models.forward import tree_logits
from core.models.load import LoadedModel
from core.models.precision import autocast
from core.models.trie import Trie
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
    seen = trained_on or [False] * len(examples)
    order = sorted(range(len(examples)), key=lambda i: len(prompts[i]))
    answers = [Answer("", False)] * len(examples)
    more = partial(Answers, of=len(order), max_new_tokens=limit)
    yield more(answered=0, rows=[])  # the model is loaded: the asking begins
    start = time.perf_counter()
    for first in range(0, len(order), AT_ONCE):
        group = order[first : first + AT_ONCE]
        try:
            found = answer_greedily(
                model,
                base,
                [prompts[i] for i in group],
                max_new_tokens=limit,
                should_stop=should_stop,
            )
        except Stopped:
            return
        for i, answer in zip(group, found, strict=True):
            answers[i] = answer
        rows = [
            judge(
                i + 1,
                examples[i],
                answers[i].text,
                labels,
                cut=answers[i].was_cut,
                trained_on=seen[i],
            )
            for i in group
        ]
        yield more(answered=first + len(group), rows=rows)
    elapsed_s = time.perf_counter() - start
    found = score(task, examples, answers, step=0, elapsed_s=elapsed_s, max_new_tokens=limit)
    n_trained_on = None if trained_on is None else sum(trained_on)
    yield Evaluated(evaluation=found, n_trained_on=n_trained_on, labels=list(labels))


@torch.no_grad()
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
    model = model.eval()
    for first in range(0, len(examples), PAIRS_AT_ONCE):
        if should_stop():
            return
        group = examples[first : first + PAIRS_AT_ONCE]
        trie = Trie()
        nodes: list[int] = []
        targets: list[int] = []
        ends: list[int] = []
        for example in group:
            for label in labels:
                pair = encode(Example(prompt=example.prompt, completion=label), base.tokenizer)
                path = trie.insert(pair.ids[:-1])
                nodes += path[len(pair.prompt_ids) - 1 :]
                targets += pair.completion_ids
                ends.append(len(nodes))
        position_ids = torch.tensor(trie.depths, device=base.device)
        tokens = torch.tensor(trie.tokens, device=base.device)
        with autocast(base.device, base.dtype):
            wanted = torch.tensor(nodes, device=base.device)  # each label's tokens only
            logits = tree_logits(model, tokens, position_ids, trie.parents, wanted=wanted)  # (M, V)
        each = logits.float().log_softmax(-1).cpu()[torch.arange(len(nodes)), targets]
        sums = each.double().cumsum(0)[[end - 1 for end in ends]]
        logs = (sums - torch.cat([sums.new_zeros(1), sums[:-1]])).view(len(group), len(labels))
        rows = [
            LabelRow(
                number=first + i + 1,
                reference=example.completion,
                probabilities=shares(dict(zip(labels, row.tolist(), strict=True))),
                mass=float(row.exp().sum()),
            )
            for i, (example, row) in enumerate(zip(group, logs, strict=True))
        ]
        yield LabelProbabilities(answered=first + len(group), of=len(examples), rows=rows)
