"""Tricks change the time, never the loss; on a tiny real model."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from core.data.encode import Encoded
from core.errors import UserError
from core.models.load import LoadedModel
from core.models.trie import build, mean_loss
from core.runs.inference_session import InferenceSession
from core.runs.messages import TimeAblations
from core.runs.store import RunStore
from core.train.ablations import ABLATIONS, TimedStep, variants
from core.train.time_ablations import lay_out_padded, lay_out_tree, plain_loss, time_ablations

PAIRS = [Encoded([5, 6, 7], [8, 9, 1]), Encoded([5, 6, 10, 11], [9, 1]), Encoded([4], [9, 1])]


@pytest.mark.parametrize("off", [(), ("labels",), ("attention",), ("labels", "attention")])
@pytest.mark.parametrize("lay_out", [lay_out_tree, lay_out_padded])
def test_without_tricks_the_loss_is_the_same(
    tiny64: LoadedModel, lay_out: Any, off: tuple[str, ...]
) -> None:
    wanted = mean_loss(tiny64.model, build(PAIRS))
    found = plain_loss(tiny64.model, lay_out(PAIRS), off)
    assert torch.allclose(found, wanted, rtol=1e-12, atol=0)


@pytest.mark.thorough
def test_every_variant_learns_alike_by_turns(tiny: LoadedModel) -> None:
    threads = torch.get_num_threads()
    found = list(
        time_ablations(
            tiny,
            task="sentiment",
            batch_size=4,
            seed=1,
            off=("tree", "gradients", "cores"),
            rounds=2,
        )
    )
    order = list(variants(("tree", "gradients", "cores")))
    assert [m.variant for m in found] == order * 3
    assert [m.round for m in found] == [0] * 5 + [1] * 5 + [2] * 5
    for row in (found[:5], found[5:10], found[10:]):
        assert all(a.loss == pytest.approx(b.loss, rel=1e-3) for a, b in pairwise(row))
    assert found[1].tokens > 1.2 * found[0].tokens
    assert all(m.step_s > 0 for m in found)
    assert torch.get_num_threads() == threads


def test_the_other_precision_leaves_the_base_alone(tiny: LoadedModel) -> None:
    found = list(
        time_ablations(tiny, task="sentiment", batch_size=2, seed=0, off=("precision",), rounds=1)
    )
    assert [m.dtype for m in found[:2]] == ["float32", "bfloat16"]
    assert next(tiny.model.parameters()).dtype is torch.float32


def test_mistakes_are_refused_and_stopping_stops(tiny: LoadedModel) -> None:
    def ask(**more: Any) -> list[TimedStep]:
        usual: dict[str, Any] = {"off": ("tree",), "rounds": 3, "batch_size": 2, "seed": 0}
        return list(time_ablations(tiny, **{"task": "sentiment", **usual, **more}))

    with pytest.raises(UserError, match="The trick"):
        ask(off=("magic",))
    with pytest.raises(UserError, match="rounds"):
        ask(rounds=0)
    asked = iter([False, False, True])
    assert len(ask(should_stop=lambda: next(asked))) == 2


@pytest.mark.thorough
@pytest.mark.usefixtures("home")
def test_a_page_asks_a_session(tiny_folder: Path) -> None:
    asked = TimeAblations(
        model=str(tiny_folder.resolve()),
        task="sentiment",
        batch_size=2,
        seed=0,
        off=("tree",),
        rounds=1,
    )
    found = InferenceSession(RunStore()).ablations(asked)
    assert {m.variant for m in found} == {"on", "tree"}


def test_every_trick_says_what_is_on_and_what_instead() -> None:
    assert all(t.on.endswith(".") and t.off.endswith(".") for t in ABLATIONS.values())
