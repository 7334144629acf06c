"""The recorded figures of prompting against tuning, shipped with the app.

A view of the recorded runs and of what they and the base model were asked (core/recorded), once all of it is
there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from core import recorded as shipped
from core.answer import Answer
from core.evaluate.limits import as_shown
from core.events import Started, Step
from core.experiments.base_requests import prompted_requests
from core.experiments.collections import SEEDS
from core.experiments.knowledge_probe import FACTS, GIVEN, PLAIN, SHOWN
from core.experiments.knowledge_probe import TUNED as TUNED_WAY
from core.experiments.mitigations import LEARNED
from core.experiments.prompting import (
    SIZES,
    TUNED,
    Row,
    prompt_row,
    tuned_configs,
    tuned_evaluation,
    tuned_row,
)
from core.recorded import recorded_answer
from core.recorded.answers import BASE, all_recorded
from core.runs.messages import Generate, Measure
from core.runs.prompt_evaluation import Measured
from core.stamp import Stamp

COLLECTION = "prompting"


@dataclass(frozen=True, kw_only=True)
class RecordedRows:
    task: str
    command: str
    machine: str
    date: str
    """UTC."""
    rows: tuple[Row, ...]
    facts: tuple[dict[str, str], ...]
    """As `core.experiments.measure_all` gives them."""
    stamp: Stamp
    """Of all measurements together."""

    @property
    def where(self) -> str:
        """Sentences for a caption."""
        what = f"{len(self.rows)} measurements on {self.machine}"
        return f"Recorded on {self.date}: {what}. {self.stamp.words}"


@cache
def recorded() -> RecordedRows | None:
    """The shipped record; None unless all of its runs, and all that was asked, are there."""
    by_hash = shipped.collection(COLLECTION).by_hash
    wanted = tuned_configs(LEARNED, TUNED, SIZES, SEEDS)
    runs = list(filter(None, (by_hash.get(config.hash) for config in wanted)))
    asked = list(prompted_requests())
    tuned = [_measured(Measure(wanted=tuned_evaluation(run.config, run.run_id))) for run in runs]
    prompted = [_measured(request) for request in asked]
    if not runs or len(runs) < n_tuned() or None in (*tuned, *prompted):
        return None
    rows = [prompt_row(measured) for measured in prompted if measured]
    for run, measured in zip(runs, tuned, strict=True):
        if measured:
            rows.append(tuned_row(measured, run.config, run.events(Started, Step)))
    stamp = Stamp.of_all([run.stamp for run in runs])
    return RecordedRows(
        task=LEARNED,
        command=f"python -m core record --only {COLLECTION},{BASE}",
        machine=stamp.machine,
        date=stamp.at[:10],
        rows=tuple(rows),
        facts=tuple(_facts([run.run_id for run in runs])),
        stamp=stamp,
    )


def n_tuned() -> int:
    """How many tuned models the record compares."""
    return len(TUNED) * len(SIZES) * len(SEEDS)


def _measured(request: Measure) -> Measured | None:
    found = recorded_answer(request)
    return found[-1] if found and isinstance(found[-1], Measured) else None


def _facts(run_ids: Sequence[str]) -> Iterator[dict[str, str]]:
    """Each fact with the answers to every way of asking it."""
    answers = [*all_recorded(), *(one for run_id in run_ids for one in all_recorded(run_id))]
    for fact in FACTS:
        row: dict[str, str] = {"kind": fact.kind, "question": fact.question, "answer": fact.answer}
        texts: list[tuple[str, str]] = []
        for request, said in answers:
            if not isinstance(request, Generate) or fact.question not in request.text:
                continue
            last = said[-1].token
            answer = as_shown(Answer(text=last.text.strip(), was_cut=not last.ended))
            if request.run:
                row[TUNED_WAY] = answer
            elif fact.given in request.text:
                row[GIVEN] = answer
            else:
                texts.append((request.text, answer))
        for way, (_, answer) in zip((PLAIN, SHOWN), sorted(texts, key=_length), strict=False):
            row[way] = answer  # with solved questions before it, a text is longer
        yield row


def _length(asked: tuple[str, str]) -> int:
    return len(asked[0])
