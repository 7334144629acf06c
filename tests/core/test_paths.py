"""What a reader names is written whole or not at all."""

import sys
from pathlib import Path

import pytest

from core.errors import UserError
from core.paths import save_whole
from tests.core.runs.test_full_disk import mounted


def test_on_a_full_disk_a_record_stays_as_it_was(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "1m"):
        record = tmp_path / "small" / "record.json"
        save_whole(record, b"old")
        with pytest.raises(UserError, match=r"record\.json cannot be written: No space left"):
            save_whole(record, bytes(2**21))
        assert record.read_bytes() == b"old"
        assert list(record.parent.iterdir()) == [record]


def test_a_folder_is_made_only_where_that_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written: No such file"):
        save_whole(tmp_path / "new" / "record.json", b"1")
    save_whole(tmp_path / "new" / "record.json", b"1", parents=True)
    assert (tmp_path / "new" / "record.json").read_bytes() == b"1"


@pytest.mark.skipif(sys.platform == "win32", reason="no such file there")
def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "nowhere"
    link.symlink_to("/dev/null")
    save_whole(link, b"1")
    assert link.is_symlink()
