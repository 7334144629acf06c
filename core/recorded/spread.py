"""Whether a run that was made elsewhere differs from the recorded one of its settings by more than seeds do.

The same settings and seed give other numbers on another machine, as its products are rounded otherwise. How much
that is can be judged against what another seed changes: the spread, from the lowest to the highest score
of the recorded seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core import catalog
from core.config import RunConfig
from core.recorded.collection import collections, find_hash
from core.recorded.run import RecordedRun
from core.runs.record import Run
from core.typed_json import read, read_object

DIGITS = 4
"""With which recorded scores are kept."""


@dataclass(frozen=True, kw_only=True)
class ScoreBeside:
    """The last score of a task, beside that of the recorded run and of its seeds."""

    task: str
    own: float
    recorded: float
    lowest: float
    highest: float
    """Of the recorded seeds."""
    n_seeds: int

    @property
    def difference(self) -> float:
        return round(abs(self.own - self.recorded), DIGITS)

    @property
    def spread(self) -> float:
        return round(self.highest - self.lowest, DIGITS)

    @property
    def is_within(self) -> bool:
        """Whether it differs by no more than the recorded seeds do among themselves."""
        return self.difference <= self.spread


def seeds_of(config: RunConfig, *, folder: Path | None = None) -> list[RecordedRun]:
    """The recorded runs of these settings with any seed, by seed."""
    seeds = {
        read(int, run.config_dict["seed"])
        for one in collections(folder=folder)
        for run in one.runs
        if read_object(run.config_dict["method"])["name"] == config.method.name
    }
    found = (find_hash(replace(config, seed=seed).hash, folder=folder) for seed in sorted(seeds))
    return [run for run in found if run]


def beside_seeds(run: Run, *, folder: Path | None = None) -> list[ScoreBeside]:
    """Of a finished run whose settings are recorded, each task that both were scored on; else nothing."""
    recorded = find_hash(run.config_hash, folder=folder)
    if not recorded:
        return []
    seeds = seeds_of(recorded.config, folder=folder)
    found: list[ScoreBeside] = []
    for task, own in run.summary.scores.items():
        scores = [one.summary.scores[task] for one in seeds if task in one.summary.scores]
        if task in recorded.summary.scores:
            found.append(
                ScoreBeside(
                    task=task,
                    own=own,
                    recorded=recorded.summary.scores[task],
                    lowest=min(scores),
                    highest=max(scores),
                    n_seeds=len(scores),
                )
            )
    return found


def beside_recorded(run: Run, *, folder: Path | None = None) -> str:
    """Sentences on a finished run beside the recorded one of its settings; "" where there is none."""
    found = beside_seeds(run, folder=folder)
    if not found:
        return ""
    scores = ", ".join(
        f"{catalog.task_title(one.task)} {one.own:.2f} ({one.recorded:.2f})" for one in found
    )
    return f"Yours beside the recorded run of the same settings (in parentheses): {scores}. {_verdict(found)}"


def _verdict(found: Sequence[ScoreBeside]) -> str:
    n_seeds = min(one.n_seeds for one in found)
    if n_seeds < 2:
        return "Only one seed is recorded, so how much seeds differ is not known."
    if outside := [one for one in found if not one.is_within]:
        said = ", ".join(
            f"{catalog.task_title(one.task)} by {one.difference:.2f} (seeds: {one.spread:.2f})"
            for one in outside
        )
        return f"It differs by more than the {n_seeds} recorded seeds do among themselves: {said}."
    if all(one.difference == 0 for one in found):
        return "There is no difference."
    return f"The difference is within the spread of the {n_seeds} recorded seeds."
