"""Next runs: the same settings with one thing changed."""

from dataclasses import replace
from typing import Any

from core.config import RunConfig
from core.doctor.case import Case
from core.doctor.diagnosis import NextRun


def number(value: float) -> str:
    """A figure as people write it.

    >>> number(0.00005), number(0.1), number(3.0)
    ('0.00005', '0.1', '3')
    """
    return f"{value:.7f}".rstrip("0").rstrip(".")


def with_optimizer(config: RunConfig, **changed: Any) -> RunConfig:
    return replace(config, optimizer=replace(config.optimizer, **changed))


def at_rate(case: Case, rate: float) -> NextRun:
    """Another learning rate, at most the highest there is."""
    rate = float(f"{min(rate, 1.0):.2g}")
    config = with_optimizer(case.config, learning_rate=rate)
    return NextRun(change=f"Train at a rate of {number(rate)}", config=config)


def lower_rate(case: Case) -> NextRun:
    """The method's usual rate, or a tenth where that is the rate already."""
    rate, usual = case.config.optimizer.learning_rate, case.usual_rate
    return at_rate(case, usual if rate > 1.5 * usual else rate / 10)


def for_steps(case: Case, steps: int) -> NextRun:
    steps = max(1, min(steps, 10_000))
    return NextRun(
        change=f"Train for {steps:,} step{'' if steps == 1 else 's'}",
        config=with_optimizer(case.config, steps=steps),
    )
