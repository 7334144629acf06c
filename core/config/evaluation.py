"""What a run measures, and when."""

from dataclasses import dataclass

from core import catalog
from core.config.settings import check_settings, setting
from core.errors import UserError

LIVE_EXAMPLES, FINAL_EXAMPLES = 12, 48
"""Test examples of a task: at the checks while training, and before and after (core/data/test_sets)."""


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    tasks: tuple[str, ...] = setting(
        (),
        "--eval-tasks",
        "Tasks to score besides the one trained on; the trained task comes first by itself.",
        title="evaluation task",
        choices=tuple(catalog.TASKS),
        example="names,general",
    )
    every: int = setting(
        10, "--eval-every", "Steps between two evaluations while training.", low=1, high=10_000
    )
    examples: int = setting(
        LIVE_EXAMPLES,
        "--eval-examples",
        "Test examples per task at each evaluation while training; the first and the last take "
        "those of --final-examples.",
        low=1,
        high=10_000,
    )
    samples: int = setting(
        4,
        "--samples",
        "How many fixed prompts per task answer again at every evaluation.",
        low=0,
        high=50,
    )
    final_examples: int = setting(
        FINAL_EXAMPLES,
        "--final-examples",
        "Test examples per task before and after training; 0 takes all.",
        low=0,
        high=10_000,
    )
    prompts: tuple[str, ...] = setting(
        (),
        "--watch",
        "A free prompt that is answered again at every evaluation, with next-token probabilities.",
        title="prompt",
        repeats=True,
    )
    max_new_tokens: int = setting(
        0,
        "--max-new-tokens",
        "Length limit of an answer while scoring, in tokens; "
        "0 follows the longest reference of the data.",
        low=0,
        high=1_024,
    )

    def __post_init__(self) -> None:
        check_settings(self)
        for prompt in self.prompts:
            if not 0 < len(prompt.strip()) <= 2_000:
                raise UserError("A prompt to watch needs 1 to 2,000 characters.")
        if len(self.prompts) > 20:
            raise UserError(f"At most 20 prompts can be watched; got {len(self.prompts)}.")
