"""The sizes of a decoder model, and how many parameters follow from them.

shape = PUBLISHED["Llama-2-7B"]
total_parameters(shape)          # 6738415616
shape.linears["value"]           # (4096, 4096): inputs, outputs
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from core.checks import check_number
from core.errors import UserError, quote, shortened
from core.typed_json import read

ROLES = ("query", "key", "value", "output", "gate", "up", "down")
"""What the matrices of a decoder layer are for; core/models/roles.py knows each model's names."""
LLAMA_NAMES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Their names in Llama, which may be written instead."""


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """A decoder model whose layers are attention and an MLP, each after a normalisation."""

    title: str
    hidden: int
    """d: the width of the residual stream."""
    intermediate: int
    """m: the inner width of the MLP."""
    layers: int
    heads: int
    kv_heads: int
    """Heads of keys and values; fewer than `heads` in grouped-query attention."""
    head_dim: int
    vocabulary: int
    tied: bool
    """The output layer is the embedding matrix once more."""
    gated: bool = True
    """The MLP is down(act(gate x) · up x), not down(act(up x))."""
    biased: tuple[str, ...] = ()
    """The linear layers of a decoder layer that have a bias, by role."""
    fused: tuple[tuple[str, ...], ...] = ()
    """Roles that one matrix holds together."""
    norm_biases: bool = False
    positions: int = 0
    """Learned position embeddings; 0 where positions are rotations."""

    def __post_init__(self) -> None:
        for name in ("hidden", "intermediate", "layers", "heads", "kv_heads", "head_dim"):
            check_number(name, getattr(self, name), 1, 1_000_000, whole=True)
        check_number("vocabulary", self.vocabulary, 1, 10_000_000, whole=True)
        if self.heads % self.kv_heads:
            raise UserError(
                f"{self.heads} heads cannot share {self.kv_heads} heads of keys and values evenly."
            )

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """(inputs, outputs) of the linear layers of one decoder layer, by role."""
        d, m = self.hidden, self.intermediate
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        sizes = {
            "query": (d, queries),
            "key": (d, keys),
            "value": (d, keys),
            "output": (queries, d),
            "gate": (d, m),
            "up": (d, m),
            "down": (m, d),
        }
        return {name: size for name, size in sizes.items() if self.gated or name != "gate"}

    def matrices(self, roles: Iterable[str]) -> list[tuple[int, int]]:
        """(inputs, outputs) of the matrices that play these roles, each once.

        Raises `UserError` for a role that the shape has no matrix for.
        """
        roles, linears = list(roles), self.linears
        if missing := [role for role in roles if role not in linears]:
            raise UserError(
                f"{self.title} has no {' and no '.join(missing)} matrix; it has {', '.join(linears)}."
            )
        held = {role: next((f for f in self.fused if role in f), (role,)) for role in roles}
        return [
            (linears[together[0]][0], sum(linears[role][1] for role in together))
            for together in dict.fromkeys(held.values())
        ]

    @property
    def norm_parameters(self) -> int:
        """Of one normalisation."""
        return self.hidden * (2 if self.norm_biases else 1)

    @property
    def layer_parameters(self) -> int:
        """Of one decoder layer."""
        linears = self.linears
        biases = sum(linears[name][1] for name in self.biased)
        return sum(i * o for i, o in linears.values()) + biases + 2 * self.norm_parameters

    @property
    def embeddings(self) -> int:
        """How many vectors of width d stand outside the layers: words, positions, the output layer."""
        return self.vocabulary * (1 if self.tied else 2) + self.positions


def total_parameters(shape: ModelShape) -> int:
    """All parameters; a matrix that is used twice counts once."""
    layers = shape.layers * shape.layer_parameters
    return shape.embeddings * shape.hidden + layers + shape.norm_parameters


def of_folder(folder: Path) -> ModelShape:
    """The shape that a model's config.json in Hugging Face format describes.

    Raises `UserError` for a file that cannot be read and for kinds of models not known here.
    """
    try:
        found = json.loads((folder / "config.json").read_text("utf-8"))
        kind = found["model_type"]
        if kind not in READERS:
            raise UserError(
                f"Models of kind {quote(kind)} are not known here; known are: {', '.join(READERS)}."
            )
        return READERS[kind](found, folder.name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"{shortened(folder / 'config.json')} does not describe a model: {shortened(error)}."
        ) from error


@dataclass(frozen=True, kw_only=True)
class LlamaConfig:
    """Of a config.json of Llama and its relatives, what the shape follows from."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    vocab_size: int
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    tie_word_embeddings: bool | None = None
    attention_bias: bool | None = None
    mlp_bias: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Gpt2Config:
    n_embd: int
    n_layer: int
    n_head: int
    n_positions: int
    vocab_size: int
    n_inner: int | None = None


@dataclass(frozen=True, kw_only=True)
class GptNeoxConfig:
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    vocab_size: int
    tie_word_embeddings: bool | None = None
    attention_bias: bool = True


