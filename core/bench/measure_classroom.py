"""Carrying out what core/bench/classroom.py describes: a server of its own, its class, the browsers, the records after it.

The server has a data folder of its own with the models of this machine, so a class that is open here is left alone.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import psutil

from core import catalog
from core.bench import real_browser
from core.bench.browser import Browser, enter
from core.bench.class_lesson import (
    LESSON,
    Class,
    Learner,
    Told,
    Wall,
    looking_for_foreign,
    mark,
)
from core.bench.classroom import CHROMIUM, ClassLoad, Held
from core.bench.measure_lesson import own_home
from core.classroom.classroom import SERVER, Classroom
from core.classwork.pupils import Pupil, pupils
from core.errors import UserError
from core.events import Started
from core.models.acquire import is_ready
from core.paths import ROOT, data_dir
from core.quiet import Watch
from core.runs.states import RunStatus
from core.runs.store import RunStore
from core.stamp import Stamp

START_S, CALM_S = 120.0, 180.0
"""The server's start; and after the lesson, until the runs that wait are over or stopped."""
LOOK_S = 5.0
JOIN_SHARE = 0.08
"""Of the lesson: all have joined by then."""
LATER_MIN = 60.0
"""The class itself is open for longer than the lesson."""
SEED = "bench classroom"
MB = 1e6


def measure(
    *,
    n_learners: int,
    minutes: float,
    n_chromium: int,
    command: str,
    watch: Watch,
    picture: Path | None = None,
    on_progress: Callable[[str], None] = lambda text: None,
) -> ClassLoad:
    """Carry it all out, and draw the wall as the lesson ends where `picture` says. `UserError` where the server does not start."""
    if not is_ready(catalog.MODELS[catalog.DEFAULT_MODEL]):
        raise UserError("The model is not prepared yet; run: python -m core prepare")
    with own_home(), _own_database(), _serving() as (address, server):
        room = Classroom()
        school_class, secret = room.classes.begin(name="bench", minutes=minutes + LATER_MIN)
        random = Random(SEED)
        names = [mark(random) for _ in range(n_learners)]
        lesson = Class(begun=time.monotonic(), wall=Wall())
        held: list[Held] = []
        teacher = Browser(
            address, cookie=enter(address, "teach", {"secret": secret}), on_payload=lesson.wall.take
        )
        told, sent = asyncio.run(
            _lesson(
                lesson,
                address=address,
                code=school_class.code,
                names=names,
                teacher=teacher,
                minutes=minutes,
                n_chromium=n_chromium,
                server=server,
                held=held,
                watch=watch,
                picture=picture,
                on_progress=on_progress,
            )
        )
        on_progress("looking at the records")
        store = RunStore()
        _calm(store)
        known = pupils(room, store, school_class.id)
        n_events, lost = look_up(told, known, store)
        runs = {run_id for one in told for run_id in one.runs}
        return ClassLoad(
            command=command,
            n_learners=n_learners,
            minutes=minutes,
            actions=tuple(lesson.actions),
            shown=lesson.wall.finish(),
            held=tuple(held),
            refused=dict(lesson.refused),
            foreign=tuple(dict.fromkeys(lesson.foreign)),
            lost=tuple(lost),
            broken=tuple(lesson.broken),
            n_runs=lesson.n_runs,
            n_computed=len(runs),
            n_events=n_events,
            n_guesses=lesson.n_locked,
            n_questions=lesson.n_questions,
            sent_mb=sent / MB,
            stamp=Stamp.now(**_computed_on(store, runs), quiet=watch.found),
        )


async def _lesson(
    lesson: Class,
    *,
    address: str,
    code: str,
    names: Sequence[str],
    teacher: Browser,
    minutes: float,
    n_chromium: int,
    server: psutil.Process,
    held: list[Held],
    watch: Watch,
    picture: Path | None,
    on_progress: Callable[[str], None],
) -> tuple[list[Told], int]:
    """Returns what learners were told, and how many bytes the server sent."""
    until = lesson.begun + 60 * minutes
    await teacher.open("wall")
    await teacher.choose("wall_lesson", lesson.wall.titles[LESSON])
    learners: list[Learner] = []
    browsers = [teacher]
    looking = asyncio.create_task(_look(lesson, server, held, watch, on_progress))

    async def take_part(number: int, name: str) -> None:
        random = Random(f"{SEED} {number}")
        await asyncio.sleep(random.uniform(0, JOIN_SHARE * 60 * minutes))
        try:
            cookie = await asyncio.to_thread(
                enter, address, "join", {"code": code, "nickname": name}
            )
            browser = Browser(address, cookie=cookie, on_payload=looking_for_foreign(name, lesson))
            browsers.append(browser)
            learner = Learner(name, browser, lesson, random)
            learners.append(learner)
            await learner.learn(until)
        except Exception as error:  # one learner's trouble is a finding and does not end the lesson
            lesson.broken.append(f"{name}: {type(error).__name__}: {error}")

    async def click_for_real(number: int) -> None:
        name = f"Chromium {number + 1}"
        cookie = await asyncio.to_thread(enter, address, "join", {"code": code, "nickname": name})
        for reaction in await real_browser.click_on(address, cookie, until):
            lesson.note(CHROMIUM, reaction)

    try:
        await asyncio.gather(
            *(take_part(number, name) for number, name in enumerate(names)),
            *(click_for_real(number) for number in range(n_chromium)),
        )
        if picture:
            try:
                await real_browser.picture(
                    address, teacher.cookie, lesson.wall.titles[LESSON], picture
                )
            except UserError as error:  # what was measured is kept
                on_progress(str(error))
        await asyncio.sleep(2 * LOOK_S)  # what was done last has its time to be on the wall
    finally:
        looking.cancel()
        for browser in browsers:
            with suppress(Exception):
                await browser.close()
    return [learner.told for learner in learners], sum(browser.n_bytes for browser in browsers)


