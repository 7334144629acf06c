"""Which weights a run trains."""

from dataclasses import dataclass

from core.config.checks import check_choice, check_number, check_type
from core.errors import UserError

LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
METHODS = ("full", "top_layers", "lora", "prompt")
LEARNING_RATES = {"full": 5e-5, "top_layers": 1e-4, "lora": 1e-3, "prompt": 3e-2}
"""Peak rates that learn sentiment in 20 steps and keep most else (measured; see the README)."""


def default_learning_rate(method: str) -> float:
    """The rate a method starts with when the reader names none."""
    check_choice("The method", method, METHODS)
    return LEARNING_RATES[method]


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    name: str = "lora"
    """`full` trains every weight; `top_layers` those of the last layers; `lora` two small matrices
    beside each target; `prompt` embeddings of virtual tokens before the text."""
    layers: int = 8
    """`top_layers`: how many decoder layers are trained, counted from the last."""
    virtual_tokens: int = 10
    """`prompt`: how many embeddings are trained."""
    rank: int = 8
    """LoRA's r: the inner width of B·A."""
    alpha: float = 16.0
    """LoRA's scale: the update is (alpha / rank) · B·A."""
    target_modules: tuple[str, ...] = ("q_proj", "v_proj")
    """Which linear layers get a LoRA pair."""
    dropout: float = 0.0
    """Dropout on LoRA's input while training."""

    def __post_init__(self) -> None:
        check_choice("The method", self.name, METHODS)
        check_number("layers", self.layers, 1, 1_000, whole=True)
        check_number("virtual_tokens", self.virtual_tokens, 1, 256, whole=True)
        check_number("rank", self.rank, 1, 256, whole=True)
        check_number("alpha", self.alpha, 0, 1024, above=True)
        check_number("dropout", self.dropout, 0, 0.9)
        check_type("target_modules", self.target_modules, tuple, "a list")
        if not self.target_modules:
            raise UserError("Choose at least one target module for LoRA.")
        for target in self.target_modules:
            check_choice("The target module", target, LORA_TARGETS)
