"""Who looks at this page."""

from core.visitor import OWNER, Visitor


def visitor() -> Visitor:
    """The owner, a learner or a teacher, as the cookie of this browser says."""
    return OWNER
