"""One colour for each task on every page, told apart also by readers who see fewer colours."""

import re
import tomllib
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core import catalog
from core.events import Evaluation
from core.experiments.mixtures import GENERAL, HELD_OUT
from core.paths import ASSETS, ROOT
from pages.lessons.lora.matrices import rank_figures
from pages.lessons.multitask.live_scores import COLOURS, HELD
from pages.lessons.multitask.mixture_charts import GROUPS
from pages.shared.colours import AMBER, GREY, TASK_COLOURS
from pages.shared.forgetting import SENTIMENT_SHARE, curves
from tests.events import evaluation as made_evaluation

Array = NDArray[np.float64]
SEEN = {
    "all colours": np.eye(3),
    "no red": np.array(
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    ),
    "no green": np.array(
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    ),
}
"""What is left of linear red, green and blue without a kind of cone (Machado et al. 2009)."""


def linear(colour: str) -> Array:
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: Array) -> Array:
    """CIE L*a*b*, where a distance of 2 is just seen side by side."""
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ rgb.clip(0, 1) / np.array([0.9505, 1.0, 1.0888])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(colour: str, ground: str) -> float:
    low, high = sorted(float([0.2126, 0.7152, 0.0722] @ linear(c)) for c in (colour, ground))
    return (high + 0.05) / (low + 0.05)


def evaluation(task: str, step: int) -> Evaluation:
    share = None if task == "sentiment" else 0.1
    return made_evaluation(step, task, 0.5, n=10, answered_with_sentiment=share)


def scales(spec: Any) -> Iterator[dict[str, str]]:
    """Every palette in a chart: what is named -> its colour."""
    if isinstance(spec, dict):
        if "domain" in spec and "range" in spec and isinstance(spec["range"], list):
            assert len(spec["domain"]) <= len(spec["range"])  # else Vega begins again
            yield dict(zip(spec["domain"], spec["range"], strict=False))
        spec = list(spec.values())
    if isinstance(spec, list):
        for part in spec:
            yield from scales(part)


@pytest.mark.thorough
@given(st.permutations(list(TASK_COLOURS)), st.integers(1, len(TASK_COLOURS)))
def test_any_sequence_has_a_colour_for_each_task(tasks: list[str], n: int) -> None:
    events = [evaluation(task, step) for step in (0, 5) for task in tasks[:n]]
    found = [p for p in scales(curves(events, 5).to_dict()) if SENTIMENT_SHARE in p]
    assert found
    wanted = {catalog.task_title(task): TASK_COLOURS[task] for task in tasks[:n]}
    for palette in found:
        assert palette == {**wanted, SENTIMENT_SHARE: AMBER}
        assert len(set(palette.values())) == n + 1


def test_every_task_has_a_colour_and_other_figures_the_same_one() -> None:
    assert set(TASK_COLOURS) == {*catalog.TASKS, catalog.CUSTOM_TASK}
    assert len({catalog.task_title(task) for task in TASK_COLOURS}) == len(TASK_COLOURS)
    assert GROUPS["general"][1] == TASK_COLOURS[GENERAL]
    assert GROUPS["held_out"][1] == COLOURS[HELD] == TASK_COLOURS[HELD_OUT]
    learned, kept, _ = (figure.data[0] for figure in rank_figures([]))
    assert learned.marker.color == TASK_COLOURS["sentiment"]
    assert kept.marker.color == TASK_COLOURS["names"]


@pytest.mark.parametrize("eyes", SEEN)
def test_no_two_look_alike(eyes: str) -> None:
    seen = {c: lab(SEEN[eyes] @ linear(c)) for c in (*TASK_COLOURS.values(), AMBER, GREY)}
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 15, (one, other)


@pytest.mark.parametrize(("ground", "least"), [("#ffffff", 2.4), ("#171614", 3.0)])
def test_all_stand_out_from_the_page(ground: str, least: float) -> None:
    for colour in TASK_COLOURS.values():
        assert contrast(colour, ground) > least


def test_what_is_selected_can_be_read_in_the_dark() -> None:
    """Text in the primary colour, on the page and on its own tint of a tenth; and on a button."""
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
    primary, ground = theme["dark"]["primaryColor"], theme["dark"]["backgroundColor"]
    tint = [0.1 * int(primary[i : i + 2], 16) + 0.9 * int(ground[i : i + 2], 16) for i in (1, 3, 5)]
    on_tint = "#" + "".join(f"{round(part):02x}" for part in tint)
    assert min(contrast(primary, ground), contrast(primary, on_tint)) >= 4.5
    (on_button,) = re.findall(
        "color: (#[0-9a-f]{6})", (ASSETS / "components" / "dark.css").read_text("utf-8")
    )
    assert contrast(on_button, primary) >= 4.5
