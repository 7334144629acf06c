"""A teacher with a new class, and those who join it."""

from core.classroom.classroom import Classroom
from core.visitor import Visitor


def teacher_of(room: Classroom, name: str = "8b") -> Visitor:
    school_class, _ = room.classes.begin(name=name)
    return Visitor(school_class.id, "teacher", school_class.id)


def learner_of(room: Classroom, teacher: Visitor, name: str) -> Visitor:
    one = room.learners.join(teacher.class_id, name)
    return Visitor(one.space, "learner", one.class_id, one.name)
