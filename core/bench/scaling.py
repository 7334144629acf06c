"""How the cost of a training step of ours grows: one thing is varied, the rest stays. Needs torch.

The texts are random tokens: what they say does not matter to the time. A batch is `batch_size` examples
of `length` tokens, of which the first `shared` part is the same in all, and the last 8 are learned.

The cases of an axis take turns, a step each: a, b, c, a, b, c. A slower minute of the machine then meets
all of them, and does not look like a finding.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import torch

from core import methods
from core.bench.device import device_of, synchronize
from core.bench.flops import needed_flops
from core.bench.report import Growth
from core.catalog import find_model
from core.config import MethodConfig, OptimizerConfig, RunConfig
from core.data.encode import Encoded
from core.evaluate.uncertainty import median_interval
from core.models.acquire import model_dir
from core.models.load import best_device, load
from core.models.probe import resolve_dtype
from core.models.seed import seed_everything
from core.models.trie import build
from core.shape import PUBLISHED, ModelShape, of_folder, total_parameters
from core.train.loop import make_optimizer, take_step
from core.train.optimizer import AdamW

LEARNED = 8
STEPS = 9
"""Of each case, after one to warm up. With nine, the 95 % interval of a median leaves out the fastest and
the slowest; with fewer than six it would be as wide as all values."""


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


def measure_scaling(*, model: str, dtype: str = "auto") -> Iterator[Growth]:
    """A point for each case."""
    base = load(model, dtype=resolve_dtype(dtype))
    shape = of_folder(model_dir(find_model(model)))
    for axis, values in AXES.items():
        kind = type(getattr(Case(), axis))
        cases = [replace(Case(), **{axis: kind(value)}) for value in values]
        timed = [Timed.of(base.model, shape, case, base.dtype) for case in cases]
        yield from _points(axis, values, timed)
    shapes = sizes(shape)
    timed = [Timed.of(random_model(s, base.dtype), s, Case(), base.dtype) for s in shapes]
    yield from _points("parameters", [total_parameters(s) for s in shapes], timed)


def _points(axis: str, values: Sequence[float], timed: Sequence["Timed"]) -> Iterator[Growth]:
    take_turns(timed)
    for value, one in zip(values, timed, strict=True):
        yield one.point(axis, value)


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


@dataclass
class Timed:
    """A LoRA in training whose steps are timed."""

    model: Any
    optimizer: AdamW
    pairs: list[Encoded]
    dtype: torch.dtype
    needed_flops: int
    step_s: list[float] = field(default_factory=list[float])
    """The first step warms up and is not counted."""
    n_tokens: int = 0

    @classmethod
    def of(cls, model: Any, shape: ModelShape, case: Case, dtype: torch.dtype) -> "Timed":
        seed_everything(0)
        method = MethodConfig(rank=case.rank, alpha=2.0 * case.rank)
        config = RunConfig(method=method, optimizer=OptimizerConfig(steps=1 + STEPS))
        tuned = methods.find("lora").attach(model, method).train()
        pairs = random_batch(case, vocabulary=shape.vocabulary)
        needed = needed_flops(pairs, method, shape)
        return cls(tuned, make_optimizer(tuned, config), pairs, dtype, needed)

    def step(self) -> None:
        device = device_of(self.model)
        tick = time.perf_counter()
        batch = build(self.pairs).to(device)
        take_step(self.model, self.optimizer, batch, rate=1e-4, clip_norm=1.0, dtype=self.dtype)
        synchronize(device)
        self.step_s.append(time.perf_counter() - tick)
        self.n_tokens = len(batch.token_ids)

    def point(self, axis: str, value: float) -> Growth:
        """The median of its steps, with its 95 % interval."""
        counted = self.step_s[1:]
        low, high = median_interval(counted)
        return Growth(
            axis=axis,
            value=value,
            step_s=median(counted),
            low=low,
            high=high,
            n_steps=len(counted),
            tokens=self.n_tokens,
            needed_flops=self.needed_flops,
        )


def take_turns(timed: Sequence[Timed]) -> None:
    """One step of each in every round."""
    for _ in range(1 + STEPS):
        for one in timed:
            one.step()
