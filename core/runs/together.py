"""Several questions that wait at the answering worker, answered at once: equal ones are computed once, others as rows
of one batch. Needs torch.

A class asks at the same moment. One answer takes as long as reading all weights for each of its tokens; several rows
share that reading. Each row is sampled with the settings and the seed of its own question, from the logits that it
would have alone (`core/generate/stream.py:stream`, tests/core/runs/test_together.py), up to rounding.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import torch
from torch import nn
from transformers import DynamicCache

from core.errors import UserError
from core.generate.cache import spread
from core.generate.logits import float_logits
from core.generate.questions import Question, groups
from core.generate.sampling import final_probabilities
from core.generate.settings import SamplingSettings
from core.generate.stream import stream
from core.generate.tokens import Token
from core.models.forward import run_layers, tree_outputs
from core.models.load import LoadedModel
from core.models.precision import autocast
from core.models.structure import backbone_and_head, is_plain
from core.models.trie import Trie
from core.models.virtual_tokens import n_virtual_tokens
from core.runs.inference_session import InferenceSession
from core.runs.messages import Generate, Generated
from core.typed_json import Json

MOST = 16
"""Questions in one batch: a class of thirty is answered in two."""
ALIKE = ("model", "run", "scale")
"""What questions must have in common: they are put to one module."""
Said = tuple[int, Generated | UserError | None]
"""The place of a question among those asked, and what is said to it; None: all is said."""


def are_alike(one: Mapping[str, Json], other: Mapping[str, Json]) -> bool:
    """Whether two questions, given as the arguments of their requests, can be answered together."""
    return all(one.get(name) == other.get(name) for name in ALIKE)


@dataclass
class Row:
    """A question that is being answered."""

    ids: list[int]
    """Of the prompt, and of what the answer must begin with."""
    begun: str
    settings: SamplingSettings
    places: list[int]
    """Of those who ask just this."""
    answer: list[int] = field(default_factory=list[int])
    ended: bool = False

    @property
    def goes_on(self) -> bool:
        return not self.ended and len(self.answer) < self.settings.max_new_tokens


def answer_together(
    session: InferenceSession, asked: Sequence[Generate], should_stop: Callable[[int], bool]
) -> Iterator[list[Said]]:
    """Answer questions that are alike; each list is what one step has to say, to any of them.

    `should_stop` says of a place whether nobody waits there any more, and is asked before each step.
    """
    rows: dict[Generate, Row] = {}
    for place, one in enumerate(asked):
        try:
            if one not in rows:
                rows[one] = Row(*session.beginning(one), one.settings, [])
            rows[one].places.append(place)
        except UserError as error:
            yield [(place, error), (place, None)]
    if not rows:
        return
    module, base = session.module_for(asked[0])
    most = 1 if is_plain(module) else MOST
    short_first = sorted(rows.values(), key=lambda row: len(row.ids))
    wanted = [Question(prompt=tuple(r.ids), limit=r.settings.max_new_tokens) for r in short_first]
    left = iter(short_first)
    for group in groups(wanted, most):
        batch = list(islice(left, len(group)))
        begun = time.perf_counter()
        tokens = (
            _alone(module, base, batch[0], should_stop)
            if is_plain(module)
            else _batch(module, base, batch, should_stop, begun)
        )
        for step in tokens:
            said: list[Said] = []
            for row, token in step:
                new = Generated(n_prompt=len(row.ids), token=token)
                said += [(place, new) for place in row.places]
                said += [(place, None) for place in row.places if not row.goes_on]
            yield said
        # What was stopped ends without a word.
        yield [(place, None) for row in batch if row.goes_on for place in row.places]


def _is_left(row: Row, should_stop: Callable[[int], bool]) -> bool:
    return all(should_stop(place) for place in row.places)


def _alone(
    module: nn.Module, base: LoadedModel, row: Row, should_stop: Callable[[int], bool]
) -> Iterator[list[tuple[Row, Token]]]:
    """A plain model's rows could be padded only where its layers allow it: one by one, as elsewhere."""
    for token in stream(
        module, base, row.ids, row.settings, should_stop=lambda: _is_left(row, should_stop)
    ):
        row.answer.append(token.id)
        row.ended = token.ended
        yield [(row, replace(token, text=row.begun + token.text))]


