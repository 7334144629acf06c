"""The command of a config repeats exactly that config, for every config there can be."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core import catalog
from core.cli.main import build_parser
from core.config import (
    METHODS,
    SETTINGS,
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    MitigationConfig,
    OptimizerConfig,
    RunConfig,
    default_learning_rate,
)
from core.config.command import OPTIONS, command_of, config_of, help_of, words_of
from core.config.settings import Setting, settings_of
from core.errors import UserError
from core.experiments import (
    adapters,
    methods,
    mitigations,
    mixtures,
    prompting,
    soft_prompts,
    watching,
)
from core.experiments.ranks import full_config, rank_config
from core.experiments.sweep import Sweep
from core.paths import ROOT

PARSER = build_parser()
RUN = "20261128-101500-ab12cd"
ODD_TEXTS = (
    *("--", "-", "-x y", "--watch", "--json", "a,b", "it's", '"$HOME" `ls` \\', "#! {1..3} *?"),
    *("two\nlines", " at the ends ", "tab\there", "日本 🎼 é", "=", "@file", "%s %(prog)s", "\r\n"),
)
ODD_FLOATS = (1e-300, 5e-324, 0.1 + 0.2, 1 / 3, 1e-9, 0.5, 16, 1.0)
# What each lesson trains with as it is opened; the knobs of a lesson move single values.
LESSONS: dict[str, list[RunConfig]] = {
    "instruction": [
        RunConfig(data=DataConfig(task=task), evaluation=EvaluationConfig(every=10))
        for task in ("sentiment", "names")
    ],
    "before": [RunConfig()],
    "lora": [
        rank_config(MethodConfig(), rate=1e-3),
        full_config(rank_config(MethodConfig(), rate=1e-3)),
    ],
    "sweep": list(Sweep().configs()),
    "peft": [methods.method_config(method) for method in METHODS],
    "soft_prompts": [
        *soft_prompts.token_configs(),
        soft_prompts.prompt_config(10, start="text", text=soft_prompts.TEXT),
    ],
    "prompting_or_tuning": list(
        prompting.tuned_configs("sentiment", prompting.TUNED, prompting.SIZES, (0, 1))
    ),
    "forgetting": [
        RunConfig(
            method=MethodConfig(name="full"),
            optimizer=OptimizerConfig(learning_rate=3e-4, schedule="linear"),
            evaluation=EvaluationConfig(
                tasks=("names", "general"),
                every=5,
                examples=12,
                final_examples=40,
                prompts=("What is your name?", "Is it raining, or not?"),
            ),
        ),
        RunConfig(
            data=DataConfig(task="sentiment", others=("topic", "names"), order="sequential"),
            evaluation=EvaluationConfig(every=10_000, examples=40, final_examples=40, samples=0),
        ),
    ],
    "cures": list(mitigations.recorded_configs((), (0,))),
    "multitask": list(mixtures.recorded_configs((0,))),
    "evaluation": [watching.watched_config(task) for task in watching.WATCHED_TASKS],
    "one_base": [adapters.adapter_config(task) for task in adapters.ADAPTER_TASKS],
}


def repeated(config: RunConfig) -> RunConfig:
    """The config that the command line makes of the config's command."""
    python, *words = shlex.split(command_of(config))
    assert [python, *words[:2]] == ["python", "-m", "core"]
    return config_of(PARSER.parse_args(words[2:]))


def assert_repeats(config: RunConfig) -> None:
    again = repeated(config)
    assert again == config
    assert again.hash == config.hash


# Every field of every part


def texts() -> st.SearchStrategy[str]:
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return st.sampled_from(ODD_TEXTS) | st.text(letters, max_size=30)


def one_value(one: Setting) -> st.SearchStrategy[Any]:
    if one.choices:
        return st.sampled_from([*one.choices])
    if one.kind is str:
        return texts()
    if one.kind is int:
        return st.integers(int(one.low), int(one.high))
    odd = [v for v in ODD_FLOATS if one.low < v <= one.high]
    return st.sampled_from(odd) | st.floats(one.low, one.high, exclude_min=one.above)


def value(one: Setting) -> st.SearchStrategy[Any]:
    return st.lists(one_value(one), max_size=4) if one.is_list else one_value(one)


