"""Settings as they were stored are read without the checks, and what cannot be read is said."""

from typing import Any

import pytest

from core.config import RunConfig
from core.runs.stored_config import unchecked


def test_valid_settings_are_read_as_they_are() -> None:
    config = RunConfig(seed=7, dtype="float32")
    assert unchecked(config.to_dict()) == config


def test_what_is_gone_is_read_all_the_same() -> None:
    stored: dict[str, Any] = RunConfig().to_dict() | {"model": "/no/such/folder", "colour": "red"}
    stored["method"] = {"name": "of another version", "rank": 3}
    del stored["cure"]
    found = unchecked(stored)
    assert (found.model, found.method.name, found.method.rank) == (
        "/no/such/folder",
        "of another version",
        3,
    )
    assert found.cure == RunConfig().cure


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seed": "0"}, "a whole number is wanted"),
        ({"data": 3}, "DataConfig is no object"),
        ({"method": {"rank": "wide"}}, "a whole number is wanted"),
    ],
)
def test_a_value_of_another_type_is_refused(wrong: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        unchecked(RunConfig().to_dict() | wrong)
