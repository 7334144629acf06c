"""Targets are roles: each architecture's matrices are found by what they do, not by Llama's names."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import nn
from transformers import AutoModelForCausalLM

from core import methods
from core.cli.main import build_parser
from core.config import LLAMA_NAMES, METHODS, ROLES, MethodConfig, RunConfig
from core.errors import UserError
from core.formulas.parameters import trainable_parameters
from core.inspect import lora, spectrum
from core.methods.merge import merged
from core.models.load import load_folder
from core.models.roles import fused_note, matrices_of, module_named, modules_for
from core.shape import READERS, of_folder
from tests.core.models.architectures import NAMES, make

LLAMA = {name: (role,) for name, role in zip(LLAMA_NAMES, ROLES, strict=True)}
QKV = ("query", "key", "value")
OTHERS: dict[str, dict[str, tuple[str, ...]]] = {
    "phi3": {
        "o_proj": ("output",),
        "qkv_proj": QKV,
        "gate_up_proj": ("gate", "up"),
        "down_proj": ("down",),
    },
    "gpt2": {
        "c_attn": QKV,
        "attn.c_proj": ("output",),
        "c_fc": ("up",),
        "mlp.c_proj": ("down",),
    },
    "gpt_neox": {
        "query_key_value": QKV,
        "dense": ("output",),
        "dense_h_to_4h": ("up",),
        "dense_4h_to_h": ("down",),
    },
    "gpt_oss": {name: roles for name, roles in LLAMA.items() if roles[0] in (*QKV, "output")},
}
KNOBS: dict[str, Any] = {"layers": 1, "virtual_tokens": 4, "bottleneck": 4, "rank": 2}
NEED_AN_MLP = ("ia3", "adapter")
"""GPT-OSS has experts instead, without a matrix of their own."""
Made = dict[str, tuple[Path, nn.Module]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Every architecture as transformers loads it."""
    found: Made = {}
    for name in NAMES:
        folder = make(name, tmp_path_factory.mktemp(name))
        model: Any = AutoModelForCausalLM.from_pretrained(str(folder), attn_implementation="eager")
        found[name] = folder, model.requires_grad_(False).eval()
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_roles_by_architecture(name: str, made: Made) -> None:
    assert matrices_of(made[name][1]) == OTHERS.get(name, LLAMA)


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NAMES)
def test_every_method_fits_every_architecture(name: str, method: str, made: Made) -> None:
    """Starts as the base (or with virtual tokens before it), and is trained where it says."""
    folder, model = made[name]
    torch.manual_seed(0)
    targets = ("query", "output")
    config = MethodConfig(name=method, target_modules=targets, **KNOBS)
    if name == "gpt_oss" and method in NEED_AN_MLP:
        with pytest.raises(UserError, match="no down matrix"):
            methods.find(method).attach(model, config)
        return
    tuned = methods.find(method).attach(model, config)
    ids = torch.tensor([[5, 6, 7, 20, 21]])
    found: Any = tuned(input_ids=ids).logits
    if method not in ("prompt", "prefix"):
        wanted: Any = model(input_ids=ids).logits
        assert torch.allclose(found, wanted, atol=1e-5)
    found.square().sum().backward()
    trained = [p for p in tuned.parameters() if p.requires_grad]
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in trained)
    assert not any(p.requires_grad for p in model.parameters())
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    if kind in READERS:
        n_trained, _ = methods.count_parameters(tuned)
        assert trainable_parameters(config, of_folder(folder)) == n_trained


@pytest.mark.parametrize(
    "method", ["lora", "rslora", "dora", "adalora", "ia3", "adapter", "bitfit"]
)
@pytest.mark.parametrize("name", NAMES)
def test_saved_and_loaded_it_is_the_same(
    name: str, method: str, made: Made, tmp_path: Path
) -> None:
    _, model = made[name]
    if name == "gpt_oss" and method in NEED_AN_MLP:
        return
    torch.manual_seed(0)
    config = MethodConfig(name=method, target_modules=("value", "output"), **KNOBS)
    tuned = methods.find(method).attach(model, config)
    for p in tuned.parameters():
        if p.requires_grad:
            p.data += 0.1 * torch.randn_like(p)
    methods.find(method).save(tuned, model, tmp_path)
    ids = torch.tensor([[5, 6, 7, 20, 21]])
    with torch.no_grad():
        wanted: Any = tuned.eval()(input_ids=ids).logits
        loaded = methods.find(method).load(model, tmp_path)
        found: Any = loaded(input_ids=ids).logits
        bare: Any = model(input_ids=ids).logits
        atol = 0.05 if method == "bitfit" else 1e-5  # a delta is kept in bf16
        assert torch.allclose(found, wanted, atol=atol)
        assert not torch.allclose(found, bare, atol=0.1 if method != "adalora" else 1e-3)
    if (tmp_path / "adapter_config.json").is_file():  # plain peft reads it, by real names
        plain: Any = AutoModelForCausalLM.from_pretrained(
            str(made[name][0]), attn_implementation="eager"
        )
        theirs: Any = PeftModel.from_pretrained(plain, str(tmp_path))
        with torch.no_grad():
            assert torch.allclose(theirs(input_ids=ids).logits, wanted, atol=1e-4)
        targets = json.loads((tmp_path / "adapter_config.json").read_text())["target_modules"]
        assert set(targets) <= set(matrices_of(model))


