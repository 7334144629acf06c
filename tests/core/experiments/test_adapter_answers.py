"""The record of the adapters' answers: what is saved is read again, and what is shipped is of the lesson of now."""

from pathlib import Path

import pytest

from core.errors import UserError
from core.experiments import adapter_answers
from core.experiments.adapter_answers import BASE, sample_prompt
from core.experiments.adapters import ADAPTER_TASKS

ANSWERS = {"Who sings?": {BASE: "The bird […]", "names": "Ada"}}


def test_what_is_saved_is_read_again(home: Path) -> None:
    made, path = adapter_answers.record(ANSWERS, dtype="float32"), home / "record.json"
    adapter_answers.save(made, path)
    found = adapter_answers.recorded_answers(path)
    assert found
    assert found == made
    assert found.answers == ANSWERS
    assert made.date in found.where
    assert adapter_answers.recorded_answers(home / "nowhere.json") is None


def test_a_record_that_cannot_be_written_is_said(home: Path) -> None:
    made = adapter_answers.record(ANSWERS, dtype="float32")
    with pytest.raises(UserError, match="cannot be written"):
        adapter_answers.save(made, home / "nowhere" / "record.json")


def test_the_record_that_is_shipped_is_of_the_lesson_of_now() -> None:
    found = adapter_answers.recorded_answers()
    assert found, adapter_answers.COMMAND
    assert found.configs == adapter_answers.configs()
    for task in ADAPTER_TASKS:
        assert set(found.answers[sample_prompt(task)]) == {BASE, *ADAPTER_TASKS}
