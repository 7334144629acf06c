"""Causes that the answers show: learned the format only, forgot, answers cut, another template."""

from dataclasses import replace
from os.path import commonprefix

from core import catalog
from core.config import EARLIER, METHODS, EvaluationConfig, MethodConfig, MitigationConfig
from core.config.training import TRAINABLE
from core.doctor.case import Case
from core.doctor.changes import for_steps, lower_rate
from core.doctor.diagnosis import Diagnosis, NextRun
from core.evaluate.apart import are_apart
from core.evaluate.uncertainty import wilson_interval
from core.events import Evaluation, Sample
from core.percent import percent

MOST_CUT = 0.1
LEAST_LEARNED = 0.3
"""Share by which the loss fell in a run that has learned something."""
LEAST_FORM = 0.8
LEAST_FORGOT = 0.1
SHORTEST_FRAME = 12
"""Characters that all training prompts begin or end with: fewer may be chance."""
LEAST_FRAMED = 0.5


def format_only(case: Case) -> Diagnosis | None:
    """The answers are labels, and no better than always giving the most frequent one."""
    last = case.last(case.task)
    if not last or not last.classification or (last.right_form or 0) < LEAST_FORM:
        return None
    right = last.label_accuracy if last.label_accuracy is not None else last.score
    low, high = wilson_interval(round(right * last.n), last.n)
    support = [scores.support for scores in last.classification.per_class.values()]
    usual = max(support, default=0) / last.n
    if low > usual or usual >= LEAST_FORM:
        return None
    return Diagnosis(
        cause="learned the format only",
        sentence=f"It learned the format only: {percent(last.right_form or 0)} of the answers are labels, but the "
        f"likeliest label is right in {percent(right)} [{percent(low)}, {percent(high)}], which is not shown to be better "
        f"than always giving the most frequent one ({percent(usual)}).",
        measure="share of right labels, the lower end of its interval",
        figure=low,
        limit=usual,
        strength=0.8,
        next=for_steps(case, 3 * case.config.optimizer.steps),
    )


def forgot(case: Case) -> Diagnosis | None:
    """A task that the run was not trained on last scores clearly worse than before."""
    worst: tuple[Evaluation, Evaluation] | None = None
    is_sequence = case.config.data.order == "sequential" and len(case.config.data.tasks) > 1
    trained = case.config.data.tasks[-1:] if is_sequence else case.config.data.tasks
    for task in case.config.evaluation_tasks():
        scores = [e for e in case.events if isinstance(e, Evaluation) and e.task == task]
        if task in trained or len(scores) < 2:
            continue
        last = scores[-1]
        best = max(scores[:-1], key=lambda e: e.interval[0])
        drop = best.score - last.score
        if drop < LEAST_FORGOT or not are_apart(best.interval, last.interval):
            continue
        if worst is None or drop > worst[0].score - worst[1].score:
            worst = best, last
    if worst is None:
        return None
    best, last = worst
    drop = best.score - last.score
    return Diagnosis(
        cause="forgot",
        sentence=f"It forgot: {catalog.task_title(last.task).lower()} fell from {best.score:.2f} "
        f"[{best.interval[0]:.2f}, {best.interval[1]:.2f}] to {last.score:.2f} "
        f"[{last.interval[0]:.2f}, {last.interval[1]:.2f}], and the intervals do not overlap.",
        measure="fall of the score",
        figure=drop,
        limit=LEAST_FORGOT,
        strength=0.5 + 0.25 * drop,
        next=_remember(case, last.task),
    )


def _remember(case: Case, task: str) -> NextRun:
    """Rehearse what was forgotten, else move less, else tune less."""
    config, data = case.config, case.config.data
    if not config.cure.rehearse and data.order == "sequential" and len(data.tasks) > 1:
        cure = replace(config.cure, rehearse=EARLIER, rehearse_share=0.2)
        return NextRun(change="Rehearse earlier tasks", config=replace(config, cure=cure))
    if not config.cure.rehearse and task in TRAINABLE and task not in data.tasks:
        cure = replace(config.cure, rehearse=task, rehearse_share=0.2)
        title = catalog.task_title(task).lower()
        return NextRun(
            change=f"Rehearse {title} in a fifth of the batches", config=replace(config, cure=cure)
        )
    if config.optimizer.learning_rate > 1.5 * case.usual_rate:
        return lower_rate(case)
    if config.method.name == "full":
        rate = METHODS["lora"].learning_rate
        optimizer = replace(config.optimizer, learning_rate=rate)
        method = MethodConfig(name="lora")
        return NextRun(
            change="Tune with LoRA", config=replace(config, method=method, optimizer=optimizer)
        )
    if config.cure == MitigationConfig():
        cure = replace(config.cure, regularizer="l2sp", strength=0.01)
        return NextRun(
            change="Hold the weights near their start", config=replace(config, cure=cure)
        )
    return lower_rate(case)


