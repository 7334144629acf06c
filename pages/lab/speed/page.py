"""Lab: why training here is fast, optimisation by optimisation, and how fast beside the usual ways."""

import streamlit as st

from core import catalog
from core.bench import ablation, contention, lesson, memory
from core.bench.faults import campaign
from core.bench.negative_results import NEGATIVE_RESULTS, WHERE
from core.bench.report import ELSEWHERE, Report, recorded
from core.bench.speedups import disturbances, equal_words, finding, left_out
from core.bench.tree import count
from pages.lab.speed.ablations import ablations_view
from pages.lab.speed.batch_tree import batch_chart, first_batch, heading, padded_rows, tree_rows
from pages.lab.speed.bench_report import (
    AXES,
    comparison_shown,
    failed_words,
    few_steps_words,
    growth_figure,
    speed_figure,
)
from pages.lab.speed.recorded_ablation import ablation_record
from pages.lab.speed.recorded_steadiness import faults_record, memory_record
from pages.lab.speed.recorded_times import contention_record, lesson_record
from pages.shared.engine import model_ready, tokenizer
from pages.shared.plain import plain
from pages.shared.prepare import ask_for_model

TASKS = [task.id for task in catalog.TASKS.values() if "train" in task.splits]
SIZES = (2, 4, 8, 16)


def choose() -> tuple[str, int, int]:
    """Task, batch size and seed."""
    one, two, three = st.columns([2, 2, 1])
    task = one.selectbox(
        "Task",
        TASKS,
        format_func=lambda task: catalog.TASKS[task].title,
        key="speed_task",
        bind="query-params",
    )
    size = two.select_slider("Batch size", SIZES, 8, key="speed_batch", bind="query-params")
    seed = three.number_input("Seed", 0, 9999, 0, key="speed_seed", bind="query-params")
    return task, size, seed


def picture(task: str, batch_size: int, seed: int) -> None:
    """The batch as a tree, and as padded rows below."""
    batch, words = first_batch(task, batch_size, seed), tokenizer()
    found = count(batch)
    width = max(len(pair.ids) for pair in batch)
    padded_title = f"The same {batch_size} examples padded: {batch_size} × {width} tokens"
    for rows, title, key in (
        (tree_rows(batch, words), heading(batch), "speed_tree"),
        (padded_rows(batch, words), padded_title, "speed_padded"),
    ):
        st.markdown(f"**{title}**")
        chart = batch_chart(rows, title=title, width_tokens=width)
        st.altair_chart(chart, width="stretch", key=key)
    st.caption(
        "Each lane is an example, read from left to right; touch a block to read its text. In a causal "
        "model a token sees only what stands before it. So while two examples read the same, all their "
        f"activations are the same: they are computed once, and gradients add up there. Of "
        f"{found.tokens:,} tokens, {found.tokens - found.nodes:,} need no computing (shared beginnings, "
        f"and each last token, which predicts nothing), and {found.padded - found.tokens:,} more would "
        "be padding. The result is exact: a test compares every gradient with the padded batch’s."
    )


def compared(report: Report, *, key: str) -> None:
    """What was measured beside the usual ways: in a sentence, drawn, as a table, and under which conditions."""
    st.markdown(f"**{finding(report)}**")
    if disturbed := disturbances(report):
        st.warning(f"This record is disturbed. {' '.join(disturbed)}")
    st.plotly_chart(speed_figure(report), width="stretch", key=key)
    if marked := left_out(report):
        st.caption(f"\\* {' '.join(marked)}")
    st.caption(f"{plain(report.where)} Made with `{report.command}`.")
    st.table(comparison_shown(report))
    tried = (
        "The other sides take the settings that were fastest in short trials on that machine: fused or "
        "eager attention, padded or padding-free, 16-bit weights or autocast. "
        if report.trials
        else "The other sides’ settings were not tried out: this is a quick look. "
    )
    device = report.stamp.device
    same = f"All sides compute in {report.stamp.dtype} on {device}. " if device else ""
    memory = "of the GPU" if device.startswith("cuda") else "of the whole process"
    st.caption(
        f"{same}{tried}All sides see the same batches in the same order, with the same seeds, rates and "
        f"threads, by turns, in fresh processes. {equal_words(report)} Memory: {memory}. "
        "Utilisation: operations that the mathematics needs, per second, as a share of the fastest "
        "matrix product there."
    )
    if said := failed_words(report):
        st.caption(said)


def beside(report: Report, elsewhere: Report | None) -> None:
    """The recorded comparison, and an earlier one of another kind of processor."""
    if report.measured:
        compared(report, key="speed_sides")
    if elsewhere:
        with st.expander(f"An earlier record, of another processor: {plain(elsewhere.machine)}"):
            compared(elsewhere, key="speed_sides_elsewhere")
    axes = [axis for axis in AXES if any(point.axis == axis for point in report.growth)]
    if axes:
        st.header("How the cost of a step grows")
        if few := few_steps_words(report):
            st.markdown(few)
        columns = st.columns(2)
        for number, axis in enumerate(axes):
            columns[number % 2].plotly_chart(
                growth_figure(report, axis), width="stretch", key=f"speed_growth_{axis}"
            )
        st.caption(
            f"{plain(report.where)} Unless varied: 8 examples of 64 random tokens, half of them shared, LoRA of "
            "rank 8."
        )


st.title("Why is it fast?")
st.markdown(
    "Instructions repeat themselves. A batch of examples is drawn here as what it is to a causal model: "
    "a **tree** whose common beginnings need computing only once."
)
task, batch_size, seed = choose()
if model_ready():
    picture(task, batch_size, seed)
else:
    ask_for_model("See a batch as a tree", key="speed_batch_tree")
st.header("Switch an optimisation off")
ablations_view(task=task, batch_size=batch_size, seed=seed)
st.header("What each part gains")
ablation_record(ablation.recorded())
st.header("Beside the usual ways")
report = recorded()
if report:
    beside(report, recorded(ELSEWHERE))
else:
    st.caption(
        "Nothing is recorded yet. Measure this machine: `python -m core bench --growth --record` "
        "(about half an hour of a quiet machine; it needs the packages of requirements-dev.txt)."
    )
st.header("How long the lesson of forgetting takes")
lesson_record(lesson.recorded())
st.header("When two things compute at once")
contention_record(contention.recorded())
st.header("Memory from run to run")
memory_record(memory.recorded())
st.header("When things go wrong")
faults_record(campaign.recorded())
st.header("Tried and not used")
st.caption(WHERE)
st.markdown("\n".join(f"- **{idea}.** {found}" for idea, found in NEGATIVE_RESULTS.items()))
