"""The highest logits are float32's, also where products are bf16."""

import pytest
import torch
from torch import nn

from core.generate.logits import SHOWN, float_logits, likeliest


@pytest.fixture
def head() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(48, 500, bias=False).to(torch.bfloat16).requires_grad_(False)


def wide(head: nn.Linear, hidden: torch.Tensor) -> torch.Tensor:
    return hidden.float() @ head.weight.float().t()


def test_near_ties_are_decided_in_float32(head: nn.Linear) -> None:
    hidden = 12 * torch.randn(400, 48).to(torch.bfloat16)
    wanted = wide(head, hidden).argmax(-1)
    assert torch.equal(likeliest(head, hidden), wanted)
    assert not torch.equal(head(hidden).argmax(-1), wanted)  # else this shows nothing


def test_the_highest_are_exact_and_the_others_near(head: nn.Linear) -> None:
    hidden = torch.randn(3, 48).to(torch.bfloat16)
    found, wanted = float_logits(head, hidden), wide(head, hidden)
    assert found.dtype is torch.float32
    torch.testing.assert_close(found, wanted, rtol=2**-7, atol=2**-7)
    ids = head(hidden).topk(SHOWN).indices
    torch.testing.assert_close(found.gather(-1, ids), wanted.gather(-1, ids), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_wider_logits_are_left_alone(head: nn.Linear, dtype: torch.dtype) -> None:
    same = head.to(dtype)
    hidden = torch.randn(3, 48, dtype=dtype)
    assert torch.equal(likeliest(same, hidden), same(hidden).argmax(-1))
    assert torch.equal(float_logits(same, hidden), same(hidden).float())
