"""The pictures of "Why is it fast?" from small batches and measurements written by hand."""

from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.bench import contention, lesson
from core.bench.ablation import Ablation, Timed
from core.bench.faults.campaign import USUAL
from core.bench.report import Growth, Measured, Report, recorded
from core.bench.speedups import disturbances
from core.bench.tree import count
from core.data.encode import Encoded
from core.train.ablations import TimedStep
from pages.lab.speed.ablations import loss_words, time_finding, time_rows, title_of
from pages.lab.speed.batch_tree import heading, padded_rows, tree_rows
from pages.lab.speed.bench_report import comparison_table, failed_words, growth_figure, speed_figure
from pages.lab.speed.recorded_ablation import gain_chart, gain_rows
from pages.lab.speed.recorded_steadiness import KINDS
from pages.lab.speed.recorded_times import PART_COLOURS, part_rows
from pages.shared.plain import plain
from tests.patience import PATIENCE_S

BATCH = [Encoded([1, 2, 3], [7, 9]), Encoded([1, 2, 4, 5], [8, 9]), Encoded([1, 2, 4, 6], [7, 9])]


class Words:
    """Token 3 is "3"."""

    def decode(self, ids: list[int], *, special: bool = False) -> str:
        return " ".join(map(str, ids))


def test_rectangles_of_the_tree_are_the_tokens_computed() -> None:
    rows = tree_rows(BATCH, Words())  # pyright: ignore
    assert rows.tokens.sum() == count(BATCH).nodes
    root = rows.iloc[0]
    assert (root.start, root.end, root.top, root.bottom) == (0, 2, 0, 3)
    assert (root.kind, root.text, root.examples) == ("shared beginning", "1 2", 3)
    shared = rows[rows.kind == "shared beginning"]
    assert list(shared.examples) == [3, 2]
    assert rows[rows.kind == "completion"].tokens.sum() == 3  # the end tokens predict nothing


def test_rectangles_of_the_padded_batch_fill_it() -> None:
    rows = padded_rows(BATCH, Words())  # pyright: ignore
    assert rows.tokens.sum() == count(BATCH).padded
    assert rows[rows.kind == "padding"].tokens.sum() == 1
    assert set(rows.examples) == {1}
    for _, lane in rows.groupby("top"):
        ends = lane.sort_values("start")
        assert list(ends.start)[1:] == list(ends.end)[:-1]


def test_the_heading_says_what_is_saved() -> None:
    assert heading(BATCH) == "As a tree, 9 tokens are computed instead of 18: 50 % less"


def message(variant: str, number: int, step_s: float, loss: float = 1.0) -> TimedStep:
    return TimedStep(
        variant=variant, round=number, step_s=step_s, loss=loss, tokens=10, dtype="float32"
    )


def test_times_are_medians_against_everything_on() -> None:
    rows = time_rows(
        [
            message(variant, number, seconds)
            for number, times in enumerate([(9, 9, 9), *[(1, 2, 4), (1, 3, 4)] * 2, (1, 4, 4)])
            for variant, seconds in zip(("on", "tree", "off"), times, strict=True)
        ]
    )
    assert list(rows.times) == [1, 3, 4]
    assert list(rows.variant) == ["Everything on", "Batch as a tree: off", "All of these off"]
    assert time_finding(rows) == "With all of these off, a step takes 4.0 times as long"
    assert "saves most here" in time_finding(rows.iloc[:2])
    assert time_finding(rows.iloc[:1]) == "One step with everything on"
    assert title_of("labels") == "Logits only at labels: off"


def test_a_trick_that_saves_nothing_is_said_so() -> None:
    """By as much as the steps vary: the median alone would say that it costs a tenth."""
    steps = {"on": (1.0, 1.0, 1.3, 0.9, 1.0), "attention": (1.1, 1.2, 1.1, 0.9, 1.2)}
    rows = time_rows(
        [message(name, n, s) for name, found in steps.items() for n, s in enumerate(found, start=1)]
    )
    assert list(rows.times) == pytest.approx([1, 1.1])
    assert time_finding(rows) == "No difference that the noise does not explain"


def test_few_rounds_are_no_finding() -> None:
    rows = time_rows(
        [message("on", n, 1.0) for n in (1, 2)] + [message("tree", n, 2.0) for n in (1, 2)]
    )
    assert time_finding(rows) == "2 of at least 4 rounds: too few to tell a difference from noise"


def test_what_saves_most_is_said_only_where_it_parts_from_the_next() -> None:
    steps = {"on": 1.0, "tree": 2.0, "labels": 2.0}
    found = [message(name, n, s + n / 10) for name, s in steps.items() for n in range(1, 5)]
    assert "“Batch as a tree” saves time here" in time_finding(time_rows(found))


