"""Runs found by words and kinds, in an order, and as rows."""

from dataclasses import replace
from typing import Any

from core.config import EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.runs.listing import Wanted, as_json, differing, is_scored, rows, title_of
from core.runs.marks import Mark
from core.runs.record import Run
from core.runs.states import RunStatus


def run(number: int, config: RunConfig, *, after: float | None = None, took: float = 10, **more: Any) -> Run:  # fmt: skip
    scores = {"first_scores": {"sentiment": 0.1}, "scores": {"sentiment": after}}
    return Run(
        id=f"20260101-00000{number}-abcdef",
        config_dict=config.to_dict(),
        config_hash=config.hash,
        version="",
        status=more.get("status", RunStatus.FINISHED),
        stop_requested=False,
        reason="",
        created_at=float(number),
        started_at=float(number),
        ended_at=number + took,
        worker="",
        summary_dict=scores if after is not None else {},
    )


FULL = RunConfig(method=MethodConfig(name="full"), seed=3)
RUNS = [
    run(3, RunConfig(seed=1), status=RunStatus.STOPPED, took=5),
    run(2, FULL, after=0.5, took=99),
    run(1, RunConfig(optimizer=OptimizerConfig(learning_rate=0.01)), after=0.9),
]
MARKS = {
    RUNS[0].id: Mark(tags=("bad", "lesson 3"), note="Too early, = 1"),
    RUNS[2].id: Mark(name="My best", tags=("good",)),
}


def found(**wanted: Any) -> list[str]:
    return [one.id[14:15] for one in Wanted(**wanted).of(RUNS, MARKS)]


def test_a_score_of_next_to_no_examples_puts_no_run_first() -> None:
    tried = run(4, RunConfig(evaluation=EvaluationConfig(final_examples=1)), after=1.0)
    runs = [tried, *RUNS]
    for order in ("best score first", "largest gain first"):
        assert Wanted(order=order).of(runs, {})[0].id == RUNS[2].id
    assert not is_scored(tried)
    assert is_scored(RUNS[0])


def test_runs_are_found_by_every_word_that_stands_on_them() -> None:
    assert found(words="best") == found(words="MY  best") == ["1"]
    assert found(words="early lesson") == ["3"]
    assert found(words="full seed") == ["2"]
    assert found(words="000002-abc") == ["2"]
    assert found(words="nothing") == []


def test_kinds_and_tags_leave_out_what_is_not_of_them() -> None:
    assert found(methods=["LoRA"]) == ["3", "1"]
    assert found(states=["finished"]) == ["2", "1"]
    assert found(tags=["bad"]) == ["3"]
    assert found(tags=["bad", "good"]) == []
    assert found(tasks=["sentiment"]) == ["3", "2", "1"]


def test_orders_put_what_was_not_measured_last() -> None:
    assert found(order="oldest first") == ["1", "2", "3"]
    assert found(order="best score first") == ["1", "2", "3"]
    assert found(order="largest gain first") == ["1", "2", "3"]
    assert found(order="shortest first") == ["3", "1", "2"]


def test_only_settings_that_differ_are_told() -> None:
    told = differing(RUNS)
    assert told["seed"] == ["1", "3", "0"]
    assert told["method.name"] == ["lora", "full", "lora"]
    assert "optimizer.steps" not in told
    assert differing([RUNS[0], replace(RUNS[0], id="x")]) == {}


def test_rows_have_the_same_columns_and_json_holds_the_config() -> None:
    told = rows(RUNS, MARKS)
    assert len({tuple(row) for row in told}) == 1
    assert told[2]["name"] == title_of(RUNS[2], MARKS) == "My best"
    assert (told[2]["sentiment before"], told[2]["sentiment after"]) == (0.1, 0.9)
    assert told[0]["sentiment after"] == ""
    assert as_json(RUNS, MARKS)[0]["tags"] == ("bad", "lesson 3")
    assert RunConfig.from_dict(as_json(RUNS, MARKS)[1]["config"]) == FULL
