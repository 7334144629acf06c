"""The engine as it is for a learner or a teacher: they start, stop and ask in their own name, and no more.

What is not written down here they do not have: there is no way from it to the engine's own store and processes.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, overload

from core.config import RunConfig
from core.errors import UserError
from core.runs.engines.engine import ServerEngine
from core.runs.engines.preparation import Preparation
from core.runs.messages import M, Ready, Request, Warm
from core.runs.record import Run
from core.runs.rights import check_request, store_for
from core.visitor import Visitor


class VisitorEngine:
    """Made for each request of a page; it holds nothing."""

    def __init__(self, engine: ServerEngine, visitor: Visitor) -> None:
        self._engine = engine
        self._visitor = visitor
        self.store = store_for(visitor, engine.store)

    def submit(self, config: RunConfig) -> Run:
        """See `ServerEngine.submit`; `UserError` beyond the limits of the class, too."""
        return self._engine.submit(config, store=self.store)

    def resume(self, run_id: str) -> Run:
        """See `ServerEngine.resume`; one of their own, within the limits of the class."""
        return self._engine.resume(run_id, store=self.store)

    def cancel(self, run_id: str) -> bool:
        """Whether the run ends: where others hold it, it goes on without them."""
        return self.store.request_stop(run_id)

    @overload
    def ask(self, request: Request[M]) -> Iterator[M]: ...
    @overload
    def ask(self, request: Request[M], *, beat: Literal[True]) -> Iterator[M | None]: ...
    def ask(self, request: Request[M], *, beat: bool = False) -> Iterator[M | None]:
        """See `ServerEngine.ask`; `UserError` for the runs and data of others, and for one question too many."""
        check_request(request, self.store)
        if request.operation != Warm.operation:
            self.store.limits.count_question()
        return self._engine.ask(request, beat=True) if beat else self._engine.ask(request)

    def waiting_questions(self) -> int:
        return self._engine.waiting_questions()

    def machine(self) -> Ready | None:
        return self._engine.machine()

    def is_warm(self, role: str) -> bool:
        return self._engine.is_warm(role)

    def trains_elsewhere(self) -> bool:
        return self._engine.trains_elsewhere()

    @property
    def preparations(self) -> Mapping[str, Preparation]:
        return self._engine.preparations

    def prepare(self, model: str) -> None:
        """Anyone may: it is done once, for all."""
        self._engine.prepare(model)

    def stop_preparing(self, model: str) -> None:
        if self._visitor.role == "learner":
            raise UserError("Preparing the model is for the whole class; the teacher can stop it.")
        self._engine.stop_preparing(model)
