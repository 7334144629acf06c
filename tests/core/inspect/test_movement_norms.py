"""How far matrices moved: the base's norms are computed once, and the embedding, which is no row, not at all."""

from typing import Any

import pytest
import torch

from core import methods
from core.config import MethodConfig
from core.inspect.movement import movement
from core.models.load import LoadedModel


@pytest.mark.parametrize("method", ["full", "lora", "dora"])
def test_a_second_look_computes_no_norm_of_the_base_again(
    method: str, tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = methods.find(method).attach(tiny.model, MethodConfig(name=method))
    with torch.no_grad():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter += torch.randn_like(parameter) / 10
    norms: dict[str, torch.Tensor] = {}
    first = movement(tuned, tiny.model, norms=norms)
    assert len(norms) == len(first)
    norm, n = torch.Tensor.norm, 0

    def counted(self: torch.Tensor, *args: Any, **more: Any) -> Any:
        nonlocal n
        n += 1
        return norm(self, *args, **more)

    monkeypatch.setattr(torch.Tensor, "norm", counted)
    assert movement(tuned, tiny.model, norms=norms) == first
    assert n == (0 if method == "lora" else len(first))  # of the changes alone
    monkeypatch.undo()
    assert movement(tuned, tiny.model) == first