@st.composite
def configs(draw: st.DrawFn) -> RunConfig:
    """A valid config with any value in any field: drawn freely, then made to fit together."""
    drawn = {path: draw(value(one)) for path, one in SETTINGS.items()}
    drawn["model"] = draw(st.sampled_from([*catalog.MODELS]))
    drawn["start_from"] = draw(st.sampled_from(["", RUN]))
    _fit_data(drawn, draw)
    drawn["method.target_modules"] = drawn["method.target_modules"] or ["v_proj", "q_proj"]
    if drawn["method.name"] == "prompt":
        has_text = bool(drawn["method.prompt_text"].strip())
        start = "text" if has_text else draw(st.sampled_from(["vocabulary", "random"]))
        drawn["method.prompt_start"] = start
    prompts = [prompt for prompt in drawn["evaluation.prompts"] if prompt.strip()]
    drawn["evaluation.prompts"] = prompts
    _fit_cure(drawn, draw)
    if drawn["data.order"] == "sequential":
        drawn["optimizer.patience"] = 0
        if drawn["method.name"] == "adalora":
            drawn["method.name"] = "lora"
    if METHODS[drawn["method.name"]].plans_one_run:
        drawn["start_from"] = ""
    nested: dict[str, Any] = {}
    for path, found in drawn.items():
        part, _, name = path.rpartition(".")
        (nested.setdefault(part, {}) if part else nested)[name] = found
    return RunConfig.from_dict(nested)


def _fit_data(drawn: dict[str, Any], draw: st.DrawFn) -> None:
    kind = draw(st.sampled_from(["one", "several", "custom"]))
    order = draw(st.permutations([*catalog.TASKS]))
    n = 1 if kind != "several" else draw(st.integers(2, 5))
    drawn["data.task"] = "custom" if kind == "custom" else order[0]
    drawn["data.others"] = order[1:n]
    drawn["data.dataset"] = (drawn["data.dataset"] or "0123456789abcdef") * (kind == "custom")
    template = draw(st.sampled_from(["", "{text}", "{x} {prompt}"]))
    drawn["data.template"] = "" if n > 1 or not template else drawn["data.template"] + template
    weight = one_value(SETTINGS["data.weights"])
    drawn["data.weights"] = (
        draw(st.just([]) | st.lists(weight, min_size=n, max_size=n))
        if drawn["data.order"] == "mixed"
        else []
    )


def _fit_cure(drawn: dict[str, Any], draw: st.DrawFn) -> None:
    keeps = drawn["cure.keep"]
    if drawn["cure.regularizer"] == "none":
        drawn["cure.strength"] = 0.0
    else:
        drawn["cure.keep"] = keeps or ["names"]
        drawn["cure.strength"] = drawn["cure.strength"] or 0.1 + 0.2
    tasks = [drawn["data.task"], *drawn["data.others"]]
    is_alone = drawn["cure.rehearse"] == "earlier" and drawn["data.order"] != "sequential"
    if drawn["cure.rehearse"] in tasks or is_alone:
        drawn["cure.rehearse"] = ""
    share = drawn["cure.rehearse_share"] or draw(st.sampled_from([0.2, 1e-300]))
    drawn["cure.rehearse_share"] = share if drawn["cure.rehearse"] else 0.0


@pytest.mark.thorough
@settings(max_examples=300, deadline=None)
@given(configs())
@example(RunConfig(method=MethodConfig(rank=4, alpha=16)))
@example(RunConfig(data=DataConfig(order="sequential"), cure=MitigationConfig(keep=())))
@example(RunConfig(evaluation=EvaluationConfig(prompts=ODD_TEXTS[:4] + ODD_TEXTS[4:-1])))
def test_a_command_repeats_its_config(config: RunConfig) -> None:
    assert_repeats(config)
    assert RunConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_command_repeats_what_a_lesson_trains(lesson: str) -> None:
    for config in LESSONS[lesson]:
        assert_repeats(config)


