"""What a run is asked again after it was exported: the prompts it was watched and tested on."""

from dataclasses import dataclass

from core.data.run_data import load_run_data
from core.data.test_sets import fixed_set
from core.data.tokenizer import ChatTokenizer
from core.evaluate.limits import FREE_TOKENS, answer_limit
from core.runs.store import Run

MOST = 40
"""Of the issue's bar: of 40 answers of a merged model at least 38 are those of the app."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A prompt, and how long its answer may be."""

    prompt: str
    max_new_tokens: int


def prompts_of(run: Run, tokenizer: ChatTokenizer, *, most: int = MOST) -> list[Asked]:
    """The prompts it was watched at, then test examples of the tasks it was tested on, of each as many."""
    wanted = run.config.evaluation
    tests = load_run_data(run.config, tokenizer).tests
    found = [Asked(prompt=p, max_new_tokens=FREE_TOKENS) for p in wanted.prompts]
    each = max(1, (most - len(found)) // len(tests))
    for task, every in tests.items():
        examples = fixed_set(every, min(each, wanted.final_examples or each))
        limit = answer_limit(
            task,
            [e.completion for e in examples],
            tokenizer,
            longest_prompt=max(len(tokenizer.ask(e.prompt)) for e in examples),
            wanted=wanted.max_new_tokens,
        )
        found += [Asked(prompt=e.prompt, max_new_tokens=limit) for e in examples]
    return found[:most]
