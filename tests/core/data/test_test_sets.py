"""One fixed test set per purpose: nested, balanced, and asked by every page and experiment."""

import ast
import inspect
from collections import Counter
from pathlib import Path

import pytest

from core import catalog
from core.config import FINAL_EXAMPLES, LIVE_EXAMPLES, EvaluationConfig, MethodConfig, RunConfig
from core.data.examples import make_example, task_examples
from core.data.test_sets import final_set, fixed_set, in_fixed_order
from core.evaluate.examples import examples_of
from core.evaluate.own_pairs import own_examples
from core.experiments import (
    adapters,
    collapse,
    methods,
    mitigations,
    mixtures,
    prompting,
    ranks,
    soft_prompts,
    sweep,
    watching,
)

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("task", catalog.TASKS)
def test_the_live_set_is_part_of_the_final_one(task: str) -> None:
    examples = task_examples(task, "test")
    final, live = final_set(task), fixed_set(examples, LIVE_EXAMPLES)
    assert len(final) == FINAL_EXAMPLES
    assert final[:LIVE_EXAMPLES] == live
    assert final == final_set(task)
    whole = in_fixed_order(examples)
    assert Counter(e.prompt for e in whole) == Counter(e.prompt for e in examples)
    assert whole[:FINAL_EXAMPLES] == final


@pytest.mark.parametrize("task", [t.id for t in catalog.TASKS.values() if t.labels])
def test_each_label_has_its_share_of_both_sets(task: str) -> None:
    examples = task_examples(task, "test")
    shares = Counter(e.completion for e in examples)
    for n in (LIVE_EXAMPLES, FINAL_EXAMPLES):
        found = Counter(e.completion for e in fixed_set(examples, n))
        for label, count in shares.items():
            assert abs(found[label] - count / len(examples) * n) <= 2, (label, n)


def test_each_kind_of_question_has_its_share_where_answers_are_free() -> None:
    full_names = [e for e in final_set("names") if "full_name" in e.tags]
    assert 5 <= len(full_names) <= 7  # 14 of 110
    assert 1 <= sum("full_name" in e.tags for e in final_set("names")[:LIVE_EXAMPLES]) <= 2


def test_another_template_asks_the_same_examples() -> None:
    other = final_set("topic", template="Text: {text} Topic:")
    assert [e.number for e in other] == [e.number for e in final_set("topic")]


def test_few_examples_are_all_taken() -> None:
    pairs = [make_example({"prompt": f"{n}", "completion": "a"}, "{prompt}") for n in range(3)]
    assert len(fixed_set(pairs, FINAL_EXAMPLES)) == len(fixed_set(pairs, 0)) == 3


EXPERIMENTS = {
    "adapters": adapters.adapter_config("sentiment"),
    "collapse": collapse.collapse(),
    "methods": methods.method_config("lora"),
    "mitigations": mitigations.mitigation_config("rehearse", 0.25),
    "mixtures": mixtures.mixture_config(mixtures.TRAINED),
    "prompting": prompting.tuned_config("sentiment", "lora", 16),
    "ranks": ranks.rank_config(MethodConfig(name="lora"), rate=1e-3),
    "soft prompts": soft_prompts.prompt_config(10),
    "sweep": next(sweep.Sweep().configs()),
    "watching": watching.watched_config("sentiment"),
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_scores_the_same_sets(name: str) -> None:
    evaluation = EXPERIMENTS[name].evaluation
    assert evaluation.final_examples == FINAL_EXAMPLES
    assert evaluation.examples == LIVE_EXAMPLES


def test_prompting_and_the_evaluation_page_score_the_final_set() -> None:
    (asked,) = prompting.prompt_evaluations("sentiment", [0], [0])
    assert asked.n_test == FINAL_EXAMPLES
    assert examples_of("names") == final_set("names")
    assert own_examples(RunConfig(), "sentiment") == final_set("sentiment")
    assert len(examples_of("names", whole=True)) == len(task_examples("names", "test"))
    assert EvaluationConfig().final_examples == FINAL_EXAMPLES


def calls_with_a_set_of_their_own(source: str) -> list[str]:
    """Where a number of test examples is written instead of taken from the fixed sets."""
    own = {"examples", "final_examples", "n_test"}
    return [
        f"line {node.lineno}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in own and isinstance(keyword.value, ast.Constant)
    ]


@pytest.mark.thorough
def test_no_page_or_experiment_asks_for_another_set() -> None:
    assert calls_with_a_set_of_their_own("EvaluationConfig(final_examples=40)")
    folders = [ROOT / "pages", Path(inspect.getfile(mitigations)).parent]
    found = {
        str(path): lines
        for folder in folders
        for path in folder.rglob("*.py")
        if (lines := calls_with_a_set_of_their_own(path.read_text("utf-8")))
    }
    assert not found
