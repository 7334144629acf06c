"""Equal settings are offered as finished only where code, model, device and precision are equal, too."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core import paths
from core.config import RunConfig
from core.runs import identity
from core.runs.execute import execute
from core.runs.store import RunStore, RunSummary

ME = "here:1:0.0"


@pytest.fixture(autouse=True)
def look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "SEEN_S", -1.0)


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the source that may be changed, in place of our own."""
    root = tmp_path / "copy"
    shutil.copytree(paths.ROOT / "core", root / "core")
    shutil.copytree(paths.ASSETS / "data", root / "assets" / "data")
    monkeypatch.setattr(identity, "ROOT", root)
    monkeypatch.setattr(identity, "DATA", root / "assets" / "data")
    return root


def finished(store: RunStore, config: RunConfig) -> str:
    run = store.start(config, worker=ME)
    store.finish(run.id, RunSummary())
    return run.id


@pytest.mark.parametrize(
    "touched",
    [
        "core/train/loop.py",
        "core/train/training.py",
        "core/models/trie.py",
        "core/models/load.py",
        "core/methods/lora.py",
        "core/evaluate/answers.py",
        "core/generate/batch.py",
        "core/data/template.py",
        "core/config/method.py",
        "core/catalog.py",
        "core/runs/execute.py",
        "assets/data/sentiment_test.jsonl",
    ],
)
def test_runs_of_other_code_or_data_are_not_offered(
    store: RunStore, copy: Path, touched: str
) -> None:
    run_id, config = finished(store, RunConfig()), RunConfig()
    found = store.find_finished(config)
    assert found is not None
    assert found.id == run_id
    file = next(
        f
        for f in (copy / touched, copy / touched.replace("train/trie", "models/trie"))
        if f.is_file()
    )
    before = file.read_text("utf-8")
    file.write_text(before + "\n")
    assert store.find_finished(config) is None
    file.write_text(before)
    assert store.find_finished(config) is not None


@pytest.mark.thorough
def test_a_page_or_a_command_decides_no_number(store: RunStore, copy: Path) -> None:
    finished(store, RunConfig())
    (copy / "core" / "cli" / "main.py").write_text("")
    assert store.find_finished(RunConfig()) is not None


def test_a_new_file_of_the_training_path_counts(store: RunStore, copy: Path) -> None:
    finished(store, RunConfig())
    (copy / "core" / "methods" / "new.py").write_text("x = 1\n")
    assert store.find_finished(RunConfig()) is None


def test_files_are_looked_at_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(identity, "_signature", lambda files: looks.append(1) or ())
    monkeypatch.setattr(identity, "_seen", (0.0, ()))
    monkeypatch.setattr(identity, "SEEN_S", 60.0)
    monkeypatch.setattr(identity.time, "monotonic", lambda: 100.0)
    for _ in range(3):
        identity.code_digest()
    assert len(looks) == 1
    monkeypatch.setattr(identity.time, "monotonic", lambda: 200.0)
    identity.code_digest()
    assert len(looks) == 2


def test_other_libraries_are_other_code(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(store, RunConfig())
    monkeypatch.setattr(identity, "_libraries", lambda: "torch 9.9")
    assert store.find_finished(RunConfig()) is None


def test_changed_weights_of_the_same_size_are_another_model(store: RunStore, home: Path) -> None:
    folder = home / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    weights = folder / "model.safetensors"
    weights.write_bytes(b"aaaa")
    config = RunConfig(model=str(folder))
    finished(store, config)
    assert store.find_finished(config) is not None
    weights.write_bytes(b"aaab")
    assert store.find_finished(config) is None


def test_a_checksum_is_kept_and_a_damaged_list_of_them_is_made_anew(home: Path) -> None:
    folder = home / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"abc")
    first = identity.model_digest(folder)
    kept = json.loads((paths.data_dir() / "checksums.json").read_text())
    assert kept[str(folder)]["digest"] == first
    (paths.data_dir() / "checksums.json").write_text("[")
    identity._kept_digest.cache_clear()
    assert identity.model_digest(folder) == first
    assert identity.model_digest(home / "nothing") == ""


def test_device_and_precision_of_auto_are_those_of_this_machine(store: RunStore) -> None:
    identity.remember_machine(device="cpu", dtype="bfloat16")
    finished(store, RunConfig())
    assert store.find_finished(RunConfig()) is not None
    identity.remember_machine(device="cpu", dtype="float32")
    assert store.find_finished(RunConfig()) is None
    finished(store, RunConfig(dtype="float32"))
    assert store.find_finished(RunConfig(dtype="float32")) is not None
    identity.remember_machine(device="cuda", dtype="float32")
    assert store.find_finished(RunConfig(dtype="float32")) is None


@pytest.mark.thorough
def test_a_run_is_recorded_with_what_really_computed_it(
    store: RunStore, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from core.models.load import load_folder

    identity.remember_machine(device="cpu", dtype="bfloat16")
    config = RunConfig.from_dict(
        {
            "model": str(tiny_folder),
            "optimizer": {"steps": 1},
            "evaluation": {"examples": 1, "final_examples": 1},
        }
    )
    monkeypatch.setattr(identity, "LOADED", "0123456789ab")
    run = store.start(config, worker=ME)
    base = load_folder(tiny_folder, id=config.model, dtype=torch.float32)
    execute(run, store, lambda _: base)
    ended = store.get(run.id)
    assert ended.status == "finished", ended.reason
    assert ended.version.split()[0] == "0123456789ab"
    assert ended.version.split()[-2:] == ["cpu", "float32"]


@pytest.mark.thorough
def test_the_web_process_needs_no_torch_for_it() -> None:
    code = "import core.runs.store, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=paths.ROOT)


def test_a_run_without_fused_parts_is_another(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = identity.identity_of(RunConfig())
    monkeypatch.setenv("TUNING_FORK_FUSED", "0")
    assert identity.identity_of(RunConfig()) == f"{usual} unfused"