async def _look(
    lesson: Class,
    server: psutil.Process,
    held: list[Held],
    watch: Watch,
    on_progress: Callable[[str], None],
) -> None:
    """At memory and at the machine, again and again."""
    said_at = 0.0
    while True:
        now = time.monotonic() - lesson.begun
        held.append(await asyncio.to_thread(_memory, server, now))
        await asyncio.to_thread(watch.look)
        if now - said_at > 30:
            said_at = now
            on_progress(
                f"{now:.0f} s: {len(lesson.actions)} actions, {lesson.n_runs} runs asked for, "
                f"server {held[-1].server_mb:.0f} MB, workers {held[-1].workers_mb:.0f} MB"
            )
        await asyncio.sleep(LOOK_S)


def _memory(server: psutil.Process, at_s: float) -> Held:
    workers = 0.0
    for child in server.children(recursive=True):
        with suppress(psutil.Error):
            workers += child.memory_info().rss
    return Held(at_s=at_s, server_mb=server.memory_info().rss / MB, workers_mb=workers / MB)


def look_up(told: Sequence[Told], known: Sequence[Pupil], store: RunStore) -> tuple[int, list[str]]:
    """How many events the runs have, and what learners were told that the records do not hold, in sentences."""
    lost: list[str] = []
    by_name = {one.name: one for one in known}
    for one in told:
        pupil = by_name.get(one.name)
        if pupil is None:
            if one.joined:
                lost.append(f"{one.name} joined and is not in the class")
            continue
        held = {run.id for run in pupil.runs}
        lost += [f"{one.name} does not have the run {run_id}" for run_id in sorted(one.runs - held)]
        locked = pupil.guesses.get((LESSON, "park"))
        if one.guess and (locked is None or locked.guess != one.guess):
            lost.append(f"{one.name} locked {one.guess!r}; recorded is {locked and locked.guess!r}")
        answered = {entry.item for entry in pupil.progress.of("answered", lesson=LESSON)}
        lost += [
            f"{one.name} answered {item}, not recorded" for item in sorted(one.answered - answered)
        ]
    n_events = 0
    for run_id in sorted({run_id for one in told for run_id in one.runs}):
        try:
            run, events = store.get(run_id), store.messages(run_id)
        except UserError:
            lost.append(f"the run {run_id} is gone")
            continue
        n_events += len(events)
        if [event["seq"] for event in events] != list(range(1, len(events) + 1)):
            lost.append(f"the events of the run {run_id} have a gap")
        if run.status is RunStatus.FAILED:
            lost.append(f"the run {run_id} failed: {run.reason}")
    return n_events, lost


def _computed_on(store: RunStore, runs: Iterable[str]) -> dict[str, str]:
    """Precision and device of the runs; empty where none began."""
    for run_id in runs:
        for event in store.events(run_id):
            if isinstance(event, Started):
                return {"dtype": event.dtype, "device": event.device}
    return {"dtype": "", "device": ""}


def _calm(store: RunStore) -> None:
    """Have the runs end that still wait or train: nobody looks at them any more."""
    for run in store.active():
        store.request_stop(run.id)
    deadline = time.monotonic() + CALM_S
    while store.active() and time.monotonic() < deadline:
        time.sleep(0.5)


@contextmanager
def _own_database() -> Generator[None]:
    """Not the one of this machine's runs."""
    usual = os.environ.pop("DATABASE_URL", None)
    try:
        yield
    finally:
        if usual is not None:
            os.environ["DATABASE_URL"] = usual


@contextmanager
def _serving() -> Generator[tuple[str, psutil.Process]]:
    """The app for a class on a free port of this computer; (its address, its process)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    log: Path = data_dir() / "server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {SERVER: "1"}, stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + START_S
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                raise UserError(
                    f"The server did not start: {log.read_text('utf-8')[-500:].strip()}"
                )
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            time.sleep(0.2)
        yield f"http://localhost:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
