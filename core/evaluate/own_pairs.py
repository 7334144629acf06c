"""The pairs of a run: what it trained on, watched and is tested on. Imports no torch.

They come out of its config, as they did when it trained: the same split, the same template.
"""

from collections.abc import Sequence

from core import catalog
from core.config import EARLIER, FINAL_EXAMPLES, DataConfig, RunConfig, check_choice
from core.data.examples import Example, load_splits, task_examples
from core.data.run_data import own_splits
from core.data.test_sets import fixed_set
from core.errors import UserError, shortened

SPLITS = ("test", "validation", "train")


def own_examples(
    config: RunConfig, task: str = "", *, split: str = "test", whole: bool = False
) -> list[Example]:
    """A split of the task that a run trains on, or of another of its tasks.

    Of a task of the catalogue the test pairs are its final set (core/data/test_sets), or with `whole` all.
    """
    task = task or config.data.task
    check_choice("The task of the run", task, config.data.tasks)
    if split not in SPLITS and task != catalog.CUSTOM_TASK:
        return task_examples(task, split, template=config.data.template)
    check_choice("The split", split, SPLITS)
    found: list[Example] = getattr(own_splits(config, task), split)
    if not found:
        raise UserError(f"The run kept no {shortened(split)} pairs; choose another split.")
    if split == "test" and task != catalog.CUSTOM_TASK and not whole:
        return fixed_set(found, FINAL_EXAMPLES)
    return found


def template_of(config: RunConfig, task: str) -> str:
    """The run's own template where `task` is what it trained on; else "", the task's usual one.

    The custom task stands for any uploaded pairs.
    """
    return config.data.template if task == config.data.task else ""


def trained_on(config: RunConfig, examples: Sequence[Example]) -> list[bool] | None:
    """Which of the examples a run trained on: the same prompt, or the same fields in other words.

    None when the run's own pairs are no longer on this machine.
    """
    try:
        pairs = [e for task in config.data.tasks for e in own_splits(config, task).train]
        if config.cure.rehearse not in ("", EARLIER):
            pairs += load_splits(DataConfig(task=config.cure.rehearse), seed=config.seed).train
    except UserError:
        return None
    prompts, fields = {e.prompt for e in pairs}, {_inputs(e) for e in pairs}
    return [e.prompt in prompts or _inputs(e) in fields for e in examples]


def _inputs(example: Example) -> frozenset[tuple[str, str]]:
    """The fields of the raw record a prompt is made from; () equals nothing but itself."""
    rest = {k: v for k, v in example.fields.items() if k not in ("completion", "tags")}
    return frozenset((k, str(v)) for k, v in (rest or {"": example.prompt}).items())


def trained_line(n_trained_on: int | None, n: int) -> str:
    """ "12 of the 40 examples scored were trained on by this run."; empty for none."""
    if n_trained_on is None:
        return (
            "The pairs of this run are not on this machine; some scored may have been trained on."
        )
    if n_trained_on == n:
        return f"All {n} examples scored were trained on by this run."
    was = "was" if n_trained_on == 1 else "were"
    of = f"{n_trained_on} of the {n} examples scored {was} trained on by this run."
    return of if n_trained_on else ""
