"""Lesson: figures, findings and the guide's words from measurements written by hand."""

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from core.experiments.break_even import BreakEven, advise
from core.experiments.knowledge_probe import FACTS, GIVEN, PLAIN
from core.experiments.prompting import Row, prompt_row, ways
from core.runs import prompt_evaluation
from core.runs.prompt_evaluation import Measured, PromptEvaluation
from pages.lessons.choice.advice import amount, fact_finding, fact_table, reasons, verdict
from pages.lessons.choice.costs import break_even_figure, pay_words, score_beside
from pages.lessons.choice.figures import (
    best,
    cost_table,
    is_whole,
    name_of,
    own_rows,
    score_figure,
    score_finding,
)


def row(kind: str, labels: int, score: float, second: float, **more: Any) -> Row:
    usual: dict[str, Any] = {
        "kind": kind, "task": "sentiment", "labels": labels, "seed": 0,
        "form": "chat" if kind == "prompt" and labels else "", "score": score,
        "interval": (score - 0.1, score + 0.1), "metric": "exact_match", "n": 40,
        "prompt_tokens": 50.0 + 50 * labels * (kind == "prompt"), "uncached_tokens": 30.0,
        "answer_tokens": 2.0, "seconds": (second,), "cached_seconds": (second / 2,),
    }  # fmt: skip
    return Row(**usual | more)


ROWS = (
    row("prompt", 0, 0.0, 0.10),
    row("prompt", 8, 0.6, 0.40),
    row("prompt", 8, 0.7, 0.40, seed=1),
    row("prompt", 8, 0.2, 0.40, form="text"),
    row("lora", 64, 0.9, 0.20, once_s=10.0, once_tokens=8_000.0),
    row("full", 64, 0.8, 0.10, once_s=20.0, once_tokens=8_000.0),
)
FOUND = ways(ROWS)
ZERO, EIGHT, TEXT, LORA, FULL = FOUND


def test_names_say_what_was_shown_or_trained_on() -> None:
    assert [name_of(way) for way in FOUND] == [
        "Prompt without examples",
        "Prompt with 8 examples",
        "Prompt with 8 examples in one message",
        "LoRA on 64 examples",
        "Full fine-tuning on 64 examples",
    ]
    assert is_whole(ROWS)
    assert not is_whole(ROWS[:3])


def test_the_finding_names_the_best_of_both_kinds() -> None:
    assert best(FOUND, tuned=False) == EIGHT
    assert best([*FOUND, *ways([row("lora", 16, 0.88, 0.2)])], tuned=True, near=0.03).labels == 16  # type: ignore[union-attr]
    assert best([], tuned=True) is None
    assert score_finding(FOUND) == (
        "Best prompt 0.65 (8 examples, 2 seeds), best tuned model 0.90 (LoRA, 64 examples, 1 seed); "
        "the 95 % intervals do not overlap"
    )
    near = ways([*ROWS[:3], row("lora", 64, 0.8, 0.2)])
    assert score_finding(near).endswith("overlap, so neither is shown to be higher")
    assert score_finding([ZERO]) == "Prompt without examples: 0.00"
    assert score_finding([]) == "Nothing is measured yet"


def test_scores_stand_over_the_labelled_examples() -> None:
    figure = score_figure(FOUND)
    by_name = {trace.name: trace for trace in figure.data if trace.name}
    assert list(figure.layout.xaxis.ticktext) == ["0", "8", "64"]
    chat = by_name["prompting, examples as turns of the chat"]
    assert list(chat.y) == pytest.approx([0.0, 0.65])
    assert list(by_name["prompting, examples in one message"].y) == pytest.approx([0.2])
    seeds = next(t for t in figure.data if t.hoverinfo == "skip")
    assert list(seeds.y) == pytest.approx([0.0, 0.6, 0.7])


def test_the_table_has_a_row_per_way() -> None:
    table = cost_table(FOUND)
    assert list(table["training (s)"]) == ["–", "–", "–", "10.0", "20.0"]
    assert table["score"][1] == "0.65 (0.55 to 0.75)"
    assert table["ms a request"][1] == "400 (400 to 400)"


