"""Lesson: prompting or fine-tuning? Both measured on one task, and when tuning pays."""

from collections.abc import Sequence

import streamlit as st

from core import catalog
from core.config import method_title
from core.course import content
from core.experiments.knowledge_probe import ANSWER_TOKENS, FACTS
from core.experiments.prompting import (
    SHOTS,
    SIZES,
    TUNED,
    Way,
    prompt_evaluations,
    tuned_configs,
    ways,
)
from core.runs.prompt_evaluation import prompted_tasks
from pages.lessons.choice.advice import ask_fact, fact_finding, fact_table, guide
from pages.lessons.choice.costs import cheaper_words, total_figure, when_it_pays
from pages.lessons.choice.figures import (
    NEAR,
    best,
    cost_table,
    is_whole,
    name_of,
    own_rows,
    recorded,
    score_figure,
    score_finding,
)
from pages.lessons.choice.measure import measure_button, trained
from pages.lessons.choice.one_prompt import one_prompt
from pages.lessons.choice.report import lab_report
from pages.shared.layout import experiment
from pages.shared.one_of import one_of
from pages.shared.predict import is_locked, predict_here, show_outcome
from pages.shared.queue import run_all
from pages.shared.thread import begin, end

COURSE = content.lesson("choice")

COST_TABLES = (
    ("way", "score", "prompt tokens", "answer tokens", "training tokens"),
    ("way", "ms a request", "ms with a prompt cache", "training (s)"),
)  # all columns together are wider than a page
REQUESTS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000, 1_000_000)
USUAL_REQUESTS = 1_000


def which_costs_less(found: Sequence[Way]) -> int:
    """The first screen: a number of requests, two lines of costs, and the sentence that follows from it."""
    left, right = experiment()
    with left:
        requests = st.select_slider(
            "How many requests will there be?",
            REQUESTS,
            USUAL_REQUESTS,
            format_func="{:,}".format,
            key="choice_requests",
            bind="query-params",
        )
    prompted, tuned = best(found, tuned=False, near=NEAR), best(found, tuned=True, near=NEAR)
    if not prompted or not tuned:
        left.caption("Measure a prompt and a tuned model below, and their costs are drawn here.")
        return requests
    with left:
        told = is_locked(COURSE)
        words = cheaper_words(
            prompted, tuned, requests, unit="seconds", cached=False, with_scores=told
        )
        st.markdown(f"**{words}**")
        if not told:
            st.caption("Their scores are what you are asked to guess below.")
        st.caption(
            "A prompt carries its examples in every request; training is paid once, before the first."
        )
    with right:
        figure = total_figure(
            prompted,
            tuned,
            requests,
            unit="seconds",
            cached=False,
            most=REQUESTS[-1],
            with_scores=is_locked(COURSE),
        )
        with st.container(key=f"choice_{'grows' if requests == USUAL_REQUESTS else 'follows'}"):
            st.plotly_chart(figure, width="stretch", key="choice_first")
        st.caption(where(found))
    return requests


def where(found: Sequence[Way]) -> str:
    """Whose figures are shown, and how the recorded ones were made."""
    shipped = recorded(task)
    rows = [row for way in found for row in way.rows]
    if shipped and all(row in shipped.rows for row in rows):
        return f"{shipped.where} Made with `{shipped.command}`."
    return "Measured by you, on this machine."


def choose_task() -> str:
    return one_of(
        st.segmented_control,
        "Task",
        prompted_tasks(),
        format_func=lambda task: catalog.TASKS[task].title,
        default="sentiment",
        key="choice_task",
        bind="query-params",
    )


