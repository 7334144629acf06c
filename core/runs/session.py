"""Interactive work on a warm model: prompting, next-token looks, stepping through training.

Each operation takes plain JSON arguments and yields plain JSON messages, so that a worker can pass
them over a pipe. Needs torch.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from core import methods
from core.config import RunConfig
from core.data.encode import encode
from core.data.examples import Example
from core.errors import UserError
from core.generate.settings import SamplingSettings, check_prompt
from core.generate.stream import next_tokens, stream
from core.models import load
from core.models.load import LoadedModel
from core.models.probe import resolve_dtype
from core.runs.store import RunStore
from core.train.stepper import Stepper

Message = dict[str, Any]
TUNED_KEPT = 3
"""Tuned models kept in memory; the one unused longest goes first."""


class Session:
    """What an interactive worker remembers between requests: the base, some tuned models, a stepper."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.base: LoadedModel | None = None
        self.tuned: OrderedDict[str, nn.Module] = OrderedDict()
        self.stepper: Stepper | None = None
        self.stepped: list[Message] = []
        """What the stepper's phases produced so far."""

    def model_for(self, model: str, run: str = "") -> tuple[nn.Module, LoadedModel]:
        """The base model's module, or that of a finished run, and the base it stands on."""
        if self.base is None or self.base.id != model:
            self.tuned.clear()
            self.stepper = None
            self.base = load.load(model, dtype=resolve_dtype("auto"))
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
    ) -> Iterator[Message]:
        """Stream an answer. `forced` tokens stand at the answer's beginning (a reader's choice).

        `text` is a prompt; with `raw`, the model reads it as it stands.
        """
        module, base = self.model_for(model, run)
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


def load_run(store: RunStore, run_id: str, base: LoadedModel) -> nn.Module:
    """The tuned model of a finished or stopped run; `UserError` when it left none behind."""
    run = store.get(run_id)
    folder = store.artifact_dir(run.id)
    if not folder.is_dir() or not any(folder.iterdir()):
        raise UserError(
            f"The run {run.id} has no saved weights (it is {run.status}); run it again."
        )
    if run.config.model != base.id:
        raise UserError(f"The run {run.id} tuned {run.config.model}, not {base.id}.")
    return methods.find(run.config.method.name).load(base.model, folder)