@pytest.mark.parametrize(
    ("requests", "earliest", "latest", "words"),
    [
        (None, None, None, "never pays in seconds"),
        (None, 30, None, "does not pay in seconds by these medians, .* from request 30"),
        (1, 1, 1, "pays in seconds from the first request"),
        (1, 1, 9, r"from request 1 on \(between 1 and 9\)"),
        (50, 50, 50, "from request 50 on$"),
        (50, 40, 1_200, r"from request 50 on \(between 40 and 1,200\)"),
        (50, 40, None, "whether it ever does"),
    ],
)
def test_when_it_pays_is_said_as_surely_as_it_is(
    requests: int | None, earliest: int | None, latest: int | None, words: str
) -> None:
    met = BreakEven(requests=requests, earliest=earliest, latest=latest)
    assert re.search(words, pay_words(met, "seconds"))


def rings(figure: Any) -> list[float]:
    return [t.x[0] for t in figure.data if t.mode == "markers+text"]


def test_lines_cross_where_the_arithmetic_says() -> None:
    figure = break_even_figure(EIGHT, [LORA, FULL], unit="seconds", cached=False)
    lines = {t.name: t for t in figure.data if t.mode == "lines"}
    assert set(lines) == {name_of(w) for w in (EIGHT, LORA, FULL)}
    assert list(lines["LoRA on 64 examples"].y) == pytest.approx([10.0, 10.0 + 0.2 * 168])
    assert rings(figure) == pytest.approx([51, 67], abs=1)
    never = break_even_figure(ZERO, [LORA], unit="seconds", cached=False)
    assert rings(never) == []
    tokens = break_even_figure(EIGHT, [LORA], unit="tokens", cached=False)
    assert rings(tokens) == [21]  # 8,000 / (452 - 52) is 20 exactly


def test_scores_are_said_beside_the_costs() -> None:
    assert "do not overlap, so the two do not buy the same" in score_beside(ZERO, LORA)
    assert score_beside(EIGHT, FULL).endswith("The 95 % intervals overlap.")


def guide(needed: float, requests: int) -> tuple[str, list[str]]:
    options = [way.option(name_of(way)) for way in FOUND]
    advice = advise(options, needed=needed, requests=requests, labels=64)
    return verdict(advice, needed=needed), reasons(advice, requests=requests, unit="seconds")


def test_the_guide_says_what_to_do_and_why() -> None:
    said, why = guide(0.6, 10)
    assert said == "Prompt: “Prompt with 8 examples” reaches 0.65."
    assert "takes 4.0 s" in why[0]
    assert "its seeds scored 0.60 to 0.70. So it is not certain" in why[-1]
    said, why = guide(0.6, 1_000)
    assert said == "Tune: “Full fine-tuning on 64 examples” reaches 0.80."
    assert why[-1].endswith("so the verdict holds over the whole interval.")
    said, why = guide(0.75, 1)
    assert said.startswith("Tune: “LoRA")
    assert why[0] == "No prompt measured here is good enough, so the cost does not decide."
    said, why = guide(0.95, 1)
    assert said.startswith("Neither: nothing measured here reaches 0.95.")
    assert len(why) == 2


def test_amounts_are_in_the_unit_of_a_person() -> None:
    said = [amount(s, "seconds") for s in (3, 600, 7200, 36e5)]
    assert said == ["3.0 s", "10.0 minutes", "2.0 hours", "1,000.0 hours"]
    assert amount(12_345.6, "tokens") == "12,346 tokens"


def test_facts_are_right_or_not() -> None:
    answers = {GIVEN: f"It is {FACTS[0].answer}.", PLAIN: "I do not know."}
    table = fact_table([(FACTS[0], answers)])
    assert list(table.right) == ["no", "yes"]
    said = fact_finding([(FACTS[0], answers)])
    assert said.startswith("Right answers out of 1 recorded for each way: asked plainly 0,")
    assert said.endswith("with the fact in the prompt 1.")


def test_kept_prompts_are_the_reader_s_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    names = [f.name for f in fields(Measured) if hasattr(ROWS[1], f.name)]
    figures = {name: getattr(ROWS[1], name) for name in names}
    kept = Measured(asking=PromptEvaluation(shots=8), measured_at=1.0, **figures)
    prompt_evaluation.keep(kept)
    assert own_rows("sentiment") == [prompt_row(kept)] == [ROWS[1]]
    assert own_rows("names") == []
    deleted = PromptEvaluation(run="20200101-000000-abcdef")
    prompt_evaluation.keep(replace(kept, asking=deleted))
    assert own_rows("sentiment") == [ROWS[1]]
