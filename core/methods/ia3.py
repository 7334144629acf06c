"""IA³ (Liu et al. 2022, section 3.3): activations are scaled by learned vectors that start at one.

    keys and values:  l ⊙ (W x)        the inner layer of the MLP:  W (l ⊙ x)

One number per output of the key and value matrices and per input of the MLP's last: the least of all
methods here. Where one matrix holds queries, keys and values together, all its outputs are scaled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.config import MethodConfig, MethodSpec
from core.config.specification import BEFORE_DOWN, Count, Picture
from core.methods.through_peft import attach_through_peft, load_through_peft, save_through_peft
from core.models.roles import has_transposed, modules_for
from core.shape import ModelShape

if TYPE_CHECKING:
    from torch import nn

SCALED = ("key", "value", "down")


def count(method: MethodConfig, shape: ModelShape) -> Count:
    """Outputs of the keys' and values' matrices: where one holds both, it holds the queries, too."""
    sizes = [outputs for _, outputs in shape.matrices(("key", "value"))]
    inner = shape.intermediate
    return Count(
        n=shape.layers * (sum(sizes) + inner),
        symbols=f"L · ({'keys + values' if len(sizes) > 1 else 'outputs'} + m)",
        numbers=f"{shape.layers} · ({' + '.join(f'{size:,}' for size in sizes)} + {inner:,})",
    )


def picture(method: MethodConfig) -> Picture:
    """A vector after k, after v and before down."""
    return Picture(added=dict.fromkeys(("key", "value", BEFORE_DOWN), ("⊙ l",)))


SPEC = MethodSpec(
    name="ia3",
    title="IA³",
    family="additive",
    how="Scales keys, values and the inside of the MLP with learned vectors.",
    adds="Three vectors in every layer: after k, after v and before down. They start at one.",
    formula=r"k' = l_k \odot k,\; v' = l_v \odot v,\; h' = l_h \odot h",
    paper="Liu et al. 2022, section 3.3",
    symbol="bowtie",
    learning_rate=1e-2,
    count=count,
    picture=picture,
)


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with a scale for keys, values and the MLP's inner activations."""
    from peft import IA3Config, TaskType

    del config
    targets = modules_for(model, SCALED)
    peft_config = IA3Config(
        task_type=TaskType.CAUSAL_LM,
        target_modules=targets,
        feedforward_modules=modules_for(model, ("down",)),
        fan_in_fan_out=has_transposed(model, targets),
    )
    return attach_through_peft(model, peft_config)


save = save_through_peft
load = load_through_peft
