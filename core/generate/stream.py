"""Answer one prompt token by token, and look at the next-token distribution. Needs torch."""

import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn
from transformers import DynamicCache

from core.data.lengths import check_length
from core.generate.logits import float_logits
from core.generate.sampling import final_probabilities, stages
from core.generate.settings import SamplingSettings
from core.generate.tokens import NextToken, Token
from core.models.forward import run_layers
from core.models.load import LoadedModel
from core.models.plain import new_cache, own_logits
from core.models.precision import autocast
from core.models.structure import backbone_and_head, is_plain


@torch.no_grad()
def stream(
    model: nn.Module,
    base: LoadedModel,
    prompt_ids: Sequence[int],
    settings: SamplingSettings,
    *,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Token]:
    """Yield tokens until the model ends its answer, the limit is reached or `should_stop`.

    `model` is the base's own module or a tuned one. The same seed and settings give the same answer.
    """
    check_length(prompt_ids, base.tokenizer, settings.max_new_tokens)
    generator = torch.Generator().manual_seed(settings.seed)
    start = time.perf_counter()
    answer: list[int] = []
    run = Decoder(model, base)
    logits = run(prompt_ids)
    while len(answer) < settings.max_new_tokens and not should_stop():
        probabilities = final_probabilities(logits, [*prompt_ids, *answer], settings).cpu()
        token = int(torch.multinomial(probabilities, 1, generator=generator))
        answer.append(token)
        ended = token in base.tokenizer.end_ids
        yield Token(
            id=token,
            piece=base.tokenizer.pieces([token])[0],
            text=base.tokenizer.decode(answer),
            probability=float(probabilities[token]),
            n_tokens=len(answer),
            elapsed_s=time.perf_counter() - start,
            ended=ended,
        )
        if ended:
            return
        logits = run([token])


@torch.no_grad()
def next_tokens(
    model: nn.Module,
    base: LoadedModel,
    ids: Sequence[int],
    settings: SamplingSettings,
    *,
    top: int = 20,
) -> list[NextToken]:
    """The likeliest next tokens and their probability after each sampling stage.

    Returns `top` rows, ordered by the bare model's probability, plus a last one, "(all others)".
    """
    check_length(ids, base.tokenizer, 1)
    logits = next_logits(model, base, ids)
    found = list(stages(logits, ids, settings))
    order = found[0][1].topk(top).indices.tolist()
    pieces = base.tokenizer.pieces(order)
    rows = [
        NextToken(id=i, token=piece, probabilities={name: float(p[i]) for name, p in found})
        for i, piece in zip(order, pieces, strict=True)
    ]
    rest = {name: max(0.0, 1.0 - sum(row.probabilities[name] for row in rows)) for name, _ in found}
    return [*rows, NextToken(id=-1, token="(all others)", probabilities=rest)]


@torch.no_grad()
def next_logits(model: nn.Module, base: LoadedModel, ids: Sequence[int]) -> torch.Tensor:
    """(V,) logits of the token after `ids`."""
    return Decoder(model, base)(ids)


class Decoder:
    """Feeds tokens to the model with a growing key-value cache; each call gives (V,) logits."""

    def __init__(self, model: nn.Module, base: LoadedModel) -> None:
        self.model, self.base = model.eval(), base
        _, self.head = backbone_and_head(model)
        self.is_plain = is_plain(model)
        self._begin()

    def _begin(self) -> None:
        self.cache = new_cache(self.model, 1) if self.is_plain else DynamicCache()
        self.n_seen = 0
        self.read: list[int] = []

    def __call__(self, ids: Sequence[int]) -> torch.Tensor:
        device, n_new = self.base.device, len(ids)
        tokens = torch.tensor([list(ids)], device=device)
        position_ids = torch.arange(self.n_seen, self.n_seen + n_new, device=device)
        self.n_seen += n_new
        attends = position_ids[:, None] >= torch.arange(self.n_seen, device=device)
        with autocast(device, self.base.dtype):
            if self.is_plain:
                self.read += ids
                logits = own_logits(
                    self.model,
                    tokens,
                    position_ids[None],
                    attends[-1:],
                    keep=torch.tensor([n_new - 1], device=device),
                    cache=self.cache,
                )
                return logits[0, 0].float()
            hidden = run_layers(
                self.model, tokens, position_ids[None], attends[None], cache=self.cache
            )
            return float_logits(self.head, hidden[:, -1])[0]

    def forget_after(self, n_tokens: int) -> None:
        """Go back to where only the first `n_tokens` were seen; their keys and values stay.

        A plain model may keep no more than a window of them, so it reads them again.
        """
        if self.is_plain:
            first = self.read[:n_tokens]
            self._begin()
            self(first)
            return
        self.cache.crop(n_tokens - self.n_seen)  # below zero: so many are dropped
        self.n_seen = n_tokens
