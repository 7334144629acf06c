"""Logits after several prompts, read as one tree, are those of each prompt read by itself."""

import pytest
import torch

from core import methods
from core.config import MethodConfig
from core.generate.batch import logits_after
from core.generate.stream import next_logits
from core.models.load import LoadedModel

PROMPTS = [[5, 6, 7], [5, 6, 7, 8, 9], [5, 6], [20, 21, 22, 23], [40]]


@pytest.mark.parametrize("method", ["", "lora", "prompt", "prefix"])
def test_prompts_read_as_one_tree(method: str, tiny64: LoadedModel) -> None:
    model = tiny64.model
    if method:
        model = methods.find(method).attach(model, MethodConfig(name=method)).eval()
    found = logits_after(model, tiny64, PROMPTS)
    alone = torch.stack([next_logits(model, tiny64, prompt) for prompt in PROMPTS])
    torch.testing.assert_close(found, alone)
