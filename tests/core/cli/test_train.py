"""`train --dry-run`, `runs command` and `--dataset`: a run is repeated by the command it prints."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from core.cli.main import main
from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.config.command import command_of
from core.data import uploads
from core.paths import ROOT
from core.runs.store import RunStore
from tests.core.cli.test_main import PAIRS, lines, refused

pytestmark = pytest.mark.usefixtures("home")
ODD = RunConfig(
    data=DataConfig(task="names", template="It's «{text}»\n$HOME `ls` \\", train_examples=16),
    method=MethodConfig(alpha=0.1 + 0.2, target_modules=("v_proj", "q_proj")),
    optimizer=OptimizerConfig(warmup_steps=0, weight_decay=1e-300, clip_norm=0.5),
    evaluation=EvaluationConfig(prompts=("--", "-x, y", "a,b")),
    dtype="float32",
)


def test_a_dry_run_says_what_would_run_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["train", "--task", "names", "--train-examples", "16", "--validation-share", "0.3"]
    assert main([*words, "--dry-run", "--json"]) == 0
    (found,) = lines(capsys)
    config = RunConfig(data=DataConfig(task="names", train_examples=16, validation_share=0.3))
    assert found == {
        "type": "config",
        "hash": config.hash,
        "config": config.to_dict(),
        "command": command_of(config),
    }
    assert main([*words, "--dry-run"]) == 0
    assert capsys.readouterr().out == found["command"] + "\n"
    assert RunStore().runs() == []


def test_a_run_on_record_is_repeated_by_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    run = RunStore().submit(ODD)
    assert main(["runs", "command", run.id]) == 0
    command = capsys.readouterr().out.removesuffix("\n")
    assert main(["runs", "command", run.id, "--json"]) == 0
    assert lines(capsys) == [{"type": "command", "command": command, "hash": ODD.hash}]
    assert main([*shlex.split(command)[3:], "--dry-run", "--json"]) == 0
    assert lines(capsys)[0]["hash"] == ODD.hash
    for look in (["show", run.id], ["list"]):
        assert main(["runs", *look, "--json"]) == 0
        assert lines(capsys)[0]["config_hash"] == ODD.hash
    assert "nosuch" in refused(["runs", "command", "nosuch"], capsys)


@pytest.mark.thorough
def test_a_shell_understands_the_command() -> None:
    command = command_of(ODD).replace("python", shlex.quote(sys.executable), 1)
    done = subprocess.run(
        ["bash", "-c", f"{command} --dry-run --json"], capture_output=True, text=True, cwd=ROOT
    )
    assert json.loads(done.stdout)["hash"] == ODD.hash, done.stderr


def test_a_run_whose_model_folder_is_gone_has_no_command(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "model").mkdir()
    (home / "model" / "config.json").write_text("{}")
    run = RunStore().submit(RunConfig(model=str(home / "model")))
    (home / "model" / "config.json").unlink()
    assert "no longer work" in refused(["runs", "command", run.id], capsys)


@pytest.mark.thorough
def test_own_pairs_are_repeated_by_their_address(
    home: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = home / "pairs.jsonl"
    file.write_text(PAIRS, "utf-8")
    words = ["--model", str(tiny_folder), "--steps", "2", "--samples", "0", "--dtype", "float32"]
    assert main(["train", "--data", str(file), *words, "--json"]) == 0
    first = lines(capsys)
    run = RunStore().get(first[0]["run_id"])
    file.unlink()
    assert main(["runs", "command", run.id]) == 0
    command = shlex.split(capsys.readouterr().out)[3:]
    assert command[command.index("--dataset") + 1] == run.config.data.dataset
    assert main([*command, "--json"]) == 0
    again = lines(capsys)
    losses = [[m["loss"] for m in printed if m["type"] == "step"] for printed in (first, again)]
    assert losses[0] == losses[1]
    assert RunStore().get(again[0]["run_id"]).config_hash == run.config_hash


def test_a_dataset_that_is_not_here_is_refused_before_anything_runs(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "not on this machine" in refused(["train", "--dataset", "0123456789abcdef"], capsys)
    assert RunStore().runs() == []
    address = uploads.keep([{"prompt": "a", "completion": "b"}])
    assert "only one of" in refused(["train", "--dataset", address, "--data", "x.jsonl"], capsys)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "words",
    [
        ["train", "--help"],
        ["train", "--dry-run", "--json"],
        ["runs", "list"],
        ["runs", "command", "nosuch"],
    ],
    ids=" ".join,
)
def test_looking_needs_no_torch(words: list[str]) -> None:
    code = (
        "import sys; from core.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "bad = {'torch', 'transformers', 'peft', 'streamlit'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=ROOT,
        env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
