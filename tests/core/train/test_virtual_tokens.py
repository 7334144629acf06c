"""The map of a soft prompt's virtual tokens."""

from itertools import pairwise
from typing import Any

import pytest
import torch

from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.events import Event
from core.models.load import LoadedModel
from core.train import virtual_tokens
from core.train.training import train

pytestmark = pytest.mark.usefixtures("home")


def happened(base: LoadedModel, method: str) -> list[Event]:
    config = RunConfig(
        model="smollm2-135m-instruct",
        data=DataConfig(task="sentiment"),
        method=MethodConfig(name=method, virtual_tokens=4),
        optimizer=OptimizerConfig(learning_rate=0.05, steps=3, batch_size=2, warmup_steps=0),
        evaluation=EvaluationConfig(every=1000, examples=1, final_examples=1),
    )
    return list(train(config, base))


@pytest.fixture(autouse=True)
def short_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_tokens, "SHORTEST", 1)  # the tiny vocabulary has no longer ones


@pytest.mark.thorough
def test_a_soft_prompt_is_seen_at_every_step_and_others_never(tiny: LoadedModel) -> None:
    events = happened(tiny, "prompt")
    (plane,) = [e for e in events if e.type == "vocabulary_map"]
    assert 0 < plane.explained[1] <= plane.explained[0] < 1  # pyright: ignore
    seen = [e for e in events if e.type == "virtual_tokens"]
    assert [e.step for e in seen] == [0, 1, 2, 3]  # pyright: ignore
    assert all(len(e.tokens) == 4 for e in seen)  # pyright: ignore
    for one, other in pairwise(seen):
        assert one.tokens[0].x != other.tokens[0].x  # pyright: ignore
    for method in ("prefix", "lora"):
        assert not [e for e in happened(tiny, method) if e.type.startswith(("virt", "voc"))]


@pytest.mark.thorough
def test_at_the_start_each_token_is_a_word_and_lies_where_the_word_does(tiny: LoadedModel) -> None:
    events = happened(tiny, "prompt")
    (plane,) = [e for e in events if e.type == "vocabulary_map"]
    first = next(e for e in events if e.type == "virtual_tokens")
    places: dict[str, Any] = {word.token: word for word in plane.words}  # pyright: ignore
    for token in first.tokens:  # pyright: ignore
        nearest = token.nearest
        assert nearest[0].cosine == pytest.approx(1, abs=1e-3)
        assert [n.cosine for n in nearest] == sorted((n.cosine for n in nearest), reverse=True)
        word = places.get(nearest[0].token.strip())
        if word:
            assert (token.x, token.y) == pytest.approx((word.x, word.y), abs=1e-3)
    words: torch.Tensor = tiny.model.get_input_embeddings().weight  # pyright: ignore
    norms = words.norm(dim=1)
    assert all((norms - t.norm).abs().min() < 1e-4 for t in first.tokens)  # pyright: ignore
