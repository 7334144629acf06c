"""Limits of a class: each is refused by a sentence, holds for learners alone, and cannot be got round by a reload."""

from pathlib import Path

import pytest

from core.config import OptimizerConfig, RunConfig
from core.errors import UserError
from core.runs import limits
from core.runs.limits import Limits
from core.runs.rights import store_for
from core.runs.store import RunStore
from core.visitor import OWNER, Visitor
from tests.core.runs.runs_in_states import ME

ANNA = Visitor("space-of-anna", "learner", "7a", "Anna")
BEN = Visitor("space-of-ben", "learner", "7a", "Ben")
TEACHER = Visitor("space-of-7a", "teacher", "7a")


@pytest.fixture
def store(home: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return RunStore()


def long(n_steps: int) -> RunConfig:
    return RunConfig(optimizer=OptimizerConfig(steps=n_steps))


def test_the_teacher_sets_them_for_the_own_class(store: RunStore) -> None:
    assert store.limits.of("7a") == Limits()
    store_for(TEACHER, store).limits.put("7a", Limits(steps=20, waiting_runs=2))
    assert store_for(ANNA, RunStore()).limits.of("7a") == Limits(steps=20, waiting_runs=2)
    assert store.limits.of("7b") == Limits()
    with pytest.raises(UserError, match="another class"):
        store_for(TEACHER, store).limits.put("7b", Limits())
    with pytest.raises(UserError, match="Only the teacher can set"):
        store_for(ANNA, store).limits.put("7a", Limits(steps=9_999))
    assert store.limits.of("7a").steps == 20


@pytest.mark.parametrize(
    "wanted", [{"steps": 0}, {"waiting_runs": 51}, {"questions_a_minute": 1.5}]
)
def test_a_limit_that_is_none_is_refused(wanted: dict[str, int]) -> None:
    with pytest.raises(UserError, match="must be a whole number"):
        Limits(**wanted)


def test_a_run_takes_so_many_steps(store: RunStore) -> None:
    store.limits.put("7a", Limits(steps=30))
    with pytest.raises(UserError) as refused:
        store_for(ANNA, store).submit(long(31))
    assert str(refused.value) == (
        "A run in this class may take at most 30 steps, and this one would take 31. Choose fewer steps."
    )
    assert store_for(ANNA, store).submit(long(30))
    assert store_for(TEACHER, store).submit(long(31))
    assert store.submit(long(32))


def test_so_many_runs_wait(store: RunStore) -> None:
    store.limits.put("7a", Limits(waiting_runs=2))
    anna = store_for(ANNA, store)
    for seed in (1, 2):
        anna.submit(RunConfig(seed=seed))
    with pytest.raises(
        UserError, match="2 of your runs are waiting, and this class allows no more"
    ):
        store_for(ANNA, RunStore()).submit(RunConfig(seed=3))
    assert len(store.runs()) == 2  # what was refused left nothing behind
    store_for(BEN, store).submit(RunConfig(seed=3))
    assert anna.submit(RunConfig(seed=3))  # joined: it costs nothing
    assert store.claim(worker=ME)
    assert store.claim(worker=ME)
    assert anna.submit(RunConfig(seed=4))


def test_so_many_questions_are_asked_in_a_minute(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(limits.time, "time", lambda: now)
    store.limits.put("7a", Limits(questions_a_minute=2))
    anna = store_for(ANNA, store)
    anna.limits.count_question()
    now += 30
    anna.limits.count_question()
    for _ in range(2):  # a refused one does not count
        with pytest.raises(
            UserError, match="allows 2 questions a minute, and you have asked as many"
        ):
            store_for(ANNA, RunStore()).limits.count_question()
    for other in (BEN, TEACHER, OWNER):
        store_for(other, store).limits.count_question()
    now += 30
    anna.limits.count_question()
    with pytest.raises(UserError):
        anna.limits.count_question()


def test_so_many_bytes_are_brought(store: RunStore) -> None:
    store.limits.put("7a", Limits(upload_bytes=1_000_000))
    mine = store_for(ANNA, store).limits
    mine.check_upload(1_000_000)
    mine.count_upload("a" * 16, 600_000)
    mine.count_upload("a" * 16, 600_000)  # the same pairs again
    with pytest.raises(UserError) as refused:
        mine.check_upload(400_001)
    assert str(refused.value) == (
        "This class allows each learner 1.0 MB of own data, and this has 0.5 MB besides the 0.6 MB that you have "
        "brought. Take a smaller part of it."
    )
    with pytest.raises(UserError, match="Take a smaller part"):
        mine.count_upload("b" * 16, 400_001)
    mine.count_upload("b" * 16, 400_000)
    store_for(BEN, store).limits.check_upload(1_000_000)
    store.limits.check_upload(10**9)
