"""Merging an adapter into the weights, and what tuning changed in them."""

import pytest
import torch

from core.config import METHODS, ROLES
from core.errors import UserError
from core.methods.merge import merged, weight_changes
from core.models.load import LoadedModel
from tests.core.methods.tuning import logits, tune

MERGEABLE = [m for m in METHODS if METHODS[m].is_mergeable]


def test_what_cannot_be_merged_is_known() -> None:
    assert {*METHODS} - {*MERGEABLE} == {"prompt", "prefix", "adapter"}


@pytest.mark.parametrize("method", MERGEABLE)
def test_merged_answers_as_unmerged_and_the_base_stays(method: str, tiny: LoadedModel) -> None:
    before = {name: p.clone() for name, p in tiny.model.named_parameters()}
    tuned = tune(method, tiny, target_modules=ROLES)
    unmerged = logits(tuned)
    one = merged(tuned, method)
    torch.testing.assert_close(logits(one), unmerged, rtol=0, atol=1e-4)
    assert not torch.allclose(unmerged, logits(tiny.model), atol=1e-2)
    assert not [name for name, _ in one.named_parameters() if "lora" in name or "ia3" in name]
    assert torch.equal(logits(tuned), unmerged)  # the adapter is still there beside the weights
    for name, p in tiny.model.named_parameters():
        assert torch.equal(p, before[name])


@pytest.mark.parametrize("method", ["prompt", "prefix", "adapter"])
def test_what_is_no_change_of_a_weight_is_refused(method: str, tiny: LoadedModel) -> None:
    with pytest.raises(UserError, match="cannot be merged"):
        merged(tune(method, tiny), method)


@pytest.mark.parametrize("method", MERGEABLE)
def test_weight_changes_are_merged_less_start(method: str, tiny: LoadedModel) -> None:
    tuned = tune(method, tiny, target_modules=("q_proj", "down_proj"))
    end = dict(merged(tuned, method).named_parameters())
    start = dict(tiny.model.named_parameters())
    changed = dict[str, torch.Tensor]()
    for name, change, weight in weight_changes(tuned, tiny.model):
        assert weight is start[name]
        torch.testing.assert_close(change, end[name] - start[name], rtol=0, atol=1e-5)
        changed[name] = change
    moved = {n for n, p in start.items() if p.dim() == 2 and not torch.equal(end[n], p)}
    assert {name for name, change in changed.items() if change.any()} == moved
