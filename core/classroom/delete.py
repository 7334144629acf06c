"""End and delete everything: nothing of a class stays but runs and uploads that others hold, too."""

import time

from core.classroom import spaces
from core.classroom.classroom import Classroom, check_teacher
from core.classroom.uploads import delete_uploads
from core.errors import UserError
from core.export import kept
from core.runs.rights import store_for
from core.runs.states import ACTIVE
from core.runs.store import RunStore
from core.visitor import Visitor

STOPPING_S = 10.0
"""How long runs that train may take to end: they look before each step whether they are to stop."""


def delete_everything(
    room: Classroom,
    everything: RunStore,
    who: Visitor,
    class_id: str,
    *,
    wait_s: float = STOPPING_S,
) -> None:
    """End a class and delete its runs, uploads, progress, guesses and learners.

    Raises `UserError` while a run has not stopped yet, and where the disk refuses; then the class is over, what is left
    of it is listed still, and calling this again goes on.
    """
    check_teacher(who, class_id)
    school_class, learners = room.classes.get(class_id), room.learners.of(class_id)
    room.classes.end(class_id)
    _delete_runs(store_for(Visitor(class_id, "teacher", class_id), everything), wait_s)
    of_class = [class_id, *(one.space for one in learners)]
    delete_uploads(
        room.database, class_id=class_id, spaces=of_class, began_at=school_class.began_at
    )
    for space in of_class:
        spaces.remove(space)
    room.classes.delete(class_id)


def _delete_runs(of_class: RunStore, wait_s: float) -> None:
    for run in of_class.active():
        of_class.request_stop(run.id)
    until = time.monotonic() + wait_s
    while (active := of_class.active()) and time.monotonic() < until:
        time.sleep(0.2)
    while runs := [run for run in of_class.runs() if run.status not in ACTIVE]:
        for run in runs:
            if of_class.delete(run.id):
                kept.remove(run.id)
    if active:
        n = "A run is" if len(active) == 1 else f"{len(active)} runs are"
        raise UserError(f"{n} still stopping. Wait a moment, then delete everything again.")
