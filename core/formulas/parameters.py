"""How many parameters each tuning method trains: by formula, with the numbers put in.

count(MethodConfig(name="lora", rank=8), PUBLISHED["SmolLM2-135M"])
# Count(n=460800, symbols="L · Σ r · (inputs + outputs)",
#       numbers="30 · (8 · (576 + 576) + 8 · (576 + 192))")
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from core.config import LORA_FAMILY, MethodConfig
from core.errors import UserError
from core.formulas.shape import ModelShape, total_parameters

MORE_RANKS = 1.5
"""AdaLoRA's ranks at the start for each one at the end, as in core/methods/adalora."""


@dataclass(frozen=True, kw_only=True)
class Count:
    """A number, the formula it comes from, and that formula with its numbers."""

    n: int
    symbols: str
    numbers: str

    @property
    def legend(self) -> str:
        """What the letters of the formula mean."""
        letters = [
            word for word in dict.fromkeys(re.findall(r"\w+", self.symbols)) if word in LETTERS
        ]
        return ", ".join(f"{letter}: {LETTERS[letter]}" for letter in letters)


def trainable_parameters(method: MethodConfig, shape: ModelShape) -> int:
    """How many parameters a method trains. Raises `UserError` for a method that the shape has no place for."""
    return count(method, shape).n


def trained_share(method: MethodConfig, shape: ModelShape) -> float:
    """Trained parameters as a share of all, from 0 to 1; what a method adds is among them."""
    n = trainable_parameters(method, shape)
    return n / (total_parameters(shape) + (0 if trains_own(method, shape) else n))


def trains_own(method: MethodConfig, shape: ModelShape) -> bool:
    """Whether a method trains the model's own weights, instead of adding some."""
    return method.name in ("full", "top_layers", "layernorm") or (
        method.name == "bitfit" and bool(shape.biased)
    )


def trained_layers(method: MethodConfig, shape: ModelShape) -> int:
    """How many decoder layers, counted from the last, the backward pass goes through.

    Raises `UserError` when the model has fewer than the method names.
    """
    wanted = shape.layers
    if method.name == "top_layers":
        wanted = method.layers
    elif method.name in LORA_FAMILY and method.last_layers:
        wanted = method.last_layers
    if wanted > shape.layers:
        raise UserError(f"{shape.title} has {shape.layers} layers; choose at most that many.")
    return wanted


def count(method: MethodConfig, shape: ModelShape) -> Count:
    """The trained parameters of a method and how they add up."""
    return FORMULAS[method.name](method, shape)


def _full(method: MethodConfig, shape: ModelShape) -> Count:
    d, norm = shape.hidden, shape.norm_parameters
    return Count(
        n=total_parameters(shape),
        symbols="vectors · d + L · parameters per layer + last norm",
        numbers=f"{shape.embeddings:,} · {d:,} + {shape.layers} · {shape.layer_parameters:,} + {norm:,}",
    )


def _top_layers(method: MethodConfig, shape: ModelShape) -> Count:
    k = trained_layers(method, shape)
    return Count(
        n=k * shape.layer_parameters,
        symbols="k · parameters per layer",
        numbers=f"{k} · {shape.layer_parameters:,}",
    )


def _bitfit(method: MethodConfig, shape: ModelShape) -> Count:
    """The biases of the decoder layers; where there are none, a new one for every linear layer."""
    linears = shape.linears
    sizes = [linears[name][1] for name in shape.biased or linears]
    if shape.norm_biases:
        sizes += [shape.hidden] * 2
    return Count(
        n=shape.layers * sum(sizes),
        symbols="L · Σ outputs",
        numbers=f"{shape.layers} · ({' + '.join(f'{size:,}' for size in sizes)})",
    )


def _layernorm(method: MethodConfig, shape: ModelShape) -> Count:
    n = 2 * shape.layers + 1
    return Count(
        n=n * shape.norm_parameters,
        symbols="(2 · L + 1) · parameters per norm",
        numbers=f"(2 · {shape.layers} + 1) · {shape.norm_parameters:,}",
    )