@torch.no_grad()
def _batch(
    module: nn.Module,
    base: LoadedModel,
    batch: Sequence[Row],
    should_stop: Callable[[int], bool],
    begun: float,
) -> Iterator[list[tuple[Row, Token]]]:
    """The next token of every row that goes on, step by step."""
    generators = [torch.Generator().manual_seed(row.settings.seed) for row in batch]
    going = list(range(len(batch)))
    decoder = BatchDecoder(module.eval(), base, batch)
    logits = decoder.read()
    while True:
        step: list[tuple[Row, Token]] = []
        kept: list[int] = []
        for n, at in zip(going, logits, strict=True):
            row = batch[n]
            if _is_left(row, should_stop):
                continue
            token = _sample(base, row, at, generators[n], begun)
            step.append((row, token))
            kept.append(n)
        if not step:
            return
        yield step
        goes = [n for n in kept if batch[n].goes_on]
        if not goes:
            return
        logits = decoder.next([going.index(n) for n in goes], [batch[n].answer[-1] for n in goes])
        going = goes


def _sample(
    base: LoadedModel, row: Row, logits: torch.Tensor, generator: torch.Generator, begun: float
) -> Token:
    """As `stream` does it."""
    probabilities = final_probabilities(logits, [*row.ids, *row.answer], row.settings).cpu()
    chosen = int(torch.multinomial(probabilities, 1, generator=generator))
    row.answer.append(chosen)
    row.ended = chosen in base.tokenizer.end_ids
    return Token(
        id=chosen,
        piece=base.tokenizer.pieces([chosen])[0],
        text=row.begun + base.tokenizer.decode(row.answer),
        probability=float(probabilities[chosen]),
        n_tokens=len(row.answer),
        elapsed_s=time.perf_counter() - begun,
        ended=row.ended,
    )


class BatchDecoder:
    """Reads the prompts as one tree, then feeds a token to each row; both give (B, V) logits, a row each."""

    def __init__(self, module: nn.Module, base: LoadedModel, batch: Sequence[Row]) -> None:
        self.module, self.base = module, base
        _, self.head = backbone_and_head(module)
        self.trie = Trie()
        self.paths = [self.trie.insert(row.ids) for row in batch]
        self.cache = DynamicCache()
        lengths = torch.tensor([len(path) for path in self.paths])
        self.place = lengths
        """(B,) the position of each row's next token."""
        self.seen = torch.arange(int(lengths.max())) < lengths[:, None]
        """(B, K) bool: which of the keys are a row's own, and no padding."""

    def read(self) -> torch.Tensor:
        device = self.base.device
        tokens, depths = (
            torch.tensor(n, device=device) for n in (self.trie.tokens, self.trie.depths)
        )
        with autocast(device, self.base.dtype):
            hidden = tree_outputs(self.module, tokens, depths, self.trie.parents, cache=self.cache)
            logits = float_logits(self.head, hidden[[path[-1] for path in self.paths]])
        n_virtual, width = n_virtual_tokens(self.module), self.seen.shape[1]
        nodes = torch.tensor([[*path, *[0] * (width - len(path))] for path in self.paths])
        virtual = torch.arange(n_virtual).expand(len(self.paths), -1)
        spread(self.cache, torch.cat([virtual, nodes + n_virtual], dim=1).to(device))
        return logits

    def next(self, rows: Sequence[int], tokens: Sequence[int]) -> torch.Tensor:
        """`rows` are those that go on, by their places among the last ones, and `tokens` what they said."""
        device = self.base.device
        if len(rows) < len(self.seen):
            kept = torch.tensor(rows)
            self.cache.batch_select_indices(kept)
            self.seen, self.place = self.seen[kept], self.place[kept]
        self.seen = torch.cat([self.seen, torch.ones(len(rows), 1, dtype=torch.bool)], dim=1)
        new = (torch.tensor(tokens), self.place, self.seen)
        with autocast(device, self.base.dtype):
            on_device = (t.to(device)[:, None] for t in new)
            hidden = run_layers(self.module, *on_device, cache=self.cache)[:, 0]
            logits = float_logits(self.head, hidden)
        self.place = self.place + 1
        return logits
