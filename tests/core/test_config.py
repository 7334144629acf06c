"""RunConfig: whatever is wrong is refused in one sentence; what is right is one hash."""

import json
import subprocess
import sys
from typing import Any

import pytest

from core.config import (
    METHODS,
    ROLES,
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    MitigationConfig,
    OptimizerConfig,
    RunConfig,
    default_learning_rate,
)
from core.errors import UserError
from core.paths import ROOT

NAN, INFINITY = float("nan"), float("inf")
NOT_NUMBERS: list[Any] = [NAN, INFINITY, -INFINITY, "1", None, True, [1]]
# part, field, accepted at the ends, refused beyond them; a field is whole where its ends are.
NUMBERS: list[tuple[type, str, list[float], list[float]]] = [
    (DataConfig, "train_examples", [0, 100_000], [-1, 100_001]),
    (DataConfig, "validation_share", [0.0, 0.5], [-0.01, 0.51]),
    (MethodConfig, "rank", [1, 256], [0, 257]),
    (MethodConfig, "alpha", [0.1, 1024.0], [0, -1, 1025]),
    (MethodConfig, "dropout", [0.0, 0.9], [-0.1, 0.91]),
    (MethodConfig, "layers", [1, 1_000], [0, 1_001]),
    (MethodConfig, "last_layers", [0, 1_000], [-1, 1_001]),
    (MethodConfig, "virtual_tokens", [1, 256], [0, 257]),
    (MethodConfig, "bottleneck", [1, 1_024], [0, 1_025]),
    (OptimizerConfig, "learning_rate", [1e-9, 1.0], [0, -1e-3, 1.01]),
    (OptimizerConfig, "steps", [1, 10_000], [0, 10_001]),
    (OptimizerConfig, "batch_size", [1, 256], [0, 257]),
    (OptimizerConfig, "warmup_steps", [0, 10_000], [-1, 10_001]),
    (OptimizerConfig, "weight_decay", [0.0, 1.0], [-0.1, 1.1]),
    (OptimizerConfig, "clip_norm", [1e-6, 1000.0], [0, -1, 1001]),
    (OptimizerConfig, "patience", [0, 1_000], [-1, 1_001]),
    (EvaluationConfig, "every", [1, 10_000], [0, 10_001]),
    (EvaluationConfig, "examples", [1, 10_000], [0, 10_001]),
    (EvaluationConfig, "max_new_tokens", [0, 1024], [-1, 1025]),
    (EvaluationConfig, "samples", [0, 50], [-1, 51]),
    (RunConfig, "seed", [0, 2**31 - 1], [-1, 2**31]),
]
WRONG_CHOICES: list[tuple[type, dict[str, Any]]] = [
    (RunConfig, {"model": "gpt-5"}),
    (RunConfig, {"model": ""}),
    (RunConfig, {"model": 5}),
    (RunConfig, {"model": ["gpt2"]}),
    (RunConfig, {"dtype": "float16"}),
    (DataConfig, {"task": "poetry"}),
    (DataConfig, {"task": "custom"}),
    (DataConfig, {"task": "custom", "dataset": 5}),
    (DataConfig, {"task": "names", "dataset": "0123456789abcdef"}),
    (DataConfig, {"template": "no place for the text"}),
    (DataConfig, {"template": "a stray { brace"}),
    (DataConfig, {"template": 5}),
    (MethodConfig, {"name": "magic"}),
    (MethodConfig, {"name": None}),
    (MethodConfig, {"prompt_start": "song"}),
    (MethodConfig, {"prompt_text": 5}),
    (MethodConfig, {"name": "prompt", "prompt_start": "text"}),
    (MethodConfig, {"name": "prompt", "prompt_text": "judge this"}),
    (MethodConfig, {"target_modules": ()}),
    (MethodConfig, {"target_modules": ("q_proj", "lm_head")}),
    (MethodConfig, {"target_modules": "q_proj"}),
    (MethodConfig, {"target_modules": 5}),
    (OptimizerConfig, {"schedule": "sawtooth"}),
    (EvaluationConfig, {"tasks": ("names", "poetry")}),
    (EvaluationConfig, {"tasks": 5}),
]
EVERYTHING = RunConfig(
    model="gpt2",
    data=DataConfig(
        task="custom", dataset="0123456789abcdef", template="é {prompt}", train_examples=7
    ),
    method=MethodConfig(name="full", rank=3, alpha=7.5, target_modules=ROLES, dropout=0.25),
    optimizer=OptimizerConfig(learning_rate=1 / 3, schedule="cosine", clip_norm=0.1, patience=2),
    evaluation=EvaluationConfig(tasks=("general", "names"), every=3),
    seed=2**31 - 1,
    dtype="float32",
)
CUSTOM = {"task": "custom", "dataset": "0123456789abcdef"}
# For every setting a value other than its default.
CHANGES: dict[str, dict[str, Any]] = {
    "data": {
        "task": "names",
        "dataset": "fedcba9876543210",
        "template": "{text}",
        "train_examples": 1,
        "validation_share": 0.2,
        "others": ["names"],
        "order": "sequential",
        "weights": [2.0],
    },
    "method": {
        "name": "full",
        "layers": 3,
        "virtual_tokens": 5,
        "prompt_start": "random",
        "prompt_text": "judge this",
        "rank": 9,
        "alpha": 16.5,
        "target_modules": ["q_proj"],
        "last_layers": 2,
        "dropout": 0.1,
        "bottleneck": 8,
    },
    "optimizer": {
        "learning_rate": 2e-3,
        "steps": 21,
        "batch_size": 9,
        "warmup_steps": 6,
        "schedule": "linear",
        "weight_decay": 0.1,
        "clip_norm": 0.5,
        "patience": 1,
    },
    "evaluation": {
        "tasks": ["names"],
        "every": 11,
        "examples": 17,
        "samples": 5,
        "final_examples": 9,
        "prompts": ["What is your name?"],
        "max_new_tokens": 64,
    },
    "cure": {
        "regularizer": "kl",
        "strength": 2.0,
        "keep": ["sentiment"],
        "rehearse": "names",
        "rehearse_share": 0.25,
    },
}
# Settings that go with another one.
TOGETHER: dict[str, dict[str, Any]] = {
    "dataset": CUSTOM,
    "regularizer": {"strength": 1.0},
    "strength": {"regularizer": "l2sp"},
    "rehearse": {"rehearse_share": 0.5},
    "rehearse_share": {"rehearse": "names"},
}


