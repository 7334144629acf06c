"""Adapters side by side on one base: switched, weighted, scaled."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from core import methods
from core.config import MethodConfig
from core.errors import UserError
from core.methods.adapter_set import AdapterSet, scaled
from core.models.load import LoadedModel
from tests.core.methods.tuning import logits, tune


@pytest.fixture
def folders(tiny: LoadedModel, tmp_path: Path) -> dict[str, Path]:
    """Two saved LoRA runs; the second is the first with another B."""
    found = {"one": tmp_path / "one", "two": tmp_path / "two"}
    tuned = tune("lora", tiny, rank=3)
    for folder in found.values():
        folder.mkdir()
        methods.find("lora").save(tuned, tiny.model, folder)
    weights = load_file(found["two"] / "adapter_model.safetensors")
    changed = {n: torch.randn_like(w) * 0.1 if "lora_B" in n else w for n, w in weights.items()}
    save_file(changed, found["two"] / "adapter_model.safetensors")
    return found


def test_switching_gives_each_adapter_s_own_model(
    tiny: LoadedModel, folders: dict[str, Path]
) -> None:
    adapter_set = AdapterSet(tiny.model, folders)
    bare = logits(tiny.model)
    alone = {n: logits(methods.find("lora").load(tiny.model, f)) for n, f in folders.items()}
    assert not torch.allclose(alone["one"], alone["two"], atol=1e-2)
    for name in ("one", "two", "one"):
        assert adapter_set.switch({name: 1.0}) > 0
        torch.testing.assert_close(logits(adapter_set.tuned), alone[name], rtol=0, atol=1e-5)
        adapter_set.switch({})
        assert torch.equal(logits(adapter_set.tuned), bare)
    assert torch.equal(logits(tiny.model), bare)


@pytest.mark.slow
@pytest.mark.benchmark
def test_the_real_model_switches_within_50_ms(smol: LoadedModel, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("one", "two")}
    for seed, folder in enumerate(folders.values()):
        torch.manual_seed(seed)
        folder.mkdir()
        tuned = methods.find("lora").attach(smol.model, MethodConfig())
        methods.find("lora").save(tuned, smol.model, folder)
    adapter_set = AdapterSet(smol.model, folders)
    assert max(adapter_set.switch({name: 1.0}) for name in ("one", "two", "one")) < 0.05


def test_weights_add_the_changes(tiny: LoadedModel, folders: dict[str, Path]) -> None:
    adapter_set = AdapterSet(tiny.model, folders)
    adapter_set.switch({"one": 0.25, "two": 0.5})
    name = "layers.1.self_attn.q_proj"
    x = torch.randn(4, 32)
    wanted = tiny.model.get_submodule(f"model.{name}")(x)
    for adapter, weight in (("one", 0.25), ("two", 0.5)):
        one = AdapterSet(tiny.model, {adapter: folders[adapter]})
        layer = one.tuned.get_submodule(f"base_model.model.model.{name}")
        wanted = wanted + weight * x @ layer.get_delta_weight(adapter).T  # pyright: ignore
    found = adapter_set.tuned.get_submodule(f"base_model.model.model.{name}")(x)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def test_an_adapter_s_bytes_are_its_own(tiny: LoadedModel, folders: dict[str, Path]) -> None:
    adapter_set = AdapterSet(tiny.model, folders)
    n_lora = 2 * 3 * ((32 + 32) + (32 + 16))
    assert adapter_set.adapter_bytes("one") == adapter_set.adapter_bytes("two") == 4 * n_lora
    assert adapter_set.base_bytes == 4 * sum(p.numel() for p in tiny.model.parameters())


def test_an_adapter_that_is_not_there_is_refused(
    tiny: LoadedModel, folders: dict[str, Path]
) -> None:
    adapter_set = AdapterSet(tiny.model, {"one": folders["one"]})
    with pytest.raises(UserError, match="two is not loaded"):
        adapter_set.switch({"two": 1.0})
    with pytest.raises(UserError, match="at least one"):
        AdapterSet(tiny.model, {})


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["lora", "rslora", "adalora"])
def test_scaling_turns_the_change_up_and_down(method: str, tiny: LoadedModel) -> None:
    tuned = tune(method, tiny)
    place = "base_model.model.model.layers.1.self_attn.q_proj"
    change = tuned.get_submodule(place).get_delta_weight("default")  # pyright: ignore
    for scale in (-1.0, 0.5, 2.0):
        layer = scaled(tuned, scale).get_submodule(place)
        torch.testing.assert_close(layer.get_delta_weight("default"), scale * change)  # pyright: ignore
    torch.testing.assert_close(logits(scaled(tuned, 0.0)), logits(tiny.model), rtol=0, atol=1e-5)
    torch.testing.assert_close(logits(scaled(tuned, 1.0)), logits(tuned), rtol=0, atol=0)


@pytest.mark.parametrize("method", ["dora", "prompt", "full", "ia3"])
def test_what_has_no_scale_is_refused(method: str, tiny: LoadedModel) -> None:
    with pytest.raises(UserError, match="Only a LoRA"):
        scaled(tune(method, tiny), 0.5)
