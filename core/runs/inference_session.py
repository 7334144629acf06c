"""Interactive work on a warm model: prompting, stepping through training, looking into finished runs.

Each operation takes plain JSON arguments and yields plain JSON messages, so that a worker can pass
them over a pipe. Needs torch.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from core import methods
from core.config import METHODS, RunConfig, check_number
from core.data import uploads
from core.data.encode import encode
from core.data.examples import Example, task_examples
from core.errors import UserError
from core.evaluate.examples import examples_of
from core.evaluate.own_pairs import own_examples, trained_on
from core.evaluate.task import evaluate_task
from core.generate.settings import SamplingSettings, check_prompt
from core.generate.stream import next_tokens, stream
from core.inspect import lora, merge, soft_prompt, spectrum
from core.methods.adapter_set import AdapterSet, scaled
from core.models import load
from core.models.load import LoadedModel
from core.models.probe import resolve_dtype
from core.runs import evaluate_run
from core.runs.identity import remember_machine
from core.runs.store import Run, RunStore
from core.train.checks import spread
from core.train.stepper import Stepper
from core.train.time_ablations import time_ablations

Message = dict[str, Any]
TUNED_KEPT = 3
"""Tuned models kept in memory; the one unused longest goes first."""


class InferenceSession:
    """What an interactive worker remembers between requests: the base, some tuned models, a stepper."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.base: LoadedModel | None = None
        self.tuned: OrderedDict[str, nn.Module] = OrderedDict()
        self.adapter_set: AdapterSet | None = None
        self.stepper: Stepper | None = None
        self.stepped: list[Message] = []
        """What the stepper's phases produced so far."""

    def model_for(self, model: str, run: str = "") -> tuple[nn.Module, LoadedModel]:
        """The base model's module, or that of a finished run, and the base it stands on."""
        if self.base is None or self.base.id != model:
            self.tuned.clear()
            self.stepper = self.adapter_set = None
            self.base = load.load(model, dtype=resolve_dtype("auto"))
            dtype = str(self.base.dtype).removeprefix("torch.")
            remember_machine(device=self.base.device.type, dtype=dtype)
        if not run:
            return self.base.model, self.base
        if run not in self.tuned:
            self.tuned[run] = load_run(self.store, run, self.base)
            while len(self.tuned) > TUNED_KEPT:
                self.tuned.popitem(last=False)
        self.tuned.move_to_end(run)
        return self.tuned[run], self.base

    def warm(self, *, model: str) -> Iterator[Message]:
        """Load the base model so that the first question does not wait for it."""
        _, base = self.model_for(model)
        yield {"device": str(base.device), "dtype": str(base.dtype).removeprefix("torch.")}

    def generate(
        self,
        *,
        should_stop: Callable[[], bool],
        model: str,
        text: str,
        settings: dict[str, Any],
        run: str = "",
        raw: bool = False,
        forced: list[int] | None = None,
        scale: float = 1.0,
    ) -> Iterator[Message]:
        """Stream an answer. `forced` tokens stand at the answer's beginning (a reader's choice).

        `text` is a prompt; with `raw`, the model reads it as it stands. `scale` is a LoRA run's: how
        much of its change is used.
        """
        check_number("The scale", scale, -10, 10)
        module, base = self.model_for(model, run)
        if scale != 1:
            module = scaled(module, scale)
        ids = [*base.tokenizer.ask(check_prompt(text), raw=raw), *(forced or [])]
        for token in stream(
            module, base, ids, SamplingSettings(**settings), should_stop=should_stop
        ):
            message = token.to_dict()
            if forced:
                message["text"] = base.tokenizer.decode(forced) + message["text"]
            yield {"n_prompt": len(ids), **message}

    def next_tokens(
        self,
        *,
        model: str,
        text: str,
        settings: dict[str, Any],
        run: str = "",
        raw: bool = False,
        forced: list[int] | None = None,
    ) -> Iterator[Message]:
        """The distribution of the token that comes next, after every sampling stage."""
        module, base = self.model_for(model, run)
        ids = [*base.tokenizer.ask(check_prompt(text), raw=raw), *(forced or [])]
        yield {"rows": next_tokens(module, base, ids, SamplingSettings(**settings))}

    def step_through(
        self, *, config: dict[str, Any], phase: int, known: int = 0
    ) -> Iterator[Message]:
        """Results of the phases `known` … `phase` of training, counted from 0.

        What is new is computed now. A stepper is a pure function of its config, so one that was lost
        (another reader's, a restart) is replayed.
        """
        wanted = RunConfig.from_dict(config)
        _, base = self.model_for(wanted.model)
        if self.stepper is None or self.stepper.config != wanted:
            self.stepper, self.stepped = Stepper(wanted, base), []
        for number in range(known, phase + 1):
            while number >= len(self.stepped):
                self.stepped.append({"phase": len(self.stepped), **self.stepper.advance()})
            yield self.stepped[number]

    def losses(
        self, *, model: str, prompt: str, completion: str, run: str = ""
    ) -> Iterator[Message]:
        """Loss at each completion token of one pair, for the template preview."""
        from core.train.stepper import pair_losses

        module, base = self.model_for(model, run)
        pair = encode(Example(prompt=prompt, completion=completion), base.tokenizer)
        yield {"tokens": pair_losses(module, base, pair)}

    def switch(
        self,
        *,
        should_stop: Callable[[], bool],
        model: str,
        adapters: list[str],
        active: dict[str, float],
        text: str,
        settings: dict[str, Any],
    ) -> Iterator[Message]:
        """Answer with some of the loaded `adapters` (LoRA runs), weighted; with none, as the base.

        The first message says how long the switch took and what is in memory; then the answer streams.
        """
        _, base = self.model_for(model)
        names = tuple(sorted(adapters))
        if (
            self.adapter_set is None
            or self.adapter_set.names != names
            or self.adapter_set.base is not base.model
        ):
            self.adapter_set = AdapterSet(
                base.model, {name: self._lora_folder(name, base) for name in names}
            )
        ids = base.tokenizer.ask(check_prompt(text))
        switch_s = self.adapter_set.switch(active)
        yield {
            "switch_ms": 1000 * switch_s,
            "loaded": len(names),
            "adapter_bytes": {name: self.adapter_set.adapter_bytes(name) for name in names},
            "base_bytes": self.adapter_set.base_bytes,
        }
        for token in stream(
            self.adapter_set.tuned, base, ids, SamplingSettings(**settings), should_stop=should_stop
        ):
            yield {"n_prompt": len(ids), **token.to_dict()}

    def _lora_folder(self, run_id: str, base: LoadedModel) -> Path:
        run = self.store.get(run_id)
        if not METHODS[run.config.method.name].is_stackable:
            raise UserError(f"The run {run.id} is no LoRA run; only those hang side by side.")
        return saved_folder(self.store, run, base)

    def lora_start(self, *, config: dict[str, Any]) -> Iterator[Message]:
        """An untrained LoRA beside the base: the same logits."""
        wanted = RunConfig.from_dict(config)
        _, base = self.model_for(wanted.model)
        yield lora.lora_start(wanted, base)

    def matrices(self, *, run: str, layer: int, module: str) -> Iterator[Message]:
        """B, A and BA of a LoRA run at one place."""
        yield lora.matrices(*self._run(run), layer=layer, module=module)

    def spectrum(self, *, run: str, layer: int, module: str) -> Iterator[Message]:
        """Singular values of what a run changed in one matrix."""
        yield spectrum.spectrum(*self._run(run), layer=layer, module=module)

    def merge(self, *, run: str, prompts: list[str]) -> Iterator[Message]:
        """Merge a run's adapter, take it out of the same weights again, and compare after each."""
        method = self.store.get(run).config.method.name
        yield merge.merge(*self._run(run), [check_prompt(p) for p in prompts], method=method)

    def take_away(self, *, run: str, prompts: list[str]) -> Iterator[Message]:
        """Answers with and without a run's soft prompt."""
        yield soft_prompt.take_away(*self._run(run), [check_prompt(p) for p in prompts])

    def score_text(
        self,
        *,
        should_stop: Callable[[], bool],
        model: str,
        task: str,
        text: str,
        examples: int,
    ) -> Iterator[Message]:
        """The base model's score on a task with `text` written before every prompt."""
        _, base = self.model_for(model)
        chosen = spread(task_examples(task, "test"), examples)
        asked = [replace(e, prompt=f"{check_prompt(text)}\n\n{e.prompt}") for e in chosen]
        found, _ = evaluate_task(base.model, base, task, asked, should_stop=should_stop)
        n_tokens = len(base.tokenizer.encode(text))
        yield {
            "score": found.score,
            "interval": list(found.interval),
            "n": found.n,
            "n_tokens": n_tokens,
            "n_cut": found.n_cut,
            "max_new_tokens": found.max_new_tokens,
        }

    def evaluate(
        self,
        *,
        should_stop: Callable[[], bool],
        model: str,
        task: str,
        run: str = "",
        dataset: str = "",
        split: str = "test",
        template: str = "",
        pairs_of: str = "",
        max_new_tokens: int = 0,
    ) -> Iterator[Message]:
        """Answer a whole test set and judge every answer.

        A task's, an uploaded one, or with `pairs_of` the own one of that run.
        """
        examples = self._examples(task, dataset, split, template, pairs_of)
        module, base = self.model_for(model, run)
        yield from evaluate_run.evaluate(
            module,
            base,
            task,
            examples,
            should_stop=should_stop,
            max_new_tokens=max_new_tokens,
            trained_on=trained_on(self.store.get(run).config, examples) if run else (),
        )

    def label_probabilities(
        self,
        *,
        should_stop: Callable[[], bool],
        model: str,
        task: str,
        run: str = "",
        dataset: str = "",
        split: str = "test",
        template: str = "",
        pairs_of: str = "",
    ) -> Iterator[Message]:
        """The probability of each label at every example of a test set."""
        examples = self._examples(task, dataset, split, template, pairs_of)
        module, base = self.model_for(model, run)
        yield from evaluate_run.label_probabilities(
            module, base, task, examples, should_stop=should_stop
        )

    def _examples(
        self, task: str, dataset: str, split: str, template: str, pairs_of: str
    ) -> list[Example]:
        if pairs_of:
            return own_examples(self.store.get(pairs_of).config, task, split=split)
        records = uploads.load(dataset) if dataset else ()
        return examples_of(task, records, split=split, template=template)

    def measure(
        self, *, should_stop: Callable[[], bool], prompt_evaluation: dict[str, Any]
    ) -> Iterator[Message]:
        """Score and time one way to do a task (see `core.runs.measure`); the last message holds it."""
        from core.runs.measure import PromptEvaluation, measure

        wanted = PromptEvaluation.from_dict(prompt_evaluation)
        module, base = self.model_for(wanted.model, wanted.run)
        yield from measure(wanted, module, base, self.store, should_stop=should_stop)

    def ablations(
        self,
        *,
        should_stop: Callable[[], bool],
        model: str,
        task: str,
        batch_size: int,
        seed: int,
        off: list[str],
        rounds: int,
    ) -> Iterator[Message]:
        """Time training steps with all tricks on and with those in `off` switched off, by turns."""
        _, base = self.model_for(model)
        yield from time_ablations(
            base,
            task=task,
            batch_size=batch_size,
            seed=seed,
            off=off,
            rounds=rounds,
            should_stop=should_stop,
        )

    def _run(self, run_id: str) -> tuple[nn.Module, LoadedModel]:
        run = self.store.get(run_id)
        return self.model_for(run.config.model, run.id)


def load_run(store: RunStore, run_id: str, base: LoadedModel) -> nn.Module:
    """The tuned model of a finished or stopped run; `UserError` when it left none behind."""
    run = store.get(run_id)
    folder = saved_folder(store, run, base)
    return methods.find(run.config.method.name).load(base.model, folder)


def saved_folder(store: RunStore, run: Run, base: LoadedModel) -> Path:
    """Where a run's weights lie; `UserError` when there are none, or they are another model's."""
    folder = store.artifact_dir(run.id)
    if not folder.is_dir() or not any(folder.iterdir()):
        raise UserError(
            f"The run {run.id} has no saved weights (it is {run.status}); run it again."
        )
    if run.config.model != base.id:
        raise UserError(f"The run {run.id} tuned {run.config.model}, not {base.id}.")
    return folder
