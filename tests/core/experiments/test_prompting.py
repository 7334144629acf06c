"""Prompts and tuned models measured alike, on a tiny real model: once, kept, recorded, compared."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import catalog
from core.config import RunConfig
from core.data.examples import task_examples
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.experiments import knowledge_probe, prompting_record
from core.experiments.measure_all import Measurer
from core.experiments.prompting import (
    SHOTS,
    TUNED,
    Row,
    prompt_evaluations,
    prompt_row,
    tuned_config,
    tuned_configs,
    tuned_evaluation,
    ways,
)
from core.runs import prompt_evaluation
from core.runs.inference_session import InferenceSession
from core.runs.messages import Measure, Progress
from core.runs.prompt_evaluation import Measured, PromptEvaluation
from core.runs.store import RunStore

N_TEST = 6


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore()


def row(kind: str = "prompt", **more: Any) -> Row:
    usual: dict[str, Any] = {
        "kind": kind, "task": "sentiment", "labels": 4, "seed": 0, "form": "", "score": 0.5,
        "interval": (0.4, 0.6), "metric": "exact_match", "n": 40, "prompt_tokens": 100.0,
        "uncached_tokens": 30.0, "answer_tokens": 2.0, "seconds": (0.3, 0.1, 0.2),
        "cached_seconds": (0.1,),
    }  # fmt: skip
    return Row(**usual | more)


@pytest.mark.thorough
def test_what_is_measured_is_kept_and_not_measured_again(
    roomy: str, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluations = list(prompt_evaluations("topic", (0, 2), (0, 1), n_test=N_TEST, model=roomy))
    assert [(a.shots, a.seed) for a in evaluations] == [(0, 0), (2, 0), (2, 1)]
    rows = list(Measurer(store).prompted(evaluations))
    assert [r.labels for r in rows] == [0, 2, 2]
    assert all(r.n == N_TEST and len(r.seconds) == len(r.cached_seconds) == N_TEST for r in rows)
    assert rows[0].prompt_tokens < rows[1].prompt_tokens != rows[2].prompt_tokens
    assert rows[1].uncached_tokens < rows[1].prompt_tokens / 2  # two examples are shared
    monkeypatch.setattr(
        InferenceSession, "measure", lambda *a, **k: pytest.fail("it measures again")
    )
    assert list(Measurer(store).prompted(evaluations)) == rows
    assert [prompt_row(kept) for kept in prompt_evaluation.everything()] == rows


@pytest.mark.thorough
def test_a_tuned_model_is_trained_once_and_asked_like_the_base_model(
    roomy: str, store: RunStore
) -> None:
    configs = [tuned_config("topic", method, 16, steps=2, model=roomy) for method in TUNED]
    rows = list(Measurer(store).tuned(configs, n_test=N_TEST))
    assert [(r.kind, r.labels, r.n) for r in rows] == [("lora", 16, N_TEST), ("full", 16, N_TEST)]
    assert all(r.once_s > 0 and r.once_tokens > 16 * 50 for r in rows)
    (untouched,) = Measurer(store).prompted(
        prompt_evaluations("topic", (0,), (0,), n_test=N_TEST, model=roomy)
    )
    assert {r.prompt_tokens for r in rows} == {untouched.prompt_tokens}
    lora, full = reversed(store.runs())
    assert store.size_bytes(lora.id) > 0 == store.size_bytes(full.id)
    assert list(Measurer(store).tuned(configs, n_test=N_TEST)) == rows
    assert len(store.runs()) == 2


@pytest.mark.thorough
def test_facts_are_asked_in_every_way(roomy: str, store: RunStore) -> None:
    config = tuned_config("topic", "lora", 16, steps=2, model=roomy)
    found = Measurer(store).facts(config)
    assert [f["question"] for f in found] == [fact.question for fact in knowledge_probe.FACTS]
    ways_asked = {
        knowledge_probe.PLAIN,
        knowledge_probe.SHOWN,
        knowledge_probe.TUNED,
        knowledge_probe.GIVEN,
    }
    assert all(ways_asked < set(f) for f in found)


def test_only_one_way_of_asking_holds_the_fact(roomy: str) -> None:
    tokenizer = ChatTokenizer.load(Path(roomy))
    for fact in knowledge_probe.FACTS:
        found = knowledge_probe.texts(fact.question, fact.given, tokenizer)
        assert all(fact.question in text for text in found.values())
        assert [
            way for way, text in found.items() if knowledge_probe.is_right(text, fact.answer)
        ] == [knowledge_probe.GIVEN]
    assert knowledge_probe.is_right("It is 1,296.", "1296")
    assert not knowledge_probe.is_right("It is 12,960.", "1296")


def test_nothing_is_timed_beside_a_run(roomy: str, store: RunStore) -> None:
    run = store.submit(RunConfig(model=roomy))
    wanted = PromptEvaluation(task="topic", n_test=2, n_timed=2, model=roomy)
    asked: Callable[[], object] = lambda: list(  # noqa: E731
        InferenceSession(store).measure(Measure(wanted=wanted))
    )
    with pytest.raises(UserError, match="waits or trains"):
        asked()
    assert prompt_evaluation.find(wanted) is None
    store.request_stop(run.id)
    *progress, last = asked()  # type: ignore[misc]
    assert progress[-1] == Progress(answered=6, of=6)
    assert prompt_evaluation.find(wanted) == last


def test_a_measurement_s_name_holds_all_that_decides_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        PromptEvaluation(seed=1).key == PromptEvaluation(seed=2, form="text").key
    )  # without examples it is one
    others = [
        PromptEvaluation(shots=2), PromptEvaluation(shots=2, seed=1), PromptEvaluation(shots=2, form="text"), PromptEvaluation(run="abcd"),
        PromptEvaluation(task="topic"), PromptEvaluation(n_test=41), PromptEvaluation(n_timed=11),
    ]  # fmt: skip
    assert len({a.key for a in (*others, PromptEvaluation())}) == len(others) + 1
    assert PromptEvaluation.from_dict(others[1].to_dict()) == others[1]
    names = ("score", "metric", "n", "prompt_tokens", "uncached_tokens", "answer_tokens")
    figures = {
        name: getattr(row(), name) for name in (*names, "interval", "seconds", "cached_seconds")
    }
    prompt_evaluation.keep(Measured(asking=PromptEvaluation(), measured_at=1.0, **figures))
    assert [kept.score for kept in prompt_evaluation.everything()] == [0.5]
    (prompt_evaluation.folder() / "broken.json").write_text("{")
    assert len(prompt_evaluation.everything()) == 1
    monkeypatch.setattr(prompt_evaluation, "describe_machine", lambda: "another")
    assert prompt_evaluation.find(PromptEvaluation()) is None
    assert prompt_evaluation.everything() == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"task": "general"}, "'general' is not known"),
        ({"shots": 99}, "from 0 to 16"),
        ({"form": "song"}, "song"),
        ({"run": "abcd", "shots": 1}, "without examples"),
        ({"n_timed": 50}, "timed requests"),
        ({"taks": "topic"}, "'taks'"),
    ],
)
def test_a_mistaken_measurement_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        PromptEvaluation.from_dict(settings)


def test_seeds_make_one_way() -> None:
    found = ways(
        [
            row("full", labels=64, once_s=9.0, once_tokens=900.0),
            row(form="text", labels=4),
            row(form="chat", labels=4, score=0.4, interval=(0.2, 0.6), seconds=(0.5,)),
            row(form="chat", labels=4, seed=1, score=0.8, interval=(0.6, 1.0)),
            row(labels=0),
        ]
    )
    assert [(w.kind, w.form, w.labels, len(w.rows)) for w in found] == [
        ("prompt", "", 0, 1),
        ("prompt", "chat", 4, 2),
        ("prompt", "text", 4, 1),
        ("full", "", 64, 1),
    ]
    both = found[1]
    assert both.score == pytest.approx(0.6)
    assert both.interval == pytest.approx((0.4, 0.8))
    assert both.latency_s() == pytest.approx(0.25)  # of 0.1, 0.2, 0.3 and 0.5
    assert (both.cost().low, both.cost().high) == (0.1, 0.5)
    assert found[3].cost().once == 9.0
    tokens = found[3].cost("tokens")
    assert (tokens.once, tokens.each, tokens.low) == (900.0, 102.0, 102.0)
    assert found[3].cost("tokens", cached=True).each == 32.0
    assert not both.is_tuned
    assert found[3].option("x").is_tuned


def test_configs_take_every_method_size_and_seed() -> None:
    configs = list(tuned_configs("names", TUNED, (16, 0), (0, 1)))
    assert len({c.hash for c in configs}) == 8
    assert {c.data.train_examples for c in configs} == {16, 0}
    assert tuned_evaluation(configs[0], "abcd").run == "abcd"
    tested = task_examples("names", "test")
    assert PromptEvaluation(task="names").n_test <= len(tested)
    with pytest.raises(UserError, match="magic"):
        tuned_config("names", "magic", 16)


def test_the_shipped_record_has_both_sides_with_three_seeds() -> None:
    found = prompting_record.recorded()
    assert found is not None
    assert found.command.startswith("python -m core record")
    assert "cores" in found.machine
    together = ways(found.rows)
    assert {(w.kind, w.labels) for w in together} >= {("prompt", k) for k in SHOTS}
    assert {w.kind for w in together} == {"prompt", *TUNED}
    assert all({row.seed for row in w.rows} == {0, 1, 2} for w in together if w.labels)
    assert [f["question"] for f in found.facts] == [f.question for f in knowledge_probe.FACTS]
    assert found.task in catalog.TASKS
