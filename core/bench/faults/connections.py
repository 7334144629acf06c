"""Connections to the database cut at a random moment of a run: it goes on, and nothing of it is missing.

The database is a PostgreSQL of the campaign's own. By turns all connections of all processes are ended, as a
network or a proxy does it, and the whole server is stopped as by a power cut and started again a moment later. The
run must finish with every event that was recorded before and with all its steps.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from core.bench.faults import postgresql
from core.bench.faults.kills import is_over, judge, moment, not_prepared, own_place, wait
from core.bench.faults.tries import LOST, NOT_TRIED, SENTENCE, TRACEBACK, Try
from core.errors import UserError
from core.events import Step
from core.runs.engines.local import LocalEngine
from core.runs.states import RunStatus
from core.runs.store import Run, RunStore

KIND = "connections"
CUT = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"


@contextmanager
def trying(place: Path) -> Generator[Callable[[int, Random], Try]]:
    """`Try` that says so where no PostgreSQL is installed."""
    if not postgresql.find("initdb"):
        what = "No PostgreSQL is installed"
        yield lambda number, random: Try(kind=KIND, number=number, what=what, outcome=NOT_TRIED)
        return
    with postgresql.server() as address, own_place(place, DATABASE_URL=address):

        def one(number: int, random: Random) -> Try:
            if lacking := not_prepared(KIND, number):
                return lacking
            return _cut(number, random, address)

        yield one


def _cut(number: int, random: Random, address: str) -> Try:
    config, n_events, wait_s = moment(number, random)
    away_s = random.random() * 3 if number % 2 else 0.0
    store = RunStore()
    engine = LocalEngine(store)
    try:
        run = engine.submit(config)
        wait(lambda: len(store.messages(run.id)) >= n_events or is_over(store, run))
        time.sleep(wait_s)
        told = store.messages(run.id)
        what = f"after {n_events} events and {wait_s:.2f} s "
        if away_s:
            what += f"the database was away for {away_s:.1f} s"
            with postgresql.away(address):
                time.sleep(away_s)
        else:
            what += f"{end_all_connections(address)} connections were cut"
        if not wait(lambda: _is_over_now(store, run)):
            return Try(
                kind=KIND, number=number, what=what, outcome=TRACEBACK, said="the run never ended"
            )
        return _is_all_there(judge(KIND, number, what, run.id, told, []), store, run)
    finally:
        engine.close()


def end_all_connections(address: str) -> int:
    """Of every process but this one; returns how many there were."""
    engine = create_engine(address, poolclass=NullPool)
    with engine.begin() as connection:
        return int(connection.execute(text(CUT)).scalar_one())


def _is_over_now(store: RunStore, run: Run) -> bool:
    with suppress(UserError):  # our own connection was cut, too
        return is_over(store, run)
    return False


def _is_all_there(found: Try, store: RunStore, run: Run) -> Try:
    """A run that finished has all its steps on record; one that did not finish must say why."""
    if found.outcome != SENTENCE and found.said:
        return found
    ended = store.get(run.id)
    steps = [event.step for event in store.events(run.id) if isinstance(event, Step)]
    if ended.status is RunStatus.FINISHED and steps != list(range(1, len(steps) + 1)):
        return replace(found, outcome=LOST, said=f"the steps on record: {steps}")
    if ended.status is RunStatus.FINISHED and len(steps) != run.config.optimizer.steps:
        return replace(found, outcome=LOST, said=f"{len(steps)} steps are on record")
    return found
