"""A run of this machine beside the recorded one: within what seeds change, or not."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.config import MethodConfig, RunConfig
from core.recorded import RecordedRun, as_run, plan
from core.recorded.spread import beside_recorded, beside_seeds, seeds_of
from core.runs.record import Run, RunSummary
from tests.core.recorded.conftest import Write

BASE = RunConfig()


def scored(config: RunConfig, **scores: float) -> Run:
    """A finished run of this machine."""
    return Run(
        id="mine", config_dict=config.to_dict(), config_hash=config.hash, version="",
        status="finished", stop_requested=False, reason="", created_at=0.0, started_at=0.0,  # pyright: ignore
        ended_at=1.0, worker="", summary_dict={"scores": scores},
    )  # fmt: skip


@pytest.fixture
def seeds(write: Write, tmp_path: Path) -> list[RecordedRun]:
    """Three seeds with 0.70, 0.75 and 0.80 on reviews, and a run of another method."""
    made = [write(replace(BASE, seed=seed)) for seed in (0, 1, 2)]
    scores = [{"sentiment": 0.75}, {"sentiment": 0.7}, {"sentiment": 0.8}]
    runs = [replace(run, summary=RunSummary(scores=s)) for run, s in zip(made, scores, strict=True)]
    other = replace(write(replace(BASE, method=MethodConfig(name="full"))), summary=RunSummary())
    plan.keep("one", [*runs, other], tmp_path)
    return runs


def test_seeds_are_the_same_settings_otherwise(seeds: list[RecordedRun], tmp_path: Path) -> None:
    found = seeds_of(replace(BASE, seed=7), folder=tmp_path)
    assert [run.run_id for run in found] == [run.run_id for run in seeds]


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (0.85, "The difference is within the spread of the 3 recorded seeds."),
        (0.86, "more than the 3 recorded seeds do among themselves: Sentiment by 0.11 (seeds: 0.10)."),
        (0.75, "There is no difference."),
    ],
)  # fmt: skip
def test_a_difference_is_set_beside_what_seeds_change(
    seeds: list[RecordedRun], tmp_path: Path, score: float, said: str
) -> None:
    del seeds
    words = beside_recorded(scored(BASE, sentiment=score, names=0.5), folder=tmp_path)
    assert words.endswith(said)
    assert f"Sentiment {score:.2f} (0.75)" in words
    assert "Names" not in words  # the recorded run was not scored on them


def test_one_seed_has_no_spread_and_other_settings_no_recorded_run(
    write: Write, tmp_path: Path
) -> None:
    recorded = write(BASE)
    own = scored(BASE, sentiment=0.1)
    assert "Only one seed is recorded" in beside_recorded(own, folder=tmp_path)
    assert beside_recorded(scored(replace(BASE, seed=3)), folder=tmp_path) == ""
    assert beside_seeds(as_run(recorded), folder=tmp_path)[0].difference == 0
