"""The commands `evaluate` and `score`: every figure of the evaluation lesson without the browser."""

from argparse import Namespace
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core import catalog
from core.cli.commands import show_event
from core.cli.data import check_test_data, keep_data, read_data
from core.cli.output import emit, say
from core.config import check_choice, check_number
from core.config.command import names
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError, shortened
from core.evaluate.classification import UNPARSED
from core.evaluate.compare_texts import compare_texts
from core.evaluate.examples import (
    MEASURES,
    Judged,
    examples_of,
    scores,
    summary,
    to_csv,
    usual_measure,
)
from core.evaluate.form_and_label import forms_of_two
from core.evaluate.learning_curves import in_one_line as movement_line
from core.evaluate.learning_curves import movements, values_over_time
from core.evaluate.limits import cut_lines
from core.evaluate.own_pairs import own_examples, template_of, trained_line
from core.evaluate.paired import compare_paired, in_one_line
from core.evaluate.thresholds import (
    LabelRow,
    at_threshold,
    average_precision,
    likeliest_accuracy,
    precision_recall_curve,
)
from core.evaluate.undefined import or_dash
from core.evaluate.words import Cutting
from core.events import Evaluation
from core.models.acquire import is_ready, model_dir
from core.percent import percent
from core.runs.asked import asked_examples
from core.runs.messages import AskLabels, Evaluate, Evaluated, ModelOnTestSet
from core.runs.store import Run, RunStore

if TYPE_CHECKING:
    from core.runs.inference_session import InferenceSession  # needs torch

BASE = "base"


def evaluate(arguments: Namespace) -> int:
    """Score a model; the last line of `--json` output is an evaluation object."""
    if arguments.checks:
        return _checks(arguments)
    store = RunStore()
    run = store.get(arguments.run_id) if arguments.run_id else None
    sets = _test_sets(run, arguments)
    tasks = [one.task for one in sets]
    if arguments.examples_out and len(tasks) > 1:
        raise UserError("--examples-out goes with one task.")
    if arguments.measure:
        check_choice("The measure", arguments.measure, tuple(MEASURES))
    check_number("The threshold", arguments.threshold, 0, 1)
    check_number("--max-new-tokens", arguments.max_new_tokens, 0, 1024, whole=True)
    other = store.get(arguments.compare) if arguments.compare not in ("", BASE) else None
    model = run.config.model if run else catalog.find_model(arguments.model).id
    for one in sets:  # what is too long is refused before torch is imported
        on = replace(one, model=model)
        asked_examples(Evaluate(on=on, max_new_tokens=arguments.max_new_tokens), store)
    from core.runs.inference_session import InferenceSession

    session = InferenceSession(store)
    for task, chosen in zip(tasks, sets, strict=True):
        one = replace(chosen, model=model, run=run.id if run else "")
        rows, found = _answers(session, one, arguments)
        if arguments.examples_out:
            _write(arguments.examples_out, to_csv([asdict(row) for row in rows]))
        measure = arguments.measure or usual_measure(task)
        if arguments.compare:
            second = replace(one, run=other.id if other else "")
            others, its = _answers(session, second, arguments)
            if line := trained_line(its.n_trained_on, its.evaluation.n):
                say(f"{second.run or BASE}: {line}")
            _compare(rows, others, measure, (one.run or BASE, second.run or BASE), arguments)
        if arguments.labels:
            _labels(session, one, arguments)
        if arguments.json:
            means = {name: asdict(mean) for name, mean in summary(rows).items()}
            emit({"type": "measures", "task": task, **means})
            emit({**found.evaluation.to_dict(), "n_trained_on": found.n_trained_on})
        else:
            show_event(found.evaluation)
            if line := trained_line(found.n_trained_on, found.evaluation.n):
                print(line)
    return 0


def _test_sets(run: Run | None, arguments: Namespace) -> list[ModelOnTestSet]:
    """What is scored, the model not named yet; without --task and --data the run's own, of the base all.

    A run is asked in its own template, unless another is given. Raises `UserError` for a set that
    is not there.
    """
    template, split = arguments.template, arguments.split
    tasks = names(arguments.task)
    if tasks and arguments.data:
        raise UserError("Give either --task or --data to evaluate on.")
    if not tasks and not arguments.data and not run:
        tasks = tuple(catalog.TASKS)
    if not tasks and not arguments.data and run:
        if template:
            raise UserError(
                "The run's own pairs have its own template; --template goes with --data."
            )
        for task in run.config.data.tasks:
            own_examples(run.config, task, split=split)
        tasks = run.config.data.tasks
        return [
            ModelOnTestSet(model="", task=t, split=split, pairs_of=run.id, whole=arguments.whole)
            for t in tasks
        ]
    data = read_data(arguments.data, arguments) if arguments.data else None
    entry = catalog.find_model(run.config.model if run else arguments.model)
    sets: list[ModelOnTestSet] = []
    for task in tasks or (catalog.CUSTOM_TASK,):
        form = template or (template_of(run.config, task) if run else "")
        if form and not template:
            say(f"Asked in the run's own template, “{form}”; --template chooses another.")
        examples = examples_of(
            task, data.records if data else (), split=split, template=form, whole=arguments.whole
        )
        if data and is_ready(entry):
            check_test_data(data, examples, ChatTokenizer.load(model_dir(entry)))
        sets.append(
            ModelOnTestSet(model="", task=task, split=split, template=form, whole=arguments.whole)
        )
    dataset = keep_data(data) if data else ""
    return [replace(one, dataset=dataset) for one in sets]


