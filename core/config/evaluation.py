"""What a run measures, and when."""

from dataclasses import dataclass

from core import catalog
from core.config.checks import check_choice, check_number, check_type
from core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    tasks: tuple[str, ...] = ()
    """Tasks to score besides the one trained on; the trained task comes first by itself."""
    every: int = 10
    """Steps between two evaluations while training."""
    examples: int = 16
    """Test examples per task at each evaluation while training; the last one takes them all."""
    samples: int = 4
    """How many fixed prompts per task answer again at every evaluation."""
    final_examples: int = 0
    """Test examples per task at the last evaluation; 0 takes all."""
    prompts: tuple[str, ...] = ()
    """Free prompts that are answered again at every evaluation, with next-token probabilities."""
    max_new_tokens: int = 0
    """Longest answer to a test prompt, in tokens; 0 follows the longest right answer."""

    def __post_init__(self) -> None:
        check_type("The prompts", self.prompts, tuple, "a list")
        for prompt in self.prompts:
            check_type("A prompt", prompt, str, "a text")
            if not 0 < len(prompt.strip()) <= 2_000:
                raise UserError("A prompt to watch needs 1 to 2,000 characters.")
        if len(self.prompts) > 20:
            raise UserError(f"At most 20 prompts can be watched; got {len(self.prompts)}.")
        check_number("evaluation.final_examples", self.final_examples, 0, 10_000, whole=True)
        check_type("The evaluation tasks", self.tasks, tuple, "a list")
        for task in self.tasks:
            check_choice("The evaluation task", task, tuple(catalog.TASKS))
        check_number("evaluation.every", self.every, 1, 10_000, whole=True)
        check_number("evaluation.examples", self.examples, 1, 10_000, whole=True)
        check_number("evaluation.samples", self.samples, 0, 50, whole=True)
        check_number("evaluation.max_new_tokens", self.max_new_tokens, 0, 1024, whole=True)
