"""Make recorded runs: carry each out, look at what else the machine did, write it, and go on. Needs torch.

    for made in make(wanted, recorder):       # stop at any time; the same call goes on where it was
        ...

A run that other programs disturbed is made again once the machine is quiet, some times; then it is left out,
and that is said. Where disturbed runs are allowed, they are written and marked.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from core.config import RunConfig
from core.config.command import command_of
from core.errors import UserError
from core.events import Event, Started
from core.memory import release_memory
from core.paths import data_dir, writable
from core.quiet import Quietness, Watch
from core.recorded import answers, files, plan
from core.recorded.files import EVENTS
from core.recorded.plan import AnyRequest, Wanted
from core.recorded.run import AT, RecordedRun
from core.runs.execute import execute
from core.runs.inference_session import InferenceSession
from core.runs.record import RunSummary
from core.runs.store import Run, RunStore, worker_identity
from core.runs.worker import BaseKeeper
from core.stamp import Stamp
from core.typed_json import JsonObject, read

TRIES = 3
PAUSE_S, MOST_PAUSES = 60.0, 60
"""While the machine is busy: an hour at most."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A run that was made, or why it was not."""

    collection: str
    config: RunConfig
    run: RecordedRun | None
    left_out: str = ""
    """A sentence; empty where the run is recorded."""


@dataclass(kw_only=True)
class Recorder:
    """Where runs are recorded, and how."""

    folder: Path
    store: RunStore
    identity: Callable[[RunConfig], str]
    """That runs of this process have."""
    keeper: BaseKeeper = field(default_factory=BaseKeeper)
    base_config: RunConfig = field(default_factory=RunConfig)
    """Whose untrained model is asked."""
    allow_disturbed: bool = False
    new_watch: Callable[[], Watch] = Watch
    wait: Callable[[float], None] = time.sleep
    say: Callable[[str], None] = lambda said: None
    on_event: Callable[[Event], None] = lambda event: None

    def __post_init__(self) -> None:
        """`UserError` when the machine is busy and disturbed runs are not allowed."""
        self.watch = self.new_watch()
        if not self.allow_disturbed:
            self.watch.refuse_busy(otherwise=OTHERWISE)


def own_store() -> RunStore:
    """A store apart from the reader's runs. What a recording that was killed left in it goes."""
    file = writable(data_dir()) / "recording.sqlite3"
    store = RunStore(f"sqlite:///{file.as_posix()}")
    for run in store.runs():
        with suppress(UserError):  # another recording carries it out
            store.delete(run.id)
    return store


OTHERWISE = "--out FOLDER records there all the same and marks what was disturbed"


def make(wanted: Sequence[Wanted], recorder: Recorder, *, most: int = 0) -> Iterator[Made]:
    """Make what is missing, at most so many runs where `most` is given.

    Raises `UserError` before anything is run where a collection holds runs of another identity, and when
    the disk refuses or the machine stays busy.
    """
    states = [_state(one, recorder) for one in wanted]
    plan.refuse_mixed(states)
    left = most or sum(len(one.missing) for one in states)
    for one in states:
        runs = list(one.done)
        if runs:
            plan.keep(one.wanted.name, runs, recorder.folder)
        for config in one.missing[:left]:
            left -= 1
            run, why = _tried(one.wanted, config, recorder)
            if run:
                runs.append(run)
                plan.keep(one.wanted.name, runs, recorder.folder)
            yield Made(collection=one.wanted.name, config=config, run=run, left_out=why)


def make_base_answers(requests: Sequence[AnyRequest], recorder: Recorder) -> bool:
    """Ask the base model what lessons show of it before any run; False where that is recorded already."""
    path, identity = answers.base_path(recorder.folder), recorder.identity(recorder.base_config)
    if path.is_file() and answers.how(path)[0] == identity:
        return False
    base = recorder.keeper(recorder.base_config)
    for attempt in range(1, TRIES + 1):
        recorder.watch.look()
        asked = _answers(requests, recorder)
        dtype = str(base.dtype).removeprefix("torch.")
        stamp = _stamp(recorder, dtype=dtype, device=base.device.type)
        if recorder.allow_disturbed or not stamp.disturbed:
            answers.save(path, asked, identity=identity, stamp=stamp)
            return True
        recorder.say(f"try {attempt} of {TRIES} was disturbed: {' '.join(stamp.disturbed)}")
        _wait_until_quiet(recorder)
    raise UserError(f"What the base model is asked was disturbed {TRIES} times.")


