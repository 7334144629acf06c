"""`python -m core course results`: what a class answered before and after."""

import csv
import io
import json
from pathlib import Path

import pytest

from core.cli.main import main
from core.course.progress import keep
from core.course.quiz import AFTER, BEFORE, form_for, items, score


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))


def test_all_learners_are_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    for name, moment in (("Mia", BEFORE), ("Mia", AFTER), ("", BEFORE)):
        right = {item.id: item.right for item in items(form_for(name, moment))[:3]}
        keep(score(name, moment, right).entry())
    assert main(["course", "results"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(lines) == 3 * 14
    assert sum(int(line["is_right"]) for line in lines) == 9
    assert main(["course", "results", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["learner"], one["moment"], one["right"]) for one in found] == [
        ("", BEFORE, 3),
        ("Mia", BEFORE, 3),
        ("Mia", AFTER, 3),
    ]


def test_without_learners_there_is_a_head_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["course", "results"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
