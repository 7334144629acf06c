"""What decides a run's numbers besides its config: the code, the model's files, the device, the precision.

Two results may be called "of exactly the same settings" only where all of these are equal. So each run is
recorded with its identity, such as "9f2c41d07a3e smollm2-135m-instruct 51b0c3e89d24 cpu bfloat16": a digest
of the source that decides numbers, the model and a checksum of its files, and where it was computed, how.
Imports no torch: the web process looks up finished runs, too.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from core import catalog
from core.config import RunConfig
from core.models.acquire import model_dir
from core.paths import ASSETS, ROOT, data_dir, write_whole

SOURCES = (
    "core/answer.py",
    "core/catalog.py",
    "core/config",
    "core/data",
    "core/evaluate",
    "core/events.py",
    "core/generate",
    "core/inspect",
    "core/methods",
    "core/models",
    "core/runs/base_results.py",
    "core/runs/execute.py",
    "core/shape.py",
    "core/train",
)
"""The code between a config and the numbers that a run records."""
DATA = ASSETS / "data"
LIBRARIES = ("torch", "transformers", "peft", "tokenizers", "sacrebleu")
MODEL_FILES = ("*.safetensors", "*.json", "*.jinja")
DIGITS = 12

SEEN_S = 2.0
"""A page of a class asks many times while it is drawn, and looking at two hundred files takes 5 ms."""
Signature = tuple[tuple[str, int, int], ...]
"""Path, size and time of change (ns) of each file: while they stay, so does its content."""
_seen: tuple[float, Signature] = (-SEEN_S, ())


def identity_of(config: RunConfig) -> str:
    """The identity that a run of `config` would have here and now, by what this machine is known for."""
    known = _machine()
    dtype = known.get("dtype", "") if config.dtype == "auto" else config.dtype
    return _joined(code_digest(), config.model, known.get("device", ""), dtype)


def identity_in(config: RunConfig, *, device: str, dtype: str) -> str:
    """The identity of a run that this process computes: of the code it has loaded, not of the files now."""
    return _joined(LOADED, config.model, device, dtype)


def identity_of_answers(model: str) -> str:
    """What decides an untrained model's answers here; see `identity_of`."""
    return identity_of(RunConfig(model=model))


def remember_machine(*, device: str, dtype: str = "") -> None:
    """Keep where this machine computes and, if given, the precision that its probe chose.

    For processes that have no torch to ask.
    """
    known = _read(_machine_file())
    found = {"device": device, "dtype": dtype or known.get("dtype", "")}
    if found != known:
        _replace(_machine_file(), json.dumps(found))


def code_digest() -> str:
    """Digest of the source files, the built-in data and the libraries that decide numbers, as they were within the
    last `SEEN_S` seconds."""
    global _seen
    if time.monotonic() - _seen[0] > SEEN_S:
        _seen = time.monotonic(), _signature(_sources())
    return _digest(_seen[1], _libraries())


def model_digest(folder: Path) -> str:
    """Digest of the model files in `folder`; empty when there are none.

    Hashing takes a second for 500 MB, so the answer is kept in the data folder while the files stay.
    """
    files = sorted(file for form in MODEL_FILES for file in folder.glob(form))
    signature = _signature(file for file in files if file.name != "ready.json")
    return _kept_digest(folder, signature) if signature else ""


def _joined(code: str, model: str, device: str, dtype: str) -> str:
    entry = catalog.find_model(model)
    unfused = ("unfused",) if os.environ.get("TUNING_FORK_FUSED") == "0" else ()
    return " ".join((code, entry.id, model_digest(model_dir(entry)), device, dtype, *unfused))


def _sources() -> Iterator[Path]:
    for name in SOURCES:
        place = ROOT / name
        yield from sorted(place.rglob("*.py")) if place.is_dir() else [place]
    yield from sorted(DATA.glob("*.jsonl"))


def _signature(files: Iterable[Path]) -> Signature:
    found: list[tuple[str, int, int]] = []
    for file in files:
        try:
            seen = file.stat()
        except OSError:
            continue  # gone, or not there in this version
        found.append((str(file), seen.st_size, seen.st_mtime_ns))
    return tuple(found)


@cache
def _digest(signature: Signature, more: str = "") -> str:
    found = hashlib.sha256(more.encode())
    for path, size, _ in signature:
        found.update(f"{Path(path).name} {size}\n".encode())
        with Path(path).open("rb") as stream:
            while block := stream.read(2**20):
                found.update(block)
    return found.hexdigest()[:DIGITS]


@cache
def _libraries() -> str:
    def of(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return ""

    return " ".join(f"{package} {of(package)}" for package in LIBRARIES)


@cache
def _kept_digest(folder: Path, signature: Signature) -> str:
    kept_in, name = data_dir() / "checksums.json", str(folder)
    wanted = [list(file) for file in signature]
    everything = _read(kept_in)
    kept = everything.get(name)
    if isinstance(kept, dict) and kept.get("files") == wanted:
        return str(kept.get("digest"))
    digest = _digest(signature)
    _replace(kept_in, json.dumps(everything | {name: {"files": wanted, "digest": digest}}))
    return digest


def _machine_file() -> Path:
    return data_dir() / "machine.json"


def _machine() -> dict[str, str]:
    found = _read(_machine_file())
    chosen = os.environ.get("TUNING_FORK_DEVICE")
    return found | {"device": chosen} if chosen and found else found


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _replace(path: Path, text: str) -> None:
    """What is kept here can be found out again, so a full disk is no error."""
    with suppress(OSError):
        write_whole(path, text.encode())


LOADED = code_digest()
"""Of the code as this process has it."""
