"""The fused update beside torch's own, with gradients as wide as their weights and narrower."""

import pytest
import torch
from torch import nn

from core import methods
from core.config import MethodConfig, MitigationConfig, OptimizerConfig, RunConfig
from core.models.load import LoadedModel
from core.train.loop import make_optimizer, take_steps
from core.train.optimizer import AdamW
from core.train.plan import make_plan
from core.train.regularizers import make_penalties


def weights(*, narrow: bool) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    found = [
        nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((40, 30), (30,), (9, 7))
    ]
    if narrow:
        found[0].grad_dtype = found[2].grad_dtype = torch.bfloat16
    return found


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("clip_norm", [0.5, 1e6])
def test_three_updates_are_torch_s(narrow: bool, clip_norm: float) -> None:
    ours, wanted = weights(narrow=narrow), weights(narrow=False)
    optimizer = AdamW(ours, weight_decay=0.1)
    usual = torch.optim.AdamW(wanted, lr=0.0, weight_decay=0.1)
    for number in range(3):
        generator = torch.Generator().manual_seed(number)
        for p, q in zip(ours, wanted, strict=True):
            gradient = torch.randn(p.shape, generator=generator).to(p.grad_dtype)
            p.grad, q.grad = gradient, gradient.to(q.dtype)
        norm = optimizer.clip(clip_norm)
        # each norm of bf16 has 8 bits of mantissa; the float32 one is torch's to its last digits
        known = nn.utils.clip_grad_norm_(wanted, clip_norm)
        torch.testing.assert_close(norm, known, rtol=4e-3 if narrow else 1e-6, atol=0)
        if narrow and clip_norm < 1:  # so that the same step is compared
            for q in wanted:
                assert q.grad is not None
                q.grad *= known / norm
        for o in (optimizer, usual):
            o.param_groups[0]["lr"] = 1e-2
            o.step()
            o.zero_grad()
        for p, q in zip(ours, wanted, strict=True):
            torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-6)


def test_a_gradient_that_is_short_enough_is_not_changed() -> None:
    ours = weights(narrow=True)
    optimizer = AdamW(ours, weight_decay=0.0)
    for p in ours:
        p.grad = torch.ones_like(p, dtype=p.grad_dtype) * 1e-3
    optimizer.clip(1.0)
    assert optimizer.grad_scale is None
    optimizer.clip(1e-4)
    assert optimizer.grad_scale is not None
    optimizer.clip(1.0)
    assert optimizer.grad_scale is None


@pytest.mark.usefixtures("home")
def test_matrices_have_gradients_of_the_products_precision(tiny_bf16: LoadedModel) -> None:
    config = RunConfig(
        method=MethodConfig(name="full"), optimizer=OptimizerConfig(steps=1, warmup_steps=0)
    )
    model = methods.find("full").attach(tiny_bf16.model, config.method)
    seen: dict[str, torch.dtype] = {}
    for name, p in model.named_parameters():
        p.register_post_accumulate_grad_hook(
            lambda p, name=name: seen.update({name: p.grad.dtype}) if p.grad is not None else None
        )
    (stage,) = make_plan(config, tiny_bf16.tokenizer).stages
    list(take_steps(config, tiny_bf16, model, stage))
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    for name, dtype in seen.items():
        is_matrix = "layers" in name and "norm" not in name
        assert dtype is (torch.bfloat16 if is_matrix else torch.float32), name


@pytest.mark.usefixtures("home")
def test_what_is_added_to_gradients_is_added_in_float32(tiny_bf16: LoadedModel) -> None:
    config = RunConfig(
        method=MethodConfig(name="full"), cure=MitigationConfig(regularizer="l2sp", strength=0.1)
    )
    model = methods.find("full").attach(tiny_bf16.model, config.method)
    assert {p.grad_dtype for p in model.parameters()} == {torch.float32, torch.bfloat16}
    make_penalties(config, model, tiny_bf16)
    assert {p.grad_dtype for p in model.parameters()} == {torch.float32}
    assert isinstance(make_optimizer(model, config), AdamW)


def test_a_hook_is_called_once_a_step_whoever_else_makes_an_optimizer() -> None:
    """AdaLoRA takes ranks away in one: twice a step, it would be through with it halfway."""
    (p,) = ours = [nn.Parameter(torch.ones(3))]
    torch.optim.AdamW([nn.Parameter(torch.ones(3))])  # torch makes its own `step` call hooks now
    optimizer, called = AdamW(ours, weight_decay=0.0), list[int]()
    optimizer.register_step_post_hook(lambda *_: called.append(1))
    for n in (1, 2):
        p.grad = torch.ones(3)
        optimizer.clip(1.0)
        optimizer.step()
        assert sum(called) == n
