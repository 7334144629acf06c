"""Event streams like those of real runs: noisy losses of small batches, checks with intervals, confusion tables.

The shapes are those of the runs in assets/recorded: a loss of 2.35 that falls to 0.3 within ten steps of eight
reviews and stays as noisy as single batches are, 48 test examples before and after, 12 in between.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from math import exp
from typing import Any

from core.config import RunConfig
from core.evaluate.classification import classification_report
from core.evaluate.uncertainty import wilson_interval
from core.events import Evaluation, Event, Phase, Started, Validation
from core.train.schedule import learning_rate
from tests.events import step

LABELS = ("positive", "negative")
NOISE = 0.4
"""Standard deviation of the logarithm of a batch's loss."""


def falling(start: float, end: float, within: float = 4) -> Callable[[int], float]:
    """A loss that falls from `start` to `end`, most of it `within` so many steps."""
    return lambda number: end + (start - end) * exp(-(number - 1) / within)


def scored(
    at: int,
    task: str,
    share: float,
    *,
    n: int = 48,
    form: float = 1.0,
    label_accuracy: float | None = None,
    labels: Sequence[str] = LABELS,
    confused: Callable[[int, str], str] | None = None,
    n_cut: int = 0,
    limit: int = 8,
) -> Evaluation:
    """A check of a task. With labels, `form` of the answers are labels; `confused` names each answer instead."""
    if not labels:
        right = round(share * n)
        return Evaluation(
            step=at,
            task=task,
            n=n,
            score=right / n,
            metric="contains",
            interval=wilson_interval(right, n),
            n_cut=n_cut,
            max_new_tokens=limit,
        )
    truth = [labels[i % len(labels)] for i in range(n)]
    n_formed, n_right = round(form * n), round(share * n)
    answers: list[str] = []
    for i, label in enumerate(truth):
        place = i * 7 % n if n % 7 else i  # spread over the list
        wrong = labels[(labels.index(label) + 1) % len(labels)]
        answers.append(
            label if place < n_right else wrong if place < n_formed else "I think so, because …"
        )
    if confused:
        answers = [confused(i, label) for i, label in enumerate(truth)]
    report = classification_report(truth, answers, labels)
    right = round(report.accuracy * n)
    formed = sum(answer in labels for answer in answers)
    known = report.accuracy if label_accuracy is None else label_accuracy
    return Evaluation(
        step=at,
        task=task,
        n=n,
        score=right / n,
        metric="exact_match",
        interval=wilson_interval(right, n),
        classification=report,
        right_form=formed / n,
        label_accuracy=known,
        n_cut=n_cut,
        max_new_tokens=limit,
    )


def stream(
    config: RunConfig,
    *,
    loss: Callable[[int], float],
    before: Evaluation,
    after: Evaluation,
    validation: Callable[[int], float] | None = None,
    others: Mapping[str, tuple[float, float]] | None = None,
    n_train: int = 144,
    n_validation: int = 16,
    noise: float = NOISE,
    seed: int = 0,
    phases: Sequence[Phase] = (),
    more: Sequence[Event] = (),
) -> list[Event]:
    """All events of a run; `others` are tasks that are only scored, before and after."""
    chance, wanted = random.Random(seed), config.optimizer
    validation = validation or loss
    last = after.step
    events: list[Event] = [
        Started(
            model=config.model,
            method=config.method.name,
            task=config.data.task,
            device="cpu",
            dtype="float32",
            n_train=n_train,
            n_validation=n_validation,
            n_test=48,
            trainable_params=1,
            total_params=2,
        ),
        *phases[:1],
        Validation(step=0, loss=validation(1), n=n_validation),
        before,
        *(scored(0, task, first, labels=()) for task, (first, _) in (others or {}).items()),
    ]
    for number in range(1, last + 1):
        events += [p for p in phases[1:] if p.first_step == number]
        rate = learning_rate((number - 1) % wanted.steps + 1, wanted)
        events.append(step(number, loss(number) * exp(chance.gauss(0, noise)), learning_rate=rate))
        if number % config.evaluation.every == 0 or number == last:
            events.append(Validation(step=number, loss=validation(number), n=n_validation))
    events += [*more, after]
    events += [scored(last, task, end, labels=()) for task, (_, end) in (others or {}).items()]
    return events


def settings(config: RunConfig, **parts: Any) -> RunConfig:
    """The config with settings changed, such as `optimizer={"steps": 60}`."""
    changed = {
        name: {**config.to_dict()[name], **value} if isinstance(value, dict) else value  # pyright: ignore
        for name, value in parts.items()
    }
    return RunConfig.from_dict({**config.to_dict(), **changed})
