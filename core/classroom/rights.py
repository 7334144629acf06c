"""Who may run a class: its teacher, and the person at this computer."""

from core.errors import UserError
from core.visitor import Visitor


def check_teacher(who: Visitor, class_id: str) -> None:
    """Raises `UserError` for who may not run this class."""
    if who.role != "owner" and (who.role, who.class_id) != ("teacher", class_id):
        raise UserError("Only the teacher of this class can do that.")