def _llama(found: object, title: str) -> ModelShape:
    config = read(LlamaConfig, found)
    attention = ROLES[:4] if config.attention_bias else ()
    mlp = ROLES[4:] if config.mlp_bias else ()
    return ModelShape(
        title=title,
        hidden=config.hidden_size,
        intermediate=config.intermediate_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads or config.num_attention_heads,
        head_dim=config.head_dim or config.hidden_size // config.num_attention_heads,
        vocabulary=config.vocab_size,
        tied=bool(config.tie_word_embeddings),
        biased=attention + mlp,
    )


def _qwen2(found: object, title: str) -> ModelShape:
    return replace(_llama(found, title), biased=ROLES[:3])


def _gpt2(found: object, title: str) -> ModelShape:
    config = read(Gpt2Config, found)
    return gpt(
        title,
        hidden=config.n_embd,
        layers=config.n_layer,
        heads=config.n_head,
        vocabulary=config.vocab_size,
        positions=config.n_positions,
        intermediate=config.n_inner,
    )


def _gpt_neox(found: object, title: str) -> ModelShape:
    config = read(GptNeoxConfig, found)
    shape = gpt(
        title,
        hidden=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        vocabulary=config.vocab_size,
        positions=0,
        intermediate=config.intermediate_size,
    )
    without = () if config.attention_bias else ROLES[:4]
    biased = tuple(role for role in shape.biased if role not in without)
    return replace(shape, tied=bool(config.tie_word_embeddings), biased=biased)


def _phi3(found: object, title: str) -> ModelShape:
    return replace(_llama(found, title), fused=(ROLES[:3], ROLES[4:6]))


READERS: dict[str, Callable[[object, str], ModelShape]] = {
    "llama": _llama,
    "mistral": _llama,
    "qwen2": _qwen2,
    "gpt2": _gpt2,
    "gpt_neox": _gpt_neox,
    "granite": _llama,
    "phi3": _phi3,
}


def gpt(
    title: str,
    *,
    hidden: int,
    layers: int,
    heads: int,
    vocabulary: int,
    positions: int,
    intermediate: int | None = None,
) -> ModelShape:
    """A model of the GPT family: biases everywhere, learned positions, an MLP of four times the width."""
    return ModelShape(
        title=title,
        hidden=hidden,
        intermediate=intermediate or 4 * hidden,
        layers=layers,
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        vocabulary=vocabulary,
        tied=True,
        gated=False,
        biased=tuple(name for name in ROLES if name != "gate"),
        norm_biases=True,
        fused=(ROLES[:3],),
        positions=positions,
    )


def llama(
    title: str,
    *,
    hidden: int,
    intermediate: int,
    layers: int,
    heads: int,
    kv_heads: int,
    vocabulary: int,
    tied: bool = False,
    biased: tuple[str, ...] = (),
) -> ModelShape:
    """A model of the Llama family: a gated MLP, rotated positions."""
    return ModelShape(
        title=title,
        hidden=hidden,
        intermediate=intermediate,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=hidden // heads,
        vocabulary=vocabulary,
        tied=tied,
        biased=biased,
    )


PUBLISHED: dict[str, ModelShape] = {
    shape.title: shape
    for shape in (
        gpt("GPT-2", hidden=768, layers=12, heads=12, vocabulary=50257, positions=1024),
        llama(
            "SmolLM2-135M",
            hidden=576,
            intermediate=1536,
            layers=30,
            heads=9,
            kv_heads=3,
            vocabulary=49152,
            tied=True,
        ),
        llama(
            "SmolLM2-360M",
            hidden=960,
            intermediate=2560,
            layers=32,
            heads=15,
            kv_heads=5,
            vocabulary=49152,
            tied=True,
        ),
        llama(
            "Qwen2.5-0.5B",
            hidden=896,
            intermediate=4864,
            layers=24,
            heads=14,
            kv_heads=2,
            vocabulary=151936,
            tied=True,
            biased=ROLES[:3],
        ),
        llama(
            "Llama-2-7B",
            hidden=4096,
            intermediate=11008,
            layers=32,
            heads=32,
            kv_heads=32,
            vocabulary=32000,
        ),
        llama(
            "Llama-3-8B",
            hidden=4096,
            intermediate=14336,
            layers=32,
            heads=32,
            kv_heads=8,
            vocabulary=128256,
        ),
        llama(
            "Llama-2-13B",
            hidden=5120,
            intermediate=13824,
            layers=40,
            heads=40,
            kv_heads=40,
            vocabulary=32000,
        ),
        llama(
            "LLaMA-65B",
            hidden=8192,
            intermediate=22016,
            layers=80,
            heads=64,
            kv_heads=64,
            vocabulary=32000,
        ),
        llama(
            "Llama-2-70B",
            hidden=8192,
            intermediate=28672,
            layers=80,
            heads=64,
            kv_heads=8,
            vocabulary=32000,
        ),
        gpt("GPT-3 175B", hidden=12288, layers=96, heads=96, vocabulary=50257, positions=2048),
    )
}
