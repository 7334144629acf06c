"""Every prompt that reaches answering has one limit, and is refused before the model is loaded."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import catalog
from core.data import uploads
from core.errors import UserError
from core.generate import batch
from core.generate.batch import answer_greedily
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
    answer = batch._Answerer.answer  # pyright: ignore[reportPrivateUsage]

    def counted(self: object, prompts: list[list[int]], limits: list[int]) -> object:
        sizes.append(len(prompts))
        return answer(self, prompts, limits)  # pyright: ignore

    monkeypatch.setattr(batch._Answerer, "answer", counted)  # pyright: ignore
    monkeypatch.setattr(batch, "TOKENS_AT_ONCE", 120)
    prompts = [[7 + n] * 5 for n in range(8)] + [[9 + n] * 50 for n in range(3)]
    together = answer_greedily(tiny.model, tiny, prompts, max_new_tokens=4)
    assert sizes == [8, 2, 1]
    tiny.answers.clear()
    monkeypatch.setattr(batch, "TOKENS_AT_ONCE", 10_000)
    assert answer_greedily(tiny.model, tiny, prompts, max_new_tokens=4) == together
    assert sizes[3:] == [11]


@pytest.mark.thorough
def test_the_command_line_refuses_without_torch(roomy: str) -> None:
    for extra in ([], ["--next-tokens"], ["--raw"]):
        arguments = ["generate", "--model", roomy, "--prompt", LONG, *extra]
        code = (
            "import sys; from core.cli.main import main\n"
            "status = main(sys.argv[1:])\n"
            "assert 'torch' not in sys.modules; sys.exit(status)"
        )
        words = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("error: The prompt has ")
        assert done.stderr.endswith(" tokens; at most 2,048 can be answered. Shorten it.\n")


@pytest.mark.slow
@pytest.mark.thorough
def test_the_longest_prompts_that_fit_stay_below_1500_mb() -> None:
    """64 prompts of 1,900 tokens, nothing in common, are what a test split may hold at worst."""
    code = """
import torch
from core.catalog import DEFAULT_MODEL
from core.generate.batch import answer_greedily
from core.memory import peak_memory_mb
from core.models.load import load
from core.models.probe import resolve_dtype
base = load(DEFAULT_MODEL, dtype=resolve_dtype("auto"))
prompts = torch.randint(100, 40_000, (64, 1900), generator=torch.Generator().manual_seed(0)).tolist()
answer_greedily(base.model, base, prompts, max_new_tokens=3)
print(peak_memory_mb())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1500
