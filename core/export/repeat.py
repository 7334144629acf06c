"""Does an exported script learn what the run did? It is carried out in a fresh process and compared.

The script runs in a copy of its folder, in a process that cannot import this app. Its loss at each step and its
answers to the run's test pairs are compared with those on record; both scores are taken by the app's measure,
with their intervals. Needs no torch here.
"""

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core import catalog
from core.errors import UserError, shortened
from core.evaluate.answers import contains, exact_match
from core.evaluate.overlap import ngram_overlap, unicode_words
from core.evaluate.uncertainty import mean_interval, wilson_interval
from core.events import Evaluation, Event, Step
from core.export.parity import FILE, plain_environment
from core.export.script import NOTEBOOK, SCRIPT
from core.runs.store import Run, RunStore
from core.typed_json import read


@dataclass(frozen=True, kw_only=True)
class Score:
    score: float
    interval: tuple[float, float]
    n: int

    @property
    def in_words(self) -> str:
        low, high = self.interval
        return f"{self.score:.2f} [{low:.2f}, {high:.2f}]"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A line of answers.jsonl."""

    completion: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """The script beside the run."""

    run: str
    losses: list[tuple[float, float]]
    """Of each step: the run's, with any penalty of its method, and the script's."""
    run_score: Score | None
    script_score: Score
    metric: str

    @property
    def in_words(self) -> str:
        ours, theirs = self.losses[-1]
        first = abs(self.losses[0][0] - self.losses[0][1])
        known = self.run_score.in_words if self.run_score else "not measured"
        return (
            f"Loss at step {len(self.losses)}: {theirs:.3f} by the script, {ours:.3f} in the run (at step 1 they "
            f"are {first:.3f} apart). {self.metric.replace('_', ' ').capitalize()}: "
            f"{self.script_score.in_words} by the script, {known} in the run."
        )


def repeat(store: RunStore, run: Run, folder: Path, *, base: Path) -> Repeated:
    """Carry out the script or notebook in `folder`; what came of it is written there, too.

    `base` is the folder with the weights that the run tuned. Raises `UserError` when the script fails.
    """
    with TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}-") as copy:
        place = Path(copy) / "copy"
        shutil.copytree(folder, place)
        _carry_out(place, base)
        losses = _lines(place / "losses.jsonl")
        answers = [read(Answer, line) for line in _lines(place / "answers.jsonl")]
    found = _compared(run, store.events(run.id), losses, answers)
    text = json.dumps(asdict(found) | {"said": found.in_words}, indent=1)
    (folder / FILE).write_text(text, "utf-8")
    return found


def _lines(path: Path) -> list[Any]:
    """What each line of a JSONL file holds; a text in it may hold what Python takes for an end of a line."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _carry_out(place: Path, base: Path) -> None:
    if (place / NOTEBOOK).is_file():  # its code cells, one after another
        cells = json.loads((place / NOTEBOOK).read_text("utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        (place / SCRIPT).write_text("\n".join(code) + "\n", "utf-8")
    environment = plain_environment() | {"BASE_MODEL": str(base)}
    done = subprocess.run(
        [sys.executable, "-I", SCRIPT],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise UserError(
            f"The exported script fails: {shortened(last)}. Nothing was written; the script needs the packages "
            "datasets and accelerate beside those of the app: pip install -r requirements-dev.txt"
        )


def _compared(
    run: Run, events: Sequence[Event], losses: list[float], answers: list[Answer]
) -> Repeated:
    task = run.config.data.task
    ours = [e.loss + e.penalty for e in events if isinstance(e, Step)]
    last = next((e for e in reversed(events) if isinstance(e, Evaluation) and e.task == task), None)
    known = catalog.TASKS.get(task)
    metric = known.metric if known else "exact_match"
    if len(losses) != len(ours) or not all(map(math.isfinite, losses)):
        raise UserError(
            f"The exported script took {len(losses)} steps and the run {len(ours)}; nothing was written."
        )
    return Repeated(
        run=run.id,
        losses=list(zip(ours, losses, strict=True)),
        run_score=Score(score=last.score, interval=last.interval, n=last.n) if last else None,
        script_score=_scored(metric, [(a.completion, a.answer) for a in answers]),
        metric=metric,
    )


def _scored(metric: str, pairs: Sequence[tuple[str, str]]) -> Score:
    """By the app's own measure (core/evaluate/task.py)."""
    n = len(pairs)
    if metric == "f1":
        f1 = [ngram_overlap(r, a, n=1, words=unicode_words).f1 for r, a in pairs]
        return Score(score=sum(f1) / n, interval=mean_interval(f1), n=n)
    is_right = contains if metric == "contains" else exact_match
    hits = sum(is_right(r, a) for r, a in pairs)
    return Score(score=hits / n, interval=wilson_interval(hits, n), n=n)
