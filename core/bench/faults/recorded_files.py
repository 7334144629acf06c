"""The files of recorded runs, damaged; then each command that reads them, and what a page looks up."""

import gzip
import json
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from core.bench.faults.damage import damage_file, spoilt
from core.bench.faults.options import run_quietly
from core.bench.faults.tries import Try, attempt
from core.config import RunConfig
from core.events import Finished, Notice
from core.recorded import RecordedRun, as_run, files, find, nearest, plan
from core.recorded.answers import all_recorded, path_of, save
from core.recorded.collection import collection
from core.recorded.files import EVENTS, INDEX
from core.recorded.run import AT
from core.runs.messages import LookAtSpectrum, Spectrum
from core.runs.record import RunSummary
from core.stamp import Stamp

KIND = "recorded"
NAME = "ranks"
COMMANDS = (
    *(["recorded", "list", "--folder"], ["recorded", "check", "--folder"]),
    *(["recorded", "show", "RUN", "--folder"], ["record", "--list", "--only", NAME, "--out"]),
)
Main = Callable[[Sequence[str]], int]


@contextmanager
def trying(place: Path, main: Main) -> Generator[Callable[[int, Random], Try]]:
    yield lambda number, random: one(number, random, main, place)


def one(number: int, random: Random, main: Main, place: Path) -> Try:
    """Damage one of the files, or a value in it, and read all of them."""
    shutil.rmtree(place, ignore_errors=True)
    run = _some_runs(place)
    file = random.choice(sorted((place / NAME).iterdir()))
    what = _damage_value(file, random) if number % 3 else damage_file(file, place / NAME, random)

    def read_all() -> str:
        said = [
            run_quietly(main, [run if w == "RUN" else w for w in words] + [str(place)])
            for words in COMMANDS
        ]
        _look_up(run, place)
        return "\n".join(filter(None, said))

    ended = attempt(read_all)
    return Try(kind=KIND, number=number, what=what, **vars(ended))


def _some_runs(place: Path) -> str:
    """Two recorded runs, one of which was asked something; returns its id."""
    runs = [_write_run(place, RunConfig(seed=seed)) for seed in range(2)]
    plan.keep(NAME, runs, place)
    asked = LookAtSpectrum(run=runs[0].run_id, layer=1, module="query")
    answer = Spectrum(
        singular_values=[1.0],
        energy=[1.0],
        effective_rank=1.0,
        relative=0.5,
        shape=[2, 2],
        control_values=[1.0],
        control_rank=1.0,
    )
    path = path_of(place / NAME, runs[0].run_id)
    save(path, [(asked, [answer])], identity=runs[0].identity, stamp=runs[0].stamp)
    return runs[0].run_id


def _write_run(place: Path, config: RunConfig) -> RecordedRun:
    run = RecordedRun(
        run_id=f"20260101-000000-00000{config.seed}",
        collection=NAME,
        config_dict=config.to_dict(),
        config_hash=config.hash,
        identity="code model cpu float32",
        command="python -m core train",
        seconds=2.0,
        stamp=Stamp(dtype="float32", machine="a machine", at="2026-01-01T00:00:00Z"),
        summary=RunSummary(scores={"sentiment": 1.0}, steps=1),
        folder=place / NAME,
    )
    end = Finished(
        run_id=run.run_id,
        steps=1,
        stopped_early=False,
        trainable_params=1,
        total_params=2,
        peak_memory_mb=1.0,
        elapsed_s=2.0,
        train_s=1.0,
    )
    events = (Notice(step=1, message="It goes on."), end)
    lines = [{**event.to_dict(), AT: float(at)} for at, event in enumerate(events)]
    files.write_lines(run.path, [run.to_dict(), *lines])
    return run


def _damage_value(file: Path, random: Random) -> str:
    """Replace a value in the index or in a line of a compressed file, or take it out."""
    if file.name == INDEX:
        file.write_text(json.dumps(spoilt(json.loads(file.read_text("utf-8")), random)), "utf-8")
    else:
        lines = gzip.decompress(file.read_bytes()).decode().splitlines()
        at = random.randrange(len(lines))
        lines[at] = json.dumps(spoilt(json.loads(lines[at]), random))
        file.write_bytes(gzip.compress("\n".join(lines).encode()))
    kind = INDEX if file.name == INDEX else EVENTS if file.name.endswith(EVENTS) else "the answers"
    return f"a value of {kind} is replaced or gone"


def _look_up(run_id: str, place: Path) -> None:
    """As a page does; `UserError` where it cannot."""
    all_recorded(run_id, folder=place)
    nearest(RunConfig(seed=7), among=collection(NAME, folder=place))
    if found := find(RunConfig(), folder=place):
        as_run(found)
        found.events()
        found.times()