def refusal(part: type, **values: Any) -> str:
    """The message of the `UserError` that building `part` raises: one sentence on one line."""
    with pytest.raises(UserError) as refused:
        part(**values)
    message = str(refused.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(("part", "name", "good", "bad"), NUMBERS)
def test_numbers_are_checked(part: type, name: str, good: list[float], bad: list[float]) -> None:
    for value in good:
        assert getattr(part(**{name: value}), name) == value
    fractions = [2.5, 2.0] if isinstance(good[0], int) else []
    for value in [*bad, *NOT_NUMBERS, *fractions]:
        assert name in refusal(part, **{name: value})


def test_numbers_beyond_any_float_are_refused() -> None:
    assert "seed" in refusal(RunConfig, seed=10**400)


@pytest.mark.parametrize(("part", "values"), WRONG_CHOICES)
def test_wrong_choices_are_refused(part: type, values: dict[str, Any]) -> None:
    refusal(part, **values)


@pytest.mark.parametrize("part", ["data", "method", "optimizer", "evaluation"])
def test_parts_of_a_run_must_be_settings(part: str) -> None:
    for value in (3, "lora", None, [1]):
        with pytest.raises(UserError, match="Expected settings"):
            RunConfig.from_dict({part: value})
    with pytest.raises(UserError, match="'speed' is not known; known are"):
        RunConfig.from_dict({part: {"speed": 1}})
    with pytest.raises(UserError, match="'speed' is not known; known are"):
        RunConfig.from_dict({"speed": 1})


@pytest.mark.parametrize("config", [RunConfig(), EVERYTHING], ids=["defaults", "everything"])
def test_json_round_trip(config: RunConfig) -> None:
    again = RunConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert again.hash == config.hash
    assert len({again, config}) == 1  # tuples again, so still hashable by Python


def test_hash_sees_every_setting() -> None:
    settings = [{}, {"model": "gpt2"}, {"seed": 1}, {"dtype": "float32"}, {"data": CUSTOM}]
    for part, changes in CHANGES.items():
        assert set(changes) == set(RunConfig().to_dict()[part])  # no setting is forgotten here
        for name, value in changes.items():
            settings.append({part: {**TOGETHER.get(name, {}), name: value}})
    assert len({RunConfig.from_dict(s).hash for s in settings}) == len(settings)


def test_hash_is_the_same_in_every_process() -> None:
    """A run is found again tomorrow by its hash."""
    code = (
        "import json, sys; from core.config import RunConfig; "
        "print(RunConfig.from_dict(json.loads(sys.argv[1])).hash)"
    )
    backwards = json.dumps(dict(reversed(EVERYTHING.to_dict().items())))
    elsewhere = subprocess.run(
        [sys.executable, "-c", code, backwards], capture_output=True, text=True, cwd=ROOT
    )
    assert elsewhere.stdout.strip() == EVERYTHING.hash, elsewhere.stderr
    assert len(bytes.fromhex(EVERYTHING.hash)) == 8


def test_equal_configs_have_equal_hashes() -> None:
    """16 and 16.0 are equal; a slider or a JSON file may give either."""
    whole = RunConfig.from_dict({"method": {"alpha": 16}, "optimizer": {"weight_decay": 0}})
    assert whole == RunConfig()
    assert whole.hash == RunConfig().hash


@pytest.mark.parametrize(
    ("part", "values", "words"),
    [
        (DataConfig, {"others": ("poetry",)}, "'poetry' is not known"),
        (DataConfig, {"others": ("sentiment",)}, "only once"),
        (DataConfig, {"others": ("names",), "template": "{text}"}, "one task only"),
        (DataConfig, {"others": ("names",), "weights": (1.0,)}, "2 tasks, 1 weights"),
        (DataConfig, {"weights": (float("nan"),)}, "A weight"),
        (DataConfig, {"order": "shuffled"}, "mixed, sequential"),
        (MitigationConfig, {"regularizer": "magic", "strength": 1.0}, "'magic' is not known"),
        (MitigationConfig, {"regularizer": "ewc"}, "strength above 0"),
        (MitigationConfig, {"strength": 1.0}, "strength above 0"),
        (
            MitigationConfig,
            {"regularizer": "kl", "strength": 1.0, "keep": ()},
            "Name a task to keep",
        ),
        (MitigationConfig, {"keep": ("general",)}, "'general' is not known"),
        (MitigationConfig, {"rehearse": "names"}, "a share above 0"),
        (MitigationConfig, {"rehearse": "names", "rehearse_share": 1.0}, "from 0 to 0.9"),
        (EvaluationConfig, {"prompts": ("",)}, "1 to 2,000 characters"),
        (EvaluationConfig, {"prompts": ("a",) * 21}, "At most 20"),
        (
            RunConfig,
            {"cure": MitigationConfig(rehearse="sentiment", rehearse_share=0.2)},
            "already",
        ),
        (RunConfig, {"cure": MitigationConfig(rehearse="earlier", rehearse_share=0.2)}, "sequence"),
    ],
)
def test_cures_and_tasks_that_do_not_fit_are_refused(
    part: type, values: dict[str, Any], words: str
) -> None:
    assert words in refusal(part, **values)


def test_trained_task_is_evaluated_first_and_once() -> None:
    config = RunConfig(evaluation=EvaluationConfig(tasks=("names", "sentiment", "general")))
    assert config.evaluation_tasks() == ("sentiment", "names", "general")


def test_default_learning_rate_fits_every_method() -> None:
    for method in METHODS:
        OptimizerConfig(learning_rate=default_learning_rate(method))
    with pytest.raises(UserError, match="'magic' is not known"):
        default_learning_rate("magic")
