"""A lab report: what a reader guessed, ran, saw and answered in one lesson, as one HTML file to take home.

    text = report(lesson("forgetting"), run, guesses=(…), answered=(…))
    config_of_report(text)                   # the settings, on another installation

The file holds its own style and pictures, needs no network and no script, and prints. The settings lie in it as JSON, so
that it can be dropped on another installation, which then offers the same run.
"""

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.catalog import task_title
from core.config import RunConfig
from core.config.command import command_of
from core.course.content import Lesson
from core.course.figures import curve
from core.course.kit import blocks, document, inline
from core.course.lessons import LESSONS, name_of
from core.course.predictions import Chosen
from core.course.sources import MeasuredRun
from core.errors import UserError
from core.evaluate.limits import sample_as_shown
from core.events import Evaluation, Sample
from core.typed_json import strict_json

MOST_BYTES = 2**20
"""Of a report that is read."""
KIND = "tuning-fork/settings"
SETTINGS = re.compile(rf'<script type="application/json" id="{KIND}">(.*?)</script>', re.DOTALL)
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#7e2afc", "#E69F00", "#555555")
DASHES = ("", "7 4", "2 3", "9 3 2 3", "1 4", "12 4")
WIDTH, HEIGHT, LEFT, BOTTOM = 560, 220, 44, 36


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
            if not isinstance(guess, str) or guess not in {option.text for option in one.options}:
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
    guesses: Sequence[Guessed] = (),
    answers: Sequence[Answered] = (),
    learner: str = "",
) -> str:
    """The HTML of a report, at most 1 MB; without a run, of what was guessed and answered."""
    title = next(page.title for page in LESSONS if page.id == course.id)
    parts = [
        f"<h1>{name_of(course.id)}: {html.escape(title)}</h1>",
        f'<p class="kind">Lab report{f" of {html.escape(learner)}" if learner else ""}</p>',
        f"<p>{inline(course, course.text['question'])}</p>",
        f'<div class="notion">{blocks(course, course.text["notion"])}</div>',
        *_guesses(guesses),
        *(_what_was_run(run) if run else ["<p>No run of this lesson was finished.</p>"]),
        *_answered(answers),
        "<h2>What can be said now</h2>",
        blocks(course, course.text["can_say"]),
    ]
    kept = _settings(run) if run else ""
    return document(f"{title}: lab report", "".join(parts) + kept)


def config_of_report(text: str) -> RunConfig:
    """The settings that a report holds. Raises `UserError` for a file that is no report, or of settings that are
    not valid here."""
    if len(text.encode()) > MOST_BYTES:
        raise UserError("The file is larger than 1 MB, so it is no lab report of this app.")
    found = SETTINGS.search(text)
    if not found:
        raise UserError("The file holds no settings of a run: it is no lab report of this app.")
    try:
        return RunConfig.from_dict(json.loads(found[1]))
    except (json.JSONDecodeError, TypeError, AttributeError) as error:
        raise UserError(f"The settings in the report are damaged: {error}.") from error


def _what_was_run(run: MeasuredRun) -> list[str]:
    return [
        "<h2>What was run</h2>",
        f"<p><code>{html.escape(command_of(run.config))}</code></p>",
        "<h2>What came</h2>",
        *_curves(run),
        *_answers(run),
    ]


def _settings(run: MeasuredRun) -> str:
    settings = json.dumps(strict_json(run.config.to_dict())).replace("<", "\\u003c")
    return f'<script type="application/json" id="{KIND}">{settings}</script>'


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
