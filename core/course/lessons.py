"""The lessons in their order, and the lab pages beside them: the one list that all else derives from.

Navigation, the home page, README's list and every "Lesson 3" in a text come from here. A lesson's `id`
is the name of its folder in pages/lessons.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Page:
    id: str
    """Its folder in pages/lessons or pages/lab."""
    title: str
    url_path: str
    summary: str
    """What a reader finds there, in one sentence."""
    for_teachers: bool = False
    """In a class its learners do not have it."""


LESSONS = (
    Page(
        id="before",
        title="Before fine-tuning",
        url_path="before",
        summary="Tasks you could tune for; zero-, one- and few-shot prompts, the chat template token by "
        "token, and where the next token comes from.",
    ),
    Page(
        id="instruction",
        title="Instruction fine-tuning",
        url_path="instruction",
        summary="Pairs you can browse, edit and upload; which tokens the loss sees; the training loop one "
        "phase at a time; then a real run, before against after.",
    ),
    Page(
        id="forgetting",
        title="Catastrophic forgetting",
        url_path="forgetting",
        summary="Guess first, then tune on one task and watch others go, check by check; which weights "
        "moved; one task after another.",
    ),
    Page(
        id="cures",
        title="Cures",
        url_path="cures",
        summary="The same experiment under LoRA, penalties, rehearsal and more, on one plane of learning "
        "and keeping, beside what papers claim.",
    ),
    Page(
        id="multitask",
        title="Multi-task tuning",
        url_path="multitask",
        summary="Several tasks in every batch with a mixing weight each; what that keeps, and what carries "
        "over to a task that was never trained on.",
    ),
    Page(
        id="peft",
        title="PEFT families",
        url_path="peft",
        summary="Twelve ways to train less than everything, drawn, run and measured alike; a memory "
        "calculator for models of any size.",
    ),
    Page(
        id="lora",
        title="LoRA",
        url_path="lora",
        summary="A rank slider that redraws W + (α/r)·BA to scale; matrices and spectra of what was "
        "learned; merging and scaling it; a sweep over rank and learning rate.",
    ),
    Page(
        id="soft_prompts",
        title="Soft prompts",
        url_path="soft",
        summary="Virtual tokens on a map of words while they train; how many it takes; a hand-written "
        "prompt beside them; and taken away again.",
    ),
    Page(
        id="one_base",
        title="One base, many tasks",
        url_path="base",
        summary="Small adapters side by side in memory, switched in milliseconds, against a copy for each "
        "task.",
    ),
    Page(
        id="evaluation",
        title="Evaluation",
        url_path="evaluation",
        summary="ROUGE and BLEU word by word, and where they fail; precision, recall and F1 beside the "
        "loss; any model on any test set; two models compared.",
    ),
    Page(
        id="choice",
        title="Prompting or fine-tuning?",
        url_path="choice",
        summary="Examples in the prompt against training on them: scores, seconds, and after how many "
        "requests training pays, from your own measurements.",
    ),
)
LAB = (
    Page(
        id="findings",
        title="Findings",
        url_path="findings",
        summary="What papers found on large models, tested on the recorded runs of this small one: which findings "
        "hold, with seeds and intervals.",
    ),
    Page(
        id="explore",
        title="Explore",
        url_path="explore",
        summary="All runs, recorded and yours, as points on any two settings or results; filter them, click "
        "one to replay it, take several to compare.",
    ),
    Page(
        id="workbench",
        title="Workbench",
        url_path="workbench",
        summary="Your own data and model: a file is read, looked through and trained on with any method, and the "
        "result is yours to take home.",
    ),
    Page(
        id="runs",
        title="Runs",
        url_path="runs",
        summary="Every run you start: its curves and answers, what it broke and why it went so; compare, name, delete.",
    ),
    Page(
        id="speed",
        title="Why is it fast?",
        url_path="speed",
        summary="A batch drawn as the tree that is computed; parts of the speed to switch off, timed while "
        "you wait; and the benchmark against Trainer and TRL.",
    ),
    Page(
        id="challenges",
        title="Challenges",
        url_path="challenges",
        summary="Things to bring about, from easy to hard; a judge looks at your runs with their intervals and "
        "says what is missing.",
    ),
    Page(
        id="glossary",
        title="Glossary",
        url_path="glossary",
        summary="Every term in a sentence or two, with a link to where it happens; and a search over lessons, "
        "terms and pages.",
    ),
    Page(
        id="before_after",
        title="Before and after",
        url_path="before_after",
        summary="Fourteen questions before the first lesson and fourteen after the last, to measure what you "
        "learned.",
    ),
    Page(
        id="progress",
        title="My progress",
        url_path="progress",
        summary="What you predicted, ran and solved so far; kept on this machine and nowhere else.",
    ),
    Page(
        id="teachers",
        title="For teachers",
        url_path="teachers",
        summary="Notes and worksheets to print, what each lesson asks, and plans for 45 minutes, 90 minutes and "
        "three weeks.",
    ),
    Page(
        id="classroom",
        title="Classroom",
        url_path="classroom",
        summary="A class in one room: its address, code and QR code, who has joined, how long it lasts, and its end.",
        for_teachers=True,
    ),
    Page(
        id="wall",
        title="Wall",
        url_path="wall",
        summary="For the projector: what a class guesses and what came, its runs on one plane, who is where, and "
        "which challenges are solved.",
        for_teachers=True,
    ),
)


def number_of(lesson: str) -> int:
    """A lesson's place in the order, from 1."""
    return [page.id for page in LESSONS].index(lesson) + 1


def name_of(lesson: str) -> str:
    """As texts name it: "Lesson 3"."""
    return f"Lesson {number_of(lesson)}"


def title_of(lesson: str) -> str:
    """As its page is headed."""
    return LESSONS[number_of(lesson) - 1].title


def as_markdown(*, with_links: bool, for_learner: bool = False) -> str:
    """The lessons as a numbered list, then the lab pages: of the home page and, without links, of README. A learner has
    no teachers' pages."""

    def line(mark: str, page: Page) -> str:
        title = f"[{page.title}]({page.url_path})" if with_links else page.title
        stop = "" if page.title.endswith("?") else "."
        return f"{mark} **{title}{stop}** {page.summary}"

    lessons = [line(f"{n}.", page) for n, page in enumerate(LESSONS, start=1)]
    lab = [line("-", page) for page in LAB if not (for_learner and page.for_teachers)]
    return "\n".join([*lessons, "", *lab])
