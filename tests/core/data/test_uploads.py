"""Uploaded datasets: kept under the address of their content, and found under nothing else."""

import errno
import re
from pathlib import Path

import pytest

from core.data import uploads
from core.errors import UserError

RECORDS = [
    {"prompt": "two\nlines\r\n", "completion": "Grüße 日本 🎼 \u2028"},
    {"prompt": '"quoted"', "completion": "\\", "n": 3},
]


def test_kept_records_come_back(home: Path) -> None:
    address = uploads.keep(RECORDS)
    assert re.fullmatch("[0-9a-f]{16}", address)
    assert uploads.load(address) == RECORDS
    assert uploads.is_here(address)


def test_equal_content_has_one_address(home: Path) -> None:
    address = uploads.keep(RECORDS)
    assert uploads.keep([dict(reversed(record.items())) for record in RECORDS]) == address
    assert uploads.keep(RECORDS[::-1]) != address
    assert len(list(uploads.folder().iterdir())) == 2


@pytest.mark.parametrize(
    "address",
    ["", "0" * 16, "../secret", "0" * 15 + "/", "../../datasets/" + "a" * 16, "A" * 16, "0" * 17],
)
def test_other_addresses_are_refused(address: str, home: Path) -> None:
    uploads.keep(RECORDS)
    (uploads.folder().parent / "secret.jsonl").write_text('{"prompt": "a"}\n')
    with pytest.raises(UserError, match="is not on this machine; upload it again"):
        uploads.load(address)
    assert not uploads.is_here(address)


@pytest.mark.parametrize("end", ["\n", "\0", "/../" + "0" * 16])
def test_an_address_has_nothing_after_it(end: str, home: Path) -> None:
    address = uploads.keep(RECORDS)
    with pytest.raises(UserError, match="is not on this machine"):
        uploads.load(address + end)


def test_what_cannot_be_written_leaves_nothing_behind(home: Path) -> None:
    """A lone surrogate, which JSON can spell, is no text in any file."""
    address = uploads.keep(RECORDS)
    with pytest.raises(UserError, match="cannot be saved"):
        uploads.keep([{"prompt": "\ud800", "completion": "x"}])
    assert [path.stem for path in uploads.folder().iterdir()] == [address]


def test_a_full_disk_is_said_without_numbers_of_the_system(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads, "write_whole", refuse)
    with pytest.raises(UserError) as refused:
        uploads.keep(RECORDS)
    assert str(refused.value) == "The dataset cannot be saved: No space left on device."


def test_a_folder_that_cannot_be_made_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="TUNING_FORK_HOME"):
        uploads.keep(RECORDS)
