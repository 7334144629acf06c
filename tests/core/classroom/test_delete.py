"""End and delete everything: what goes with a class, and what others keep."""

import os
from pathlib import Path

import pytest

from core import catalog
from core.classroom import spaces
from core.classroom.classes import SchoolClass
from core.classroom.classroom import Classroom
from core.classroom.delete import delete_everything
from core.classroom.uploads import bringing
from core.config import DataConfig, RunConfig
from core.course.progress import Entry, keep, progress
from core.data import uploads
from core.errors import UserError
from core.export import kept
from core.runs.limits import Limits
from core.runs.rights import store_for
from core.runs.store import RunStore, RunSummary, worker_identity
from core.visitor import OWNER, Visitor


@pytest.fixture
def store() -> RunStore:
    return RunStore()


@pytest.fixture
def school_class(room: Classroom) -> SchoolClass:
    return room.classes.begin(name="8b")[0]


def learner(room: Classroom, school_class: SchoolClass, name: str) -> Visitor:
    return room.tickets.visitor(room.enter(school_class.code, name))


def brought(who: Visitor, store: RunStore, word: str, *, at: float | None = None) -> str:
    """A dataset that a visitor uploads."""
    bring = bringing(store_for(who, store).limits)
    address = uploads.keep([{"prompt": f"{word} {n}", "completion": "yes"} for n in range(9)])
    if at is not None:
        os.utime(uploads.folder() / f"{address}.jsonl", (at, at))
    bring(address)
    return address


def trained(who: Visitor, store: RunStore, seed: int, **data: str) -> str:
    """A finished run of a visitor."""
    config = RunConfig(data=DataConfig(**data), seed=seed) if data else RunConfig(seed=seed)
    run = store_for(who, store).submit(config)
    store.claim(worker=worker_identity())
    store.finish(run.id, RunSummary())
    folder = store.artifact_dir(run.id)
    folder.mkdir(parents=True)
    (folder / "adapter.safetensors").write_bytes(b"x")
    return run.id


def test_all_of_a_class_goes_and_nothing_of_others(
    room: Classroom, store: RunStore, school_class: SchoolClass, home: Path
) -> None:
    mia = learner(room, school_class, "Mia")
    other = learner(room, room.classes.begin(name="9a")[0], "Mia")
    goes, stays = trained(mia, store, 1), [trained(other, store, 2), trained(OWNER, store, 3)]
    export = kept.folder_of(goes, "peft")
    export.mkdir(parents=True)
    file, others_file = brought(mia, store, "cat"), brought(other, store, "dog")
    for who in (mia, other, OWNER):
        keep(Entry(learner=who.name, kind="predicted", item="rank"), space=who.space)
    delete_everything(room, store, OWNER, school_class.id)
    assert [one.id for one in store.runs()] == stays[::-1]
    assert not store.artifact_dir(goes).exists()
    assert not export.exists()
    assert (uploads.is_here(file), uploads.is_here(others_file)) == (False, True)
    assert not spaces.folder(mia.space).exists()
    assert [len(progress(who.name, space=who.space).entries) for who in (other, OWNER)] == [1, 1]
    assert [one.name for one in room.classes.all()] == ["9a"]
    assert [one.space for one in room.learners.of(school_class.id)] == []
    left = b"".join(f.read_bytes() for f in (home / "data").rglob("*.jsonl"))
    assert mia.space.encode() not in left


def test_what_others_hold_too_stays_theirs(
    room: Classroom, store: RunStore, school_class: SchoolClass
) -> None:
    mia = learner(room, school_class, "Mia")
    other = learner(room, room.classes.begin()[0], "Omar")
    owned = brought(mia, store, "owner")
    trained(OWNER, store, 6, task=catalog.CUSTOM_TASK, dataset=owned)
    run = store_for(mia, store).submit(RunConfig(seed=5))
    assert store_for(other, store).submit(RunConfig(seed=5)).id == run.id
    same = brought(mia, store, "cat")
    assert brought(other, store, "cat") == same
    before = brought(mia, store, "old", at=school_class.began_at - 60)
    delete_everything(room, store, OWNER, school_class.id)
    assert store_for(other, store).get(run.id).status == "queued"
    assert [uploads.is_here(address) for address in (same, before, owned)] == [True] * 3


def test_a_run_that_trains_is_stopped_first_and_a_second_press_goes_on(
    room: Classroom, store: RunStore, school_class: SchoolClass
) -> None:
    mia = learner(room, school_class, "Mia")
    run = store_for(mia, store).submit(RunConfig())
    store.claim(worker=worker_identity())
    with pytest.raises(UserError, match="A run is still stopping"):
        delete_everything(room, store, OWNER, school_class.id, wait_s=0)
    assert store.stop_requested(run.id)
    assert room.classes.get(school_class.id).is_over
    store.stop(run.id)
    delete_everything(room, store, OWNER, school_class.id, wait_s=0)
    assert (store.runs(), room.classes.all()) == ([], [])


def test_a_teacher_deletes_the_own_class_only(
    room: Classroom, store: RunStore, school_class: SchoolClass
) -> None:
    mia = learner(room, school_class, "Mia")
    other = Visitor("f" * 32, "teacher", "f" * 32)
    for who in (mia, other):
        with pytest.raises(UserError, match="Only the teacher"):
            delete_everything(room, store, who, school_class.id)
    assert not room.classes.get(school_class.id).is_over
    teacher = Visitor(school_class.id, "teacher", school_class.id)
    trained(mia, store, 1)
    delete_everything(room, store_for(teacher, store), teacher, school_class.id)  # as a page does
    assert (store.runs(), room.classes.all()) == ([], [])


def test_a_dataset_of_another_learner_is_not_read_and_an_oversized_one_not_kept(
    room: Classroom, store: RunStore, school_class: SchoolClass
) -> None:
    mia, omar = learner(room, school_class, "Mia"), learner(room, school_class, "Omar")
    address = brought(mia, store, "cat")
    store_for(mia, store).limits.check_dataset(address)
    with pytest.raises(UserError, match="not among yours"):
        store_for(omar, store).limits.check_dataset(address)
    with pytest.raises(UserError, match="not among yours"):
        trained(omar, store, 1, task=catalog.CUSTOM_TASK, dataset=address)
    assert brought(omar, store, "cat") == address
    store_for(omar, store).limits.check_dataset(address)
    store.limits.put(school_class.id, Limits(upload_bytes=100))
    n_before = len(list(uploads.folder().glob("*")))
    with pytest.raises(UserError, match="This class allows each learner"):
        brought(omar, store, "too large")
    assert len(list(uploads.folder().glob("*"))) == n_before
