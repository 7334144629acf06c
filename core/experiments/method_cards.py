"""The families of tuning methods, and a card for each method: how it works, its formula, its knob."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Family:
    title: str
    how: str


FAMILIES: dict[str, Family] = {
    "selective": Family(
        title="Selective", how="Train some of the model’s own weights and freeze the others."
    ),
    "reparameterization": Family(
        title="Reparameterization",
        how="Freeze the weights and train their change, written with few parameters.",
    ),
    "additive": Family(
        title="Additive", how="Freeze the weights and train small new parts between them."
    ),
    "soft prompts": Family(
        title="Soft prompts", how="Freeze the weights and train what stands before the text."
    ),
    "full": Family(title="Full", how="The reference: nothing is frozen."),
}


@dataclass(frozen=True, kw_only=True)
class Knob:
    """The one setting of a method that a reader turns."""

    field: str
    """Of `MethodConfig`."""
    words: str
    values: tuple[int, ...]
    usual: int


RANK = Knob(field="rank", words="rank", values=(1, 2, 4, 8, 16, 32, 64), usual=8)
TOKENS = Knob(
    field="virtual_tokens", words="virtual tokens", values=(1, 2, 5, 10, 20, 50), usual=10
)
LAYERS = Knob(field="layers", words="layers", values=(1, 2, 4, 6, 8, 12, 16, 24, 30), usual=8)
WIDTH = Knob(field="bottleneck", words="width", values=(1, 2, 4, 8, 16, 32, 64), usual=16)


@dataclass(frozen=True, kw_only=True)
class MethodCard:
    title: str
    family: str
    how: str
    """One sentence: how it works."""
    adds: str
    """What it trains or adds in a decoder layer."""
    formula: str
    """LaTeX."""
    paper: str
    knob: Knob | None = None


CARDS: dict[str, MethodCard] = {
    "top_layers": MethodCard(
        title="Last layers only",
        family="selective",
        how="Trains the last decoder layers, as the first ones hold what many tasks share.",
        adds="All weights of the last layers are trained; nothing is added.",
        formula=r"W_l' = W_l + \Delta W_l \quad (l > L - k)",
        paper="Yosinski et al. 2014, section 3",
        knob=LAYERS,
    ),
    "bitfit": MethodCard(
        title="Biases only",
        family="selective",
        how="Trains only the biases, the numbers that shift what a linear layer gives.",
        adds="Models of today have no biases: each linear layer gets a new one that starts at zero.",
        formula=r"y = W x + b",
        paper="Ben Zaken et al. 2022 (BitFit), section 3",
    ),
    "layernorm": MethodCard(
        title="Layer norms only",
        family="selective",
        how="Trains only the scales of the normalisation layers.",
        adds="The two norms of every layer and the last one are trained; nothing is added.",
        formula=r"y = g \odot \frac{x}{\mathrm{rms}(x)}",
        paper="Zhao et al. 2023, “Tuning LayerNorm in Attention”",
    ),
    "lora": MethodCard(
        title="LoRA",
        family="reparameterization",
        how="Writes the change of a matrix as a product of two thin ones, which need few parameters.",
        adds="A and B stand beside q and v of every layer. B starts at zero.",
        formula=r"W' = W + \frac{\alpha}{r}\, B A",
        paper="Hu et al. 2021, section 4.1",
        knob=RANK,
    ),
    "rslora": MethodCard(
        title="rsLoRA",
        family="reparameterization",
        how="LoRA with another scale, so that a high rank does not make its own change smaller.",
        adds="A and B as in LoRA.",
        formula=r"W' = W + \frac{\alpha}{\sqrt{r}}\, B A",
        paper="Kalajdzievski 2023, section 3",
        knob=RANK,
    ),
    "dora": MethodCard(
        title="DoRA",
        family="reparameterization",
        how="Splits a matrix into length and direction: LoRA turns the direction, m sets the length.",
        adds="A and B as in LoRA, and a length m for every output of q and v.",
        formula=r"W' = m \odot \frac{W + \frac{\alpha}{r} B A}{\lVert W + \frac{\alpha}{r} B A \rVert}",
        paper="Liu et al. 2024, section 4",
        knob=RANK,
    ),
    "adalora": MethodCard(
        title="AdaLoRA",
        family="reparameterization",
        how="Starts with more ranks than wanted and takes those away that matter least.",
        adds="P, Λ and Q stand beside q and v of every layer. Λ starts at zero.",
        formula=r"W' = W + \frac{\alpha}{r}\, Q \Lambda P",
        paper="Zhang et al. 2023, section 3",
        knob=RANK,
    ),
    "adapter": MethodCard(
        title="Bottleneck adapters",
        family="additive",
        how="Sends what attention and MLP give through a small network with a narrow middle.",
        adds="Two bottlenecks in every layer, after o and after down. They start as no change.",
        formula=r"y' = y + W_\text{up}\, \mathrm{gelu}(W_\text{down}\, y)",
        paper="Houlsby et al. 2019, section 2.1",
        knob=WIDTH,
    ),
    "ia3": MethodCard(
        title="IA³",
        family="additive",
        how="Scales keys, values and the inside of the MLP with learned vectors.",
        adds="Three vectors in every layer: after k, after v and before down. They start at one.",
        formula=r"k' = l_k \odot k,\; v' = l_v \odot v,\; h' = l_h \odot h",
        paper="Liu et al. 2022, section 3.3",
    ),
    "prompt": MethodCard(
        title="Prompt tuning",
        family="soft prompts",
        how="Trains the embeddings of virtual tokens that stand before every text.",
        adds="Nothing inside a layer: only embeddings that belong to no word.",
        formula=r"[\,p_1 \dots p_V,\; x_1 \dots x_n\,]",
        paper="Lester et al. 2021, section 2",
        knob=TOKENS,
    ),
    "prefix": MethodCard(
        title="Prefix tuning",
        family="soft prompts",
        how="Gives virtual tokens keys and values of their own in every layer.",
        adds="In every layer, keys and values that stand before those of the text.",
        formula=r"K' = [\,P_K,\; K\,],\; V' = [\,P_V,\; V\,]",
        paper="Li & Liang 2021, section 4",
        knob=TOKENS,
    ),
    "full": MethodCard(
        title="Full fine-tuning",
        family="full",
        how="Trains every weight.",
        adds="Everything is trained; nothing is added.",
        formula=r"W' = W + \Delta W",
        paper="the usual way before the others",
    ),
}


def of_family(family: str) -> list[str]:
    """The methods of a family, in the order they are taught."""
    return [method for method, card in CARDS.items() if card.family == family]


def knob_settings(method: str, value: int) -> dict[str, Any]:
    """A knob's value as fields of `MethodConfig`. LoRA's alpha goes with the rank, so that the scale
    alpha / r stays; rsLoRA's stays itself."""
    knob = CARDS[method].knob
    if knob is None:
        return {}
    with_alpha = knob is RANK and method != "rslora"
    return {knob.field: value} | ({"alpha": 2.0 * value} if with_alpha else {})
