"""Events keep their names and fields as JSON, and are read back whatever version wrote them."""

import json
import math
from dataclasses import fields
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.events import EVENTS, Evaluation, Event, Step, Unknown, event_from_dict
from core.recorded import collection
from core.recorded.files import FOLDER, names
from tests.events import evaluation, step

FIELDS = {
    "started": "run_id model method task device dtype n_train n_validation n_test trainable_params "
    "total_params path",
    "step": "step loss learning_rate grad_norm examples_per_s tokens_per_s tokens_computed "
    "tokens_padded step_s elapsed_s penalty",
    "phase": "index task first_step last_step",
    "validation": "step loss n",
    "evaluation": "step task n score metric exact_match contains precision recall f1 interval "
    "answered_with_sentiment classification elapsed_s intervals right_form label_accuracy n_cut "
    "max_new_tokens",
    "partial_evaluation": "step task n n_all score metric interval",
    "sample": "step task prompt reference output was_cut",
    "next_tokens": "step prompt rows",
    "movement": "step rows",
    "memory": "step frozen_bytes trained_bytes gradient_bytes optimizer_bytes activation_bytes n_tokens",
    "vocabulary_map": "step words explained",
    "virtual_tokens": "step tokens",
    "notice": "step message",
    "finished": "run_id steps stopped_early trainable_params total_params peak_memory_mb elapsed_s train_s "
    "examples_seen",
    "stopped": "run_id n_events",
    "failed": "run_id reason",
}
"""What `train --json` prints, in its order: other programs read it (DESIGN, section 7)."""


@pytest.mark.parametrize("kind", EVENTS.values(), ids=lambda kind: kind.type)
def test_names_and_fields_stay(kind: type[Event]) -> None:
    assert [field.name for field in fields(kind)] == FIELDS[kind.type].split()
    assert set(EVENTS) == set(FIELDS)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", EVENTS.values(), ids=lambda kind: kind.type)
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_is_read_back(kind: type[Event], data: st.DataObject) -> None:
    st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
    types = get_type_hints(kind)
    every = {field.name: st.from_type(types[field.name]) for field in fields(kind)}
    event = data.draw(st.builds(kind, **every))
    written = event.to_dict()
    assert list(written) == ["type", *FIELDS[kind.type].split()]
    found = event_from_dict(json.loads(json.dumps(written)))
    assert found == event
    assert type(found) is kind
    assert json.dumps(found.to_dict()) == json.dumps(written)


@pytest.mark.parametrize("name", names(FOLDER))
def test_every_event_that_comes_with_the_app_is_read(name: str) -> None:
    run = collection(name).runs[0]
    assert len(events := run.events()) > 20
    assert not any(isinstance(event, Unknown) for event in events)


def test_other_versions_are_read_as_far_as_it_goes() -> None:
    newer = {**step(3).to_dict(), "gradient_noise": 0.5}
    assert event_from_dict(newer) == step(3)
    older = step(3).to_dict()
    del older["penalty"]
    assert event_from_dict(older) == step(3)
    checked = event_from_dict({"type": "evaluation", **_main_score()})
    assert isinstance(checked, Evaluation)
    assert (checked.score, checked.n_cut, checked.intervals) == (0.5, 0, {})
    assert math.isnan(checked.f1)  # never a figure that nobody measured


def _main_score() -> dict[str, Any]:
    names = ("step", "task", "n", "score", "metric", "interval")
    return {name: evaluation(0, "qa", 0.5).to_dict()[name] for name in names}


def test_a_loss_that_was_no_number_is_nan_again() -> None:
    found = event_from_dict({**step(3).to_dict(), "loss": None})
    assert isinstance(found, Step)
    assert math.isnan(found.loss)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "quantized", "bits": 4},
        {"type": "step", "step": 1},
        {**step(1).to_dict(), "step": "one"},
        {**step(1).to_dict(), "loss": [2.5]},
        {"type": "phase", "index": None, "task": "qa", "first_step": 1, "last_step": 2},
        {"type": "virtual_tokens", "step": 1, "tokens": [{"x": 0.0}]},
        {"type": "virtual_tokens", "step": 1, "tokens": "none"},
        {"type": "vocabulary_map", "step": 1, "words": [], "explained": [0.5]},
        {"type": ["step"]},
    ],
    ids=str,
)
def test_what_cannot_be_read_is_kept_as_it_is(message: dict[str, Any]) -> None:
    found = event_from_dict(message)
    assert found == Unknown(message=message)
    assert found.to_dict() == message
