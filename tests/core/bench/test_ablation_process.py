"""Switching a part off changes the time and nothing else: on a tiny real model, each part is really replaced."""

from collections.abc import Callable
from typing import Any

import pytest

from core.bench import ablation_process
from core.bench.ablation_parts import ALL_ON, PARTS, parts_of, variants
from core.bench.ablation_process import measure
from core.bench.ablation_replacements import REPLACED, without
from core.errors import UserError
from core.models.load import LoadedModel


@pytest.fixture
def base(tiny64: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> LoadedModel:
    """The tiny model, asked few and short questions."""
    own = ablation_process.prompts_to_answer
    monkeypatch.setattr(ablation_process, "prompts_to_answer", lambda tasks: own(tasks)[:3])
    monkeypatch.setattr(ablation_process, "ANSWER_TOKENS", 4)
    return tiny64


def calls(monkeypatch: pytest.MonkeyPatch, part: str) -> list[str]:
    """The names of the part's replacements that are called from now on."""
    found: list[str] = []

    def counted(name: str, value: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            found.append(name)
            return value(*args, **options)

        return call

    wrapped: list[tuple[Any, str, Any]] = []
    for owner, name, value in REPLACED[part]:
        if isinstance(value, staticmethod):
            wrapped.append((owner, name, staticmethod(counted(name, value.__func__))))
        elif callable(value):
            wrapped.append((owner, name, counted(name, value)))
        else:
            wrapped.append((owner, name, value))
            found.append(name)
    monkeypatch.setitem(REPLACED, part, tuple(wrapped))
    return found


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("part", "workload"), [(part.id, w) for part in PARTS.values() for w in part.workloads]
)
def test_a_part_that_is_off_is_replaced_and_changes_no_result(
    base: LoadedModel, part: str, workload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced = calls(monkeypatch, part)
    found = list(measure(base, workload, rounds=1, only=(part,)))
    assert {row.part for row in found} == {ALL_ON, part, PARTS[part].against}
    assert len(replaced) > 0
    usual = next(row for row in found if row.part == ALL_ON)
    for row in found:
        assert row.seconds > 0
        if workload == "answer":
            assert row.answers == usual.answers
        else:
            assert row.loss == pytest.approx(usual.loss, rel=1e-6)
            assert row.grad_norm == pytest.approx(usual.grad_norm, rel=1e-3)


@pytest.mark.thorough
def test_variants_take_turns_at_the_same_weights(base: LoadedModel) -> None:
    before = {name: p.clone() for name, p in base.model.named_parameters()}
    found = list(measure(base, "full", rounds=3, only=("norm_gradient", "blocks")))
    assert [row.part for row in found] == [
        *("norm_gradient", "blocks", ALL_ON),
        *("blocks", ALL_ON, "norm_gradient"),
        *(ALL_ON, "norm_gradient", "blocks"),
    ]
    losses = {row.round: row.loss for row in found}
    assert len(set(losses.values())) == 3  # another batch in each round
    assert all(bool((before[name] == p).all()) for name, p in base.model.named_parameters())


def test_everything_is_put_back() -> None:
    names = {(owner, name) for found in REPLACED.values() for owner, name, _ in found}
    before = {key: vars(key[0])[key[1]] for key in names}
    with without(tuple(REPLACED)):
        assert all(vars(owner)[name] is not value for (owner, name), value in before.items())
    assert all(vars(owner)[name] is value for (owner, name), value in before.items())


def test_every_part_has_a_replacement_and_what_it_is_compared_with() -> None:
    assert set(PARTS) == set(REPLACED)
    for part in PARTS.values():
        assert part.against in {ALL_ON, *PARTS}
        assert variants([part])
    with pytest.raises(UserError, match="The part"):
        parts_of("lora", ("magic",))
