"""Every prompt that reaches answering has one limit, and is refused before the model is loaded."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from core import catalog
from core.data import uploads
from core.errors import UserError
from core.generate.answerer import Answerer
from core.generate.batch import answer_greedily
from core.generate.questions import Question, Reply, groups
from core.models.load import LoadedModel
from core.runs.inference_session import InferenceSession
from core.runs.messages import (
    AskLabels,
    Evaluate,
    Generate,
    Losses,
    Merge,
    ModelOnTestSet,
    NextTokensAfter,
    Request,
    ScoreText,
    Switch,
    TakeAway,
)
from core.runs.store import RunStore
from tests.core.runs.test_inference_session import finished

WORDS = 16_000
LONG = "word " * WORDS
pytestmark = pytest.mark.usefixtures("home")


def questions(folder: Path, text: str) -> Iterator[Request]:
    """Each way to have a text answered."""
    model = str(folder)
    run = finished(folder)
    pairs = [{"prompt": "cat", "completion": "yes"}, {"prompt": text, "completion": "no"}]
    on = ModelOnTestSet(model=model, task=catalog.CUSTOM_TASK, dataset=uploads.keep(pairs))
    yield Generate(model=model, text=text)
    yield Generate(model=model, text=text, raw=True)
    yield Generate(model=model, text=text, run=run)
    yield NextTokensAfter(model=model, text=text)
    yield Switch(model=model, text=text, adapters=(run,), active={run: 1.0})
    yield Merge(run=run, prompts=("cat", text))
    yield TakeAway(run=run, prompts=("cat", text))
    yield ScoreText(model=model, task="sentiment", text=text)
    yield Evaluate(on=on)
    yield AskLabels(on=on)


@pytest.mark.thorough
def test_all_of_them_are_refused_before_the_model_is_loaded(
    roomy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list(questions(Path(roomy), LONG))
    monkeypatch.setattr("core.models.load.load", lambda *_, **__: pytest.fail("was loaded"))
    for request in asked:
        with pytest.raises(UserError) as refused:
            list(getattr(InferenceSession(RunStore()), request.operation)(request))
        said = str(refused.value)
        assert said.startswith("The prompt has "), request
        assert said.endswith(" tokens; at most 2,048 can be answered. Shorten it."), request


@pytest.mark.thorough
def test_a_text_without_end_is_not_even_cut_into_tokens(
    roomy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list(questions(Path(roomy), " " * 99 + "~" * 5_000_000))
    cut = "core.data.tokenizer.ChatTokenizer.encode_chat"
    monkeypatch.setattr(cut, lambda *_, **__: pytest.fail("was cut into tokens"))
    one = Losses(model=roomy, prompt="a" * 200_000, completion="b")
    other = Losses(model=roomy, prompt="a", completion="b" * 200_000)
    for request in (asked[0], asked[1], asked[3], asked[7], one, other):
        with pytest.raises(UserError, match=r"characters; at most 100,000 can be read\. Shorten"):
            list(getattr(InferenceSession(RunStore()), request.operation)(request))


def test_long_prompts_are_answered_in_small_groups(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    reply = Answerer.reply

    def counted(self: Answerer, group: Sequence[Question]) -> list[Reply]:
        sizes.append(len(group))
        return reply(self, group)

    monkeypatch.setattr(Answerer, "reply", counted)
    monkeypatch.setattr("core.generate.questions.LONGEST_ALONE", 60)
    prompts = [[7 + n] * 5 for n in range(4)] + [[9 + n] * 50 for n in range(3)]
    together = answer_greedily(tiny.model, tiny, prompts, max_new_tokens=4)
    assert sizes == [4, 1, 1, 1]
    tiny.answers.clear()
    monkeypatch.setattr("core.generate.questions.LONGEST_ALONE", 2048)
    assert answer_greedily(tiny.model, tiny, prompts, max_new_tokens=4) == together
    assert sizes[4:] == [7]


def test_what_prompts_begin_with_alike_counts_once() -> None:
    def asked(prompts: Iterable[tuple[int, ...]], limit: int) -> list[Question]:
        return [Question(prompt=prompt, limit=limit) for prompt in prompts]

    alike = asked(((*range(7, 907), n) for n in range(20)), 4)
    apart = asked(((*range(7 + n, 907 + n), n) for n in range(20)), 4)
    assert max(map(len, groups(apart, 64))) == 4
    assert max(map(len, groups(alike, 64))) == 20
    usual = asked((tuple(range(7 + n, 77 + n)) for n in range(130)), 24)
    assert list(map(len, groups(usual, 64))) == [64, 64, 2]  # as before
    for some in (alike, apart, usual):
        assert [question for group in groups(some, 64) for question in group] == some
