"""What runs are called."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.data import uploads
from core.runs.names import decimals, differing_words, run_name, told_apart
from core.runs.store import Run, RunStore


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    return RunStore()


def told(store: RunStore, *configs: RunConfig) -> list[str]:
    runs: list[Run] = [store.submit(config) for config in configs]
    return list(told_apart(runs).values())


def test_a_name_says_tasks_in_order_method_and_rate() -> None:
    config = RunConfig(
        data=DataConfig(task="sentiment", others=("topic", "names"), order="sequential"),
        method=MethodConfig(name="full"),
        optimizer=OptimizerConfig(learning_rate=3e-4),
    )
    assert run_name(config.to_dict()) == "sentiment, then topic, then names · full 0.0003"


def test_a_name_says_what_is_unusual() -> None:
    config = RunConfig(
        data=DataConfig(task="sentiment", others=("topic",)),
        method=MethodConfig(rank=64, alpha=128.0),
        seed=3,
    )
    assert run_name(config.to_dict()) == "sentiment + topic · LoRA 0.001, rank 64, seed 3"


def test_own_pairs_are_called_after_their_file(store: RunStore) -> None:
    records = [{"prompt": f"{n}?", "completion": "yes"} for n in range(8)]
    address = uploads.keep(records, uploads.Source(name="colours.csv"))
    config = RunConfig(data=DataConfig(task="custom", dataset=address))
    assert run_name(config.to_dict()) == "own pairs (colours.csv) · LoRA 0.001"


def test_a_run_of_another_version_has_a_name() -> None:
    config = RunConfig().to_dict()
    del config["cure"]
    config["method"] = {"name": "of another time"}
    assert run_name(config) == "sentiment · of another time 0.001"


def test_a_legend_says_only_what_differs(store: RunStore) -> None:
    one = RunConfig()
    two = replace(one, optimizer=OptimizerConfig(learning_rate=3e-4))
    assert told(store, one, two) == ["learning rate 0.001", "learning rate 0.0003"]
    full = replace(one, method=MethodConfig(name="full"))
    assert told(store, one, full) == ["LoRA, rank 8", "full"]
    longer = replace(one, optimizer=OptimizerConfig(steps=40))
    assert told(store, one, longer) == ["steps 20", "steps 40"]


def test_equal_runs_are_told_apart_by_their_ids(store: RunStore) -> None:
    runs = [store.start(RunConfig(), worker=name) for name in ("one", "another")]
    one, two = told_apart(runs).values()
    assert one != two
    assert one.startswith("run (")


@pytest.mark.parametrize(
    ("value", "text"), [(1e-5, "0.00001"), (1e-3, "0.001"), (0.1, "0.1"), (1.0, "1"), (20.0, "20")]
)
def test_a_rate_has_no_exponent(value: float, text: str) -> None:
    assert decimals(value) == text


def test_what_differs_is_said_as_both_have_it() -> None:
    one = RunConfig()
    steps = replace(
        one, optimizer=OptimizerConfig(steps=30), evaluation=EvaluationConfig(every=7), seed=3
    )
    usual = one.optimizer.steps
    assert differing_words(steps.to_dict(), one.to_dict()) == [
        ("seed 3", "seed 0"),
        ("steps 30", f"steps {usual}"),
    ]
    often = replace(one, evaluation=EvaluationConfig(every=7))
    assert differing_words(often.to_dict(), one.to_dict()) == [
        ("every 7", f"every {one.evaluation.every}")
    ]
    assert differing_words(one.to_dict(), one.to_dict()) == []