def everything(task: str) -> None:
    """Every number of examples, and tuned models, each with every seed."""
    st.header("Measure both sides")
    one, two, three = st.columns(3)
    methods = one.pills(
        "Tune with",
        TUNED,
        format_func=method_title,
        selection_mode="multi",
        default=TUNED,
        key="choice_methods",
        bind="query-params",
    )
    sizes = two.pills(
        "Number of training examples",
        SIZES,
        format_func=lambda n: str(n or "all"),
        selection_mode="multi",
        default=SIZES,
        key="choice_sizes",
        bind="query-params",
    )
    seeds = three.pills(
        "Seeds", (0, 1, 2), selection_mode="multi", default=(0,), key="choice_seeds",
        bind="query-params",
    )  # fmt: skip
    if not seeds:
        st.caption("Choose at least one seed.")
        return
    seeds = sorted(seeds)
    configs = list(tuned_configs(task, methods, sizes, seeds))
    if configs:
        run_all(configs, "Train", key="choice_train")
    both = [*prompt_evaluations(task, SHOTS, seeds), *trained(configs)]
    measure_button(both, "Measure prompts and tuned models", key="choice_all")
    st.caption(
        "A tuned model is asked without examples. A seed decides which labelled pairs are shown, and "
        "which are trained on: 8 examples in a prompt are the first 8 that the runs with this seed see. "
        "Each fully tuned model takes 270 MB of disk; delete them under Runs."
    )


def figures_of(task: str) -> list[Way]:
    """The reader's figures if both sides are there, else the recorded ones; the reader may choose."""
    own, shipped = own_rows(task), recorded(task)
    use_own = not shipped
    if shipped and own:
        words = {True: f"Yours ({len(own)} measurements)", False: "Recorded"}
        use_own = one_of(
            st.segmented_control,
            "Figures",
            (True, False),
            format_func=words.__getitem__,
            default=is_whole(own),
            key=f"choice_own_{is_whole(own)}",
        )
    return ways(own if use_own else shipped.rows if shipped else ())


def scores(found: Sequence[Way]) -> None:
    st.markdown(f"**{score_finding(found)}**")
    st.caption(where(found))
    st.plotly_chart(score_figure(found), width="stretch", key="choice_scores")
    st.caption(
        "Marks are means over seeds, small dots single seeds, bars 95 % intervals over test examples. "
        "All answer the same test examples; an answer longer than the task's length limit is cut there."
    )
    if lines := [f"{name_of(way)}: {line}" for way in found if (line := way.cut_line)]:
        st.caption(f"{'; '.join(lines)}.")
    table = cost_table(found)
    for columns in COST_TABLES:
        st.dataframe(
            table, hide_index=True, width="stretch", height="content", column_order=columns
        )
    st.caption(
        "ms a request: one request at a time, the median with its 95 % interval, which covers differences "
        "between requests, not slow drifts of the machine. With a prompt cache, "
        "what all requests share (instruction, examples) was computed before; tuned models share an "
        "instruction too. Training is the time in optimizer steps. LoRA stays beside the weights here; "
        "merged, it would be as fast as a fully tuned model."
    )


def neither(task: str) -> None:
    st.header("What neither can fix")
    st.markdown(
        "Examples show *how* to answer. They bring no fact that they do not contain, and neither does tuning "
        "on them. What can help is the fact itself in the prompt: looked up, or calculated. A small model "
        "may overlook it even there."
    )
    runs = trained(list(tuned_configs(task, ("lora",), SIZES, (0, 1, 2))))
    ask_fact(runs[-1].run if runs else "")
    if not runs:
        st.caption("Train a LoRA above, and it is asked too.")
    if (shipped := recorded(task)) and shipped.facts:
        facts = {fact.question: fact for fact in FACTS}
        rows = [(facts[r["question"]], r) for r in shipped.facts if r["question"] in facts]
        st.markdown(f"{fact_finding(rows)} An answer ends after {ANSWER_TOKENS} tokens.")
        with st.expander("Recorded answers"):
            st.dataframe(fact_table(rows), hide_index=True, width="stretch")


begin(COURSE)
task = choose_task()
found = figures_of(task)
requests = which_costs_less(found)
one_prompt(task)
everything(task)
st.header("What it brings and what it costs")
if not found:
    st.caption("Nothing is measured yet. Measure a prompt above, and it lands here.")
else:
    told = predict_here(COURSE)
    if told:
        show_outcome(COURSE)
        scores(found)
if {way.is_tuned for way in found} == {True, False}:
    unit, cached = when_it_pays(found, with_scores=is_locked(COURSE))
    st.header("Which one for you?")
    guide(found, requests, unit=unit, cached=cached)
elif found:
    st.caption("Measure a prompt and a tuned model above, and you see when training pays.")
neither(task)
st.header("Without the browser")
st.code(
    f"python -m core experiment prompting --task {task} --seeds 0,1,2",
    language=None,
    wrap_lines=True,
)
end(COURSE)
lab_report(COURSE, task)
