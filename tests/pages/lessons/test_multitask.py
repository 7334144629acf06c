"""Lesson: frames and findings from small mixtures written by hand."""

from dataclasses import replace

import pytest

from core.config import MitigationConfig
from core.events import Evaluation
from core.experiments.mixtures import (
    GENERAL,
    HELD_OUT,
    SCORED,
    TRAINED,
    Mixture,
    TaskScore,
    mixture_config,
)
from pages.lessons.multitask.live_scores import (
    HELD,
    NOT_TRAINED_ON,
    TRAINED_ON,
    answer_cards,
    heading,
    in_order,
    score_chart,
    score_rows,
    shares,
)
from pages.lessons.multitask.mixtures import (
    ALONE,
    BASE_MODEL,
    TOGETHER,
    alone_finding,
    alone_rows,
    carry_finding,
    carry_rows,
    forgetting_finding,
    group_rows,
    is_comparable,
    moved,
)
from pages.lessons.multitask.tiles import batch_of, ink, tiles
from pages.shared.colours import TASK_COLOURS
from tests.events import evaluation as made_evaluation
from tests.events import sample


def hand_made(
    tasks: tuple[str, ...],
    after: dict[str, float],
    *,
    seed: int = 0,
    half: float = 0.1,
    is_recorded: bool = True,
) -> Mixture:
    """All tasks score 0.5 before, and `after`, else 0.2, after the run; intervals are ± `half`."""
    scores = {
        task: TaskScore(
            task=task,
            before=0.5,
            before_interval=(0.5 - half, 0.5 + half),
            after=(score := after.get(task, 0.2)),
            interval=(score - half, score + half),
            n=30,
        )
        for task in SCORED
    }
    return Mixture(tasks=tasks, seed=seed, scores=scores, is_recorded=is_recorded)


def record(held_out_together: float = 0.5) -> list[Mixture]:
    """Each task alone reaches 0.9; together they reach 0.6 and keep 0.52 of general questions."""
    alone = [hand_made((task,), {task: 0.9}, seed=seed) for task in TRAINED for seed in (0, 1)]
    together = dict.fromkeys(TRAINED, 0.6) | {HELD_OUT: held_out_together, GENERAL: 0.52}
    return [*alone, hand_made(TRAINED, together)]


def evaluation(step: int, task: str, score: float) -> Evaluation:
    return made_evaluation(step, task, score, n=10 if step < 4 else 30)


def test_groups_are_means_over_the_tasks_of_each_run() -> None:
    two = hand_made(("names", "topic"), {"names": 0.8, "topic": 0.6, GENERAL: 0.3}, seed=4)
    yours = hand_made(TRAINED, {}, is_recorded=False)
    rows = group_rows([two, yours])
    first = rows[rows.k == 2].set_index("group")
    assert first.score.to_dict() == pytest.approx(
        {"trained": 0.7, "untrained": 0.2, "held_out": 0.2, "general": 0.3}
    )
    assert set(first.base) == {0.5}
    assert set(first.tasks) == {"Names, Topic"}
    assert not first.own.any()
    last = rows[rows.k == len(TRAINED)]
    assert set(last.group) == {"trained", "held_out", "general"}  # all tasks are trained on
    assert last.own.all()


def test_the_finding_takes_its_numbers_from_recorded_runs_alone() -> None:
    yours = hand_made(TRAINED, {GENERAL: 0.0}, is_recorded=False)
    said = forgetting_finding(group_rows([*record(), yours]))
    assert said == (
        "Tuned on one task (14 runs, 2 seeds), the other tasks fall from 0.50 to 0.20, and general "
        "questions fall from 0.50 to 0.20. Tuned on all 7 (one run), general questions go from 0.50 to "
        "0.52, which may be chance."
    )


def test_a_change_within_the_intervals_is_no_rise() -> None:
    assert moved(0.3, 0.4, (0.2, 0.4), (0.3, 0.5)) == "go from 0.30 to 0.40, which may be chance"
    assert moved(0.3, 0.4, (0.28, 0.32), (0.38, 0.42)) == "rise from 0.30 to 0.40"
    assert moved(0.4, 0.3, (0.38, 0.42), (0.28, 0.32)) == "fall from 0.40 to 0.30"


def test_a_mean_over_tasks_is_surer_than_one_task() -> None:
    first = (
        group_rows([hand_made(("names", "topic", "emotion", "qa"), {})])
        .set_index("group")
        .loc["trained"]
    )
    assert (first.low, first.high) == pytest.approx((0.15, 0.25))
    assert (first.base_low, first.base_high) == pytest.approx((0.45, 0.55))


def test_alone_and_together_average_seeds_but_keep_the_width_of_the_interval() -> None:
    runs = [hand_made((t,), {t: s}, seed=i) for t in TRAINED for i, s in enumerate((0.8, 0.4))]
    rows = alone_rows([*runs, hand_made(TRAINED, dict.fromkeys(TRAINED, 0.3))])
    names = rows[rows.task == "Names"].set_index("kind")
    assert names.score.to_dict() == pytest.approx({BASE_MODEL: 0.5, ALONE: 0.6, TOGETHER: 0.3})
    assert names.high[ALONE] - names.low[ALONE] == pytest.approx(0.2)
    assert len(rows) == 3 * len(TRAINED)
    assert alone_finding(rows) == (
        "Against tuning on a task alone (2 runs each), tuning on all at once scores higher in 0 and lower "
        "in 7 of 7 tasks."
    )
    near = [*runs, hand_made(TRAINED, {**dict.fromkeys(TRAINED, 0.65), "qa": 0.9})]
    assert alone_finding(alone_rows(near)).endswith(
        "higher in 1 and lower in 0 of 7 tasks. In the other 6 the 95 % intervals overlap, so these runs "
        "do not decide."
    )


