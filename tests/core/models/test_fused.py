"""The fused parts compute what transformers' own parts do: values, and gradients in float64."""

import copy
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from transformers import DynamicCache, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaRMSNorm

from core import methods
from core.config import MethodConfig
from core.models import fused
from core.models.forward import ancestors, tree_forward, tree_outputs
from core.models.fused.block_sparse import cut
from core.models.fused.forward import fused_forward
from core.models.fused.layer import Whole
from core.models.fused.linear import joined
from core.models.fused.norm import Norm
from core.models.load import LoadedModel


class OwnDtypeNorm(LlamaRMSNorm):
    """Transformers' norm computes in float32 even in a float64 model; not here."""

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        x = hidden_states
        return self.weight * x * torch.rsqrt(x.square().mean(-1, True) + self.variance_epsilon)


def plain(model: nn.Module) -> nn.Module:
    """A copy with transformers' own parts."""
    copied = copy.deepcopy(model)
    fused.unfuse(copied)
    for module in copied.modules():
        if type(module) is LlamaRMSNorm:
            module.__class__ = OwnDtypeNorm
    return copied


def random_tree(n: int, *, seed: int, branching: float) -> list[int]:
    rng = random.Random(seed)
    return [-1] + [
        rng.randrange(-1, node) if rng.random() < branching else node - 1 for node in range(1, n)
    ]


@pytest.mark.parametrize("branching", [0.0, 0.05, 0.4, 1.0])
@pytest.mark.parametrize("n", [1, 2, 17, 90])
def test_blocks_see_exactly_the_ancestors(n: int, branching: float) -> None:
    parents = random_tree(n, seed=n, branching=branching)
    blocks = cut(parents)
    found = torch.zeros(n, n, dtype=torch.int)
    flat = blocks.queries.flatten()
    keys = blocks.keys.repeat_interleave(blocks.queries.shape[1], 0)
    sees = blocks.sees.flatten(0, 1)
    for node in range(n):
        slot = int(blocks.slots[node])
        assert flat[slot] == node
        found[node].index_add_(0, keys[slot], sees[slot].int())
    assert torch.equal(found, ancestors(parents).int())  # each once, and nothing else
    assert len(blocks.padding) + n == len(flat)


