"""The teacher's kit: for each lesson notes and a two-page worksheet, made from the lesson's own data.

    write_kit(Path("kit"))        # kit/index.html, kit/3-forgetting-notes.html, kit/3-forgetting-worksheet.html, …

Each is one HTML file that holds its own style, needs no network and prints on A4 or letter paper. The folder is there
whole or not at all.
"""

import html
import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from core.course.content import FOLDER, Lesson, lessons
from core.course.lessons import LESSONS, Page, name_of, number_of
from core.course.predictions import Chosen, Drawn, Prediction
from core.course.questions import Question
from core.export.folder import whole_folder
from core.paths import ASSETS

CSS = ASSETS / "course" / "kit.css"
LINES_FOR_WORDS = 3
BOX = "☐"
NOTES_OF_WORKSHEET = "Name: ____________________________ &nbsp; Date: ______________"


def write_kit(to: Path, *, folder: Path = FOLDER) -> list[Path]:
    """Write all files into a new or empty folder; returns them. `UserError` where that cannot be."""
    pages = kit_pages(folder=folder)
    with whole_folder(to) as place:
        for name, text in pages.items():
            (place / name).write_text(text, "utf-8")
    return [to / name for name in pages]


def kit_pages(*, folder: Path = FOLDER) -> dict[str, str]:
    """The HTML of every file, by its name."""
    found = lessons(folder=folder)
    pages = {"index.html": index(found)}
    for page, one in zip(LESSONS, found, strict=True):
        pages[f"{stem(page)}-notes.html"] = notes(one, page)
        pages[f"{stem(page)}-worksheet.html"] = worksheet(one, page)
    return pages


def packed() -> bytes:
    """All files of the kit in one ZIP archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in kit_pages().items():
            archive.writestr(f"kit/{name}", text)
    return made.getvalue()


def stem(page: Page) -> str:
    """How a lesson's files are called: with its number, so that they lie in order."""
    return f"{number_of(page.id):02}-{page.id}"


def index(found: Sequence[Lesson]) -> str:
    """The list of all lessons, with links to their files."""
    rows = [
        f"<tr><td>{number_of(page.id)}</td><td>{html.escape(page.title)}</td>"
        f"<td>{one.teaching.minutes} min</td>"
        f'<td><a href="{stem(page)}-notes.html">notes</a></td>'
        f'<td><a href="{stem(page)}-worksheet.html">worksheet</a></td></tr>'
        for page, one in zip(LESSONS, found, strict=True)
    ]
    head = "<tr><th>No.</th><th>Lesson</th><th>Time</th><th>For you</th><th>For pupils</th></tr>"
    total = sum(one.teaching.minutes for one in found)
    return document(
        "Teacher’s kit",
        f"<h1>Teacher’s kit</h1><table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
        f"<p>{total} minutes in all, with one live run in each lesson.</p>",
    )


def notes(one: Lesson, page: Page) -> str:
    """Aim, minutes, what goes wrong, questions to ask, and all answers."""
    teaching = one.teaching
    parts = [
        f"<h1>{name_of(one.id)}: {html.escape(page.title)}</h1>",
        '<p class="kind">Teacher’s notes</p>',
        f"<p><b>Aim.</b> {inline(one, teaching.aim)} <b>Time.</b> About {teaching.minutes} minutes.</p>",
        "<h2>Pupils can afterwards</h2>",
        _list(one, one.goals),
        "<h2>The notion</h2>",
        blocks(one, one.text["notion"]),
        "<h2>What people need to know of it</h2>",
        blocks(one, one.text["explained"]),
        "<h2>What goes wrong</h2>",
        _list(one, teaching.goes_wrong),
        "<h2>Questions to ask</h2>",
        *(f"<p><b>{inline(one, a.ask)}</b> {inline(one, a.expected)}</p>" for a in teaching.asks),
        "<h2>Predictions, and what was measured</h2>",
        *(_prediction_notes(one, prediction) for prediction in one.predictions),
        "<h2>Questions while the model trains</h2>",
        *(_answers(one, question) for question in one.questions),
        "<h2>What pupils can say now</h2>",
        blocks(one, one.text["can_say"]),
        f"<p><b>To take away.</b> {inline(one, one.text['take_away'])}</p>",
    ]
    return document(f"{page.title}: notes", "".join(parts))


def worksheet(one: Lesson, page: Page) -> str:
    """Two pages: predict before the run; compare, explain and say it in own words after it."""
    first = [
        f"<h1>{name_of(one.id)}: {html.escape(page.title)}</h1>",
        f'<p class="kind">{NOTES_OF_WORKSHEET}</p>',
        f"<p>{inline(one, one.text['question'])}</p>",
        f'<div class="notion">{blocks(one, one.text["notion"])}</div>',
        "<h2>1 · Predict, before anything runs</h2>",
        *(_prediction_sheet(one, prediction) for prediction in one.predictions),
    ]
    second = [
        "<h2>2 · Run it, and compare</h2>",
        "<table><thead><tr><th>Prediction</th><th>What came</th><th>Distance</th></tr></thead><tbody>",
        *(
            f"<tr><td>{n}</td><td></td><td></td></tr>"
            for n, _ in enumerate(one.predictions, start=1)
        ),
        "</tbody></table>",
        "<h2>3 · Why?</h2>",
        *(_to_choose(one, prediction.question) for prediction in one.predictions),
        "<h2>4 · Check yourself</h2>",
        *(_to_choose(one, question) for question in one.questions),
        "<h2>5 · In your own words</h2>",
        f"<p>{inline(one, one.teaching.asks[0].ask) if one.teaching.asks else 'What did you learn?'}</p>",
        '<p class="line"></p>' * LINES_FOR_WORDS,
    ]
    return document(
        f"{page.title}: worksheet",
        f'<section class="sheet">{"".join(first)}</section><section class="sheet">{"".join(second)}</section>',
    )


