"""What generating yields: tokens, and the probabilities of those that could come next. Imports no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Token:
    """One generated token."""

    id: int
    piece: str
    text: str
    """The whole answer so far."""
    probability: float
    """Of this token in the distribution it was drawn from."""
    n_tokens: int
    elapsed_s: float
    ended: bool
    """The model said it is done; `piece` is its end token."""


@dataclass(frozen=True, kw_only=True)
class NextToken:
    id: int
    """-1 for all others together."""
    token: str
    probabilities: dict[str, float]
    """After each sampling stage: "model", "repetition penalty", "temperature", "top-k", "top-p"."""
