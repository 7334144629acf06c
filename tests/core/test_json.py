"""What JSON can hold and no file can."""

import json

import pytest

from core.typed_json import load_json


def test_half_a_character_becomes_a_question_mark_and_a_whole_one_stays() -> None:
    text = json.dumps({"half \udcff": ["\ud83d", "whole 🍴", "\\udcff as words"], "n": 1.5})
    assert load_json(text) == {"half ?": ["?", "whole 🍴", "\\udcff as words"], "n": 1.5}
    assert load_json(text.encode()) == load_json(text)  # PostgreSQL's driver gives bytes


def test_what_is_no_json_raises_as_ever() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        load_json("{")
