"""Greedy answers to many prompts at once. Needs torch.

The prompts of a group are read as one tree, so that what they begin with alike (system prompt, instruction)
is computed once and nothing is padded; then every answer grows by a token at a time. The answers are
those of one-by-one greedy decoding (tests/core/generate/test_batch.py).
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn
from transformers import DynamicCache

from core.answer import Answer
from core.errors import Stopped
from core.generate.cache import spread
from core.generate.logits import likeliest
from core.models.forward import run_layers, tree_outputs
from core.models.fused.linear import Packing, packing
from core.models.load import LoadedModel
from core.models.plain import can_pad, own_logits, read_rows
from core.models.precision import autocast
from core.models.structure import backbone_and_head, is_plain
from core.models.trie import Trie
from core.models.virtual_tokens import n_virtual_tokens

WORTH_MOVING = 0.9
"""Ended answers are computed on, unheeded, until more than a tenth is: moving the others costs more."""
WORTH_PACKING = 5
"""Answers of so many tokens are likely to go on; with packed weights, 64 answers of up to 24 tokens took
2.0 s instead of 2.25. Labels of one or two words end before."""
LONGEST_ALONE = 2048
"""A group takes no more memory than a prompt of so many tokens alone, about 550 MB beside the small model. Groups of
64 short prompts, up to 140 tokens with their answers, take less."""
LINEAR = 400
"""What a token takes, counted in pairs of a token and one that it attends to (120 bytes): measured for prompts of 110 to
1,900 tokens."""
CACHED = 200
"""Of it, what its keys and values take."""
PROMPTS_AT_ONCE = 64
"""On two cores 160 reviews took 5.0 s in groups of 16 and 5.5 s of 64 (short answers); 110 questions
with answers of 20 tokens took 21 s in groups of 16, 13 s of 32 and 11 s of 64."""


def answer_greedily(
    model: nn.Module,
    base: LoadedModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int | Sequence[int],
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Answer]:
    """The greedy answer to each prompt (token ids), and whether its limit cut it.

    `max_new_tokens` is one limit for all, or one for each prompt.
    What the base model answers is remembered in `base.answers`, as it never changes. Raises
    `Stopped` between two tokens when `should_stop` says so.
    """
    limits = [max_new_tokens] * len(prompts) if isinstance(max_new_tokens, int) else max_new_tokens
    keys = [(limit, *prompt) for limit, prompt in zip(limits, prompts, strict=True)]
    known = base.answers if model is base.model else {}
    new = sorted({key for key in keys if key not in known}, key=lambda key: (len(key), key))
    if not new:
        return [known[key] for key in keys]
    # One autocast around all: float32 weights are then cast once, not for every token.
    with autocast(base.device, base.dtype), packing() as packs:
        answerer = _Answerer(model, base, packs, should_stop)
        size = 1 if is_plain(model) and not can_pad(model) else PROMPTS_AT_ONCE
        for group in _groups(new, size):
            found = answerer.answer([list(key[1:]) for key in group], [key[0] for key in group])
            for key, (ids, was_cut) in zip(group, found, strict=True):
                known[key] = Answer(base.tokenizer.decode(ids).strip(), was_cut)
    return [known[key] for key in keys]


def _groups(keys: Sequence[tuple[int, ...]], most: int) -> Iterator[list[tuple[int, ...]]]:
    """Prompts to be read together, each behind its limit; those of like length follow each other."""
    group: list[tuple[int, ...]] = []
    shared: tuple[int, ...] = ()
    for key in keys:
        limit, *prompt = key
        known = _beginning(shared, prompt) if group else tuple(prompt)
        room = _pairs(LONGEST_ALONE, 1, 0)
        longest = len(prompt) + limit
        if group and (len(group) == most or _pairs(longest, len(group) + 1, len(known)) > room):
            yield group
            group, known = [], tuple(prompt)
        group.append(key)
        shared = known
    if group:
        yield group


def _pairs(longest: int, n: int, n_shared: int) -> int:
    """The memory of `n` prompts that begin with `n_shared` tokens alike, in pairs; see `LINEAR`."""
    once = n_shared * (n_shared + LINEAR)
    return once + n * ((longest - n_shared) * (longest + LINEAR) + n_shared * CACHED)


def _beginning(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    """What both begin with."""
    n = next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return tuple(one[:n])


class _Answerer:
    """Answers groups of prompts, each group's read as one tree."""

    def __init__(
        self,
        model: nn.Module,
        base: LoadedModel,
        packs: Packing,
        should_stop: Callable[[], bool],
    ) -> None:
        self.base, self.packs, self.should_stop = base, packs, should_stop
        self.model, (_, self.head) = model, backbone_and_head(model)

    @torch.no_grad()
    def answer(
        self, prompts: Sequence[list[int]], limits: Sequence[int]
    ) -> list[tuple[list[int], bool]]:
        """The token ids each of B prompts is answered with, without the end, and whether it has none.

        No answer is longer than its limit, end token counted.
        """
        cache, chosen, seen = self._read(prompts, room=max(limits))
        place = torch.tensor([len(prompt) for prompt in prompts])  # (B,) the next token's position
        answers: list[list[int]] = [[] for _ in prompts]
        row, left = torch.arange(len(prompts)), torch.tensor(limits)
        goes, ends = left > 0, torch.tensor(self.base.tokenizer.end_ids)
        while True:
            for which, token, is_going in zip(
                *(t.tolist() for t in (row, chosen, goes)), strict=True
            ):
                if is_going:
                    answers[which].append(token)
            left = left - 1
            goes = goes & ~torch.isin(chosen, ends) & (left > 0)
            going = goes.nonzero()[:, 0]
            if not len(going):
                break
            if len(going) < WORTH_MOVING * len(row):
                cache.batch_select_indices(going)
                row, left, chosen, goes = row[going], left[going], chosen[going], goes[going]
                seen, place = seen[going], place[going]
            self.packs.is_worth |= max(map(len, answers)) == WORTH_PACKING
            seen = torch.cat([seen, torch.ones(len(row), 1, dtype=torch.bool)], dim=1)
            chosen, place = self._next(chosen, place, seen, cache), place + 1
        ends = self.base.tokenizer.end_ids
        return [(ids[:-1], False) if ids[-1] in ends else (ids, True) for ids in answers]

    def _read(
        self, prompts: Sequence[list[int]], *, room: int
    ) -> tuple[DynamicCache, torch.Tensor, torch.Tensor]:
        """Every prompt's keys and values in a row of its own, its next token (B,), and (B, K) bool:
        which keys of a row are a prompt's and not padding.
        """
        self._check()
        if is_plain(self.model):
            cache, logits, is_text = read_rows(self.model, prompts, self.base.device)
            return cache, logits.float().max(-1).indices.cpu(), is_text.cpu()
        trie = Trie()
        paths = [trie.insert(prompt) for prompt in prompts]
        lengths = torch.tensor([len(path) for path in paths])
        width = int(lengths.max())
        cache = DynamicCache()
        hidden = tree_outputs(
            self.model,
            torch.tensor(trie.tokens, device=self.base.device),
            torch.tensor(trie.depths, device=self.base.device),
            trie.parents,
            cache=cache,
        )
        chosen = likeliest(self.head, hidden[[path[-1] for path in paths]]).cpu()
        n_virtual = n_virtual_tokens(self.model)
        nodes = torch.tensor([path + [0] * (width - len(path)) for path in paths]) + n_virtual
        virtual = torch.arange(n_virtual).expand(len(paths), -1)
        spread(cache, torch.cat([virtual, nodes], dim=1).to(self.base.device), room)
        return cache, chosen, torch.arange(width) < lengths[:, None]

    def _next(
        self,
        tokens: torch.Tensor,
        position_ids: torch.Tensor,
        seen: torch.Tensor,
        cache: DynamicCache,
    ) -> torch.Tensor:
        """(B,) the tokens that follow tokens (B,) at positions (B,), which attend to (B, K) of all."""
        self._check()
        device = self.base.device
        if is_plain(self.model):
            new = tokens[:, None].to(device), position_ids[:, None].to(device), seen.to(device)
            first = torch.zeros(1, dtype=torch.long, device=device)
            logits = own_logits(self.model, *new, keep=first, cache=cache)[:, 0]
            return logits.float().max(-1).indices.cpu()
        on_device = (t.to(device)[:, None] for t in (tokens, position_ids, seen))
        hidden = run_layers(self.model, *on_device, cache=cache)[:, 0]
        return likeliest(self.head, hidden).cpu()

    def _check(self) -> None:
        if self.should_stop():
            raise Stopped
