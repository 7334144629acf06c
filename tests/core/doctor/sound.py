"""Runs in which nothing is wrong."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from core import catalog
from core.config.method import default_learning_rate
from core.doctor.case import Case
from core.events import Sample
from core.experiments.first_screens import first_screens
from tests.core.doctor.runs import FULL, GOOD, LORA, own, pairs, usual
from tests.core.doctor.streams import falling, scored, settings


def sound() -> Iterator[Case]:
    """Runs as they go where nothing is wrong: other methods, tasks, lengths, rates and noises."""
    yield from (
        Case.of(
            replace(LORA, seed=seed), usual(LORA, seed=seed, loss=falling(2.35, 0.25 + 0.05 * seed))
        )
        for seed in range(4)
    )
    for name, ends in (
        ("full", 0.2),
        ("prompt", 0.5),
        ("ia3", 0.3),
        ("bitfit", 0.28),
        ("adalora", 0.3),
    ):
        rate = default_learning_rate(name)
        config = settings(LORA, method={"name": name}, optimizer={"learning_rate": rate})
        after = scored(20, "sentiment", 0.83)
        yield Case.of(
            config, usual(config, loss=falling(2.35, ends), after=after, noise=0.6, seed=5)
        )
    low = settings(FULL, optimizer={"learning_rate": 2e-5})
    yield Case.of(low, usual(low, loss=falling(2.35, 0.3, 7), seed=6))
    high = settings(FULL, optimizer={"learning_rate": 3e-4})
    shaky: Callable[[int], float] = lambda n: 2.35 if n < 2 else 0.75 if n < 6 else 0.15  # noqa: E731
    yield Case.of(high, usual(high, loss=shaky, noise=0.7, seed=7))
    for task, first, last in (("names", 0.79, 0.94), ("qa", 0.7, 0.68), ("summary", 0.19, 0.42)):
        config = settings(LORA, data={"task": task}, optimizer={"steps": 30})
        before = scored(0, task, first, labels=(), n_cut=24, limit=32)
        after = scored(30, task, last, labels=(), n_cut=1, limit=32)
        given = {"before": before, "after": after, "seed": 8}
        yield Case.of(config, usual(config, loss=falling(1.6, 0.7), **given))
    topic = settings(FULL, data={"task": "topic"}, optimizer={"learning_rate": 1e-4, "steps": 30})
    labels = catalog.TASKS["topic"].labels
    before = scored(0, "topic", 0.0, form=0.0, label_accuracy=0.25, labels=labels, n_cut=47)
    after = scored(30, "topic", 0.79, labels=labels)
    yield Case.of(topic, usual(topic, loss=falling(3.4, 0.1), before=before, after=after, seed=9))
    several = settings(LORA, evaluation={"tasks": ["names", "general"]})
    yield Case.of(several, usual(several, others={"names": (0.8, 0.7), "general": (0.92, 0.87)}))
    mixed = settings(FULL, data={"others": ["names", "topic"]}, optimizer={"steps": 60})
    yield Case.of(mixed, usual(mixed, n_train=430, others={"names": (0.79, 0.94)}, seed=10))
    long = settings(LORA, optimizer={"steps": 120}, evaluation={"every": 20})
    worse: Callable[[int], float] = lambda n: 0.2 + 0.0004 * n if n > 20 else GOOD(n)  # noqa: E731
    yield Case.of(long, usual(long, loss=falling(2.35, 0.15, 6), validation=worse, seed=11))
    small = own(pairs(60), steps=30)
    yield Case.of(small, usual(small, n_train=44, n_validation=4, seed=12))
    known = settings(LORA, evaluation={"prompts": ["What is your name?"]})
    said = [
        Sample(step=at, task="", prompt="What is your name?", reference="", output=text)
        for at, text in ((0, "I am SmolLM."), (20, "positive"))
    ]
    yield Case.of(known, usual(known, more=said, seed=13))
    yield from recorded_first_run()


def recorded_first_run() -> Iterator[Case]:
    """The lesson's run as it was recorded from the real model."""
    found = first_screens()
    assert found
    run = found.runs["instruction"]
    yield Case.of(run.config, list(run.events))
