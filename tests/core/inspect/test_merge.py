"""Merged and taken out again, against the same sums made by hand."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from core.errors import UserError
from core.inspect.logits import all_logits
from core.inspect.merge import merge
from core.methods.sharing import cast_parameters
from core.models.load import LoadedModel
from tests.core.methods.tuning import tune

PROMPTS = ["the cat sat", "a dog ran"]
TARGETS = ("q_proj", "down_proj")
ERRORS = ("largest_merged_difference", "largest_unmerged_difference", "largest_weight_error")


def targets(model: nn.Module) -> dict[str, Any]:
    """The target layers by their place in the model."""
    return {
        name.removeprefix("base_model.model."): layer
        for name, layer in model.named_modules()
        if name.endswith(TARGETS) and (hasattr(layer, "weight") or hasattr(layer, "base_layer"))
    }


@pytest.mark.parametrize("name", ["bfloat16", "float32"])
def test_both_errors_are_those_of_the_sums(name: str, tiny: LoadedModel) -> None:
    """W' = W + BA and W'' = W' - BA, each rounded, and the logits with either."""
    tuned = tune("lora", tiny, target_modules=TARGETS)
    found = next(
        row for row in merge(tuned, tiny, PROMPTS, method="lora").rows if row.dtype == name
    )

    dtype = getattr(torch, name)
    base = LoadedModel("tiny", copy.deepcopy(tiny.model), tiny.tokenizer, dtype)
    cast_parameters(base.model, dtype)
    tuned = cast_parameters(copy.deepcopy(tuned), dtype)
    before = all_logits(tuned, base, PROMPTS)
    start, changes, errors = {}, {}, []
    for place, layer in targets(tuned).items():
        start[place] = layer.base_layer.weight.detach().clone()
        product = layer.lora_B["default"].weight.float() @ layer.lora_A["default"].weight.float()
        changes[place] = (product * layer.scaling["default"]).to(dtype).detach()

    def logits_with(model: nn.Module, weights: dict[str, torch.Tensor]) -> torch.Tensor:
        for place, layer in targets(model).items():
            getattr(layer, "base_layer", layer).weight.data = weights[place]
        return all_logits(model, base, PROMPTS)

    merged = {place: w + changes[place] for place, w in start.items()}
    back = {place: w - changes[place] for place, w in merged.items()}
    errors = [(back[place] - w).float() for place, w in start.items()]
    joined, again = logits_with(base.model, merged), logits_with(tuned, back)
    largest = max(e.abs().max().item() for e in errors)
    close = {"rel": 0.05, "abs": 1e-5}  # the products' order may differ
    assert found.largest_merged_difference == pytest.approx(
        (joined - before).abs().max().item(), **close
    )
    assert found.largest_unmerged_difference == pytest.approx(
        (again - before).abs().max().item(), **close
    )
    assert found.largest_weight_error == largest
    size = torch.cat([w.flatten() for w in start.values()]).double().norm()
    error = torch.cat([e.flatten() for e in errors]).double().norm()
    assert found.relative_weight_error == pytest.approx((error / size).item(), rel=1e-5)
    assert all(getattr(found, kind) > 0 for kind in ERRORS)


@pytest.mark.parametrize("method", ["lora", "rslora", "dora", "adalora", "ia3", "layernorm"])
def test_the_way_back_is_rounded_and_the_base_is_never_written_to(
    method: str, tiny: LoadedModel
) -> None:
    before = {name: p.clone() for name, p in tiny.model.named_parameters()}
    tuned = tune(method, tiny, target_modules=TARGETS)
    wanted = all_logits(tuned, tiny, PROMPTS)
    found = merge(tuned, tiny, PROMPTS, method=method)
    single, half = found.rows
    assert (found.dtype, single.dtype, half.dtype) == ("float32", "float32", "bfloat16")
    assert vars(found).items() >= vars(single).items()
    if method == "layernorm":
        assert [getattr(half, kind) for kind in ERRORS] == [0, 0, 0]
        assert "exchanged for the old weights" in found.words
    else:
        assert all(getattr(half, kind) > 100 * getattr(single, kind) >= 0 for kind in ERRORS)
        assert "What is left is rounding" in found.words
    assert single.same_choice == 1
    assert "so there taking an adapter away is exact" in found.words
    assert all(torch.equal(p, before[name]) for name, p in tiny.model.named_parameters())
    assert torch.equal(all_logits(tuned, tiny, PROMPTS), wanted)


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("prompt", "cannot be merged"),
        ("prefix", "cannot be merged"),
        ("adapter", "cannot be merged"),
        ("full", "keeps no adapter"),
        ("top_layers", "keeps no adapter"),
        ("bitfit", "keeps no adapter"),
    ],
)
def test_what_has_nothing_to_merge_says_so(method: str, why: str, tiny: LoadedModel) -> None:
    with pytest.raises(UserError, match=why):
        merge(tune(method, tiny), tiny, PROMPTS, method=method)
