"""Runs with one fault each, by the cause that the doctor must name first.

Nothing else is wrong with them that does not follow from it.
"""

import math
from collections.abc import Callable

from core.data.example import Record
from core.doctor.case import Case
from core.events import Event, Failed, Phase, Sample
from tests.core.doctor.runs import BASE, FULL, GOOD, LORA, own, pairs, usual
from tests.core.doctor.streams import LABELS, falling, scored, settings
from tests.events import step


def lost_its_loss() -> Case:
    config = settings(LORA, optimizer={"learning_rate": 0.5})
    events: list[Event] = [step(n, 2.3 * 3**n) for n in range(1, 7)]
    reason = "The loss became nan at step 7: training diverged. Lower the learning rate and run it again."
    return Case(config, [BASE, *events, step(7, math.nan), Failed(run_id="x", reason=reason)])


def rose_to_the_end() -> Case:
    config = settings(FULL, optimizer={"learning_rate": 0.01})
    after = scored(20, "sentiment", 0.0, form=0.0)
    return Case(config, usual(config, loss=falling(2.35, 9.0), after=after))


def high_rate() -> Case:
    config = settings(FULL, optimizer={"learning_rate": 2e-3})
    collapsed = scored(20, "sentiment", 0.5, confused=lambda i, label: "negative")
    hump: Callable[[int], float] = lambda n: 2.35 if n < 4 else 7.0 if n < 9 else 0.45  # noqa: E731
    return Case(config, usual(config, loss=hump, after=collapsed, others={"general": (0.92, 0.0)}))


def low_rate() -> Case:
    config = settings(LORA, optimizer={"learning_rate": 1e-6})
    after = scored(20, "sentiment", 0.0, form=0.0, label_accuracy=0.6, n_cut=46)
    return Case(config, usual(config, loss=falling(2.35, 2.3), after=after))


def nothing_learned() -> Case:
    after = scored(20, "sentiment", 0.0, form=0.0, label_accuracy=0.6, n_cut=46)
    return Case(LORA, usual(LORA, loss=falling(2.35, 2.25), after=after))


def by_heart() -> Case:
    config = settings(LORA, optimizer={"steps": 120}, evaluation={"every": 20})
    rising: Callable[[int], float] = lambda n: 0.2 + 0.006 * n if n > 20 else GOOD(n)  # noqa: E731
    after = scored(120, "sentiment", 0.85)
    return Case(config, usual(config, loss=falling(2.35, 0.005, 6), validation=rising, after=after))


def few_pairs() -> Case:
    config = settings(LORA, data={"train_examples": 8}, optimizer={"steps": 40})
    after = scored(40, "sentiment", 0.56)
    before = scored(0, "sentiment", 0.5, form=0.9)
    flat: Callable[[int], float] = lambda n: 2.0 + 0.02 * n  # noqa: E731
    given = {"validation": flat, "before": before, "after": after, "n_train": 8}
    return Case(config, usual(config, loss=falling(2.35, 0.004, 5), **given))


def format_alone() -> Case:
    after = scored(20, "sentiment", 0.5, confused=lambda i, label: LABELS[i // 2 % 2])
    return Case(LORA, usual(LORA, loss=falling(2.35, 0.6), after=after))


def forgot_questions() -> Case:
    config = settings(FULL, optimizer={"learning_rate": 3e-4}, evaluation={"tasks": ["general"]})
    return Case(config, usual(config, others={"general": (0.92, 0.12)}))


def forgot_in_sequence() -> Case:
    config = settings(FULL, data={"others": ["names"], "order": "sequential"})
    phases = [
        Phase(index=0, task="sentiment", first_step=1, last_step=20),
        Phase(index=1, task="names", first_step=21, last_step=40),
    ]
    middle = scored(20, "sentiment", 0.92)
    end = scored(40, "sentiment", 0.0, form=0.0, label_accuracy=0.5)
    loss: Callable[[int], float] = lambda n: GOOD(n) if n <= 20 else falling(4.2, 0.2)(n - 20)  # noqa: E731
    others = {"names": (0.8, 0.94)}
    given = {"phases": phases, "after": end, "more": [middle], "others": others}
    return Case(config, usual(config, loss=loss, last=40, **given))


def swapped_in_training() -> Case:
    """The training part of a file has its labels exchanged, the test part not."""
    records = [
        {**r, "completion": LABELS[1 - LABELS.index(str(r["completion"]))], "split": "train"}
        if i < 90
        else {**r, "split": "test"}
        for i, r in enumerate(pairs())
    ]
    config = own(records)
    after = scored(20, "custom", 0.08)
    return Case.of(config, usual(config, after=after))


def swapped_everywhere() -> Case:
    """Whole file exchanged: training learns it, but the base model knew the labels the other way round."""
    config = own(pairs())
    before = scored(0, "custom", 0.0, form=0.0, label_accuracy=0.1)
    return Case.of(config, usual(config, before=before))


def contradicting() -> Case:
    records = pairs()
    records += [
        {"prompt": f"{r['prompt']}.", "completion": LABELS[1 - LABELS.index(str(r["completion"]))]}
        for r in records[:20]
    ]
    config = own(records)
    return Case.of(config, usual(config, loss=falling(2.35, 0.5), after=scored(20, "custom", 0.75)))


def leaked() -> Case:
    records: list[Record] = [
        {**r, "split": "train" if i < 90 else "test"} for i, r in enumerate(pairs())
    ]
    copies = [{**r, "prompt": f"{r['prompt']}!", "split": "train"} for r in records[90:110]]
    config = own(records + copies)
    return Case.of(config, usual(config, after=scored(20, "custom", 1.0)))


def cut() -> Case:
    config = settings(LORA, data={"task": "summary"}, evaluation={"max_new_tokens": 4})
    before = scored(0, "summary", 0.2, labels=(), n_cut=48, limit=4)
    after = scored(20, "summary", 0.25, labels=(), n_cut=44, limit=4)
    return Case(config, usual(config, loss=falling(2.4, 1.3), before=before, after=after))


def other_template() -> Case:
    asked = "Is this review positive or negative? {}"
    records: list[Record] = [
        {**(pairs(120, form=asked) if i < 90 else pairs())[i], "split": "train" if i < 90 else "test"}
        for i in range(120)
    ]  # fmt: skip
    config = own(records)
    after = scored(20, "custom", 0.0, form=0.0, label_accuracy=0.6, n_cut=40)
    return Case.of(config, usual(config, after=after))


def watched_without_template() -> Case:
    config = settings(LORA, evaluation={"prompts": ["The soup was cold.", "A lovely film."]})
    said = [
        Sample(step=at, task="", prompt=p, reference="", output=f"That is nice: {p}")
        for at in (0, 20)
        for p in config.evaluation.prompts
    ]
    return Case.of(config, usual(config, more=said))


def repeated() -> Case:
    records = [pairs()[i % 40] for i in range(200)]
    config = own(records)
    return Case.of(config, usual(config, n_train=29))


PLANTED: dict[Callable[[], Case], str] = {
    lost_its_loss: "diverged",
    rose_to_the_end: "diverged",
    high_rate: "rate too high",
    low_rate: "rate too low",
    nothing_learned: "did not learn",
    by_heart: "overfits",
    few_pairs: "too few examples",
    format_alone: "learned the format only",
    forgot_questions: "forgot",
    forgot_in_sequence: "forgot",
    swapped_in_training: "labels swapped",
    swapped_everywhere: "labels swapped",
    contradicting: "labels noisy",
    leaked: "test leaked",
    cut: "answers cut",
    other_template: "template differs",
    watched_without_template: "template differs",
    repeated: "duplicates",
}