def _prediction_notes(one: Lesson, prediction: Prediction) -> str:
    measured = "not recorded yet"
    if isinstance(prediction, Chosen):
        found = prediction.measured(one.figures)
        measured = found.words if found else measured
        choices = ", ".join(option.text for option in prediction.options)
        ask = f"{inline(one, prediction.ask)} <i>({inline(one, choices)})</i>"
    else:
        points = prediction.measured(one.figures)
        if points:
            pairs = zip(prediction.points, points, strict=True)
            measured = ", ".join(f"{point}: {figure.words}" for point, figure in pairs)
        ask = inline(one, prediction.ask)
    return (
        f"<p><b>{ask}</b></p><p>Measured: {html.escape(measured)}. {html.escape(prediction.how)}</p>"
        + _answers(one, prediction.question)
    )


def _answers(one: Lesson, question: Question) -> str:
    rows = [
        f"<li>{'<b>' if a.right else ''}{inline(one, a.text.rstrip('.'))}{'</b>' if a.right else ''}: "
        f"{inline(one, a.explained)}</li>"
        for a in question.mixed
    ]
    return f'<div class="question"><p>{inline(one, question.ask)}</p><ul>{"".join(rows)}</ul></div>'


def _to_choose(one: Lesson, question: Question) -> str:
    rows = "".join(f"<li>{BOX} {inline(one, a.text)}</li>" for a in question.mixed)
    return f'<div class="question"><p>{inline(one, question.ask)}</p><ul class="choose">{rows}</ul></div>'


def _prediction_sheet(one: Lesson, prediction: Prediction) -> str:
    number = one.predictions.index(prediction) + 1
    ask = f"<p><b>{number}.</b> {inline(one, prediction.ask)}</p>"
    if isinstance(prediction, Chosen):
        rows = "".join(f"<li>{BOX} {inline(one, o.text)}</li>" for o in prediction.options)
        return f'<div class="question">{ask}<ul class="choose">{rows}</ul></div>'
    return (
        f'<div class="question">{ask}{empty_chart(prediction, prediction.start(one.figures))}</div>'
    )


WIDTH, HEIGHT, LEFT, BOTTOM = 560, 190, 46, 34


def empty_chart(prediction: Drawn, start: float | None) -> str:
    """Axes to draw into, as SVG: a tick for each step or bar, and the point where a curve begins."""
    names = [str(step) for step in prediction.steps] or [bar.text for bar in prediction.bars]
    names = ["0", *names] if prediction.curve else names
    across = (WIDTH - LEFT - 20) / max(1, len(names))
    up = HEIGHT - BOTTOM - 12
    marks: list[str] = []
    for n in range(5):
        y = HEIGHT - BOTTOM - up * n / 4
        value = f"{prediction.high * n / 4:g}"
        marks.append(f'<line class="grid" x1="{LEFT}" y1="{y:.0f}" x2="{WIDTH}" y2="{y:.0f}"/>')
        marks.append(f'<text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{value}</text>')
    for n, name in enumerate(names):
        x = LEFT + across * (n + 0.5)
        marks.append(
            f'<text x="{x:.0f}" y="{HEIGHT - 20}" text-anchor="middle">{html.escape(name)}</text>'
        )
    if start is not None:
        y = HEIGHT - BOTTOM - up * min(1.0, start / prediction.high)
        marks.append(f'<circle cx="{LEFT + across / 2:.0f}" cy="{y:.0f}" r="4"/>')
    label = html.escape(f"Empty chart to draw into: {prediction.axis}")
    below = f"{prediction.axis}" + (" over the steps of the run" if prediction.curve else "")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(marks)}'
        f'<text x="{LEFT}" y="{HEIGHT - 5}">{html.escape(below)}</text></svg>'
    )


def blocks(one: Lesson, text: str) -> str:
    """Paragraphs and lists of a section as HTML."""
    made: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        if all(line.startswith("- ") for line in lines):
            made.append(_list(one, [line.removeprefix("- ") for line in lines]))
        else:
            made.append(f"<p>{inline(one, ' '.join(lines))}</p>")
    return "".join(made)


def inline(one: Lesson, text: str) -> str:
    """A sentence of a lesson as HTML: figures looked up, links as their words, bold, italic and code."""
    shown = html.escape(one.printed(text), quote=False)
    shown = re.sub(r"`([^`]+)`", r"<code>\1</code>", shown)
    shown = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", shown)
    return re.sub(r"(?<!\w)\*(.+?)\*(?!\w)", r"<i>\1</i>", shown)


def _list(one: Lesson, items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{inline(one, item)}</li>' for item in items)}</ul>"


def document(title: str, body: str) -> str:
    """A whole HTML file with its own style."""
    style = CSS.read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{style}</style></head><body><main>{body}</main></body></html>\n"
    )