def test_norm_equals_transformers() -> None:
    norm = LlamaRMSNorm(24, eps=1e-5).double()
    nn.init.normal_(norm.weight)
    x = torch.randn(3, 5, 24, dtype=torch.float64, requires_grad=True)

    def plainly(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return weight * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5)

    def ours(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return Norm.apply(x, weight, 1e-5)  # pyright: ignore[reportReturnType]

    torch.testing.assert_close(ours(x, norm.weight), plainly(x, norm.weight))
    assert torch.autograd.gradcheck(ours, (x, norm.weight))


@pytest.mark.parametrize("in_norm", [LlamaRMSNorm, fused.FusedNorm])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_norm_rounds_like_transformers(in_norm: type, dtype: torch.dtype) -> None:
    norm = LlamaRMSNorm(64, eps=1e-5).to(dtype)
    x = torch.randn(7, 64).to(dtype)
    wanted = norm(x).float()
    norm.__class__ = in_norm
    tolerance = 1e-6 if dtype is torch.float32 else 2**-7
    torch.testing.assert_close(norm(x).float(), wanted, rtol=tolerance, atol=tolerance)
    with torch.no_grad():
        torch.testing.assert_close(norm(x).float(), wanted, rtol=tolerance, atol=tolerance)


def full(model: nn.Module) -> nn.Module:
    return model.requires_grad_(True)


def lora(*targets: str) -> Callable[[nn.Module], nn.Module]:
    def attach(model: nn.Module) -> nn.Module:
        config = MethodConfig(name="lora", rank=3, target_modules=targets)
        tuned = methods.find("lora").attach(model, config).double()
        torch.manual_seed(4)
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                nn.init.normal_(parameter)
        return tuned

    return attach


def virtual(method: str) -> Callable[[nn.Module], nn.Module]:
    def attach(model: nn.Module) -> nn.Module:
        config = MethodConfig(name=method, virtual_tokens=4)
        return methods.find(method).attach(model, config).double()

    return attach


TUNINGS = {
    "full": full,
    "soft prompt": virtual("prompt"),
    "prefix": virtual("prefix"),
    "q and v": lora("q_proj", "v_proj"),
    "k only": lora("k_proj"),
    "everything": lora("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
}


@pytest.mark.parametrize("tuning", TUNINGS)
@pytest.mark.parametrize(
    ("branching", "is_whole"), [(0.0, True), (0.1, True), (0.5, True), (0.1, False)]
)
def test_a_tree_equals_transformers_in_values_and_every_gradient(
    tiny64: LoadedModel,
    tuning: str,
    branching: float,
    is_whole: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    n_whole = count_whole_layers(monkeypatch)
    if not is_whole:
        monkeypatch.setattr(Whole, "of", lambda layer: None)
    parents = random_tree(60, seed=3, branching=branching)
    depth = ancestors(parents).sum(-1) - 1
    tokens = torch.randint(2, 300, (60,))
    model = TUNINGS[tuning](tiny64.model)
    other = plain(model)
    ours = tree_outputs(model, tokens, depth, parents)
    theirs = tree_forward(other, tokens, depth, parents)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)
    for hidden in (ours, theirs):
        (hidden * torch.linspace(-1, 1, hidden.numel()).view_as(hidden)).sum().backward()
    wanted = {n: p.grad for n, p in other.named_parameters() if p.grad is not None}
    found = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert found.keys() == wanted.keys()
    assert found
    for name, gradient in found.items():
        assert gradient is not None
        torch.testing.assert_close(gradient, wanted[name], rtol=1e-8, atol=1e-9, msg=name)
    takes_blocks = is_whole and tuning != "prefix"
    assert len(n_whole) == (tiny64.model.config.num_hidden_layers if takes_blocks else 0)


def count_whole_layers(monkeypatch: pytest.MonkeyPatch) -> list[Whole]:
    """Those whose gradient is taken as one operation, from now on."""
    found: list[Whole] = []
    gradient = Whole.gradient

    def counted(whole: Whole, *args: Any, **kwargs: Any) -> Any:
        found.append(whole)
        return gradient(whole, *args, **kwargs)

    monkeypatch.setattr(Whole, "gradient", counted)
    return found


@pytest.mark.parametrize("method", ["lora", "prompt", "prefix", "adapter", "top_layers"])
def test_wanted_outputs_are_those_of_all(tiny64: LoadedModel, method: str) -> None:
    config = MethodConfig(name=method, rank=2, virtual_tokens=3, layers=1)
    model = methods.find(method).attach(tiny64.model, config).double()
    parents = random_tree(25, seed=6, branching=0.2)
    depth = ancestors(parents).sum(-1) - 1
    tokens, wanted = torch.randint(2, 300, (25,)), torch.tensor([3, 24, 9, 9])
    every = tree_outputs(model, tokens, depth, parents)
    torch.testing.assert_close(
        tree_outputs(model, tokens, depth, parents, wanted=wanted), every[wanted]
    )
    with torch.no_grad():
        found = tree_outputs(model, tokens, depth, parents, cache=DynamicCache(), wanted=wanted)
    torch.testing.assert_close(found, every[wanted])


def test_a_tree_fills_a_cache_like_rows_do(tiny64: LoadedModel) -> None:
    parents = random_tree(30, seed=5, branching=0.2)
    depth = ancestors(parents).sum(-1) - 1
    tokens = torch.randint(2, 300, (30,))
    ours, theirs = DynamicCache(), DynamicCache()
    with torch.no_grad():
        fused_forward(tiny64.model, tokens, depth, parents, cache=ours)
        tree_forward(plain(tiny64.model), tokens, depth, parents, cache=theirs)
    for mine, other in zip(ours.layers, theirs.layers, strict=True):
        torch.testing.assert_close(mine.keys, other.keys, rtol=0, atol=1e-10)
        torch.testing.assert_close(mine.values, other.values, rtol=0, atol=1e-10)


def test_loading_gives_a_llama_the_fused_parts(tiny: LoadedModel) -> None:
    kinds = {type(module) for module in tiny.model.modules()}
    assert {fused.FusedNorm, fused.FusedAttention} <= kinds
    own = {type(module) for module in plain(tiny.model).modules()}
    assert {OwnDtypeNorm, nn.Linear, LlamaAttention} <= own
    assert not own & {fused.FusedNorm, fused.FusedAttention}
    assert isinstance(tiny.model, LlamaForCausalLM)
    attention = tiny.model.model.layers[0].self_attn
    together = joined(
        [attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight], torch.float32
    )
    assert together.data_ptr() == attention.q_proj.weight.data_ptr()  # one matrix, not a copy
    mlp = tiny.model.model.layers[0].mlp
    together = joined([mlp.gate_proj.weight, mlp.up_proj.weight], torch.float32)
    assert together.data_ptr() == mlp.gate_proj.weight.data_ptr()
