"""Greedy answers to many prompts at once. Needs torch.

What all prompts begin with (system prompt, instruction) is computed once; the rest is answered in groups
of prompts of like length, so that little is padded. The answers are those of one-by-one greedy decoding
(tests/core/generate/test_batch.py).
"""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import nn
from transformers import DynamicCache

from core.errors import Stopped
from core.generate.cache import make_room
from core.models.load import LoadedModel
from core.models.parts import backbone_and_head, run_layers
from core.train.precision import autocast

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
) -> list[str]:
    """The greedy answer to each prompt (token ids), without the end token.

    `max_new_tokens` is one limit for all, or one for each prompt.
    What the untouched base answers is remembered in `base.answers`, as it never changes. Raises
    `Stopped` between two tokens when `should_stop` says so.
    """
    limits = [max_new_tokens] * len(prompts) if isinstance(max_new_tokens, int) else max_new_tokens
    keys = [(limit, *prompt) for limit, prompt in zip(limits, prompts, strict=True)]
    known = base.answers if model is base.model else {}
    new = sorted({key for key in keys if key not in known}, key=lambda key: (len(key), key))
    if not new:
        return [known[key] for key in keys]
    # One autocast around all: float32 weights are then cast once, not for every token.
    with autocast(base.device, base.dtype):
        answerer = _Answerer(model, base, [list(key[1:]) for key in new], should_stop)
        for start in range(0, len(new), PROMPTS_AT_ONCE):
            group = new[start : start + PROMPTS_AT_ONCE]
            found = answerer.answer([list(key[1:]) for key in group], [key[0] for key in group])
            for key, ids in zip(group, found, strict=True):
                known[key] = base.tokenizer.decode(ids).strip()
    return [known[key] for key in keys]


def shared_length(prompts: Sequence[list[int]]) -> int:
    """How many tokens all prompts begin with alike, leaving at least one to each."""
    first, last = min(prompts), max(prompts)  # what these two share, all between them share
    alike = (n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return min(next(alike, len(first)), min(map(len, prompts)) - 1)


class _Answerer:
    """Answers groups of prompts that share a beginning, whose keys and values it keeps."""

    def __init__(
        self,
        model: nn.Module,
        base: LoadedModel,
        prompts: Sequence[list[int]],
        should_stop: Callable[[], bool],
    ) -> None:
        self.base, self.should_stop = base, should_stop
        self.model, (_, self.head) = model, backbone_and_head(model)
        self.n_shared = shared_length(prompts)
        self.shared = DynamicCache()
        if self.n_shared:
            row = torch.tensor([prompts[0][: self.n_shared]])
            causal = torch.ones(self.n_shared, self.n_shared, dtype=torch.bool).tril()
            self._compute(row, torch.arange(self.n_shared)[None], causal[None], self.shared)

    @torch.no_grad()
    def answer(self, prompts: Sequence[list[int]], limits: Sequence[int]) -> list[list[int]]:
        """The token ids each of B prompts is answered with, at most its limit, without the end."""
        rests = [prompt[self.n_shared :] for prompt in prompts]
        lengths = torch.tensor([len(rest) for rest in rests])
        n_rows, width = len(rests), int(lengths.max())
        tokens = torch.tensor([rest + [0] * (width - len(rest)) for rest in rests])
        cache = copy.deepcopy(self.shared)
        cache.batch_repeat_interleave(n_rows)
        is_token = torch.arange(width) < lengths[:, None]  # (B, W); padding stands at the right
        causal = torch.ones(width, width, dtype=torch.bool).tril()
        own = causal & is_token[:, None]
        own |= torch.eye(width, dtype=torch.bool)  # padding needs something to attend to
        before = torch.ones(n_rows, width, self.n_shared, dtype=torch.bool)
        places = (self.n_shared + torch.arange(width)).expand(n_rows, -1)
        hidden = self._compute(tokens, places, torch.cat([before, own], dim=2), cache)
        chosen = self._likeliest(hidden[torch.arange(n_rows), lengths - 1])
        seen = torch.cat([before[:, 0], is_token], dim=1)  # (B, K) what the next token attends to
        place = self.n_shared + lengths  # (B,) its position
        make_room(cache, max(limits))
        answers: list[list[int]] = [[] for _ in prompts]
        live, left = torch.arange(n_rows), torch.tensor(limits)
        while True:
            for which, token in zip(live.tolist(), chosen.tolist(), strict=True):
                answers[which].append(token)
            left = left - 1
            going = ((chosen != self.base.tokenizer.eos_id) & (left > 0)).nonzero()[:, 0]
            if not len(going):
                break
            if len(going) < len(live):  # the others have ended
                cache.batch_select_indices(going)
                live, left, chosen = live[going], left[going], chosen[going]
                seen, place = seen[going], place[going]
            seen = torch.cat([seen, torch.ones(len(live), 1, dtype=torch.bool)], dim=1)
            hidden = self._compute(chosen[:, None], place[:, None], seen[:, None], cache)
            chosen, place = self._likeliest(hidden[:, 0]), place + 1
        eos = self.base.tokenizer.eos_id
        return [ids[:-1] if ids[-1] == eos else ids for ids in answers]

    @torch.no_grad()
    def _compute(
        self,
        tokens: torch.Tensor,
        places: torch.Tensor,
        attends: torch.Tensor,
        cache: DynamicCache,
    ) -> torch.Tensor:
        """(B, Q, H) hidden states of new tokens (B, Q), each of which attends to (B, Q, K) of all.

        Their keys and values join the cache.
        """
        if self.should_stop():
            raise Stopped
        device = self.base.device
        return run_layers(
            self.model, tokens.to(device), places.to(device), attends.to(device), cache=cache
        )

    def _likeliest(self, hidden: torch.Tensor) -> torch.Tensor:
        """(B,) the token ids with the highest logits, on the CPU."""
        return self.head(hidden).argmax(-1).cpu()
