"""How cost grows, on a tiny real model: the batches are what they say."""

from pathlib import Path

import pytest

from core.bench import scaling
from core.bench.scaling import (
    AXES,
    LEARNED,
    STEPS,
    Case,
    Timed,
    random_batch,
    random_model,
    take_turns,
)
from core.bench.tree import count
from core.methods import count_parameters
from core.models.load import LoadedModel
from core.shape import of_folder, total_parameters


@pytest.mark.parametrize("shared", AXES["shared"])
def test_a_batch_shares_what_it_says(shared: float) -> None:
    case = Case(shared=shared)
    found = count(random_batch(case, vocabulary=50_000))
    common = round(shared * (case.length - LEARNED))
    assert found.padded == found.tokens == 8 * 64
    assert found.nodes == pytest.approx(common + 8 * (63 - common), abs=8)


def test_more_examples_are_more_tokens(tiny: LoadedModel, tiny_folder: Path) -> None:
    shape = of_folder(tiny_folder)
    timed = [Timed.of(tiny.model, shape, Case(batch_size=n), tiny.dtype) for n in (1, 8)]
    take_turns(timed)
    few, many = (one.point("rank", 1) for one in timed)
    assert few.tokens < many.tokens
    assert few.needed_flops < many.needed_flops
    assert min(few.step_s, many.step_s) > 0


def test_cases_take_turns_and_a_point_is_a_median_of_nine_with_its_interval(
    tiny: LoadedModel, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, order = of_folder(tiny_folder), list[int]()
    timed = [Timed.of(tiny.model, shape, Case(rank=rank), tiny.dtype) for rank in (1, 2, 4)]
    monkeypatch.setattr(Timed, "step", lambda self: order.append(timed.index(self)))
    take_turns(timed)
    assert order == [0, 1, 2] * (1 + STEPS)
    assert STEPS >= 9
    one = timed[0]
    one.step_s = [50.0, 5.0, 4.0, 9.0, 6.0, 1.0, 7.0, 2.0, 8.0, 3.0]  # the first warms up
    found = one.point("rank", 1)
    assert (found.step_s, found.low, found.high, found.n_steps) == (5.0, 2.0, 8.0, 9)


@pytest.mark.thorough
def test_every_case_of_every_axis_is_a_point(
    tiny_folder: Path, tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaling, "AXES", {"rank": (1, 2), "shared": (0.0, 0.5)})
    monkeypatch.setattr(scaling, "sizes", lambda own: [own])
    found = list(scaling.measure_scaling(model=str(tiny_folder), dtype="float32"))
    assert [point.axis for point in found] == ["rank"] * 2 + ["shared"] * 2 + ["parameters"]
    assert all(point.low <= point.step_s <= point.high for point in found)


def test_a_random_model_has_the_size_of_its_shape(tiny: LoadedModel, tiny_folder: Path) -> None:
    shape = of_folder(tiny_folder)
    model = random_model(shape, tiny.dtype)
    assert count_parameters(model) == (0, total_parameters(shape))
    one = Timed.of(model, shape, Case(), tiny.dtype)
    one.step()
    one.step()
    assert one.point("rank", 1).step_s > 0
