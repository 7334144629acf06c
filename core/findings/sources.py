"""Where a seed's figure comes from: a recorded run's score, its sequence of tasks, or the base model with examples."""

from dataclasses import dataclass
from math import hypot

from core import catalog
from core.config import RunConfig
from core.config.command import command_of
from core.data.examples import task_examples
from core.evaluate.forgetting import forgetting_from_events
from core.evaluate.uncertainty import wilson_interval
from core.events import Evaluation, Event, Phase
from core.findings.evidence import Reading, Records
from core.recorded import RecordedRun, recorded_answer
from core.runs.messages import Measure
from core.runs.prompt_evaluation import Measured, PromptEvaluation

BACKWARD_TRANSFER, FORGETTING = "backward transfer", "forgetting"


@dataclass(frozen=True, kw_only=True)
class Score:
    """A task's share of right answers at the end of a run, or before its first step: the index has both."""

    config: RunConfig
    task: str
    before: bool = False

    def __post_init__(self) -> None:
        if catalog.find_task(self.task).metric == "f1":
            raise ValueError(f"{self.task}: a mean F1 has no interval of a share")

    @property
    def command(self) -> str:
        return command_of(self.config)

    def read(self, records: Records) -> Reading | None:
        run = records.run(self.config)
        scores = (run.summary.first_scores if self.before else run.summary.scores) if run else {}
        if run is None or self.task not in scores:
            return None
        score, n = scores[self.task], self._n()
        return _reading(run, score, wilson_interval(round(score * n), n))

    def _n(self) -> int:
        return self.config.evaluation.final_examples or len(task_examples(self.task, "test"))


@dataclass(frozen=True, kw_only=True)
class InTurn:
    """How much a run over several tasks, one after another, lost of the earlier ones (core/evaluate/forgetting)."""

    config: RunConfig
    measure: str = BACKWARD_TRANSFER

    @property
    def command(self) -> str:
        return command_of(self.config)

    def read(self, records: Records) -> Reading | None:
        run = records.run(self.config)
        if run is None:
            return None
        events = run.events(Phase, Evaluation)
        found = forgetting_from_events(events)
        if found is None:
            return None
        value = found.backward_transfer if self.measure == BACKWARD_TRANSFER else found.forgetting
        half = _half_width(events)
        return _reading(run, value, (value - half, value + half), least=-1.0)


def _half_width(events: list[Event]) -> float:
    """Of a mean of differences, each between two scores of one task; tasks have examples of their own."""
    phases = [e for e in events if isinstance(e, Phase)]
    scores = {(e.step, e.task): e for e in events if isinstance(e, Evaluation)}
    halves: list[float] = []
    for phase in phases[:-1]:
        for step in (phase.last_step, phases[-1].last_step):
            low, high = scores[step, phase.task].interval
            halves.append((high - low) / 2)
    return hypot(*halves) / (len(phases) - 1) if halves else 0.0


@dataclass(frozen=True, kw_only=True)
class Prompted:
    """The base model, asked with solved examples in the prompt."""

    asked: PromptEvaluation

    @property
    def command(self) -> str:
        return f"python -m core experiment prompting --task {self.asked.task}"

    def read(self, records: Records) -> Reading | None:
        answers = recorded_answer(Measure(wanted=self.asked), folder=records.folder)
        if not answers:
            return None
        found = answers[-1]
        if not isinstance(found, Measured):  # cut off before its end
            return None
        return Reading(value=found.score, interval=found.interval)


def _reading(
    run: RecordedRun, value: float, interval: tuple[float, float], *, least: float = 0.0
) -> Reading:
    return Reading(
        value=value,
        interval=interval,
        least=least,
        run_id=run.run_id,
        identity=run.identity,
        trained_parameters=run.summary.trainable_params,
    )
