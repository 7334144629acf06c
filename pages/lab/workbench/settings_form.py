"""Every setting of a run as a widget, made from its declaration (core/config/settings.py).

No setting is named by hand but the few that the page itself decides: model, data and method. Which settings a method
has follows from its specification. Values live in the URL, so a link opens the same settings.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from core import catalog
from core.config import (
    LLAMA_NAMES,
    METHODS,
    SETTINGS,
    DataConfig,
    MethodSpec,
    RunConfig,
    as_taught,
    default_learning_rate,
    method_title,
)
from core.config.settings import Setting
from core.course.lessons import name_of
from core.runs.names import decimals

ELSEWHERE = {
    "model",
    "start_from",
    "method.name",
    "data.task",
    "data.others",
    "data.order",
    "data.dataset",
    "data.weights",
}
"""Chosen in another place of the page, or only for several tasks."""
LOW_RANK = ("rank", "alpha", "target_modules", "last_layers", "dropout")
VIRTUAL_TOKENS = ("virtual_tokens",)
WITH_START = ("prompt_start", "prompt_text")
PASSES = 3
"""Passes over the pairs that the usual number of steps makes."""
FEWEST_STEPS, MOST_STEPS = 20, 200
TITLES = {
    "optimizer": "Training",
    "evaluation": "What is measured, and when",
    "cure": "Against forgetting",
    "data": "Template and split",
    "run": "Seed and precision",
}
SHOWN_AT_ONCE = ("optimizer.learning_rate", "optimizer.steps", "optimizer.batch_size")


def method_settings(spec: MethodSpec) -> list[str]:
    """The paths of the settings that a method has, in the order they are declared."""
    names = set[str]()
    if spec.knob:
        names.add(spec.knob.field)
    if spec.depth:
        names.add(spec.depth)
    if spec.low_rank:
        names.update(LOW_RANK)
    if spec.adds_tokens:
        names.update((*VIRTUAL_TOKENS, *WITH_START))
    return [path for path in SETTINGS if path in {f"method.{name}" for name in names}]


def choose_settings(model: str, data: DataConfig, *, n_train: int) -> RunConfig:
    """Draw method and settings, and return the config they spell. `UserError` where they do not go together."""
    method = st.selectbox(
        "Method",
        as_taught(),
        index=as_taught().index("lora"),
        format_func=method_title,
        key="workbench_method",
        bind="query-params",
        help=SETTINGS["method.name"].help,
    )
    spec = METHODS[method]
    st.caption(f"{spec.how} {spec.adds}")
    values: dict[str, Any] = {"method.name": method}
    usual = _usual(method, n_train)
    left, right = st.columns(2)
    with left:
        for path in method_settings(spec):
            values[path] = _drawn(path, _follow(path, usual, values), method)
    with right:
        for path in SHOWN_AT_ONCE:
            values[path] = _drawn(path, usual[path], method)
            st.caption(_reason(path, usual, values, n_train, model))
    known = {*values, *(path for path in SETTINGS if path.startswith("method.")), *ELSEWHERE}
    for part, title in TITLES.items():
        paths = [path for path in SETTINGS if path not in known and _part(path) == part]
        with st.expander(title):
            for path in paths:
                values[path] = _drawn(path, usual[path], method)
    config: dict[str, Any] = {"model": model, "data": {}, "method": {}}
    config["data"] = {"task": data.task, "dataset": data.dataset}
    for path, value in values.items():
        part, _, name = path.rpartition(".")
        (config.setdefault(part, {}) if part else config)[name] = value
    return RunConfig.from_dict(config)


def _part(path: str) -> str:
    return path.rpartition(".")[0] or "run"


def _usual(method: str, n_train: int) -> dict[str, Any]:
    """What each setting is before the reader changes it."""
    usual = {path: one.default for path, one in SETTINGS.items()}
    usual["optimizer.learning_rate"] = default_learning_rate(method)
    whole = math.ceil(PASSES * n_train / usual["optimizer.batch_size"])
    usual["optimizer.steps"] = max(FEWEST_STEPS, min(MOST_STEPS, whole))
    spec = METHODS[method]
    return usual | {
        f"method.{k}": v
        for k, v in (spec.knob_settings(spec.knob.usual) if spec.knob else {}).items()
    }


def _follow(path: str, usual: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """A default that depends on what was chosen above it."""
    if path == "method.alpha":
        return 2.0 * values["method.rank"]
    return usual[path]


def _reason(
    path: str, usual: Mapping[str, Any], values: Mapping[str, Any], n_train: int, model: str
) -> str:
    """Why this is the usual value, and where that comes from."""
    value = usual[path]
    if path == "optimizer.learning_rate":
        measured_on = catalog.MODELS[catalog.DEFAULT_MODEL]
        other = "" if model == measured_on.id else " Another model may want another rate."
        return (
            f"Usual for this method: {decimals(value)}. With it, 20 steps learn the sentiment task on "
            f"{measured_on.title} (measured in {name_of('peft')}).{other}"
        )
    if path == "optimizer.steps":
        return (
            f"Usual here: {value}. That is {PASSES} passes over {n_train:,} training pairs, but at least "
            f"{FEWEST_STEPS} steps and at most {MOST_STEPS}. A rule of thumb: watch the validation loss."
        )
    seen = values["optimizer.steps"] * values["optimizer.batch_size"]
    times = f"each training pair about {seen / n_train:.2g} times" if n_train else "no pair"
    return f"Usual: {value}. With these steps, a run sees {times}."


def _drawn(path: str, usual: Any, method: str) -> Any:
    """A setting as the widget that its declaration asks for; its value."""
    one, key = SETTINGS[path], _key(path, usual, method)
    title = one.title[:1].upper() + one.title[1:]
    if one.is_list:
        return _list(one, usual, title, key)
    if one.choices:
        options = [*one.choices]
        return st.selectbox(
            title,
            options,
            options.index(usual),
            format_func=lambda choice: choice or "none",
            key=key,
            bind="query-params",
            help=one.help,
        )
    if one.kind is str:
        return st.text_area(title, usual, key=key, bind="query-params", help=one.help, height=80)
    return _number(one, usual, title, key)


def put_rate(method: str, rate: float) -> None:
    """Write a learning rate into the form; for a button's callback, which comes before the form is drawn anew."""
    key = _key("optimizer.learning_rate", default_learning_rate(method), method)
    st.session_state[key] = rate