def test_no_run_on_all_tasks_means_no_comparison() -> None:
    assert alone_rows(record()[:-1]).empty
    assert carry_rows([]).empty


@pytest.mark.parametrize(
    ("together", "words"),
    [
        (0.5, "intervals overlap, so these runs do not show that anything carries over"),
        (0.9, "more than the form of the answer carried over was not measured"),
        (0.1, "do not overlap: it got worse"),
    ],
)
def test_carry_over_is_claimed_only_where_intervals_do_not_overlap(
    together: float, words: str
) -> None:
    rows = carry_rows(mixtures := record(together))
    assert rows.model.iloc[0] == "Base model"
    assert rows.model.iloc[-1] == "All seven"
    said = carry_finding(rows, mixtures)
    assert words in said
    assert f"0.50 before and {together:.2f} after" in said
    assert said.endswith("Of 7 tasks alone, 0 raised it clearly and 7 lowered it clearly.")


def test_carry_over_is_not_decided_by_a_lone_missing_run() -> None:
    rows = carry_rows(record()[:-1])
    assert TOGETHER not in set(rows.kind)
    assert carry_finding(rows, []) == ""


def test_runs_with_a_cure_or_recorded_already_are_not_the_readers_own() -> None:
    config = mixture_config(("names", "topic"))
    assert is_comparable(config, [])
    assert not is_comparable(config, [config])
    cured = replace(config, cure=MitigationConfig(rehearse="sentiment", rehearse_share=0.2))
    assert not is_comparable(cured, [])
    assert not is_comparable(replace(config, model="smollm2-135m"), [])
    assert not is_comparable(None, [])  # its settings are no longer valid


def test_shares_name_a_percentage_for_each_task() -> None:
    assert (
        shares(["names", "topic"], [1, 3]) == "Of the examples: Names 25\u00a0%, Topic 75\u00a0%."
    )
    assert shares(["names", "topic"], [5, 5]) == "Each task: 50\u00a0% of the examples."
    assert shares(["names"], [5]) == "Names gets all of the examples."


def test_live_rows_hold_the_first_and_the_latest_check() -> None:
    events = [evaluation(step, t, s) for step, s in ((0, 0.2), (2, 0.9), (4, 0.6)) for t in SCORED]
    rows = score_rows(events, ("topic",))
    assert in_order(("topic",))[0] == "topic"
    assert in_order(("topic",))[-1] == HELD_OUT
    assert list(rows.task)[:2] == ["Topic", "Topic"]
    assert list(rows[rows.task == "Topic"].kind) == ["base model", TRAINED_ON]
    assert list(rows[rows.task == "Topic"].score) == [0.2, 0.6]
    assert list(rows[rows.task == "Names"].kind)[1] == NOT_TRAINED_ON
    assert list(rows[rows.task == "Formality"].kind)[1] == HELD
    assert heading(rows) == (
        "Step 4, mean scores: tasks trained on 0.20 → 0.60, General questions 0.20 → 0.60, "
        "7 other tasks 0.20 → 0.60"
    )


def test_before_the_first_check_there_is_only_the_base_model() -> None:
    rows = score_rows([evaluation(0, task, 0.2) for task in SCORED], ("topic",))
    assert set(rows.kind) == {"base model"}
    assert heading(rows).startswith("Step 0: the base model")
    assert score_rows([], ("topic",)).empty


def test_answers_stand_in_the_order_of_the_chart() -> None:
    events = [sample(0, "names", "?"), sample(0, "topic", "it is"), sample(4, "topic", "sport")]
    topic, names = answer_cards(events, ("topic",))
    assert (topic.prompt, names.prompt) == ("Topic: ask topic", "Names: ask names")
    assert topic.answers == [("before", "it is"), ("step 4", "sport")]
    assert names.answers == [("before", "?")]


def test_a_batch_is_drawn_as_training_takes_it() -> None:
    assert batch_of(("sentiment",)) == ["sentiment"] * 8
    assert set(batch_of(TRAINED)) == set(TRAINED)
    assert batch_of(("names", "topic"), (1, 3)).count("topic") == 6
    drawn = tiles(("names",))
    assert drawn.count("<span") == 8
    assert "A batch of 8: Names, Names" in drawn


@pytest.mark.parametrize("task", TRAINED)
def test_the_word_on_a_tile_can_be_read(task: str) -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(TASK_COLOURS[task]), luminance(ink(TASK_COLOURS[task]))))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_every_mark_has_its_interval_before_the_first_step_too() -> None:
    """Then no layer is empty, which to a screen reader were a picture without a name."""
    begun = score_rows([evaluation(0, "sentiment", 0.5)], ["sentiment"])
    drawn = score_chart(begun).to_dict()
    assert [layer["mark"]["type"] for layer in drawn["layer"]] == ["rule", "point"]
    assert not any("transform" in layer for layer in drawn["layer"])
    (rows,) = drawn["datasets"].values()  # all layers show the same rows
    assert [row["low"] < row["score"] < row["high"] for row in rows] == [True]
