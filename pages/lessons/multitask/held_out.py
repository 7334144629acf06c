"""What a mixture taught of the task that is in no batch."""

from collections.abc import Sequence

from core import catalog
from core.evaluate.form_and_label import lines, what_was_taught
from core.events import Evaluation, Event
from core.experiments.mixtures import HELD_OUT


def what_was_learned(events: Sequence[Event]) -> str:
    """The held-out task's score before and after a run, and whether it is form or content; "" before its end."""
    found = [e for e in events if isinstance(e, Evaluation) and e.task == HELD_OUT]
    if len(found) < 2 or not found[-1].step:
        return ""
    first, last = found[0], found[-1]
    low, high = last.interval
    came = (
        f"{catalog.task_title(HELD_OUT)}: {first.score:.2f} before, {last.score:.2f} after "
        f"({low:.2f} to {high:.2f})."
    )
    return f"{came} {what_was_taught(lines(first), lines(last))}".strip()
