"""`python -m core course challenges` and `judge`: for people and for programs."""

import json
from pathlib import Path

import pytest

from core.cli.main import main
from core.course.challenges import PairChallenge, challenge, challenges


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))


def test_every_challenge_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["course", "challenges", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["challenge"] for one in found] == [one.id for one in challenges()]
    assert {one["kind"] for one in found} == {"run", "pair", "prompt"}
    assert main(["course", "challenges", "--lesson", "lora"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(challenges("lora"))


def test_two_texts_are_judged(capsys: pytest.CaptureFixture[str]) -> None:
    one = challenge("fooled")
    assert isinstance(one, PairChallenge)
    texts = ["--reference", one.solution.reference, "--output", one.solution.output]
    assert main(["course", "judge", "fooled", *texts, "--json"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["solved"], len(verdict["findings"])) == (True, 2)
    assert main(["course", "judge", "fooled", *texts, "--answer-is", "right"]) == 1
    assert capsys.readouterr().out.startswith("Not solved.\n- ")


def test_a_recorded_prompt_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["course", "judge", "one_example", "--shots", "1"]) == 0
    assert main(["course", "judge", "one_example", "--shots", "0"]) == 1
    assert "higher for sure" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gentle"], "give one with --run"),
        (["gentle", "--run", "20990101-000000-abcdef"], "There is no run"),
        (["fooled", "--reference", "a"], "give --reference and --output"),
        (["one_example"], "give --shots"),
        (["alchemy", "--run", "x"], "no challenge 'alchemy'"),
    ],
)
def test_what_is_missing_is_one_sentence(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["course", "judge", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
