"""The learning-rate finder: its runs, what they come to, and which rate the rule picks."""

import json
from math import inf
from pathlib import Path

import pytest

from core import catalog
from core.cli.main import main
from core.config import METHODS, DataConfig, OptimizerConfig, RunConfig
from core.data import uploads
from core.errors import UserError
from core.experiments.rate_finder import (
    STEPS,
    TAG,
    Tried,
    left,
    rate_configs,
    rates,
    suggestion,
    tidy,
    tried,
)
from core.runs.artifacts import saving
from core.runs.store import RunStore, RunSummary
from tests.core.export.test_export import PAIRS
from tests.events import step

START = 2.0


def one(rate: float, loss: float) -> Tried:
    return Tried(rate=rate, run_id="", start=START, loss=loss, low=loss, high=loss)


def found(**losses: float) -> list[Tried]:
    return [one(float(rate.replace("_", "-")), loss) for rate, loss in losses.items()]


@pytest.mark.parametrize("method", METHODS)
def test_the_rates_lie_around_the_usual_one(method: str) -> None:
    usual, tries = METHODS[method].learning_rate, rates(method)
    assert usual in tries
    assert 5 <= len(tries) == len(set(tries))
    assert [*tries] == sorted(tries)
    assert tries[0] <= usual / 20
    assert min(1, usual * 20) <= tries[-1] <= 1


def test_only_the_rate_differs_and_next_to_nothing_is_checked() -> None:
    config = RunConfig(
        optimizer=OptimizerConfig(steps=200, schedule="cosine", patience=3, batch_size=4), seed=7
    )
    configs = rate_configs(config)
    assert len({c.optimizer.learning_rate for c in configs}) == len(configs)
    first = configs[0]
    assert (first.data, first.method, first.seed) == (config.data, config.method, 7)
    assert (first.optimizer.steps, first.optimizer.batch_size) == (STEPS, 4)
    assert (first.optimizer.schedule, first.optimizer.patience) == ("constant", 0)
    assert (first.evaluation.final_examples, first.evaluation.tasks) == (1, ())


def test_a_sequence_is_refused() -> None:
    data = DataConfig(others=("names",), order="sequential")
    with pytest.raises(UserError, match="not with a sequence"):
        rate_configs(RunConfig(data=data))


def test_the_smallest_rate_that_gets_nearly_everything_is_picked() -> None:
    picked = suggestion(found(**{"1e_5": 1.9, "1e_4": 1.2, "1e_3": 0.3, "3e_3": 0.2, "1e_2": 1.1}))
    assert picked.rate == 1e-3  # nine tenths of 1.8 are 1.62: it reaches 1.7
    assert "from 2.00 to 0.30; the lowest, 0.20, comes with 0.003" in picked.said
    assert "At 0.01 the loss is higher again: 1.10." in picked.said


@pytest.mark.parametrize(
    ("losses", "rate", "said"),
    [
        ({"1e_5": 1.9, "1e_4": 1.0}, 1e-4, "a higher one may be faster"),
        ({"1e_4": 1.0, "1e_3": 0.5, "1e_2": inf}, 1e-3, "At 0.01 training diverges."),
        ({"1e_4": 0.5, "1e_3": 0.55, "1e_2": 0.6}, 1e-4, "No rate that was tried is too high."),
        ({"1e_4": 1.99, "1e_3": 1.95, "1e_2": 3.0}, None, "No rate lowers the loss by a tenth"),
        ({"1e_4": inf, "1e_3": inf}, None, "diverged at every rate"),
    ],
)
def test_what_lies_beyond_is_said(losses: dict[str, float], rate: float | None, said: str) -> None:
    picked = suggestion(found(**losses))
    assert picked.rate == rate
    assert said in picked.said


def test_runs_are_read_from_the_store_and_left_tidy(home: Path) -> None:
    store = RunStore()
    low, middle, high, *_ = configs = rate_configs(RunConfig())
    done = store.start(low, worker="test")
    for number in range(1, STEPS + 1):
        store.append(done.id, step(number, START if number == 1 else number / 10))
    with saving(done.id) as folder:
        (folder / "adapter").write_bytes(b"1")
    store.finish(done.id, RunSummary())
    lost = store.start(middle, worker="test")
    store.append(lost.id, step(1, START))
    store.fail(lost.id, "The loss became nan at step 2: training diverged.")
    broken = store.start(high, worker="test")
    store.fail(broken.id, "The disk is full.")
    first, second = known = tried(configs, store)
    assert (first.rate, first.start) == (low.optimizer.learning_rate, START)
    assert (first.low, first.high) == (0.9, 1.2)  # of the last four steps
    assert first.loss == pytest.approx(1.05)
    assert second.has_diverged
    assert left(configs, known) == configs[2:]
    tidy(known, store)
    assert store.size_bytes(done.id) == 0
    assert store.marks.of(done.id).tags == (TAG,)


def test_what_is_not_here_is_refused_before_a_run_is_made(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rates", "--dataset", "0123456789abcdef"]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert main(["rates", "--tasks", "names,topic", "--sequential"]) == 2
    assert "not with a sequence" in capsys.readouterr().err
    assert not RunStore().runs()


@pytest.mark.thorough
def test_the_command_tries_the_rates_once_and_names_the_next_command(
    home: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model", str(tiny_folder), "--dataset", uploads.keep(PAIRS), "--batch-size", "2"]
    assert main(["rates", *words, "--json"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    rows = [line for line in said if line["type"] == "rate"]
    assert [row["rate"] for row in rows] == [*rates("lora")]
    assert len({round(row["start"], 3) for row in rows}) == 1  # the same weights and batch
    last = said[-1]
    assert (last["type"], last["suggested"] in rates("lora")) == ("rates", True)
    assert f"--lr {last['suggested']!r}" in last["command"] or last["suggested"] == 1e-3
    n_runs = len(RunStore().runs())
    assert n_runs == len(rows)
    assert main(["rates", *words]) == 0
    assert last["said"] in capsys.readouterr().out
    assert len(RunStore().runs()) == n_runs
    assert not any(RunStore().size_bytes(run.id) for run in RunStore().runs())
    assert RunStore().runs()[0].config.data.task == catalog.CUSTOM_TASK
