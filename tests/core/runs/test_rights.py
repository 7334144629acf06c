"""Rights: every operation of the store, tried on a run of somebody else by a learner and by another class's teacher.

The operations are read from the classes themselves: one that is new has to be tried here, too.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from sqlalchemy import select

from core.config import DataConfig, RunConfig
from core.data import uploads
from core.errors import UserError
from core.events import Notice
from core.runs.limits import ClassLimits, Limits
from core.runs.marks import Mark, Marks
from core.runs.messages import REQUESTS, Evaluate, Generate, ModelOnTestSet, Switch
from core.runs.rights import (
    DATASET_FIELDS,
    RUN_FIELDS,
    NotAllowedError,
    VisitorStore,
    check_request,
    store_for,
)
from core.runs.schema import Database
from core.runs.states import RunStatus
from core.runs.store import RunStore, RunSummary
from core.runs.tables import metadata
from core.visitor import OWNER, Visitor
from tests.core.runs.runs_in_states import ME

ANNA = Visitor("space-of-anna", "learner", "7a", "Anna")
BEN = Visitor("space-of-ben", "learner", "7a", "Ben")
CARLA = Visitor("space-of-carla", "learner", "7b", "Carla")
TEACHER = Visitor("space-of-7a", "teacher", "7a")
OTHER_TEACHER = Visitor("space-of-7b", "teacher", "7b")
NEW = RunConfig(seed=99)


@pytest.fixture
def store(home: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return RunStore()


def run_of(store: RunStore, visitor: Visitor, status: str, *, seed: int = 0) -> str:
    """A run that a visitor holds, with an event, weights and a name."""
    mine = store_for(visitor, store)
    run_id = mine.submit(RunConfig(seed=seed)).id
    if status != "queued":
        assert store.claim(worker=ME)
        store.append(run_id, Notice(step=0, message="secret"))
        store.artifact_dir(run_id).mkdir(parents=True)
        (store.artifact_dir(run_id) / "weights").write_bytes(b"secret")
    if status == "finished":
        store.finish(run_id, RunSummary(scores={"sentiment": 0.9}))
    mine.marks.put(run_id, Mark(name="secret", tags=("secret",)))
    return run_id


def record(*but: str) -> dict[str, list[Any]]:
    """All that the database holds, except some tables."""
    with Database("").transaction() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table))]
            for table in metadata.sorted_tables
            if table.name not in but
        }


def operations(kind: type) -> set[str]:
    return {n for n in dir(kind) if callable(getattr(kind, n)) and not n.startswith("_")}


def is_refused(attempt: "Try", store: RunStore, run_id: str) -> bool:
    try:
        attempt(store, run_id)
    except UserError:
        return True
    return False


Try = Callable[[RunStore, str], object]
ON_A_RUN: dict[str, Try] = {
    "request_stop": lambda store, run: store.request_stop(run),
    "stop_requested": lambda store, run: store.stop_requested(run),
    "events": lambda store, run: store.events(run),
    "messages": lambda store, run: store.messages(run, after=0),
    "get": lambda store, run: store.get(run),
    "queue_position": lambda store, run: store.queue_position(run),
    "artifact_dir": lambda store, run: store.artifact_dir(run),
    "size_bytes": lambda store, run: store.size_bytes(run),
    "delete": lambda store, run: store.delete(run),
    "hide": lambda store, run: store.hide(run),
}
"""On a run that is theirs allowed, on another one refused."""
MARKED: dict[str, Try] = {
    "of": lambda store, run: store.marks.of(run),
    "put": lambda store, run: store.marks.put(run, Mark(name="mine")),
    "add_tag": lambda store, run: store.marks.add_tag([run], "mine"),
}
LOOKED_THROUGH: dict[str, Try] = {
    "runs": lambda store, run: [one.id for one in store.runs()],
    "active": lambda store, run: [one.id for one in store.active()],
    "finished": lambda store, run: [one.id for one in store.finished()],
    "find_finished": lambda store, run: getattr(store.find_finished(RunConfig()), "id", ""),
    "find_active": lambda store, run: getattr(store.find_active(RunConfig()), "id", ""),
    "holdings": lambda store, run: [one.run_id for one in store.holdings()],
}
"""What finds runs: none of others."""
OWNERS: dict[str, Try] = {
    "start": lambda store, run: store.start(NEW, worker=ME),
    "claim": lambda store, run: store.claim(worker=ME),
    "identify": lambda store, run: store.identify(run, "forged"),
    "finish": lambda store, run: store.finish(run, RunSummary()),
    "stop": lambda store, run: store.stop(run, "forged"),
    "fail": lambda store, run: store.fail(run, "forged"),
    "heartbeat": lambda store, run: store.heartbeat(run),
    "reap": lambda store, run: store.reap(),
    "start_again": lambda store, run: store.start_again(ME),
    "append": lambda store, run: store.append(run, Notice(step=1, message="forged")),
    "active_before_new": lambda store, run: store.active_before_new(),
}
"""Of the owner and the workers alone, whoever's run it is."""
ELSEWHERE = {"submit", "resume", "n_active"}
"""Names no run; goes on with one, in tests/core/runs/test_unfinished.py; a number."""
OF_LIMITS: dict[str, Try] = {
    "of": lambda store, run: store.limits.of("7a"),
    "put": lambda store, run: store.limits.put("7a", Limits(steps=9)),
}
OWN_NAME = {"count_question", "check_upload", "count_upload", "check_dataset", "check_not_paused"}
"""Of limits: in their own name, whatever is said."""


