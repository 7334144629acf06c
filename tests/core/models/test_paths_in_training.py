"""Every architecture gives the losses and gradients of transformers' own forward, with every method, on the tree or plainly."""

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from core import methods
from core.config import (
    METHODS,
    MethodConfig,
)
from core.models.load import LoadedModel, load_folder
from core.models.trie import build, mean_loss
from core.train.loop import take_step
from core.train.optimizer import AdamW
from core.train.regularizers import fisher_information
from core.train.stepper import pair_losses
from tests.core.models.architectures import NAMES, WINDOW
from tests.core.models.own_forward import (
    BATCH,
    KNOBS,
    PLAINLY,
    Folders,
    own_forward_loss,
    own_loss,
    own_model,
)


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_full_tuning_are_the_model_s_own(name: str, folders: Folders) -> None:
    dtype = torch.float32 if name == "gpt_oss" else torch.float64
    base = load_folder(folders[name], id=name, dtype=dtype)
    # `attach` trains in float32: here the model itself is trained, in its own precision.
    base.model.requires_grad_(True)
    mean_loss(base.model, build(BATCH)).backward()
    own = own_model(folders[name], dtype)
    own_loss(own, BATCH).backward()
    ours = {n: p.grad for n, p in base.model.named_parameters()}
    largest = max(float(p.grad.abs().max()) for p in own.parameters())
    tolerance = (1e-4 if name == "gpt_oss" else 1e-5) * largest  # norms are float32 everywhere
    for key, p in own.named_parameters():
        found = ours[key]
        assert found is not None, key
        assert (found - p.grad).abs().max() <= tolerance, key


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NAMES)
def test_two_steps_with_every_method(
    name: str, method: str, bases: dict[str, LoadedModel], **knobs: int
) -> None:
    """Loss before and after a step is that of the tuned model's own (peft's) forward on the padded batch."""
    if name == "gpt_oss" and method in ("ia3", "adapter"):
        pytest.skip("its MLPs are experts")
    base, batch = bases[name], build(BATCH)
    torch.manual_seed(0)
    config = MethodConfig(name=method, **KNOBS | knobs)
    tuned: Any = methods.find(method).attach(base.model, config).train()
    optimizer = AdamW([p for p in tuned.parameters() if p.requires_grad], weight_decay=0.01)
    losses: list[float] = []
    for _ in range(2):
        with torch.no_grad():
            wanted = own_forward_loss(tuned.eval(), method)
        loss, _, norm = take_step(
            tuned.train(), optimizer, batch, rate=1e-2, clip_norm=1.0, dtype=base.dtype
        )
        assert loss == pytest.approx(wanted, abs=2e-5)
        assert norm > 0
        losses.append(loss)
    assert losses[0] != losses[1]


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["prompt", "prefix"])
@pytest.mark.parametrize("name", PLAINLY)
def test_more_virtual_tokens_than_a_window_holds(
    name: str, method: str, bases: dict[str, LoadedModel]
) -> None:
    test_two_steps_with_every_method(name, method, bases, virtual_tokens=WINDOW + 4)


@pytest.mark.parametrize("name", ["gemma2", "granite", "llama"])
def test_what_looks_at_losses_sees_the_model_s_own(
    name: str, bases: dict[str, LoadedModel], folders: Folders
) -> None:
    own, base, pair = own_model(folders[name]), bases[name], BATCH[1]
    with torch.no_grad():
        wanted = F.cross_entropy(
            own(input_ids=torch.tensor([pair.ids])).logits[0, :-1],
            torch.tensor(pair.ids[1:]),
            reduction="none",
        )
    rows = pair_losses(base.model, base, pair)
    seen = [row.loss for row in rows if row.seen]
    assert seen == pytest.approx(wanted[len(pair.prompt_ids) - 1 :].tolist(), abs=1e-4)
    tuned = methods.find("lora").attach(base.model, MethodConfig(name="lora", **KNOBS))
    fisher = fisher_information(tuned, BATCH[:2], base, seed=0)
    assert sum(float(f.sum()) for f in fisher.values()) > 0
