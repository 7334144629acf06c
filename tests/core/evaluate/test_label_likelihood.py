"""The likeliest label, computed on the tree, is that of a plain padded forward."""

from collections.abc import Sequence

import pytest
import torch

from core import catalog
from core.answer import Answer
from core.data.examples import Example, task_examples
from core.evaluate.label_likelihood import label_log_probabilities, likeliest
from core.evaluate.task import evaluate_task, score
from core.evaluate.uncertainty import wilson_interval
from core.events import Evaluation, event_from_dict
from core.generate.label_logs import completion_ids
from core.models.load import LoadedModel, load

LABELS = ("cat", "dog ran", "cat sat")
"""Of one and of several tokens; one begins with another."""


@torch.no_grad()
def padded(
    base: LoadedModel, prompts: Sequence[Sequence[int]], labels: Sequence[str]
) -> torch.Tensor:
    """(B, L) by transformers' own forward, prompt and label in a row, padded at the right."""
    rows = [
        (list(prompt), completion_ids(label, base.tokenizer))
        for prompt in prompts
        for label in labels
    ]
    width = max(len(prompt) + len(completion) for prompt, completion in rows)
    ids = torch.tensor([[*p, *c] + [0] * (width - len(p) - len(c)) for p, c in rows])
    mask = torch.tensor(
        [[1] * (len(p) + len(c)) + [0] * (width - len(p) - len(c)) for p, c in rows]
    )
    logits = base.model(input_ids=ids, attention_mask=mask).logits.double().log_softmax(-1)
    sums = [
        sum(logits[i, len(p) + k - 1, token] for k, token in enumerate(c))
        for i, (p, c) in enumerate(rows)
    ]
    return torch.tensor(sums).view(len(prompts), len(labels))


def test_the_tree_gives_what_a_padded_forward_gives(tiny64: LoadedModel) -> None:
    prompts = [tiny64.tokenizer.ask("the cat sat on the mat " * n) for n in (1, 3, 2, 1)]
    found = label_log_probabilities(tiny64.model, tiny64, prompts, LABELS)
    values = torch.tensor([list(logs.values()) for logs in found])
    assert torch.allclose(values, padded(tiny64, prompts, LABELS).float(), atol=1e-5)
    assert [likeliest(logs) for logs in found] == [
        LABELS[i] for i in padded(tiny64, prompts, LABELS).argmax(1)
    ]


@pytest.mark.slow
def test_the_real_model_s_too() -> None:
    base = load(catalog.DEFAULT_MODEL, dtype=torch.float32)
    prompts = [base.tokenizer.ask(e.prompt) for e in task_examples("sentiment", "test")[::20]]
    found = label_log_probabilities(base.model, base, prompts, catalog.SENTIMENT_LABELS)
    values = torch.tensor([list(logs.values()) for logs in found])
    wanted = padded(base, prompts, catalog.SENTIMENT_LABELS).float()
    assert torch.allclose(values, wanted, atol=2e-3)
    assert torch.equal(values.argmax(1), wanted.argmax(1))


def test_the_base_model_is_asked_once(tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [tiny.tokenizer.ask("the cat")]
    first = label_log_probabilities(tiny.model, tiny, prompts, LABELS)
    monkeypatch.setattr("core.generate.batch.Answerer", None)
    assert label_log_probabilities(tiny.model, tiny, prompts, LABELS) == first


PAIRS = [Example(prompt=f"the cat {n}", completion=("yes", "no")[n % 2]) for n in range(4)]


def test_both_lines_are_in_an_evaluation(tiny: LoadedModel) -> None:
    found, answers = evaluate_task(tiny.model, tiny, "custom", PAIRS)
    prompts = [tiny.tokenizer.ask(e.prompt) for e in PAIRS]
    logs = label_log_probabilities(tiny.model, tiny, prompts, ("no", "yes"))
    right = [likeliest(each) for each in logs]
    hits = sum(label == e.completion for label, e in zip(right, PAIRS, strict=True))
    assert found.label_accuracy == hits / 4
    assert found.intervals["label_accuracy"] == wilson_interval(hits, 4)
    assert found.right_form == sum(a.text in ("yes", "no") for a in answers) / 4
    read = event_from_dict(found.to_dict())
    assert isinstance(read, Evaluation)
    assert (read.right_form, read.label_accuracy) == (found.right_form, found.label_accuracy)


def test_form_and_label_are_told_apart() -> None:
    """Whole sentences have no right form, even where the likeliest label is always right."""
    texts = ("It is positive.", "Yes.", "no", "No!")
    found = score(
        "custom",
        PAIRS,
        [Answer(text, False) for text in texts],
        step=0,
        elapsed_s=0.0,
        max_new_tokens=8,
        likeliest=[e.completion for e in PAIRS],
    )
    assert (found.score, found.right_form, found.label_accuracy) == (0.25, 0.75, 1.0)
    assert found.intervals["right_form"] == wilson_interval(3, 4)


def test_free_text_has_neither(tiny: LoadedModel) -> None:
    free = [Example(prompt="the cat", completion=f"answer {n}") for n in range(3)]
    found, _ = evaluate_task(tiny.model, tiny, "custom", free)
    assert found.right_form is found.label_accuracy is None
    assert not {"right_form", "label_accuracy"} & found.intervals.keys()