def test_every_operation_is_tried() -> None:
    tried = {*ON_A_RUN, *LOOKED_THROUGH, *OWNERS, *ELSEWHERE}
    assert tried == operations(RunStore)
    assert {*MARKED, "all"} == operations(Marks)
    assert {*OF_LIMITS, *OWN_NAME} == operations(ClassLimits)


@pytest.mark.parametrize("visitor", [BEN, CARLA, OTHER_TEACHER], ids=lambda v: v.space)
@pytest.mark.parametrize("status", ["queued", "running", "finished"])
def test_nothing_can_be_done_with_a_run_of_somebody_else(
    store: RunStore, visitor: Visitor, status: str
) -> None:
    run_id = run_of(store, ANNA, status)
    theirs, before = store_for(visitor, store), record()
    for name, attempt in {**ON_A_RUN, **MARKED, **OWNERS}.items():
        assert is_refused(attempt, theirs, run_id), name
    for name, look in LOOKED_THROUGH.items():
        assert not look(theirs, run_id), name
    assert theirs.marks.all() == {}
    for beginning in (run_id[:8], run_id[:-1], run_id.upper(), f" {run_id}"):
        with pytest.raises(UserError):
            theirs.get(beginning)
    assert record() == before
    assert store.artifact_dir(run_id).exists() == (status != "queued")


def test_a_run_of_somebody_else_is_one_that_does_not_exist(store: RunStore) -> None:
    run_id = run_of(store, ANNA, "queued")
    theirs, said = store_for(BEN, store), set[str]()
    for wanted in (run_id, "20200101-000000-abcdef"):
        with pytest.raises(UserError) as refused:
            theirs.get(wanted)
        said.add(str(refused.value).replace(wanted, "X"))
    assert said == {"There is no run 'X' among yours; it may have been deleted."}


@pytest.mark.parametrize("visitor", [ANNA, TEACHER, OWNER], ids=lambda v: v.role)
def test_with_their_own_run_they_do_what_is_theirs(store: RunStore, visitor: Visitor) -> None:
    run_id = run_of(store, ANNA, "finished")
    theirs = store_for(visitor, store)
    assert theirs.get(run_id[:-1]).id == theirs.runs()[0].id == theirs.finished()[0].id == run_id
    assert theirs.find_finished(RunConfig()) == theirs.get(run_id)
    assert theirs.events(run_id) == [Notice(step=0, message="secret")]
    assert theirs.messages(run_id)[0]["message"] == "secret"
    assert theirs.size_bytes(run_id) == len(b"secret")
    assert theirs.artifact_dir(run_id) == store.artifact_dir(run_id)
    assert (theirs.queue_position(run_id), theirs.stop_requested(run_id)) == (0, False)
    assert theirs.marks.all() == {run_id: Mark(name="secret", tags=("secret",))}
    theirs.marks.put(run_id, Mark(name="ours"))
    theirs.marks.add_tag([run_id], "good")
    assert theirs.marks.of(run_id) == Mark(name="ours", tags=("good",))
    wanted = "ours" if visitor is ANNA else "secret"
    assert store_for(ANNA, store).marks.of(run_id).name == wanted
    assert theirs.request_stop(run_id)  # over already: as it was
    assert theirs.get(run_id).status is RunStatus.FINISHED
    assert theirs.delete(run_id)
    assert store.runs() == []
    assert not store.artifact_dir(run_id).exists()
    assert record("alembic_version")["holdings"] == []


