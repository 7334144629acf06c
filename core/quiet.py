"""Was the machine quiet while something was timed? What else used its processors, before and during.

A `Watch` reads the machine's counters: once before, for a few seconds of waiting, then after each
measurement. Three things tell of a neighbour: processor time of other programs, processor time that the
host of a virtual machine gave away ("steal"; Linux alone counts it), and the load average less our own.
Recorded figures come from a quiet machine only; a plain measurement says that it was disturbed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import psutil

from core.errors import UserError

BEFORE_S = 5.0
"""Long enough for 500 ticks of each processor, short enough to wait for."""
SHORTEST_S = 1.0
"""Counters tick a hundred times a second: a shorter stretch would be told to a few per cent only."""
MOST_OTHERS = 0.05
"""Of all processors: a system at rest takes 1 to 3 %, a program of one thread half of two processors."""
MOST_STEAL = 0.02
"""Each per cent lost slows a step of all threads by more than that, as all wait for the slowest."""
MOST_LOAD = 0.5
"""Programs that ran or waited beside us, on average. It finds what the shares cannot: one busy thread is
less than 2 % of 64 processors, yet it shares their caches, and it may rest while we look."""
LAG_S = 120
"""The load average looks back a minute or two: it is judged of longer stretches, and before, when we rest."""
WORST = 4
"""A single measurement may see so many times as much: a burst of seconds does not move medians."""
ADVICE = "Close other programs or wait until they are done, then try again"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The counters of a moment; all but the load grow from the start of the machine."""

    at_s: float
    busy_s: float
    """Processor seconds of all programs, over all processors."""
    own_s: float
    """Of them, ours and our child processes'."""
    steal_s: float | None
    """Processor seconds that the host gave to others; None where the system does not count them."""
    load: float
    """Programs that ran or waited, averaged over the last minute."""
    n_cores: int


def read() -> Reading:
    """The machine's counters now."""
    times = psutil.cpu_times()
    counted = ("user", "nice", "system", "irq", "softirq")
    return Reading(
        at_s=time.monotonic(),
        busy_s=sum(getattr(times, name, 0.0) for name in counted),
        own_s=_own_s(),
        steal_s=getattr(times, "steal", None),
        load=psutil.getloadavg()[0],
        n_cores=psutil.cpu_count() or 1,
    )


