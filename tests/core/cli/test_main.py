"""The command line on a tiny real model: what it prints, what it leaves behind, how it refuses."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from core.cli.main import main
from core.events import Step
from core.methods import lora
from core.paths import ROOT
from core.runs.store import RunStore
from tests.patience import PATIENCE_S

PAIRS = "\n".join(f'{{"prompt": "cat {i}", "completion": "positive"}}' for i in range(20))
STEP = {"step", "loss", "learning_rate", "grad_norm", "examples_per_s", "tokens_per_s", "elapsed_s"}
SCORED = ("--reference", "a", "--output", "b")
EVALUATION = {
    *("step", "task", "n", "score", "metric", "exact_match", "contains"),
    *("precision", "recall", "f1", "answered_with_sentiment"),
}


@pytest.fixture
def data(home: Path) -> Path:
    file = home / "pairs.jsonl"
    file.write_text(PAIRS, "utf-8")
    return file


@pytest.fixture
def train(tiny_folder: Path, data: Path) -> list[str]:
    """A command that trains the tiny model in a second."""
    return [
        *("train", "--model", str(tiny_folder), "--data", str(data), "--steps", "3"),
        *("--batch-size", "4", "--eval-every", "2", "--samples", "1", "--dtype", "float32"),
    ]


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line a mistake gets."""
    capsys.readouterr()
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "Traceback" not in printed.err
    return printed.err


@pytest.mark.thorough
def test_train_prints_what_design_names_and_records_it(
    train: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*train, "--json"]) == 0
    printed = lines(capsys)
    by_type = {message["type"]: message for message in printed}
    assert printed[0]["type"] == "started"
    assert by_type["step"].keys() >= STEP
    assert by_type["evaluation"].keys() >= EVALUATION
    assert by_type["sample"].keys() >= {"step", "task", "prompt", "reference", "output"}
    assert printed[-1]["type"] == "finished"
    assert printed[-1].keys() >= {"run_id", "trainable_params", "total_params", "peak_memory_mb"}
    assert [m["step"] for m in printed if m["type"] == "step"] == [1, 2, 3]
    store = RunStore()
    run_id = printed[0]["run_id"]
    assert store.get(run_id).status == "finished"
    assert [e.type for e in store.events(run_id)] == [m["type"] for m in printed]


