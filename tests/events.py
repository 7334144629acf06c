"""Events with what a test cares about, and ordinary values in all other fields."""

from typing import Any

from core.events import Evaluation, Memory, Sample, Step


def step(number: int, loss: float = 1.0, **more: Any) -> Step:
    usual: dict[str, Any] = {
        "learning_rate": 1e-3,
        "grad_norm": 1.0,
        "examples_per_s": 8.0,
        "tokens_per_s": 99.0,
        "tokens_computed": 60,
        "tokens_padded": 90,
        "step_s": 0.5,
        "elapsed_s": 0.5 * number,
    }
    return Step(step=number, loss=loss, **(usual | more))


def evaluation(step: int, task: str, score: float, **more: Any) -> Evaluation:
    usual: dict[str, Any] = {"n": 60, "metric": "exact_match"}
    usual["interval"] = (score - 0.1, score + 0.1)
    return Evaluation(step=step, task=task, score=score, **(usual | more))


def sample(step: int, task: str, output: str, **more: Any) -> Sample:
    usual = {"prompt": f"ask {task}", "reference": f"right {task}"}
    return Sample(step=step, task=task, output=output, **(usual | more))


def memory(gradients: int = 4) -> Memory:
    return Memory(
        step=1,
        frozen_bytes=400,
        trained_bytes=40,
        gradient_bytes=gradients,
        optimizer_bytes=2 * gradients,
        activation_bytes=100,
        n_tokens=250,
    )
