"""The datasets we ship: large enough, balanced, apart, and what their data card says."""

import itertools
import json
import re
from typing import Any

import pytest

from core import catalog
from core.data.examples import task_examples, task_records, wording
from core.data.template import placeholders

SPLITS = [(task, split) for task in catalog.TASKS for split in catalog.find_task(task).splits]
LEAST = {
    ("sentiment", "train"): 400,
    ("sentiment", "test"): 150,
    ("names", "train"): 200,
    ("names", "test"): 100,
    ("names", "probe"): 20,
    ("topic", "train"): 120,
    ("topic", "test"): 60,
    ("emotion", "train"): 120,
    ("emotion", "test"): 60,
    ("qa", "train"): 120,
    ("qa", "test"): 60,
    ("summary", "train"): 120,
    ("summary", "test"): 60,
    ("paraphrase", "train"): 120,
    ("paraphrase", "test"): 60,
    ("formality", "test"): 60,
    ("general", "test"): 60,
}
HARD_CASES = {"negation", "contrast", "irony", "no_sentiment_words"}


def words(record: dict[str, Any]) -> list[str]:
    """What stands in the record, casefolded and without punctuation."""
    text = f"{record.get('text', '')} {record.get('question', '')} {record.get('other', '')}"
    return re.findall(r"\w+", text.casefold())


@pytest.mark.parametrize("part", SPLITS, ids="-".join)
def test_there_is_enough(part: tuple[str, str]) -> None:
    assert len(task_records(*part)) >= LEAST[part]


@pytest.mark.parametrize("part", SPLITS, ids="-".join)
def test_records_have_one_shape(part: tuple[str, str]) -> None:
    task = catalog.find_task(part[0])
    lines = task.path(part[1]).read_text("utf-8").splitlines()
    records = [json.loads(line) for line in lines]  # no blank line
    assert len({tuple(record) for record in records}) == 1
    for record in records:
        assert isinstance(record["tags"], list)
        assert record["completion"] == record["completion"].strip() != ""
        fields = {key: value for key, value in record.items() if key not in ("completion", "tags")}
        assert all(value == value.strip() for value in fields.values())
        assert {*placeholders(task.template)} <= fields.keys()  # and no other, but for a domain
        assert fields.keys() <= {*placeholders(task.template), "domain"}
        assert words(record)


@pytest.mark.parametrize("part", SPLITS, ids="-".join)
def test_every_record_renders(part: tuple[str, str]) -> None:
    for example in task_examples(*part):
        for name in ("text", "question"):
            assert example.fields.get(name, "") in example.prompt
        assert not re.search(r"\{\w+\}", example.prompt)


@pytest.mark.parametrize("task", catalog.TASKS)
def test_no_text_stands_twice(task: str) -> None:
    splits = catalog.find_task(task).splits
    texts = [" ".join(words(r)) for split in splits for r in task_records(task, split)]
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("task", [t for t in catalog.TASKS if t != "general"])
def test_splits_share_no_nearly_identical_text(task: str) -> None:
    """Texts of two splits have at most 6 in 10 of their words in common."""
    bags = [
        [frozenset(words(r)) for r in task_records(task, split)]
        for split in catalog.find_task(task).splits
    ]
    for one, other in itertools.combinations(bags, 2):
        for a, b in itertools.product(one, other):
            assert len(a & b) <= 0.6 * len(a | b), (sorted(a), sorted(b))


@pytest.mark.parametrize("split", ["train", "test"])
def test_sentiment_is_balanced_and_has_hard_cases(split: str) -> None:
    records = task_records("sentiment", split)
    labels = [record["completion"] for record in records]
    assert set(labels) == set(catalog.SENTIMENT_LABELS)
    assert abs(labels.count("positive") / len(labels) - 0.5) <= 0.05
    tagged = [tag for record in records for tag in record["tags"]]
    assert set(tagged) == HARD_CASES
    assert min(tagged.count(tag) for tag in HARD_CASES) >= 10


@pytest.mark.parametrize("split", ["train", "test"])
def test_hard_cases_do_not_give_the_label_away(split: str) -> None:
    for tag in HARD_CASES:
        labels = [r["completion"] for r in task_records("sentiment", split) if tag in r["tags"]]
        assert set(labels) == set(catalog.SENTIMENT_LABELS)


LABELLED = [
    (task, split) for task, split in SPLITS if catalog.TASKS[task].labels and task != "sentiment"
]


@pytest.mark.parametrize("part", LABELLED, ids="-".join)
def test_labels_are_known_and_balanced(part: tuple[str, str]) -> None:
    task, split = part
    labels = [record["completion"] for record in task_records(task, split)]
    counts = {labels.count(label) for label in catalog.TASKS[task].labels}
    assert len(counts) == 1  # each label as often as any other
    assert sum(map(labels.count, catalog.TASKS[task].labels)) == len(labels)


@pytest.mark.parametrize("split", ["train", "test"])
def test_answers_to_questions_stand_in_their_text(split: str) -> None:
    for record in task_records("qa", split):
        assert record["completion"].casefold() in record["text"].casefold()


@pytest.mark.parametrize("task", [t.id for t in catalog.TASKS.values() if t.wordings])
def test_every_wording_is_used_for_a_like_share(task: str) -> None:
    known = catalog.TASKS[task]
    used = [wording(known, record) for record in task_records(task, known.splits[0])]
    every = (known.template, *known.wordings)
    assert len(every) == 3
    assert min(used.count(one) for one in every) >= len(used) // 5


def test_formality_is_never_trained_on() -> None:
    assert catalog.find_task("formality").splits == ("test",)


@pytest.mark.parametrize("split", ["train", "test"])
def test_shared_words_do_not_tell_a_paraphrase(split: str) -> None:
    """Deciding by how many words two sentences share, at the best threshold, is near guessing."""
    pairs: list[tuple[float, bool]] = []
    for record in task_records("paraphrase", split):
        one, other = (set(re.findall(r"\w+", record[k].casefold())) for k in ("text", "other"))
        pairs.append((len(one & other) / len(one | other), record["completion"] == "yes"))
    right = [sum((share >= at) == same for share, same in pairs) for at, _ in pairs]
    assert max(right) <= 0.6 * len(pairs)


@pytest.mark.parametrize("split", ["train", "test"])
def test_names_stand_in_their_text_and_each_is_new(split: str) -> None:
    records = task_records("names", split)
    for record in records:
        assert re.search(rf"\b{re.escape(record['completion'])}\b", record["text"])
        assert record["completion"] not in record["question"]
    assert len({record["completion"] for record in records}) == len(records)


def test_no_name_is_both_trained_on_and_tested() -> None:
    train, test = ({r["completion"] for r in task_records("names", s)} for s in ("train", "test"))
    assert train.isdisjoint(test)


def test_probe_asks_for_a_name_given_or_for_its_own() -> None:
    for record in task_records("names", "probe"):
        assert record["tags"] in (["given"], ["self"])
        own = record["tags"] == ["self"]
        assert record["completion"] in (["SmolLM"] if own else record["text"])


def test_general_questions_do_not_hold_their_answer() -> None:
    for record in task_records("general", "test"):
        assert record["completion"].casefold() not in words(record)
