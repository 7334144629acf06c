"""Lesson: one base model in memory, a small adapter for every task."""

import streamlit as st

from core import catalog
from core.experiments.adapters import ADAPTER_TASKS, Adapter, adapter_config, adapters
from pages.lessons.one_base.adapters import (
    BASE_MODEL,
    adapter_table,
    answer,
    memory_chart,
    memory_rows,
    remember,
    remembered,
    sample_prompt,
)
from pages.shared.engine import current_model, require_model, store
from pages.shared.queue import run_all


def train() -> list[Adapter]:
    """Choose tasks, train an adapter for each; returns the adapters there are."""
    st.header("1 · Train adapters")
    tasks = st.pills(
        "Tasks",
        ADAPTER_TASKS,
        format_func=lambda task: catalog.TASKS[task].title,
        selection_mode="multi",
        default=["sentiment", "names"],
        key="one_base_tasks",
        bind="query-params",
    )
    if tasks:
        run_all([adapter_config(task) for task in tasks], "Train these adapters", key="one_base")
    else:
        st.caption("Choose a task, and its adapter can be trained.")
    found = adapters(store())
    if found:
        st.dataframe(adapter_table(found), hide_index=True, width="stretch")
    return found


def switch(found: list[Adapter]) -> None:
    """One prompt, answered under any adapter."""
    st.header("2 · Switch")
    by_title = {adapter.title: adapter for adapter in found}
    chosen = st.multiselect(
        "Adapters in memory", list(by_title), list(by_title)[:3], key="one_base_loaded"
    )
    if not chosen:
        st.caption("Choose at least one adapter to load beside the base.")
        return
    loaded = [by_title[title] for title in chosen]
    text = prompt(loaded)
    names = [BASE_MODEL, *chosen]
    who = st.segmented_control(
        "Answer as", names, default=names[1], required=True, key="one_base_who"
    )
    left, right = st.columns(2)
    every = right.button("Ask all of them", key="one_base_ask_all", width="stretch")
    if left.button("Ask", type="primary", key="one_base_ask", width="stretch") or every:
        for name in names if every else [who]:
            st.markdown(f"**{name}**")
            active = {} if name == BASE_MODEL else {by_title[name].run_id: 1.0}
            remember(text, name, *answer(loaded, active, text, st.empty()))
    table = remembered(text)
    if table.empty:
        st.caption("Ask, switch, and ask again: the answers to one prompt collect here.")
        return
    st.dataframe(table, hide_index=True, width="stretch")
    slowest = table["switched in (ms)"].max()
    st.caption(
        f"The slowest switch took {slowest:.1f} ms: the same base stays in memory, and its layers are "
        "told which small matrices to add."
    )
    if len(loaded) > 1:
        both(loaded, text)


def prompt(loaded: list[Adapter]) -> str:
    """The prompt box, filled with a prompt of one of the adapters' tasks."""
    tasks = list(dict.fromkeys(adapter.task for adapter in loaded))
    task = st.pills(
        "A prompt for",
        tasks,
        format_func=lambda task: catalog.TASKS[task].title,
        default=tasks[0],
        required=True,
        key="one_base_prompt_task",
    )
    return st.text_area("Prompt", sample_prompt(task), key=f"one_base_prompt_{task}", height=120)


def both(loaded: list[Adapter], text: str) -> None:
    """Two adapters at once, each with a weight."""
    st.header("3 · Two at once")
    st.latex(r"W' = W + w \cdot s\,B_1 A_1 + (1 - w) \cdot s\,B_2 A_2 \qquad s = \alpha / r")
    titles = {adapter.title: adapter for adapter in loaded}
    one, two = st.columns(2)
    first = one.selectbox("First", list(titles), 0, key="one_base_first")
    second = two.selectbox("Second", list(titles), 1, key="one_base_second")
    weight = st.slider("Weight of the first", 0.0, 1.0, 0.5, 0.1, key="one_base_weight")
    if first == second:
        st.caption("Choose two different adapters.")
        return
    if st.button("Ask both at once", key="one_base_ask_both"):
        active = {titles[first].run_id: weight, titles[second].run_id: 1 - weight}
        answer(loaded, active, text, st.empty())
        st.caption(
            "Two changes of the same weights are added. Nothing says that both tasks survive it: try "
            "the ends of the slider, then the middle, with prompts of both."
        )


def memory(found: list[Adapter]) -> None:
    """N adapters against N copies."""
    st.header("What it saves")
    mean = sum(adapter.n_bytes for adapter in found) / len(found)
    n_parameters = current_model().parameters
    st.altair_chart(memory_chart(memory_rows(mean, n_parameters)), width="stretch")
    st.caption(
        f"Your adapters take {mean / 1e6:.2f} MB each on disk (float32); the model has "
        f"{n_parameters:,} weights of 2 bytes. With full fine-tuning, each task is a whole copy."
    )


st.title("One base, many tasks")
st.markdown(
    "A fully tuned model is a whole copy, one for each task. Adapters are small: train two, keep one "
    "base in memory, and switch between tasks while you watch."
)
require_model()
known = train()
if known:
    switch(known)
    memory(known)
else:
    st.caption("No adapter yet. Train two above: about half a minute each.")
