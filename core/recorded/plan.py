"""What is to be recorded, what of it is there already, and how long the rest will take. Imports no torch."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import not_
from pathlib import Path
from statistics import median

from core.config import RunConfig
from core.errors import UserError
from core.machine import describe_machine
from core.recorded import files
from core.recorded.answers import path_of
from core.recorded.collection import Collection, collection, save
from core.recorded.files import EVENTS
from core.recorded.run import RecordedRun
from core.runs.duration import n_steps
from core.runs.messages import Request

AnyRequest = Request[object]
Ask = Callable[[RunConfig, str], Sequence[AnyRequest]]
"""The requests to a run of a config, by its id, before its weights go."""


def ask_nothing(config: RunConfig, run_id: str) -> Sequence[AnyRequest]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The definition of a collection."""

    name: str
    about: str
    """One line: what its runs show."""
    configs: tuple[RunConfig, ...]
    """Those worth most first, so that an early stop leaves them."""
    ask: Ask = ask_nothing


@dataclass(frozen=True, kw_only=True)
class State:
    """How far a collection is."""

    wanted: Wanted
    done: tuple[RecordedRun, ...]
    """Of this identity, made on this machine."""
    others: tuple[RecordedRun, ...]
    """Of another identity or machine: nothing is recorded beside them."""
    missing: tuple[RunConfig, ...]

    @property
    def expected_s(self) -> float:
        """Of all that is missing."""
        return sum(expected_s(config, self.done) for config in self.missing)


def state(
    wanted: Wanted,
    *,
    folder: Path,
    identity: Callable[[RunConfig], str],
    machine: str = "",
) -> State:
    """Compare what is wanted with what lies in the folder of all collections."""
    machine = machine or describe_machine()
    there = found(wanted.name, folder)
    now: dict[tuple[str, str], str] = {}
    for config in wanted.configs:
        now.setdefault((config.model, config.dtype), identity(config))
    known = set(now.values())
    is_mine = [run.identity in known and run.stamp.machine == machine for run in there]
    done = tuple(compress(there, is_mine))
    hashes = {run.config_hash for run in done}
    return State(
        wanted=wanted,
        done=done,
        others=tuple(compress(there, map(not_, is_mine))),
        missing=tuple(config for config in wanted.configs if config.hash not in hashes),
    )


def found(name: str, folder: Path) -> list[RecordedRun]:
    """The runs of a collection: those of its index whose files are there, and those that are in no index,
    as a recording was cut off between the two."""
    place = folder / name
    there = set(files.run_ids(place))
    runs = [run for run in collection(name, folder=folder).runs if run.run_id in there]
    for run_id in sorted(there - {run.run_id for run in runs}):
        path = place / f"{run_id}{EVENTS}"
        head, *_ = files.read_lines(path)
        with files.reading(path):
            runs.append(RecordedRun.of(head, collection=name, folder=place))
    return runs


def keep(name: str, runs: Iterable[RecordedRun], folder: Path) -> None:
    """Write the index of a collection with these runs."""
    save(Collection(name=name, runs=tuple(runs), defaults=RunConfig().hash), folder)


def remove(one: State, folder: Path) -> None:
    """Take the runs of another identity or machine out of a collection."""
    keep(one.wanted.name, one.done, folder)
    for run in one.others:
        run.path.unlink(missing_ok=True)
        path_of(run.folder, run.run_id).unlink(missing_ok=True)


def refuse_mixed(states: Iterable[State]) -> None:
    """`UserError` that names the runs beside which nothing can be recorded."""
    mixed = [one for one in states if one.others]
    if not mixed:
        return
    said = "; ".join(
        f"{one.wanted.name}: {len(one.others)} runs, such as {one.others[0].run_id} "
        f"(commit {one.others[0].stamp.commit or 'not known'}, {one.others[0].stamp.machine})"
        for one in mixed
    )
    raise UserError(
        "Runs of other code, another model, precision or machine are recorded already, and one collection "
        f"holds runs of one kind only. {said}. --anew takes them out and makes all again."
    )


STEP_S, ANSWER_S, START_S = 0.8, 0.04, 1.0
"""A step of full fine-tuning with 8 examples, an answer, and the rest of a short run, on two cores; roughly,
for the first run of a recording (assets/recorded/lesson.json has what they took)."""


def expected_s(config: RunConfig, done: Sequence[RecordedRun] = ()) -> float:
    """Seconds that a run will take: by recorded ones, else roughly."""
    ratios = [run.seconds / _rough_s(run.config) for run in done if run.seconds > 0]
    return _rough_s(config) * (median(ratios) if ratios else 1.0)


def _rough_s(config: RunConfig) -> float:
    evaluation, tasks = config.evaluation, len(config.evaluation_tasks())
    steps = n_steps(config)
    in_between = max(0, (steps - 1) // evaluation.every) * evaluation.examples
    final = evaluation.final_examples * len(config.data.tasks if _is_sequence(config) else "1")
    answers = tasks * (in_between + final) + tasks * evaluation.samples
    return START_S + steps * STEP_S * config.optimizer.batch_size / 8 + answers * ANSWER_S


def _is_sequence(config: RunConfig) -> bool:
    return config.data.order == "sequential" and bool(config.data.others)
