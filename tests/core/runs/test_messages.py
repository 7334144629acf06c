"""Requests and messages come out of the pipe as they went in."""

import json
from dataclasses import fields
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.config import RunConfig
from core.errors import UserError
from core.events import Evaluation
from core.generate.settings import SamplingSettings
from core.runs.messages import (
    REQUESTS,
    Generate,
    Request,
    StepThrough,
    message_from_json,
    message_to_json,
    request_from_json,
    request_to_json,
)
from core.runs.pipe import AnswerLine, QueuedLine, RequestLine, answer_line, line_of, request_line
from core.runs.prompt_evaluation import PromptEvaluation
from core.typed_json import read

st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(RunConfig, st.builds(RunConfig, seed=st.integers(0, 99)))
st.register_type_strategy(
    SamplingSettings, st.builds(SamplingSettings, max_new_tokens=st.integers(1, 99))
)
st.register_type_strategy(
    PromptEvaluation, st.builds(PromptEvaluation, shots=st.integers(0, 8), seed=st.integers(0, 9))
)


def through_a_pipe(line: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(line))


def filled(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Any instance, with all its fields given."""
    types = get_type_hints(kind)
    return st.builds(kind, **{f.name: st.from_type(types[f.name]) for f in fields(kind)})


st.register_type_strategy(Evaluation, filled(Evaluation))
few = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.thorough
@pytest.mark.parametrize("kind", REQUESTS.values(), ids=lambda kind: kind.operation)
@given(data=st.data())
@few
def test_a_request_arrives_as_it_was_sent(kind: type[Request[Any]], data: st.DataObject) -> None:
    sent = data.draw(filled(kind))
    assert request_from_json(through_a_pipe(request_to_json(sent))) == sent
    line = read(RequestLine, through_a_pipe(line_of(request_line(7, sent))))
    assert (line.request, line.cancel) == (7, 0)
    assert request_from_json({"op": line.op, "args": line.args}) == sent


@pytest.mark.parametrize("kind", REQUESTS.values(), ids=lambda kind: kind.operation)
@given(data=st.data())
@few
def test_its_messages_come_back_as_they_were_said(
    kind: type[Request[Any]], data: st.DataObject
) -> None:
    request = data.draw(filled(kind))
    said = data.draw(
        st.sampled_from(sorted(kind.answers)).flatmap(lambda n: filled(kind.answers[n]))
    )
    heard = message_from_json(request, through_a_pipe(message_to_json(said)))
    assert (type(heard), heard) == (type(said), said)
    line = read(AnswerLine, through_a_pipe(line_of(answer_line(7, said))))
    assert (line.request, line.error, line.done) == (7, "", False)
    assert message_from_json(request, {"kind": line.kind, "message": line.message}) == said


def test_a_line_says_nothing_of_what_is_empty() -> None:
    assert line_of(AnswerLine(request=3, done=True)) == {"request": 3, "done": True}
    assert line_of(RequestLine(cancel=3)) == {"cancel": 3}
    assert line_of(QueuedLine(queued="a")) == {"queued": "a"}


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(UserError, match="knows no operation 'fly'"):
        request_from_json({"op": "fly", "args": {}})
    line = request_to_json(Generate(model="m", text="Hi"))
    line["args"]["settings"]["max_new_tokens"] = 0
    with pytest.raises(UserError, match="max_new_tokens"):
        request_from_json(line)
    line = request_to_json(StepThrough(config=RunConfig(), phase=1))
    line["args"]["config"]["method"]["name"] = "lorra"
    with pytest.raises(UserError, match="lorra"):
        request_from_json(line)
