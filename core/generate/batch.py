"""Greedy answers to many prompts at once. Needs torch.

The prompts of a group are read as one tree, so that what they begin with alike (system prompt, instruction)
is computed once and nothing is padded; then every answer grows by a token at a time. The answers are
those of one-by-one greedy decoding (tests/core/generate/test_batch.py).
"""

from collections.abc import Callable, Iterator, Sequence
from math import ceil

import torch
from torch import nn
from transformers import DynamicCache

from core.answer import Answer
from core.errors import Stopped
from core.generate.cache import spread
from core.generate.logits import float_logits, likeliest
from core.generate.stream import next_logits
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
    guesses: Sequence[Sequence[int]] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Answer]:
    """The greedy answer to each prompt (token ids), and whether its limit cut it.

    `max_new_tokens` is one limit for all, or one for each prompt. `guesses` are answers (token ids with
    the end) that a model tuned on a few labels is likely to give: they are read along with the prompts,
    which is faster than to compute them token by token, and change no answer (speculative decoding).
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
        answerer = _Answerer(model, base, packs, guesses, should_stop)
        n_groups = ceil(len(new) / PROMPTS_AT_ONCE)
        size = 1 if is_plain(model) and not can_pad(model) else ceil(len(new) / n_groups)
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


@torch.no_grad()
def logits_after(
    model: nn.Module, base: LoadedModel, prompts: Sequence[Sequence[int]]
) -> torch.Tensor:
    """(B, V) logits of the token after each of B prompts (token ids), all read as one tree."""
    if is_plain(model):
        return torch.stack([next_logits(model, base, prompt) for prompt in prompts])
    trie = Trie()
    ends = [trie.insert(prompt)[-1] for prompt in prompts]
    _, head = backbone_and_head(model)
    tokens, depths, wanted = (
        torch.tensor(values, device=base.device) for values in (trie.tokens, trie.depths, ends)
    )
    with autocast(base.device, base.dtype):
        hidden = tree_outputs(model.eval(), tokens, depths, trie.parents, wanted=wanted)
        return float_logits(head, hidden)


class _Answerer:
    """Answers groups of prompts, each group's read as one tree."""

    def __init__(
        self,
        model: nn.Module,
        base: LoadedModel,
        packs: Packing,
        guesses: Sequence[Sequence[int]],
        should_stop: Callable[[], bool],
    ) -> None:
        self.base, self.packs, self.should_stop = base, packs, should_stop
        self.guesses = guesses
        self.model, (_, self.head) = model, backbone_and_head(model)

    @torch.no_grad()
    def answer(
        self, prompts: Sequence[list[int]], limits: Sequence[int]
    ) -> list[tuple[list[int], bool]]:
        """The token ids each of B prompts is answered with, without the end, and whether it has none.

        No answer is longer than its limit, end token counted.
        """
        self._check()
        ends = self.base.tokenizer.end_ids
        if is_plain(self.model):
            cache, logits, is_text = read_rows(self.model, prompts, self.base.device)
            answers = [[token] for token in logits.float().max(-1).indices.tolist()]
            self._go_on(answers, limits, torch.arange(len(prompts)), cache, is_text.cpu())
        else:
            cache, answers, paths = self._read(prompts, limits)
            going = [
                i for i, ids in enumerate(answers) if ids[-1] not in ends and len(ids) < limits[i]
            ]
            if going:
                rows, seen = self._rows([paths[i] for i in going])
                room = max(limits[i] - len(answers[i]) for i in going)
                spread(cache, rows.to(self.base.device), room)
                self._go_on(answers, limits, torch.tensor(going), cache, seen)
        return [(ids[:-1], False) if ids[-1] in ends else (ids, True) for ids in answers]

    def _read(
        self, prompts: Sequence[list[int]], limits: Sequence[int]
    ) -> tuple[DynamicCache, list[list[int]], list[list[int]]]:
        """The prompts and guesses as one tree: its keys and values, how each answer begins, and the nodes
        that were read of each prompt and answer.

        An answer follows the tree as long as its likeliest next token is there: it is read as a guess, or
        in another prompt that begins alike. The last token of its beginning is not read.
        """
        trie = Trie()
        paths = [trie.insert(prompt) for prompt in prompts]
        for prompt, limit in zip(prompts, limits, strict=True):
            for guess in self.guesses:
                trie.insert([*prompt, *guess[: min(len(guess), limit) - 1]])
        cache = DynamicCache()
        hidden = tree_outputs(
            self.model,
            torch.tensor(trie.tokens, device=self.base.device),
            torch.tensor(trie.depths, device=self.base.device),
            trie.parents,
            cache=cache,
        )
        ends = self.base.tokenizer.end_ids
        answers: list[list[int]] = [[] for _ in prompts]
        followed = list(range(len(prompts)))
        while followed:
            chosen = likeliest(self.head, hidden[[paths[i][-1] for i in followed]]).tolist()
            rows, followed = followed, list[int]()
            for i, token in zip(rows, chosen, strict=True):
                answers[i].append(token)
                node = trie.child(paths[i][-1], token)
                if node is not None and token not in ends and len(answers[i]) < limits[i]:
                    paths[i].append(node)
                    followed.append(i)
        return cache, answers, paths

    def _rows(self, paths: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Each path's keys in a row of its own, padded (B, K), and (B, K) bool: which are its own."""
        lengths = torch.tensor([len(path) for path in paths])
        width = int(lengths.max())
        n_virtual = n_virtual_tokens(self.model)
        nodes = torch.tensor([[*path, *[0] * (width - len(path))] for path in paths]) + n_virtual
        virtual = torch.arange(n_virtual).expand(len(paths), -1)
        return torch.cat([virtual, nodes], dim=1), torch.arange(width) < lengths[:, None]

    def _go_on(
        self,
        answers: list[list[int]],
        limits: Sequence[int],
        row: torch.Tensor,
        cache: DynamicCache,
        seen: torch.Tensor,
    ) -> None:
        """Let the answers `row` (R,) grow, a token at a time, to their ends or limits.

        The cache holds their R rows of keys and values, of which `seen` (R, K) bool are no padding.
        """
        ends = torch.tensor(self.base.tokenizer.end_ids)
        chosen = torch.tensor([answers[i][-1] for i in row.tolist()])
        left = torch.tensor([limits[i] - len(answers[i]) for i in row.tolist()])
        place = seen.sum(dim=1)  # (R,) the next token's position
        goes = ~torch.isin(chosen, ends) & (left > 0)
        while len(going := goes.nonzero()[:, 0]):
            if len(going) < WORTH_MOVING * len(row):
                cache.batch_select_indices(going)
                row, left, chosen, goes = row[going], left[going], chosen[going], goes[going]
                seen, place = seen[going], place[going]
            longest = max(len(answers[i]) for i in row[goes].tolist())
            self.packs.is_worth |= longest >= WORTH_PACKING
            seen = torch.cat([seen, torch.ones(len(row), 1, dtype=torch.bool)], dim=1)
            chosen, place = self._next(chosen, place, seen, cache), place + 1
            for i, token, is_going in zip(*(t.tolist() for t in (row, chosen, goes)), strict=True):
                if is_going:
                    answers[i].append(token)
            left = left - 1
            goes = goes & ~torch.isin(chosen, ends) & (left > 0)

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
