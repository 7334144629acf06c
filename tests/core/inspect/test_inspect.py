"""What the pages show of a finished run's inside, against torch's own arithmetic."""

import pytest
import torch

from core.config import MethodConfig, RunConfig
from core.errors import UserError
from core.inspect import lora, soft_prompt, spectrum
from core.models.load import LoadedModel
from tests.core.methods.tuning import tune

PROMPTS = ["the cat sat", "a dog ran"]


def test_a_lora_starts_as_the_base(tiny: LoadedModel) -> None:
    found = lora.lora_start(RunConfig(method=MethodConfig(rank=4, alpha=8.0)), tiny)
    assert found.b_norm == found.largest_difference == 0.0
    assert found.a_norm > 0
    assert found.scaling == 2.0
    assert found.n_logits % 311 == 0
    with pytest.raises(UserError, match="B = 0"):
        lora.lora_start(RunConfig(method=MethodConfig(name="ia3")), tiny)


@pytest.mark.parametrize("method", ["lora", "adalora", "dora"])
def test_matrices_are_the_run_s(method: str, tiny: LoadedModel) -> None:
    tuned = tune(method, tiny, rank=4, target_modules=("q_proj", "down_proj"))
    found = lora.matrices(tuned, tiny, layer=1, module="down_proj")
    assert found.modules == {"down_proj": [0, 1], "q_proj": [0, 1]}
    assert found.shape == [32, 64]
    layer = tuned.get_submodule("base_model.model.model.layers.1.mlp.down_proj")
    delta = layer.get_delta_weight("default")  # pyright: ignore
    torch.testing.assert_close(torch.tensor(found.BA), delta.detach())
    W = tiny.model.get_submodule("model.layers.1.mlp.down_proj").weight
    assert torch.equal(torch.tensor(found.W), W)  # pyright: ignore
    assert len(found.A) == found.rank == (6 if method == "adalora" else 4)
    with pytest.raises(UserError, match="no LoRA pair at k_proj of layer 0"):
        lora.matrices(tuned, tiny, layer=0, module="k_proj")


def test_large_matrices_keep_the_largest_entry_of_each_block(
    monkeypatch: pytest.MonkeyPatch, tiny: LoadedModel
) -> None:
    monkeypatch.setattr(lora, "CELLS", 10)
    tuned = tune("lora", tiny)
    found = lora.matrices(tuned, tiny, layer=0, module="q_proj")
    W = tiny.model.get_submodule("model.layers.0.self_attn.q_proj").weight
    block = W[4:8, 28:32]  # pyright: ignore
    assert (len(found.W), len(found.W[0])) == (8, 8)
    assert found.W[1][7] == block.flatten()[block.abs().argmax()].item()


def test_a_random_matrix_is_its_own_control() -> None:
    """Near full rank for noise, near 1 for one direction: so the control says what is low."""
    noise = torch.randn(64, 96, generator=torch.Generator().manual_seed(5))
    values = torch.linalg.svdvals(noise)
    control = torch.linalg.svdvals(spectrum.random_like(noise, values))
    ranks = [spectrum.effective_rank(v) for v in (values, control)]
    assert ranks[0] == pytest.approx(ranks[1], rel=0.05)
    spiked = noise + 500 * torch.outer(torch.ones(64), torch.ones(96)) / 78
    assert spectrum.effective_rank(torch.linalg.svdvals(spiked)) < ranks[1] / 10


@pytest.mark.parametrize("method", ["lora", "full"])
def test_spectrum_is_that_of_the_change(method: str, tiny: LoadedModel) -> None:
    tuned = tune(method, tiny, rank=3)
    found = spectrum.spectrum(tuned, tiny, layer=1, module="v_proj")
    values = torch.tensor(found.singular_values)
    W = tiny.model.get_submodule("model.layers.1.self_attn.v_proj").weight
    if method == "lora":
        layer = tuned.get_submodule("base_model.model.model.layers.1.self_attn.v_proj")
        change = layer.get_delta_weight("default").detach()  # pyright: ignore
        assert (values > 1e-5).sum() == 3
        assert 1 < found.effective_rank <= 3.001
        assert found.energy[2] == pytest.approx(1)
    else:
        change = tuned.get_submodule("model.layers.1.self_attn.v_proj").weight.detach() - W  # pyright: ignore
    assert found.shape == [16, 32]
    control = torch.tensor(found.control_values)
    assert (control > 1e-5 * control[0]).sum() == (3 if method == "lora" else 16)
    assert float(control.norm()) == pytest.approx(float(values.norm()), rel=1e-4)
    assert 1 < found.control_rank <= (3.001 if method == "lora" else 16)
    torch.testing.assert_close(values, torch.linalg.svdvals(change), rtol=1e-4, atol=1e-5)
    assert found.relative == pytest.approx(float(change.norm() / W.norm()), rel=1e-4)  # pyright: ignore
    with pytest.raises(UserError, match="did not change q_proj of layer 7"):
        spectrum.spectrum(tuned, tiny, layer=7, module="q_proj")


@pytest.mark.parametrize("method", ["prompt", "prefix"])
def test_taken_away_the_base_answers_exactly_as_before(method: str, tiny: LoadedModel) -> None:
    found = soft_prompt.take_away(tune(method, tiny), tiny, PROMPTS)
    assert found.equal
    assert found.largest_difference == 0
    assert [row["prompt"] for row in found.rows] == PROMPTS
    assert any(row["with"] != row["base"] for row in found.rows)
    with pytest.raises(UserError, match="Only a soft prompt"):
        soft_prompt.take_away(tune("lora", tiny), tiny, PROMPTS)