def _state(one: Wanted, recorder: Recorder) -> plan.State:
    return plan.state(one, folder=recorder.folder, identity=recorder.identity)


def _tried(wanted: Wanted, config: RunConfig, recorder: Recorder) -> tuple[RecordedRun | None, str]:
    """The recorded run; or none, and why."""
    why = ""
    for attempt in range(1, TRIES + 1):
        run, disturbed, why = _made(wanted, config, recorder)
        if run or not disturbed:
            return run, why
        recorder.say(f"try {attempt} of {TRIES} was disturbed: {why}")
        _wait_until_quiet(recorder)
    return None, f"It was disturbed {TRIES} times. {why}"


def _made(
    wanted: Wanted, config: RunConfig, recorder: Recorder
) -> tuple[RecordedRun | None, bool, str]:
    """The run, whether it was disturbed, and why there is none. Nothing of it stays in the store."""
    store = recorder.store
    recorder.watch.look()  # what went on in between belongs to no run
    started = store.start(config, worker=worker_identity())
    try:
        requests = wanted.ask(config, started.id)
        execute(
            started,
            store,
            recorder.keeper,
            on_event=recorder.on_event,
            keep_weights=bool(requests),
        )
        ended = store.get(started.id)
        if ended.status != "finished":
            return None, False, f"It {ended.status}: {ended.reason}"
        if ended.version != recorder.identity(config):
            raise UserError(
                "The code or the model changed while this was recorded; start it again."
            )
        messages = store.messages(ended.id)
        first = next(m for m in messages if m["type"] == Started.type)
        where = {"dtype": first["dtype"], "device": first["device"]}
        stamp = _stamp(recorder, **where)
        if stamp.disturbed and not recorder.allow_disturbed:
            return None, True, " ".join(stamp.disturbed)
        folder = recorder.folder / wanted.name
        run = _recorded(ended, stamp, wanted.name, folder)
        if requests:
            asked = _answers(requests, recorder)
            later = _stamp(recorder, **where)  # some answers are timed
            if later.disturbed and not recorder.allow_disturbed:
                return None, True, " ".join(later.disturbed)
            path = answers.path_of(folder, run.run_id)
            answers.save(path, asked, identity=run.identity, stamp=later)
        files.write_lines(
            folder / f"{run.run_id}{EVENTS}", [run.to_dict(), *_lines(ended, messages)]
        )
        return run, False, ""
    finally:
        with suppress(UserError):
            store.delete(started.id)
        release_memory()  # hundreds of runs follow one another in this process


def _recorded(ended: Run, stamp: Stamp, name: str, folder: Path) -> RecordedRun:
    return RecordedRun(
        run_id=ended.id,
        collection=name,
        config_dict=ended.config_dict,
        config_hash=ended.config_hash,
        identity=ended.version,
        command=command_of(ended.config),
        seconds=round((ended.ended_at or 0.0) - (ended.started_at or 0.0), 2),
        stamp=stamp,
        summary=read(RunSummary, files.rounded(asdict(ended.summary))),
        folder=folder,
    )


def _lines(ended: Run, messages: Sequence[JsonObject]) -> Iterator[JsonObject]:
    """The events as they are kept, each with its seconds since the start; a clock set back does not count."""
    start, last = ended.started_at or 0.0, 0.0
    for message in messages:
        last = max(last, round(read(float, message["at"]) - start, 2))
        kept = {k: v for k, v in message.items() if k not in ("seq", "at")}
        yield {**files.rounded(kept), AT: last}


def _stamp(recorder: Recorder, *, dtype: str, device: str) -> Stamp:
    quiet = Quietness(before=recorder.watch.before, during=recorder.watch.look())
    return Stamp.now(dtype=dtype, device=device, quiet=quiet)


def _answers(requests: Sequence[AnyRequest], recorder: Recorder) -> list[answers.Asked]:
    """What a run's model, or the base, answers to each."""
    session = InferenceSession(recorder.store)
    session.base = recorder.keeper.base
    return [(request, list(session.answer(request))) for request in requests]


def _wait_until_quiet(recorder: Recorder) -> None:
    """Look again and again, with pauses; `UserError` when the machine stays busy."""
    for _ in range(MOST_PAUSES):
        recorder.wait(PAUSE_S)
        recorder.watch = recorder.new_watch()
        disturbed = recorder.watch.found.disturbances
        if not disturbed:
            return
        recorder.say(f"waiting for a quiet machine: {' '.join(disturbed)}")
    raise UserError(
        "The machine stays busy, so the recording stops here; what is recorded stays, and the same "
        "command goes on."
    )
