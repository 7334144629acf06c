"""The reader's guess: what a mixture does to the task that is in no batch, and what the run says of it."""

from collections.abc import Sequence

from core import catalog
from core.evaluate.apart import are_apart
from core.evaluate.form_and_label import lines, what_was_taught
from core.events import Evaluation, Event
from core.experiments.mixtures import HELD_OUT
from pages.shared.layout import ask_guess, show_guess

RISES, OPEN, FALLS = "it rises", "no clear change", "it falls"


def guess_held_out() -> str:
    task = catalog.TASKS[HELD_OUT]
    return ask_guess(
        f"{task.title} is in no batch. What happens to its score?",
        (RISES, OPEN, FALLS),
        key="multitask_guess",
    )


def compare_held_out(guess: str, events: Sequence[Event]) -> None:
    """The guess beside the held-out task's score before and after the run."""
    found = [e for e in events if isinstance(e, Evaluation) and e.task == HELD_OUT]
    if not guess or len(found) < 2 or not found[-1].step:
        return
    first, last = found[0], found[-1]
    low, high = last.interval
    came = (
        f"{catalog.task_title(HELD_OUT)}: {first.score:.2f} before, {last.score:.2f} after "
        f"({low:.2f} to {high:.2f})."
    )
    if taught := what_was_taught(lines(first), lines(last)):
        came += f" {taught}"
    show_guess(guess, came, is_right=guess == change(first, last))


def change(first: Evaluation, last: Evaluation) -> str:
    """What the intervals of two checks allow to say."""
    if not are_apart(first.interval, last.interval):
        return OPEN
    return RISES if last.score > first.score else FALLS
