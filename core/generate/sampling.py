"""From logits to the next token, one visible stage after another. Needs torch.

The order is the one transformers uses: repetition penalty, temperature, top-k, top-p.
"""

from collections.abc import Iterator, Sequence

import torch

from core.generate.settings import SamplingSettings

Stage = tuple[str, torch.Tensor]


def stages(
    logits: torch.Tensor, seen: Sequence[int], settings: SamplingSettings
) -> Iterator[Stage]:
    """Yield (name, probabilities (V,)) after the bare model and after each setting in turn.

    `logits` is (V,) float32; `seen` are the token ids so far, prompt included. A temperature of 0
    puts all probability on the likeliest token.
    """
    scores = logits.clone()
    yield "model", scores.softmax(-1)
    if settings.repetition_penalty != 1.0 and seen:
        index = torch.tensor(sorted(set(seen)), device=scores.device)
        old = scores[index]
        penalty = settings.repetition_penalty
        scores[index] = torch.where(old > 0, old / penalty, old * penalty)
    yield "repetition penalty", scores.softmax(-1)
    if settings.temperature == 0:
        greedy = torch.full_like(scores, -torch.inf)
        greedy[scores.argmax()] = 0.0
        scores = greedy
    else:
        scores = scores / settings.temperature
    yield "temperature", scores.softmax(-1)
    if 0 < settings.top_k < scores.numel():
        smallest_kept = scores.topk(settings.top_k).values[-1]
        scores = scores.masked_fill(scores < smallest_kept, -torch.inf)
    yield "top-k", scores.softmax(-1)
    if settings.top_p < 1.0:
        ordered, index = scores.softmax(-1).sort(descending=True)
        before = ordered.cumsum(-1) - ordered  # probability of all likelier tokens
        scores = scores.masked_fill(
            torch.zeros_like(scores, dtype=torch.bool).scatter(0, index, before >= settings.top_p),
            -torch.inf,
        )
    yield "top-p", scores.softmax(-1)


def final_probabilities(
    logits: torch.Tensor, seen: Sequence[int], settings: SamplingSettings
) -> torch.Tensor:
    """(V,) the distribution a token is drawn from, after every setting."""
    *_, (_, probabilities) = stages(logits, seen, settings)
    return probabilities
