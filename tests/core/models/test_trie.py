"""The trie batch is exact: transformers' own padded loss, and every gradient, in float64."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from core import methods
from core.config import MethodConfig
from core.data.encode import Encoded
from core.models import attention, trie
from core.models.load import LoadedModel

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
    logits = output.logits[:, :-1].flatten(0, 1)
    loss = F.cross_entropy(logits, labels[:, 1:].flatten())
    assert loss.item() == pytest.approx(output.loss.item(), rel=1e-5)  # its own, in float32
    return loss


def gradients(model: nn.Module, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def tuned_model(base: LoadedModel, method: str) -> nn.Module:
    model = methods.find(method).attach(base.model, MethodConfig(name=method, rank=4)).double()
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # zero at first, which would leave A without a gradient
            nn.init.normal_(parameter)
    return model


@pytest.mark.parametrize("limit", [attention.LIMIT, 0], ids=["tree", "sdpa"])
@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("name", BATCHES)
def test_loss_and_every_gradient_equal_the_padded_batch(
    name: str, method: str, limit: int, tiny64: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "LIMIT", limit)
    model, batch = tuned_model(tiny64, method), BATCHES[name]
    ours = trie.mean_loss(model, trie.build(batch))
    found = gradients(model, ours)
    theirs = padded_loss(model, batch)
    wanted = gradients(model, theirs)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-10)
    assert found.keys() == wanted.keys()
    assert len(wanted) == (8 if method == "lora" else len(list(model.parameters())))
    for parameter, gradient in wanted.items():
        torch.testing.assert_close(found[parameter], gradient, rtol=1e-8, atol=1e-10)


def test_shared_tokens_are_computed_once() -> None:
    batch = trie.build(BATCHES["shared head"])
    assert batch.token_ids.tolist() == [5, 6, 7, 8, 9, 9, 9, 10, 11]
    assert batch.depth.tolist() == [0, 1, 2, 3, 4, 3, 4, 5, 6]
    assert batch.n_tokens_padded == 16
    assert batch.counts.sum() == 5
