"""Where a lesson's time went, from a run written by hand; and the command, with a lesson that ends at once."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core import quiet
from core.bench import lesson, measure_lesson
from core.bench.lesson import Lesson, Timed, finding, from_json, is_same, markdown, to_json
from core.cli import timing
from core.cli.main import main
from core.config import RunConfig
from core.events import Event, Finished, Started
from core.experiments.collapse import collapse
from core.paths import data_dir
from core.runs.store import RunStore, RunSummary
from tests.events import evaluation, memory, sample, step

ME = "here:1:0.0"
FIRST = Started(
    model="m",
    method="full",
    task="sentiment",
    device="cpu",
    dtype="bfloat16",
    n_train=1,
    n_validation=1,
    n_test=1,
    trainable_params=1,
    total_params=1,
)
LAST = Finished(
    steps=2,
    stopped_early=False,
    trainable_params=1,
    total_params=1,
    peak_memory_mb=1,
    elapsed_s=1,
    train_s=1,
)
HAPPENED: list[tuple[float, Event]] = [
    (1.0, FIRST),
    (3.0, sample(0, "", "Anna")),
    (4.0, evaluation(0, "names", 0.5)),
    (4.9, memory()),
    (5.0, step(1)),
    (6.1, step(2, 0.25)),
    (6.6, evaluation(2, "names", 0.25)),
    (8.6, LAST),
]


def finished(home: Path) -> Timed:
    """A click at 10, a run that is taken at 10.5 and over at 19."""
    store = RunStore()
    run = store.start(RunConfig(), worker=ME)
    for _, event in HAPPENED:
        store.append(run.id, event)
    store.finish(run.id, RunSummary(scores={"names": 0.25}))
    over = replace(store.get(run.id), started_at=10.5, ended_at=19.0)
    return measure_lesson.timeline(
        over,
        [event for _, event in HAPPENED],
        [10 + at for at, _ in HAPPENED],
        clicked=10.0,
        worker="warm",
        base="kept",
        number=1,
    )


@pytest.fixture
def timed(home: Path) -> Timed:
    return finished(home)


def test_every_second_is_counted_once(timed: Timed) -> None:
    assert timed.queue_s == pytest.approx(0.5)
    assert timed.load_s == pytest.approx(0.5)
    assert timed.steps_s == pytest.approx(0.9 + 0.1 + 1.1)
    assert dict(timed.checks) == pytest.approx({0: 3.0, 2: 0.5})
    assert timed.saving_s == pytest.approx(2 + 0.4)
    parts = timed.queue_s + timed.load_s + timed.steps_s + timed.answers_s + timed.saving_s
    assert parts == pytest.approx(timed.total_s) == pytest.approx(9.0)
    assert (timed.first_score_s, timed.first_loss_s) == pytest.approx((4.0, 5.0))
    assert (timed.last_loss, timed.scores) == (0.25, {"names": 0.25})


def test_the_report_names_what_a_reader_waits_for(timed: Timed) -> None:
    slow = replace(timed, base="computed", total_s=12.0)
    found = Lesson(command="c", model="m", steps=2, timed=(slow, timed))
    assert finding(found) == (
        "With a warm worker, base answers kept, 2 steps take 9.0 s from click to finished, the first loss "
        "is there after 5.0 s, and answers take 167 % of the steps’ time"
    )
    text = markdown(found)
    assert "| warm worker, base answers computed | 1 | 0.50 |" in text
    assert "0: 3.00, 2: 0.50" in text
    assert to_json(from_json(to_json(found))) == to_json(found)
    assert is_same(found)
    other = replace(found, timed=(slow, replace(timed, last_loss=0.26)))
    assert not is_same(other)
    assert "which must not be" in markdown(other)


def test_it_is_measured_in_a_data_folder_of_its_own(home: Path) -> None:
    (home / "cache").mkdir()
    with measure_lesson.own_home():
        inside = data_dir()
        assert not inside.is_relative_to(home)
        assert (inside.parent / "cache").resolve() == (home / "cache").resolve()
    assert os.environ["TUNING_FORK_HOME"] == str(home)
    assert not inside.parent.exists()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, timed: Timed) -> list[tuple[str, str]]:
    """The scenarios that were run; each ends at once, on a quiet machine."""
    found: list[tuple[str, str]] = []

    def run(config: RunConfig, worker: str, base: str, number: int) -> Any:
        assert config.data == collapse().data
        found.append((worker, base))
        return replace(timed, worker=worker, base=base, round=number), ("cpu", "bfloat16")

    reading = quiet.Reading(at_s=0, busy_s=0, own_s=0, steal_s=0, load=0, n_cores=2)
    ticks = iter(range(0, 1000, 10))

    def watch() -> quiet.Watch:
        return quiet.Watch(
            reader=lambda: replace(reading, at_s=float(next(ticks))), wait=lambda s: None
        )

    monkeypatch.setattr(measure_lesson, "_run", run)
    monkeypatch.setattr(timing, "Watch", watch)
    monkeypatch.setattr(timing.acquire, "is_ready", lambda model: True)
    return found


def test_a_record_holds_all_scenarios(
    runs: list[tuple[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(timing, "FOLDER", tmp_path)
    assert main(["bench", "lesson", "--record"]) == 0
    assert runs == [*lesson.SCENARIOS] * lesson.ROUNDS
    found = from_json((tmp_path / "lesson.json").read_text("utf-8"))
    assert (found.stamp.dtype, found.stamp.disturbed) == ("bfloat16", ())
    assert (tmp_path / "lesson.md").read_text("utf-8") == capsys.readouterr().out


def test_a_quick_look_is_one_line_of_json(
    runs: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "lesson", "--quick", "--json"]) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["type"], row["steps"], len(row["timed"])) == ("lesson", 4, 2)
    assert runs == [("warm", "computed"), ("warm", "kept")]
    assert main(["bench", "lesson", "--record", "--quick"]) == 2
    assert "give --record by itself" in capsys.readouterr().err


def test_an_aim_is_decided_where_enough_runs_agree(timed: Timed) -> None:
    def verdicts(*totals: float) -> tuple[str, str]:
        runs = tuple(replace(timed, worker="warm", base="kept", total_s=s) for s in totals)
        found = Lesson(command="c", model="m", steps=2, timed=runs)
        return lesson.aims(found)[0].verdict, lesson.headline(found)

    assert verdicts(18, 19, 20)[0] == "met"
    assert verdicts(21, 22, 23)[0] == "missed"
    verdict, headline = verdicts(19, 20, 21)
    assert verdict == "not decided"
    assert "takes 20.0 s (19.0 to 21.0 in 3 runs) with a warm worker" in headline
    verdict, headline = verdicts(10)
    assert verdict == "not decided: too few runs"
    assert "takes 10.0 s with" in headline
    cold = Lesson(command="c", model="m", steps=2, timed=(replace(timed, worker="cold"),))
    assert lesson.aims(cold) == []