def test_a_matrix_with_several_roles_is_one_target_and_says_so(made: Made) -> None:
    gpt2 = made["gpt2"][1]
    assert modules_for(gpt2, ("query", "value")) == ["c_attn"]
    assert fused_note(gpt2, ("query", "value")) == (
        "In this model one matrix, c_attn, holds query, key and value together, "
        "so targeting query and value changes all of them."
    )
    assert fused_note(gpt2, (*QKV, "output")) == ""
    assert fused_note(made["llama"][1], ("query",)) == ""


def test_a_role_that_a_model_lacks_is_refused(made: Made) -> None:
    with pytest.raises(
        UserError, match="no gate matrix to target; it has query, key, value, output, up, down"
    ):
        modules_for(made["gpt2"][1], ("query", "gate"))
    with pytest.raises(UserError, match="no matrix of it is known"):
        modules_for(nn.Linear(2, 2), ("query",))


def test_matrices_are_looked_up_by_role_or_name(made: Made) -> None:
    assert module_named(made["gpt2"][1], "key") == "c_attn"
    assert module_named(made["llama"][1], "key") == "k_proj"
    assert module_named(made["llama"][1], "k_proj") == "k_proj"


def test_llama_s_names_mean_the_roles_everywhere() -> None:
    old = MethodConfig(target_modules=("q_proj", "v_proj"))
    assert old == MethodConfig(target_modules=("query", "value")) == MethodConfig()
    stored = RunConfig().to_dict()
    stored["method"]["target_modules"] = ["q_proj", "v_proj"]
    assert RunConfig.from_dict(stored).hash == RunConfig().hash
    every = MethodConfig(target_modules=LLAMA_NAMES)
    assert every.target_modules == ROLES
    assert MethodConfig(target_modules=("query", "q_proj")).target_modules == ("query",)
    assert build_parser().parse_args(["train", "--targets", "q_proj,down_proj"])


@pytest.mark.parametrize("role", ["key", "output"])
def test_the_matrices_of_a_run_are_shown_by_role(role: str, made: Made) -> None:
    folder, _ = made["gpt2"]
    base = load_folder(folder, id="gpt2", dtype=torch.float32)
    config = MethodConfig(target_modules=("query", "output"), rank=2)
    tuned: Any = methods.find("lora").attach(base.model, config)
    name = {"key": "c_attn", "output": "c_proj"}[role]
    layer = tuned.get_submodule(f"base_model.model.transformer.h.1.attn.{name}")
    layer.lora_B["default"].weight.data.normal_()
    found = lora.matrices(tuned, base, layer=1, module=role)
    product = torch.tensor(found.B) @ torch.tensor(found.A) * found.scaling
    assert torch.allclose(torch.tensor(found.BA), product, atol=1e-5)
    assert torch.equal(torch.tensor(found.W), layer.base_layer.weight.T)
    values = spectrum.spectrum(tuned, base, layer=1, module=role).singular_values
    assert values[:2] == pytest.approx(torch.linalg.svdvals(product)[:2].tolist(), rel=1e-4)


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["lora", "dora", "adalora", "ia3"])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "gpt_oss"])
def test_merged_it_is_the_same(name: str, method: str, made: Made) -> None:
    _, model = made[name]
    torch.manual_seed(0)
    config = MethodConfig(name=method, target_modules=("value", "output"), **KNOBS)
    tuned: Any = methods.find(method).attach(model, config)
    for p in tuned.parameters():
        if p.requires_grad:
            p.data += 0.1 * torch.randn_like(p)
    ids = torch.tensor([[5, 6, 7, 20, 21]])
    one: Any = merged(tuned.eval(), method)
    with torch.no_grad():
        assert torch.allclose(one(input_ids=ids).logits, tuned(input_ids=ids).logits, atol=1e-4)
