"""The operations by formula are those that torch counts where nothing is computed in vain."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from core import methods
from core.bench.flops import needed_flops
from core.bench.tree import count
from core.config import MethodConfig
from core.data.encode import Encoded
from core.errors import UserError
from core.models.block_sparse import cut
from core.models.load import LoadedModel
from core.models.trie import build, mean_loss
from core.shape import of_folder

BATCH = [Encoded([5], [6, 7, 8, 9, 1]), Encoded([4], [6, 7, 1])]
"""Every node predicts one token, so that the last layer needs all of them, each once."""


def counted(base: LoadedModel, method: MethodConfig, batch: list[Encoded]) -> int:
    tuned = methods.find(method.name).attach(base.model, method)
    forgotten = {torch.ops.aten.addmm_: added_product_flops}
    with FlopCounterMode(display=False, custom_mapping=forgotten) as counter:
        mean_loss(tuned, build(batch)).backward()
    return counter.get_total_flops()


def added_product_flops(_: list[int], a: list[int], b: list[int], **__: object) -> int:
    """Of an `addmm` in place, which torch does not count."""
    return 2 * a[0] * a[1] * b[1]


@pytest.mark.parametrize("name", ["full", "lora"])
def test_formula_is_what_torch_counts(tiny: LoadedModel, tiny_folder, name: str) -> None:
    torch.manual_seed(0)
    method, shape = MethodConfig(name=name, rank=2), of_folder(tiny_folder)
    found = count(BATCH)
    width = shape.heads * shape.head_dim
    # Our attention computes whole blocks and masks them; the need is the pairs that attend.
    scores = cut(build(BATCH).parents).sees.numel()
    vain = 2 * width * 6 * shape.layers * (scores - found.attended)
    if name == "lora":
        vain += 2 * width * found.attended  # the gradient of the first layer's keys
        # Pairs are stacked, so that q's B has rows for k and v, too: zeros.
        outputs = {target: shape.linears[target][1] for target in ("query", "key", "value")}
        stacked = 2 * method.rank * sum(outputs.values())
        own = method.rank * sum(outputs[target] for target in method.target_modules)
        vain += 3 * 2 * found.nodes * (stacked - own) * shape.layers
    needed = needed_flops(BATCH, method, shape)
    assert needed + vain == counted(tiny, method, BATCH)


@pytest.mark.parametrize("name", ["full", "lora", "prompt"])
def test_the_need_is_never_more_than_is_computed(tiny: LoadedModel, tiny_folder, name: str) -> None:
    batch = [Encoded([5, 6, 7, 8], [9, 1]), Encoded([5, 6, 9, 8], [9, 1])]
    method = MethodConfig(name=name, rank=2)
    needed = needed_flops(batch, method, of_folder(tiny_folder))
    assert 0.3 * counted(tiny, method, batch) < needed < counted(tiny, method, batch)


def test_other_methods_are_refused(tiny_folder) -> None:
    with pytest.raises(UserError, match="lora, full, prompt"):
        needed_flops(BATCH, MethodConfig(name="ia3"), of_folder(tiny_folder))
