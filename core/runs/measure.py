"""Measure one way to do a task: its score on test examples, and what single requests cost. Needs torch."""

import time
from collections.abc import Callable, Iterator
from statistics import fmean

from torch import nn

from core.data.examples import task_examples
from core.data.shots import ask_all_with_shots, draw_shots
from core.data.test_sets import fixed_set
from core.errors import UserError
from core.evaluate.examples import labels_of
from core.evaluate.label_likelihood import likeliest_labels
from core.evaluate.limits import answer_limit, as_shown
from core.evaluate.requests import answer_one_by_one
from core.evaluate.task import questions_of, score
from core.generate.batch import answers_of, ask
from core.generate.questions import Reply
from core.models.load import LoadedModel
from core.runs import prompt_evaluation
from core.runs.messages import Progress
from core.runs.prompt_evaluation import Measured, PromptEvaluation
from core.runs.store import RunStore

AT_ONCE = 20
"""Test examples answered between two messages about progress."""


def measure(
    wanted: PromptEvaluation,
    model: nn.Module,
    base: LoadedModel,
    store: RunStore,
    *,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Progress | Measured]:
    """Yield how far it is while it goes on, then the figures, which are kept.

    Raises `UserError` while a run trains: it would slow the requests that are timed.
    """
    _refuse_beside_training(store)
    shots = draw_shots(wanted.task, wanted.shots, seed=wanted.seed)
    examples = fixed_set(task_examples(wanted.task, "test"), wanted.n_test)
    references = [e.completion for e in examples]
    limit = answer_limit(wanted.task, references, base.tokenizer, longest_prompt=0)
    prompts = ask_all_with_shots(examples, shots, base.tokenizer, form=wanted.form, room=limit)
    of = len(examples) + 2 * wanted.n_timed
    labels = labels_of(wanted.task, examples)
    asked = questions_of(examples, base, limit=limit, labels=labels, prompts=prompts)
    replies: list[Reply] = []
    for start in range(0, len(asked), AT_ONCE):
        yield Progress(answered=start, of=of)
        replies += ask(model, base, asked[start : start + AT_ONCE], should_stop=should_stop)
    answers = answers_of(replies)
    found = score(
        wanted.task,
        examples,
        answers,
        step=0,
        elapsed_s=0.0,
        max_new_tokens=limit,
        likeliest=likeliest_labels(labels, replies),
    )
    timed = prompts[: wanted.n_timed]
    seconds: dict[bool, list[float]] = {}
    n_answer, n_left = 0.0, 0.0
    for cached in (False, True):
        requests = answer_one_by_one(
            model, base, timed, max_new_tokens=limit, cached=cached, should_stop=should_stop
        )
        done = []
        for request in requests:
            done.append(request)
            answered = len(examples) + cached * len(timed) + len(done)
            yield Progress(answered=answered, of=of)
        seconds[cached] = [round(r.seconds, 5) for r in done]
        n_answer = fmean(r.n_answer for r in done)
        n_left = fmean(r.n_computed for r in done)
    _refuse_beside_training(store)
    measured = Measured(
        asking=wanted,
        measured_at=time.time(),
        score=found.score,
        metric=found.metric,
        interval=found.interval,
        right_form=found.right_form,
        label_accuracy=found.label_accuracy,
        n=found.n,
        n_cut=found.n_cut,
        max_new_tokens=limit,
        prompt_tokens=fmean(map(len, prompts)),
        uncached_tokens=n_left,
        answer_tokens=n_answer,
        seconds=tuple(seconds[False]),
        cached_seconds=tuple(seconds[True]),
        dtype=str(base.dtype).removeprefix("torch."),
        first_answers=[as_shown(answer) for answer in answers[:3]],
    )
    prompt_evaluation.keep(measured)
    yield measured


def _refuse_beside_training(store: RunStore) -> None:
    if store.active():
        raise UserError(
            "A run waits or trains on this machine, and would slow the requests that are timed. "
            "Measure when it is over."
        )