@pytest.mark.parametrize("visitor", [ANNA, TEACHER], ids=lambda v: v.role)
def test_what_workers_do_visitors_cannot_do_even_with_their_own_runs(
    store: RunStore, visitor: Visitor
) -> None:
    run_id = run_of(store, ANNA, "running")
    for name, attempt in OWNERS.items():
        with pytest.raises(NotAllowedError, match=rf"Only the owner .*\({name}\)"):
            attempt(store_for(visitor, store), run_id)


def test_an_operation_that_is_new_is_refused(store: RunStore) -> None:
    """Nothing is inherited: whatever is not written down in `VisitorStore` was replaced by a refusal."""
    inherited = {n for n in operations(RunStore) if n not in vars(VisitorStore)}
    assert inherited == set()


def test_nobody_is_not_the_owner(store: RunStore) -> None:
    store.submit(RunConfig())
    for nobody in (Visitor("", "learner", "7a"), Visitor("", "teacher"), Visitor("x", "teacher")):
        with pytest.raises(ValueError, match="has no runs"):
            store_for(nobody, store)
    assert store_for(OWNER, store) is store
    anna = store_for(ANNA, store)
    assert store_for(ANNA, anna) is anna
    for more in (OWNER, TEACHER, BEN):  # from a page that has only hers
        with pytest.raises(ValueError, match="no other one"):
            store_for(more, anna)


# Runs that several hold


def test_a_run_of_several_goes_on_until_the_last_one_stops_it(store: RunStore) -> None:
    anna, ben, carla = (store_for(one, store) for one in (ANNA, BEN, CARLA))
    run_id = anna.submit(RunConfig()).id
    assert ben.submit(RunConfig()).id == carla.submit(RunConfig()).id == run_id
    assert store.claim(worker=ME)
    ben.marks.put(run_id, Mark(name="mine"))
    assert not ben.request_stop(run_id)
    with pytest.raises(UserError):
        ben.get(run_id)
    assert store.marks.all() == {}
    assert not anna.delete(run_id)  # she lets go of it
    assert not store.stop_requested(run_id)
    assert carla.events(run_id) == []
    assert carla.request_stop(run_id)
    assert store.stop_requested(run_id)
    assert carla.get(run_id).id == run_id  # the last one keeps what it came to
    with pytest.raises(UserError, match="stop it before you delete it"):
        carla.delete(run_id)


def test_the_owner_stops_and_deletes_for_everybody(store: RunStore) -> None:
    run_id = store_for(ANNA, store).submit(RunConfig()).id
    store_for(BEN, store).submit(RunConfig())
    assert store.request_stop(run_id)
    assert store.get(run_id).status is RunStatus.STOPPED
    assert store.delete(run_id)
    assert store_for(ANNA, store).runs() == store_for(BEN, store).runs() == []


def test_a_learner_does_not_stop_what_the_owner_wants(store: RunStore) -> None:
    run_id = store.submit(RunConfig()).id
    anna = store_for(ANNA, store)
    anna.submit(RunConfig())
    assert not anna.request_stop(run_id)
    assert store.get(run_id).status is RunStatus.QUEUED


