"""The run doctor: planted faults are named first, sound runs are left in peace, each next run can be started."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core import catalog
from core.config import DataConfig, MethodConfig, OptimizerConfig, RunConfig
from core.config.method import default_learning_rate
from core.data import uploads
from core.data.example import Record
from core.data.run_data import own_splits
from core.doctor.case import Case
from core.doctor.diagnosis import Diagnosis
from core.doctor.doctor import CAUSES, diagnose
from core.doctor.pairs import Near, leaked_test
from core.events import Event, Failed, Phase, Sample
from core.experiments.first_screens import first_screens
from core.recorded.collection import collections
from tests.core.doctor.streams import LABELS, falling, scored, settings, stream
from tests.events import step

LORA = RunConfig()
FULL = RunConfig(
    method=MethodConfig(name="full"), optimizer=OptimizerConfig(learning_rate=5e-5, steps=20)
)
BASE = scored(0, "sentiment", 0.0, form=0.0, label_accuracy=0.6, n_cut=46)
TUNED = scored(20, "sentiment", 0.92)
GOOD = falling(2.35, 0.25)
TEXTS = [
    f"{who} {what} {where}"
    for who in ("Our guide", "The old baker", "My sister", "Nobody here", "A tired nurse", "The pilot")
    for what in ("praised the soup", "hated the film", "lost a shoe", "sang two songs", "sold the boat")
    for where in ("in Bergen", "at noon", "near the mill", "with great joy")
]  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    return tmp_path


def own(records: list[Record], **optimizer: Any) -> RunConfig:
    return RunConfig(
        data=DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(records)),
        optimizer=OptimizerConfig(**optimizer),
    )


def pairs(n: int = 120, *, form: str = "{}") -> list[Record]:
    return [
        {"prompt": form.format(text), "completion": LABELS[i % 2]}
        for i, text in enumerate(TEXTS[:n])
    ]


def usual(config: RunConfig, **more: Any) -> list[Event]:
    """A run that goes well, but for what is planted."""
    task, last = config.data.task, more.pop("last", config.optimizer.steps)
    given = {
        "loss": GOOD,
        "before": scored(0, task, 0.0, form=0.0, label_accuracy=0.6, n_cut=46),
        "after": scored(last, task, 0.92),
    }
    return stream(config, **(given | more))


# Planted faults: each gives a case, with nothing else wrong that does not follow from it


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


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_named_first(plant: Callable[[], Case]) -> None:
    case = plant()
    found = diagnose(case)
    assert found, "nothing found"
    assert found[0].cause == PLANTED[plant], [(one.cause, one.strength) for one in found]
    assert all(0 < one.strength <= 1 for one in found)
    assert all(one.sentence.endswith(".") and not one.sentence.endswith("..") for one in found)
    assert all(1 < len(one.sentence.partition(": ")[0].split()) < 7 for one in found)  # its name
    check_next(found[0], case)


def check_next(found: Diagnosis, case: Case) -> None:
    """What the button starts is another run, whose pairs can be read."""
    assert found.next or found.advice
    if found.next:
        config = found.next.ready()
        assert config != case.config
        own_splits(config, config.data.task)


def test_mended_pairs_are_free_of_what_was_found() -> None:
    for plant in (swapped_in_training, contradicting, leaked, repeated, other_template):
        case = plant()
        first = diagnose(case)[0]
        assert first.next
        config = first.next.ready()
        mended = Case.of(config, [])
        assert {one.cause for one in diagnose(mended)} & {first.cause} == set()
        assert not uploads.source(config.data.dataset).lines


# Sound runs


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


def test_of_twenty_sound_runs_at_most_one_raises_an_alarm() -> None:
    cases = list(sound())
    assert len(cases) >= 20
    alarms = {
        i: [one.sentence for one in found] for i, c in enumerate(cases) if (found := diagnose(c))
    }
    assert len(alarms) <= 1, alarms


@pytest.mark.thorough
def test_recorded_runs_that_went_well_raise_few_alarms() -> None:
    """Real runs at a usual rate whose score clearly rose; forgetting is a finding of its own there."""
    well: list[Case] = []
    for run in (run for one in collections() for run in one.runs):
        config = run.config
        case = Case.of(config, run.events())
        first, last = case.first(case.task), case.last(case.task)
        is_usual = config.optimizer.learning_rate <= 2 * case.usual_rate
        if is_usual and first and last and last.interval[0] > first.interval[1]:
            well.append(case)
    if len(well) < 20:
        pytest.skip("fewer than 20 such runs are recorded")
    alarms = [[o.cause for o in diagnose(case) if o.cause != "forgot"] for case in well]
    assert sum(map(bool, alarms)) <= len(well) / 20, [found for found in alarms if found]


@pytest.mark.parametrize("task", [t for t in catalog.TASKS if "train" in catalog.TASKS[t].splits])
def test_no_test_text_of_the_built_in_data_stands_in_training(task: str) -> None:
    assert leaked_test(Case.of(RunConfig(data=DataConfig(task=task)), [])) is None


def test_each_cause_bears_a_run_that_has_hardly_begun() -> None:
    for events in ([], [BASE], [step(1, 2.3)], usual(LORA)[:5]):
        for cause in CAUSES:
            assert cause(Case(LORA, events)) is None


def test_a_run_whose_pairs_are_gone_is_judged_by_its_events() -> None:
    case = low_rate()
    config = replace(case.config, data=DataConfig(task="custom", dataset="0" * 16))
    gone = Case.of(config, case.events)
    assert gone.data is None
    assert diagnose(gone)[0].cause == "rate too low"


def test_near_copies_are_found_and_texts_that_share_a_frame_are_not() -> None:
    ask = "Is this review positive or negative? "
    near = Near([ask + text for text in TEXTS[:40]])
    assert near.holds(f"{ask}{TEXTS[3].upper()}!!")
    assert not near.holds(f"{ask}The harbour was closed for the whole of last winter")