def test_losses_are_those_of_the_last_whole_round() -> None:
    found = [message("on", 0, 1, 2.0), message("tree", 0, 1, 2.1), message("on", 1, 1, 1.0)]
    assert loss_words(found).startswith("The losses in step 1 lie between 2.0000 and 2.1000")


def made() -> Report:
    def one(side: str, seconds: float, **more: Any) -> Measured:
        return Measured(
            **{"workload": "lora8", "side": side, "seed": 0, "batch_size": 8, **more},
            step_s=(seconds,) * 4 if seconds else (),
            losses=(1.0,) * 4,
            peak_memory_mb=100 * seconds,
        )

    failed = one("sft", 0, reason="no room")
    return Report(
        command="c",
        machine="m",
        date="2026-01-01",
        threads=2,
        gflops={"float32": 10.0},
        trials={},
        measured=(one("ours", 1), one("trainer", 5), failed),
        growth=tuple(
            Growth(axis="shared", value=v, step_s=s, low=s, high=s, tokens=9)
            for v, s in ((0.0, 2.0), (0.9, 0.5))
        ),
    )


def test_the_report_is_drawn() -> None:
    figure = speed_figure(made())
    assert [(trace.name, list(trace.x)) for trace in figure.data] == [
        ("Tuning Fork", [5.0]),
        ("Trainer + peft", [1.0]),
    ]
    (row,) = comparison_table(made()).to_dict("records")
    assert row["times as fast"] == pytest.approx(5)
    assert row["memory %"] == pytest.approx(20)
    assert (
        failed_words(made()) == "TRL SFTTrainer failed on “LoRA r=8 on reviews, batch 8”: no room"
    )
    title = growth_figure(made(), "shared").layout.title.text
    assert title == "With 90 % shared, a step takes 25 % of the time (25 to 25)"


def test_a_marked_row_bears_a_star_and_its_reason() -> None:
    report = made()
    ours, *others = report.measured
    report = replace(report, measured=(replace(ours, losses=(1.1,) * 4), *others))
    (row,) = comparison_table(report).to_dict("records")
    assert row["marked, because"].startswith("its final losses differ by up to 10.0 %")
    assert all(name.endswith("*") for trace in speed_figure(report).data for name in trace.y)


def test_noise_in_growth_is_no_finding() -> None:
    points = tuple(
        Growth(axis="rank", value=v, step_s=s, low=0.3, high=0.6, tokens=9)
        for v, s in ((1, 0.48), (256, 0.4))
    )
    figure = growth_figure(replace(made(), growth=points), "rank")
    assert figure.layout.title.text == "No difference that the noise does not explain"
    assert list(figure.data[0].error_y.array) == pytest.approx([0.12, 0.2])


@pytest.mark.thorough
def test_the_page_shows_a_batch_of_a_prepared_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit.testing.v1 import AppTest

    from core import catalog
    from core.models.acquire import is_ready

    if not is_ready(catalog.MODELS[catalog.DEFAULT_MODEL]):
        pytest.skip("the model is not prepared")
    root = Path(__file__).resolve().parents[3]
    app = AppTest.from_file(str(root / "pages/lab/speed/page.py"), default_timeout=PATIENCE_S).run()
    assert not app.exception
    assert app.title[0].value == "Why is it fast?"
    assert any("touch a block to read its text" in c.value for c in app.caption)
    found = recorded()
    if found and disturbances(found):
        assert any("This record is disturbed." in warning.value for warning in app.warning)
        assert any(m.value.startswith("**On a disturbed machine") for m in app.markdown)
    (earlier,) = [e for e in app.expander if e.label.startswith("An earlier record, of another")]
    assert len(earlier.table) == 1
    assert earlier.markdown[0].value.startswith("**On a disturbed machine")
    assert not any("up to 2 %" in c.value for c in app.caption)


def test_a_recorded_ablation_is_drawn_part_by_part() -> None:
    seconds = {"": 1.0, "layer": 1.5, "norm": 1.8, "blocks": 1.1}
    found = Ablation(
        command="c",
        model="m",
        threads=2,
        timed=tuple(
            Timed(workload="lora", part=part, round=number, seconds=one, loss=2.0)
            for number in range(1, 10)
            for part, one in seconds.items()
        ),
    )
    rows = gain_rows(found).set_index("part")
    assert rows.times.round(2).to_dict() == {
        "A layer as one operation": 1.5,
        "RMSNorm as one operation": 1.2,
        "Block-sparse attention": 1.1,
    }
    norm = rows.loc["RMSNorm as one operation"]
    assert norm["compared with"] == "A layer as one operation: off"
    drawn = gain_chart(found).to_dict()
    assert "gains most" in drawn["description"]