def _own_s() -> float:
    """Processor seconds of this process, of its children, and of those that have ended."""
    me, total = psutil.Process(), 0.0
    for process in (me, *me.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.Error:  # it ended just now: the next reading finds its time at its parent
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much else went on over a stretch of time."""

    seconds: float
    others: float
    """Share of all processors that other programs used, 0 to 1."""
    steal: float | None
    """Share that the host gave to others; None where it is not counted."""
    load: float
    """The load average less the processors that we used."""

    @classmethod
    def between(cls, a: Reading, b: Reading) -> Self:
        seconds = max(b.at_s - a.at_s, 1e-9)
        own_s, whole_s = b.own_s - a.own_s, seconds * b.n_cores
        known = a.steal_s is not None and b.steal_s is not None
        return cls(
            seconds=round(seconds, 1),
            others=_share((b.busy_s - a.busy_s - own_s) / whole_s),
            steal=_share(((b.steal_s or 0.0) - (a.steal_s or 0.0)) / whole_s) if known else None,
            load=round(max(0.0, b.load - own_s / seconds), 2),
        )

    @classmethod
    def mean(cls, loads: Sequence["Load"]) -> Self:
        """Over all stretches, longer ones counting more."""
        total = sum(one.seconds for one in loads) or 1e-9

        def over_all(value: Callable[[Load], float]) -> float:
            return sum(one.seconds * value(one) for one in loads) / total

        return cls(
            seconds=round(total, 1),
            others=_share(over_all(lambda one: one.others)),
            steal=None
            if any(one.steal is None for one in loads)
            else _share(over_all(lambda one: one.steal or 0.0)),
            load=round(over_all(lambda one: one.load), 2),
        )

    @property
    def words(self) -> str:
        """Such as "other programs used 1 % of the processors, the host gave 0 % of them to others"."""
        steal = (
            "what the host gave to others is not counted on this system"
            if self.steal is None
            else f"the host gave {100 * self.steal:.0f} % of them to others"
        )
        return f"other programs used {100 * self.others:.0f} % of the processors, {steal}"

    def disturbances(self, when: str, *, times: float = 1.0, with_load: bool = False) -> list[str]:
        """What is above its limit (or `times` the limit), each as a sentence."""
        found: list[str] = []
        if self.others > times * MOST_OTHERS:
            found.append(
                f"Other programs used {100 * self.others:.0f} % of the processors {when} "
                f"(at most {100 * times * MOST_OTHERS:.0f} %)."
            )
        if self.steal is not None and self.steal > times * MOST_STEAL:
            found.append(
                f"The host gave {100 * self.steal:.0f} % of the processors to others {when} "
                f"(at most {100 * times * MOST_STEAL:.0f} %)."
            )
        if with_load and self.load > MOST_LOAD:
            found.append(
                f"{self.load:.1f} other programs ran or waited on average {when} (at most {MOST_LOAD:g})."
            )
        return found


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 4)


@dataclass(frozen=True, kw_only=True)
class Quietness:
    """What a watch saw; all None in a record from before this was measured."""

    before: Load | None = None
    during: Load | None = None
    """The mean."""
    worst: Load | None = None
    """The measurement that other programs and the host disturbed most."""
    load_is_ours: bool = False
    """More of our own was to be done than the processors can do at once: the load says nothing of others then."""

    @property
    def disturbances(self) -> tuple[str, ...]:
        """Sentences; none where it was quiet or is not known."""
        found: list[str] = []
        if self.before:
            found += self.before.disturbances("before measuring", with_load=True)
        if self.during:
            tells = self.during.seconds >= LAG_S and not self.load_is_ours
            found += self.during.disturbances("while measuring", with_load=tells)
        if self.worst and not found:
            found += self.worst.disturbances("during one measurement", times=WORST)
        return tuple(found)

    @property
    def words(self) -> str:
        """One sentence for a caption; empty where nothing is known."""
        if self.before is None:
            return ""
        if self.during is None:
            return f"Before measuring, {self.before.words}."
        return f"While measuring, {self.during.words}."


class Watch:
    """Looks at the machine before something is timed, and after each measurement."""

    def __init__(
        self,
        *,
        reader: Callable[[], Reading] = read,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.load_is_ours = False
        """May be set; what it means stands at `Quietness`."""
        self._reader = reader
        first = reader()
        wait(BEFORE_S)
        self._last = reader()
        self.before = Load.between(first, self._last)
        self.stretches: list[Load] = []

    def look(self) -> Load | None:
        """The load since the last look; None while that is too short to tell, or where a process of ours ended and
        nobody took over its time: it would look like others'."""
        now = self._reader()
        if now.at_s - self._last.at_s < SHORTEST_S:
            return None
        if now.own_s < self._last.own_s:
            self._last = now
            return None
        found, self._last = Load.between(self._last, now), now
        self.stretches.append(found)
        return found

    @property
    def found(self) -> Quietness:
        """All that was seen so far."""
        if not self.stretches:
            return Quietness(before=self.before)
        worst = max(self.stretches, key=lambda one: one.others + (one.steal or 0.0))
        return Quietness(
            before=self.before,
            during=Load.mean(self.stretches),
            worst=worst,
            load_is_ours=self.load_is_ours,
        )

    def refuse_busy(self, *, otherwise: str = "") -> None:
        """`UserError` when the machine was not quiet so far, saying what was seen and what to do."""
        refuse(self.found.disturbances, otherwise=otherwise)


def refuse(disturbances: Sequence[str], *, otherwise: str = "") -> None:
    """`UserError` with the reasons why nothing is recorded; nothing where there are none."""
    if disturbances:
        more = f"; {otherwise}" if otherwise else ""
        raise UserError(f"Nothing was recorded. {' '.join(disturbances)} {ADVICE}{more}.")
