"""Measure prompts and tuned models one after another, skipping what is measured already. Needs torch."""

from collections.abc import Callable, Iterable, Iterator

from core import catalog
from core.config import FINAL_EXAMPLES, METHODS, RunConfig
from core.errors import UserError
from core.evaluate.limits import as_shown
from core.events import Event
from core.experiments import knowledge_probe
from core.experiments.prompting import Row, prompt_row, tuned_evaluation, tuned_row
from core.generate.batch import answer_greedily
from core.runs import artifacts, prompt_evaluation
from core.runs.execute import execute
from core.runs.inference_session import InferenceSession
from core.runs.messages import Measure
from core.runs.prompt_evaluation import Measured, PromptEvaluation
from core.runs.store import Run, RunStore, worker_identity
from core.runs.worker import BaseKeeper


class Measurer:
    """One process that trains and measures in turns, so that neither slows the other."""

    def __init__(
        self, store: RunStore, *, on_event: Callable[[Event], None] = lambda event: None
    ) -> None:
        self.store, self.on_event = store, on_event
        self.keeper, self.session = BaseKeeper(), InferenceSession(store)

    def prompted(self, evaluations: Iterable[PromptEvaluation]) -> Iterator[Row]:
        for wanted in evaluations:
            yield prompt_row(self._measure(wanted))

    def tuned(self, configs: Iterable[RunConfig], *, n_test: int = FINAL_EXAMPLES) -> Iterator[Row]:
        """Train what is not trained yet, and measure it."""
        for config in configs:
            run = self._measurable(config, n_test)
            figures = self._measure(tuned_evaluation(config, run.id, n_test=n_test))
            if METHODS[config.method.name].has_large_artifact:  # many would fill the disk
                self.session.tuned.pop(run.id, None)
                artifacts.remove(self.store.artifact_dir(run.id))
            yield tuned_row(figures, run.config, self.store.events(run.id))

    def facts(self, config: RunConfig) -> list[dict[str, str]]:
        """Each fact asked in each way; "tuned" is the finished run of `config`.

        Returns {"kind", "question", "answer", and the answer of each way by its name}.
        """
        run = self._measurable(config, 0)
        tuned, base = self.session.model_for(config.model, run.id)
        rows: list[dict[str, str]] = []
        for fact in knowledge_probe.FACTS:
            row = {"kind": fact.kind, "question": fact.question, "answer": fact.answer}
            for way, text in knowledge_probe.texts(
                fact.question, fact.given, base.tokenizer
            ).items():
                (answer,) = answer_greedily(
                    tuned if way == knowledge_probe.TUNED else base.model,
                    base,
                    [base.tokenizer.encode(text, control=True)],
                    max_new_tokens=knowledge_probe.ANSWER_TOKENS,
                )
                row[way] = as_shown(answer)
            rows.append(row)
        return rows

    def _measurable(self, config: RunConfig, n_test: int) -> Run:
        """A finished run of `config` that is measured, or has its weights."""
        done = self.store.find_finished(config)
        if done and self._can_be_asked(done, config, n_test):
            return done
        run = self.store.start(config, worker=worker_identity())
        execute(run, self.store, self.keeper, on_event=self.on_event)
        ended = self.store.get(run.id)
        if ended.status != "finished":
            raise UserError(f"The run {run.id} {ended.status}: {ended.reason}")
        return ended

    def _can_be_asked(self, done: Run, config: RunConfig, n_test: int) -> bool:
        """Whether its weights are kept, or its answers are."""
        if self.store.size_bytes(done.id):
            return True
        wanted = tuned_evaluation(config, done.id, n_test=n_test) if n_test else None
        return bool(wanted and prompt_evaluation.find(wanted))

    def _measure(self, wanted: PromptEvaluation) -> Measured:
        if kept := prompt_evaluation.find(wanted):
            return kept
        self._share_base(wanted.model)
        *_, measured = self.session.measure(Measure(wanted=wanted))
        assert isinstance(measured, Measured)
        return measured

    def _share_base(self, model: str) -> None:
        """One base for training and asking: two would take twice the memory."""
        wanted = catalog.find_model(model).id
        if self.session.base is None or self.session.base.id != wanted:
            self.session.base = self.keeper(RunConfig(model=model))
