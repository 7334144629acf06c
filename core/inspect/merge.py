"""Merging an adapter into the weights and taking it out of the same weights again: what rounding leaves.

A weight W + BA is rounded to the model's dtype, and so is what comes when BA is subtracted from it: W
does not come back to the last digit. So both are done here with peft's own arithmetic, on a copy of the
weights, in bfloat16 and in float32. Needs torch.
"""

import copy
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from peft import PeftModel, PeftType
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from core.errors import UserError
from core.inspect.logits import all_logits
from core.inspect.results import Merged, MergedOnce
from core.methods.merge import check_mergeable, with_own_weights
from core.methods.sharing import cast_parameters, shared_copy
from core.models.load import LoadedModel
from core.models.probe import synchronize

DTYPES = (torch.bfloat16, torch.float32)
UNDONE: dict[Any, str] = {
    PeftType.IA3: "divided out of the same weights",
    PeftType.LN_TUNING: "exchanged for the old weights",
}
"""How peft takes a merged adapter out; others are subtracted."""


def merge(tuned: nn.Module, base: LoadedModel, prompts: Sequence[str], *, method: str) -> Merged:
    """Merge the adapter, take it out again, and compare logits and weights after each.

    The figures are those in the base's dtype; `rows` has them in bfloat16 and in float32, and `words`
    says them. Raises `UserError` for a method that has nothing to merge.
    """
    check_mergeable(method)
    if not isinstance(tuned, PeftModel):
        raise UserError(
            "This method keeps no adapter: it trained the weights themselves, so there is nothing to "
            "merge or to take out. The base is a model of its own and stays as it was."
        )
    rows = [
        _there_and_back(*_in_dtype(tuned, base, dtype), prompts)
        for dtype in dict.fromkeys((base.dtype, *DTYPES))
    ]
    undone = UNDONE.get(tuned.active_peft_config.peft_type, "subtracted from the same weights")
    return Merged(**vars(rows[0]), rows=rows, words=_words(rows, undone))


def _in_dtype(
    tuned: PeftModel, base: LoadedModel, dtype: torch.dtype
) -> tuple[PeftModel, LoadedModel]:
    if dtype is base.dtype:
        return tuned, base
    copied: Any = cast_parameters(copy.deepcopy(tuned), dtype)
    return copied, replace(base, dtype=dtype)


def _there_and_back(tuned: PeftModel, base: LoadedModel, prompts: Sequence[str]) -> MergedOnce:
    before = all_logits(tuned, base, prompts)
    own: Any = with_own_weights(tuned)
    start = _weights(tuned)

    merge_s = _seconds(own.base_model.merge_adapter, base.device)
    one: Any = shared_copy(own)
    joined = all_logits(one.unload(), base, prompts)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's own: what it warns of is measured here
        unmerge_s = _seconds(own.base_model.unmerge_adapter, base.device)
    again = all_logits(own, base, prompts)

    left = [(w - w0).float() for w, w0 in zip(_weights(own), start, strict=True)]
    size = sum(w0.float().square().sum() for w0 in start)
    error = sum(e.square().sum() for e in left)
    return MergedOnce(
        dtype=str(base.dtype).removeprefix("torch."),
        merge_s=merge_s,
        unmerge_s=unmerge_s,
        n_logits=before.numel(),
        largest_logit=before.abs().max().item(),
        largest_merged_difference=(joined - before).abs().max().item(),
        same_choice=(joined.argmax(-1) == before.argmax(-1)).float().mean().item(),
        largest_unmerged_difference=(again - before).abs().max().item(),
        largest_weight_error=max(e.abs().max().item() for e in left),
        relative_weight_error=float(torch.as_tensor(error / size).sqrt()),
    )


def _weights(tuned: nn.Module) -> list[torch.Tensor]:
    """The base's weights that the adapter stands beside."""
    layers: list[Any] = [m for m in tuned.modules() if isinstance(m, BaseTunerLayer)]
    return [layer.get_base_layer().weight.detach() for layer in layers]


def _seconds(work: Any, device: torch.device) -> float:
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def _words(rows: Sequence[MergedOnce], undone: str) -> str:
    """What was done, and what is left."""
    first = rows[0]
    said = [
        f"Merged into the weights in {1000 * first.merge_s:.0f} ms, then {undone} in "
        f"{1000 * first.unmerge_s:.0f} ms."
    ]
    for row in rows:
        off = row.relative_weight_error
        weights = (
            f"are off by {100 * off:.1g} % of their size" if off else "are exactly the old ones"
        )
        said.append(
            f"In {row.dtype}, the largest difference among {row.n_logits:,} logits is "
            f"{row.largest_merged_difference:.2g} after merging and "
            f"{row.largest_unmerged_difference:.2g} after taking it out (the largest logit is "
            f"{row.largest_logit:.3g}); the weights {weights}."
        )
    if any(row.relative_weight_error for row in rows):
        said.append(
            "What is left is rounding: every result is rounded, and the way back cannot undo it."
        )
    said.append(
        "The app keeps base and adapter apart and never writes into the base, so there taking an "
        "adapter away is exact."
    )
    return " ".join(said)
