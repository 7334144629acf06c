"""`evaluate` and `score`: the figures of the evaluation lesson, from the command line."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from core.cli.main import main
from core.evaluate.compare_texts import compare_texts
from core.evaluate.thresholds import precision_recall_curve

PAIRS = [f'{{"prompt": "cat {i}", "completion": "{"yes" if i % 2 else "no"}"}}' for i in range(20)]


@pytest.fixture
def data(home: Path) -> Path:
    file = home / "pairs.jsonl"
    file.write_text("\n".join(PAIRS), "utf-8")
    return file


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(arguments) == 2
    return capsys.readouterr().err


def test_two_texts_are_scored_as_the_page_does(capsys: pytest.CaptureFixture[str]) -> None:
    pair = ("The cat sat on the mat.", "the the cats sat")
    words = ["score", "--reference", pair[0], "--output", pair[1], "--n", "2"]
    (found,) = printed(words, capsys)
    assert found == {"type": "score", **json.loads(json.dumps(compare_texts(*pair, n=2).to_dict()))}
    (cased,) = printed([*words, "--no-lowercase"], capsys)
    assert cased["rouge_1"]["matched"] < found["rouge_1"]["matched"]
    (stemmed,) = printed([*words, "--stem"], capsys)
    assert stemmed["rouge_1"]["matched"] > found["rouge_1"]["matched"]
    assert main(words) == 0
    assert "ROUGE-2: recall" in capsys.readouterr().out
    assert "n must be" in refused([*words, "--n", "0"], capsys)


def test_a_file_is_measured_compared_and_written_down(
    tiny_folder: Path, data: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", str(tiny_folder), "--data", str(data)]
    started, *_ = printed(
        [
            *("train", *model, "--steps", "3", "--batch-size", "4", "--eval-every", "2"),
            *("--dtype", "float32", "--lr", "0.05"),
        ],
        capsys,
    )
    run = started["run_id"]
    table = home / "answers.csv"
    found = printed(
        [
            *("evaluate", "--run", run, "--data", str(data), "--examples-out", str(table)),
            *("--compare", "base", "--measure", "f1", "--labels", "--threshold", "0.4"),
        ],
        capsys,
    )
    by_type: dict[str, list[dict[str, Any]]] = {}
    for message in found:
        by_type.setdefault(message["type"], []).append(message)
    assert found[-1]["type"] == "evaluation"
    assert found[-1]["classification"]["labels"] == ["no", "yes"]
    with table.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 20
    mean = sum(float(row["f1"]) for row in rows) / 20
    assert mean == pytest.approx(found[-1]["f1"])
    assert by_type["measures"][0]["f1"]["score"] == pytest.approx(mean)
    (comparison,) = by_type["comparison"]
    assert (comparison["first_model"], comparison["second_model"]) == (run, "base")
    assert comparison["first"] == pytest.approx(mean)
    assert comparison["line"].startswith("base scores")
    probabilities = by_type["label_probabilities"]
    no, yes = by_type["label"]
    assert (no["label"], yes["label"]) == ("no", "yes")
    assert yes["at"]["threshold"] == 0.4
    wanted = precision_recall_curve(
        [row["probabilities"]["yes"] for row in probabilities],
        [row["reference"] == "yes" for row in probabilities],
    )
    assert yes["curve"] == [point.to_dict() for point in wanted]
    checks = printed(["evaluate", "--run", run, "--checks"], capsys)
    assert [c["step"] for c in checks if c["type"] == "check"] == [0, 0, 0, 2, 2, 2, 3, 3, 3]
    assert all(len(c["interval"]) == 2 for c in checks if c["type"] == "check")
    assert "custom" in refused(["evaluate", "--run", run, "--checks", "--task", "names"], capsys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "--base", "--checks"], "--run"),
        (["evaluate", "--base", "--task", "names", "--measure", "taste"], "taste"),
        (["evaluate", "--base", "--task", "names", "--threshold", "2"], "threshold"),
        (["evaluate", "--base", "--task", "names", "--compare", "nosuch"], "nosuch"),
        (["evaluate", "--base", "--task", "names,topic", "--examples-out", "x"], "one task"),
        (["evaluate", "--base", "--data", "nowhere.jsonl"], "nowhere.jsonl"),
        (["score", "--reference", "a"], "--output"),
    ],
)
def test_mistakes_get_one_line(
    arguments: list[str], words: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refused(arguments, capsys)