@pytest.mark.thorough
def test_equal_seeds_print_equal_losses(
    train: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    losses = []
    for seed in ("1", "1", "2"):
        assert main([*train, "--seed", seed, "--json"]) == 0
        losses.append([m["loss"] for m in lines(capsys) if m["type"] == "step"])
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.thorough
def test_a_run_is_listed_asked_scored_exported_and_deleted(
    train: list[str],
    data: Path,
    home: Path,
    tiny_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*train, "--json"]) == 0
    run = lines(capsys)[0]["run_id"]
    assert main(["runs", "list", "--json"]) == 0
    assert [m["run_id"] for m in lines(capsys)] == [run]
    assert main(["runs", "show", run, "--json"]) == 0
    assert lines(capsys)[-1]["type"] == "finished"
    assert main(["generate", "--prompt", "cat", "--adapter", run, "--json"]) == 0
    assert lines(capsys)[-1]["type"] == "answer"
    assert main(["evaluate", "--run", run, "--data", str(data), "--json"]) == 0
    assert lines(capsys)[-1]["n"] == 20
    folder = home / "adapter"
    assert main(["export", "--run", run, "--to", str(folder)]) == 0
    base = AutoModelForCausalLM.from_pretrained(str(tiny_folder), dtype=torch.float32)
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        before = base(ids).logits
        after = PeftModel.from_pretrained(base, str(folder))(ids).logits
    assert not torch.equal(before, after)
    assert main(["runs", "delete", run]) == 0
    assert run in refused(["runs", "show", run], capsys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frobnicate"], "frobnicate"),
        (["train", "--task", "poetry"], "'poetry' is not known|must be one of|choose one of"),
        (["train", "--model", "gpt-9"], "'gpt-9' is not known"),
        (["train", "--method", "magic"], "magic"),
        (["train", "--targets", "nose"], "nose"),
        (["train", "--lr", "nan"], "learning_rate"),
        (["train", "--lr", "-1"], "learning_rate"),
        (["train", "--lr", "1e9"], "learning_rate"),
        (["train", "--lr", "fast"], "--lr"),
        (["train", "--steps", "0"], "steps"),
        (["train", "--batch-size", "0"], "batch_size"),
        (["train", "--rank", "0"], "rank"),
        (["train", "--eval-tasks", "names,poetry"], "poetry"),
        (["train", "--bottleneck", "0"], "bottleneck"),
        (["train", "--method", "prompt", "--prompt-start", "text"], "starts from a text if"),
        (["train", "--method", "prompt", "--prompt-start", "dreams"], "dreams"),
        (["train", "--last-layers", "-1"], "last_layers"),
        (["experiment", "methods", "--methods", "magic"], "magic"),
        (["experiment", "cures", "--methods", "lora"], "--methods goes with"),
        (["train", "--data", "nowhere.jsonl"], "nowhere.jsonl"),
        (["train"], "prepare"),
        (["generate", "--prompt", ""], "empty"),
        (["generate", "--prompt", "hi", "--temperature", "nan"], "temperature"),
        (["experiment", "cures", "--seeds", "x"], "--seeds"),
        (["experiment", "cures", "--cures", "cake"], "'cake' is not known"),
        (["experiment", "mixtures", "--cures", "lora"], "--cures"),
        (["experiment", "cures"], "prepare"),
        (["experiment", "cures", "--task", "names"], "--task goes with"),
        (["experiment", "prompting", "--task", "general"], "'general' is not known"),
        (["experiment", "prompting", "--seeds", "x"], "--seeds"),
        (["experiment", "prompting"], "prepare"),
        (["evaluate", "--base", "--task", "poetry"], "poetry"),
        (["evaluate", "--run", "nosuch", "--task", "names"], "nosuch"),
        (["runs", "show", "nosuch"], "nosuch"),
        (["runs", "stop", "nosuch"], "nosuch"),
        (["runs", "delete", "nosuch"], "nosuch"),
        (["export", "--run", "nosuch", "--to", "x"], "nosuch"),
    ],
)
def test_a_mistake_gets_one_line_and_status_2(
    arguments: list[str], words: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = refused(arguments, capsys)
    assert any(word in printed for word in words.split("|")), printed


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no prompt-completion pairs"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b'{"prompt": "a", "completion": "b"}\n{oops\n', "line 2"),
        (b'{"prompt": "a"}\n', "--map prompt="),
        (PAIRS.replace("cat", "cat " * 400).encode(), "20 lines over the limit of 256 tokens"),
        (b'{"prompt": "a", "completion": "nan"}\n', "--skip-bad-lines"),
    ],
)
def test_an_unusable_file_gets_one_line(
    content: bytes,
    words: str,
    train: list[str],
    data: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data.write_bytes(content)
    assert words in refused(train, capsys)
    assert RunStore().runs() == []


@pytest.mark.thorough
def test_what_is_known_of_the_data_is_said_and_recorded(
    train: list[str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data.write_text(PAIRS + "\n" + PAIRS.splitlines()[0], "utf-8")
    note = "1 pair of 21 repeat an earlier one and are left out: line 21."
    assert main(train) == 0
    assert note in capsys.readouterr().err
    assert main([*train, "--json"]) == 0
    printed = lines(capsys)
    assert printed[1] == {"type": "notice", "step": 0, "message": note}


@pytest.mark.thorough
def test_a_file_of_another_shape_is_described_trained_on_and_scored(
    train: list[str], data: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"instruction": "Name it.", "input": f"cat {n}", "output": n} for n in range(8)]
    data.write_text(json.dumps([*rows, {"instruction": "x", "output": None}]), "utf-8")
    assert "line 1: the completion (output) is missing" in refused(["data", str(data)], capsys)
    skipped = ["data", str(data), "--skip-bad-lines", "--json"]
    assert main(skipped) == 0
    (found,) = lines(capsys)
    assert found["type"] == "dataset"
    assert (found["format"], found["n"], found["skipped"]) == ("alpaca", 8, 1)
    assert found["columns"] == ["instruction", "input", "output"]
    assert found["mapping"] == {"prompt": "instruction+input", "completion": "output"}
    assert main([*train, "--skip-bad-lines", "--json"]) == 0
    printed = capsys.readouterr()
    assert "alpaca: prompt from instruction + input, completion from output" in printed.err
    run = json.loads(printed.out.splitlines()[0])["run_id"]
    own = ["--data", str(data), "--skip-bad-lines", "--map", "prompt=input,completion=output"]
    assert main(["evaluate", "--run", run, *own, "--answers", "--json"]) == 0
    printed = capsys.readouterr()
    assert "own mapping: prompt from input, completion from output" in printed.err
    assert json.loads(printed.out.splitlines()[0])["prompt"].startswith("cat ")
    data.write_text("title;body\na;b\n", "utf-8")
    unknown = str(data.rename(data.with_suffix(".csv")))
    assert "--map prompt=title,completion=body" in refused(["data", unknown], capsys)


def test_json_says_why_it_failed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "show", "nosuch", "--json"]) == 2
    (message,) = lines(capsys)
    assert message["type"] == "failed"
    assert "nosuch" in message["reason"]


