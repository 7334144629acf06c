"""Stepping phase by phase leaves exactly the weights that running leaves."""

from typing import Any

import pytest
import torch

from core import catalog, methods
from core.config import DataConfig, MethodConfig, OptimizerConfig, RunConfig
from core.data import uploads
from core.events import Step
from core.models.load import LoadedModel
from core.models.seed import seed_everything
from core.models.trie import build, mean_loss
from core.train.loop import take_steps
from core.train.phases import Phase
from core.train.plan import make_plan
from core.train.stepper import PHASES, Stepper, by_layer, pair_losses

PAIRS = [
    {"prompt": f"{w} cat {n}", "completion": "yes" if n % 2 else "no"}
    for n in range(12)
    for w in "ab"
]
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "lora": ({"name": "lora"}, {}),
    "full": ({"name": "full"}, {"learning_rate": 1e-3}),
    "decay, clipped": ({"name": "lora"}, {"weight_decay": 0.1, "clip_norm": 0.01}),
    "cosine": ({"name": "lora"}, {"schedule": "cosine"}),
    "dropout": ({"name": "lora", "dropout": 0.5}, {}),
}


def config(method: dict[str, Any], optimizer: dict[str, Any]) -> RunConfig:
    settings = {"learning_rate": 0.02, "steps": 4, "batch_size": 5, "warmup_steps": 2} | optimizer
    return RunConfig(
        data=DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(PAIRS)),
        method=MethodConfig(rank=4, **method),
        optimizer=OptimizerConfig(**settings),
        seed=3,
    )


def advance(stepper: Stepper, n_steps: int = 1) -> list[Phase]:
    return [stepper.advance() for _ in range(n_steps * len(PHASES))]


def reported(results: list[Phase], phase: str, key: str) -> list[float]:
    return [getattr(result, key) for result in results if result.name == phase]


@pytest.mark.thorough
@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("home")
def test_stepping_equals_running_bit_for_bit(case: str, tiny: LoadedModel) -> None:
    wanted = config(*CASES[case])
    seed_everything(wanted.seed)
    (stage,) = make_plan(wanted, tiny.tokenizer).stages
    ran = methods.find(wanted.method.name).attach(tiny.model, wanted.method)
    steps = [e for e in take_steps(wanted, tiny, ran, stage) if isinstance(e, Step)]
    stepper = Stepper(wanted, tiny)
    results = advance(stepper, wanted.optimizer.steps)
    assert reported(results, "loss", "loss") == [step.loss for step in steps]
    assert reported(results, "clip", "before") == [step.grad_norm for step in steps]
    assert reported(results, "update", "learning_rate") == [step.learning_rate for step in steps]
    weights = dict(ran.named_parameters())
    assert stepper.trainable
    for name, parameter in stepper.trainable.items():
        assert torch.equal(parameter, weights[name]), name


@pytest.mark.usefixtures("home")
def test_phases_follow_each_other(tiny: LoadedModel) -> None:
    stepper = Stepper(config(*CASES["lora"]), tiny)
    results = advance(stepper, 2)
    assert [r.name for r in results] == [*PHASES, *PHASES]
    assert [r.step for r in results] == [1] * 6 + [2] * 6
    assert stepper.step == 3


@pytest.mark.usefixtures("home")
def test_what_the_phases_report_is_what_happened(tiny: LoadedModel) -> None:
    stepper = Stepper(config({"name": "lora"}, {"clip_norm": 0.01}), tiny)
    start = {name: p.detach().clone() for name, p in stepper.trainable.items()}
    batch, forward, loss, backward, clip, update = advance(stepper)
    assert batch.n_targets == sum(len(pair.completion_ids) for pair in stepper.chosen)
    assert batch.tokens_computed <= batch.tokens_padded
    counts = [row.count for row in forward.rows]
    mean = sum(r.loss * r.count for r in forward.rows) / sum(counts)
    assert sum(counts) == batch.n_targets
    assert loss.loss == pytest.approx(mean)
    assert backward.grad_norm == pytest.approx(clip.before)
    assert sum(row.norm**2 for row in backward.layers) ** 0.5 == pytest.approx(backward.grad_norm)
    assert clip.after == clip.clip_norm == 0.01
    assert clip.scale == pytest.approx(0.01 / clip.before, rel=1e-3)
    moved = {name: p.detach() - start[name] for name, p in stepper.trainable.items()}
    assert update.layers == by_layer(moved)
    assert update.loss_after < update.loss_before == loss.loss
    assert all(p.grad is None for p in stepper.trainable.values())


@pytest.mark.usefixtures("home")
def test_equal_configs_step_alike(tiny: LoadedModel) -> None:
    wanted = config(*CASES["dropout"])
    assert advance(Stepper(wanted, tiny)) == advance(Stepper(wanted, tiny))


@pytest.mark.usefixtures("home")
def test_pair_losses_are_the_training_loss_token_by_token(tiny: LoadedModel) -> None:
    pair = Stepper(config(*CASES["lora"]), tiny).pairs[0]
    rows = pair_losses(tiny.model, tiny, pair)
    assert [row.token for row in rows] == tiny.tokenizer.pieces(pair.ids)
    assert [row.seen for row in rows] == [label != -100 for label in pair.labels]
    assert all((row.loss is None) != row.seen for row in rows)
    seen = [row.loss for row in rows if row.seen]
    wanted = mean_loss(tiny.model, build([pair])).item()
    assert sum(seen) / len(seen) == pytest.approx(wanted, rel=1e-5)


def test_norms_are_summed_by_layer() -> None:
    found = by_layer(
        {
            "model.layers.1.self_attn.q_proj.weight": torch.tensor([3.0]),
            "model.layers.1.mlp.up_proj.weight": torch.tensor([[4.0]]),
            "transformer.h.11.attn.c_attn.weight": torch.tensor([2.0]),
            "model.embed_tokens.weight": torch.tensor([1.0]),
            "model.norm.weight": torch.tensor([6.0]),
        }
    )
    assert {row.place: row.norm for row in found} == {
        "embeddings": 1.0,
        "last norm": 6.0,
        "layer 01": 5.0,
        "layer 11": 2.0,
    }
    assert [row.place for row in found] == sorted(row.place for row in found)
    assert len(found) == 4
