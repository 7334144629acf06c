"""What tests of preparing a model share: a stand-in conversion, damaged wheels, what is left over."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from core.catalog import ModelEntry
from core.models import acquire
from core.models.download import Progress

ROOT = Path(__file__).resolve().parents[4]


MODEL_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")


GGUF = b"GGUF stand-in " * 1000


SLEEP = "import time\nwhile True: time.sleep(1)"


def write_model(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in MODEL_FILES:
        (folder / name).write_text("{}")


def closed_address() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def replace_conversion(
    monkeypatch: pytest.MonkeyPatch, convert_gguf: Callable[[Path, Path], None]
) -> None:
    module = ModuleType("core.models.convert")
    module.convert_gguf = convert_gguf  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "core.models.convert", module)


def prepare(entry: ModelEntry, **arguments: Any) -> list[Progress]:
    """Prepare and return every report."""
    seen: list[Progress] = []
    folder = acquire.prepare(entry, on_progress=seen.append, **arguments)
    assert folder == acquire.model_dir(entry)
    return seen


def leftovers(home: Path) -> list[str]:
    """What the model cache holds besides ready models."""
    names = [p.name for p in (home / "cache" / "models").iterdir()]
    return sorted(n for n in names if not n.endswith(".lock"))


def corrupt(wheel: Path, folder: Path) -> Path:
    content = bytearray(wheel.read_bytes())
    content[100] ^= 1
    file = folder / "corrupt.whl"
    file.write_bytes(content)
    return file
