"""Exports that a page made, as one ZIP; they go with their run."""

import zipfile
from pathlib import Path

import pytest

from core.errors import UserError
from core.export import kept

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
