"""A soft prompt taken away: the base model answers again. Needs torch."""

from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel
from torch import nn

from core.errors import UserError
from core.evaluate.limits import as_shown
from core.generate.batch import answer_greedily
from core.inspect.logits import all_logits
from core.inspect.prompts import MOST_TOKENS
from core.inspect.results import TakenAway
from core.models.load import LoadedModel


def take_away(tuned: nn.Module, base: LoadedModel, prompts: Sequence[str]) -> TakenAway:
    """The base's answers, those with a soft prompt, and those after it is taken away again."""
    if not isinstance(tuned, PeftModel) or not hasattr(tuned, "prompt_encoder"):
        raise UserError("Only a soft prompt or a prefix can be taken away like this.")
    ids = [base.tokenizer.ask(prompt) for prompt in prompts]
    bare: Any = tuned.get_base_model()
    answers = {
        name: answer_greedily(model, base, ids, max_new_tokens=MOST_TOKENS)
        for name, model in (("base", base.model), ("with", tuned), ("without", bare))
    }
    rows = [
        {"prompt": prompt, **{name: as_shown(found[i]) for name, found in answers.items()}}
        for i, prompt in enumerate(prompts)
    ]
    one, other = (all_logits(model, base, prompts) for model in (base.model, bare))
    return TakenAway(
        rows=rows,
        equal=all(row["base"] == row["without"] for row in rows) and torch.equal(one, other),
        largest_difference=(one - other).abs().max().item(),
        n_logits=one.numel(),
    )
