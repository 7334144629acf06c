"""An exported folder is whole or absent: full disk, interruption, a place that is taken."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.errors import UserError
from core.export.folder import MARK, whole_folder
from core.paths import ROOT
from tests.core.runs.test_full_disk import mounted


def test_all_is_there_at_the_end(tmp_path: Path) -> None:
    to = tmp_path / "new" / "folder"
    with whole_folder(to) as folder:
        (folder / "a.txt").write_text("a")
        assert not to.exists()
    assert [p.name for p in to.iterdir()] == ["a.txt"]
    assert [p.name for p in to.parent.iterdir()] == ["folder"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    with whole_folder(tmp_path / "to") as folder:
        (folder / "a.txt").write_text("a")
    assert (tmp_path / "to" / "a.txt").is_file()


def write(to: Path, *, fail: type[BaseException] | None = None, n_bytes: int = 1) -> None:
    with whole_folder(to) as folder:
        (folder / "a.txt").write_bytes(bytes(n_bytes))
        if fail:
            raise fail("Stopped.")


def write_weights(to: Path) -> None:
    with whole_folder(to) as folder:
        save_file({"a": torch.zeros(2**20)}, folder / "a.safetensors")


def test_a_folder_that_holds_something_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match=r"is not empty; choose a new folder"):
        write(tmp_path / "to")
    assert [p.name for p in (tmp_path / "to").iterdir()] == ["mine.txt"]


def test_a_file_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "to").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        write(tmp_path / "to")
    assert (tmp_path / "to").read_text() == "mine"


@pytest.mark.parametrize("error", [KeyboardInterrupt, UserError, RuntimeError])
def test_what_ends_early_leaves_nothing(error: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(error):
        write(tmp_path / "to", fail=error)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"^The folder .+ cannot be written: Not a directory\.$"):
        write(tmp_path / "file" / "to")


@pytest.mark.parametrize("to", ["", ".", "/", "..", "here/.."])
def test_a_folder_without_a_name_of_its_own_is_refused_in_a_sentence(
    to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    with pytest.raises(UserError, match=r"^The folder .+ is not empty; choose a new folder\.$"):
        write(Path(to))
    assert [p.name for p in tmp_path.iterdir()] == ["here"]


@pytest.mark.parametrize("kind", ["file", "safetensors"])
def test_a_full_disk_leaves_nothing(kind: str, tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "1m"):
        to = tmp_path / "small" / "to"
        with pytest.raises(UserError, match=r"^The disk is full: nothing was written to "):
            write(to, n_bytes=2**21) if kind == "file" else write_weights(to)
        assert list((tmp_path / "small").iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next_export(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from core.export.folder import whole_folder\n"
        "with whole_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half.txt').write_text('half'); print('in', flush=True); time.sleep(600)\n"
    )
    to = tmp_path / "to"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(to)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    other = tmp_path / f"to{MARK}{os.getpid()}-of-a-process-that-lives"
    other.mkdir()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(0.1)
    assert not to.exists()
    assert len(list(tmp_path.iterdir())) == 2
    with whole_folder(to) as folder:
        (folder / "whole.txt").write_text("whole")
    assert {p.name for p in tmp_path.iterdir()} == {"to", other.name}
