"""Questions that come as lines, answered as lines: for whoever has a session, a worker process or an actor of a cluster.

    questions = Questions(session, say)
    questions.put(line)            # from any thread
    questions.answer_next()        # waits for one; what is said goes to `say`

Those that wait and are alike are answered together (core/runs/together.py). Whatever happens becomes a sentence, and
the last line of each says that it is done. Needs torch.
"""

import logging
import queue
from collections import deque
from collections.abc import Callable, Sequence

import torch

from core.errors import UserError
from core.runs.compute_lock import in_turns
from core.runs.execute import explain
from core.runs.inference_session import InferenceSession
from core.runs.messages import Generate, request_from_json
from core.runs.needs import needs_of
from core.runs.pipe import AnswerLine, RequestLine, answer_line
from core.runs.storage import storage
from core.runs.together import MOST, answer_together, are_alike
from core.typed_json import read

log = logging.getLogger(__name__)
ALL_CORES = torch.get_num_threads()


class Questions:
    """Those of one process. They are put from any thread and answered by one."""

    def __init__(self, session: InferenceSession, say: Callable[[AnswerLine], None]) -> None:
        self.session = session
        self.under_way: list[int] = []
        """The numbers of those that are being answered."""
        self._say = say
        self._new: queue.Queue[RequestLine] = queue.Queue()
        self._waiting: deque[RequestLine] = deque()
        self._cancelled: set[int] = set()

    def put(self, line: RequestLine) -> None:
        """A request, or the number of one to cancel, whether it waits or is being answered."""
        if line.cancel:
            self._cancelled.add(line.cancel)
        else:
            self._new.put(line)

    @property
    def none_waits(self) -> bool:
        return self._new.empty() and not self._waiting

    def answer_next(self) -> None:
        """Wait for a question, and answer it and those that are alike."""
        lines = next_lines(self._new, self._waiting)
        self.under_way[:] = [line.request for line in lines]
        torch.set_num_threads(_threads_for(lines))
        if len(lines) == 1:
            self._answer(lines[0])
        else:
            self._answer_together(lines)
        self._cancelled.difference_update(self.under_way)
        self.under_way.clear()

    def _answer(self, line: RequestLine) -> None:
        number = line.request

        def is_cancelled() -> bool:
            return number in self._cancelled

        try:
            request = request_from_json({"op": line.op, "args": line.args})
            if storage():
                needs_of(request, self.session.store).fetch()
            for message in self.session.answer(request, is_cancelled):
                if is_cancelled():
                    break
                self._say(answer_line(number, message))
        except Exception as error:
            self._say(AnswerLine(request=number, error=_sentence(error)))
        self._say(AnswerLine(request=number, done=True))

    def _answer_together(self, lines: Sequence[RequestLine]) -> None:
        """Each is done as soon as it is answered."""
        left = {place: line.request for place, line in enumerate(lines)}

        def should_stop(place: int) -> bool:
            return lines[place].request in self._cancelled

        reason = ""
        try:
            asked = [read(Generate, line.args) for line in lines]
            batch = answer_together(self.session, asked, should_stop)
            for step in in_turns(batch, self.session.lock):
                for place, message in step:
                    number = lines[place].request
                    if message is None:
                        if left.pop(place, None):
                            self._say(AnswerLine(request=number, done=True))
                    elif isinstance(message, UserError):
                        self._say(AnswerLine(request=number, error=str(message)))
                    elif not should_stop(place):
                        self._say(answer_line(number, message))
        except Exception as error:
            reason = _sentence(error)
        for number in left.values():
            if reason:
                self._say(AnswerLine(request=number, error=reason))
            self._say(AnswerLine(request=number, done=True))


def next_lines(
    requests: "queue.Queue[RequestLine]", waiting: deque[RequestLine]
) -> list[RequestLine]:
    """The request that has waited longest, with all that can be answered together with it.

    `waiting` are those that have been taken out of the queue and go on waiting.
    """
    while line := _taken(requests, may_wait=not waiting):
        waiting.append(line)
    first = waiting.popleft()
    if first.op != Generate.operation:
        return [first]
    alike = [line for line in waiting if line.op == first.op and are_alike(first.args, line.args)][
        : MOST - 1
    ]
    for line in alike:
        waiting.remove(line)
    return [first, *alike]


def _taken(requests: "queue.Queue[RequestLine]", *, may_wait: bool) -> RequestLine | None:
    try:
        return requests.get(block=may_wait)
    except queue.Empty:
        return None


def _threads_for(lines: Sequence[RequestLine]) -> int:
    """One thread for an answer to one prompt: reading the weights is what limits it, so a second gains little
    (14.5 instead of 13.5 tokens a second on two idle cores), and other programs disturb it less.
    """
    return 1 if len(lines) == 1 and lines[0].op in ("generate", "switch") else ALL_CORES


def _sentence(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    log.error("a question failed", exc_info=error)
    if isinstance(error, (MemoryError, RuntimeError)):
        return explain(error)
    return f"Something we did not foresee: {error}"
