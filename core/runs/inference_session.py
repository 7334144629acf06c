"""Interactive work on a warm model: prompting, stepping through training, looking into finished runs.

Each operation answers one request of core/runs/messages with messages from there, which a worker
passes over a pipe. Needs torch.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from core import methods
from core.config import METHODS, check_number
from core.data.encode import encode
from core.data.examples import Example
from core.data.lengths import check_length, check_lengths
from core.data.test_sets import final_set
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.evaluate.limits import usual_limit
from core.evaluate.own_pairs import trained_on
from core.evaluate.task import evaluate_task
from core.generate.settings import check_prompt
from core.generate.stream import next_tokens, stream
from core.inspect import lora, merge, soft_prompt, spectrum
from core.inspect.results import LoraStart, Matrices, Merged, Spectrum, TakenAway
from core.methods.adapter_set import AdapterSet, scaled
from core.models import load
from core.models.acquire import load_tokenizer
from core.models.load import LoadedModel
from core.models.probe import resolve_dtype
from core.runs import artifacts, evaluate_run
from core.runs.ask_probes import ask_probes
from core.runs.asked import asked_examples, asked_prompts
from core.runs.compute_lock import ComputeLock, in_turns
from core.runs.identity import remember_machine
from core.runs.measure import measure
from core.runs.messages import (
    Answers,
    AskLabels,
    AskProbes,
    Evaluate,
    Evaluated,
    Generate,
    Generated,
    LabelProbabilities,
    LookAtMatrices,
    LookAtSpectrum,
    Losses,
    M,
    Measure,
    Merge,
    NextTokensAfter,
    NextTokenTable,
    PairLosses,
    Probed,
    Progress,
    Request,
    ScoreText,
    StartLora,
    StepThrough,
    Switch,
    Switched,
    TakeAway,
    TextScore,
    TimeAblations,
    Warm,
    Warmed,
)
from core.runs.prompt_evaluation import Measured
from core.runs.store import Run, RunStore
from core.train.ablations import TimedStep
from core.train.phases import Phase
from core.train.stepper import Stepper, pair_losses
from core.train.time_ablations import time_ablations

log = logging.getLogger(__name__)
Stop = Callable[[], bool]
TUNED_KEPT = 3
"""Tuned models kept in memory; the one unused longest goes first."""


def never() -> bool:
    return False


class InferenceSession:
    """What an interactive worker remembers between requests: the base, some tuned models, a stepper."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.base: LoadedModel | None = None
        self.tuned: OrderedDict[str, nn.Module] = OrderedDict()
        self.adapter_set: AdapterSet | None = None
        self.stepper: Stepper | None = None
        self.stepped: list[Phase] = []
        """What the stepper's phases produced so far."""
        self.lock = ComputeLock(n_threads=torch.get_num_threads())

    def answer(self, request: Request[M], should_stop: Stop = never) -> Iterator[M]:
        """Answer any request, computing by turns with the other processes on this machine."""

        def wait_or_stop() -> bool:
            self.lock.turn()
            return should_stop()

        return in_turns(getattr(self, request.operation)(request, wait_or_stop), self.lock)

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

    def _tokenizer(self, model: str) -> ChatTokenizer:
        """Also before the model is loaded, so that what is too long is refused at once."""
        is_here = self.base is not None and self.base.id == model
        return self.base.tokenizer if self.base and is_here else load_tokenizer(model)

    def _ids(self, asked: Generate | NextTokensAfter | Switch, room: int) -> list[int]:
        """The tokens of a prompt that leaves `room` to its answer, and of the answer so far."""
        tokenizer = self._tokenizer(asked.model)
        is_switch = isinstance(asked, Switch)
        ids = tokenizer.ask(check_prompt(asked.text), raw=not is_switch and asked.raw)
        ids += () if is_switch else asked.forced
        check_length(ids, tokenizer, room)
        return ids

    # Each answers one kind of request of core/runs/messages.

    def warm(self, asked: Warm, should_stop: Stop = never) -> Iterator[Warmed]:
        """Load the base model so that the first question does not wait for it."""
        del should_stop
        _, base = self.model_for(asked.model)
        yield Warmed(device=str(base.device), dtype=str(base.dtype).removeprefix("torch."))

    def beginning(self, asked: Generate) -> tuple[list[int], str]:
        """The tokens of a question, with what its answer must begin with, and the text of that."""
        check_number("The scale", asked.scale, -10, 10)
        ids = self._ids(asked, asked.settings.max_new_tokens)
        forced = list(asked.forced)
        return ids, self._tokenizer(asked.model).decode(forced) if forced else ""

    def module_for(self, asked: Generate) -> tuple[nn.Module, LoadedModel]:
        """Who answers a question, and the base it stands on."""
        module, base = self.model_for(asked.model, asked.run)
        return module if asked.scale == 1 else scaled(module, asked.scale), base

    def generate(self, asked: Generate, should_stop: Stop = never) -> Iterator[Generated]:
        """Stream an answer. Several that wait: core/runs/together.py."""
        ids, begun = self.beginning(asked)
        module, base = self.module_for(asked)
        for token in stream(module, base, ids, asked.settings, should_stop=should_stop):
            yield Generated(n_prompt=len(ids), token=replace(token, text=begun + token.text))

    def next_tokens(
        self, asked: NextTokensAfter, should_stop: Stop = never
    ) -> Iterator[NextTokenTable]:
        """The distribution of the token that comes next, after every sampling stage."""
        del should_stop
        ids = self._ids(asked, 1)
        module, base = self.model_for(asked.model, asked.run)
        yield NextTokenTable(rows=next_tokens(module, base, ids, asked.settings))

    def step_through(self, asked: StepThrough, should_stop: Stop = never) -> Iterator[Phase]:
        """What is new is computed now. A stepper is a pure function of its config, so one that was lost
        (another reader's, a restart) is replayed.
        """
        del should_stop
        _, base = self.model_for(asked.config.model)
        if self.stepper is None or self.stepper.config != asked.config:
            self.stepper, self.stepped = Stepper(asked.config, base), []
        for number in range(asked.known, asked.phase + 1):
            while number >= len(self.stepped):
                self.stepped.append(self.stepper.advance())
            yield self.stepped[number]

    def losses(self, asked: Losses, should_stop: Stop = never) -> Iterator[PairLosses]:
        """Loss at each completion token of one pair, for the template preview."""
        del should_stop
        example = Example(prompt=asked.prompt, completion=asked.completion)
        pair = encode(example, self._tokenizer(asked.model))
        module, base = self.model_for(asked.model, asked.run)
        yield PairLosses(tokens=pair_losses(module, base, pair))

    def switch(self, asked: Switch, should_stop: Stop = never) -> Iterator[Switched | Generated]:
        """The first message says how long the switch took; then the answer streams."""
        ids = self._ids(asked, asked.settings.max_new_tokens)
        _, base = self.model_for(asked.model)
        names = tuple(sorted(asked.adapters))
        if (
            self.adapter_set is None
            or self.adapter_set.names != names
            or self.adapter_set.base is not base.model
        ):
            folders = {name: self._lora_folder(name, base) for name in names}
            with reading_weights(*names):
                self.adapter_set = AdapterSet(base.model, folders)
        switch_s = self.adapter_set.switch(asked.active)
        yield Switched(
            switch_ms=1000 * switch_s,
            loaded=len(names),
            adapter_bytes={name: self.adapter_set.adapter_bytes(name) for name in names},
            base_bytes=self.adapter_set.base_bytes,
        )
        tuned = self.adapter_set.tuned
        for token in stream(tuned, base, ids, asked.settings, should_stop=should_stop):
            yield Generated(n_prompt=len(ids), token=token)

    def _lora_folder(self, run_id: str, base: LoadedModel) -> Path:
        run = self.store.get(run_id)
        if not METHODS[run.config.method.name].is_stackable:
            raise UserError(f"The run {run.id} is no LoRA run; only those hang side by side.")
        return saved_folder(self.store, run, base)

    def lora_start(self, asked: StartLora, should_stop: Stop = never) -> Iterator[LoraStart]:
        """An untrained LoRA beside the base: the same logits."""
        del should_stop
        _, base = self.model_for(asked.config.model)
        yield lora.lora_start(asked.config, base)

    def matrices(self, asked: LookAtMatrices, should_stop: Stop = never) -> Iterator[Matrices]:
        """B, A and BA of a LoRA run at one place."""
        del should_stop
        yield lora.matrices(*self._run(asked.run), layer=asked.layer, module=asked.module)

    def spectrum(self, asked: LookAtSpectrum, should_stop: Stop = never) -> Iterator[Spectrum]:
        """Singular values of what a run changed in one matrix."""
        del should_stop
        yield spectrum.spectrum(*self._run(asked.run), layer=asked.layer, module=asked.module)

    def merge(self, asked: Merge, should_stop: Stop = never) -> Iterator[Merged]:
        """Merge a run's adapter, take it out of the same weights again, and compare after each."""
        del should_stop
        method = self.store.get(asked.run).config.method.name
        prompts = asked_prompts(asked, self.store, self._tokenizer)
        yield merge.merge(*self._run(asked.run), prompts, method=method)

    def take_away(self, asked: TakeAway, should_stop: Stop = never) -> Iterator[TakenAway]:
        """Answers with and without a run's soft prompt."""
        del should_stop
        prompts = asked_prompts(asked, self.store, self._tokenizer)
        yield soft_prompt.take_away(*self._run(asked.run), prompts)

    def score_text(self, asked: ScoreText, should_stop: Stop = never) -> Iterator[TextScore]:
        text, chosen = asked.text, final_set(asked.task)
        examples = [replace(e, prompt=f"{text}\n\n{e.prompt}") for e in chosen]
        prompts = [check_prompt(text), *(e.prompt for e in examples)]
        check_lengths(prompts, self._tokenizer(asked.model), usual_limit(asked.task))
        _, base = self.model_for(asked.model)
        found, _ = evaluate_task(base.model, base, asked.task, examples, should_stop=should_stop)
        yield TextScore(
            score=found.score,
            interval=found.interval,
            n=found.n,
            n_tokens=len(base.tokenizer.encode(text)),
            n_cut=found.n_cut,
            max_new_tokens=found.max_new_tokens,
        )

    def evaluate(self, asked: Evaluate, should_stop: Stop = never) -> Iterator[Answers | Evaluated]:
        """Answer a whole test set and judge every answer."""
        on, examples = asked.on, asked_examples(asked, self.store, self._tokenizer)
        module, base = self.model_for(on.model, on.run)
        yield from evaluate_run.evaluate(
            module,
            base,
            on.task,
            examples,
            should_stop=should_stop,
            max_new_tokens=asked.max_new_tokens,
            trained_on=trained_on(self.store.get(on.run).config, examples) if on.run else (),
        )

    def label_probabilities(
        self, asked: AskLabels, should_stop: Stop = never
    ) -> Iterator[LabelProbabilities]:
        """The probability of each label at every example of a test set."""
        examples = asked_examples(asked, self.store, self._tokenizer)
        module, base = self.model_for(asked.on.model, asked.on.run)
        yield from evaluate_run.label_probabilities(
            module, base, asked.on.task, examples, should_stop=should_stop
        )

    def measure(self, asked: Measure, should_stop: Stop = never) -> Iterator[Progress | Measured]:
        """Score and time one way to do a task (see `core.runs.measure`)."""
        module, base = self.model_for(asked.wanted.model, asked.wanted.run)
        yield from measure(asked.wanted, module, base, self.store, should_stop=should_stop)

    def probe(self, asked: AskProbes, should_stop: Stop = never) -> Iterator[Progress | Probed]:
        """The built-in probes, asked before and after tuning."""
        tuned, base = self._run(asked.run)
        yield from ask_probes(self.store.get(asked.run), tuned, base, should_stop=should_stop)

    def ablations(self, asked: TimeAblations, should_stop: Stop = never) -> Iterator[TimedStep]:
        """Time training steps with all tricks on and with those in `off` switched off, by turns."""
        _, base = self.model_for(asked.model)
        yield from time_ablations(
            base,
            task=asked.task,
            batch_size=asked.batch_size,
            seed=asked.seed,
            off=asked.off,
            rounds=asked.rounds,
            should_stop=should_stop,
        )

    def _run(self, run_id: str) -> tuple[nn.Module, LoadedModel]:
        run = self.store.get(run_id)
        return self.model_for(run.config.model, run.id)


