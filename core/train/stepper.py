"""Training one phase at a time, with everything each phase produced: the loop under a magnifier.

The phases are those of `core.train.loop.take_step`, in its order, on the same functions: stepping
through n steps leaves the same weights as running them (tests/core/train/test_stepper.py).
"""

import re

import torch
from torch import nn

from core import methods
from core.config import RunConfig
from core.data.encode import Encoded, encode
from core.data.examples import load_splits
from core.models.load import LoadedModel
from core.models.precision import autocast
from core.models.seed import seed_everything
from core.models.trie import TrieBatch, build, token_losses, tokens_computed
from core.train.batches import batches
from core.train.loop import make_optimizer
from core.train.phases import (
    PHASES,
    BackwardPhase,
    BatchPhase,
    ClipPhase,
    ForwardPhase,
    LayerNorm,
    LossPhase,
    MarkedToken,
    PairPieces,
    Phase,
    TargetToken,
    UpdatePhase,
)
from core.train.schedule import learning_rate


class Stepper:
    """Holds a model in training between two clicks; `advance` does the next phase."""

    def __init__(self, config: RunConfig, base: LoadedModel) -> None:
        seed_everything(config.seed)
        self.config, self.base = config, base
        self.n_done = 0
        self.pairs = [
            encode(example, base.tokenizer)
            for example in load_splits(config.data, seed=config.seed).train
        ]
        self.model = methods.find(config.method.name).attach(base.model, config.method).train()
        self.optimizer = make_optimizer(self.model, config)
        self.supply = batches(self.pairs, config.optimizer.batch_size, seed=config.seed)
        self.chosen: list[Encoded] = []
        self.batch: TrieBatch
        self.losses: torch.Tensor
        self.grad_norm: float = 0.0

    @property
    def step(self) -> int:
        """The optimizer step the next phase belongs to: 1, 2, …"""
        return self.n_done // len(PHASES) + 1

    @property
    def trainable(self) -> dict[str, nn.Parameter]:
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    def advance(self) -> Phase:
        """Do the next phase; returns what it produced."""
        result: Phase = getattr(self, f"_{PHASES[self.n_done % len(PHASES)]}")()
        self.n_done += 1
        return result

    def _batch(self) -> BatchPhase:
        """Take the next examples and merge them into a tree."""
        self.chosen = next(self.supply)
        self.batch = build(self.chosen).to(self.base.device)
        pieces = self.base.tokenizer.pieces
        return BatchPhase(
            step=self.step,
            examples=[
                PairPieces(prompt=pieces(pair.prompt_ids), completion=pieces(pair.completion_ids))
                for pair in self.chosen
            ],
            tokens_computed=tokens_computed(self.model, self.batch),
            tokens_padded=self.batch.n_tokens_padded,
            n_targets=int(self.batch.counts.sum()),
        )

    def _forward(self) -> ForwardPhase:
        """Run the model: each target's probability before this step."""
        with autocast(self.base.device, self.base.dtype):
            self.losses = token_losses(self.model, self.batch)
        return ForwardPhase(
            step=self.step,
            rows=self._target_rows(),
            hidden_size=int(self.base.model.config.hidden_size),  # pyright: ignore
            vocabulary=int(self.base.model.config.vocab_size),  # pyright: ignore
        )

    def _loss(self) -> LossPhase:
        """Average the tokens' losses into one number."""
        counts = self.batch.counts
        self.mean = (self.losses * counts).sum() / counts.sum()
        return LossPhase(step=self.step, loss=self.mean.item(), rows=self._target_rows())

    def _backward(self) -> BackwardPhase:
        """Fill the gradient of every trained parameter."""
        self.mean.backward()
        gradients = {name: p.grad for name, p in self.trainable.items() if p.grad is not None}
        total = torch.stack([g.float().norm() for g in gradients.values()]).norm().item()
        return BackwardPhase(
            step=self.step,
            layers=by_layer(gradients),
            grad_norm=total,
            n_parameters=_count(gradients),
        )

    def _clip(self) -> ClipPhase:
        """Shorten the gradient if it is longer than clip_norm."""
        limit = self.config.optimizer.clip_norm
        self.grad_norm = self.optimizer.clip(limit).item()
        return ClipPhase(
            step=self.step,
            before=self.grad_norm,
            after=min(self.grad_norm, limit),
            clip_norm=limit,
            scale=min(1.0, limit / (self.grad_norm + 1e-6)),
        )

    def _update(self) -> UpdatePhase:
        """AdamW moves every trained parameter a little; the gradient is then cleared."""
        rate = learning_rate(self.step, self.config.optimizer)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        before = {name: p.detach().clone() for name, p in self.trainable.items()}
        self.optimizer.step()
        self.optimizer.zero_grad()
        change = {name: p.detach() - before[name] for name, p in self.trainable.items()}
        self.model.eval()  # no dropout here: it would draw random numbers the run does not
        with torch.no_grad(), autocast(self.base.device, self.base.dtype):
            counts = self.batch.counts
            again = (token_losses(self.model, self.batch) * counts).sum() / counts.sum()
        self.model.train()
        return UpdatePhase(
            step=self.step,
            layers=by_layer(change),
            learning_rate=rate,
            loss_before=self.mean.item(),
            loss_after=again.item(),
        )

    def _target_rows(self) -> list[TargetToken]:
        """One row per distinct target: its token, loss in nats, probability, and how many share it."""
        pieces = self.base.tokenizer.pieces(self.batch.targets.tolist())
        losses = self.losses.detach().tolist()
        counts = self.batch.counts.tolist()
        return [
            TargetToken(
                token=piece,
                loss=loss,
                probability=float(torch.exp(torch.tensor(-loss))),
                count=count,
            )
            for piece, loss, count in zip(pieces, losses, counts, strict=True)
        ]


def by_layer(tensors: dict[str, torch.Tensor]) -> list[LayerNorm]:
    """Euclidean norm of all tensors of each transformer layer; others under their own names."""
    squares: dict[str, float] = {}
    for name, tensor in tensors.items():
        found = re.search(r"\.(?:layers|h)\.(\d+)\.", name)
        place = f"layer {int(found.group(1)):02d}" if found else _outside(name)
        squares[place] = squares.get(place, 0.0) + tensor.float().square().sum().item()
    return [LayerNorm(place=place, norm=square**0.5) for place, square in sorted(squares.items())]


def _outside(name: str) -> str:
    return "embeddings" if "emb" in name or "wte" in name or "wpe" in name else "last norm"


def _count(tensors: dict[str, torch.Tensor]) -> int:
    return sum(t.numel() for t in tensors.values())


@torch.no_grad()
def pair_losses(model: nn.Module, base: LoadedModel, pair: Encoded) -> list[MarkedToken]:
    """Every token of a pair with whether the loss sees it and its loss in nats (None where not)."""
    batch = build([Encoded(pair.prompt_ids[:1], pair.ids[1:])]).to(base.device)
    with autocast(base.device, base.dtype):
        losses = token_losses(model, batch).tolist()
    first = len(pair.prompt_ids)
    return [
        MarkedToken(token=piece, seen=at >= first, loss=losses[at - 1] if at >= first else None)
        for at, piece in enumerate(base.tokenizer.pieces(pair.ids))
    ]
