"""Models from a local folder and from the hub."""

import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from core.catalog import DEFAULT_MODEL, MODELS, ModelEntry, find_model
from core.errors import UserError
from core.models import acquire, download
from tests.core.models.acquire.preparing import (
    MODEL_FILES,
    closed_address,
    leftovers,
    prepare,
    write_model,
)


def test_local_folder(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write_model(folder)
    entry = find_model(str(folder))
    assert acquire.model_dir(entry) == folder
    assert [p.stage for p in prepare(entry)] == ["ready"]
    for name, told in (("tokenizer.json", "tokenizer.json"), ("model.safetensors", "safetensors")):
        (folder / name).rename(folder / "pytorch_model.bin")
        assert not acquire.is_ready(entry)
        with pytest.raises(UserError, match=f"has no .*{told}"):
            prepare(entry)
        (folder / "pytorch_model.bin").rename(folder / name)


HUB_ENTRY = ModelEntry(
    id="from-hub", title="From hub", licence="", parameters=1, download_mb=1, hub="someone/model"
)


@pytest.mark.thorough
def test_hub_out_of_reach(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", closed_address())
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(
        UserError, match=r"hub cannot be reached from here \(ConnectError\).* give its folder\.$"
    ):
        prepare(HUB_ENTRY)
    assert not acquire.is_ready(HUB_ENTRY)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the hub's repository; the download runs in this process."""
    write_model(tmp_path / "hub")

    def snapshot_download(repo: str, *, local_dir: Path, allow_patterns: list[str]) -> str:
        assert repo == HUB_ENTRY.hub
        local_dir.mkdir()
        (local_dir / ".cache").mkdir()
        for pattern in allow_patterns:
            for file in (tmp_path / "hub").glob(pattern):
                shutil.copy(file, local_dir)
        return str(local_dir)

    def run_child(work: Any, command: list[str], *_: Any, cwd: Path) -> tuple[int, str]:
        download.fetch_from_hub(command[-2], Path(command[-1]))
        return 0, ""

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    monkeypatch.setattr(download, "_run_child", run_child)
    return tmp_path / "hub"


def test_hub_model(hub: Path, home: Path) -> None:
    (hub / "pytorch_model.bin").write_text("pickle")
    assert not acquire.is_ready(HUB_ENTRY)
    prepare(HUB_ENTRY)
    assert acquire.is_ready(HUB_ENTRY)
    names = {p.name for p in acquire.model_dir(HUB_ENTRY).iterdir()}
    assert names == {*MODEL_FILES, acquire.MARKER}
    assert leftovers(home) == ["from-hub"]


def test_hub_model_without_safetensors_is_refused(hub: Path) -> None:
    (hub / "model.safetensors").rename(hub / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"someone/model on the hub has no \*\.safetensors"):
        prepare(HUB_ENTRY)
    assert not acquire.is_ready(HUB_ENTRY)


def test_the_catalogue_names_complete_sources() -> None:
    source = MODELS[DEFAULT_MODEL].wheel
    assert source is not None
    assert len(source.sha256) == 64
    assert all(bool(e.wheel) != bool(e.hub) for e in MODELS.values())