def _lora(method: MethodConfig, shape: ModelShape) -> Count:
    r = method.rank
    return _per_target(
        method,
        shape,
        "r · (inputs + outputs)",
        lambda i, o: (r * (i + o), f"{r} · ({i:,} + {o:,})"),
    )


def _dora(method: MethodConfig, shape: ModelShape) -> Count:
    r = method.rank
    return _per_target(
        method,
        shape,
        "(r · (inputs + outputs) + outputs)",
        lambda i, o: (r * (i + o) + o, f"{r} · ({i:,} + {o:,}) + {o:,}"),
    )


def _adalora(method: MethodConfig, shape: ModelShape) -> Count:
    """At the ranks it starts with; the rank allocator then sets some of them to zero."""
    r = math.ceil(MORE_RANKS * method.rank)
    return _per_target(
        method,
        shape,
        "r₀ · (inputs + outputs + 1)",
        lambda i, o: (r * (i + o + 1), f"{r} · ({i:,} + {o:,} + 1)"),
    )


def _per_target(
    method: MethodConfig,
    shape: ModelShape,
    symbols: str,
    one: Callable[[int, int], tuple[int, str]],
) -> Count:
    """`one` gives number and text of a target with so many inputs and outputs."""
    found = [one(*size) for size in shape.matrices(method.target_modules)]
    n_layers = trained_layers(method, shape)
    return Count(
        n=n_layers * sum(n for n, _ in found),
        symbols=f"L · Σ {symbols}",
        numbers=f"{n_layers} · ({' + '.join(text for _, text in found)})",
    )


def _adapter(method: MethodConfig, shape: ModelShape) -> Count:
    d, b = shape.hidden, method.bottleneck
    return Count(
        n=shape.layers * 2 * (2 * d * b + b + d),
        symbols="L · 2 · (2 · d · b + b + d)",
        numbers=f"{shape.layers} · 2 · (2 · {d:,} · {b} + {b} + {d:,})",
    )


def _ia3(method: MethodConfig, shape: ModelShape) -> Count:
    """Outputs of the keys' and values' matrices: where one holds both, it holds the queries, too."""
    sizes = [outputs for _, outputs in shape.matrices(("key", "value"))]
    inner = shape.intermediate
    return Count(
        n=shape.layers * (sum(sizes) + inner),
        symbols=f"L · ({'keys + values' if len(sizes) > 1 else 'outputs'} + m)",
        numbers=f"{shape.layers} · ({' + '.join(f'{size:,}' for size in sizes)} + {inner:,})",
    )


def _prompt(method: MethodConfig, shape: ModelShape) -> Count:
    return Count(
        n=method.virtual_tokens * shape.hidden,
        symbols="virtual tokens · d",
        numbers=f"{method.virtual_tokens} · {shape.hidden:,}",
    )


def _prefix(method: MethodConfig, shape: ModelShape) -> Count:
    v, keys = method.virtual_tokens, shape.kv_heads * shape.head_dim
    return Count(
        n=v * shape.layers * 2 * keys,
        symbols="virtual tokens · L · 2 · keys",
        numbers=f"{v} · {shape.layers} · 2 · {keys:,}",
    )


FORMULAS: dict[str, Callable[[MethodConfig, ModelShape], Count]] = {
    "full": _full,
    "top_layers": _top_layers,
    "bitfit": _bitfit,
    "layernorm": _layernorm,
    "lora": _lora,
    "rslora": _lora,
    "dora": _dora,
    "adalora": _adalora,
    "adapter": _adapter,
    "ia3": _ia3,
    "prompt": _prompt,
    "prefix": _prefix,
}
LETTERS = {
    "d": "width of the residual stream",
    "m": "inner width of the MLP",
    "L": "decoder layers",
    "k": "decoder layers trained",
    "r": "rank",
    "r₀": "rank at the start, 1.5 times the wanted one",
    "b": "width of the bottleneck",
    "keys": "size of all key heads",
    "values": "size of all value heads",
}
