"""The trie batch is exact: transformers' own padded loss, and every gradient, in float64."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from core import methods
from core.config import MethodConfig
from core.data.encode import Encoded
from core.models import attention, forward, trie
from core.models.fused import FUSED
from core.models.load import LoadedModel, load_folder

BATCHES = {
    "shared head": [Encoded([5, 6, 7, 8], [9, 1]), Encoded([5, 6, 7, 9, 9], [10, 11, 1])],
    "nothing shared": [Encoded([5], [9, 1]), Encoded([6, 7], [10, 1]), Encoded([8, 8, 8], [3, 1])],
    "the same pair twice": [Encoded([5, 6], [9, 1]), Encoded([5, 6], [9, 1])],
    "one inside another": [Encoded([5, 6], [9, 1]), Encoded([5, 6, 9], [1, 7, 1])],
    "one prompt, two completions": [Encoded([5, 6, 7], [9, 4, 1]), Encoded([5, 6, 7], [8, 1])],
    "single": [Encoded([4, 5], [6, 7, 8, 1])],
}


@pytest.fixture(autouse=True)
def no_float32_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers computes norms and softmax in float32 even in a float64 model; not here."""
    softmax = F.softmax

    def in_own_dtype(x: torch.Tensor, dim: int, dtype: object = None) -> torch.Tensor:
        return softmax(x, dim=dim)

    def norm(self: LlamaRMSNorm, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x * torch.rsqrt(x.square().mean(-1, True) + self.variance_epsilon)

    monkeypatch.setattr(nn.functional, "softmax", in_own_dtype)
    monkeypatch.setattr(LlamaRMSNorm, "forward", norm)


def padded_loss(model: nn.Module, batch: list[Encoded]) -> torch.Tensor:
    """transformers' logits of the same pairs padded on the right, and its loss in float64."""
    width = max(len(pair.ids) for pair in batch)
    ids = torch.tensor([p.ids + [0] * (width - len(p.ids)) for p in batch])
    labels = torch.tensor([p.labels + [-100] * (width - len(p.ids)) for p in batch])
    mask = torch.tensor([[1] * len(p.ids) + [0] * (width - len(p.ids)) for p in batch])
    output = model(input_ids=ids, attention_mask=mask, labels=labels)
    n_virtual = output.logits.shape[1] - width  # peft returns a soft prompt's logits, too
    logits = output.logits[:, n_virtual:-1].flatten(0, 1)
    loss = F.cross_entropy(logits, labels[:, 1:].flatten())
    assert loss.item() == pytest.approx(output.loss.item(), rel=1e-5)  # its own, in float32
    return loss


def gradients(model: nn.Module, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def count_forwards(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the forwards of a tree that are taken from now on."""
    found: list[str] = []

    def counted(name: str) -> Callable[..., torch.Tensor]:
        own = getattr(forward, name)

        def call(*args: Any, **options: Any) -> torch.Tensor:
            found.append(name)
            return own(*args, **options)

        return call

    for name in ("fused_forward", "tree_forward"):
        monkeypatch.setattr(forward, name, counted(name))
    return found


def tuned_model(base: LoadedModel, method: str) -> nn.Module:
    config = MethodConfig(name=method, rank=4, virtual_tokens=3)
    model = methods.find(method).attach(base.model, config).double()
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # zero at first, which would leave A without a gradient
            nn.init.normal_(parameter)
    return model


@pytest.mark.parametrize("computed", ["fused", "plainly", "plainly by sdpa"])
@pytest.mark.parametrize("method", ["full", "lora", "prompt", "prefix"])
@pytest.mark.parametrize("name", BATCHES)
def test_loss_and_every_gradient_equal_the_padded_batch(
    name: str, method: str, computed: str, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNING_FORK_FUSED", str(int(computed == "fused")))
    if computed == "plainly by sdpa":
        monkeypatch.setattr(attention, "LIMIT", 0)
    calls = count_forwards(monkeypatch)
    base = load_folder(tiny_folder, id="tiny", dtype=torch.float64)
    model, batch = tuned_model(base, method), BATCHES[name]
    calls.clear()
    ours = trie.mean_loss(model, trie.build(batch))
    assert calls == [
        "fused_forward" if computed == "fused" and method != "prefix" else "tree_forward"
    ]
    found = gradients(model, ours)
    theirs = padded_loss(model, batch)
    wanted = gradients(model, theirs)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-10)
    assert found.keys() == wanted.keys()
    n_all = len(list(base.model.parameters()))
    assert len(wanted) == {"full": n_all, "lora": 8, "prompt": 1, "prefix": 1}[method]
    for parameter, gradient in wanted.items():
        torch.testing.assert_close(found[parameter], gradient, rtol=1e-8, atol=1e-10)


def test_without_fused_parts_a_model_is_transformers_own(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNING_FORK_FUSED", "0")
    base = load_folder(tiny_folder, id="tiny", dtype=torch.float32)
    assert base.path == "tree"
    assert not any(isinstance(module, FUSED) for module in base.model.modules())


def test_shared_tokens_are_computed_once() -> None:
    batch = trie.build(BATCHES["shared head"])
    assert batch.token_ids.tolist() == [5, 6, 7, 8, 9, 9, 9, 10, 11]
    assert batch.depth.tolist() == [0, 1, 2, 3, 4, 3, 4, 5, 6]
    assert batch.n_tokens_padded == 16
    assert batch.counts.sum() == 5
