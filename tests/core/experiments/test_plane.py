"""Runs as points on the learning-forgetting plane, fronts, and verdicts on claims."""

from dataclasses import replace

import pytest

from core.config import DataConfig, EvaluationConfig, MethodConfig, MitigationConfig, RunConfig
from core.errors import UserError
from core.experiments.claims import Comparison, Group, claims, group
from core.experiments.mitigations import (
    MITIGATIONS,
    mitigation_config,
    mitigation_of,
    recorded_configs,
)
from core.experiments.plane import (
    Check,
    Point,
    pareto_front,
    point,
    settings,
    tasks_seen,
)
from tests.events import evaluation, step


def made(mitigation: str, value: float, seed: int, learned: float, kept: float) -> Point:
    end = Check(step=20, learned=learned, general=kept, names=0.5, n=60)
    return Point(mitigation=mitigation, value=value, seed=seed, path=(end,), is_recorded=True)


@pytest.mark.parametrize("mitigation", MITIGATIONS)
def test_a_cure_knows_its_own_runs(mitigation: str) -> None:
    for value in {*MITIGATIONS[mitigation].values, *MITIGATIONS[mitigation].recorded}:
        assert mitigation_of(mitigation_config(mitigation, value, seed=2)) == (
            mitigation,
            pytest.approx(value),
        )


@pytest.mark.parametrize("mitigation", MITIGATIONS)
def test_the_slider_holds_what_is_usual_and_recorded(mitigation: str) -> None:
    known = MITIGATIONS[mitigation]
    assert {known.usual, *known.recorded} <= set(known.values)


def test_cures_differ_in_nothing_but_the_cure() -> None:
    configs = [
        mitigation_config(mitigation, known.usual).to_dict()
        for mitigation, known in MITIGATIONS.items()
    ]
    for part in ("model", "data", "evaluation", "seed"):
        assert all(config[part] == configs[0][part] for config in configs)
    steps = {(c["optimizer"]["steps"], c["optimizer"]["batch_size"]) for c in configs}
    assert len(steps) == 1


def test_other_runs_are_not_on_the_plane() -> None:
    names = EvaluationConfig(tasks=("names",))
    for other in (
        RunConfig(data=DataConfig(task="topic"), evaluation=names),
        RunConfig(data=DataConfig(others=("topic",)), evaluation=names),
        RunConfig(),  # names not scored
        RunConfig(
            cure=MitigationConfig(regularizer="ewc", strength=1), evaluation=names
        ),  # LoRA too
        RunConfig(
            method=MethodConfig(name="full"),
            cure=MitigationConfig(rehearse="topic", rehearse_share=0.2),
            evaluation=names,
        ),
    ):
        assert mitigation_of(other) is None
    another_model = replace(mitigation_config("full", 1e-4), model="smollm2-135m")
    assert mitigation_of(another_model) is None


def test_a_point_is_the_path_of_its_scores() -> None:
    config = mitigation_config("kl", MITIGATIONS["kl"].usual, seed=4)
    events = [
        evaluation(20, "names", 0.6),
        evaluation(20, "sentiment", 0.9),
        evaluation(0, "sentiment", 0.1),
        evaluation(0, "names", 0.7),
        evaluation(0, "general", 1.0),
        evaluation(10, "sentiment", 0.5),  # names are not measured yet
        step(3),
    ]
    found = point(config, events, run_id="r")
    assert found is not None
    assert [(c.step, c.learned, c.names, c.general) for c in found.path] == [
        (0, 0.1, 0.7, 1.0),
        (20, 0.9, 0.6, None),
    ]
    assert (found.mitigation, found.seed, found.run_id) == ("kl", 4, "r")
    assert point(config, events[2:], run_id="r") is None  # only the base model
    assert point(None, events) is None  # its settings are no longer valid


def test_settings_take_seeds_together() -> None:
    found = settings([made("lora", 1e-3, s, 0.8 + s / 10, 0.2 * s) for s in range(3)])
    assert len(found) == 1
    assert found[0].learned == pytest.approx(0.9)
    assert found[0].general == pytest.approx(0.2)
    assert found[0].spread("general") == (0.0, 0.4)
    assert len(settings([made("lora", 1e-3, 0, 1, 1), made("lora", 3e-3, 0, 1, 1)])) == 2


