"""How cost grows, on a tiny real model: the batches are what they say."""

from pathlib import Path

import pytest

from core.bench.growth import AXES, LEARNED, Case, random_batch, random_model, time_steps
from core.bench.tree import count
from core.footprint.shape import of_folder, total_parameters
from core.methods import count_parameters
from core.models.load import LoadedModel


@pytest.mark.parametrize("shared", AXES["shared"])
def test_a_batch_shares_what_it_says(shared: float) -> None:
    case = Case(shared=shared)
    found = count(random_batch(case, vocabulary=50_000))
    common = round(shared * (case.length - LEARNED))
    assert found.padded == found.tokens == 8 * 64
    assert found.nodes == pytest.approx(common + 8 * (63 - common), abs=8)


def test_more_examples_are_more_tokens(tiny: LoadedModel, tiny_folder: Path) -> None:
    shape = of_folder(tiny_folder)
    few, many = (time_steps(tiny.model, shape, Case(batch_size=n), tiny.dtype) for n in (1, 8))
    assert few["tokens"] < many["tokens"]
    assert few["needed_flops"] < many["needed_flops"]
    assert min(few["step_s"], many["step_s"]) > 0


def test_a_random_model_has_the_size_of_its_shape(tiny: LoadedModel, tiny_folder: Path) -> None:
    shape = of_folder(tiny_folder)
    model = random_model(shape, tiny.dtype)
    assert count_parameters(model) == (0, total_parameters(shape))
    assert time_steps(model, shape, Case(), tiny.dtype)["step_s"] > 0
