"""A run can begin with what another one tuned, and with nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.config import MethodConfig, RunConfig
from core.config.command import words_of
from core.errors import UserError
from core.events import Notice, Validation
from core.runs.beginnings import beginnings
from core.runs.execute import execute
from core.runs.record import Run
from core.runs.store import RunStore
from core.runs.worker import BaseKeeper
from tests.core.runs.tiny_runs import configs_of


@pytest.fixture
def wanted(home: Path, tiny_folder: Path) -> RunConfig:
    return configs_of(tiny_folder)(steps=6)


def carry_out(store: RunStore, config: RunConfig) -> Run:
    run = store.start(config, worker="w")
    execute(run, store, BaseKeeper())
    return store.get(run.id)


def losses(store: RunStore, run: Run) -> list[float]:
    return [e.loss for e in store.events(run.id) if isinstance(e, Validation)]


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["lora", "full", "prompt", "ia3"])
def test_it_begins_where_the_other_ended(method: str, wanted: RunConfig) -> None:
    store, config = RunStore(), replace(wanted, method=MethodConfig(name=method))
    rate = {"lora": 0.05, "full": 0.01, "prompt": 0.3, "ia3": 0.3}[method]
    config = replace(config, optimizer=replace(config.optimizer, learning_rate=rate))
    first = carry_out(store, config)
    assert [run.id for run in beginnings(config, store)] == [first.id]
    second = carry_out(store, replace(config, start_from=first.id))
    assert second.status == "finished", second.reason
    before, after = losses(store, first), losses(store, second)
    assert after[0] == pytest.approx(before[-1], rel=0.02)  # tuned weights are kept in bf16
    assert abs(after[0] - before[0]) > 0.1 * before[0]
    said = [e.message for e in store.events(second.id) if isinstance(e, Notice)]
    assert any(f"begins with the tuned weights of run {first.id}" in one for one in said)
    assert second.config_hash != first.config_hash


@pytest.mark.thorough
def test_what_does_not_go_on_is_refused_with_a_reason(wanted: RunConfig) -> None:
    store = RunStore()
    first = carry_out(store, wanted)
    from_it = replace(wanted, start_from=first.id)
    with pytest.raises(UserError, match="its method, or a setting of that, is another one"):
        store.start(replace(from_it, method=MethodConfig(rank=2)), worker="w")
    with pytest.raises(UserError, match="its method"):
        store.submit(replace(from_it, method=MethodConfig(name="full")))
    with pytest.raises(UserError, match="no run"):
        store.submit(replace(wanted, start_from="20200101-000000-abcdef"))
    with pytest.raises(UserError, match="no run to begin with"):
        replace(wanted, start_from="../x")
    with pytest.raises(UserError, match="plans its ranks over one run"):
        replace(from_it, method=MethodConfig(name="adalora"))
    waiting = store.submit(from_it)
    with pytest.raises(UserError, match="it is queued"):
        store.submit(replace(wanted, start_from=waiting.id))
    store.delete(first.id)  # while the other waits
    claimed = store.claim(worker="w")
    assert claimed
    execute(claimed, store, BaseKeeper())
    ended = store.get(claimed.id)
    assert (ended.status, "There is no run" in ended.reason) == ("failed", True)


def test_a_config_without_it_is_what_it_was(wanted: RunConfig) -> None:
    assert "start_from" not in wanted.to_dict()
    from_it = replace(wanted, start_from="20261129-000000-abcdef")
    assert from_it.hash != wanted.hash
    assert RunConfig.from_dict(from_it.to_dict()) == from_it
    assert "--start-from" in words_of(from_it)
