"""A run that was stopped is gone on with: in the store, by the worker's code, from the command line."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.cli.main import main
from core.config import RunConfig
from core.errors import UserError
from core.events import Evaluation, Event, Notice, Started, Step, Stopped
from core.runs import unfinished
from core.runs.execute import execute
from core.runs.limits import Limits
from core.runs.record import Run
from core.runs.rights import store_for
from core.runs.store import RunStore
from core.runs.worker import BaseKeeper
from core.visitor import Visitor
from tests.core.runs.tiny_runs import configs_of
from tests.core.train.test_loop import comparable

STEPS = 6


@pytest.fixture
def wanted(home: Path, tiny_folder: Path) -> RunConfig:
    return configs_of(tiny_folder)(steps=STEPS)


def carry_out(store: RunStore, run: Run, *, stop_after: int | None = None) -> Run:
    """To its end, or stopped after so many of its own steps."""
    steps = 0

    def count(event: Event) -> None:
        nonlocal steps
        steps += isinstance(event, Step)

    def should_stop() -> bool:
        return stop_after is not None and steps >= stop_after

    execute(run, store, BaseKeeper(), on_event=count, should_stop=should_stop)
    return store.get(run.id)


def stopped_run(store: RunStore, wanted: RunConfig, *, after: int = 2) -> Run:
    return carry_out(store, store.start(wanted, worker="w"), stop_after=after)


def losses(events: list[Event]) -> list[float]:
    return [e.loss for e in events if isinstance(e, Step)]


@pytest.mark.thorough
def test_a_stopped_run_goes_on_with_the_losses_of_one_that_never_stopped(
    home: Path, wanted: RunConfig
) -> None:
    store = RunStore()
    whole = carry_out(store, store.start(wanted, worker="w"))
    stopped = stopped_run(store, wanted)
    assert (stopped.status, len(losses(store.events(stopped.id)))) == ("stopped", 2)
    assert unfinished.can_go_on(stopped)
    waiting = store.resume(stopped.id)
    assert waiting.id != stopped.id
    assert len(losses(store.events(waiting.id))) == 2  # to be seen while it waits
    claimed = store.claim(worker="w")
    assert claimed
    again = carry_out(store, claimed, stop_after=2)  # and once more
    assert again.status == "stopped"
    ended = carry_out(store, store.resume(again.id, worker="w"))
    assert ended.status == "finished"
    assert losses(store.events(ended.id)) == losses(store.events(whole.id))
    found, other = store.events(ended.id), store.events(whole.id)
    goes_on = [e for e in found if isinstance(e, Notice) and e.message.startswith("Goes on after")]
    assert [e.step for e in goes_on] == [2, 4]
    found = [e for e in found if e not in goes_on]
    for one in (found, other):
        one[:] = [e for e in one if not isinstance(e, Started)]
    assert comparable(found)[:-1] == comparable(other)[:-1]
    assert next(e for e in store.events(ended.id) if isinstance(e, Started)).run_id == ended.id
    summary = ended.summary
    assert (summary.scores, summary.first_scores) == (
        whole.summary.scores,
        whole.summary.first_scores,
    )
    assert summary.steps == STEPS
    assert not unfinished.is_kept(ended.id)
    assert unfinished.is_kept(stopped.id)  # it can go on a second time


@pytest.mark.thorough
def test_only_one_that_kept_its_state_goes_on(
    home: Path, wanted: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore()
    finished = carry_out(store, store.start(wanted, worker="w"))
    with pytest.raises(UserError, match="only one that was stopped can go on"):
        store.resume(finished.id)
    early = stopped_run(store, wanted, after=0)
    assert not unfinished.can_go_on(early)
    with pytest.raises(UserError, match="kept nothing to go on from"):
        store.resume(early.id)
    with pytest.raises(UserError, match="no run"):
        store.resume("20200101-000000-abcdef")
    stopped = stopped_run(store, wanted)
    monkeypatch.setattr(unfinished, "identity_of", lambda config: "another")
    with pytest.raises(UserError, match="changed since the run"):
        store.resume(stopped.id)
    assert store.n_active() == 0
    store.delete(stopped.id)
    place = unfinished.path_of(stopped.id)
    assert not list(place.parent.glob(f"{place.stem}*"))


@pytest.mark.thorough
def test_one_that_waits_longer_than_its_state_is_kept_says_so(
    home: Path, wanted: RunConfig
) -> None:
    """It has the events of the stopped one: to train from the beginning would tell everything twice."""
    store = RunStore()
    waiting = store.resume(stopped_run(store, wanted).id)
    unfinished.remove(waiting.id)
    claimed = store.claim(worker="w")
    assert claimed
    ended = carry_out(store, claimed)
    assert (ended.status, ended.reason) == ("failed", unfinished.GONE)
    assert len(losses(store.events(ended.id))) == 2


def test_what_is_handed_on_counts_once_and_as_new(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        unfinished.keep(f"run-{number}", lambda path: path.write_bytes(b"x" * 10))
    unfinished.hand_on("run-0", "run-2")
    monkeypatch.setattr(unfinished, "MOST_BYTES", 30)
    unfinished.keep("run-3", lambda path: path.write_bytes(b"x" * 10))
    assert all(unfinished.is_kept(f"run-{n}") for n in range(4))  # three files, four names
    unfinished.keep("run-4", lambda path: path.write_bytes(b"x" * 10))
    assert [unfinished.is_kept(f"run-{n}") for n in range(5)] == [True, False, True, True, True]


def test_states_are_kept_within_a_limit_the_oldest_goes_first(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished, "MOST_BYTES", 25)
    for number in range(3):
        unfinished.keep(f"run-{number}", lambda path: path.write_bytes(b"x" * 10))
    assert [unfinished.is_kept(f"run-{n}") for n in range(3)] == [False, True, True]
    unfinished.keep("large", lambda path: path.write_bytes(b"x" * 99))
    assert unfinished.is_kept("large")  # the newest stays, however large
    assert not unfinished.is_kept("run-2")


def test_a_full_disk_leaves_nothing_half_written(home: Path) -> None:
    def refuse(path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("[enforce fail at inline_container.cc] . unexpected pos")

    with pytest.raises(UserError, match="only be run again from the beginning"):
        unfinished.keep("run-1", refuse)
    assert not list(unfinished.path_of("run-1").parent.iterdir())


@pytest.mark.thorough
def test_a_learner_goes_on_with_their_own_within_the_limits_of_the_class(
    home: Path, wanted: RunConfig
) -> None:
    everything = RunStore()
    anna, ben = (store_for(Visitor(f"space-{n}", "learner", "7a"), everything) for n in "ab")
    everything.limits.put("7a", Limits(waiting_runs=1))
    run = anna.submit(wanted)
    claimed = everything.claim(worker="w")
    assert claimed
    carry_out(everything, claimed, stop_after=2)
    for attempt in (
        lambda: ben.resume(run.id),
        lambda: ben.submit(replace(wanted, start_from=run.id)),
    ):
        with pytest.raises(UserError, match="among yours"):
            attempt()
    gone_on = anna.resume(run.id)
    assert [one.id for one in anna.active()] == [gone_on.id]
    assert not ben.active()
    with pytest.raises(UserError, match="wait"):
        anna.resume(run.id)  # one of theirs waits already
    assert len(everything.runs()) == 2
    kept = unfinished.path_of(run.id).parent.glob(f"*{unfinished.END}")
    assert {path.stem for path in kept} == {run.id, gone_on.id}  # none of the one that was refused


@pytest.mark.thorough
def test_the_command_goes_on(
    home: Path, wanted: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    store = RunStore()
    stopped = stopped_run(store, wanted)
    assert main(["train", "--resume", stopped.id, "--steps", "9"]) == 2
    assert "--resume takes the settings of that run" in capsys.readouterr().err
    assert main(["train", "--resume", stopped.id]) == 0
    ended = store.runs()[0]
    assert (ended.status, ended.config.hash) == ("finished", stopped.config.hash)
    assert len(losses(store.events(ended.id))) == STEPS
    assert [e for e in store.events(ended.id) if isinstance(e, Evaluation)]


@pytest.mark.thorough
def test_a_stop_says_from_how_many_events_it_goes_on(home: Path, wanted: RunConfig) -> None:
    store = RunStore()
    stopped = stopped_run(store, wanted)
    last = store.events(stopped.id)[-1]
    assert isinstance(last, Stopped)
    assert 0 < last.n_events <= len(store.events(stopped.id)) - 1
