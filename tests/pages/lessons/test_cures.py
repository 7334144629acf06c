"""The learning-forgetting plane as a figure."""

from dataclasses import replace

from core.experiments.plane import Check, Point, settings
from pages.lessons.cures.plane import headline, plane_figure, setting_table


def made(
    mitigation: str, value: float, seed: int, learned: float, kept: float, run_id: str = ""
) -> Point:
    start = Check(step=0, learned=0.0, general=0.7, names=1.0, n=16)
    end = Check(step=20, learned=learned, general=kept, names=0.4, n=60)
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
    without = [replace(p, path=tuple(replace(c, general=None) for c in p.path)) for p in RECORDED]
    traces = by_name(plane_figure(without, []))
    assert "LoRA" not in traces
    assert "Pareto front of the means" not in traces
    assert "Pareto front of the means" in by_name(plane_figure(RECORDED, OWN))


def test_marks_are_hollow_where_names_were_in_training() -> None:
    trained = [replace(p, mitigation="rehearse", saw_names=True) for p in RECORDED]
    traces = by_name(plane_figure([*RECORDED, *trained], [], score="names"))
    assert list(traces["Rehearsal"].marker.symbol) == ["star-open"]  # pyright: ignore
    assert list(traces["LoRA"].marker.symbol) == ["square"]  # pyright: ignore
    on_general = by_name(plane_figure(trained, [], score="general"))
    assert list(on_general["Rehearsal"].marker.symbol) == ["star"]  # pyright: ignore
    assert headline(settings(trained), "names").endswith("to 0.85 yet without training on names")


def test_the_headline_names_who_kept_most_of_those_that_learned() -> None:
    found = settings([*RECORDED, *OWN, made("prompt", 10, 0, 0.1, 0.7)])
    assert headline(found, "general") == (
        "Of those that learned enough, LoRA (learning rate 0.001) kept most: general questions 0.60 "
        "(the other one cannot be told from it)"  # there is one run of it
    )
    three = [made("lora", 1e-3, s, 0.9, 0.6) for s in range(3)]
    three += [made("full", 3e-4, s, 0.9, 0.1, "mine") for s in range(3)]
    assert headline(settings(three), "general").endswith("kept most: general questions 0.60")
    little = settings([made("prompt", 10, 0, 0.1, 0.7)])
    assert headline(little, "general") == "No setting has learned sentiment to 0.85 yet"


def test_the_table_says_mean_and_range() -> None:
    (row,) = setting_table(settings(RECORDED)).to_dict("records")
    assert row["general questions kept"] == "0.60 (0.50 to 0.70)"
    assert row["seeds"] == 2
