"""What a model answered to a prompt."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    text: str
    """Without the end token, white space around it dropped."""
    was_cut: bool
    """The length limit ended it, not the model."""
