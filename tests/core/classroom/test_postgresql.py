"""A class in PostgreSQL: the same as in SQLite."""

import pytest

from core.bench.faults import postgresql
from core.classroom.classroom import Classroom
from core.classroom.codes import WrongCodeError
from core.classroom.delete import delete_everything
from core.config import RunConfig
from core.errors import UserError
from core.runs.rights import store_for
from core.runs.store import RunStore
from core.visitor import OWNER


@pytest.mark.thorough
@pytest.mark.skipif(not postgresql.find("initdb"), reason="PostgreSQL is not installed")
def test_a_class_from_its_beginning_to_its_end() -> None:
    with postgresql.server() as address:
        room, store = Classroom(address), RunStore(address)
        school_class, secret = room.classes.begin(name="8b")
        cookie = room.enter(school_class.code, "Mia")
        mia, teacher = room.tickets.visitor(cookie), room.tickets.visitor(room.teach(secret))
        with pytest.raises(UserError, match="in this class already"):
            room.enter(school_class.code, "mia")
        word = room.let_in_again(teacher, mia.space)
        assert room.tickets.visitor(room.enter(word)) == mia
        for gone in (lambda: room.enter(word), lambda: room.tickets.visitor(cookie)):
            with pytest.raises(WrongCodeError):
                gone()
        store_for(mia, store).submit(RunConfig(seed=1))
        kept = store.submit(RunConfig(seed=2))
        delete_everything(room, store, OWNER, school_class.id)
        assert [run.id for run in store.runs()] == [kept.id]
        assert (room.classes.all(), room.learners.of(school_class.id)) == ([], [])
