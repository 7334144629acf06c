"""Log-probabilities of labels as whole answers, at the nodes of the tree that holds their prompts. Needs torch.

    "Review: …" ── "pos" ── "itive"      log p("pos" | prompt) + log p("itive" | …) + log p(end | …)
                └─ "neg" ── "ative"

The first token of every label is predicted at the prompt's last node, which is read anyhow; so the labels of
a prompt cost the nodes of their own tokens, and none where an answer is guessed that begins alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from core.data.tokenizer import ChatTokenizer
from core.models.trie import Trie

NODES_AT_ONCE = 64
"""Logits that are held at a time, 13 MB of a vocabulary of 49,152 words."""


@dataclass(frozen=True)
class Spelled:
    """A label on the tree: its tokens and the end, and the node that predicts each."""

    nodes: list[int]
    targets: list[int]


def completion_ids(label: str, tokenizer: ChatTokenizer) -> list[int]:
    """A label's tokens and the end token, as they are trained on."""
    return [*tokenizer.encode(label), tokenizer.end_id]


def spell(trie: Trie, prompt: Sequence[int], completion: Sequence[int]) -> Spelled:
    """Hang a completion on its prompt. The end token predicts nothing and gets no node."""
    path = trie.insert([*prompt, *completion[:-1]])
    return Spelled(path[len(prompt) - 1 :], list(completion))


def label_logs(
    spelled: Sequence[Sequence[Spelled]], logits_at: Callable[[list[int]], torch.Tensor]
) -> list[tuple[float, ...]]:
    """Of each label of each prompt, the sum over its tokens; `logits_at` gives (M, V) at M nodes."""
    wanted: dict[int, set[int]] = {}
    for one in (one for labels in spelled for one in labels):
        for node, target in zip(one.nodes, one.targets, strict=True):
            wanted.setdefault(node, set()).add(target)
    found: dict[tuple[int, int], float] = {}
    nodes = list(wanted)
    for start in range(0, len(nodes), NODES_AT_ONCE):
        part = nodes[start : start + NODES_AT_ONCE]
        logits = logits_at(part)
        logits = logits.float() if logits.dtype is torch.bfloat16 else logits
        total = logits.logsumexp(-1)  # (M,)
        pairs = [(row, target) for row, node in enumerate(part) for target in wanted[node]]
        rows, targets = torch.tensor(pairs, device=logits.device).T
        logs = (logits[rows, targets] - total[rows]).tolist()
        found |= {(part[row], target): log for (row, target), log in zip(pairs, logs, strict=True)}
    return [
        tuple(sum(found[key] for key in zip(one.nodes, one.targets, strict=True)) for one in labels)
        for labels in spelled
    ]
