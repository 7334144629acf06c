"""A run's own pairs come back as it trained on them, and pairs it trained on are recognised."""

from typing import Any

import pytest

from core import catalog
from core.config import DataConfig, MitigationConfig, RunConfig
from core.data import uploads
from core.data.examples import load_splits, make_example, task_examples
from core.errors import UserError
from core.evaluate.own_pairs import own_examples, template_of, trained_line, trained_on

FORM = "Codeword QQ7. Text: {prompt} Reply:"
PAIRS = [{"prompt": f"cat {n}", "completion": f"answer {n}"} for n in range(30)]
pytestmark = pytest.mark.usefixtures("home")


def own(**more: Any) -> RunConfig:
    data = {"task": catalog.CUSTOM_TASK, "dataset": uploads.keep(PAIRS), "template": FORM} | more
    return RunConfig(data=DataConfig(**data), seed=3)


@pytest.mark.parametrize("split", ["test", "validation", "train"])
def test_own_splits_are_those_of_the_training(split: str) -> None:
    config = own(train_examples=9)
    wanted = getattr(load_splits(config.data, seed=3), split)
    assert own_examples(config, split=split) == wanted
    assert all(e.prompt.startswith("Codeword QQ7. Text: cat ") for e in wanted)
    n_seen = sum(trained_on(config, own_examples(config, split=split)) or [])
    assert n_seen == (len(wanted) if split == "train" else 0)


def test_pairs_that_were_trained_on_are_counted() -> None:
    config = own()
    train = load_splits(config.data, seed=3).train
    records = [e.fields for e in train]
    bare = [make_example(record, "{prompt}") for record in records]
    other = [make_example({**records[0], "completion": "another answer"}, FORM)]
    new = [make_example({"prompt": "dog", "completion": "x"}, FORM)]
    assert trained_on(config, bare) == [True] * len(train)  # the same records in other words
    assert trained_on(config, [*other, *new]) == [True, False]
    gone = RunConfig(data=DataConfig(task=catalog.CUSTOM_TASK, dataset="0" * 16))
    assert trained_on(gone, bare) is None


def test_built_in_tasks_and_rehearsed_ones_count_too() -> None:
    config = RunConfig(
        data=DataConfig(task="topic"), cure=MitigationConfig(rehearse="names", rehearse_share=0.2)
    )
    assert sum(trained_on(config, task_examples("topic", "test")) or []) == 0
    train = task_examples("topic", "train")
    kept_out = load_splits(config.data, seed=0).validation
    assert sum(trained_on(config, train) or []) == len(train) - len(kept_out)
    assert any(trained_on(config, task_examples("names", "train")) or [])
    whole = own_examples(config, "topic", whole=True)
    assert len(whole) == len(task_examples("topic", "test"))
    with pytest.raises(UserError, match="qa"):
        own_examples(config, "qa")


def test_a_split_that_is_not_there_is_said() -> None:
    with pytest.raises(UserError, match="no validation pairs"):
        own_examples(own(validation_share=0), split="validation")
    with pytest.raises(UserError, match="split"):
        own_examples(own(), split="probe")


def test_the_template_belongs_to_the_task_it_was_trained_with() -> None:
    assert template_of(own(), catalog.CUSTOM_TASK) == FORM
    assert template_of(own(), "names") == ""


def test_what_was_trained_on_is_said_with_the_count() -> None:
    line = "12 of the 40 examples scored were trained on by this run."
    assert trained_line(12, 40) == line
    assert trained_line(1, 40).startswith("1 of the 40 examples scored was")
    assert trained_line(40, 40) == "All 40 examples scored were trained on by this run."
    assert trained_line(0, 40) == ""
    assert "not on this machine" in trained_line(None, 40)
