"""Answers, labels' probabilities and next tokens from one reading are those of separate ones, and of the model's
own forward."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from core import methods
from core.config import MethodConfig
from core.generate import answerer
from core.generate.batch import answer_greedily, ask
from core.generate.label_logs import completion_ids
from core.generate.questions import Question, Reply
from core.generate.stream import next_logits
from core.models.load import LoadedModel

PROMPTS = [(5, 6, 7), (5, 6, 7, 8, 9), (5, 6), (20, 21, 22, 23), (40,)]
LABELS = ("cat", "dog ran", "cat sat")
"""Of one and of several tokens; one begins with another."""
METHODS = ["", "full", "lora", "prompt", "prefix"]


@pytest.fixture(params=METHODS)
def tuned(request: pytest.FixtureRequest, tiny64: LoadedModel) -> nn.Module:
    if not request.param:
        return tiny64.model
    torch.manual_seed(0)
    config = MethodConfig(name=request.param)
    return methods.find(request.param).attach(tiny64.model, config).double().eval()


@torch.no_grad()
def own_logs(model: nn.Module, base: LoadedModel, prompt: tuple[int, ...], label: str) -> float:
    """By the model's own forward of prompt and label in one row."""
    completion = completion_ids(label, base.tokenizer)
    ids = torch.tensor([[*prompt, *completion]])
    logs = model(input_ids=ids).logits[0, -len(completion) - 1 : -1].log_softmax(-1)
    return float(logs[range(len(completion)), completion].sum())


@pytest.fixture
def n_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the trees that are read."""
    found: list[int] = []
    usual: Callable[..., torch.Tensor] = answerer.tree_outputs

    def counted(model: nn.Module, tokens: torch.Tensor, *more: object, **named: object) -> object:
        found.append(len(tokens))
        return usual(model, tokens, *more, **named)

    monkeypatch.setattr(answerer, "tree_outputs", counted)
    return found


@pytest.mark.parametrize("guessed", [False, True])
def test_all_three_from_one_reading(
    guessed: bool, tuned: nn.Module, tiny64: LoadedModel, n_read: list[int]
) -> None:
    usual = answer_greedily(tuned, tiny64, PROMPTS, max_new_tokens=6)
    separate = ask(tuned, tiny64, [Question(prompt=p, labels=LABELS) for p in PROMPTS])
    tiny64.answers.clear()
    tiny64.label_logs.clear()
    n_read.clear()
    asked = [Question(prompt=p, limit=6, labels=LABELS, wants_next=True) for p in PROMPTS]
    guesses = [completion_ids(label, tiny64.tokenizer) for label in LABELS] if guessed else []
    replies = ask(tuned, tiny64, asked, guesses=guesses)
    assert len(n_read) == 1
    assert [reply.answer for reply in replies] == usual
    for prompt, reply, alone in zip(PROMPTS, replies, separate, strict=True):
        assert reply.label_logs == pytest.approx(alone.label_logs, abs=1e-9)
        wanted = [own_logs(tuned, tiny64, prompt, label) for label in LABELS]
        # Its rotations are float32.
        assert reply.label_logs == pytest.approx(wanted, rel=1e-6, abs=1e-6)
        assert reply.next_logits is not None
        torch.testing.assert_close(reply.next_logits, next_logits(tuned, tiny64, prompt))


def test_guessed_labels_are_read_once(tiny64: LoadedModel, n_read: list[int]) -> None:
    """What a tuned model is likely to answer are its labels: their probabilities cost no node more."""
    tuned = methods.find("full").attach(tiny64.model, MethodConfig(name="full")).double().eval()
    guesses = [completion_ids(label, tiny64.tokenizer) for label in LABELS]
    for labels in ((), LABELS):
        asked = [Question(prompt=p, limit=6, labels=labels) for p in PROMPTS]
        ask(tuned, tiny64, asked, guesses=guesses)
    without, with_labels = n_read
    assert with_labels == without


def test_an_answer_that_begins_with_a_label_follows_its_nodes(
    tiny64: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = tiny64.tokenizer
    prompt, label = next(
        ((i,), text)
        for i in range(5, 300)
        if (said := int(next_logits(tiny64.model, tiny64, [i]).argmax())) not in tokenizer.end_ids
        and tokenizer.encode(text := tokenizer.decode([said])) == [said]
    )
    (answer,) = answer_greedily(tiny64.model, tiny64, [prompt], max_new_tokens=2)
    tiny64.answers.clear()
    monkeypatch.setattr(answerer, "run_layers", None)  # no token is computed by itself
    (reply,) = ask(tiny64.model, tiny64, [Question(prompt=prompt, limit=2, labels=(label,))])
    assert reply.answer == answer


def test_in_float32_too(tiny: LoadedModel) -> None:
    asked = [Question(prompt=p, limit=6, labels=LABELS) for p in PROMPTS]
    for prompt, reply in zip(PROMPTS, ask(tiny.model, tiny, asked), strict=True):
        wanted = [own_logs(tiny.model, tiny, prompt, label) for label in LABELS]
        assert reply.label_logs == pytest.approx(wanted, abs=1e-4)


def test_each_reply_holds_what_was_asked(tiny64: LoadedModel) -> None:
    one, other = PROMPTS[:2]
    asked = [
        Question(prompt=one, limit=4),
        Question(prompt=other, labels=LABELS),
        Question(prompt=one, wants_next=True),
        Question(prompt=other, limit=1),
    ]
    answered, labelled, followed, short = ask(tiny64.model, tiny64, asked)
    assert answered.answer
    assert short.answer
    assert (answered.label_logs, answered.next_logits is None) == ((), False)
    assert labelled == Reply(label_logs=labelled.label_logs)
    assert len(labelled.label_logs) == 3
    assert followed.answer is None
    assert followed.next_logits is not None


def test_what_the_base_model_was_asked_is_not_read_again(
    tiny64: LoadedModel, n_read: list[int]
) -> None:
    (first,) = ask(tiny64.model, tiny64, [Question(prompt=PROMPTS[0], limit=6, labels=LABELS)])
    n_read.clear()
    (again,) = ask(tiny64.model, tiny64, [Question(prompt=PROMPTS[0], limit=6, labels=LABELS)])
    assert (again, n_read) == (first, [])
    more = Question(prompt=PROMPTS[0], limit=6, labels=LABELS[:1])
    (fewer,) = ask(tiny64.model, tiny64, [more])  # other labels: read, but not answered again
    assert fewer.answer == first.answer
    assert fewer.label_logs == pytest.approx(first.label_logs[:1])
    assert len(n_read) == 1
