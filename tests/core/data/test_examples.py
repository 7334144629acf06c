"""Data files: what can be read is read, and a bad line is named by number and reason."""

from pathlib import Path
from typing import Any

import pytest

from core import catalog
from core.config import DataConfig
from core.data import examples, uploads
from core.data.examples import Example, Splits, import_file, load_splits, parse
from core.errors import UserError

GOOD = b'{"prompt": "Hi", "completion": "Hello"}\n'
PAIRS = [{"prompt": f"question {n}", "completion": f"answer {n}"} for n in range(40)]


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("a.jsonl", GOOD, [("Hi", "Hello")]),
        ("a.jsonl", b"\xef\xbb\xbf" + GOOD, [("Hi", "Hello")]),
        ("a.jsonl", b"\n  \n" + GOOD + b"\r\n\n" + GOOD.strip(), [("Hi", "Hello")] * 2),
        ("a.JSONL", GOOD.replace(b"Hi", b"a\\nb \xe2\x80\xa8 c"), [("a\nb \u2028 c", "Hello")]),
        ("a.csv", b"prompt,completion\nHi,Hello\n", [("Hi", "Hello")]),
        ("A.CSV", b"\xef\xbb\xbfcompletion,prompt\r\nHello,Hi\r\n", [("Hi", "Hello")]),
        (
            "a.csv",
            b'prompt,completion\n"two\nlines, ""quoted""",x\n',
            [('two\nlines, "quoted"', "x")],
        ),
        ("a.csv", b"prompt,completion,n\n\nHi,Hello,\n\n", [("Hi", "Hello")]),
    ],
)
def test_readable_files(name: str, content: bytes, wanted: list[tuple[str, str]]) -> None:
    found = parse(content, name=name)
    assert [(record["prompt"], record["completion"]) for record in found] == wanted


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl", b"", "holds no prompt-completion pairs"),
        ("a.jsonl", b" \n\n", "holds no prompt-completion pairs"),
        ("a.jsonl", b"\xef\xbb\xbf", "holds no prompt-completion pairs"),
        ("a.csv", b"", "holds no prompt-completion pairs"),
        ("a.csv", b"prompt,completion\n", "holds no prompt-completion pairs"),
        ("a.jsonl", GOOD * 2 + b"\xff\xfe", "line 3: not UTF-8"),
        ("a.jsonl", "Grüße".encode("latin-1"), "line 1: not UTF-8"),
        ("a.csv", "prompt,completion\n".encode("utf-16"), "line 1: not UTF-8"),
        ("a.jsonl", GOOD + b"\n" + b'{"prompt": "Hi", \n', "line 3: not valid JSON"),
        ("a.jsonl", GOOD + b"[" * 100_000, "line 2: not valid JSON"),
        ("a.jsonl", GOOD + b'{"prompt": "a", "n": ' + b"1" * 5000 + b"}", "line 2: not valid JSON"),
        ("a.jsonl", GOOD + b'["Hi", "Hello"]', "line 2: expected {"),
        ("a.jsonl", GOOD + b"null", "line 2: expected {"),
        ("a.jsonl", b'{"prompt": "Hi"}', "line 1: needs a non-empty text 'completion'"),
        ("a.jsonl", b'{"text": "Hi", "label": "x"}', r"'prompt' (it has: text, label)"),
        ("a.jsonl", b"{}", "(it has: nothing)"),
        ("a.jsonl", b'{"prompt": "Hi", "completion": 3}', "line 1: needs a non-empty text"),
        ("a.jsonl", b'{"prompt": null, "completion": "x"}', "line 1: needs a non-empty text"),
        ("a.jsonl", b'{"prompt": ["Hi"], "completion": "x"}', "line 1: needs a non-empty text"),
        ("a.jsonl", b'{"prompt": "Hi", "completion": " "}', "line 1: needs a non-empty text"),
        ("a.csv", b"prompt,answer\nHi,x\n", "line 2: needs a non-empty text 'completion'"),
        ("a.csv", b"prompt,completion\nHi,x\nHi,\n", "line 3: needs a non-empty text"),
        ("a.csv", b"prompt,completion\nHi\n", "line 2: not as many cells"),
        ("a.csv", b"prompt,completion\nHi,a,b\n", "line 2: not as many cells"),
        ("a.csv", b'prompt,completion\n"Hi,x\n', "line 2: not valid CSV"),
        ("a.csv", b'prompt,completion\n"a\nb",x\nHi,\n', "line 4: needs a non-empty text"),
        ("a.csv", b"prompt,completion\n" + b"x" * 200_000 + b",y\n", "line 2: not valid CSV"),
    ],
)
def test_unreadable_files_are_refused(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(UserError) as refused:
        parse(content, name=name)
    assert str(refused.value).startswith(name)
    assert reason in str(refused.value)


def test_limits_of_size(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="is 21 MB; the limit is 20 MB"):
        parse(b" " * 21_000_000, name="a.jsonl")
    monkeypatch.setattr(examples, "MAX_UPLOAD_PAIRS", 3)
    assert len(parse(GOOD * 3, name="a.jsonl")) == 3
    with pytest.raises(UserError, match="more than 3 pairs"):
        parse(GOOD * 4, name="a.jsonl")


def test_a_file_is_imported_by_its_content(home: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD)
    (tmp_path / "b.csv").write_bytes(b"prompt,completion\nHi,Hello\n")
    address = import_file(tmp_path / "a.jsonl")
    assert import_file(tmp_path / "b.csv") == address
    assert uploads.load(address) == [{"prompt": "Hi", "completion": "Hello"}]
    for missing in (tmp_path / "c.csv", tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            import_file(missing)


def custom(records: list[dict[str, Any]], **settings: Any) -> DataConfig:
    return DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(records), **settings)


def prompts(split: list[Example]) -> set[str]:
    return {example.prompt for example in split}


def assert_apart(splits: Splits) -> None:
    parts = [prompts(s) for s in (splits.train, splits.validation, splits.test)]
    assert sum(map(len, parts)) == len(set.union(*parts))


@pytest.mark.parametrize("task", ["sentiment", "names", "custom"])
def test_splits_are_seeded_and_apart(task: str, home: Path) -> None:
    config = custom(PAIRS) if task == "custom" else DataConfig(task=task)
    splits = load_splits(config, seed=1)
    assert splits == load_splits(config, seed=1)
    assert splits.train != load_splits(config, seed=2).train
    assert_apart(splits)


def test_sizes_of_splits(home: Path) -> None:
    splits = load_splits(custom(PAIRS, validation_share=0.25), seed=0)
    assert [len(s) for s in (splits.train, splits.validation, splits.test)] == [24, 8, 8]
    few = load_splits(custom(PAIRS, validation_share=0.25, train_examples=5), seed=0)
    assert few.train == splits.train[:5]
    assert (few.validation, few.test) == (splits.validation, splits.test)
    least = load_splits(custom(PAIRS[:4], validation_share=0.5), seed=0)
    assert min(len(least.train), len(least.test)) == 1
    many = [{"prompt": f"q {n}", "completion": "a"} for n in range(1100)]
    assert len(load_splits(custom(many), seed=0).test) == 200


def test_a_pair_given_twice_is_not_both_trained_on_and_tested(home: Path) -> None:
    assert_apart(load_splits(custom(PAIRS * 2), seed=0))


@pytest.mark.parametrize("tags", [5, None, "hard"])
def test_other_columns_of_an_upload_do_not_matter(tags: object, home: Path) -> None:
    splits = load_splits(custom([{**pair, "tags": tags} for pair in PAIRS]), seed=0)
    assert prompts(splits.train) < {pair["prompt"] for pair in PAIRS}
    assert {example.tags for example in splits.train} <= {(), ("hard",)}  # not its letters


def test_data_that_cannot_be_trained_on_is_refused(home: Path) -> None:
    with pytest.raises(UserError, match="3 pairs; training needs at least 4"):
        load_splits(custom(PAIRS[:3]), seed=0)
    with pytest.raises(UserError, match="'general' is for evaluation only"):
        load_splits(DataConfig(task="general"), seed=0)
    with pytest.raises(UserError, match=r"asks for \{review\}; the data has \{text\}"):
        load_splits(DataConfig(template="{review}"), seed=0)
    with pytest.raises(UserError, match="has no probe split"):
        examples.task_records("sentiment", "probe")


def test_a_template_makes_the_prompt(home: Path) -> None:
    splits = load_splits(custom(PAIRS, template="Q: {prompt}\nA:"), seed=0)
    assert all(e.prompt == f"Q: {e.fields['prompt']}\nA:" for e in splits.train)
    assert all(e.fields in PAIRS for e in splits.train)
