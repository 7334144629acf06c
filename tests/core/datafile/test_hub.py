"""Data sets of the hub, with a stand-in for the library `datasets`: rows, and each way it fails, in a sentence."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.cli.main import main
from core.datafile.hub import fetch
from core.errors import UserError

ROWS = [{"question": f"q{n}", "answer": f"a{n}"} for n in range(6)]


class DatasetNotFoundError(FileNotFoundError):
    """As datasets raises it."""


def standing_in(monkeypatch: pytest.MonkeyPatch, load: Callable[..., Any]) -> None:
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load))


def rows(name: str, *, split: str, streaming: bool) -> Iterator[dict[str, Any]]:
    assert (name, split, streaming) == ("owner/name", "test", True)
    yield from ROWS


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DatasetNotFoundError("Dataset 'x' doesn't exist on the Hub"), "no open data set owner/x"),
        (ConnectionError("Couldn't reach 'x' on the Hub (ConnectError)"), "cannot be fetched from"),
        (ValueError("Unknown split \"t\". Should be one of ['train']."), "has no split 'test'"),
        (ValueError("Config name is missing. Please pick one among …"), "has several parts"),
        (RuntimeError("Dataset scripts are no longer supported"), "made by a script"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    standing_in(monkeypatch, fail)
    with pytest.raises(UserError, match=said):
        fetch("owner/x", "test")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match="pip install datasets"):
        fetch("owner/x")


def test_the_command_writes_and_describes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    standing_in(monkeypatch, rows)
    out = tmp_path / "own.jsonl"
    command = ["data", "--hub", "owner/name", "--split", "test", "--out", str(out), "--json"]
    assert main(command) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["format"], said["n"]) == ("question/answer", 6)
    assert [json.loads(line) for line in out.read_text().splitlines()] == ROWS


def test_a_file_or_a_data_set_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    for command in (["data"], ["data", "a.csv", "--hub", "owner/name"]):
        assert main(command) == 2
        assert "Name a data file" in capsys.readouterr().err
