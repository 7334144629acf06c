"""How an answer is sampled: settings shared by the pages, the command line and the workers."""

from dataclasses import dataclass

from core.config import check_number
from core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    temperature: float = 0.0
    """Divides the logits; 0 always takes the likeliest token (greedy)."""
    top_k: int = 0
    """Keep only the k likeliest tokens; 0 keeps all."""
    top_p: float = 1.0
    """Keep the smallest set of tokens whose probabilities add up to p."""
    repetition_penalty: float = 1.0
    """Divide (multiply, if negative) the logit of each token already seen (Keskar et al. 2019)."""
    max_new_tokens: int = 80
    seed: int = 0

    def __post_init__(self) -> None:
        check_number("temperature", self.temperature, 0, 5)
        check_number("top_k", self.top_k, 0, 100_000, whole=True)
        check_number("top_p", self.top_p, 0, 1, above=True)
        check_number("repetition_penalty", self.repetition_penalty, 0.1, 10)
        check_number("max_new_tokens", self.max_new_tokens, 1, 1024, whole=True)
        check_number("seed", self.seed, 0, 2**31 - 1, whole=True)


@dataclass(frozen=True, kw_only=True)
class SamplingStep:
    """One step from the model's probabilities to those a token is drawn from."""

    name: str
    """As `NextToken.probabilities` calls it."""
    setting: str
    """What it is set to, in words."""
    is_on: bool
    """Whether it can change anything."""


def sampling_steps(settings: SamplingSettings) -> list[SamplingStep]:
    """The chain in its order. At temperature 0 one token is left, so nothing after it can change anything."""
    s = settings
    is_greedy = s.temperature == 0
    return [
        SamplingStep(name="model", setting="as it is", is_on=True),
        SamplingStep(
            name="repetition penalty",
            setting=f"{s.repetition_penalty:g}",
            is_on=s.repetition_penalty != 1,
        ),
        SamplingStep(
            name="temperature",
            setting="0: the likeliest token" if is_greedy else f"{s.temperature:g}",
            is_on=s.temperature != 1,
        ),
        SamplingStep(
            name="top-k",
            setting=f"{s.top_k}" if s.top_k else "all",
            is_on=s.top_k > 0 and not is_greedy,
        ),
        SamplingStep(name="top-p", setting=f"{s.top_p:g}", is_on=s.top_p < 1 and not is_greedy),
    ]


def check_prompt(text: str) -> str:
    """The prompt, or `UserError` when there is nothing to answer or it is no text."""
    if not text.strip():
        raise UserError("The prompt is empty; type something for the model to answer.")
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise UserError("The prompt holds half of a character (a lone surrogate); type it again.")
    return text
