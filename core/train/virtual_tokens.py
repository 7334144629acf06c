"""Where a soft prompt's virtual tokens go: on a fixed plane of the embedding space, and near which words.

The plane is spanned by the first two principal directions of the task's own words, and stays as it is
while the virtual tokens move. Nearness is measured in the whole space, by the cosine.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from core import catalog
from core.config import RunConfig
from core.events import Event, NearWord, VirtualToken, VirtualTokens, VocabularyMap, Word
from core.models.forward import soft_prompt
from core.models.load import LoadedModel
from core.train.plan import Plan

N_WORDS = 60
"""Words on the map: the labels first, then the most frequent of the training prompts."""
N_NEAREST = 3
SHORTEST = 4
"""Letters of a word that says something; shorter ones (the, and) would fill the map."""


class VirtualTokenWatch:
    """Yields the virtual tokens' places at each step of a `prompt` run; nothing for other methods."""

    def __init__(self, config: RunConfig, base: LoadedModel, model: nn.Module, plan: Plan) -> None:
        self.base, self.model = base, model
        self.ids = task_words(config, base, plan) if soft_prompt(model) is not None else []
        self.is_wanted = len(self.ids) > 2
        if self.is_wanted:
            causal: Any = base.model
            self.words = causal.get_input_embeddings().weight.detach()
            self.directions = F.normalize(self.words.float(), dim=1).to(base.dtype)
            rows = self.words[self.ids].float()
            self.middle = rows.mean(0)
            _, sizes, axes = torch.linalg.svd(rows - self.middle, full_matrices=False)
            shares = sizes.square() / sizes.square().sum()
            self.axes = axes[:2]
            self.explained = (float(shares[0]), float(shares[1]))

    @torch.no_grad()
    def __call__(self, step: int) -> Iterator[Event]:
        if not self.is_wanted:
            return
        pieces = self.base.tokenizer.pieces
        if step == 0:
            places = self._project(self.words[self.ids].float())
            words = [
                Word(token=piece.strip(), x=x, y=y)
                for piece, (x, y) in zip(pieces(self.ids), places, strict=True)
            ]
            yield VocabularyMap(step=0, words=words, explained=self.explained)
        virtual = soft_prompt(self.model)
        assert virtual is not None
        virtual = virtual.float()
        cosines = F.normalize(virtual, dim=1).to(self.directions.dtype) @ self.directions.T
        nearest = cosines.topk(N_NEAREST)
        rows: list[VirtualToken] = []
        for (x, y), norm, ids in zip(
            self._project(virtual), virtual.norm(dim=1).tolist(), nearest.indices, strict=True
        ):
            near = F.cosine_similarity(virtual[len(rows)][None], self.words[ids].float())
            found = zip(pieces(ids.tolist()), near.tolist(), strict=True)
            closest = [NearWord(token=piece, cosine=round(cosine, 4)) for piece, cosine in found]
            rows.append(VirtualToken(x=x, y=y, norm=norm, nearest=closest))
        yield VirtualTokens(step=step, tokens=rows)

    def _project(self, vectors: torch.Tensor) -> list[list[float]]:
        return ((vectors - self.middle) @ self.axes.T).tolist()


def task_words(config: RunConfig, base: LoadedModel, plan: Plan) -> list[int]:
    """Ids of the words on the map: single tokens that begin a word."""
    known = catalog.TASKS.get(config.data.task)
    encoded = [base.tokenizer.encode(f" {label}") for label in (known.labels if known else ())]
    labels = [ids[0] for ids in encoded if len(ids) == 1]
    counted: Counter[int] = Counter()
    for pair in plan.stages[0].pools[0]:
        counted.update(pair.prompt_ids)
    frequent = [i for i, _ in counted.most_common() if _is_word(base.tokenizer.pieces([i])[0])]
    return list(dict.fromkeys([*labels, *frequent]))[:N_WORDS]


def _is_word(piece: str) -> bool:
    return piece.startswith(" ") and piece[1:].isalpha() and len(piece) > SHORTEST
