"""Splits: seeded, apart by prompt, as large as promised; what was grouped or left out is said."""

from pathlib import Path
from typing import Any

import pytest

from core import catalog
from core.config import DataConfig
from core.data import examples, uploads
from core.data.examples import Example, Splits, load_splits
from core.errors import UserError

PAIRS = [{"prompt": f"question {n}", "completion": f"answer {n}"} for n in range(40)]


def custom(records: list[dict[str, Any]], **settings: Any) -> DataConfig:
    return DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(records), **settings)


def prompts(split: list[Example]) -> set[str]:
    return {example.prompt for example in split}


def assert_apart(splits: Splits) -> None:
    parts = [prompts(s) for s in (splits.train, splits.validation, splits.test)]
    assert sum(map(len, parts)) == len(set.union(*parts))


@pytest.mark.thorough
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


def keys(split: list[Example]) -> set[str]:
    return {" ".join(e.prompt.split()).casefold() for e in split}


def assert_no_prompt_in_two(splits: Splits) -> None:
    train, validation, test = map(keys, (splits.train, splits.validation, splits.test))
    assert train
    assert test
    assert len(train | validation | test) == len(train) + len(validation) + len(test)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_all_pairs_of_a_prompt_are_in_one_part(seed: int, share: float, home: Path) -> None:
    """36 of 60 test prompts were trained on, with another answer."""
    every = [
        {"prompt": f" Question {n % 9}\n" if n % 2 else f"question  {n % 9}", "completion": f"{n}"}
        for n in range(27)
    ]
    splits = load_splits(custom(every, validation_share=share), seed=seed)
    assert_no_prompt_in_two(splits)
    assert sum(map(len, (splits.train, splits.validation, splits.test))) == 27
    assert len(splits.test) in (3, 4, 5)
    assert "9 prompts with several pairs" in splits.notes[0]
    assert (
        "9 prompts with different answers (27 pairs), for example pairs 1 and 10" in splits.notes[1]
    )


def test_equal_pairs_with_other_tags_count_once(home: Path) -> None:
    """120 of 120 test pairs were trained on, under another tag."""
    tagged = [{**pair, "tags": [str(n)]} for n in range(3) for pair in PAIRS]
    splits = load_splits(custom(tagged), seed=0)
    assert_no_prompt_in_two(splits)
    assert sum(map(len, (splits.train, splits.validation, splits.test))) == 40
    assert splits.notes == (
        "80 pairs of 120 repeat an earlier one and are left out: "
        "pairs 41, 42, 43, 44, 45, 46, 47, 48, 49, 50 and 70 more.",
    )


def test_notes_name_the_lines_of_the_file(home: Path) -> None:
    source = uploads.Source(name="a.csv", lines=[2, 4, 6, 8, 9, 11])
    address = uploads.keep([*PAIRS[:5], PAIRS[0]], source)
    config = DataConfig(task=catalog.CUSTOM_TASK, dataset=address)
    (note,) = load_splits(config, seed=0).notes
    assert note.endswith("left out: line 11.")


def test_one_prompt_alone_cannot_be_split(home: Path) -> None:
    with pytest.raises(UserError, match="All pairs have the same prompt"):
        load_splits(custom([{"prompt": "a", "completion": str(n)} for n in range(9)]), seed=0)


def test_a_prompt_of_the_test_is_not_trained_on_in_a_built_in_task(home: Path) -> None:
    """With a template that leaves the text out, test questions stand among the training prompts."""
    splits = load_splits(DataConfig(task="names", template="{question}"), seed=0)
    assert_no_prompt_in_two(splits)
    assert "left out of training, because the same prompt" in splits.notes[0]
    with pytest.raises(UserError, match="every training prompt is a test prompt"):
        load_splits(DataConfig(task="sentiment", template="{completion}"), seed=0)


@pytest.mark.parametrize("task", [t.id for t in catalog.TASKS.values() if "train" in t.splits])
def test_no_built_in_task_trains_on_its_test(task: str) -> None:
    splits = load_splits(DataConfig(task=task), seed=3)
    assert_no_prompt_in_two(splits)
    assert splits.notes == ()


def said(*parts: str) -> list[dict[str, Any]]:
    return [{**PAIRS[n], "split": part} for n, part in enumerate(parts)]


def test_records_may_name_their_part(home: Path) -> None:
    records = said("train", "train", "validation", "test", "train")
    for seed in (0, 1):
        splits = load_splits(custom(records, validation_share=0.5), seed=seed)
        parts = (splits.train, splits.validation, splits.test)
        assert [[e.number for e in part] for part in parts] == [[1, 2, 5], [3], [4]]
        assert splits.fixed
        assert splits.notes == (
            "The data say themselves which pairs belong where (split): "
            "3 train, 1 validation, 1 test.",
        )


def test_a_tested_prompt_named_for_training_is_left_out(home: Path) -> None:
    records = [*said("train", "train", "validation", "test"), {**PAIRS[3], "split": "train"}]
    splits = load_splits(custom(records), seed=0)
    assert_no_prompt_in_two(splits)
    assert [e.number for e in splits.test] == [4]
    other = [*records[:-1], {"prompt": "QUESTION 3", "completion": "x", "split": "train"}]
    splits = load_splits(custom(other), seed=0)
    assert_no_prompt_in_two(splits)
    assert "1 pair left out of training" in splits.notes[-1]
    with pytest.raises(UserError, match="No training pairs are left"):
        load_splits(custom([*said("train", "test"), {**PAIRS[0], "split": "test"}]), seed=0)


@pytest.mark.parametrize("odd", ["", "dev", None, 3])
def test_a_split_column_of_another_kind_is_a_field_like_any(odd: object, home: Path) -> None:
    records = [{**pair, "split": odd if n else "train"} for n, pair in enumerate(PAIRS)]
    assert not load_splits(custom(records), seed=0).fixed


def test_indentation_stays(home: Path) -> None:
    code = [
        {"prompt": f"\n    def f{n}():\n", "completion": f"\n\n        return {n}\n    # end\n\n"}
        for n in range(6)
    ]
    for e in load_splits(custom(code), seed=0).train:
        n = e.number - 1
        assert (e.prompt, e.completion) == (f"    def f{n}():", f"        return {n}\n    # end")


def test_the_wording_of_a_task_without_text() -> None:
    task = catalog.Task(
        id="x", title="", summary="", template="{q}?", metric="f1", wordings=("A: {q}", "B: {q}")
    )
    used = [examples.wording(task, {"q": f"q {n}", "completion": "a"}) for n in range(60)]
    assert used == [examples.wording(task, {"q": f"q {n}", "completion": "b"}) for n in range(60)]
    assert set(used) == {"{q}?", "A: {q}", "B: {q}"}
    assert examples.wording(task, {"completion": "a"}) in used


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
