"""The record of the first screens: what it keeps, and that it keeps no times."""

import json
import math
from pathlib import Path

import pytest

from core.config import RunConfig
from core.errors import UserError
from core.events import Evaluation, Memory, Sample, Step, event_from_dict
from core.experiments import first_screens
from core.experiments.collapse import LEAD, collapse, in_sequence
from core.experiments.first_screens import FirstScreens, RecordedEvents
from core.runs.store import RunStore, RunSummary
from tests.events import evaluation, memory, sample, step


def recorded(home: Path) -> FirstScreens:
    """A record of one run, as the command makes it."""
    del home  # the store lies there
    store = RunStore()
    run = store.start(RunConfig(), worker="me")
    said = [step(1, loss=2.2), memory(), evaluation(1, "sentiment", 0.5, elapsed_s=7.0)]
    for event in (*said, sample(1, "", "negative", prompt=first_screens.REVIEW)):
        store.append(run.id, event)
    summary = RunSummary(
        scores={}, first_scores={}, steps=1, train_s=2.0, elapsed_s=3.0, trainable_params=1,
        total_params=2, artifact_bytes=3,
    )  # fmt: skip
    store.finish(run.id, summary)
    runs = {"instruction": store.get(run.id)}
    return first_screens.record(runs, store, raw="", chat="It is good.", dtype="float32")


def test_what_is_saved_is_read_again_without_times(home: Path) -> None:
    made, path = recorded(home), home / "record.json"
    first_screens.save(made, path)
    found = first_screens.first_screens(path)
    assert found
    assert (found.raw, found.chat, found.tuned) == ("", "It is good.", "negative")
    assert made.date in found.where
    assert made.machine in found.where
    run = found.runs["instruction"]
    assert run.config == RunConfig()
    assert not run.of_type(Memory)
    (one,) = run.of_type(Step)
    assert one.loss == 2.2
    assert math.isnan(one.step_s)
    (score,) = run.of_type(Evaluation)
    assert score.score == 0.5
    assert math.isnan(score.elapsed_s)
    assert "7.0" not in path.read_text()


def test_a_record_that_cannot_be_written_is_said(home: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        first_screens.save(recorded(home), home / "nowhere" / "record.json")


def test_samples_are_found_by_their_task() -> None:
    events = (sample(0, "", "a"), sample(0, "names", "b"))
    run = RecordedEvents(config=RunConfig(), events=events)
    assert [e.output for e in run.of_type(Sample)] == ["a", "b"]
    assert [e.output for e in run.of_type(Sample, task="")] == ["a"]


def test_the_sequence_has_the_settings_of_the_single_run() -> None:
    single = collapse(rate=1e-4, seed=3)
    sequence = in_sequence(single, ("topic", "names"))
    assert sequence.data.tasks == ("topic", "names")
    assert sequence.data.order == "sequential"
    assert (sequence.optimizer, sequence.method, sequence.seed) == (
        single.optimizer, single.method, 3,
    )  # fmt: skip


def test_the_record_that_is_shipped_is_of_the_lessons_of_now() -> None:
    found = first_screens.first_screens()
    assert found, "python -m core experiment first_screens --record …"
    assert set(found.runs) == set(first_screens.configs())
    for name, config in first_screens.configs().items():
        assert found.runs[name].config == config, name
        assert found.runs[name].of_type(Evaluation), name
    lines = first_screens.FOLDER / "first_screens.json"
    kept = json.loads(lines.read_text("utf-8"))["runs"]["instruction"]["events"]
    assert all(isinstance(event_from_dict(e), first_screens.KEPT) for e in kept)


def test_the_lead_prompt_is_answered_before_and_lost_after() -> None:
    """The sentences of lesson 3 and of the home page rest on it."""
    found = first_screens.first_screens()
    assert found
    samples = found.runs["forgetting"].of_type(Sample, task="")
    first, *_, last = [e.output for e in samples if e.prompt == LEAD]
    assert "Amina" in first
    assert last.startswith(("positive", "negative"))
