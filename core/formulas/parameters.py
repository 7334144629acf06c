"""How many parameters a tuning method trains: by the formula in its specification, with the numbers put in.

count(MethodConfig(name="lora", rank=8), PUBLISHED["SmolLM2-135M"])
# Count(n=460800, symbols="L · Σ r · (inputs + outputs)",
#       numbers="30 · (8 · (576 + 576) + 8 · (576 + 192))")
"""

from collections.abc import Callable, Mapping

from core.config import METHODS, MethodConfig
from core.config.specification import Count
from core.errors import UserError
from core.shape import ModelShape, total_parameters

NO_LETTERS: Mapping[str, str] = {}


def count(method: MethodConfig, shape: ModelShape) -> Count:
    """The trained parameters of a method and how they add up.

    Raises `UserError` for a method that the shape has no place for.
    """
    return METHODS[method.name].count(method, shape)


def trainable_parameters(method: MethodConfig, shape: ModelShape) -> int:
    """How many parameters a method trains; see `count`."""
    return count(method, shape).n


def trained_share(method: MethodConfig, shape: ModelShape) -> float:
    """Trained parameters as a share of all, from 0 to 1; what a method adds is among them."""
    n = trainable_parameters(method, shape)
    is_own = METHODS[method.name].is_own(shape)
    return n / (total_parameters(shape) + (0 if is_own else n))


def trained_layers(method: MethodConfig, shape: ModelShape) -> int:
    """How many decoder layers, counted from the last, the backward pass goes through.

    Raises `UserError` when the model has fewer than the method names.
    """
    depth = METHODS[method.name].depth
    wanted = (getattr(method, depth) if depth else 0) or shape.layers
    if wanted > shape.layers:
        raise UserError(f"{shape.title} has {shape.layers} layers; choose at most that many.")
    return wanted


def per_target(
    method: MethodConfig,
    shape: ModelShape,
    symbols: str,
    one: Callable[[int, int], tuple[int, str]],
    *,
    letters: Mapping[str, str] = NO_LETTERS,
) -> Count:
    """The count of a method with parts beside each target matrix (`target_modules`).

    `one` gives number and text of a target with so many inputs and outputs.
    """
    found = [one(*size) for size in shape.matrices(method.target_modules)]
    n_layers = trained_layers(method, shape)
    return Count(
        n=n_layers * sum(n for n, _ in found),
        symbols=f"L · Σ {symbols}",
        numbers=f"{n_layers} · ({' + '.join(text for _, text in found)})",
        letters=letters,
    )
