"""The label mask: the loss sees the completion and the end token, and nothing else."""

import pytest

from core.data import encode as encoding
from core.data.encode import Encoded, encode
from core.data.examples import Example
from core.errors import UserError
from core.models.load import LoadedModel

PAIRS = [
    Example(prompt="a dog ran", completion="positive"),
    Example(prompt="Ünïcode 日本 🎼?", completion="ja, 日本 🎼"),
    Example(prompt="positive", completion="positive positive"),
    Example(prompt="two\n\nlines ", completion="<|im_start|>user"),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.completion)
def test_labels_are_the_completion_and_the_end(pair: Example, tiny: LoadedModel) -> None:
    tokenizer = tiny.tokenizer
    encoded = encode(pair, tokenizer)
    seen = [label for label in encoded.labels if label != -100]
    assert tokenizer.decode(seen, special=True) == pair.completion + "<|im_end|>"
    assert seen == encoded.ids[-len(seen) :]
    assert encoded.labels[: -len(seen)] == [-100] * (len(encoded.ids) - len(seen))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.completion)
def test_the_prompt_is_what_the_model_reads_when_answering(
    pair: Example, tiny: LoadedModel
) -> None:
    encoded = encode(pair, tiny.tokenizer)
    assert encoded.prompt_ids == tiny.tokenizer.ask(pair.prompt)
    whole = tiny.tokenizer.chat(
        [
            {"role": "user", "content": pair.prompt},
            {"role": "assistant", "content": pair.completion},
        ],
        answer=False,
    )
    assert tiny.tokenizer.decode(encoded.ids, special=True) + "\n" == whole


def test_labels_align_with_ids() -> None:
    assert Encoded([5, 6], [7, 1]).ids == [5, 6, 7, 1]
    assert Encoded([5, 6], [7, 1]).labels == [-100, -100, 7, 1]


def test_a_pair_too_long_for_the_model_is_refused(tiny: LoadedModel) -> None:
    around = len(encode(Example(prompt="", completion=""), tiny.tokenizer).ids)
    room = 256 - around  # the tiny model's context; one byte of "~" is one token
    fits = encode(Example(prompt="~" * (room - 9), completion="~" * 9), tiny.tokenizer)
    assert len(fits.ids) == 256
    with pytest.raises(UserError, match=r"257 tokens long, over the limit of 256: “~~~"):
        encode(Example(prompt="~" * (room - 9), completion="~" * 10), tiny.tokenizer)


def test_a_pair_too_long_for_a_lesson_is_refused(
    tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "MAX_TOKENS", 30)
    with pytest.raises(UserError, match="over the limit of 30"):
        encode(Example(prompt="~" * 30, completion="~"), tiny.tokenizer)
