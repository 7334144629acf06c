"""Greedy answers to many prompts at once, as one growing trie. Needs torch.

Prompts that begin alike share their beginning, as in training. Each new token is one more node whose
ancestors are its own prompt and answer, so there is no padding and no prompt is computed twice. The
answers are those of one-by-one greedy decoding (tests/core/generate/test_batch.py).
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn
from transformers import DynamicCache

from core.errors import Stopped
from core.models.load import LoadedModel
from core.train import attention
from core.train.precision import autocast
from core.train.trie import Trie, additive_mask, backbone_and_head, using_attention

PROMPTS_AT_ONCE = 24
"""More prompts share more, but their N x N attention grows. On two cores 160 reviews took about 7.5 s
in groups of 8 or 16, 9 s of 32, 17 s of 64."""


def answer_greedily(
    model: nn.Module,
    base: LoadedModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[str]:
    """The greedy answer to each prompt (token ids), without the end token.

    What the untouched base answers is remembered in `base.answers`, as it never changes. Raises `Stopped` between two groups of prompts when `should_stop` says so.
    """
    keys = [(max_new_tokens, *prompt) for prompt in prompts]
    known = base.answers if model is base.model else {}
    new = [key for key in dict.fromkeys(keys) if key not in known]
    for start in range(0, len(new), PROMPTS_AT_ONCE):
        if should_stop():
            raise Stopped
        group = new[start : start + PROMPTS_AT_ONCE]
        found = _answer_group(model, base, [key[1:] for key in group], max_new_tokens)
        for key, ids in zip(group, found, strict=True):
            known[key] = base.tokenizer.decode(ids).strip()
    return [known[key] for key in keys]


@torch.no_grad()
def _answer_group(
    model: nn.Module, base: LoadedModel, prompts: Sequence[Sequence[int]], max_new_tokens: int
) -> list[list[int]]:
    backbone, head = backbone_and_head(model)
    dtype = next(backbone.parameters()).dtype
    trie, cache = Trie(), DynamicCache()
    ends = [trie.insert(prompt)[-1] for prompt in prompts]
    attends = trie.attends()

    def compute(nodes: range, rows: torch.Tensor) -> torch.Tensor:
        """(len(nodes), H) hidden states of new nodes; their keys and values join the cache."""
        tokens = torch.tensor([trie.tokens[nodes.start : nodes.stop]], device=base.device)
        depths = torch.tensor([trie.depths[nodes.start : nodes.stop]], device=base.device)
        with autocast(base.device, base.dtype), using_attention(backbone, attention.NAME):
            output = backbone(
                input_ids=tokens,
                position_ids=depths,
                attention_mask=additive_mask(rows, dtype).to(base.device),
                past_key_values=cache,
                use_cache=True,
            )
        return output.last_hidden_state[0]

    def likeliest(hidden: torch.Tensor) -> list[int]:
        with autocast(base.device, base.dtype):
            return head(hidden).argmax(-1).tolist()

    chosen = likeliest(compute(range(len(trie)), attends)[torch.tensor(ends)])
    answers: list[list[int]] = [[] for _ in prompts]
    live = list(range(len(prompts)))
    rows = attends[torch.tensor(ends)]
    while True:
        for which, token in zip(live, chosen, strict=True):
            answers[which].append(token)
        going = [
            at
            for at, which in enumerate(live)
            if answers[which][-1] != base.tokenizer.eos_id and len(answers[which]) < max_new_tokens
        ]
        if not going:
            break
        live = [live[at] for at in going]
        first = len(trie)
        for which in live:
            parent = ends[which]
            ends[which] = trie.add(answers[which][-1], parent, trie.depths[parent] + 1)
        # A new node attends to what its parent attends to, and to itself.
        rows = torch.cat([rows[torch.tensor(going)], torch.eye(len(live), dtype=torch.bool)], dim=1)
        chosen = likeliest(compute(range(first, len(trie)), rows))
    eos = base.tokenizer.eos_id
    return [ids[:-1] if ids[-1] == eos else ids for ids in answers]
