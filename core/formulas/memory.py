"""Bytes that training needs, part by part: by formula, with the numbers put in.

What a part counts follows Rajbhandari et al. 2020 ("ZeRO", section 3) for weights, gradients and
optimizer, and Korthikanti et al. 2022 ("Reducing Activation Recomputation in Large Transformer
Models", section 4) for activations. Temporary buffers, fragmentation and the libraries come on top.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.config import METHODS, MethodConfig
from core.formulas.parameters import trainable_parameters, trained_layers
from core.shape import ModelShape, total_parameters

PRECISIONS = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.0, "4-bit": 0.5}
"""Bytes of a weight. The scales of int8 and 4-bit weights are left out (QLoRA: 0.13 to 0.5 bit each)."""
OPTIMIZERS = {"AdamW": 2, "SGD with momentum": 1, "SGD": 0}
"""Float32 values that an optimizer keeps for each trained one."""
KEEP = ("all", "no attention scores", "layer inputs only")
"""Which activations are kept; what is not is computed again in the backward pass."""
GB = 1e9


@dataclass(frozen=True, kw_only=True)
class Part:
    """One use of memory, the formula of its bytes, and that formula with its numbers."""

    name: str
    n_bytes: float
    symbols: str
    numbers: str


def memory_parts(
    method: MethodConfig,
    shape: ModelShape,
    *,
    precision: str = "bfloat16",
    optimizer: str = "AdamW",
    batch: int = 1,
    sequence: int = 512,
    keep: str = "all",
    with_master: bool = True,
) -> tuple[Part, ...]:
    """What mixed-precision training keeps at once.

    `precision` is that of the stored weights. Trained weights and their gradients are 16-bit, or float32
    in a float32 model: int8 and 4-bit weights cannot be trained themselves. `with_master` keeps a
    float32 copy of 16-bit trained weights, as small updates are lost without one.
    """
    n = trainable_parameters(method, shape)
    frozen = total_parameters(shape) - (n if METHODS[method.name].is_own(shape) else 0)
    working = working_bytes(precision)
    master = 4 if with_master and working < 4 else 0
    sequence += added_tokens(method)
    return (
        _per_number("frozen weights", frozen, PRECISIONS[precision], "frozen"),
        _per_number("trained weights", n, working),
        _per_number("float32 copy", n, master),
        _per_number("gradients", n, working),
        _per_number("optimizer", n, 4 * OPTIMIZERS[optimizer]),
        activations(
            shape,
            batch=batch,
            sequence=sequence,
            n_layers=trained_layers(method, shape),
            keep=keep,
            element_bytes=working,
        ),
    )


def added_tokens(method: MethodConfig) -> int:
    """Virtual tokens that pass through all layers with the text."""
    return method.virtual_tokens if METHODS[method.name].adds_tokens else 0


def working_bytes(precision: str) -> int:
    """Bytes of a number that takes part in computing: 4 in a float32 model, else 2."""
    return 4 if precision == "float32" else 2


def activations(
    shape: ModelShape,
    *,
    batch: int,
    sequence: int,
    n_layers: int,
    keep: str = "all",
    element_bytes: int = 2,
) -> Part:
    """What the forward pass of `n_layers` keeps for the backward pass.

    Per layer, token and unit of width, a GPT layer with dropout keeps 16 numbers and two one-byte masks
    (section 4.1: 34 bytes in 16 bits), and for every pair of tokens and head two numbers and a mask
    (5 bytes). Recomputing the attention scores drops the latter, recomputing whole layers all but the
    layer's input (2 bytes; section 5). The output layer is left out, as in the paper.
    """
    s, b, h, a, e = sequence, batch, shape.hidden, shape.heads, element_bytes
    linear, pairs = 16 * e + 2, 2 * e + 1
    base, base_numbers = "s · b · d · L", f"{s:,} · {b:,} · {h:,} · {n_layers}"
    if keep == "layer inputs only":
        factor, symbols, numbers = float(e), f"{e}", f"{e}"
    elif keep == "no attention scores":
        factor, symbols, numbers = float(linear), f"{linear}", f"{linear}"
    else:
        factor = linear + pairs * a * s / h
        symbols = f"({linear} + {pairs} · a · s / d)"
        numbers = f"({linear} + {pairs} · {a} · {s:,} / {h:,})"
    return Part(
        name="activations",
        n_bytes=s * b * h * n_layers * factor,
        symbols=f"{base} · {symbols}",
        numbers=f"{base_numbers} · {numbers}",
    )


def in_this_app(
    method: MethodConfig, shape: ModelShape, *, n_tokens: int, is_16_bit: bool = True
) -> dict[str, float]:
    """Bytes by formula as this app trains: "gradients", "optimizer", "activations".

    What is trained is float32 and so are its gradients, AdamW's two moments, and nothing else. A batch
    is one row of `n_tokens` tokens. With a 16-bit model the products run in 16 bits: a 16-bit copy of
    each trained weight is made in the forward pass and kept for the backward pass, and the gradients of the
    model's own matrices are 16-bit, too.
    """
    n = trainable_parameters(method, shape)
    kept = activations(
        shape,
        batch=1,
        sequence=n_tokens + added_tokens(method),
        n_layers=trained_layers(method, shape),
        element_bytes=2 if is_16_bit else 4,
    )
    copies = 2 * n if is_16_bit else 0
    narrow = own_matrices(method, shape) if is_16_bit else 0
    return {
        "gradients": 4 * n - 2 * narrow,
        "optimizer": 8 * n,
        "activations": kept.n_bytes + copies,
    }


def own_matrices(method: MethodConfig, shape: ModelShape) -> int:
    """Weights in the model's own matrices that a method trains, those of the embeddings aside."""
    trained = METHODS[method.name].picture(method).trained
    inside = sum(i * o for role, (i, o) in shape.linears.items() if role in trained)
    head = shape.vocabulary * shape.hidden if "head" in trained and not shape.tied else 0
    return trained_layers(method, shape) * inside + head


def total_gb(parts: Sequence[Part]) -> float:
    """All parts together, in 10⁹ bytes."""
    return sum(part.n_bytes for part in parts) / GB


def _per_number(name: str, n: int, n_bytes: float, which: str = "trained") -> Part:
    return Part(
        name=name,
        n_bytes=n * n_bytes,
        symbols=f"{which} parameters · bytes",
        numbers=f"{n:,} · {n_bytes:g}",
    )
