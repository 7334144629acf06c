"""Penalties that limit how far tuning moves a model. Each adds its gradient after the backward pass.

    l2sp   λ/2 · Σ (w − w₀)²          towards the start (Li et al. 2018, "L²-SP", section 3)
    ewc    λ/2 · Σ F (w − w₀)²        where it matters to the kept tasks (Kirkpatrick et al. 2017, eq. 3)
    kl     λ · KL(base ‖ tuned)       on answers to the kept tasks' prompts (Li & Hoiem 2016)

The gradients of the first two are written down, λ·F·(w − w₀), which costs one pass over the weights.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from core import methods
from core.config import MitigationConfig, RunConfig
from core.data.encode import Encoded, encode
from core.data.examples import Example, task_examples
from core.generate.batch import answer_greedily
from core.methods import Penalty
from core.models.load import LoadedModel
from core.models.precision import autocast
from core.models.trie import TrieBatch, build, logits
from core.models.virtual_tokens import n_virtual_tokens

N_KEPT = 32
"""Prompts of the kept tasks that the KL penalty looks at."""
N_FISHER = 16
"""Of them, how many EWC's Fisher information is estimated from: each costs a backward pass alone."""
KEPT_TOKENS = 12
"""Length of the base model's own answers to them."""
KEPT_AT_ONCE = 4
"""Of them, how many each step's KL penalty looks at."""


def make_penalties(
    config: RunConfig, model: nn.Module, base: LoadedModel, *, n_done: int = 0
) -> list[Penalty]:
    """What is added to the loss: the cure's penalty and the method's own, where there are any.

    Call it before training: the start is where `model` is now. Of a run that goes on, `n_done` steps are done.
    """
    found = (
        make_regularizer(
            config.cure,
            model,
            base,
            seed=config.seed,
            n_done=n_done,
            starts_as_base=not config.start_from,
        ),
        methods.penalty_of(config.method.name, model),
    )
    return [penalty for penalty in found if penalty]


