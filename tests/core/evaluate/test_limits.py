"""A right answer fits in the length limit, and a cut one is told."""

import json
from pathlib import Path
from typing import Any

import pytest

from core import catalog
from core.answer import Answer
from core.config import DataConfig, EvaluationConfig, MethodConfig, OptimizerConfig, RunConfig
from core.data import uploads
from core.data.examples import Example, task_examples
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.evaluate.limits import (
    CUSTOM_TOKENS,
    FREE_TOKENS,
    MARGIN,
    answer_limit,
    as_shown,
    cut_line,
    cut_lines,
    usual_limit,
)
from core.evaluate.task import score
from core.events import Evaluation, Sample, event_from_dict
from core.models.acquire import is_ready, model_dir
from core.models.load import LoadedModel
from core.train.training import train
from tests.events import evaluation

LONG = "the cat sat on the mat " * 12
SMOL = catalog.MODELS[catalog.DEFAULT_MODEL]


def tokens(base: LoadedModel, text: str) -> int:
    return len(base.tokenizer.encode(text))


@pytest.mark.parametrize("task", [*catalog.TASKS, catalog.CUSTOM_TASK])
@pytest.mark.parametrize("which", ["tiny", pytest.param("real", marks=pytest.mark.slow)])
def test_every_reference_of_every_task_fits(task: str, which: str, tiny_folder: Path) -> None:
    if which == "real" and not is_ready(SMOL):
        pytest.skip("the model is not prepared")
    tokenizer = ChatTokenizer.load(tiny_folder if which == "tiny" else model_dir(SMOL))
    splits = catalog.TASKS[task].splits if task in catalog.TASKS else ()
    references = [e.completion for s in splits for e in task_examples(task, s)] or [LONG]
    limit = answer_limit(task, references, tokenizer, longest_prompt=0)
    assert limit >= max(len(tokenizer.encode(text)) + 1 for text in references)
    assert limit >= min(usual_limit(task), tokenizer.longest_sequence)


def test_the_limit_follows_the_longest_reference_or_what_is_wanted(tiny: LoadedModel) -> None:
    def limit(*references: str, task: str = catalog.CUSTOM_TASK, **more: Any) -> int:
        return answer_limit(task, references, tiny.tokenizer, **{"longest_prompt": 10, **more})

    assert tokens(tiny, LONG) > CUSTOM_TOKENS
    assert limit("yes", LONG) == tokens(tiny, LONG) + 1 + MARGIN
    assert limit("yes") == CUSTOM_TOKENS
    assert limit(LONG, task="sentiment") == tokens(tiny, LONG) + 1 + MARGIN
    assert limit("positive", task="sentiment") == catalog.TASKS["sentiment"].max_new_tokens
    assert limit(LONG, wanted=5) == 5
    assert limit("yes", wanted=100) == 100
    assert limit(LONG, longest_prompt=256 - 20) == 20  # the tiny model's context is 256
    assert limit(LONG, wanted=1000) == 246
    assert limit(task="") == FREE_TOKENS


def test_the_sentence_says_how_many_were_cut() -> None:
    assert cut_line(3, 40, limit=96) == "3 of 40 answers were cut at 96 tokens"
    assert cut_line(1, 1, limit=1) == "1 of 1 answers was cut at 1 token"
    assert cut_line(0, 40, limit=96) == ""
    cut: dict[str, Any] = {"n": 40, "max_new_tokens": 96}
    checks = [evaluation(s, "names", 0.5, n_cut=n, **cut) for s, n in ((0, 40), (5, 3))]
    checks.append(evaluation(5, "topic", 0.5, n_cut=0, **cut))
    assert cut_lines(checks) == ["Names at step 5: 3 of 40 answers were cut at 96 tokens"]
    own = [evaluation(5, "custom", 0.5, n_cut=3, **cut)]
    assert cut_lines(own) == ["Your pairs at step 5: 3 of 40 answers were cut at 96 tokens"]
    assert as_shown(Answer("Once upon", True)) == "Once upon […]"
    assert as_shown(Answer("Once.", False)) == "Once."
    assert as_shown(Answer(" \n", False)) == "(empty answer)"


def test_an_evaluation_counts_the_cut_answers() -> None:
    examples = [Example(prompt=f"{n}", completion="yes") for n in range(3)]
    answers = [Answer("yes", False), Answer("yes and", True), Answer("", True)]
    found = score("custom", examples, answers, step=0, elapsed_s=0.0, max_new_tokens=7)
    assert (found.n_cut, found.max_new_tokens) == (2, 7)
    assert found.exact_match == pytest.approx(1 / 3)


def trained(tiny: LoadedModel, completion: str, **evaluation: Any) -> list[Any]:
    pairs = [{"prompt": f"cat {n}", "completion": completion} for n in range(8)]
    config = RunConfig(
        data=DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(pairs)),
        method=MethodConfig(name="full"),
        optimizer=OptimizerConfig(learning_rate=0.01, steps=60, batch_size=4),
        evaluation=EvaluationConfig(every=100, samples=1, prompts=("dog",), **evaluation),
    )
    return list(train(config, tiny))


@pytest.mark.thorough
@pytest.mark.usefixtures("home")
def test_a_long_answer_that_was_learned_scores_one(tiny: LoadedModel) -> None:
    events = trained(tiny, LONG.strip())
    first, last = (e for e in events if isinstance(e, Evaluation))
    assert last.exact_match == 1.0
    assert last.n_cut == 0
    assert last.max_new_tokens == first.max_new_tokens == tokens(tiny, LONG.strip()) + 1 + MARGIN
    assert first.n_cut == 1  # the untouched tiny model never ends


@pytest.mark.thorough
@pytest.mark.usefixtures("home")
def test_the_limit_of_a_run_can_be_set_and_cuts_are_told(tiny: LoadedModel) -> None:
    events = trained(tiny, LONG.strip(), max_new_tokens=12)
    *_, last = (e for e in events if isinstance(e, Evaluation))
    assert (last.max_new_tokens, last.n_cut, last.exact_match) == (12, 1, 0.0)
    assert any(e.was_cut for e in events if isinstance(e, Sample) and e.task)
    with pytest.raises(UserError, match="max_new_tokens"):
        EvaluationConfig(max_new_tokens=1025)
    with pytest.raises(UserError, match="max_new_tokens"):
        EvaluationConfig(max_new_tokens=-1)


def test_an_evaluation_of_before_is_still_read() -> None:
    old = {"type": "evaluation", "task": "names", "step": 0, "n": 4, "score": 0.5}
    old |= {"metric": "exact_match", "interval": [0.1, 0.9]}
    assert cut_lines([event_from_dict(json.loads(json.dumps(old)))]) == []
