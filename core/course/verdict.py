"""A verdict: conditions, what became of each, and how two measurements are compared."""

from dataclasses import dataclass

from core.course.measures import Measured

MET, MISSED, UNSURE, UNKNOWN = "met", "missed", "too close to call", "not measured"
LOSS_CHANGE = 0.1
"""A loss has no interval; it counts as changed by more than this share of itself."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One condition and what became of it."""

    state: str
    """`MET`, `MISSED`, `UNSURE` or `UNKNOWN`."""
    words: str
    """A sentence."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    findings: tuple[Finding, ...]

    @property
    def solved(self) -> bool:
        return all(finding.state == MET for finding in self.findings)

    @property
    def words(self) -> str:
        """What came of all of them together."""
        if self.solved:
            return "Solved."
        open_ = [finding for finding in self.findings if finding.state != MET]
        if all(finding.state in (UNSURE, UNKNOWN) for finding in open_):
            return "Not decided yet."
        return "Not solved."


def single(state: str, words: str) -> Verdict:
    return Verdict(findings=(Finding(state=state, words=words),))


def way(first: Measured, last: Measured, *, is_loss: bool = False) -> str:
    """ "up", "down", or "" for neither."""
    if is_loss:
        change = (last.value - first.value) / first.value if first.value else 0.0
        return "up" if change > LOSS_CHANGE else "down" if change < -LOSS_CHANGE else ""
    return "up" if last.low > first.high else "down" if last.high < first.low else ""


def number(found: Measured, unit: str = "") -> str:
    digits = f"{found.value:.2f}" if found.value >= 0.1 or not found.value else f"{found.value:.2g}"
    if found.low == found.high:
        return f"{digits}{unit}"
    return f"{digits}{unit} (95 % interval {found.low:.2f} to {found.high:.2f}, {found.n} examples)"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
