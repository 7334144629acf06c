"""Which weights a run trains."""

from dataclasses import dataclass

from core.config.checks import check_choice, check_number, check_type
from core.errors import UserError

ROLES = ("query", "key", "value", "output", "gate", "up", "down")
"""What the matrices of a decoder layer are for; core/models/roles.py knows each model's names."""
LLAMA_NAMES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Their names in Llama, which may be written instead."""
METHODS = (
    "full",
    "top_layers",
    "bitfit",
    "layernorm",
    "lora",
    "rslora",
    "dora",
    "adalora",
    "adapter",
    "ia3",
    "prompt",
    "prefix",
)
LORA_FAMILY = ("lora", "rslora", "dora", "adalora")
"""Methods that train a low-rank change beside chosen matrices."""
SOFT_PROMPTS = ("prompt", "prefix")
LEARNING_RATES = {
    "full": 5e-5,
    "top_layers": 1e-4,
    "bitfit": 3e-3,
    "layernorm": 3e-3,
    "lora": 1e-3,
    "rslora": 1e-3,
    "dora": 1e-3,
    "adalora": 3e-2,
    "adapter": 5e-4,
    "ia3": 1e-2,
    "prompt": 3e-2,
    "prefix": 1e-2,
}
"""Peak rates that learn sentiment in 20 steps (measured: assets/recorded/methods.json)."""
PROMPT_STARTS = ("vocabulary", "text", "random")


def default_learning_rate(method: str) -> float:
    """The rate a method starts with when the reader names none."""
    check_choice("The method", method, METHODS)
    return LEARNING_RATES[method]


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    name: str = "lora"
    """One of `METHODS`; each has a file in core/methods that says what it trains."""
    layers: int = 8
    """`top_layers`: how many decoder layers are trained, counted from the last."""
    virtual_tokens: int = 10
    """`prompt`, `prefix`: how many virtual tokens are trained."""
    prompt_start: str = "vocabulary"
    """`prompt`: what the virtual tokens begin as: words drawn from the vocabulary, the words of
    `prompt_text` (repeated or cut to `virtual_tokens`), or random vectors."""
    prompt_text: str = ""
    """`prompt` with `prompt_start` text: the words it begins as."""
    rank: int = 8
    """LoRA's r: the inner width of B·A. AdaLoRA: the mean rank at the end."""
    alpha: float = 16.0
    """LoRA's scale: the update is (alpha / rank) · B·A; rsLoRA's is (alpha / √rank) · B·A."""
    target_modules: tuple[str, ...] = ("query", "value")
    """LoRA family: which matrices get a pair, by their roles."""
    last_layers: int = 0
    """LoRA family: pairs only in so many decoder layers, counted from the last; 0 is all."""
    dropout: float = 0.0
    """LoRA family: dropout on the pair's input while training."""
    bottleneck: int = 16
    """`adapter`: inner width of each adapter."""

    def __post_init__(self) -> None:
        check_choice("The method", self.name, METHODS)
        check_number("layers", self.layers, 1, 1_000, whole=True)
        check_number("virtual_tokens", self.virtual_tokens, 1, 256, whole=True)
        check_choice("The soft prompt's start", self.prompt_start, PROMPT_STARTS)
        check_type("prompt_text", self.prompt_text, str, "text")
        if self.name == "prompt" and (self.prompt_start == "text") != bool(
            self.prompt_text.strip()
        ):
            raise UserError("A soft prompt starts from a text if you give one, and only then.")
        check_number("rank", self.rank, 1, 256, whole=True)
        check_number("alpha", self.alpha, 0, 1024, above=True)
        check_number("dropout", self.dropout, 0, 0.9)
        check_number("last_layers", self.last_layers, 0, 1_000, whole=True)
        check_number("bottleneck", self.bottleneck, 1, 1_024, whole=True)
        check_type("target_modules", self.target_modules, tuple, "a list")
        if not self.target_modules:
            raise UserError("Choose at least one target module for LoRA.")
        for target in self.target_modules:
            if target not in LLAMA_NAMES:
                check_choice("The target module", target, ROLES)
        roles: dict[str, str] = dict(zip(LLAMA_NAMES, ROLES, strict=True))
        targets = dict.fromkeys(roles.get(target, target) for target in self.target_modules)
        object.__setattr__(self, "target_modules", tuple(targets))