def test_the_page_says_how_to_record_an_ablation() -> None:
    def page() -> None:
        from pages.lab.speed.recorded_ablation import ablation_record

        ablation_record(None)

    found = AppTest.from_function(page).run(timeout=PATIENCE_S)
    assert not found.exception
    assert "python -m core bench ablation --record" in found.caption[0].value


def test_the_lesson_s_and_contention_s_records_are_shown() -> None:
    def page() -> None:
        from core.bench import contention, lesson
        from pages.lab.speed.recorded_times import contention_record, lesson_record

        lesson_record(lesson.recorded())
        contention_record(contention.recorded())

    found = AppTest.from_function(page).run(timeout=PATIENCE_S)
    assert not found.exception
    lesson_found, contention_found = lesson.recorded(), contention.recorded()
    assert lesson_found
    assert contention_found
    titles = [m.value for m in found.markdown]
    assert titles == [
        f"**{lesson.headline(lesson_found)}**",
        f"**{contention.headline(contention_found)}**",
    ]
    aims, ratios = (table.value for table in found.table)
    assert list(aims.verdict) == [row.verdict for row in lesson.aims(lesson_found)]
    assert list(ratios.verdict) == [
        row.verdict or "–" for row in contention.ratios(contention_found)
    ]
    for record, caption in zip((lesson_found, contention_found), found.caption, strict=True):
        assert plain(record.where) in caption.value
        assert f"`{record.command}`" in caption.value


def test_the_page_says_how_to_record_memory_and_faults() -> None:
    def page() -> None:
        from pages.lab.speed.recorded_steadiness import faults_record, memory_record

        memory_record(None)
        faults_record(None)

    found = AppTest.from_function(page).run(timeout=PATIENCE_S)
    assert not found.exception
    first, second = (caption.value for caption in found.caption)
    assert "python -m core bench memory --record" in first
    assert "python -m core bench faults --record" in second


@pytest.mark.thorough
def test_memory_and_faults_are_shown_as_they_are_recorded() -> None:
    def page() -> None:
        from core.bench.faults.campaign import report
        from core.bench.faults.tries import SENTENCE, TRACEBACK, Try
        from core.bench.memory import MemoryGrowth
        from core.stamp import Stamp
        from pages.lab.speed.recorded_steadiness import faults_record, memory_record

        held = tuple(900.0 + n for n in range(100))
        memory_record(
            MemoryGrowth(command="c", stamp=Stamp(), methods=("lora",) * 100, held_mb=held)
        )
        bad = Try(
            kind="options", number=1, what="train ![x](http://evil.invalid)", outcome=TRACEBACK
        )
        good = [Try(kind="uploads", number=n, what="", outcome=SENTENCE) for n in range(1_200)]
        faults_record(report([*good, bad], seed=0, command="c"))

    found = AppTest.from_function(page).run(timeout=PATIENCE_S)
    assert not found.exception
    titles = [m.value for m in found.markdown]
    assert titles[0].startswith(
        "**After 100 runs the training worker holds 999 MB; the last 50 runs added"
    )
    assert titles[1] == "**1 of 1,201 tries ended badly**"
    assert r"!\[x\](http" in titles[2]
    (table,) = found.table
    assert list(table.value["ended badly"]) == ["1", "0"]
    assert list(table.value["tried"]) == ["1", "1,200"]


def test_the_parts_of_the_lesson_add_up_to_the_whole() -> None:
    found = lesson.recorded()
    assert found
    rows = part_rows(found)
    for words, runs in lesson.by_scenario(found).items():
        mine = rows[rows["with"] == words]
        assert list(mine.part) == list(PART_COLOURS)
        assert list(mine.start)[1:] == pytest.approx(list(mine.end)[:-1])
        assert mine.end.iloc[-1] == pytest.approx(median(r.total_s for r in runs), rel=0.05)


def test_the_page_says_how_to_record_them() -> None:
    def page() -> None:
        from pages.lab.speed.recorded_times import contention_record, lesson_record

        lesson_record(None)
        contention_record(None)

    found = AppTest.from_function(page).run(timeout=PATIENCE_S)
    said = [caption.value for caption in found.caption]
    assert "python -m core bench lesson --record" in said[0]
    assert "python -m core bench contention --record" in said[1]


def test_each_kind_of_fault_has_its_words() -> None:
    assert set(KINDS) == set(USUAL)