def test_every_field_of_a_config_has_an_option() -> None:
    fields = {
        f"{name}.{field}" if isinstance(part, dict) else name
        for name, part in RunConfig(start_from=RUN).to_dict().items()
        for field in (part if isinstance(part, dict) else [name])
    }
    assert set(SETTINGS) == fields
    arguments = PARSER.parse_args(["train"])
    assert arguments.action == "train"
    for option, together in OPTIONS.items():
        assert option.startswith("--")
        assert all(one.help.endswith(".") and "\n" not in one.help for one in together), option
        assert help_of(together)


def test_every_option_changes_its_setting() -> None:
    """Of each option one value that is not the default: none is read into another field."""
    told = {
        "--model": "gpt2",
        "--task": "names",
        "--tasks": "names,topic",
        "--mixed/--sequential": "",
        "--dataset": "0123456789abcdef",
        "--weights": "2",
        "--template": "{text}",
        "--method": "full",
        "--targets": "k_proj",
        "--prompt-start": "random",
        "--prompt-text": "judge this",
        "--schedule": "linear",
        "--eval-tasks": "qa",
        "--watch": "hello",
        "--regularizer": "kl:2",
        "--keep": "topic",
        "--rehearse": "names:0.25",
        "--dtype": "float32",
        "--start-from": RUN,
    }
    for option, together in OPTIONS.items():
        words = [option, told.get(option) or str(3 if together[0].kind is int else 0.25)]
        words = ["--tasks", "names,topic", "--sequential"] if "/" in option else words
        words += ["--mixed"] if option == "--tasks" else []
        config = config_of(PARSER.parse_args(["train", *words]))
        flat = {path: attribute(config, path) for path in SETTINGS}
        for one in together:
            assert flat[one.path] != one.default, option


def attribute(config: Any, path: str) -> Any:
    for name in path.split("."):
        config = getattr(config, name)
    return config


def test_what_is_not_named_follows_from_what_is() -> None:
    for method in METHODS:
        config = config_of(PARSER.parse_args(["train", "--method", method]))
        assert config.optimizer.learning_rate == default_learning_rate(method)
    config = config_of(PARSER.parse_args(["train", "--rank", "32", "--prompt-text", "go"]))
    assert (config.method.alpha, config.method.prompt_start) == (64, "text")
    assert words_of(config) == words_of(repeated(config))
    assert command_of(RunConfig()) == "python -m core train --task sentiment --method lora"


def test_a_folder_is_repeated_from_any_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my models" / "é 1"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    monkeypatch.chdir(folder.parent)
    config = RunConfig(model="é 1")
    assert config.model == str(folder.resolve())
    monkeypatch.chdir(ROOT)
    assert_repeats(config)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--lr", "fast"], "--lr wants a number; got 'fast'."),
        (["--steps", "1.5"], "--steps wants a whole number; got '1.5'."),
        (["--steps", "0"], "steps (--steps) must be a whole number from 1 to 10000; got 0."),
        (["--rank", "9" * 400], "rank (--rank) must be a whole number"),
        (["--weights", "2,x"], "--weights wants numbers, for example 2,1,1; got '2,x'."),
        (["--regularizer", "ewc"], "--regularizer wants a number, for example kl:1; got ''."),
        (["--regularizer", "magic:1"], "The regularizer 'magic' is not known; choose one of: none"),
        (["--rehearse", "poetry:0.2"], "rehearse 'poetry' is not known; choose one of: earlier"),
        (["--tasks", "names,qa"], "--mixed or --sequential"),
        (["--task", "names", "--tasks", "qa"], "only one of"),
        (["--task", "names", "--dataset", "0123456789abcdef"], "only one of"),
        (["--task", "custom"], "An uploaded dataset goes with"),
        (["--max-new-tokens", "1025"], "max_new_tokens (--max-new-tokens) must be a whole number"),
        (["--watch", "half of a pair: \ud800"], "holds the character '\\ud800'"),
        (["--template", "{text}\0"], "template (--template) holds the character '\\x00'"),
    ],
)
def test_options_that_spell_no_config_are_refused(arguments: list[str], words: str) -> None:
    with pytest.raises(UserError) as refused:
        config_of(PARSER.parse_args(["train", *arguments]))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_setting_knows_its_place() -> None:
    rank = settings_of(RunConfig)["method.rank"]
    assert (rank.name, rank.option, rank.default, rank.kind) == ("rank", "--rank", 8, int)
    assert settings_of(DataConfig)["weights"].is_list
