"""What the answering worker is asked and what it answers."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TextScore:
    score: float
    interval: tuple[float, float]
    n: int
    n_tokens: int
    n_cut: int
    max_new_tokens: int
