"""What an engine offers, whichever machines it uses, and which one this server has.

TUNING_FORK_ENGINE=local    worker processes on this machine (core/runs/engines/local.py); so without the variable
TUNING_FORK_ENGINE=ray      a Ray cluster (core/runs/engines/ray_engine.py)
"""

import os
from collections.abc import Iterator, Mapping
from typing import Literal, Protocol, overload

from core.config import RunConfig
from core.errors import UserError, quote
from core.runs.engines.preparation import Preparation
from core.runs.messages import M, Ready, Request
from core.runs.store import Run, RunStore

VARIABLE = "TUNING_FORK_ENGINE"
ENGINES = ("local", "ray")


class Engine(Protocol):
    """What a page has, in the name of who looks at it. Runs and what they record lie in `store`, whoever
    computes them."""

    @property
    def store(self) -> RunStore: ...

    @property
    def preparations(self) -> Mapping[str, Preparation]:
        """Models that are being prepared on this machine, or were."""
        ...

    def submit(self, config: RunConfig) -> Run:
        """Put a run in the queue. `UserError` when the model is not prepared, or the data do not fit."""
        ...

    def resume(self, run_id: str) -> Run:
        """Queue a run that goes on from where this one was stopped; see `RunStore.resume`."""
        ...

    def cancel(self, run_id: str) -> bool:
        """Whether the run ends; see `RunStore.request_stop`."""
        ...

    @overload
    def ask(self, request: Request[M]) -> Iterator[M]: ...
    @overload
    def ask(self, request: Request[M], *, beat: Literal[True]) -> Iterator[M | None]: ...
    def ask(self, request: Request[M], *, beat: bool = False) -> Iterator[M | None]:
        """Send a request to a warm model and yield its messages as they come.

        With `beat`, None comes for every second of silence, so that who waits can stop.
        Closing the iterator early cancels the request. Raises `UserError` with the worker's sentence.
        """
        ...

    def waiting_questions(self) -> int:
        """Requests that are not finished."""
        ...

    def machine(self) -> Ready | None:
        """What was measured of a machine that computes; None until one is warm."""
        ...

    def is_warm(self, role: str) -> bool:
        """Whether one that trains ("train") or answers ("ask") is ready."""
        ...

    def trains_elsewhere(self) -> bool:
        """Whether another server with this data folder trains the runs of both."""
        ...

    def prepare(self, model: str) -> None:
        """Start preparing a model on this machine, unless that is under way."""
        ...

    def stop_preparing(self, model: str) -> None: ...


class ServerEngine(Engine, Protocol):
    """What a server has one of, for all visitors. Thread-safe."""

    def submit(self, config: RunConfig, *, store: RunStore | None = None) -> Run:
        """`store` is the one that a visitor has (core/runs/rights.py); without one the run is the owner's."""
        ...

    def resume(self, run_id: str, *, store: RunStore | None = None) -> Run:
        """Likewise."""
        ...

    def close(self) -> None:
        """End all that the engine started."""
        ...


def is_ray_wanted() -> bool:
    """`UserError` for an engine that there is not."""
    wanted = os.environ.get(VARIABLE, "") or "local"
    if wanted not in ENGINES:
        raise UserError(f"{VARIABLE} must be local or ray; got {quote(wanted)}.")
    return wanted == "ray"
