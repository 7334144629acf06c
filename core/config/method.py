"""Which weights a run trains."""

from dataclasses import dataclass

from core.checks import check_choice
from core.config.settings import check_settings, setting
from core.config.specification import METHODS
from core.errors import UserError
from core.shape import LLAMA_NAMES, ROLES

PROMPT_STARTS = ("vocabulary", "text", "random")


def default_learning_rate(method: str) -> float:
    """The rate a method starts with when the reader names none."""
    check_choice("The method", method, METHODS)
    return METHODS[method].learning_rate


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    name: str = setting(
        "lora", "--method", "Which weights are trained.", title="method", choices=METHODS
    )
    rank: int = setting(
        8,
        "--rank",
        "LoRA's r: the inner width of B·A. AdaLoRA: the mean rank at the end.",
        low=1,
        high=256,
    )
    alpha: float = setting(
        16.0,
        "--alpha",
        "LoRA's scale: the update is (alpha / rank) · B·A; rsLoRA's is (alpha / √rank) · B·A.",
        low=0,
        high=1_024,
        above=True,
        usual="2 x rank",
    )
    target_modules: tuple[str, ...] = setting(
        ("query", "value"),
        "--targets",
        "LoRA family: which matrices get a pair, by their roles (Llama's names, q_proj …, do as well).",
        title="target module",
        choices=(*ROLES, *LLAMA_NAMES),
    )
    last_layers: int = setting(
        0,
        "--last-layers",
        "LoRA family: pairs only in so many decoder layers, counted from the last; 0 is all.",
        low=0,
        high=1_000,
    )
    dropout: float = setting(
        0.0,
        "--dropout",
        "LoRA family: dropout on the pair's input while training.",
        low=0,
        high=0.9,
    )
    layers: int = setting(
        8,
        "--layers",
        "Method top_layers: how many decoder layers are trained, counted from the last.",
        low=1,
        high=1_000,
    )
    bottleneck: int = setting(
        16, "--bottleneck", "Method adapter: inner width of each adapter.", low=1, high=1_024
    )
    virtual_tokens: int = setting(
        10,
        "--virtual-tokens",
        "Methods prompt and prefix: how many virtual tokens are trained.",
        low=1,
        high=256,
    )
    prompt_start: str = setting(
        "vocabulary",
        "--prompt-start",
        "Method prompt: the virtual tokens begin as words drawn from the vocabulary, as the words "
        "of --prompt-text (repeated or cut to fit), or as random vectors.",
        title="soft prompt's start",
        choices=PROMPT_STARTS,
        usual="text where one is given, else vocabulary",
    )
    prompt_text: str = setting(
        "", "--prompt-text", "Method prompt: the words that the virtual tokens begin as."
    )

    def __post_init__(self) -> None:
        check_settings(self)
        has_text = bool(self.prompt_text.strip())
        if self.name == "prompt" and (self.prompt_start == "text") != has_text:
            raise UserError("A soft prompt starts from a text if you give one, and only then.")
        if not self.target_modules:
            raise UserError("Choose at least one target module for LoRA.")
        roles: dict[str, str] = dict(zip(LLAMA_NAMES, ROLES, strict=True))
        targets = dict.fromkeys(roles.get(target, target) for target in self.target_modules)
        object.__setattr__(self, "target_modules", tuple(targets))