def load_run(store: RunStore, run_id: str, base: LoadedModel) -> nn.Module:
    """The tuned model of a finished or stopped run; `UserError` when it left none behind."""
    run = store.get(run_id)
    folder = saved_folder(store, run, base)
    with reading_weights(run_id):
        return methods.find(run.config.method.name).load(base.model, folder)


@contextmanager
def reading_weights(*run_ids: str) -> Generator[None]:
    """Say in words that saved weights cannot be read: a file is missing, cut or overwritten."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:  # peft, safetensors and torch raise anything
        log.exception("weights of %s", run_ids)
        runs = f"the run {run_ids[0]}" if len(run_ids) == 1 else f"the runs {', '.join(run_ids)}"
        raise UserError(
            f"The saved weights of {runs} are damaged or incomplete; run it again."
        ) from error


def saved_folder(store: RunStore, run: Run, base: LoadedModel) -> Path:
    """Where a run's weights lie; `UserError` when there are none, or damaged ones, or another model's."""
    folder = store.artifact_dir(run.id)
    if not folder.is_dir() or not any(folder.iterdir()):
        raise UserError(
            f"The run {run.id} has no saved weights (it is {run.status}); run it again."
        )
    if run.config.model != base.id:
        raise UserError(f"The run {run.id} tuned {run.config.model}, not {base.id}.")
    artifacts.verify(run.id)
    return folder
