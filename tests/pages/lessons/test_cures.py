"""The learning-forgetting plane as a figure."""

from core.experiments.plane import Check, Point, settings
from pages.lessons.cures.plane import headline, plane_figure, setting_table


def made(
    mitigation: str, value: float, seed: int, learned: float, kept: float, run_id: str = ""
) -> Point:
    start = Check(step=0, learned=0.0, kept=0.7, general=1.0, n=16)
    end = Check(step=20, learned=learned, kept=kept, general=None, n=60)
    return Point(
        mitigation=mitigation,
        value=value,
        seed=seed,
        path=(start, end),
        is_recorded=not run_id,
        run_id=run_id,
    )


RECORDED = [made("lora", 1e-3, 0, 0.8, 0.5), made("lora", 1e-3, 1, 1.0, 0.7)]
OWN = [made("full", 3e-4, 0, 0.9, 0.0, "mine")]


def by_name(figure: object) -> dict[str, object]:
    return {trace.name: trace for trace in figure.data}  # pyright: ignore


def test_seeds_are_one_mark_with_the_range_as_bars() -> None:
    trace = by_name(plane_figure(RECORDED, []))["LoRA"]
    assert [round(x, 6) for x in trace.x] == [0.9]  # pyright: ignore
    assert [round(y, 6) for y in trace.y] == [0.6]  # pyright: ignore
    assert round(trace.error_y.array[0], 6) == round(trace.error_y.arrayminus[0], 6) == 0.1  # pyright: ignore


def test_own_run_has_its_path_from_the_base_model() -> None:
    traces = by_name(plane_figure(RECORDED, OWN, last_run="mine"))
    mine = traces["yours: Full fine-tuning, learning rate 0.0003, seed 0"]
    assert (list(mine.x), list(mine.y)) == ([0.0, 0.9], [0.7, 0.0])  # pyright: ignore
    assert mine.showlegend  # pyright: ignore


def test_a_score_that_was_not_measured_is_left_out() -> None:
    traces = by_name(plane_figure(RECORDED, OWN, score="general"))
    assert "LoRA" not in traces
    assert "Pareto front of the means" not in traces
    assert "Pareto front of the means" in by_name(plane_figure(RECORDED, OWN))


def test_the_headline_names_who_kept_most_of_those_that_learned() -> None:
    found = settings([*RECORDED, *OWN, made("prompt", 10, 0, 0.1, 0.7)])
    assert headline(found, "kept") == (
        "Of those that learned enough, LoRA (learning rate 0.001) kept most: names 0.60 "
        "(the other one cannot be told from it)"  # there is one run of it
    )
    three = [made("lora", 1e-3, s, 0.9, 0.6) for s in range(3)]
    three += [made("full", 3e-4, s, 0.9, 0.1, "mine") for s in range(3)]
    assert headline(settings(three), "kept").endswith("kept most: names 0.60")
    little = settings([made("prompt", 10, 0, 0.1, 0.7)])
    assert headline(little, "kept") == "No setting has learned sentiment to 0.85 yet"


def test_the_table_says_mean_and_range() -> None:
    (row,) = setting_table(settings(RECORDED)).to_dict("records")
    assert row["names kept"] == "0.60 (0.50 to 0.70)"
    assert row["seeds"] == 2
