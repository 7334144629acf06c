"""What an ablation can switch off, in words. Imports no torch; time_ablations.py measures each."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Ablation:
    id: str
    title: str
    on: str
    """What we do."""
    off: str
    """What is done instead."""


ABLATIONS: dict[str, Ablation] = {
    ablation.id: ablation
    for ablation in (
        Ablation(
            id="tree",
            title="Batch as a tree",
            on="A beginning that examples share is computed once, and nothing is padded.",
            off="Every example is computed whole and padded to the longest.",
        ),
        Ablation(
            id="labels",
            title="Logits only at labels",
            on="The output layer (49,152 words) runs only where a completion token is predicted.",
            off="It runs at every token, though the loss looks at few of them.",
        ),
        Ablation(
            id="attention",
            title="Block-sparse attention",
            on="Each piece of a path looks at its own ancestors only (core/models/fused/block_sparse.py).",
            off="PyTorch’s fused kernel compares all tokens with all, with the tree as its mask.",
        ),
        Ablation(
            id="gradients",
            title="Gradients written by hand",
            on="A decoder layer is one operation, with its gradient derived on paper "
            "(core/models/fused).",
            off="Transformers’ layers, of whose many small operations autograd keeps a record.",
        ),
        Ablation(
            id="precision",
            title="The faster precision",
            on="A short probe of this machine takes 32-bit or 16-bit products, whichever is faster.",
            off="The other of the two.",
        ),
        Ablation(
            id="cores",
            title="All cores",
            on="Every product is shared out to all cores.",
            off="One core works.",
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class TimedStep:
    """One step of one variant."""

    variant: str
    round: int
    """0 is the one that warms up."""
    step_s: float
    loss: float
    tokens: int
    """That were computed."""
    dtype: str


ALL_ON = "on"
"""The variant with every trick on."""
CHOSEN = "off"
"""The variant with all chosen tricks off together."""
MOST_ROUNDS = 20


def variants(off: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """What is timed, by turns: everything on, each chosen trick off alone, and all of them off.

    >>> variants(("tree", "labels"))
    {'on': (), 'tree': ('tree',), 'labels': ('labels',), 'off': ('tree', 'labels')}
    """
    found: dict[str, tuple[str, ...]] = {ALL_ON: ()} | {name: (name,) for name in off}
    return found | ({CHOSEN: off} if len(off) > 1 else {})
