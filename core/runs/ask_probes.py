"""The probes before and after a run's tuning, as the answering worker asks them. Needs torch.

What the base model answers is kept for its identity, and what a run answers with the run (core/probes/kept.py).
"""

from collections.abc import Callable, Iterator, Sequence

from torch import nn

from core.answer import Answer
from core.data.lengths import check_length
from core.errors import Stopped
from core.generate.batch import answers_of, ask
from core.generate.questions import Question
from core.models.load import LoadedModel
from core.probes import kept
from core.probes.battery import battery
from core.runs.identity import identity_of_answers
from core.runs.messages import Probed, Progress
from core.runs.store import Run

AT_ONCE = 16
"""Prompts between two messages."""


def ask_probes(
    run: Run, tuned: nn.Module, base: LoadedModel, *, should_stop: Callable[[], bool]
) -> Iterator[Progress | Probed]:
    """Progress, and at the end both models' answers in the order of `battery().prompts`.

    Raises `UserError` when the model's context is too short for a probe and its answer.
    """
    prompts = battery().prompts
    questions = [Question(prompt=tuple(base.tokenizer.ask(p)), limit=n) for p, n in prompts]
    for question in questions:
        check_length(question.prompt, base.tokenizer, question.limit)
    identity = identity_of_answers(run.config.model)
    sides = {"": base.model, run.id: tuned}
    found = {name: kept.find(identity, run=name) for name in sides}
    of, done = len(questions) * sum(answers is None for answers in found.values()), 0
    yield Progress(answered=0, of=of)
    for name, model in sides.items():
        if found[name] is not None:
            continue
        answers: dict[int, Answer] = {}
        for group in _groups(questions):
            try:
                replies = ask(model, base, [questions[i] for i in group], should_stop=should_stop)
            except Stopped:
                return
            answers |= zip(group, answers_of(replies), strict=True)
            yield Progress(answered=done + len(answers), of=of)
        done += len(answers)
        found[name] = [answers[i] for i in range(len(questions))]
        kept.keep(identity, found[name] or [], run=name)
    yield Probed(before=found[""] or [], after=found[run.id] or [])


def _groups(questions: Sequence[Question]) -> Iterator[list[int]]:
    """Places of questions with answers and prompts of like length, to be read together."""
    order = sorted(
        range(len(questions)), key=lambda i: (questions[i].limit, len(questions[i].prompt))
    )
    for first in range(0, len(order), AT_ONCE):
        yield order[first : first + AT_ONCE]
