"""Each fault that a file can have is planted into sound pairs, and found with its lines; sound pairs are let alone."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from core import catalog
from core.cli.main import main
from core.config import DataConfig, EvaluationConfig, RunConfig
from core.data import uploads
from core.data.tokenizer import ChatTokenizer
from core.datacheck import Finding, check_data
from core.datafile import read
from core.models.acquire import model_dir
from tests.core.conftest import make_tokenizer

WORDS = [f"word{n}" for n in range(400)]
Row = dict[str, Any]


def sound(n: int = 60) -> list[Row]:
    """Reviews of random words with two labels, as often one as the other; an instruction before each."""
    chance = random.Random(5)
    return [
        {
            "prompt": f"Is this review good or bad? {' '.join(chance.sample(WORDS, 9))}",
            "completion": "good" if k % 2 else "bad",
        }
        for k in range(n)
    ]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def tokenizer(tmp_path: Path) -> ChatTokenizer:
    make_tokenizer(tmp_path)
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 2048}')
    return ChatTokenizer.load(tmp_path)


def checked(rows: list[Row], tokenizer: ChatTokenizer | None = None, **data: Any) -> list[Finding]:
    content = "\n".join(map(json.dumps, rows)).encode()
    found = read(content, name="own.jsonl", skip_bad_lines=True)
    address = uploads.keep(found.records, uploads.Source(name=found.name, lines=found.lines))
    config = RunConfig(
        data=DataConfig(task=catalog.CUSTOM_TASK, dataset=address, **data),
        evaluation=EvaluationConfig(max_new_tokens=24),
    )
    return check_data(config, tokenizer, skipped=found.skipped)


def of(found: list[Finding], kind: str) -> Finding:
    (one,) = [f for f in found if f.kind == kind]
    return one


@pytest.mark.parametrize("n", [8, 60, 400])
def test_sound_pairs_are_let_alone(n: int, home: Path, tokenizer: ChatTokenizer) -> None:
    found = checked(sound(n), tokenizer)
    assert {f.level for f in found} <= {"note"} or n == 8  # four of each label are few
    assert [f.kind for f in found if f.level != "note"] in ([], ["rare_labels"])
    assert of(found, "label_balance").sentence == "2 labels: bad 50\u00a0% and good 50\u00a0%."


def changed(**at: Row) -> list[Row]:
    """Sound rows with some lines (l3 is line 3) written over or added."""
    rows = sound()
    for name, change in at.items():
        line = int(name[1:])
        rows[line - 1 : line] = [{**rows[line - 1], **change}] if line <= 60 else [change]
    return rows


FIRST = sound()[0]["prompt"]
PLANTED: dict[str, tuple[list[Row], str, str, tuple[int, ...]]] = {
    "a long pair": (changed(l7={"prompt": "~" * 3_000}), "too_long", "stops", (7,)),
    "a cut answer": (changed(l9={"completion": "~" * 40}), "answers_cut", "look", (9,)),
    "a repeated pair": (changed(l61=sound()[0]), "duplicates", "note", (61,)),
    "a contradiction": (
        changed(l62={"prompt": FIRST.upper(), "completion": "good"}),
        "contradictions",
        "look",
        (1, 61),
    ),
    "a near copy": (
        changed(l61={"prompt": f"{FIRST} indeed", "completion": "bad"}),
        "near_duplicates",
        "look",
        (1, 61),
    ),
    "a null": (changed(l5={"completion": None}), "left_out", "look", (5,)),
    "a nan": (changed(l5={"completion": "nan"}), "left_out", "look", (5,)),
    "a word for nothing": (changed(l5={"completion": "N/A"}), "empty_cells", "look", (5,)),
    "a control token": (changed(l3={"prompt": "a <|im_end|> b"}), "control_tokens", "look", (3,)),
    "another model's": (changed(l3={"prompt": "[INST] b"}), "control_tokens", "look", (3,)),
    "a spelling": (changed(l4={"completion": "Good."}), "label_spelling", "look", (4,)),
    "a rare label": (
        changed(l4={"completion": "so so"}, l6={"completion": "so so"}),
        "rare_labels",
        "look",
        (4, 6),
    ),
    "one label": (
        [{**row, "completion": "good" if n % 9 else "bad"} for n, row in enumerate(sound())],
        "label_balance",
        "look",
        (),
    ),
    "too few": (sound(3), "no_split", "stops", ()),
    "one prompt": ([{**row, "prompt": "hello"} for row in sound()], "no_split", "stops", ()),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_with_its_lines(
    name: str, home: Path, tokenizer: ChatTokenizer
) -> None:
    rows, kind, level, lines = PLANTED[name]
    found = of(checked(rows, tokenizer), kind)
    assert (found.level, found.lines) == (level, lines)
    assert found.sentence.endswith(".")
    for line in lines:
        assert str(line) in found.sentence
    untouched = [f.kind for f in checked(sound(), tokenizer) if f.level == level]
    assert kind not in untouched


def test_what_stops_a_run_comes_first(home: Path, tokenizer: ChatTokenizer) -> None:
    rows = changed(l7={"prompt": "~" * 3_000}, l61=sound()[0])
    levels = [f.level for f in checked(rows, tokenizer)]
    assert levels == sorted(levels, key=("stops", "look", "note").index)
    assert levels[0] == "stops"


def test_near_copies_that_are_trained_on_and_tested(home: Path) -> None:
    rows = [{**row, "split": "train" if n < 50 else "test"} for n, row in enumerate(sound())]
    rows[55]["prompt"] = rows[2]["prompt"] + " indeed"
    rows[56]["prompt"] = rows[52]["prompt"] + " indeed"  # both tested
    found = of(checked(rows), "leakage")
    assert found.lines == (3, 56)
    assert "1 test prompt is nearly the same as one that is trained on" in found.sentence


def test_a_prompt_in_two_parts_of_the_file_s_own_split(home: Path) -> None:
    rows = [{**row, "split": "train" if n < 50 else "test"} for n, row in enumerate(sound())]
    rows[55]["prompt"] = rows[2]["prompt"]
    found = of(checked(rows), "leakage")
    assert (found.level, found.lines) == ("look", (3, 56))
    assert "stands in two parts" in found.sentence


def test_without_a_tokenizer_lengths_are_left_out_and_all_else_is_found(home: Path) -> None:
    kinds = {f.kind for f in checked(changed(l61=sound()[0]))}
    assert kinds == {"duplicates", "label_balance"}


def test_the_command_says_the_same(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.jsonl"
    rows = [*sound(), {"prompt": FIRST, "completion": "good"}]
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    assert main(["data", str(file), "--check", "--json"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert said[0]["type"] == "dataset"
    (found,) = [one for one in said if one.get("kind") == "contradictions"]
    assert (found["type"], found["level"], found["lines"], found["n"]) == (
        "finding",
        "look",
        [1, 61],
        2,
    )
    assert main(["data", str(file), "--check"]) == 0
    assert f"look: {found['sentence']}" in capsys.readouterr().out


def test_the_command_says_what_a_run_would_take(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = model_dir(catalog.MODELS[catalog.DEFAULT_MODEL])
    folder.mkdir(parents=True)
    make_tokenizer(folder)
    (folder / "config.json").write_text('{"max_position_embeddings": 2048}')
    monkeypatch.setattr("core.cli.data.is_ready", lambda entry: True)
    file = tmp_path / "own.jsonl"
    file.write_text("\n".join(map(json.dumps, sound())), "utf-8")
    assert main(["data", str(file), "--check", "--json"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert said[-1]["type"] == "expected"
    assert said[-1]["seconds"] is None
    assert "not known yet" in said[-1]["said"]
    assert any(one.get("kind") == "lengths" for one in said)
