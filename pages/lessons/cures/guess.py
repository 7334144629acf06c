"""The reader's guess: how many general questions a cure keeps, asked before the run and answered by it."""

from collections.abc import Sequence

from core.evaluate.apart import Interval
from core.events import Evaluation, Event
from core.experiments import record
from core.experiments.mitigations import GENERAL, TEXTBOOK_RATE
from core.experiments.plane import Point, settings
from pages.shared.layout import ask_guess, show_guess

SHARES: dict[str, Interval] = {
    "below 30%": (0.0, 0.3),
    "30 to 60%": (0.3, 0.6),
    "above 60%": (0.6, 1.0),
}


def guess_kept(recorded: Sequence[Point]) -> str:
    """Ask for it; says what the base model answers, and what is left without a cure, where recorded."""
    shipped = record.recorded("cures")
    base = shipped.base_score(GENERAL) if shipped else None
    uncured = [
        s.general
        for s in settings(recorded)
        if s.mitigation == "full" and s.value == TEXTBOOK_RATE and s.general is not None
    ]
    known = f" It starts at {base:.0%}." if base is not None else ""
    known += f" Without a cure it ends at {uncured[0]:.0%}." if uncured else ""
    return ask_guess(
        f"what share of general questions is right after this run?{known}",
        list(SHARES),
        key="cures_guess",
    )


def compare_kept(guess: str, events: Sequence[Event]) -> None:
    """The guess beside what the run's last check of general questions came to."""
    found = [e for e in events if isinstance(e, Evaluation) and e.task == GENERAL]
    if not guess or not found or not found[-1].step:
        return
    last = found[-1]
    low, high = last.interval
    came = f"General questions right: {last.score:.0%} of {last.n}"
    is_right = agrees(SHARES[guess], last.interval)
    if is_right is None:
        came += f"; more of them could give anything from {low:.0%} to {high:.0%}, so the guess stays open"
    show_guess(guess, f"{came}.", is_right=is_right)


def agrees(share: Interval, measured: Interval) -> bool | None:
    """Whether a measured interval lies within a guessed range; None where it lies across its border."""
    if share[0] <= measured[0] and measured[1] <= share[1]:
        return True
    if measured[1] < share[0] or measured[0] > share[1]:
        return False
    return None
