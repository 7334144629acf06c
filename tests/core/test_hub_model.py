"""Models of the hub that are not in the catalogue."""

import pytest

from core.errors import UserError
from core.hub_model import hub_entry
from core.models.acquire import model_dir


def test_its_folder_is_told_by_its_name() -> None:
    entry = hub_entry("Qwen/Qwen2.5-0.5B")
    assert (entry.hub, entry.is_local) == ("Qwen/Qwen2.5-0.5B", False)
    assert model_dir(entry).name == "hub--Qwen--Qwen2.5-0.5B"


@pytest.mark.parametrize("name", ["", "gpt2", "a/b/c", "../x", "a/..", "--out/x", "a b/c", "a/b\n"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="named owner/name"):
        hub_entry(name)
