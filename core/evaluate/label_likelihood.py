"""Which label a model finds likeliest, whatever it would write. Needs torch.

A model that has not learned the form of an answer writes a sentence where a label is wanted, and scores 0;
whether it can tell the labels apart shows in their probabilities. So each label is read as the answer to the
prompt, and its log-probability is

    log p(label | prompt) = sum over the label's tokens and the end token of log p(token | all before it)

With the end token it is the probability of the label as the whole answer: "formal" is not credited with
what "formality" gets. It is not divided by the number of tokens: the labels are a fixed list of whole
answers, so their probabilities are comparable as they are, and a mean per token would favour long labels,
whose last tokens follow almost surely from the first ones.

Prompt and labels are one tree: the prompt is computed once, the labels are its branches.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from core.data.lengths import check_length
from core.data.tokenizer import ChatTokenizer
from core.errors import Stopped
from core.models.forward import tree_logits
from core.models.load import LoadedModel
from core.models.precision import autocast
from core.models.trie import Trie

PROMPTS_AT_ONCE = 8


def label_log_probabilities(
    model: nn.Module,
    base: LoadedModel,
    prompts: Sequence[Sequence[int]],
    labels: Sequence[str],
    *,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[dict[str, float]]:
    """Log-probability of each label as the whole answer to each prompt (token ids), in nats.

    What the base model finds is remembered in `base.label_logs`, as it never changes. Raises `Stopped`
    between two groups of prompts when `should_stop` says so.
    """
    keys = [(tuple(labels), tuple(prompt)) for prompt in prompts]
    known = base.label_logs if model is base.model else {}
    new = sorted({key for key in keys if key not in known}, key=lambda key: len(key[1]))
    completions = [completion_ids(label, base.tokenizer) for label in labels]
    for start in range(0, len(new), PROMPTS_AT_ONCE):
        if should_stop():
            raise Stopped
        group = new[start : start + PROMPTS_AT_ONCE]
        found = _log_probabilities(model, base, [prompt for _, prompt in group], completions)
        known.update(zip(group, map(tuple, found.tolist()), strict=True))
    return [dict(zip(labels, known[key], strict=True)) for key in keys]


def completion_ids(label: str, tokenizer: ChatTokenizer) -> list[int]:
    """A label's tokens and the end token, as they are trained on."""
    return [*tokenizer.encode(label), tokenizer.end_id]


@torch.no_grad()
def _log_probabilities(
    model: nn.Module,
    base: LoadedModel,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
) -> torch.Tensor:
    """(B, L) float64 sums over each of L completions after each of B prompts."""
    trie, nodes, targets = Trie(), list[int](), list[int]()
    pairs = [(prompt, completion) for prompt in prompts for completion in completions]
    for prompt, completion in pairs:
        check_length(prompt, base.tokenizer, len(completion))
        path = trie.insert([*prompt, *completion[:-1]])  # the end token predicts nothing
        nodes += path[len(prompt) - 1 :]
        targets += completion
    on_device = (torch.tensor(n, device=base.device) for n in (trie.tokens, trie.depths, nodes))
    tokens, depths, wanted = on_device
    with autocast(base.device, base.dtype):
        logits = tree_logits(model.eval(), tokens, depths, trie.parents, wanted=wanted)  # (M, V)
    each = logits.float().log_softmax(-1).cpu()[torch.arange(len(nodes)), targets]  # (M,)
    sizes = [len(completion) for _, completion in pairs]
    sums = torch.stack([part.double().sum() for part in each.split(sizes)])
    return sums.view(len(prompts), len(completions))


def likeliest(logs: dict[str, float]) -> str:
    """The label of the highest log-probability; the first one of equals."""
    return max(logs, key=logs.__getitem__)
