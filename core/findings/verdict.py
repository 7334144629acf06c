"""The rule: from the intervals of two sides to a verdict, and from the parts of a finding to its own.

    above       the first side is higher
    no worse    the first side is not lower by MARGIN or more
    equal       the two sides are less than MARGIN apart, whichever is higher

A part holds, or it is "not here" (the runs show the contrary), or it is not decided: the intervals allow both,
or a side has too few seeds. That two sides are not shown to differ never makes them equal.
"""

from enum import StrEnum
from math import hypot

from core.evaluate.apart import are_apart
from core.findings.evidence import FEWEST, Evidence

MARGIN = 0.15
"""Differences below it count as none: 48 test examples do not resolve much less."""
ABOVE, NO_WORSE, EQUAL = "above", "no worse", "equal"
RELATIONS = {
    ABOVE: "is higher than",
    NO_WORSE: f"is no worse (by {MARGIN} at most) than",
    EQUAL: f"is as good (within {MARGIN}) as",
}


class Verdict(StrEnum):
    HOLDS = "holds"
    PARTLY = "partly"
    NOT_HERE = "not here"
    NOT_DECIDED = "not decided"
    NOT_RECORDED = "not recorded yet"


MEANING = {
    Verdict.HOLDS: "Every part of it is shown by these runs.",
    Verdict.PARTLY: "Some part of it is shown; another is not shown, or the contrary is.",
    Verdict.NOT_HERE: "No part of it is shown, and the contrary of at least one part is.",
    Verdict.NOT_DECIDED: "The intervals allow both, or runs are missing.",
    Verdict.NOT_RECORDED: "Its runs do not come with the app yet.",
}


def of_part(first: Evidence, second: Evidence, relation: str) -> tuple[Verdict, str]:
    """The verdict of one comparison, and why, in a sentence."""
    missing = [side.title for side in (first, second) if not side.readings]
    if missing:
        return Verdict.NOT_RECORDED, f"Not recorded yet: {' and '.join(missing)}."
    said = f"{first.words}; {second.words}."
    few = [side for side in (first, second) if not side.has_enough]
    if few:
        titles = " and ".join(f"{side.title} ({len(side.readings)})" for side in few)
        return Verdict.NOT_DECIDED, f"{said} Too few seeds of {titles}; {FEWEST} are needed."
    if len({r.identity for r in (*first.readings, *second.readings)} - {""}) > 1:
        return Verdict.NOT_DECIDED, f"{said} They were recorded with different code."
    low, high = difference(first, second)
    apart = are_apart(first.interval, second.interval)
    ends = "The 95 % intervals do not overlap." if apart else "The 95 % intervals overlap."
    within = f"The difference is between {low:+.2f} and {high:+.2f}"
    is_equal = low > -MARGIN and high < MARGIN
    if relation == ABOVE:
        if apart:
            verdict = Verdict.HOLDS if first.mean > second.mean else Verdict.NOT_HERE
            return verdict, f"{said} {ends}"
        if is_equal:
            return Verdict.NOT_HERE, f"{said} {within}, less than {MARGIN} either way."
        return Verdict.NOT_DECIDED, f"{said} {ends}"
    if is_equal if relation == EQUAL else low > -MARGIN:
        return Verdict.HOLDS, f"{said} {within}."
    if apart and (relation == EQUAL or first.mean < second.mean):
        return Verdict.NOT_HERE, f"{said} {ends}"
    return Verdict.NOT_DECIDED, f"{said} {within}, so it could be more than {MARGIN}."


def difference(first: Evidence, second: Evidence) -> tuple[float, float]:
    """95 % interval of the first mean minus the second (Newcombe 1998, from the intervals of both)."""
    middle = first.mean - second.mean
    (low_1, high_1), (low_2, high_2) = first.interval, second.interval
    below = hypot(first.mean - low_1, high_2 - second.mean)
    above = hypot(high_1 - first.mean, second.mean - low_2)
    return middle - below, middle + above


def of_all(parts: list[Verdict]) -> Verdict:
    """The verdict of a finding from those of its parts; none is given before all are recorded."""
    if Verdict.NOT_RECORDED in parts:
        is_begun = set(parts) != {Verdict.NOT_RECORDED}
        return Verdict.NOT_DECIDED if is_begun else Verdict.NOT_RECORDED
    if set(parts) == {Verdict.HOLDS}:
        return Verdict.HOLDS
    if Verdict.HOLDS in parts:
        return Verdict.PARTLY
    return Verdict.NOT_HERE if Verdict.NOT_HERE in parts else Verdict.NOT_DECIDED
