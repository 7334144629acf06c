"""What tuned models are asked where they are looked into. Imports no torch."""

PROMPTS = (
    "What is your name?",
    "What is the capital of France?",
    "Write a short review of a film.",
)
"""Asked where logits are compared and no prompts are named."""
MOST_TOKENS = 24
"""Length of an answer without and with a soft prompt."""
