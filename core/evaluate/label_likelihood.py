"""Which label a model finds likeliest, whatever it would write. Needs torch.

A model that has not learned the form of an answer writes a sentence where a label is wanted, and scores 0;
whether it can tell the labels apart shows in their probabilities. So each label is read as the answer to the
prompt, and its log-probability is

    log p(label | prompt) = sum over the label's tokens and the end token of log p(token | all before it)

With the end token it is the probability of the label as the whole answer: "formal" is not credited with
what "formality" gets. It is not divided by the number of tokens: the labels are a fixed list of whole
answers, so their probabilities are comparable as they are, and a mean per token would favour long labels,
whose last tokens follow almost surely from the first ones.

Prompt and labels are one tree, the one on which the prompt is answered (core/generate/answerer.py): where
answers are wanted, too, `ask` for both at once.
"""

from collections.abc import Callable, Mapping, Sequence

from torch import nn

from core.generate.batch import ask
from core.generate.questions import Question, Reply
from core.models.load import LoadedModel


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
    wanted = [Question(prompt=tuple(prompt), labels=tuple(labels)) for prompt in prompts]
    replies = ask(model, base, wanted, should_stop=should_stop)
    return [dict(zip(labels, reply.label_logs, strict=True)) for reply in replies]


def likeliest(logs: Mapping[str, float]) -> str:
    """The label of the highest log-probability; the first one of equals."""
    return max(logs, key=logs.__getitem__)


def likeliest_labels(labels: Sequence[str], replies: Sequence[Reply]) -> list[str]:
    """The likeliest of `labels` at each question that asked for them; [] for free text."""
    if not labels:
        return []
    return [likeliest(dict(zip(labels, reply.label_logs, strict=True))) for reply in replies]
