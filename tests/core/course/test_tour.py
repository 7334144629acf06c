"""The tour: about a minute, and each stop short."""

from pathlib import Path

import pytest

from core.course.tour import FILE, seconds, stops
from core.errors import UserError


def test_it_takes_a_minute_and_each_stop_is_short() -> None:
    assert 40 <= seconds() <= 65
    assert len({stop.selector for stop in stops()}) == len(stops()) >= 5
    assert all(len(stop.text.split()) <= 30 and stop.text.endswith(".") for stop in stops())


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("[[stops]]\ntitle = 1\n")
    with pytest.raises(UserError, match=FILE):
        stops(folder=tmp_path)