def _answers(
    session: "InferenceSession", asked: ModelOnTestSet, arguments: Namespace
) -> tuple[list[Judged], Evaluated]:
    rows: list[Judged] = []
    found: Evaluated | None = None
    for message in session.answer(Evaluate(on=asked, max_new_tokens=arguments.max_new_tokens)):
        if isinstance(message, Evaluated):
            found = message
        else:
            rows += message.rows
            say(f"{message.answered} of {message.of} answered")
    assert found is not None  # nobody stops it here
    rows.sort(key=lambda row: row.number)
    if arguments.answers:
        for row in rows:
            tags = row.tags.split(", ") if row.tags else []
            emit({"type": "answer", "task": asked.task, **asdict(row), "tags": tags})
    return rows, found


def _compare(
    rows: list[Judged],
    others: list[Judged],
    measure: str,
    models: tuple[str, str],
    arguments: Namespace,
) -> None:
    found = compare_paired(scores(rows, measure), scores(others, measure))
    line = in_one_line(found, *models)
    parsed = [[row.label != UNPARSED for row in its if row.label] for its in (rows, others)]
    if warning := forms_of_two(parsed, models):
        line += f" {warning}"
    if arguments.json:
        difference = {"difference": found.difference, "is_clear": found.is_clear, "line": line}
        who = {"first_model": models[0], "second_model": models[1], "measure": measure}
        emit({"type": "comparison", **who, **asdict(found), **difference})
    else:
        print(f"By {MEASURES[measure]}: {line}")


def _labels(session: "InferenceSession", asked: ModelOnTestSet, arguments: Namespace) -> None:
    """One object per label, with its curve and the counts at --threshold."""
    rows: list[LabelRow] = []
    for message in session.answer(AskLabels(on=asked)):
        rows += message.rows
        say(f"labels of {message.answered} of {message.of} examples measured")
    for label in rows[0].probabilities:
        probabilities = [row.probabilities[label] for row in rows]
        is_label = [row.reference == label for row in rows]
        curve = precision_recall_curve(probabilities, is_label)
        here = at_threshold(probabilities, is_label, arguments.threshold)
        if arguments.json:
            found = {"average_precision": average_precision(curve), "at": here.to_dict()}
            points = [point.to_dict() for point in curve]
            emit({"type": "label", "label": label, "n": len(rows), **found, "curve": points})
        else:
            print(
                f"{label}: average precision {average_precision(curve):.2f}; at {here.threshold:g} "
                f"precision {or_dash(here.precision)}, recall {or_dash(here.recall)}, "
                f"F1 {or_dash(here.f1)}"
            )
    mass = sum(row.mass for row in rows) / len(rows)
    likeliest = likeliest_accuracy(rows)
    if not arguments.json:
        print(
            f"The likeliest label is right in {likeliest:.2f}; all labels hold {percent(mass, 1)} of all"
        )
        return
    emit({"type": "labels", "likeliest_accuracy": likeliest, "mean_mass": mass, "n": len(rows)})
    for row in rows:
        emit({"type": "label_probabilities", "task": asked.task, **asdict(row)})


def _checks(arguments: Namespace) -> int:
    """What a run measured at its checks, from its record: no model is needed."""
    if not arguments.run_id:
        raise UserError("--checks reads the record of a run; name it with --run.")
    store = RunStore()
    events = store.events(store.get(arguments.run_id).id)
    found = dict.fromkeys(e.task for e in events if isinstance(e, Evaluation))
    for task in names(arguments.task) or tuple(found):
        check_choice("The task", task, tuple(found))
        for value in values_over_time(events, task):
            if arguments.json:
                emit({"type": "check", "task": task, **asdict(value)})
            else:
                low, high = map(or_dash, value.interval or (None, None))
                print(
                    f"step {value.step:4d}  {task}: {value.measure} {or_dash(value.value)} "
                    f"[{low}, {high}]  (n = {value.n})"
                )
        line = movement_line(movements(events, task))
        if arguments.json:
            emit({"type": "movement", "task": task, "line": line})
        elif line:
            print(f"{task}: {line}")
    if not arguments.json:
        for line in cut_lines([e for e in events if isinstance(e, Evaluation)]):
            print(line)
    return 0


def score(arguments: Namespace) -> int:
    """Compare two texts: no model is needed."""
    how = Cutting(
        lowercase=arguments.lowercase, stem=arguments.stem, any_script=arguments.any_script
    )
    found = compare_texts(arguments.reference, arguments.output, n=arguments.n, how=how)
    if arguments.json:
        emit({"type": "score", **found.to_dict()})
        return 0
    rows = {f"ROUGE-{found.n}": found.overlap, "ROUGE-L": found.rouge_l}
    for name, overlap in rows.items():
        print(
            f"{name}: recall {overlap.matched}/{overlap.in_reference} = {overlap.recall:.4f}, "
            f"precision {overlap.matched}/{overlap.in_output} = {overlap.precision:.4f}, "
            f"F1 {overlap.f1:.4f}"
        )
    print(f"BLEU: {found.bleu.score:.2f} of 100")
    print(found.in_words)
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(
            f"The file {shortened(path)} cannot be written: {error.strerror}."
        ) from error
