"""Bottleneck adapters (Houlsby et al. 2019, section 2.1): two small networks in every decoder layer.

    y  becomes  y + W_up · gelu(W_down y + b_down) + b_up,   W_down: (m, d), W_up: (d, m) zero

one after the attention's output and one after the MLP's, each before it joins the residual stream.
The paper also trains the layer norms; here they stay frozen, so that the adapters' own effect is seen.
peft has no such adapter.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.config import MethodConfig, MethodSpec
from core.config.specification import Count, Knob, Picture
from core.methods.sharing import cast_parameters, shared_copy
from core.models.layers import layer_of
from core.models.roles import modules_for, role_name
from core.shape import ModelShape

if TYPE_CHECKING:
    from torch import nn

FILE = "adapter.safetensors"
ENDS = ("output", "down")
"""What attention and MLP end with."""


def count(method: MethodConfig, shape: ModelShape) -> Count:
    """Two bottlenecks in every layer: two matrices and two biases each."""
    d, b = shape.hidden, method.bottleneck
    return Count(
        n=shape.layers * 2 * (2 * d * b + b + d),
        symbols="L · 2 · (2 · d · b + b + d)",
        numbers=f"{shape.layers} · 2 · (2 · {d:,} · {b} + {b} + {d:,})",
        letters={"b": "width of the bottleneck"},
    )


def picture(method: MethodConfig) -> Picture:
    """A bottleneck after the attention and one after the MLP."""
    return Picture(bottlenecks=True)


SPEC = MethodSpec(
    name="adapter",
    title="Bottleneck adapters",
    family="additive",
    how="Sends what attention and MLP give through a small network with a narrow middle.",
    adds="Two bottlenecks in every layer, after o and after down. They start as no change.",
    formula=r"y' = y + W_\text{up}\, \mathrm{gelu}(W_\text{down}\, y)",
    paper="Houlsby et al. 2019, section 2.1",
    symbol="star",
    learning_rate=5e-4,
    count=count,
    picture=picture,
    knob=Knob(field="bottleneck", words="width", values=(1, 2, 4, 8, 16, 32, 64), usual=16),
    is_mergeable=False,
)


def attach(model: nn.Module, config: MethodConfig) -> nn.Module:
    """The base with an adapter after the attention and after the MLP of every layer."""
    tuned = _with_adapters(model, config.bottleneck)
    for name, parameter in tuned.named_parameters():
        parameter.requires_grad_(_is_own(name))
    return tuned


def save(tuned: nn.Module, base: nn.Module, folder: Path) -> None:
    """Write the adapters' weights, in float32."""
    from safetensors.torch import save_file

    del base
    own = {name: p.detach().contiguous() for name, p in tuned.named_parameters() if _is_own(name)}
    save_file(own, folder / FILE)


def load(base: nn.Module, folder: Path) -> nn.Module:
    """Base plus adapters, in the base's dtype."""
    from safetensors.torch import load_file

    saved = load_file(folder / FILE)
    width = next(t for name, t in saved.items() if name.endswith("down.weight")).shape[0]
    tuned = _with_adapters(base, width)
    tuned.load_state_dict(saved, strict=False)
    return cast_parameters(tuned, next(base.parameters()).dtype).eval()


def _with_adapters(model: nn.Module, width: int) -> nn.Module:
    from core.methods.bottleneck import Adapted

    tuned = shared_copy(model)
    first = next(model.parameters())
    outputs = modules_for(model, ENDS)
    ends = [
        name
        for name, _ in tuned.named_modules()
        if layer_of(name) >= 0 and role_name(name) in outputs
    ]
    for name in ends:
        parent, _, last = name.rpartition(".")
        layer = tuned.get_submodule(name)
        d = tuned.config.hidden_size  # pyright: ignore
        setattr(tuned.get_submodule(parent), last, Adapted(layer, d, width).to(first.device))  # pyright: ignore
    return tuned


def _is_own(name: str) -> bool:
    return ".down." in name or ".up." in name
