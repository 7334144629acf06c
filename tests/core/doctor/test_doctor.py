"""The run doctor: planted faults are named first, sound runs are left in peace, each next run can be started."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core import catalog
from core.config import DataConfig, RunConfig
from core.data import uploads
from core.data.run_data import own_splits
from core.doctor.case import Case
from core.doctor.diagnosis import Diagnosis
from core.doctor.doctor import CAUSES, diagnose
from core.doctor.pairs import Near, leaked_test
from core.events import Evaluation
from core.recorded.collection import collections
from tests.core.doctor.planted import (
    PLANTED,
    contradicting,
    leaked,
    low_rate,
    other_template,
    repeated,
    swapped_in_training,
)
from tests.core.doctor.runs import BASE, LORA, TEXTS, usual
from tests.core.doctor.sound import sound
from tests.events import step


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    return tmp_path


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


@pytest.mark.thorough
def test_of_twenty_sound_runs_at_most_one_raises_an_alarm() -> None:
    cases = list(sound())
    assert len(cases) >= 20
    alarms = {
        i: [one.sentence for one in found] for i, c in enumerate(cases) if (found := diagnose(c))
    }
    assert len(alarms) <= 1, alarms


@pytest.mark.thorough
def test_recorded_runs_that_went_well_raise_few_alarms() -> None:
    """Real runs at a usual rate that ended clearly above where they began, and above always giving one label.

    Forgetting is a finding of its own there.
    """
    well: list[Case] = []
    for run in (run for one in collections() for run in one.runs):
        config = run.config
        case = Case.of(config, run.events())
        first, last = case.first(case.task), case.last(case.task)
        is_usual = 0.5 <= config.optimizer.learning_rate / case.usual_rate <= 2
        if is_usual and first and last:
            by_chance = max(first.interval[1], most_frequent(last))
            well += [case] if last.interval[0] > by_chance else []
    if len(well) < 20:
        pytest.skip("fewer than 20 such runs are recorded")
    alarms = [[o.cause for o in diagnose(case) if o.cause != "forgot"] for case in well]
    assert sum(map(bool, alarms)) <= len(well) / 20, [found for found in alarms if found]


def most_frequent(found: Evaluation) -> float:
    """What always giving the most frequent label would score; 0 on a task without labels."""
    per_class = found.classification.per_class if found.classification else {}
    return max((scores.support for scores in per_class.values()), default=0) / found.n


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
