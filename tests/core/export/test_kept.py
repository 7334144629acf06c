"""Exports that a page made, as one ZIP; they go with their run."""

import zipfile
from pathlib import Path

import pytest

from core.config import MethodConfig, RunConfig
from core.errors import UserError
from core.export import kept
from core.export.export import formats_of
from core.runs.store import RunStore, RunSummary

RUN = "20261128-101500-ab12cd"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    found = kept.folder_of(RUN, "script")
    (found / "data").mkdir(parents=True)
    (found / "train.py").write_text("print()")
    (found / "data" / "train.jsonl").write_text("{}")
    return found


def test_a_zip_holds_one_folder_with_everything(folder: Path) -> None:
    assert kept.is_there(RUN, "script")
    with zipfile.ZipFile(kept.zipped(RUN, "script")) as archive:
        assert sorted(archive.namelist()) == [
            f"{RUN}-script/data/train.jsonl",
            f"{RUN}-script/train.py",
        ]
    assert [p.name for p in folder.parent.iterdir() if "partial" in p.name] == []


def test_exports_go_alone_and_all_together(folder: Path) -> None:
    other, same = kept.folder_of(RUN, "card"), kept.folder_of("20261128-101500-ab12ce", "card")
    other.mkdir()
    same.mkdir()
    kept.zipped(RUN, "script")
    kept.remove(RUN, "script")
    assert sorted(p.name for p in folder.parent.iterdir()) == sorted([other.name, same.name])
    kept.remove(RUN)
    assert [p.name for p in folder.parent.iterdir()] == [same.name]


def test_what_is_no_run_has_no_folder(folder: Path) -> None:
    with pytest.raises(UserError, match="There is no run"):
        kept.folder_of("../../etc", "card")


def test_a_run_is_offered_what_it_can_be_written_as(folder: Path) -> None:
    store = RunStore()
    found: dict[str, list[str]] = {}
    for method, has_adapter in (("lora", True), ("full", False), ("prefix", True)):
        run = store.start(RunConfig(method=MethodConfig(name=method)), worker=method)
        if has_adapter:
            store.artifact_dir(run.id).mkdir(parents=True)
            (store.artifact_dir(run.id) / "adapter_config.json").write_text("{}")
        store.finish(run.id, RunSummary(artifact_bytes=10))
        found[method] = formats_of(store, store.get(run.id))
    rest = ["script", "notebook", "card", "report"]
    assert found == {
        "lora": ["peft", "merged", "gguf", *rest],
        "full": ["merged", "gguf", *rest],
        "prefix": ["peft", *rest],
    }
    stopped = store.submit(RunConfig(seed=1))
    store.stop(stopped.id)
    assert formats_of(store, store.get(stopped.id)) == rest
