"""How the cost of a training step of ours grows: one thing is varied, the rest stays. Needs torch.

The texts are random tokens: what they say does not matter to the time. A batch is `batch_size` examples
of `length` tokens, of which the first `shared` part is the same in all, and the last 8 are learned.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import torch

from core import methods
from core.bench.needed import needed_flops
from core.catalog import find_model
from core.config import MethodConfig, OptimizerConfig, RunConfig
from core.data.encode import Encoded
from core.footprint.shape import PUBLISHED, ModelShape, of_folder, total_parameters
from core.models.acquire import model_dir
from core.models.load import best_device, load
from core.models.probe import resolve_dtype
from core.train.loop import make_optimizer, seed_everything, take_step
from core.train.trie import build

LEARNED = 8
STEPS = 3


@dataclass(frozen=True, kw_only=True)
class Case:
    batch_size: int = 8
    length: int = 64
    shared: float = 0.5
    rank: int = 8


AXES: dict[str, tuple[float, ...]] = {
    "batch_size": (1, 2, 4, 8, 16, 32),
    "length": (32, 64, 128, 256),
    "shared": (0.0, 0.25, 0.5, 0.75, 0.9),
    "rank": (1, 8, 64, 256),
}
SIZES = {
    "30M": ModelShape(
        title="30M",
        hidden=384,
        intermediate=1024,
        layers=7,
        heads=6,
        kv_heads=2,
        head_dim=64,
        vocabulary=49152,
        tied=True,
    ),
}
"""Models with random weights beside the real one; the 135M and the 360M have their published shapes."""


def random_batch(case: Case, *, vocabulary: int, seed: int = 0) -> list[Encoded]:
    """Examples with a common beginning and different ends."""
    rng = random.Random(seed)
    n_shared = round(case.shared * (case.length - LEARNED))

    def draw(n: int) -> list[int]:
        return [rng.randrange(vocabulary) for _ in range(n)]

    common = draw(n_shared)
    return [
        Encoded(common + draw(case.length - LEARNED - n_shared), draw(LEARNED))
        for _ in range(case.batch_size)
    ]


def measure_growth(*, model: str) -> Iterator[dict[str, Any]]:
    """A point {"axis", "value", "step_s", "tokens", "needed_flops"} for each case."""
    base = load(model, dtype=resolve_dtype("auto"))
    shape = of_folder(model_dir(find_model(model)))
    for axis, values in AXES.items():
        for value in values:
            usual = getattr(Case(), axis)
            case = replace(Case(), **{axis: type(usual)(value)})
            point = {"axis": axis, "value": value}
            yield point | time_steps(base.model, shape, case, base.dtype)
    for found in sizes(shape):
        sized = random_model(found, base.dtype)
        yield {
            "axis": "parameters",
            "value": total_parameters(found),
            **time_steps(sized, found, Case(), base.dtype),
        }


def sizes(own: ModelShape) -> list[ModelShape]:
    """A small one, the model itself, a larger one."""
    return [SIZES["30M"], own, PUBLISHED["SmolLM2-360M"]]


def random_model(shape: ModelShape, dtype: torch.dtype) -> Any:
    """A Llama of this shape with random weights, frozen."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        tie_word_embeddings=shape.tied,
    )
    model: Any = LlamaForCausalLM(config)
    return model.to(dtype).requires_grad_(False).eval().to(best_device())


def time_steps(
    model: Any,
    shape: ModelShape,
    case: Case,
    dtype: torch.dtype,
) -> dict[str, Any]:
    """The median of a few steps after one to warm up."""
    seed_everything(0)
    method = MethodConfig(rank=case.rank, alpha=2.0 * case.rank)
    config = RunConfig(method=method, optimizer=OptimizerConfig(steps=1 + STEPS))
    tuned = methods.find("lora").attach(model, method).train()
    optimizer = make_optimizer(tuned, config)
    pairs = random_batch(case, vocabulary=shape.vocabulary)
    seconds, n_tokens = list[float](), 0
    for _ in range(1 + STEPS):
        tick = time.perf_counter()
        batch = build(pairs).to(best_device())
        take_step(tuned, optimizer, batch, rate=1e-4, clip_norm=1.0, dtype=dtype)
        seconds.append(time.perf_counter() - tick)
        n_tokens = len(batch.token_ids)
    return {
        "step_s": median(seconds[1:]),
        "tokens": n_tokens,
        "needed_flops": needed_flops(pairs, method, shape),
    }
