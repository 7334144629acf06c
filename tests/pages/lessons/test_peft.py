"""Figures and findings of the lesson on PEFT, from small results written by hand."""

import pytest

from core.config import METHODS, MethodConfig
from core.events import Memory
from core.experiments.method_rows import MethodRow, method_settings
from core.shape import PUBLISHED
from pages.lessons.peft.calculator import calculator_heading, fits, parts_figure
from pages.lessons.peft.memory_table import memory_finding, memory_table
from pages.lessons.peft.pictures import layer_picture
from pages.lessons.peft.shares import band_heading, share_rows, size_heading, size_rows
from pages.lessons.peft.side_by_side import (
    headline,
    side_table,
    trade_off_figure,
)

SHAPE = PUBLISHED["SmolLM2-135M"]


def row(name: str, learned: float, kept: float, *, own: bool = False, n: int = 1000) -> MethodRow:
    memory = Memory(
        step=1,
        frozen_bytes=2 * 10**6,
        trained_bytes=4 * n,
        gradient_bytes=4 * n,
        optimizer_bytes=8 * n,
        activation_bytes=10**6,
        n_tokens=250,
    )
    return MethodRow(
        method=MethodConfig(name=name),
        knob="",
        seed=0,
        n_trained=n,
        n_total=10**6,
        memory=memory,
        artifact_bytes=4 * n,
        step_s=0.5,
        scores={"sentiment": learned, "names": kept, "general": kept},
        lines=(),
        n=60,
        is_recorded=not own,
        run_id="mine" if own else "",
    )


def test_the_table_and_the_chart_tell_yours_from_recorded() -> None:
    found = method_settings(
        [row("lora", 0.9, 0.6), row("lora", 0.8, 0.4), row("full", 0.9, 0.1, own=True)]
    )
    table = side_table(found).set_index("method")
    assert table.loc["LoRA", "runs"] == "recorded, 2"
    assert table.loc["LoRA", "sentiment"] == "0.85 (0.80–0.90)"
    assert table.loc["LoRA", "right form"] == "–"  # a record from before it was measured
    assert table.loc["Full fine-tuning", "runs"] == "yours, 1"
    names = [trace.name for trace in trade_off_figure(found, "names").data]  # pyright: ignore
    assert names == ["LoRA", "yours: Full fine-tuning"]


def test_the_headline_names_the_smallest_share_that_learned() -> None:
    found = method_settings([row("lora", 0.9, 0.6), row("ia3", 0.9, 0.5, n=10)])
    assert headline(found, "sentiment") == (
        "2 of 2 reached 0.85 on sentiment in every run; of these IA³ trains the smallest share, 0.001 % "
        "(one run)"
    )
    unsteady = method_settings([*found[0].rows, *found[1].rows, row("ia3", 0.8, 0.5, n=10)])
    assert headline(unsteady, "sentiment").startswith(
        "1 of 2 reached 0.85 on sentiment in every run; of these LoRA"
    )
    for measure, words in (("names", "names"), ("general", "general questions")):
        said = f"LoRA kept most {words}: 0.60 (the other one cannot be told from it)"
        assert said in headline(found, measure)
    little = method_settings([row("ia3", 0.1, 0.9)])
    assert headline(little, "sentiment").startswith("No method has learned")


def test_memory_stands_beside_its_formula() -> None:
    found = method_settings([row("lora", 0.9, 0.6, n=460_800)])
    table = memory_table(found, SHAPE)
    assert table["gradients, formula"][0] == pytest.approx(4 * 460_800 / 1e6)
    assert "within 0.1 %" in memory_finding(table)


def test_shares_follow_from_the_shape() -> None:
    rows = share_rows(SHAPE)
    assert set(rows.method) == set(METHODS)
    assert (rows.low <= rows.share).all()
    assert (rows.share <= rows.high).all()
    assert "train less than 1 %" in band_heading(rows, [])
    sizes = size_rows(8)
    by_size = sizes.sort_values("parameters")
    assert by_size.share.iloc[0] > by_size.share.iloc[-1]
    assert size_heading(sizes, 8)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_picture_for_those_who_do_not_see(method: str) -> None:
    svg = layer_picture(MethodConfig(name=method), SHAPE)
    assert f"One decoder layer with {METHODS[method].title}" in svg.replace("&#x27;", "'")


def test_the_calculator_says_on_which_card_it_fits() -> None:
    from core.formulas.memory import memory_parts, total_gb

    shape, method = PUBLISHED["Llama-2-7B"], MethodConfig(name="full")
    parts = memory_parts(method, shape)
    assert total_gb(parts) > 80
    assert "fits on no single card" in fits(total_gb(parts))
    assert fits(10).endswith("one 24 GB card.")
    assert "the largest part is optimizer" in calculator_heading(method, shape, parts)
    shown = {trace.name for trace in parts_figure(parts).data}  # pyright: ignore
    assert shown == {part.name for part in parts if part.n_bytes}
