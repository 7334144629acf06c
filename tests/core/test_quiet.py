"""Is a machine busy? Judged from counters written by hand."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from core.errors import UserError
from core.quiet import BEFORE_S, Load, Quietness, Reading, Watch, read, refuse

QUIET = Reading(at_s=0.0, busy_s=100.0, own_s=20.0, steal_s=3.0, load=0.1, n_cores=2)


def later(
    start: Reading, seconds: float, *, own: float = 0.0, others: float = 0.0, steal: float = 0.0
) -> Reading:
    """After so many seconds, in which we, others and the host took so many processor seconds."""
    return dataclasses.replace(
        start,
        at_s=start.at_s + seconds,
        busy_s=start.busy_s + own + others,
        own_s=start.own_s + own,
        steal_s=None if start.steal_s is None else start.steal_s + steal,
        load=own / seconds + 0.1,
    )


def watching(readings: Sequence[Reading]) -> Watch:
    left = list(readings)
    return Watch(reader=lambda: left.pop(0), wait=lambda seconds: None)


def test_a_quiet_machine_is_recorded_on() -> None:
    before = later(QUIET, BEFORE_S, others=0.1)
    watch = watching([QUIET, before, later(before, 20, own=38, others=0.4)])
    watch.refuse_busy()
    found = watch.look()
    assert found == Load(seconds=20.0, others=0.01, steal=0.0, load=0.1)  # our own work is no load
    assert watch.found.disturbances == ()
    assert watch.found.words == (
        "While measuring, other programs used 1 % of the processors, the host gave 0 % of them to "
        "others."
    )


def test_another_program_is_refused_before_anything_is_measured() -> None:
    watch = watching([QUIET, later(QUIET, BEFORE_S, others=5.0)])
    with pytest.raises(UserError) as refused:
        watch.refuse_busy(otherwise="--out FOLDER keeps a report marked as disturbed")
    said = str(refused.value)
    assert "Other programs used 50 % of the processors before measuring (at most 5 %)." in said
    assert said.endswith("try again; --out FOLDER keeps a report marked as disturbed.")


def test_a_busy_minute_before_is_refused_though_it_rests_now() -> None:
    rests = dataclasses.replace(later(QUIET, BEFORE_S), load=1.6)
    with pytest.raises(UserError, match=r"1.6 other programs ran or waited on average before"):
        watching([QUIET, rests]).refuse_busy()


def test_what_the_host_takes_while_measuring_disturbs() -> None:
    before = later(QUIET, BEFORE_S)
    watch = watching([QUIET, before, later(before, 10, own=17, steal=1.0)])
    watch.look()
    (said,) = watch.found.disturbances
    assert said == "The host gave 5 % of the processors to others while measuring (at most 2 %)."
    with pytest.raises(UserError, match="Nothing was recorded"):
        watch.refuse_busy()


def test_a_load_of_our_own_that_waits_disturbs_nothing() -> None:
    """Four of our own on two processors: two always wait."""
    said: list[bool] = []
    for ours in (False, True):
        before, begins = QUIET, later(QUIET, 5.0)
        ends = dataclasses.replace(later(begins, 200.0, own=400.0), load=4.0)
        watch = watching([before, begins, ends])
        watch.load_is_ours = ours
        watch.look()
        said.append(bool(watch.found.disturbances))
    assert said == [True, False]


def test_one_disturbed_measurement_among_quiet_ones_is_found() -> None:
    readings = [QUIET, later(QUIET, BEFORE_S)]
    for number in range(20):
        readings.append(later(readings[-1], 10, own=15, others=5.0 if number == 7 else 0.0))
    watch = watching(readings)
    for _ in range(20):
        watch.look()
    (said,) = watch.found.disturbances
    assert (
        said == "Other programs used 25 % of the processors during one measurement (at most 20 %)."
    )


def test_a_look_after_a_moment_waits_for_the_next() -> None:
    before = later(QUIET, BEFORE_S)
    watch = watching([QUIET, before, later(before, 0.2), later(before, 4, own=7.6)])
    assert watch.look() is None
    found = watch.look()
    assert found is not None
    assert found.seconds == 4.0


def test_a_process_of_ours_whose_time_is_gone_is_no_other() -> None:
    """A worker that had computed for 300 s ends with a server that did not wait for it."""
    before, begins = QUIET, later(QUIET, 5.0)
    works = later(begins, 200.0, own=300.0)
    ended = dataclasses.replace(later(works, 5.0, own=8.0), own_s=works.own_s - 300.0 + 8.0)
    rests = later(ended, 5.0)
    watch = watching([before, begins, works, ended, rests])
    assert watch.look()
    assert watch.look() is None
    assert watch.look()
    assert not watch.found.disturbances


def test_a_system_that_counts_no_steal_says_so() -> None:
    start = dataclasses.replace(QUIET, steal_s=None)
    watch = watching([start, later(start, BEFORE_S), later(start, BEFORE_S + 9)])
    watch.look()
    assert watch.found.during is not None
    assert watch.found.during.steal is None
    assert "what the host gave to others is not counted on this system" in watch.found.words
    assert watch.found.disturbances == ()


def test_nothing_is_said_of_a_record_without_readings() -> None:
    assert Quietness().disturbances == ()
    assert Quietness().words == ""
    refuse(())


@pytest.mark.thorough
def test_the_real_counters_tell_own_work_from_that_of_others() -> None:
    """Our child computes: its seconds are ours, also after its end."""
    before = read()
    work = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    subprocess.run([sys.executable, "-c", work], check=True)
    after = read()
    assert after.own_s - before.own_s >= 0.3
    assert after.n_cores == os.cpu_count()
    found = Load.between(before, after)
    assert 0 <= found.others <= 1
