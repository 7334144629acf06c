"""Who visits a class. Layers below this one, as `core/runs`, take the same names from `core/visitor.py`."""

from core.visitor import OWNER, Role, Visitor

__all__ = ["OWNER", "Role", "Visitor"]