def make_regularizer(
    config: MitigationConfig,
    model: nn.Module,
    base: LoadedModel,
    *,
    seed: int,
    n_done: int = 0,
    starts_as_base: bool = True,
) -> Penalty | None:
    """The penalty of a cure, or None."""
    if config.regularizer == "none":
        return None
    for p in model.parameters():  # what it adds to small gradients would be lost in bf16
        p.grad_dtype = p.dtype
    if config.regularizer == "l2sp":
        return Pull(model, base, config.strength)
    kept = kept_pairs(config.keep, base, seed=seed)
    if config.regularizer == "ewc":
        fisher = fisher_information(model, kept[:: N_KEPT // N_FISHER], base, seed=seed)
        return Pull(model, base, config.strength, fisher)
    return KeepAnswers(
        model,
        kept,
        base,
        config.strength,
        seed=seed,
        n_done=n_done,
        starts_as_base=starts_as_base,
    )


class Pull:
    """L2-SP, or EWC with the diagonal `fisher` information of each trained parameter."""

    def __init__(
        self,
        model: nn.Module,
        base: LoadedModel,
        strength: float,
        fisher: dict[str, torch.Tensor] | None = None,
    ) -> None:
        self.strength = strength
        self.trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        own = dict(base.model.named_parameters())
        # The base's own tensors are the start where they are trained: no second copy of the model.
        self.start = {
            name: own[name] if name in own else p.detach().clone()
            for name, p in self.trained.items()
        }
        self.fisher = fisher

    @torch.no_grad()
    def add_gradient(self) -> float:
        penalty = torch.zeros(())
        for name, p in self.trained.items():
            moved = p - self.start[name]
            pull = moved * self.fisher[name] if self.fisher else moved
            penalty = penalty + 0.5 * self.strength * torch.sum(pull * moved).cpu()
            if p.grad is None:
                p.grad = self.strength * pull
            else:
                p.grad.add_(pull, alpha=self.strength)
        return float(penalty)


def kept_pairs(tasks: Sequence[str], base: LoadedModel, *, seed: int) -> list[Encoded]:
    """Training prompts of the kept tasks with the answers the base model itself gives.

    What is to be kept is what the model does, so its own greedy answers stand here, not references.
    """
    chosen: list[Example] = []
    for task in tasks:
        examples = task_examples(task, "train")
        random.Random(f"kept {seed}").shuffle(examples)
        chosen += examples[: max(1, N_KEPT // len(tasks))]
    prompts = [base.tokenizer.ask(example.prompt) for example in chosen]
    answers = answer_greedily(base.model, base, prompts, max_new_tokens=KEPT_TOKENS)
    return [
        encode(Example(prompt=example.prompt, completion=answer.text or "."), base.tokenizer)
        for example, answer in zip(chosen, answers, strict=True)
    ]


def fisher_information(
    model: nn.Module, kept: Sequence[Encoded], base: LoadedModel, *, seed: int
) -> dict[str, torch.Tensor]:
    """Diagonal Fisher information of each trained parameter at the start, scaled to a mean of 1.

    F = E over prompts x, and over tokens y drawn from the model's own p(y | x), of (d log p / d w)².
    The scale is arbitrary in the penalty (λ takes it up); a mean of 1 makes strengths comparable
    with L2-SP's.
    """
    generator = torch.Generator().manual_seed(seed)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    fisher = {name: torch.zeros_like(p) for name, p in trained.items()}
    model.eval()
    for pair in kept:
        batch = build([pair]).to(base.device)
        with autocast(base.device, base.dtype):
            found = logits(model, batch)
            drawn = torch.multinomial(found.detach().softmax(-1).cpu(), 1, generator=generator)
            log_p = -F.cross_entropy(found, drawn[:, 0].to(base.device), reduction="sum")
        gradients: Any = torch.autograd.grad(log_p, list(trained.values()), allow_unused=True)
        for name, gradient in zip(trained, gradients, strict=True):
            if gradient is not None:
                fisher[name].addcmul_(gradient, gradient)
    n = sum(f.numel() for f in fisher.values())
    mean = torch.stack([f.sum(dtype=torch.float64) for f in fisher.values()]).sum() / n
    if mean > 0:
        for f in fisher.values():
            f.div_(mean)
    return fisher


class KeepAnswers:
    """KL(base ‖ tuned) of the next-token distributions along the base's answers to kept prompts.

    A method that starts as the base is itself asked for the base's logits, before its first step and
    in just the way it computes later. So the penalty is exactly 0 at the start, also in bf16, where
    another order of the same products gives other digits. A soft prompt does not start as the base, nor does what
    begins with tuned weights.
    """

    def __init__(
        self,
        model: nn.Module,
        kept: Sequence[Encoded],
        base: LoadedModel,
        strength: float,
        *,
        seed: int,
        n_done: int = 0,
        starts_as_base: bool = True,
    ) -> None:
        self.model, self.base, self.strength = model, base, strength
        groups = [kept[i : i + KEPT_AT_ONCE] for i in range(0, len(kept), KEPT_AT_ONCE)]
        is_base = starts_as_base and not n_virtual_tokens(model)
        start = (model if is_base else base.model).eval()
        self.known: list[tuple[TrieBatch, torch.Tensor]] = []
        for group in groups:
            batch = build(group).to(base.device)
            with autocast(base.device, base.dtype):  # not no_grad, which computes in another way
                wanted = logits(start, batch).detach()
            self.known.append((batch, _narrow(wanted, base.dtype)))
        self.supply = islice(self._endless(random.Random(f"kl {seed}")), n_done, None)

    def _endless(self, rng: random.Random) -> Iterator[tuple[TrieBatch, torch.Tensor]]:
        while True:
            yield rng.choice(self.known)

    def divergence(self, batch: TrieBatch, wanted: torch.Tensor) -> torch.Tensor:
        """Mean KL(base ‖ tuned) in nats per token of the kept answers, from the base's logits."""
        with autocast(self.base.device, self.base.dtype):
            found = logits(self.model, batch)
        by_token = F.kl_div(
            found.log_softmax(-1),
            wanted.to(found.dtype).log_softmax(-1),
            reduction="none",
            log_target=True,
        )
        return (by_token.sum(-1) * batch.counts).sum() / batch.counts.sum()

    def add_gradient(self) -> float:
        penalty = self.strength * self.divergence(*next(self.supply))
        penalty.backward()
        return penalty.item()


def _narrow(logits: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """`logits` in `dtype` if all of them fit, as those of a bf16 output layer do: half the memory."""
    narrow = logits.to(dtype)
    return narrow if torch.equal(narrow.to(logits.dtype), logits) else logits
