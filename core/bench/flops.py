"""The limit: how many operations does the mathematics of one training step need? Imports no torch.

A product of (n, i) and (i, o) matrices takes 2·n·i·o operations. With N nodes in the batch's tree, of
which D predict a completion token, A pairs of a node and a node it attends to, and V words:

    forward    linear layers   2·N·P in each layer, P = Σ inputs·outputs
               attention       4·A·(heads · head size): queries by keys, weights by values
               output layer    2·D·d·V
               last layer      keys and values at all nodes, everything else at the D nodes only
    backward   to the inputs   as much as forward; attention twice as much
               to the weights  2·N·P once more where every weight is trained, and 2·D·d·V
    LoRA       r·(inputs + outputs) of each target 2·N times: forward, to the inputs, to the weights;
               nothing is trained before the first layer's q, k and v, so none of these has a
               gradient to its input, and those without a pair have none at all

Softmax, normalisation, SiLU and the optimizer are left out: less than a hundredth. Virtual tokens of a
soft prompt are V more nodes, attended to by all. What a padded batch computes is no part of the need.
"""

from collections.abc import Sequence

from core.bench.tree import Counts, count
from core.config import METHODS, MethodConfig
from core.data.encode import Encoded
from core.errors import UserError
from core.shape import ModelShape

COUNTED = ("lora", "full", "prompt")


def needed_flops(batch: Sequence[Encoded], method: MethodConfig, shape: ModelShape) -> int:
    """Operations (multiplications and additions) that one step on `batch` cannot do without."""
    if method.name not in COUNTED:
        raise UserError(f"Operations are counted for {', '.join(COUNTED)} only.")
    found = count(batch)
    if METHODS[method.name].adds_tokens:
        found = _after_virtual(found, method.virtual_tokens)
    forward, at_inputs = _forward(found, shape), _to_inputs(found, method, shape)
    return forward + at_inputs + _to_weights(found, method, shape) + _pairs(found, method, shape)


def _after_virtual(found: Counts, n: int) -> Counts:
    """The same with n virtual tokens before everything, attending causally."""
    return Counts(
        nodes=found.nodes + n,
        attended=found.attended + found.nodes * n + n * (n + 1) // 2,
        predicting=found.predicting,
        tokens=found.tokens,
        padded=found.padded,
    )


def _linears(found: Counts, shape: ModelShape) -> int:
    """The linear layers of all decoder layers, forward, and the output layer."""
    sizes = {name: i * o for name, (i, o) in shape.linears.items()}
    everywhere = sizes["key"] + sizes["value"]
    elsewhere = sum(sizes.values()) - everywhere
    middle = 2 * found.nodes * (everywhere + elsewhere) * (shape.layers - 1)
    last = 2 * found.nodes * everywhere + 2 * found.predicting * elsewhere
    return middle + last + 2 * found.predicting * shape.hidden * shape.vocabulary


def _attention(found: Counts, shape: ModelShape) -> int:
    """Scores and mixing, forward; the last layer's at the predicting nodes only, about."""
    width = shape.heads * shape.head_dim
    last = found.attended * found.predicting // found.nodes
    return 4 * width * (found.attended * (shape.layers - 1) + last)


def _forward(found: Counts, shape: ModelShape) -> int:
    return _linears(found, shape) + _attention(found, shape)


def _to_inputs(found: Counts, method: MethodConfig, shape: ModelShape) -> int:
    backward = _linears(found, shape) + 2 * _attention(found, shape)
    if method.name == "lora":  # nothing is trained before the first layer
        first = sum(shape.linears[name][0] * shape.linears[name][1] for name in FIRST)
        backward -= 2 * found.nodes * first
        untrained = [name for name in FIRST if name not in method.target_modules]
        backward -= 2 * shape.heads * shape.head_dim * found.attended * len(untrained)
    return backward


FIRST = ("query", "key", "value")


def _to_weights(found: Counts, method: MethodConfig, shape: ModelShape) -> int:
    return _linears(found, shape) if method.name == "full" else 0


def _pairs(found: Counts, method: MethodConfig, shape: ModelShape) -> int:
    """LoRA's own products: forward, to the inputs, to its weights."""
    if method.name != "lora":
        return 0
    thin = sum(method.rank * sum(shape.linears[role]) for role in method.target_modules)
    first = sum(method.rank * shape.linears[n][0] for n in method.target_modules if n in FIRST)
    return 2 * found.nodes * (3 * thin * shape.layers - first)
