"""Findings about several tasks: at once, one after another, and one that is never trained."""

from core import catalog
from core.experiments.collapse import SEQUENCE, TEXTBOOK_RATE
from core.experiments.collections import SEEDS
from core.experiments.for_findings import ORDERS, order_config
from core.experiments.mixtures import CHECK_EVERY, HELD_OUT, TRAINED, mixture_config
from core.findings.arms import arm
from core.findings.evidence import Arm, Constant
from core.findings.finding import Finding, Part, Publication
from core.findings.sources import BACKWARD_TRANSFER, FORGETTING, InTurn, Score
from core.findings.verdict import ABOVE
from core.runs.names import decimals

UNSEEN_WORDS = f"{catalog.task_title(HELD_OUT).lower()}, which is never trained"


def mixture(n: int, *, before: bool = False) -> Arm:
    """The held-out task after tuning on the first `n` tasks."""
    many = "1 task" if n == 1 else f"{n} tasks"
    return arm(
        "before" if before else f"after {many}",
        lambda seed: mixture_config(TRAINED[:n], seed=seed, every=CHECK_EVERY),
        HELD_OUT,
        before=before,
    )


def in_turn(measure: str) -> Arm:
    """The lesson's sequence, by a measure of what it lost."""
    sources = tuple(
        InTurn(config=order_config(SEQUENCE, seed=seed), measure=measure) for seed in SEEDS
    )
    return Arm(title="three tasks in turn", sources=sources)


def where_it_stands(task: str, place: int) -> Arm:
    """A task's score at the end of the orders in which it has a place, 0 for the first."""
    sources = tuple(
        Score(config=order_config(order, seed=seed), task=task)
        for seed in SEEDS
        for order in ORDERS
        if order[place] == task
    )
    word = "first" if place == 0 else "last"
    return Arm(title=f"{catalog.task_title(task).lower()} {word}", sources=sources)


UNSEEN = Finding(
    name="unseen_tasks",
    title="Instruction tuning carries over to unseen tasks",
    claim="Tuning a large model on many tasks, written as instructions, improves it on tasks it was not tuned on; "
    "more tasks help more.",
    source=Publication(
        authors="Wei et al.", year=2021, title="Finetuned Language Models Are Zero-Shot Learners"
    ),
    experiment=f"Tune on 1 to {len(TRAINED)} tasks at once for 30 steps with 3 seeds; score 48 examples of a task "
    "that is in none of them.",
    parts=(
        Part(
            score=UNSEEN_WORDS,
            first=mixture(len(TRAINED)),
            relation=ABOVE,
            second=mixture(len(TRAINED), before=True),
        ),
        Part(score=UNSEEN_WORDS, first=mixture(len(TRAINED)), relation=ABOVE, second=mixture(1)),
    ),
    shown=((UNSEEN_WORDS, mixture(2)), (UNSEEN_WORDS, mixture(4))),
    if_holds="Even a small model learns from several tasks how an instruction is to be answered.",
    if_not="With a small model and few tasks, tune on the task that you want.",
    limits="The authors report themselves that models of 8 billion parameters and fewer got worse on unseen tasks. "
    "A score from exact answers also rises when only their form is learned.",
)

IN_TURN = Finding(
    name="backward_transfer",
    title="Tasks in turn: backward transfer is negative",
    claim="Trained on tasks one after another without a cure, a model loses the earlier ones: backward transfer is "
    "below 0, and forgetting above 0.",
    source=Publication(
        authors="Lopez-Paz and Ranzato",
        year=2017,
        title="Gradient Episodic Memory for Continual Learning",
    ),
    also=(
        Publication(
            authors="Chaudhry et al.",
            year=2018,
            title="Riemannian Walk for Incremental Learning: Understanding Forgetting and Intransigence",
        ),
    ),
    experiment=f"Tune on {', then '.join(SEQUENCE)} for 20 steps each at {decimals(TEXTBOOK_RATE)}, with 3 seeds; score "
    "all three after each.",
    parts=(
        Part(
            score="backward transfer",
            first=Constant(title="no change", value=0.0),
            relation=ABOVE,
            second=in_turn(BACKWARD_TRANSFER),
        ),
        Part(
            score="forgetting",
            first=in_turn(FORGETTING),
            relation=ABOVE,
            second=Constant(title="no change", value=0.0),
        ),
    ),
    if_holds="When you tune one model several times, score all earlier tasks after each time.",
    if_not="These three tasks do not get in each other's way.",
    limits="Two earlier tasks are few to average over.",
)

ORDER = Finding(
    name="task_order",
    title="What is trained last is kept best",
    claim="The order of the tasks decides what a model can do at the end.",
    source=Publication(
        authors="Yoon et al.",
        year=2020,
        title="Scalable and Order-robust Continual Learning with Additive Parameter Decomposition",
    ),
    experiment="Tune on the same three tasks in all six orders with 3 seeds; score each task at the end.",
    parts=tuple(
        Part(
            score=f"{catalog.task_title(task).lower()} at the end",
            first=where_it_stands(task, -1),
            relation=ABOVE,
            second=where_it_stands(task, 0),
        )
        for task in SEQUENCE
    ),
    if_holds="If you must tune in turn, put the task that matters most last.",
    if_not="Here the order does not decide.",
    limits="The paper studies how results vary with the order; that the last task is kept best is how it shows here.",
)

FINDINGS = (UNSEEN, IN_TURN, ORDER)