def test_a_home_that_cannot_be_written_gets_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a file"
    file.write_text("")
    monkeypatch.setenv("TUNING_FORK_HOME", str(file / "home"))
    assert "TUNING_FORK_HOME" in refused(["runs", "list"], capsys)


@pytest.mark.thorough
def test_a_full_disk_keeps_the_curves(
    train: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(lora, "save", full)
    assert main([*train, "--json"]) == 1
    printed = lines(capsys)
    assert "The disk is full: the tuned weights cannot be saved" in printed[-1]["reason"]
    run = RunStore().get(printed[0]["run_id"])
    assert run.status == "failed"
    assert [e.step for e in RunStore().events(run.id) if isinstance(e, Step)] == [1, 2, 3]


def start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "core", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=listen_to_control_c,
    )


def listen_to_control_c() -> None:
    """A shell's background job ignores SIGINT, and so do its children unless told otherwise."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.thorough
def test_control_c_keeps_the_run(train: list[str]) -> None:
    process = start([*train, "--steps", "5000", "--eval-every", "10000", "--json"])
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["type"] == "step":
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "Traceback" not in errors
    (run,) = RunStore().runs()
    assert run.status == "stopped"
    assert any(isinstance(e, Step) for e in RunStore().events(run.id))


@pytest.mark.thorough
def test_a_reader_that_goes_away_is_no_error(
    train: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*train, "--json"]) == 0
    run = lines(capsys)[0]["run_id"]
    process = start(["runs", "show", run, "--json"])
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.wait(timeout=PATIENCE_S)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["generate", f"--scale={'x ' * 5_000}"], "invalid float value: 'x x "),
        (["score", f"--n={'9' * 5_000}", *SCORED], "argument --n: invalid int value: '99"),
        (["memory", f"--keep={'y' * 5_000}"], "(choose from"),
        (["runs", "list", "z" * 5_000], "unrecognized arguments: zz"),
        (["runs", "list", "one\ntwo"], "unrecognized arguments: one"),
        (["generate", f"--json={'z' * 5_000}"], "ignored explicit argument 'zz"),
        (["runs", "show", "r" * 5_000], "There is no run 'rr"),
        (["train", f"--task={'t' * 5_000}"], "The task 'tt"),
        (["train", f"--seed={'9' * 5_000}"], "--seed wants a whole number; got '99"),
        (["train", f"--seed={'9' * 4_000}"], "seed (--seed) must be"),
        (["train", "--data", "\0"], "which is no text"),
        (["train", "--data", "\ud800"], "which is no text"),
        (["train", "--data", "no\nfile"], r"The data file no\nfile cannot be read"),
        (["evaluate", "--base", "--task", "sentiment", f"--split={'s' * 5_000}"], "has no ss"),
        (["prepare", f"--wheel={'w' * 5_000}"], "is no path here: File name too long"),
        (["memory", f"--batch={'9' * 400}"], "--batch must be a whole number from 1"),
        (["memory", "--shape", "\n"], "does not describe a model"),
        (["experiment", "sweep", "--ranks=inf"], "--ranks wants whole numbers"),
        (["experiment", "sweep", "--ranks=nan"], "--ranks wants whole numbers"),
        (["experiment", "cures", "--cures=--"], "The cure '--' is not known"),
        (["prepare", "--wheel=--"], "There is no file --;"),
    ],
)
def test_hostile_input_gets_one_short_line(
    arguments: list[str], said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(arguments, capsys)
    assert said in line
    assert len(line) < 500
