"""A command in a process of its own: what it says, how it fails, and that it can be stopped."""

import json
from pathlib import Path

import pytest

from core.command_process import CommandProcess
from tests.patience import wait_for

pytestmark = pytest.mark.thorough


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    return tmp_path


def ended(process: CommandProcess) -> CommandProcess:
    wait_for(lambda: not process.is_running)
    return process


def test_what_it_says_and_that_it_went_well(home: Path) -> None:
    file = home / "own.csv"
    file.write_text("text,label\n" + "".join(f"t{n},{n % 2}\n" for n in range(8)))
    process = ended(CommandProcess(["data", str(file), "--json"]))
    assert process.error == ""
    assert [m["type"] for m in process.messages] == ["dataset"]
    assert process.messages[0]["n"] == 8
    assert process.said == ["own.csv: text/label: prompt from text, completion from label"]


def test_why_it_failed_is_the_command_s_own_sentence(home: Path) -> None:
    process = ended(CommandProcess(["data", str(home / "none.csv"), "--json"]))
    assert "cannot be read: No such file" in process.error
    without_json = ended(CommandProcess(["data", str(home / "none.csv")]))
    assert "cannot be read: No such file" in without_json.error


def test_it_is_stopped(home: Path) -> None:
    rows = [{"prompt": f"p{n}", "completion": "x"} for n in range(15_000)]
    file = home / "own.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    process = CommandProcess(["data", str(file), "--check", "--json"])
    assert process.is_running
    process.stop()
    assert ended(process).error == "Stopped; nothing was written."
    process.stop()
    assert process.error == "Stopped; nothing was written."
