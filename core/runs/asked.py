"""The prompts that a question puts to a model, each of a length that can be answered.

Imports no torch, so that a command refuses what is too long at once.
"""

from collections.abc import Callable

from core.data import uploads
from core.data.examples import Example
from core.data.lengths import check_lengths
from core.data.tokenizer import ChatTokenizer
from core.evaluate.examples import examples_of
from core.evaluate.limits import usual_limit
from core.evaluate.own_pairs import own_examples
from core.generate.settings import check_prompt
from core.inspect.prompts import MOST_TOKENS
from core.models.acquire import load_tokenizer
from core.runs.messages import AskLabels, Evaluate, Merge, ModelOnTestSet, TakeAway
from core.runs.store import RunStore

TokenizerOf = Callable[[str], ChatTokenizer]


def asked_prompts(
    asked: Merge | TakeAway, store: RunStore, tokenizer_of: TokenizerOf = load_tokenizer
) -> list[str]:
    """`UserError` for an empty one, and for one that leaves no room for its answer."""
    prompts = [check_prompt(prompt) for prompt in asked.prompts]
    tokenizer = tokenizer_of(store.get(asked.run).config.model)
    check_lengths(prompts, tokenizer, 1 if isinstance(asked, Merge) else MOST_TOKENS)
    return prompts


def asked_examples(
    asked: Evaluate | AskLabels, store: RunStore, tokenizer_of: TokenizerOf = load_tokenizer
) -> list[Example]:
    """A test set. `UserError` where it is not there, or a prompt leaves no room for its answer."""
    on = asked.on
    examples = _examples(on, store)
    room = 1 if isinstance(asked, AskLabels) else asked.max_new_tokens or usual_limit(on.task)
    check_lengths((e.prompt for e in examples), tokenizer_of(on.model), room)
    return examples


def _examples(on: ModelOnTestSet, store: RunStore) -> list[Example]:
    if on.pairs_of:
        return own_examples(store.get(on.pairs_of).config, on.task, split=on.split, whole=on.whole)
    records = uploads.load(on.dataset) if on.dataset else ()
    return examples_of(on.task, records, split=on.split, template=on.template, whole=on.whole)
