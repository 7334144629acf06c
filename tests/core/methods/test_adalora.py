"""AdaLoRA: ranks are taken away during a run, and its factors are kept near orthogonal."""

import pytest
import torch

from core import methods
from core.config import MethodConfig, OptimizerConfig, RunConfig
from core.errors import UserError
from core.events import Step
from core.methods.adalora import ORTHOGONALITY, Orthogonality
from core.models.load import LoadedModel
from core.models.seed import seed_everything
from core.train.loop import take_steps
from core.train.plan import make_plan
from tests.core.methods.tuning import attach


def n_alive(model: torch.nn.Module) -> int:
    values = [p for name, p in model.named_parameters() if ".lora_E." in name]
    return sum(int((p != 0).sum()) for p in values)


def trained(tiny: LoadedModel, *, steps: int) -> list[int]:
    """Singular values that are not zero after each step."""
    config = RunConfig(
        method=MethodConfig(name="adalora", rank=4),
        optimizer=OptimizerConfig(learning_rate=1e-2, steps=steps, batch_size=2, warmup_steps=0),
    )
    seed_everything(0)
    model = methods.find("adalora").attach(tiny.model, config.method)
    (stage,) = make_plan(config, tiny.tokenizer).stages
    events = take_steps(config, tiny, model, stage)
    return [n_alive(model) for event in events if isinstance(event, Step)]


N_TARGETS = 2 * 2


@pytest.mark.usefixtures("home")
def test_ranks_are_taken_away_until_the_budget_is_met(tiny: LoadedModel) -> None:
    alive = trained(tiny, steps=10)
    assert alive[0] == 6 * N_TARGETS  # half as many again at first
    assert alive[-1] == 4 * N_TARGETS
    assert alive == sorted(alive, reverse=True)
    assert len(set(alive)) > 2


@pytest.mark.thorough
@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("steps", "ranks"), [(1, 6), (2, 4), (3, 4), (4, 4)])
def test_the_shortest_runs_work(tiny: LoadedModel, steps: int, ranks: int) -> None:
    assert trained(tiny, steps=steps)[-1] == ranks * N_TARGETS


def test_the_penalty_is_the_distance_from_orthogonal_factors(tiny: LoadedModel) -> None:
    model = attach("adalora", tiny)
    factors = [
        p for name, p in model.named_parameters() if ".lora_A." in name or ".lora_B." in name
    ]
    distances = []
    for p in factors:
        short = p if p.shape[0] < p.shape[1] else p.T
        distances.append(torch.dist(short @ short.T, torch.eye(12)))
    wanted = ORTHOGONALITY * sum(distances) / len(distances)
    gradients = torch.autograd.grad(wanted, factors)
    assert Orthogonality(model).add_gradient() == pytest.approx(wanted.item())
    for p, gradient in zip(factors, gradients, strict=True):
        torch.testing.assert_close(p.grad, gradient)


def test_a_sequence_of_tasks_is_refused() -> None:
    values = RunConfig(method=MethodConfig(name="adalora")).to_dict()
    values["data"] |= {"others": ["names"], "order": "sequential"}
    with pytest.raises(UserError, match="AdaLoRA plans its ranks over one run"):
        RunConfig.from_dict(values)