def _key(path: str, usual: Any, method: str) -> str:
    """What is usual depends on the method: another one has widgets of its own."""
    return f"workbench_{path.replace('.', '_')}_{method}_{_spelled(usual)}"


def _spelled(usual: Any) -> str:
    """A default as part of a key; of most settings it never changes."""
    return "" if isinstance(usual, str | tuple) else f"{usual:g}"


def _list(one: Setting, usual: Iterable[str], title: str, key: str) -> list[str]:
    if one.choices:
        names = [choice for choice in one.choices if choice not in LLAMA_NAMES]
        return st.multiselect(
            title, names, list(usual), key=key, bind="query-params", help=one.help
        )
    text = st.text_area(
        f"{title}, one a line",
        "\n".join(usual),
        key=key,
        bind="query-params",
        help=one.help,
        height=80,
    )
    return [line for line in text.splitlines() if line.strip()]


def _number(one: Setting, usual: Any, title: str, key: str) -> Any:
    kind = one.kind
    low, high = (kind(n) if math.isfinite(n) else None for n in (one.low, one.high))
    step: Any = 1 if kind is int else _step(usual)
    shown = st.session_state.get(key, usual)
    return st.number_input(
        title,
        low,
        high,
        kind(usual),
        step=step,
        format="%d" if kind is int else _format(shown),
        key=key,
        bind="query-params",
        help=one.help,
    )


def _format(value: float) -> str:
    """Decimals, where "%g" would write an exponent."""
    digits = len(decimals(value).partition(".")[2])
    return f"%.{digits}f" if 0 < value < 1e-3 else "%g"


def _step(usual: float) -> float:
    """One step of the arrows: a unit of the first digit, such as 0.001 of 0.003."""
    return 10.0 ** math.floor(math.log10(usual)) if usual > 0 else 0.05