def answers_cut(case: Case) -> Diagnosis | None:
    """The trained model's answers end at the length limit, though it has learned."""
    last = case.last(case.task)
    if not last or not last.n or (case.progress or 0) < LEAST_LEARNED:
        return None
    share, limit = last.n_cut / last.n, last.max_new_tokens
    if share < MOST_CUT or not limit:
        return None
    longer = min(1_024, max(2 * limit, 16))
    evaluation: EvaluationConfig = replace(case.config.evaluation, max_new_tokens=longer)
    return Diagnosis(
        cause="answers cut",
        sentence=f"Answers are cut: {last.n_cut} of {last.n} were ended by the limit of {limit} "
        f"token{'' if limit == 1 else 's'}, so a right answer may count as wrong.",
        measure="share of answers cut",
        figure=share,
        limit=MOST_CUT,
        strength=0.72 + 0.1 * share,
        next=NextRun(
            change=f"Let answers have {longer:,} tokens",
            config=replace(case.config, evaluation=evaluation),
        ),
    )


def template_differs(case: Case) -> Diagnosis | None:
    """Trained in one wording, tested in another."""
    prompts = [e.prompt for e in case.prompts("train")]
    tests = [e.prompt for e in case.prompts("test")]
    start, end = frame(prompts)
    if not tests or max(len(start), len(end)) < SHORTEST_FRAME:
        return None
    framed = sum(p.startswith(start) and p.endswith(end) for p in tests) / len(tests)
    if framed >= LEAST_FRAMED:
        return None
    words = (start or end).strip()
    said = words if len(words) <= 60 else f"{words[:59]}…"
    where = "begin" if start else "end"
    return Diagnosis(
        cause="template differs",
        sentence=f"The template differs: all training prompts {where} with “{said}”, but only {percent(framed)} "
        "of the test prompts do. A tuned model answers as before where it is asked in other words.",
        measure="share of test prompts in the training prompts' words",
        figure=framed,
        limit=LEAST_FRAMED,
        strength=0.92,
        next=_divide_anew(case),
        advice="Ask in exactly the words that the training prompts have.",
    )


def watched_template_differs(case: Case) -> Diagnosis | None:
    """Watched prompts lack the words of the training prompts, and were answered as before."""
    prompts, watched = [e.prompt for e in case.prompts("train")], case.config.evaluation.prompts
    start, end = frame(prompts)
    if not watched or max(len(start), len(end)) < SHORTEST_FRAME:
        return None
    said = [e for e in case.events if isinstance(e, Sample) and e.prompt in watched]
    first = {e.prompt: e.output for e in said if e.step == 0}
    last = {e.prompt: e.output for e in said if e.step > 0}
    unframed = [p for p in watched if not p.startswith(start) and p in first and p in last]
    same = [p for p in unframed if first[p] == last[p]]
    before, after = case.first(case.task), case.last(case.task)
    if not same or len(same) < len(watched) or not before or not after:
        return None
    if not are_apart(before.interval, after.interval):  # it has learned nothing that could show
        return None
    dressed = tuple(f"{start}{p}{end}" for p in watched)
    evaluation = replace(case.config.evaluation, prompts=dressed)
    return Diagnosis(
        cause="template differs",
        sentence=f"The template differs: all {len(same)} watched prompts are answered as before, and none has "
        f"the words that every training prompt begins with: “{start.strip()[:60]}”.",
        measure="watched prompts in other words that are answered as before",
        figure=len(same),
        limit=len(watched),
        strength=0.4,
        next=NextRun(
            change="Watch the prompts in the training template",
            config=replace(case.config, evaluation=evaluation),
        ),
    )


def frame(prompts: list[str]) -> tuple[str, str]:
    """What all prompts begin with and end with alike, whole words only.

    >>> frame(["Review: good. Label:", "Review: so bad. Label:"])
    ('Review: ', ' Label:')
    """
    if len(set(prompts)) < 2:
        return "", ""
    start = commonprefix(prompts)  # noqa: RUF071  (characters are meant)
    end = commonprefix([p[::-1] for p in prompts])[::-1]  # noqa: RUF071
    start = start[: max(start.rfind(" "), start.rfind("\n")) + 1]
    places = [i for i in (end.find(" "), end.find("\n")) if i >= 0]
    return start, end[min(places) :] if places else ""


def _divide_anew(case: Case) -> NextRun | None:
    """The same pairs, divided by chance instead of as they say themselves."""
    if not case.data or not case.data.fixed or case.config.data.template:
        return None
    records = tuple({k: v for k, v in r.items() if k != "split"} for r in case.records)
    return NextRun(change="Divide the pairs anew, by chance", config=case.config, records=records)
