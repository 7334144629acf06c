"""Bytes of training against published figures, by hand, and against the formula's own text."""

import math

import pytest

from core.config import METHODS, MethodConfig
from core.formulas.memory import (
    KEEP,
    OPTIMIZERS,
    PRECISIONS,
    Part,
    activations,
    in_this_app,
    memory_parts,
    total_gb,
)
from core.shape import PUBLISHED, gpt, total_parameters

FULL, LORA = MethodConfig(name="full"), MethodConfig(name="lora")
STATES = ("frozen weights", "trained weights", "float32 copy", "gradients", "optimizer")


def states_gb(parts: tuple[Part, ...]) -> float:
    """All but activations."""
    return total_gb([part for part in parts if part.name in STATES])


def test_mixed_precision_adam_takes_16_bytes_a_parameter() -> None:
    """Rajbhandari et al. 2020 (ZeRO), section 3.1: 2 + 2 + 12 bytes; figure 1: 7.5B take 120 GB."""
    shape = PUBLISHED["Llama-2-7B"]
    per_parameter = states_gb(memory_parts(FULL, shape)) * 1e9 / total_parameters(shape)
    assert per_parameter == 16
    assert per_parameter * 7.5e9 / 1e9 == 120


def test_16_bit_full_fine_tuning_of_65b_needs_more_than_780_gb() -> None:
    """Dettmers et al. 2023 (QLoRA), section 1: "more than 780 GB". That is 12 bytes a parameter, so
    there is no float32 copy in it."""
    gb = states_gb(memory_parts(FULL, PUBLISHED["LLaMA-65B"], with_master=False))
    assert 780 < gb < 790


def test_weights_of_llama_2_7b() -> None:
    """Its published bf16 checkpoint has 13.5 GB (13,476,831,232 bytes of tensors)."""
    frozen = memory_parts(LORA, PUBLISHED["Llama-2-7B"])[0]
    assert frozen.n_bytes == 13_476_831_232


def test_gpt3_in_16_bit() -> None:
    """Hu et al. 2021, section 4.2: a checkpoint of GPT-3 175B has 350 GB."""
    frozen = memory_parts(LORA, PUBLISHED["GPT-3 175B"])[0]
    assert frozen.n_bytes / 1e9 == pytest.approx(350, rel=0.003)


@pytest.mark.parametrize(
    ("hidden", "layers", "heads", "saved"), [(12288, 96, 96, 0.70), (20480, 105, 128, 0.65)]
)
def test_what_selective_recomputation_saves(
    hidden: int, layers: int, heads: int, saved: float
) -> None:
    """Korthikanti et al. 2022, section 5: 70 % of GPT-3's and 65 % of MT-NLG's activations, at 2048
    tokens."""
    shape = gpt("", hidden=hidden, layers=layers, heads=heads, vocabulary=51200, positions=2048)
    every, some, _ = (
        activations(shape, batch=1, sequence=2048, n_layers=layers, keep=keep).n_bytes
        for keep in KEEP
    )
    assert 1 - some / every == pytest.approx(saved, abs=0.005)


def test_activations_by_hand() -> None:
    shape = gpt("", hidden=8, layers=3, heads=2, vocabulary=10, positions=16)
    found = activations(shape, batch=2, sequence=5, n_layers=3)
    assert found.n_bytes == 5 * 2 * 8 * 3 * (34 + 5 * 2 * 5 / 8)
    wide = activations(shape, batch=2, sequence=5, n_layers=3, element_bytes=4)
    assert wide.n_bytes == 5 * 2 * 8 * 3 * (66 + 9 * 2 * 5 / 8)  # masks stay one byte
    inputs = activations(shape, batch=2, sequence=5, n_layers=1, keep="layer inputs only")
    assert inputs.n_bytes == 5 * 2 * 8 * 2


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("keep", KEEP)
def test_each_formula_with_its_numbers_gives_its_bytes(
    precision: str, optimizer: str, keep: str
) -> None:
    for name in METHODS:
        parts = memory_parts(
            MethodConfig(name=name),
            PUBLISHED["SmolLM2-135M"],
            precision=precision,
            optimizer=optimizer,
            batch=4,
            sequence=300,
            keep=keep,
        )
        for part in parts:
            written = eval(part.numbers.replace(",", "").replace("·", "*"))
            assert math.isclose(written, part.n_bytes), part


def test_what_is_trained_is_never_below_16_bits() -> None:
    shape = PUBLISHED["Llama-2-7B"]
    found = {p.name: p.n_bytes for p in memory_parts(LORA, shape, precision="4-bit")}
    n = 32 * 2 * 8 * (4096 + 4096)
    assert found["frozen weights"] == total_parameters(shape) / 2
    assert found["trained weights"] == found["gradients"] == 2 * n
    assert found["float32 copy"] == 4 * n
    in_float32 = {p.name: p.n_bytes for p in memory_parts(LORA, shape, precision="float32")}
    assert in_float32["float32 copy"] == 0
    assert in_float32["gradients"] == 4 * n


def test_the_backward_pass_ends_at_the_lowest_trained_layer() -> None:
    shape = PUBLISHED["SmolLM2-135M"]
    some = memory_parts(MethodConfig(name="top_layers", layers=10), shape)[-1]
    assert some.n_bytes * 3 == pytest.approx(memory_parts(FULL, shape)[-1].n_bytes)


def test_virtual_tokens_are_tokens() -> None:
    shape = PUBLISHED["SmolLM2-135M"]
    soft = memory_parts(MethodConfig(name="prompt", virtual_tokens=12), shape, sequence=500)[-1]
    assert soft == memory_parts(FULL, shape, sequence=512)[-1]


def test_this_app_trains_in_float32() -> None:
    shape, n = PUBLISHED["SmolLM2-135M"], 134_515_008
    found = in_this_app(FULL, shape, n_tokens=243)
    matrices = n - 49_152 * 576 - 61 * 576
    assert found["gradients"] == 4 * n - 2 * matrices  # as measured on the real model
    assert in_this_app(FULL, shape, n_tokens=243, is_16_bit=False)["gradients"] == 4 * n
    assert found["optimizer"] == 8 * n  # measured: 1,076,121,152, with a step number per tensor
    kept = activations(shape, batch=1, sequence=243, n_layers=30).n_bytes
    assert found["activations"] == kept + 2 * n
    plain = in_this_app(FULL, shape, n_tokens=243, is_16_bit=False)["activations"]
    assert plain == activations(shape, batch=1, sequence=243, n_layers=30, element_bytes=4).n_bytes
