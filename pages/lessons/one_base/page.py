"""Lesson: one base model in memory, a small adapter for every task."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core import catalog
from core.course import content
from core.experiments.adapter_answers import BASE, recorded_answers, sample_prompt
from core.experiments.adapters import (
    ADAPTER_TASKS,
    Adapter,
    adapter_config,
    adapters,
    names_of,
    newest_of_each,
)
from core.formulas.parameters import trainable_parameters
from pages.lessons.one_base.adapters import (
    BASE_MODEL,
    adapter_table,
    answer,
    memory_chart,
    memory_rows,
    remember,
    remembered,
    told,
    weights_words,
)
from pages.lessons.one_base.report import lab_report
from pages.shared.cards import Card, show_cards
from pages.shared.engine import current_model, model_shape, store
from pages.shared.layout import experiment, more_settings
from pages.shared.one_of import one_of
from pages.shared.predict import is_locked, predict_here, show_outcome
from pages.shared.prepare import compute_button
from pages.shared.queue import run_all
from pages.shared.thread import begin, end

COURSE = content.lesson("one_base")

N_TASKS = 3  # in the sentence on memory
FLOAT_BYTES = 4  # an adapter is kept in float32


def choose_tasks() -> list[str]:
    return st.pills(
        "Tasks",
        ADAPTER_TASKS,
        format_func=lambda task: catalog.TASKS[task].title,
        selection_mode="multi",
        default=["sentiment", "names"],
        key="one_base_tasks",
        bind="query-params",
        wrap=True,
    )


def choose_loaded(found: Sequence[Adapter], tasks: Sequence[str]) -> dict[str, Adapter]:
    """The adapters in memory by name: of each chosen task the newest, unless the reader wants others."""
    usual = newest_of_each(found, tasks)
    by_title = {adapter.title: adapter for adapter in found}
    with more_settings("Adapters in memory"):
        chosen = st.multiselect(
            "Adapters in memory",
            list(by_title),
            [adapter.title for adapter in usual],
            key=f"one_base_loaded_{'_'.join(adapter.run_id for adapter in usual)}",
        )
    return names_of([by_title[title] for title in chosen])


def prompts(tasks: Sequence[str]) -> list[str]:
    """A prompt of each of two tasks, which the reader may change."""
    with more_settings("The prompts"):
        found = [
            st.text_area(
                f"A prompt for {catalog.TASKS[task].title.lower()}",
                sample_prompt(task),
                key=f"one_base_prompt_{task}",
                height=110,
            )
            for task in tasks[:2]
        ]
    return [text for text in found if text.strip()]


def grid(texts: Sequence[str], tasks: Mapping[str, str]) -> None:
    """A card for each prompt, a line for each model, named with its task: what it answered.

    Before any question of the reader, the lines appear in turn, as one base switches between its adapters.
    """
    is_untouched = not any(map(remembered, texts))
    with st.container(key=f"one_base_{'in_turn' if is_untouched else 'asked'}"):
        show_cards(
            [
                Card(prompt=text, answers=[told(text, name, task) for name, task in tasks.items()])
                for text in texts
            ]
        )


def where_recorded(texts: Sequence[str]) -> str:
    """A sentence on the recorded answers, where there are some to these prompts."""
    shipped = recorded_answers()
    if not shipped or not any(text in shipped.answers for text in texts):
        return ""
    return (
        f" Answers marked as recorded come from adapters with these settings, {shipped.where}; "
        "yours take their place when you ask."
    )


def memory_line(found: Sequence[Adapter]) -> None:
    """Copies against adapters, in MB, once that is guessed."""
    if not is_locked(COURSE):
        st.caption("How much memory that saves: guess below, under “What it saves”.")
        return
    st.markdown(
        f"**In memory: {weights_words(N_TASKS, adapter_bytes(found), current_model().parameters)}**"
    )


def adapter_bytes(found: Sequence[Adapter]) -> float:
    """Of one adapter: the mean of those that are here, else by formula."""
    if found:
        return sum(adapter.n_bytes for adapter in found) / len(found)
    method = adapter_config(ADAPTER_TASKS[0]).method
    return FLOAT_BYTES * trainable_parameters(method, model_shape())


def switch() -> tuple[list[Adapter], dict[str, Adapter], list[str]]:
    """The first screen: tasks, Run and the switch at the left; every model's answers at the right."""
    left, right = experiment()
    with right:
        result, below = st.container(), st.container()
    with left:
        tasks = choose_tasks()
        if tasks:
            configs = [adapter_config(task) for task in tasks]
            run_all(configs, "Train these adapters", key="one_base")
        else:
            st.caption("Choose a task to train its adapter.")
        found = adapters(store())
        who, ask, every = BASE_MODEL, False, False
        asking = st.container()
        loaded = choose_loaded(found, tasks) if found else {}
        texts = prompts(tasks or list(ADAPTER_TASKS[:2]))
        names = [BASE_MODEL, *loaded]
        with asking:
            if loaded:
                who = one_of(
                    st.segmented_control, "Answer as", names, default=names[0], key="one_base_who"
                )
                one, all_of_them = st.columns(2)
                ask = compute_button(
                    "Ask", key="one_base_ask", place=one, is_primary=True, width="stretch"
                )
                every = compute_button(
                    "Ask all of them", key="one_base_ask_all", place=all_of_them, width="stretch"
                )
            elif found:
                st.caption("Choose at least one adapter to load beside the base.")
    waiting = [task for task in tasks if task not in {a.task for a in found}]
    with below:
        memory_line(found)
        for name in names if every else [who] if ask else []:
            active = {} if name == BASE_MODEL else {loaded[name].run_id: 1.0}
            for text in texts:
                place = st.empty()
                remember(text, name, *answer(list(loaded.values()), active, text, place))
                place.empty()
        times = [one.switch_ms for text in texts for one in remembered(text).values()]
        st.caption(
            (
                f"The slowest switch took {max(times):.1f} ms: the same base stays in memory, and its "
                "layers are told which small matrices to add."
                if times
                else "Ask, switch, and ask again: one base in memory, and the answers to both prompts "
                "change."
                if loaded
                else "Train two adapters, about half a minute each, then switch between them here."
            )
            + where_recorded(texts)
        )
    with result:
        grid(
            texts,
            {BASE_MODEL: BASE}
            | {name: adapter.task for name, adapter in loaded.items()}
            | {catalog.TASKS[task].title: task for task in waiting},
        )
    return found, loaded, texts


