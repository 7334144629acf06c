"""The parts of our speed that an ablation switches off, one at a time. Imports no torch.

Each part has an id; what stands in its place is in core/bench/ablation_replacements.py under the same id.
A part that only works inside another is compared with everything but that other: `against`.
"""

from dataclasses import dataclass

from core.config import check_choice

ALL_ON = ""
"""The variant in which nothing is switched off."""
WORKLOADS = {
    "lora": "a LoRA step, batch 8",
    "full": "a full fine-tuning step, batch 8",
    "answer": "64 answers",
}
SMALL = 1.10
"""A part that gains less than this, whatever the workload, is not worth its code."""


@dataclass(frozen=True, kw_only=True)
class Part:
    id: str
    title: str
    code: str
    """What would go with it: file and names."""
    off: str
    """What is done instead."""
    workloads: tuple[str, ...]
    against: str = ALL_ON
    """The part that is off on both sides of the comparison."""
    is_for_speed: bool = True
    """Else it costs time, and is there for exact answers."""


PARTS: dict[str, Part] = {
    part.id: part
    for part in (
        Part(
            id="fused",
            title="The accelerator as a whole",
            code="core/models/fused",
            off="the plain forward pass of core/models/forward.py, on transformers’ layers",
            workloads=("lora", "full", "answer"),
        ),
        Part(
            id="tree",
            title="Batch as a tree",
            code="core/models/forward.py, core/models/trie.py: build",
            off="padded rows through transformers’ own forward (core/models/plain.py)",
            workloads=("lora", "full"),
            against="fused",
        ),
        Part(
            id="row_attention",
            title="Attention in four products",
            code="core/models/attention.py: tree_attention",
            off="PyTorch’s fused kernel",
            workloads=("lora",),
            against="fused",
        ),
        Part(
            id="layer",
            title="A layer as one operation",
            code="core/models/fused/layer.py: Whole, LayerFunction; core/models/fused/gate.py",
            off="each part an operation of its own, the gate transformers’",
            workloads=("lora", "full", "answer"),
        ),
        Part(
            id="norm",
            title="RMSNorm as one operation",
            code="core/models/fused/norm.py: FusedNorm, Norm",
            off="transformers’ norm",
            workloads=("lora", "full"),
            against="layer",
        ),
        Part(
            id="joint_product",
            title="Queries, keys and values in one product",
            code="core/models/fused/product.py: project, Project",
            off="a product of each layer, side by side",
            workloads=("lora", "full"),
            against="layer",
        ),
        Part(
            id="norm_gradient",
            title="The norm’s gradient by hand",
            code="core/models/fused/norm.py: normed_gradient",
            off="computed again, with autograd’s gradient",
            workloads=("lora", "full"),
        ),
        Part(
            id="gate_gradient",
            title="The gate’s gradient by hand",
            code="core/models/fused/gate.py: gated_gradient",
            off="computed again, with autograd’s gradient",
            workloads=("lora", "full"),
        ),
        Part(
            id="blocks",
            title="Block-sparse attention",
            code="core/models/fused/block_sparse.py: cut",
            off="one block: every node is compared with every node",
            workloads=("lora", "full", "answer"),
        ),
        Part(
            id="laid_together",
            title="Weights of a joint product laid together",
            code="core/models/fused/linear.py: lay_together, joined",
            off="copied together for every product",
            workloads=("lora", "answer"),
        ),
        Part(
            id="near_ties",
            title="Near ties decided in float32",
            code="core/generate/logits.py: likeliest",
            off="the first of the highest 16-bit logits",
            workloads=("answer",),
            is_for_speed=False,
        ),
    )
}


def parts_of(workload: str, only: tuple[str, ...] = ()) -> list[Part]:
    """What is switched off in a workload, in order; `UserError` for parts that are not known."""
    for name in only:
        check_choice("The part", name, tuple(PARTS))
    return [p for p in PARTS.values() if workload in p.workloads and (not only or p.id in only)]


def variants(parts: list[Part]) -> dict[str, tuple[str, ...]]:
    """Which parts are off in each variant, by its name; what a part is compared with comes along.

    >>> variants([PARTS["norm"]])
    {'': (), 'layer': ('layer',), 'norm': ('layer', 'norm')}
    """
    found: dict[str, tuple[str, ...]] = {ALL_ON: ()}
    for part in parts:
        if part.against:
            found.setdefault(part.against, (part.against,))
        found[part.id] = (part.against, part.id) if part.against else (part.id,)
    return found