def test_the_teacher_decides_for_the_class_and_for_no_other(store: RunStore) -> None:
    teacher = store_for(TEACHER, store)
    own, shared = run_of(store, ANNA, "finished"), run_of(store, BEN, "queued", seed=1)
    store_for(CARLA, store).submit(RunConfig(seed=1))
    foreign = run_of(store, CARLA, "queued", seed=2)
    assert [run.id for run in teacher.runs()] == [shared, own]
    assert {h.space for h in teacher.holdings()} == {ANNA.space, BEN.space}
    teacher.hide(own)
    assert [(h.run_id, h.hidden) for h in teacher.holdings()] == [(own, True), (shared, False)]
    teacher.hide(own, hidden=False)
    assert not any(h.hidden for h in store.holdings())
    with pytest.raises(NotAllowedError, match="Only the teacher can hide"):
        store_for(ANNA, store).hide(own)
    assert not teacher.request_stop(shared)  # another class has it, too
    assert store_for(BEN, store).runs() == []
    assert [run.id for run in store_for(CARLA, store).runs()] == [foreign, shared]
    assert teacher.delete(own)


def test_a_finished_run_is_joined_and_computed_once(store: RunStore) -> None:
    run_id = run_of(store, ANNA, "finished")
    ben = store_for(BEN, store)
    assert ben.find_finished(RunConfig()) is None  # it is not theirs before they press Run
    assert ben.submit(RunConfig()).id == run_id
    assert ben.find_finished(RunConfig()) == ben.submit(RunConfig())
    assert ben.events(run_id) == store.events(run_id)
    assert ben.marks.of(run_id) == Mark()  # what others call it is theirs
    store_for(ANNA, store).delete(run_id)
    assert ben.size_bytes(run_id)
    assert ben.delete(run_id)
    assert not store.artifact_dir(run_id).exists()
    assert ben.submit(RunConfig()).id != run_id


def test_a_finished_run_without_weights_is_run_again(store: RunStore) -> None:
    run_id = store.start(RunConfig(), worker=ME).id
    store.finish(run_id, RunSummary())
    assert store_for(ANNA, store).submit(RunConfig()).status is RunStatus.QUEUED


# What is asked of the answering worker


def classified(kind: Any, name: str = "") -> set[str]:
    """The names of all fields of a request that hold text, wherever in it."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return {found for f in fields(kind) for found in classified(hints[f.name], f.name)}
    if kind is str:
        return {name}
    return {found for part in get_args(kind) for found in classified(part, name)}


def test_every_text_in_a_request_is_known_to_name_a_run_or_not() -> None:
    """A new field that names a run must be listed in core/runs/rights.py, or others' runs could be asked."""
    found = {name for kind in REQUESTS.values() for name in classified(kind)}
    harmless = [
        "model",
        "text",
        "prompt",
        "completion",
        "module",
        "prompts",
        "task",
        "template",
        "split",
        "form",
        "off",
    ]
    harmless += ["name", "others", "order", "schedule", "regularizer", "dtype", "tasks"]
    harmless += ["prompt_start", "prompt_text", "target_modules", "keep", "rehearse"]
    assert {*RUN_FIELDS, *DATASET_FIELDS} <= found
    assert found - {*RUN_FIELDS, *DATASET_FIELDS} <= {*harmless}


def test_no_question_goes_to_the_run_or_the_data_of_somebody_else(store: RunStore) -> None:
    run_id = run_of(store, ANNA, "finished")
    anna, ben = store_for(ANNA, store), store_for(BEN, store)
    address = uploads.keep([{"prompt": "a", "completion": "b"}])
    anna.limits.count_upload(address, 30)
    on = ModelOnTestSet(model="m", task="custom", dataset=address)
    for request in (
        Generate(model="m", text="Hi", run=run_id),
        Switch(model="m", adapters=(run_id,), active={}, text="Hi"),
        Evaluate(on=ModelOnTestSet(model="m", task="names", pairs_of=run_id)),
        Evaluate(on=on),
    ):
        check_request(request, anna)
        with pytest.raises(UserError, match="among yours"):
            check_request(request, ben)
    config = RunConfig(data=DataConfig(task="custom", dataset=address))
    with pytest.raises(UserError, match=r"data set .* is not among yours"):
        ben.submit(config)
    assert anna.submit(config)
    ben.limits.count_upload(address, 30)  # who has the same pairs may use them
    assert ben.submit(config)
