"""A test set answered and judged, and the probabilities of labels, on a tiny real model."""

import csv
import io
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from core import catalog
from core.data import uploads
from core.data.encode import encode
from core.data.examples import Example
from core.errors import UserError
from core.evaluate.examples import MEASURES, summary, to_csv
from core.runs.inference_session import InferenceSession
from core.runs.messages import Answers, AskLabels, Evaluate, Evaluated, ModelOnTestSet
from core.runs.store import RunStore

PAIRS = [{"prompt": f"cat {n}", "completion": "yes" if n % 2 else "no no"} for n in range(20)]
pytestmark = pytest.mark.usefixtures("home")


def on(folder: Path, **more: Any) -> ModelOnTestSet:
    usual = {"task": catalog.CUSTOM_TASK, "dataset": uploads.keep(PAIRS)}
    return ModelOnTestSet(model=str(folder.resolve()), **(usual | more))


@pytest.mark.thorough
def test_every_example_is_answered_and_judged_once(tiny_folder: Path) -> None:
    *messages, end = InferenceSession(RunStore()).evaluate(Evaluate(on=on(tiny_folder)))
    assert isinstance(end, Evaluated)
    some = [m for m in messages if isinstance(m, Answers)]
    assert [m.answered for m in some] == [0, 16, 20]
    rows = sorted((row for m in some for row in m.rows), key=lambda row: row.number)
    assert [row.number for row in rows] == list(range(1, 21))
    assert [row.reference for row in rows] == [pair["completion"] for pair in PAIRS]
    found = summary(rows)
    assert found.keys() == MEASURES.keys()
    for measure in ("exact_match", "contains", "f1"):
        assert found[measure].score == pytest.approx(getattr(end.evaluation, measure))
    assert end.labels == ["no no", "yes"]
    assert end.evaluation.classification is not None
    assert sum(map(sum, end.evaluation.classification.confusion)) == 20
    assert (
        to_csv([asdict(row) for row in rows])
        .splitlines()[0]
        .startswith('"number","prompt","reference","output"')
    )


@pytest.mark.thorough
def test_stopping_keeps_what_has_come(tiny_folder: Path) -> None:
    session = InferenceSession(RunStore())
    came = 0
    said: list[bool] = []
    for message in session.evaluate(Evaluate(on=on(tiny_folder)), lambda: bool(said)):
        assert isinstance(message, Answers)
        came += len(message.rows)
        if message.rows:
            said.append(True)
    assert came == 16
    assert not list(session.label_probabilities(AskLabels(on=on(tiny_folder)), lambda: True))


def test_label_probabilities_are_those_of_the_whole_completion(tiny_folder: Path) -> None:
    session = InferenceSession(RunStore())
    messages = session.label_probabilities(AskLabels(on=on(tiny_folder)))
    rows = [row for m in messages for row in m.rows]
    assert [row.number for row in rows] == list(range(1, 21))
    base = session.base
    assert base is not None
    for row, given in zip(rows[:3], PAIRS, strict=False):
        logs: dict[str, float] = {}
        for label in ("no no", "yes"):
            pair = encode(Example(prompt=given["prompt"], completion=label), base.tokenizer)
            with torch.no_grad():
                logits = base.model(torch.tensor([pair.ids])).logits[0].float().log_softmax(-1)
            first = len(pair.prompt_ids)
            logs[label] = sum(
                float(logits[at - 1, pair.ids[at]]) for at in range(first, len(pair.ids))
            )
        odds = torch.tensor(list(logs.values()), dtype=torch.float64)
        wanted = dict(zip(logs, odds.softmax(0).tolist(), strict=True))
        assert row.probabilities == pytest.approx(wanted, abs=0.02)  # bf16 or float32
        assert row.mass == pytest.approx(float(odds.exp().sum()), rel=0.1)


def test_free_text_has_no_labels_and_a_missing_file_is_said(tiny_folder: Path) -> None:
    session = InferenceSession(RunStore())
    with pytest.raises(UserError, match="no labels"):
        list(session.label_probabilities(AskLabels(on=on(tiny_folder, task="names"))))
    with pytest.raises(UserError, match="Upload a test file"):
        list(session.evaluate(Evaluate(on=on(tiny_folder, dataset=""))))


def test_any_answer_survives_as_csv() -> None:
    outputs = ["a\rb", 'say "a", b', "two\nlines", "", "\x0bform", "日本"]
    text = to_csv([{"number": n, "output": output} for n, output in enumerate(outputs)])
    read = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["output"] for row in read] == outputs


def test_a_cell_is_never_a_formula() -> None:
    assert to_csv([{"output": "=1+1"}]) == '"output"\n"\'=1+1"\n'
    assert to_csv([]) == ""