def test_no_setting_of_the_front_is_beaten() -> None:
    found = settings(
        [
            made("full", 1, 0, 0.9, 0.1),
            made("full", 2, 0, 0.5, 0.8),
            made("full", 3, 0, 0.5, 0.7),  # equal in one, worse in the other
            made("full", 4, 0, 0.7, 0.5),
            made("full", 5, 0, 0.6, 0.4),
        ]
    )
    assert [s.value for s, _ in pareto_front(found, "general")] == [2, 4, 1]


def test_equal_learning_leaves_out_runs_that_learned_little() -> None:
    found = settings([made("full", 1, 0, 0.9, 0.1), made("full", 1, 1, 0.6, 0.9)])
    assert group(found, "full", "general", "full", least=0.85).values == (0.1,)
    assert group(found, "full", "general", "full").values == (0.1, 0.9)


def test_a_seed_that_did_not_measure_a_score_is_left_out_of_its_range() -> None:
    one, other = made("full", 1, 0, 0.9, 0.1), made("full", 1, 1, 0.9, 0.1)
    without = replace(other, path=(replace(other.end, general=None),))
    (found,) = settings([one, without])
    assert found.general == 0.1
    assert found.spread("general") == (0.1, 0.1)


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ((0.5, 0.6, 0.6), (0.1, 0.4, 0.2), "above"),
        ((0.1, 0.4, 0.2), (0.5, 0.6, 0.6), "below"),
        ((0.1, 0.5, 0.2), (0.5, 0.6, 0.6), "overlap"),
        ((0.9,), (0.1, 0.2, 0.1), "missing"),
        ((0.5, 0.6), (0.1, 0.4, 0.2), "missing"),  # two part too easily by chance
    ],
)
def test_verdicts(a: tuple[float, ...], b: tuple[float, ...], verdict: str) -> None:
    first, second = Group(title="A", values=a), Group(title="B", values=b)
    found = Comparison(score="kept", first=first, second=second)
    assert found.verdict == verdict
    assert "A" in found.words


def test_claims_are_tested_at_equal_learning() -> None:
    points = [made("full", 3e-4, s, 0.9, 0.0 + s / 100) for s in range(3)]
    points += [made("ewc", 1, s, 0.9, 0.5 + s / 100) for s in range(3)]
    points += [made("ewc", 10, s, 0.2, 0.9) for s in range(3)]  # kept all by learning little
    *_, kirkpatrick = claims(settings(points))
    learned, kept, _, at_equal_learning = kirkpatrick.comparisons
    assert learned.verdict == "overlap"
    assert kept.verdict == "above"
    assert at_equal_learning.first.values == pytest.approx((0.5, 0.51, 0.52))
    assert at_equal_learning.verdict == "missing"
    assert at_equal_learning.words.endswith("no run of L2-SP to compare; each needs 3.")


def test_the_recorded_plane_has_at_least_thirty_runs() -> None:
    configs = list(recorded_configs((), (0, 1, 2)))
    assert len({config.hash for config in configs}) == len(configs) >= 30
    with pytest.raises(UserError, match="not known; choose one of: full"):
        list(recorded_configs(("cake",), (0,)))


@pytest.mark.parametrize(
    ("mitigation", "saw"),
    [(mitigation, mitigation in ("ewc", "kl", "rehearse")) for mitigation in MITIGATIONS],
)
def test_names_count_as_kept_only_where_training_never_saw_them(mitigation: str, saw: bool) -> None:
    config = mitigation_config(mitigation, MITIGATIONS[mitigation].usual)
    events = [evaluation(20, task, 0.9) for task in ("sentiment", "names", "general")]
    found = point(config, events)
    assert found is not None
    assert found.saw_names is saw
    (setting,) = settings([found])
    assert setting.kept("names") == (None if saw else 0.9)
    assert setting.kept("general") == 0.9
    assert bool(pareto_front([setting], "names")) is not saw


def test_no_cure_sees_general_questions() -> None:
    for mitigation, known in MITIGATIONS.items():
        assert "general" not in tasks_seen(mitigation_config(mitigation, known.usual))


def test_a_sequence_and_mixed_tasks_see_all_of_their_tasks() -> None:
    data = DataConfig(task="sentiment", others=("topic", "names"), order="sequential")
    config = RunConfig(data=data, cure=MitigationConfig(rehearse="earlier", rehearse_share=0.2))
    assert tasks_seen(config) == {"sentiment", "topic", "names"}
