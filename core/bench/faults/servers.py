"""The web server killed at a random moment of a run: what was recorded is there, and the next server goes on.

The server is the real one. Two runs are queued; the server is killed while the first trains. That one must end
as failed with a sentence, no process of the server may be left, and the next server must carry out the second.
"""

import signal
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import psutil

from core.bench.faults.addresses import Server, serving
from core.bench.faults.kills import is_over, judge, moment, not_prepared, own_place, wait
from core.bench.faults.tries import SENTENCE, TRACEBACK, Try
from core.config import OptimizerConfig, RunConfig
from core.runs.states import RunStatus
from core.runs.store import RunStore

KIND = "servers"
SHORT = OptimizerConfig(steps=3, batch_size=2)
"""Of the run that the next server carries out."""


@contextmanager
def trying(place: Path) -> Generator[Callable[[int, Random], Try]]:
    """One server after another; the last one of a try is the first one of the next."""
    with own_place(place), ExitStack() as servers:

        def one(number: int, random: Random) -> Try:
            if lacking := not_prepared(KIND, number):
                return lacking
            server = servers.enter_context(serving(place))
            try:
                return _kill(number, random, server, place)
            finally:
                servers.close()

        yield one


def _kill(number: int, random: Random, server: Server, place: Path) -> Try:
    config, n_events, wait_s = moment(number, random)
    store = RunStore()
    run = store.submit(config)
    later = store.submit(RunConfig.from_dict(replace(config, optimizer=SHORT).to_dict()))
    wait(lambda: len(store.messages(run.id)) >= n_events or is_over(store, run))
    time.sleep(wait_s)
    told = store.messages(run.id)
    family = psutil.Process(server.process.pid).children(recursive=True)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    what = f"server, killed after {n_events} events and {wait_s:.2f} s"
    if not wait(lambda: RunStore().get(run.id).status.is_over):
        return Try(
            kind=KIND, number=number, what=what, outcome=TRACEBACK, said="the run never ended"
        )
    found = judge(KIND, number, what, run.id, told, family)
    if found.outcome != SENTENCE:
        return found
    with serving(place):
        wait(lambda: is_over(store, later))
    ended = store.get(later.id)
    if ended.status is not RunStatus.FINISHED:
        said = f"the next server left the queued run {ended.status}: {ended.reason}"
        return replace(found, outcome=TRACEBACK, said=said)
    return found
