"""Each cure against its formula, and what a run with several tasks trains on."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from core import methods
from core.config import (
    METHODS,
    DataConfig,
    MethodConfig,
    MitigationConfig,
    OptimizerConfig,
    RunConfig,
    of_family,
)
from core.data.encode import Encoded
from core.events import Step
from core.inspect.movement import movement
from core.methods.sharing import with_parameters
from core.models.load import LoadedModel, load_folder
from core.models.seed import seed_everything
from core.models.trie import build, logits, mean_loss, token_losses
from core.train import regularizers
from core.train.batches import mixed_batches
from core.train.loop import take_steps
from core.train.plan import make_plan
from core.train.regularizers import (
    KeepAnswers,
    Pull,
    fisher_information,
    make_penalties,
    make_regularizer,
)

KEPT = [Encoded([5, 6, 7], [9, 1]), Encoded([5, 6, 8, 8], [10, 11, 1]), Encoded([7], [1])]


def attach(base: LoadedModel, name: str = "full", **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    return methods.find(name).attach(base.model, MethodConfig(name=name, **settings))


def push(model: nn.Module, size: float = 0.1) -> None:
    """Move every trained parameter a little, by a seeded draw."""
    torch.manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(size * torch.randn_like(p))


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("method", ["full", "top_layers", "lora"])
@pytest.mark.parametrize("with_fisher", [False, True], ids=["l2sp", "ewc"])
def test_gradient_of_the_pull_is_autograds(
    method: str, with_fisher: bool, tiny: LoadedModel
) -> None:
    model = attach(tiny, method, layers=1)
    start = {name: p.detach().clone() for name, p in trained(model).items()}
    fisher = {name: torch.rand_like(p) for name, p in start.items()} if with_fisher else None
    pull = Pull(model, tiny, 3.0, fisher)
    push(model)
    zero = torch.zeros(())
    penalty = sum(
        (
            1.5 * ((fisher[n] if fisher else 1.0) * (p - start[n]) ** 2).sum()
            for n, p in trained(model).items()
        ),
        zero,
    )
    wanted = torch.autograd.grad(penalty, list(trained(model).values()))
    before = torch.randn(())
    for p in trained(model).values():
        p.grad = torch.full_like(p, float(before))  # the penalty adds to what is there
    assert pull.add_gradient() == pytest.approx(penalty.item(), rel=1e-5)
    for p, gradient in zip(trained(model).values(), wanted, strict=True):
        torch.testing.assert_close(p.grad, gradient + before)


def test_l2sp_ends_where_the_closed_form_says(tiny: LoadedModel) -> None:
    """min ½a(w − c)² + ½λ(w − w₀)² is at (a·c + λ·w₀) / (a + λ)."""
    model = attach(tiny)
    start = {name: p.detach().clone() for name, p in trained(model).items()}
    pull = Pull(model, tiny, 2.0)
    for _ in range(60):
        for p in trained(model).values():
            p.grad = 3.0 * (p.detach() - 1.0)
        pull.add_gradient()
        with torch.no_grad():
            for p in trained(model).values():
                assert p.grad is not None
                p.sub_(p.grad, alpha=0.1)
    for name, p in trained(model).items():
        torch.testing.assert_close(p.detach(), (3.0 + 2.0 * start[name]) / 5.0)


@pytest.mark.thorough
def test_fisher_is_the_expected_squared_gradient(tiny64: LoadedModel) -> None:
    """Many draws come near the sum over all tokens, p(y) (d log p(y) / d w)², of one prediction."""
    pair = Encoded([5, 6, 7], [1])
    model = attach(tiny64, "lora", target_modules=("q_proj",))
    model = model.double()
    push(model, 0.3)
    weights = list(trained(model).values())
    batch = build([pair])
    n_tokens = tiny64.tokenizer.backend.get_vocab_size()
    exact = [torch.zeros_like(w) for w in weights]
    for token in range(n_tokens):
        log_p = -token_losses(model, build([Encoded(pair.prompt_ids, [token])]))[0]
        for total, g in zip(exact, torch.autograd.grad(log_p, weights), strict=True):
            total += log_p.exp().detach() * g * g
    assert len(batch.targets) == 1
    found = fisher_information(model, [pair] * 1500, tiny64, seed=0)
    flat, wanted = (torch.cat([f.flatten() for f in fs]) for fs in (found.values(), exact))
    assert flat.mean().item() == pytest.approx(1.0)
    assert torch.corrcoef(torch.stack([flat, wanted]))[0, 1] > 0.98
    big = wanted > wanted.mean()
    torch.testing.assert_close(flat[big], (wanted / wanted.mean())[big], rtol=0.35, atol=0.0)


def test_kl_is_zero_at_the_start_and_then_torchs(tiny: LoadedModel) -> None:
    model = attach(tiny)
    keep = KeepAnswers(model, KEPT, tiny, 2.0, seed=0)
    batch, wanted = keep.known[0]
    assert keep.divergence(batch, wanted).item() == pytest.approx(0.0, abs=1e-6)
    push(model, 0.02)
    by_hand: list[torch.Tensor] = []
    with torch.no_grad():
        for pair in KEPT:
            ids, n = torch.tensor([pair.ids]), len(pair.prompt_ids)
            p = tiny.model(ids).logits[0, n - 1 : -1].softmax(-1)
            q = model(ids).logits[0, n - 1 : -1].softmax(-1)
            by_hand += list((p * (p / q).log()).sum(-1))
    mean = torch.stack(by_hand).mean().item()
    assert mean > 1e-3
    assert keep.divergence(batch, wanted).item() == pytest.approx(mean, rel=1e-3)
    assert keep.add_gradient() == pytest.approx(2.0 * mean, rel=1e-3)
    assert all(p.grad is not None for p in trained(model).values())


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("regularizer", ["l2sp", "ewc", "kl"])
@pytest.mark.parametrize("method", [m for m in METHODS if m not in of_family("soft prompts")])
def test_no_penalty_for_a_model_that_has_not_moved(
    method: str, regularizer: str, dtype: torch.dtype, tiny_folder: Path
) -> None:
    base = load_folder(tiny_folder, id="tiny", dtype=dtype)
    model = attach(base, method, layers=1)
    start = make_regularizer(
        MitigationConfig(regularizer=regularizer, strength=1.0), model, base, seed=0
    )
    assert start
    model.train()
    assert [start.add_gradient() for _ in range(3)] == [0.0, 0.0, 0.0]
    push(model)
    assert start.add_gradient() > 0


@pytest.mark.parametrize("method", of_family("soft prompts"))
def test_a_soft_prompt_is_held_to_the_base(method: str, tiny: LoadedModel) -> None:
    keep = KeepAnswers(attach(tiny, method), KEPT, tiny, 1.0, seed=0)
    (batch, wanted) = keep.known[0]
    with torch.no_grad():
        torch.testing.assert_close(wanted, logits(tiny.model, batch))
    assert keep.add_gradient() > 0


@pytest.mark.parametrize(("weights", "size"), [([0.8, 0.2], 8), ([1, 1, 2], 3), ([1.0], 4)])
def test_shares_are_exact_in_every_stretch(weights: list[float], size: int) -> None:
    pools = [[f"{n}.{i}" for i in range(7)] for n in range(len(weights))]
    supply = mixed_batches(pools, weights, size, seed=3)
    given: list[str] = []
    for _ in range(50):
        given += next(supply)
        for n, weight in enumerate(weights):
            share = weight / sum(weights)
            count = sum(example.startswith(f"{n}.") for example in given)
            assert abs(count - share * len(given)) < 1
    for n in range(len(weights)):  # each pool in epochs: no example twice before all once
        own = [example for example in given if example.startswith(f"{n}.")]
        assert len(set(own[:7])) == min(7, len(own))


@pytest.mark.thorough
def test_plans_of_mixed_sequential_and_rehearsed_runs(tiny: LoadedModel) -> None:
    def plan(data: DataConfig, **cure: Any) -> Any:
        return make_plan(RunConfig(data=data, cure=MitigationConfig(**cure)), tiny.tokenizer)

    both = ("names",)
    (mixed,) = plan(DataConfig(others=both, weights=(3.0, 1.0))).stages
    assert [len(pool) for pool in mixed.pools] == [395, 198]
    assert list(mixed.weights) == [3.0, 1.0]
    first, second = plan(DataConfig(others=both, order="sequential")).stages
    assert (first.task, second.task) == ("sentiment", "names")
    assert [len(first.pools), len(second.pools)] == [1, 1]
    (rehearsed,) = plan(DataConfig(), rehearse="names", rehearse_share=0.25).stages
    assert list(rehearsed.weights) == [0.75, 0.25]
    assert len(rehearsed.pools[1]) == 198  # training pairs only
    one, two = plan(
        DataConfig(others=both, order="sequential"), rehearse="earlier", rehearse_share=0.5
    ).stages
    assert len(one.pools) == 1
    assert two.pools[1] is one.pools[0]
    assert list(two.weights) == [0.5, 0.5]
    found = plan(DataConfig(others=both))
    assert list(found.tests) == ["sentiment", "names"]
    assert len(found.validation) == 16


@pytest.mark.thorough
def test_no_test_text_is_rehearsed_or_kept(tiny: LoadedModel) -> None:
    kept = regularizers.kept_pairs(("names", "sentiment"), tiny, seed=0)
    assert len(kept) == regularizers.N_KEPT
    config = RunConfig(cure=MitigationConfig(rehearse="names", rehearse_share=0.5))
    found = make_plan(config, tiny.tokenizer)
    tests = make_plan(RunConfig(data=DataConfig(task="names")), tiny.tokenizer).tests["names"]
    asked = {tuple(tiny.tokenizer.ask(example.prompt)) for example in tests}
    (stage,) = found.stages
    seen = {tuple(pair.prompt_ids) for pool in stage.pools for pair in pool}
    assert not asked & (seen | {tuple(pair.prompt_ids) for pair in kept})


@pytest.mark.thorough
@pytest.mark.parametrize(("regularizer", "strength"), [("l2sp", 50.0), ("ewc", 50.0), ("kl", 50.0)])
def test_a_strong_penalty_moves_the_model_less(
    regularizer: str, strength: float, tiny: LoadedModel
) -> None:
    def moved(cure: MitigationConfig) -> float:
        config = RunConfig(
            method=MethodConfig(name="full"),
            optimizer=OptimizerConfig(learning_rate=1e-3, steps=6, batch_size=2),
            cure=cure,
        )
        seed_everything(0)
        model = attach(tiny)
        (stage,) = make_plan(config, tiny.tokenizer).stages
        found = make_penalties(config, model, tiny)
        pairs = regularizers.kept_pairs(cure.keep, tiny, seed=0) if regularizer == "kl" else []
        keep = KeepAnswers(model, pairs, tiny, 1.0, seed=0)
        steps = [e for e in take_steps(config, tiny, model, stage, found) if isinstance(e, Step)]
        assert (steps[-1].penalty > 0) == (cure.strength > 0)
        if regularizer == "kl":
            return sum(keep.divergence(*known).item() for known in keep.known)
        return sum(
            ((p - q) ** 2).sum().item()
            for p, q in zip(model.parameters(), tiny.model.parameters(), strict=True)
        )

    assert moved(MitigationConfig(regularizer=regularizer, strength=strength)) < 0.9 * moved(
        MitigationConfig()
    )


@pytest.mark.parametrize("method", ["full", "top_layers", "lora", "prompt"])
def test_movement_is_the_change_of_each_matrix(method: str, tiny: LoadedModel) -> None:
    model = attach(tiny, method, layers=1, rank=3, alpha=7.5)
    push(model)
    rows = {(r.layer, r.module): r.relative for r in movement(model, tiny.model)}
    layers, modules = {
        "full": ((0, 1), 7),
        "top_layers": ((1,), 7),
        "lora": ((0, 1), 2),
        "prompt": ((), 0),
    }[method]
    assert len(rows) == len(layers) * modules
    found = dict(model.named_modules())
    for layer, module in rows:
        kind = "self_attn" if module in ("q_proj", "k_proj", "v_proj", "o_proj") else "mlp"
        name = f"model.layers.{layer}.{kind}.{module}"
        old = tiny.model.get_submodule(name).weight
        if method == "lora":
            change: Any = found[f"base_model.model.{name}"].get_delta_weight("default")  # pyright: ignore
        else:
            change = found[name].weight - old
        assert rows[layer, module] == pytest.approx((change.norm() / old.norm()).item(), rel=1e-4)


def test_base_is_never_touched_by_a_penalty(tiny: LoadedModel) -> None:
    before = {n: p.clone() for n, p in tiny.model.named_parameters()}
    model = with_parameters(tiny.model, lambda n, p: p.detach().float().clone(), train=True)
    pull = Pull(model, tiny, 1.0)
    push(model)
    pull.add_gradient()
    loss = mean_loss(model, build(KEPT))
    loss.backward()
    assert all(torch.equal(p, before[n]) for n, p in tiny.model.named_parameters())


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