def both(loaded: dict[str, Adapter], text: str) -> None:
    """Two adapters at once, each with a weight."""
    st.header("Two at once")
    st.latex(r"W' = W + w \cdot s\,B_1 A_1 + (1 - w) \cdot s\,B_2 A_2 \qquad s = \alpha / r")
    one, two = st.columns(2)
    first = one.selectbox("First", list(loaded), 0, key="one_base_first")
    second = two.selectbox("Second", list(loaded), 1, key="one_base_second")
    weight = st.slider("Weight of the first", 0.0, 1.0, 0.5, 0.1, key="one_base_weight")
    if first == second:
        st.caption("Choose two different adapters.")
        return
    if compute_button("Ask both at once", key="one_base_ask_both"):
        active = {loaded[first].run_id: weight, loaded[second].run_id: 1 - weight}
        answer(list(loaded.values()), active, text, st.empty())
        st.caption(
            "Two changes to the same weights are added up. Nothing guarantees that both tasks survive this: "
            "try both ends of the slider, then the middle, with prompts from both tasks."
        )


def memory(found: Sequence[Adapter]) -> None:
    """N adapters against N copies, once that is guessed, and the adapters there are."""
    st.header("What it saves")
    if not predict_here(COURSE):
        return
    show_outcome(COURSE)
    n_parameters = current_model().parameters
    each = adapter_bytes(found)
    st.altair_chart(memory_chart(memory_rows(each, n_parameters)), width="stretch")
    st.caption(
        f"{'Each of your adapters takes' if found else 'By formula, an adapter takes'} {each / 1e6:.2f} MB "
        f"on disk (float32); the model has {n_parameters:,} weights of 2 bytes. With full fine-tuning, each "
        "task needs a whole copy of the model."
    )
    if found:
        st.dataframe(adapter_table(found), hide_index=True, width="stretch")


begin(COURSE)
known, loaded, texts = switch()
if len(loaded) > 1 and texts:
    both(loaded, texts[0])
memory(known)
end(COURSE)
lab_report(COURSE, loaded, texts)
