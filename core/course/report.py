"""A lab report: what a reader guessed, ran, saw and answered in one lesson, as one HTML file to take home.

    text = report(lesson("forgetting"), run, guesses=(…), answers=(…))
    settings_of(text)                        # on another installation

The file holds its own style and pictures, needs no network and no script, and prints. What was set lies in it
(core/course/report_settings.py), so that it can be dropped on another installation, which then offers the same.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.catalog import task_title
from core.course.content import Lesson
from core.course.figures import curve
from core.course.kit import blocks, document, inline
from core.course.lessons import LESSONS, name_of
from core.course.measured_run import MeasuredRun
from core.course.predictions import Chosen
from core.course.report_settings import Settings, element_of
from core.evaluate.limits import sample_as_shown
from core.events import Evaluation, Sample

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#7e2afc", "#E69F00", "#555555")
DASHES = ("", "7 4", "2 3", "9 3 2 3", "1 4", "12 4")
WIDTH, HEIGHT, LEFT, BOTTOM = 560, 220, 44, 36


@dataclass(frozen=True, kw_only=True)
class Table:
    """What was asked and answered, or measured, where that is no course of a run."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Guessed:
    """A prediction of the reader's, and what came of it."""

    ask: str
    guess: str
    came: str
    """A sentence; "" where nothing is measured."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    ask: str
    answer: str
    verdict: str
    """Whether it is right, and why."""


def guessed(
    course: Lesson, given: Mapping[str, str | Sequence[float]], run: MeasuredRun | None
) -> list[Guessed]:
    """What a reader predicted, by the id of the prediction, beside what a run or the recordings say."""
    found: list[Guessed] = []
    for one in course.predictions:
        if not (guess := given.get(one.id)):
            continue
        if isinstance(one, Chosen):
            if not isinstance(guess, str) or guess not in [o.text for o in one.options]:
                continue  # another version's
            shown, came = guess, one.measured(course.figures, run)
            words = one.compare(shown, came).words if came else ""
        else:
            heights = [height for height in guess if not isinstance(height, str)]
            if len(heights) != len(one.points):
                continue
            pairs = zip(one.points, heights, strict=True)
            shown = ", ".join(f"{point}: {height:.2g}" for point, height in pairs)
            points, words = one.measured(course.figures, run), ""
            if points and len(points) == len(heights):
                measured = zip(one.points, points, strict=True)
                words = ", ".join(f"{point}: {figure.words}" for point, figure in measured)
                words += f". {one.how} Here: {one.compare(heights, points).distance:.2g}."
        found.append(Guessed(ask=course.printed(one.ask), guess=shown, came=words))
    return found


def answered(course: Lesson, given: Mapping[str, str]) -> list[Answered]:
    """The questions of a lesson that were answered, by the id of the question."""
    asked = [*(one.question for one in course.predictions), *course.questions]
    found: list[Answered] = []
    for question in asked:
        for answer in question.answers:
            if given.get(question.id) == answer.text:
                verdict = (
                    "" if answer.right else f"Not quite. The right answer: {question.right.text}. "
                )
                found.append(
                    Answered(
                        ask=course.printed(question.ask),
                        answer=course.printed(answer.text),
                        verdict=course.printed(verdict + answer.explained),
                    )
                )
    return found


def report(
    course: Lesson,
    run: MeasuredRun | None,
    *,
    settings: Settings | None = None,
    tables: Sequence[Table] = (),
    guesses: Sequence[Guessed] = (),
    answers: Sequence[Answered] = (),
    learner: str = "",
) -> str:
    """The HTML of a report, at most 1 MB; without a run, of what else was done, guessed and answered.

    `settings` are what it restores elsewhere, those of the run where none are given.
    """
    if settings is None:
        settings = Settings(lesson=course.id, runs=(run.config,) if run else ())
    title = next(page.title for page in LESSONS if page.id == course.id)
    parts = [
        f"<h1>{name_of(course.id)}: {html.escape(title)}</h1>",
        f'<p class="kind">Lab report{f" of {html.escape(learner)}" if learner else ""}</p>',
        f"<p>{inline(course, course.text['question'])}</p>",
        f'<div class="notion">{blocks(course, course.text["notion"])}</div>',
        *_guesses(guesses),
        *_what_was_done(run, settings, tables),
        *_answered(answers),
        "<h2>What can be said now</h2>",
        blocks(course, course.text["can_say"]),
    ]
    return document(f"{title}: lab report", "".join(parts) + element_of(settings))


def _what_was_done(
    run: MeasuredRun | None, settings: Settings, tables: Sequence[Table]
) -> list[str]:
    if not run and not settings.commands and not tables:
        return ["<p>No run of this lesson was finished.</p>"]
    return [
        "<h2>What was done</h2>",
        *(f"<p><code>{html.escape(one)}</code></p>" for one in settings.commands),
        "<h2>What came</h2>",
        *(_curves(run) if run else ()),
        *(_answers(run) if run else ()),
        *(part for table in tables for part in _table(table)),
    ]


def _guesses(guesses: Sequence[Guessed]) -> list[str]:
    if not guesses:
        return []
    rows = [
        f"<tr><td>{_plain(g.ask)}</td><td>{_plain(g.guess)}</td><td>{_plain(g.came) or '–'}</td></tr>"
        for g in guesses
    ]
    head = "<tr><th>Prediction</th><th>Guess</th><th>What came</th></tr>"
    return [
        "<h2>What was predicted</h2>",
        f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>",
    ]


def _table(table: Table) -> list[str]:
    head = "".join(f"<th>{_plain(text)}</th>" for text in table.head)
    rows = ["".join(f"<td>{_plain(text)}</td>" for text in row) for row in table.rows]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return [
        f"<h3>{html.escape(table.title)}</h3>",
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>",
    ]


def _answered(answered: Sequence[Answered]) -> list[str]:
    if not answered:
        return []
    rows = [
        f"<li>{_plain(a.ask)} <b>{_plain(a.answer)}</b> {_plain(a.verdict)}</li>" for a in answered
    ]
    return ["<h2>What was explained</h2>", f"<ul>{''.join(rows)}</ul>"]


def _answers(run: MeasuredRun) -> list[str]:
    """Each watched prompt with the first and the last answer to it."""
    said: dict[str, list[Sample]] = {}
    for event in run.events:
        if isinstance(event, Sample) and not event.task:
            said.setdefault(event.prompt, []).append(event)
    rows = [
        f"<tr><td>{_plain(prompt)}</td><td>{_plain(sample_as_shown(some[0]))}</td>"
        f"<td>{_plain(sample_as_shown(some[-1]))}</td></tr>"
        for prompt, some in said.items()
    ]
    if not rows:
        return []
    head = "<tr><th>Prompt</th><th>Before</th><th>After</th></tr>"
    return [f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"]


def _curves(run: MeasuredRun) -> list[str]:
    """Scores at the checks, and the loss at the steps, as pictures with the numbers in words."""
    tasks = dict.fromkeys(e.task for e in run.events if isinstance(e, Evaluation))
    scores = {
        task_title(task): {s: f.value for s, f in curve(task, run.events).items()} for task in tasks
    }
    loss = {"training loss": {s: f.value for s, f in curve("loss", run.events).items()}}
    return [
        _chart(points, axis)
        for points, axis in ((scores, "score, 0 to 1"), (loss, "loss (nats per token)"))
        if any(len(line) > 1 for line in points.values())
    ]


def _chart(lines: dict[str, dict[int, float]], axis: str) -> str:
    """Lines over steps as SVG, told apart by colour and dash, with a legend of first and last values."""
    last = max(step for line in lines.values() for step in line) or 1
    top = max(1.0, *(value for line in lines.values() for value in line.values()))
    up, across = HEIGHT - BOTTOM - 10, WIDTH - LEFT - 14

    def place(step: int, value: float) -> str:
        return f"{LEFT + across * step / last:.1f},{HEIGHT - BOTTOM - up * value / top:.1f}"

    marks: list[str] = []
    for n in range(5):
        y = HEIGHT - BOTTOM - up * n / 4
        marks.append(f'<line class="grid" x1="{LEFT}" y1="{y:.0f}" x2="{WIDTH}" y2="{y:.0f}"/>')
        marks.append(
            f'<text x="{LEFT - 5}" y="{y + 4:.0f}" text-anchor="end">{top * n / 4:.2g}</text>'
        )
        x = LEFT + across * n / 4
        marks.append(
            f'<text x="{x:.0f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{last * n / 4:g}</text>'
        )
    legend: list[str] = []
    for n, (name, line) in enumerate(lines.items()):
        colour, dash = COLOURS[n % len(COLOURS)], DASHES[n % len(DASHES)]
        points = " ".join(place(step, value) for step, value in sorted(line.items()))
        marks.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{dash}"/>'
        )
        first, end = line[min(line)], line[max(line)]
        swatch = (
            f'<svg class="swatch" viewBox="0 0 30 8" aria-hidden="true"><line x1="0" y1="4" x2="30" y2="4" '
            f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/></svg>'
        )
        legend.append(f"<li>{swatch}{html.escape(name)}: {first:.2f} → {end:.2f}</li>")
    label = html.escape(f"{axis} over {last} optimizer steps")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(marks)}'
        f'<text x="{LEFT}" y="{HEIGHT - 6}">{label}</text></svg><ul class="legend">{"".join(legend)}</ul>'
    )


def _plain(text: str) -> str:
    """What a person or a model wrote, without Markdown's stars, as HTML."""
    return html.escape(re.sub(r"\*\*|(?<!\w)\*|\*(?!\w)", "", text))
