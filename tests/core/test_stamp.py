"""What a record says of how it came about."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from core import machine, stamp
from core.errors import UserError
from core.quiet import Load, Quietness
from core.stamp import Stamp, check_alike
from core.typed_json import read

QUIET = Load(seconds=5.0, others=0.01, steal=0.0, load=0.1)
BUSY = Load(seconds=60.0, others=0.3, steal=None, load=0.1)


def test_a_stamp_says_where_how_and_how_quiet() -> None:
    found = Stamp.now(
        dtype="bfloat16", device="cpu", quiet=Quietness(before=QUIET, during=QUIET, worst=QUIET)
    )
    assert found.versions.keys() >= {"torch", "transformers", "peft"}
    assert found.disturbed == ()
    assert found.words.startswith("Bfloat16, on cpu")
    assert read(Stamp, json.loads(json.dumps(asdict(found)))) == found


def test_a_busy_machine_marks_the_stamp() -> None:
    quiet = Quietness(before=QUIET, during=BUSY, worst=BUSY)
    found = Stamp.now(dtype="float32", device="cpu", quiet=quiet)
    assert found.disturbed == (
        "Other programs used 30 % of the processors while measuring (at most 5 %).",
    )


def test_an_old_record_is_not_known() -> None:
    assert read(Stamp, {}) == Stamp()
    assert Stamp().words == "Not known: precision, device, processor features, commit, load."


def _git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def test_the_commit_names_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamp, "ROOT", tmp_path.resolve())
    assert stamp.commit() == ""  # no git here
    _git(tmp_path, "init")
    (tmp_path / "code.py").write_text("x = 1\n")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-m", "code")
    clean = stamp.commit()
    assert len(clean) == 12
    (tmp_path / "assets" / "recorded").mkdir(parents=True)
    (tmp_path / "assets" / "recorded" / "bench.json").write_text("{}")
    assert stamp.commit() == clean  # what is being recorded decides no figure
    (tmp_path / "code.py").write_text("x = 2\n")
    assert stamp.commit() == clean + stamp.CHANGED
    inside = tmp_path / "copy"
    inside.mkdir()
    monkeypatch.setattr(stamp, "ROOT", inside.resolve())
    assert stamp.commit() == ""  # a copy without git inside another project


def test_flags_are_those_that_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = {"flags": "fpu avx2 sse amx_bf16 avx512f", "Features": ""}
    monkeypatch.setattr(machine, "_cpuinfo", lambda name: lines[name])
    assert machine.processor_flags() == ("amx_bf16", "avx512f", "avx2")
    monkeypatch.setattr(machine, "_cpuinfo", lambda name: "")
    assert machine.processor_flags() == ()


def test_two_devices_or_precisions_cannot_stand_in_one_record() -> None:
    check_alike("device", [("ours", "cpu"), ("trainer", ""), ("sft", "cpu")])
    with pytest.raises(
        UserError, match=r"ours was measured with device cuda:0, trainer with device"
    ):
        check_alike("device", [("ours", "cuda:0"), ("trainer", "cpu")])
