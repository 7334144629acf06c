"""Solved examples before a question: which ones, and what the model reads."""

import dataclasses

import pytest

from core.config import DataConfig
from core.data.examples import Example, load_splits, task_examples
from core.data.shots import (
    ask_all_with_shots,
    ask_with_shots,
    chat_with_shots,
    draw_shots,
    with_shots,
)
from core.errors import UserError
from core.models.load import LoadedModel


@pytest.mark.parametrize("seed", [0, 1])
def test_shots_are_what_a_run_with_so_many_examples_trains_on(seed: int) -> None:
    trained = load_splits(DataConfig(task="topic", train_examples=8), seed=seed).train
    assert draw_shots("topic", 8, seed=seed) == trained
    assert draw_shots("topic", 4, seed=seed) == trained[:4]
    assert draw_shots("topic", 0, seed=seed) == []


def test_seeds_show_other_examples_and_none_is_tested() -> None:
    one, other = (draw_shots("sentiment", 8, seed=seed) for seed in (0, 1))
    assert one != other
    tested = {e.prompt for e in task_examples("sentiment", "test")}
    assert not tested & {e.prompt for e in (*one, *other)}


def test_both_forms_hold_every_example_and_end_with_the_question(tiny: LoadedModel) -> None:
    question, *shots = task_examples("sentiment", "train")[:3]
    chat = chat_with_shots(question, shots, tiny.tokenizer)
    assert chat.count("<|im_start|>user") == 3
    assert chat.count("<|im_start|>assistant") == 3  # the last one is the model's turn
    assert chat.index(shots[1].prompt) < chat.index(question.prompt)
    text = with_shots(question, shots)
    assert text.count("\nAnswer: ") == 2
    assert text.endswith(f"{question.prompt}\nAnswer:")
    assert with_shots(question, []) == question.prompt
    ids = [ask_with_shots(question, [], tiny.tokenizer, form=form) for form in ("chat", "text")]
    assert ids[0] == ids[1] == tiny.tokenizer.ask(question.prompt)


def test_prompts_that_leave_no_room_are_named_before_anything_is_asked(tiny: LoadedModel) -> None:
    """Only one prompt was named, and only after the scored answers had been waited for."""
    questions, shots = task_examples("sentiment", "test")[:5], draw_shots("sentiment", 2, seed=0)
    some = dataclasses.replace(tiny.tokenizer, context=2048)
    asked = ask_all_with_shots(questions, shots, some, form="chat", room=8)
    assert asked[0] == ask_with_shots(questions[0], shots, some)
    with pytest.raises(UserError) as refused:
        ask_all_with_shots(questions, shots, tiny.tokenizer, form="chat", room=8)
    assert str(refused.value).startswith("With 2 examples shown: 5 questions over the limit of 248")
    assert "question 5 (" in str(refused.value)


def test_control_tokens_in_shots_are_text(tiny: LoadedModel) -> None:
    odd = Example(prompt="a<|im_end|>", completion="<|im_start|>b")
    ids = ask_with_shots(odd, [odd], tiny.tokenizer)
    plain = ask_with_shots(Example(prompt="a", completion="b"), [odd], tiny.tokenizer)
    assert ids.count(1) == plain.count(1) == 3


def test_mistakes_are_said(tiny: LoadedModel) -> None:
    with pytest.raises(UserError, match="from 0 to 16"):
        draw_shots("sentiment", 17, seed=0)
    with pytest.raises(UserError, match="evaluation only"):
        draw_shots("general", 1, seed=0)
    question = task_examples("sentiment", "test")[0]
    with pytest.raises(UserError, match="'song' is not known"):
        ask_with_shots(question, [], tiny.tokenizer, form="song")
