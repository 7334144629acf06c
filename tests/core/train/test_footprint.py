"""What a step keeps in memory, against counts by hand."""

import pytest
import torch
from torch import nn

from core import methods
from core.config import METHODS, MethodConfig, OptimizerConfig, RunConfig
from core.events import Memory
from core.models.load import LoadedModel
from core.models.seed import seed_everything
from core.train.footprint import measured
from core.train.loop import take_steps
from core.train.plan import make_plan


def test_every_part_of_a_small_network_is_counted() -> None:
    network = nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 5, bias=False))
    network[0].requires_grad_(False)
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad])
    with measured(network, optimizer) as found:
        network(torch.randn(7, 3)).sum().backward()
        optimizer.step()
    event = found.event(step=1, n_tokens=7)
    assert event.frozen_bytes == 4 * 12
    assert event.trained_bytes == event.gradient_bytes == 4 * 20
    assert event.optimizer_bytes == 2 * 4 * 20 + 4  # two moments, and the step's number
    assert event.activation_bytes == 4 * 7 * 4  # the second layer's input; the first is frozen
    optimizer.step()
    assert found.event(step=1, n_tokens=7) == event  # the first step only


def memory(method: str, base: LoadedModel, *, batch_size: int = 4) -> tuple[Memory, int]:
    config = RunConfig(
        method=MethodConfig(name=method, layers=1),
        optimizer=OptimizerConfig(steps=2, batch_size=batch_size, warmup_steps=0),
    )
    seed_everything(0)
    model = methods.find(method).attach(base.model, config.method)
    (stage,) = make_plan(config, base.tokenizer).stages
    events = list(take_steps(config, base, model, stage))
    assert [e.type for e in events] == ["memory", "step", "step"]
    (found,) = [e for e in events if isinstance(e, Memory)]
    return found, methods.count_parameters(model)[0]


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.usefixtures("home")
def test_gradient_and_optimizer_are_four_and_eight_bytes_a_parameter(
    method: str, tiny: LoadedModel
) -> None:
    found, n_trained = memory(method, tiny)
    assert found.trained_bytes == found.gradient_bytes == 4 * n_trained
    n_tensors = (found.optimizer_bytes - 8 * n_trained) / 4
    assert n_tensors == int(n_tensors) > 0
    assert found.activation_bytes > 0


@pytest.mark.usefixtures("home")
def test_fewer_layers_and_fewer_tokens_keep_less(tiny: LoadedModel) -> None:
    full, _ = memory("full", tiny)
    assert memory("top_layers", tiny)[0].activation_bytes < 0.7 * full.activation_bytes
    small, _ = memory("full", tiny, batch_size=1)
    assert small.n_tokens < full.n_tokens
    assert small.activation_bytes < full.activation_bytes
