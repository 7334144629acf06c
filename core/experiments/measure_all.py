"""Measure prompts and tuned models one after another, skipping what is measured already. Needs torch."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from core import catalog
from core.config import RunConfig
from core.errors import UserError
from core.evaluate.limits import as_shown
from core.experiments import facts
from core.experiments.prompting import Row, prompt_row, tuned_asking, tuned_row
from core.generate.batch import answer_greedily
from core.runs import artifacts, asking
from core.runs.asking import Asking
from core.runs.execute import execute
from core.runs.session import Session
from core.runs.store import Run, RunStore, worker_identity
from core.runs.worker import BaseKeeper

LARGE = ("full",)
"""Methods whose weights are removed once they are measured: each takes as much as the model."""


class Measurer:
    """One process that trains and measures in turns, so that neither slows the other."""

    def __init__(
        self, store: RunStore, *, on_event: Callable[[dict[str, Any]], None] = lambda event: None
    ) -> None:
        self.store, self.on_event = store, on_event
        self.keeper, self.session = BaseKeeper(), Session(store)

    def prompted(self, askings: Iterable[Asking]) -> Iterator[Row]:
        for wanted in askings:
            yield prompt_row(self._measure(wanted))

    def tuned(self, configs: Iterable[RunConfig], *, n_test: int = 40) -> Iterator[Row]:
        """Train what is not trained yet, and measure it."""
        for config in configs:
            run = self._measurable(config, n_test)
            figures = self._measure(tuned_asking(config, run.id, n_test=n_test))
            if config.method.name in LARGE:
                self.session.tuned.pop(run.id, None)
                artifacts.remove(self.store.artifact_dir(run.id))
            yield tuned_row(figures, run.config_dict, self.store.events(run.id))

    def facts(self, config: RunConfig) -> list[dict[str, Any]]:
        """Each fact asked in each way; "tuned" is the finished run of `config`.

        Returns {"kind", "question", "answer", and the answer of each way by its name}.
        """
        run = self._measurable(config, 0)
        tuned, base = self.session.model_for(config.model, run.id)
        rows: list[dict[str, Any]] = []
        for fact in facts.FACTS:
            row = {"kind": fact.kind, "question": fact.question, "answer": fact.answer}
            for way, text in facts.texts(fact.question, fact.given, base.tokenizer).items():
                (answer,) = answer_greedily(
                    tuned if way == facts.TUNED else base.model,
                    base,
                    [base.tokenizer.encode(text, control=True)],
                    max_new_tokens=facts.ANSWER_TOKENS,
                )
                row[way] = as_shown(answer)
            rows.append(row)
        return rows

    def _measurable(self, config: RunConfig, n_test: int) -> Run:
        """A finished run of `config` that is measured, or has its weights."""
        done = self.store.find_finished(config)
        if done and (
            self.store.size_bytes(done.id)
            or (n_test and asking.find(tuned_asking(config, done.id, n_test=n_test)))
        ):
            return done
        run = self.store.start(config, worker=worker_identity())
        execute(run, self.store, self.keeper, on_event=self.on_event)
        ended = self.store.get(run.id)
        if ended.status != "finished":
            raise UserError(f"The run {run.id} {ended.status}: {ended.reason}")
        return ended

    def _measure(self, wanted: Asking) -> dict[str, Any]:
        if kept := asking.find(wanted):
            return kept
        self._share_base(wanted.model)
        *_, figures = self.session.measure(should_stop=lambda: False, asking=wanted.to_dict())
        return figures

    def _share_base(self, model: str) -> None:
        """One base for training and asking: two would take twice the memory."""
        wanted = catalog.find_model(model).id
        if self.session.base is None or self.session.base.id != wanted:
            self.session.base = self.keeper(RunConfig(model=model))
