"""`evaluate` and `score`: the figures of the evaluation lesson, from the command line."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from core.cli.main import main
from core.data.examples import load_splits
from core.data.test_sets import final_set
from core.evaluate.compare_texts import compare_texts
from core.evaluate.thresholds import precision_recall_curve
from core.runs.store import RunStore

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


@pytest.mark.thorough
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
    for check in (c for c in checks if c["type"] == "check"):  # 0/0 has neither value nor interval
        assert (check["value"] is None) == (check["interval"] is None)
        assert check["interval"] is None or len(check["interval"]) == 2
    assert "custom" in refused(["evaluate", "--run", run, "--checks", "--task", "names"], capsys)


FORM = "Codeword QQ7. Text: {prompt} Reply:"


@pytest.fixture
def own_run(tiny_folder: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """A run on own pairs with a template of its own; its test split has 4 of the 20 pairs."""
    started, *_ = printed(
        [
            *("train", "--model", str(tiny_folder), "--data", str(data), "--template", FORM),
            *(
                "--steps",
                "1",
                "--batch-size",
                "2",
                "--eval-examples",
                "1",
                "--validation-share",
                "0.25",
            ),
        ],
        capsys,
    )
    return started["run_id"]


def of_type(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [m for m in messages if m["type"] == kind]


@pytest.mark.thorough
def test_a_run_scores_its_own_pairs_again_with_its_own_template(
    own_run: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = ["evaluate", "--run", own_run, "--answers"]
    *rest, found = printed(again, capsys)
    config = RunStore().get(own_run).config
    splits = load_splits(config.data, seed=config.seed)
    asked = [row["prompt"] for row in of_type(rest, "answer")]
    assert asked == [e.prompt for e in splits.test]
    assert all(prompt.startswith("Codeword QQ7. Text: cat") for prompt in asked)
    last = of_type(RunStore().messages(own_run), "evaluation")[-1]
    for figure in ("n", "score", "f1", "n_cut", "max_new_tokens", "interval"):
        assert found[figure] == last[figure]
    assert found["n_trained_on"] == 0
    for split in ("train", "validation"):
        *_, found = printed([*again, "--split", split], capsys)
        wanted = getattr(splits, split)
        assert found["n"] == len(wanted)
        assert found["n_trained_on"] == (len(wanted) if split == "train" else 0)


@pytest.mark.thorough
def test_pairs_that_were_trained_on_are_said_with_the_count(
    own_run: str, data: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = home / "answers.csv"
    every = ["evaluate", "--run", own_run, "--data", str(data), "--examples-out", str(table)]
    *_, found = printed(every, capsys)
    assert (found["n"], found["n_trained_on"]) == (20, 12)
    with table.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert sum(row["trained_on"] == "True" for row in rows) == 12
    assert sum(row["cut"] == "True" for row in rows) == found["n_cut"]
    assert rows[0]["prompt"] == "Codeword QQ7. Text: cat 0 Reply:"  # the run's own template
    assert main([*every, "--template", "{prompt}", "--max-new-tokens", "3"]) == 0
    out = capsys.readouterr().out
    assert "12 of the 20 examples scored were trained on by this run." in out
    assert "20 of 20 answers were cut at 3 tokens" in out
    with table.open(encoding="utf-8", newline="") as lines:
        assert next(iter(csv.DictReader(lines)))["prompt"] == "cat 0"


@pytest.mark.thorough
def test_a_built_in_task_is_asked_in_the_runs_own_template(
    roomy: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started, *_ = printed(
        [
            *("train", "--model", roomy, "--task", "topic", "--template", "Text: {text} Topic:"),
            *("--steps", "1", "--batch-size", "2", "--eval-examples", "1", "--final-examples", "1"),
            *("--train-examples", "4"),
        ],
        capsys,
    )
    run = started["run_id"]
    prompts: list[list[str]] = []
    for more in ([], ["--task", "topic"]):
        messages = printed(
            ["evaluate", "--run", run, "--answers", "--max-new-tokens", "1", *more], capsys
        )
        prompts.append([row["prompt"] for row in of_type(messages, "answer")])
        assert messages[-1]["task"] == "topic"
    wanted = final_set("topic", template="Text: {text} Topic:")
    assert prompts == [[e.prompt for e in wanted]] * 2


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--split", "probe"], "probe"),
        (["--template", "{prompt}"], "--data"),
        (["--max-new-tokens", "2000"], "--max-new-tokens"),
    ],
)
def test_mistakes_with_own_pairs_get_one_line(
    own_run: str, more: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refused(["evaluate", "--run", own_run, *more], capsys)


@pytest.mark.parametrize(
    ("reference", "output", "exact", "held"),
    [("-1", "1", False, False), ("Paris", "It is Paris.", False, True), ("a", "A.", True, True)],
)
def test_score_says_whether_the_whole_answer_is_right(
    reference: str, output: str, exact: bool, held: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["score", f"--reference={reference}", f"--output={output}"]
    (found,) = printed(words, capsys)
    assert (found["exact_match"], found["contains"]) == (exact, held)
    assert main(words) == 0
    assert compare_texts(reference, output).in_words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["evaluate", "--base", "--task", "names", "--data", "x.jsonl"],
            "Give either --task or --data",
        ),
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
