"""A question that came as a line, answered in lines, whatever happens: for whoever has a session. Needs torch."""

import logging
from collections.abc import Callable, Iterator

from core.errors import UserError
from core.runs.execute import explain
from core.runs.inference_session import InferenceSession
from core.runs.messages import request_from_json
from core.runs.needs import needs_of
from core.runs.pipe import AnswerLine, RequestLine, answer_line
from core.runs.storage import storage

log = logging.getLogger(__name__)


def answers(
    session: InferenceSession, line: RequestLine, is_cancelled: Callable[[], bool]
) -> Iterator[AnswerLine]:
    """The messages as they come, an error as a sentence, and at the end that it is done."""
    number = line.request
    try:
        request = request_from_json({"op": line.op, "args": line.args})
        if storage():
            needs_of(request, session.store).fetch()
        for message in session.answer(request, is_cancelled):
            if is_cancelled():
                break
            yield answer_line(number, message)
    except UserError as error:
        yield AnswerLine(request=number, error=str(error))
    except (MemoryError, RuntimeError) as error:
        log.exception("request failed")
        yield AnswerLine(request=number, error=explain(error))
    except Exception as error:
        log.exception("request failed")
        yield AnswerLine(request=number, error=f"Something we did not foresee: {error}")
    yield AnswerLine(request=number, done=True)
