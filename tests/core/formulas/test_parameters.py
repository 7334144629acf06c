"""Trained parameters per method: by hand on a small model, against papers, and what a page shows of them."""

from dataclasses import replace

import pytest

from core.config import METHODS, ROLES, MethodConfig
from core.errors import UserError
from core.formulas.parameters import (
    count,
    trainable_parameters,
    trained_layers,
    trained_share,
)
from core.shape import PUBLISHED, ModelShape, gpt, total_parameters

# d 8, m 20, 3 layers, 4 heads of 2 and 2 of them for keys and values: q 8x8, k and v 8x4, o 8x8.
SMALL = ModelShape(
    title="small",
    hidden=8,
    intermediate=20,
    layers=3,
    heads=4,
    kv_heads=2,
    head_dim=2,
    vocabulary=10,
    tied=False,
)
LAYER = 8 * 8 + 8 * 4 + 8 * 4 + 8 * 8 + 3 * 8 * 20 + 8 + 8
BY_HAND = {
    "full": 2 * 10 * 8 + 3 * LAYER + 8,
    "top_layers": 2 * LAYER,
    "bitfit": 3 * (8 + 4 + 4 + 8 + 20 + 20 + 8),
    "layernorm": 7 * 8,
    "lora": 3 * (3 * (8 + 8) + 3 * (8 + 4)),
    "rslora": 3 * (3 * (8 + 8) + 3 * (8 + 4)),
    "dora": 3 * (3 * (8 + 8) + 8 + 3 * (8 + 4) + 4),
    "adalora": 3 * (5 * (8 + 8) + 5 + 5 * (8 + 4) + 5),  # ranks at the start: 1.5 · 3, rounded up
    "adapter": 3 * 2 * (8 * 5 + 5 + 5 * 8 + 8),
    "ia3": 3 * (4 + 4 + 20),
    "prompt": 6 * 8,
    "prefix": 6 * 3 * 2 * 2 * 2,
}


def config(name: str, **settings: object) -> MethodConfig:
    usual = {"layers": 2, "rank": 3, "bottleneck": 5, "virtual_tokens": 6}
    return MethodConfig(name=name, **usual | settings)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", METHODS)
def test_small_model_by_hand(name: str) -> None:
    assert trainable_parameters(config(name), SMALL) == BY_HAND[name]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("title", ["SmolLM2-135M", "GPT-2", "Qwen2.5-0.5B"])
def test_the_formula_with_its_numbers_gives_the_count(name: str, title: str) -> None:
    found = count(config(name), PUBLISHED[title])
    assert eval(found.numbers.replace(",", "").replace("·", "*")) == found.n


def test_lora_on_every_matrix_of_the_last_layers() -> None:
    method = config("lora", target_modules=ROLES, last_layers=2)
    pairs = 3 * (16 + 12 + 12 + 16 + 28 + 28 + 28)
    assert trainable_parameters(method, SMALL) == 2 * pairs
    assert trained_layers(method, SMALL) == 2


def test_biases_and_norms_of_a_model_that_has_biases() -> None:
    shape = gpt("g", hidden=8, layers=2, heads=2, vocabulary=10, positions=4)
    assert trainable_parameters(config("bitfit"), shape) == 2 * (4 * 8 + 32 + 8 + 2 * 8)
    assert trainable_parameters(config("layernorm"), shape) == 5 * 16
    queries = replace(SMALL, biased=("query", "key", "value"))
    assert trainable_parameters(config("bitfit"), queries) == 3 * (8 + 4 + 4)


def test_the_share_counts_what_is_added() -> None:
    n, total = BY_HAND["lora"], total_parameters(SMALL)
    assert trained_share(config("lora"), SMALL) == n / (total + n)
    assert trained_share(config("full"), SMALL) == 1
    assert trained_share(config("layernorm"), SMALL) == 56 / total


def test_what_a_model_lacks_is_refused() -> None:
    with pytest.raises(UserError, match="GPT-2 has no gate matrix; it has query"):
        count(config("lora", target_modules=("gate_proj",)), PUBLISHED["GPT-2"])
    for method in (config("top_layers", layers=4), config("lora", last_layers=4)):
        with pytest.raises(UserError, match="small has 3 layers"):
            count(method, SMALL)


def test_lora_on_gpt3_as_published() -> None:
    """Hu et al. 2021, GPT-3 175B, queries and values: tables 4 and 15 (4.7M and 37.7M), section 7.1
    (18M, "roughly 35MB if stored in FP16"), abstract (10,000 times fewer)."""
    shape = PUBLISHED["GPT-3 175B"]
    n = {r: trainable_parameters(MethodConfig(name="lora", rank=r), shape) for r in (1, 4, 8)}
    assert round(n[1] / 1e6, 1) == 4.7
    assert round(n[8] / 1e6, 1) == 37.7
    assert n[4] // 10**6 == 18
    assert 2 * n[4] / 2**20 == pytest.approx(35, abs=1.5)
    assert total_parameters(shape) / n[4] == pytest.approx(10_000, rel=0.1)


def test_prefix_and_prompt_as_published() -> None:
    """Lester et al. 2021, section 2: a prompt of P tokens has P · e parameters; T5-XXL, e = 4096, P = 5:
    20,480 (section 1)."""
    wide = replace(SMALL, hidden=4096)
    assert trainable_parameters(MethodConfig(name="prompt", virtual_tokens=5), wide) == 20_480
