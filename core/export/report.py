"""A run as one HTML page that stands by itself: no script, no address, at most a megabyte. Needs no torch."""

import time
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TypeVar

from core import catalog
from core.config import METHODS, SETTINGS
from core.evaluate.limits import cut_line_of, sample_as_shown
from core.events import Evaluation, Event, Finished, Notice, Sample, Started, Step, Validation
from core.export.card import base_name, command_without_folders, flat
from core.export.curves import Series, chart
from core.runs.store import Run, RunStore

T = TypeVar("T")
FILE = "report.html"
MOST_BYTES = 1_000_000
MOST_POINTS = 500
"""Of a curve; more are thinned out evenly."""
LONGEST_TEXT = 2_000
"""Characters shown of a prompt or an answer."""
STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;font-size:.9rem;display:block;overflow-x:auto}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #8886}
td{white-space:pre-wrap;overflow-wrap:break-word}
figure{margin:1rem 0}figcaption{font-weight:600}
svg{width:100%;height:auto;font:12px system-ui,sans-serif;fill:currentColor}
.grid{stroke:#8884}figure p span{margin-right:1rem}
pre{white-space:pre-wrap;background:#8882;padding:.6rem;overflow-wrap:anywhere}
"""


def write_report(store: RunStore, run: Run, folder: Path) -> None:
    """Write the page into `folder`."""
    (folder / FILE).write_text(report(run, store.events(run.id)), "utf-8")


def report(run: Run, events: Sequence[Event]) -> str:
    """The page. Where it would be longer than a megabyte, fewer answers are shown, and it says so."""
    rows = _answers(events)
    for n in (len(rows), 200, 50, 10, 0):
        page = _page(run, events, rows[:n], n_left_out=max(0, len(rows) - n))
        if len(page.encode("utf-8")) <= MOST_BYTES:
            break
    return page


def _page(
    run: Run, events: Sequence[Event], rows: list[tuple[str, ...]], *, n_left_out: int
) -> str:
    entry = catalog.find_model(run.config.model)
    method = METHODS[run.config.method.name]
    tasks = ", ".join(map(catalog.task_title, run.config.data.tasks))
    title = f"{method.title} on {tasks}"
    ended = next((e for e in events if isinstance(e, Finished)), None)
    started = next((e for e in events if isinstance(e, Started)), None)
    facts = [f"Run {run.id}, {run.status}. {run.reason}".strip()]
    facts.append(f"Base model: {base_name(entry)}. {entry.rounding}".strip())
    if started:
        facts.append(
            f"{started.trainable_params:,} of {started.total_params:,} parameters trained on "
            f"{started.n_train:,} pairs, on {started.device} in {started.dtype}."
        )
    if ended:
        facts.append(f"{ended.steps:,} steps in {ended.train_s:.1f} s.")
    begun = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(run.created_at))
    facts.append(f"Begun {begun}.")
    notes = [e.message for e in events if isinstance(e, Notice)]
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        *(f"<p>{escape(text)}</p>" for text in [*facts, *notes]),
        "<h2>Scores</h2>",
        _table(("task", "measure", "before", "after", "test examples", "answers cut"), _scores(events)),
        "<p>In brackets: 95 % intervals. One run with one seed; another seed gives other scores.</p>",
        "<h2>Curves</h2>",
        _losses(events),
        _score_chart(events),
        "<h2>Answers</h2>",
        _table(("task", "prompt", "right answer", "before", "after"), rows),
        f"<p>{n_left_out} more are left out here.</p>" if n_left_out else "",
        "<h2>Settings</h2>",
        _table(("setting", "value", "meaning"), _settings(run)),
        "<h2>Repeat it</h2>",
        f"<pre>{escape(command_without_folders(run))}</pre>",
        "</body></html>",
    ]  # fmt: skip
    return "\n".join(part for part in parts if part)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
    if not lines:
        return "<p>None were recorded.</p>"
    return f"<table><tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>{''.join(lines)}</table>"


def _scores(events: Sequence[Event]) -> list[tuple[str, ...]]:
    """The first and the last check of each task."""
    found: dict[str, list[Evaluation]] = {}
    for e in events:
        if isinstance(e, Evaluation):
            found.setdefault(e.task, []).append(e)
    return [
        (
            catalog.task_title(task),
            checks[0].metric.replace("_", " "),
            _with_interval(checks[0]),
            _with_interval(checks[-1]) if len(checks) > 1 else "not measured",
            ", then ".join(dict.fromkeys(str(check.n) for check in (checks[0], checks[-1]))),
            cut_line_of(checks[-1]) or "none",
        )
        for task, checks in found.items()
    ]


def _with_interval(e: Evaluation) -> str:
    low, high = e.interval
    return f"{e.score:.2f} [{low:.2f}, {high:.2f}]"


def _answers(events: Sequence[Event]) -> list[tuple[str, ...]]:
    """Each prompt that was watched: its first and its last answer."""
    found: dict[tuple[str, str], list[Sample]] = {}
    for e in events:
        if isinstance(e, Sample):
            found.setdefault((e.task, e.prompt), []).append(e)
    return [
        (
            catalog.task_title(task) if task else "watched",
            _shown(prompt),
            _shown(samples[0].reference),
            _shown(sample_as_shown(samples[0])),
            _shown(sample_as_shown(samples[-1])) if len(samples) > 1 else "",
        )
        for (task, prompt), samples in found.items()
    ]


def _shown(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _losses(events: Sequence[Event]) -> str:
    train = [(float(e.step), e.loss) for e in events if isinstance(e, Step)]
    watched = [(float(e.step), e.loss) for e in events if isinstance(e, Validation)]
    if not train:
        return ""
    said = f"Loss of a batch: {train[0][1]:.2f} at step {train[0][0]:.0f}, {train[-1][1]:.2f} at step {train[-1][0]:.0f}"
    if len(watched) > 1:
        said += f"; on validation pairs {watched[0][1]:.2f} before and {watched[-1][1]:.2f} after"
    return chart(
        [
            Series(name="training, one batch", points=_thinned(train)),
            Series(name="validation", points=_thinned(watched)),
        ],
        title=said,
        x="optimizer step",
        y="loss (nats per token)",
        alt=f"Line chart. {said}.",
    )


def _score_chart(events: Sequence[Event]) -> str:
    checks = [e for e in events if isinstance(e, Evaluation)]
    tasks = list(dict.fromkeys(e.task for e in checks))
    series: list[Series] = []
    for task in tasks:
        own = _thinned([e for e in checks if e.task == task])
        series.append(
            Series(
                name=f"{catalog.task_title(task)} ({own[0].metric.replace('_', ' ')})",
                points=[(float(e.step), e.score) for e in own],
                intervals=[e.interval for e in own],
            )
        )
    title = "Scores on test examples, with 95 % intervals"
    said = "; ".join(f"{row[0]} {row[2]} before, {row[3]} after" for row in _scores(events))
    return chart(series, title=title, x="optimizer step", y="score", alt=f"{title}. {said}.")


def _thinned(points: Sequence[T]) -> list[T]:
    """At most MOST_POINTS, with the first and the last."""
    n = len(points)
    if n <= MOST_POINTS:
        return list(points)
    return [points[round(i * (n - 1) / (MOST_POINTS - 1))] for i in range(MOST_POINTS)]


def _settings(run: Run) -> list[tuple[str, str, str]]:
    return [
        (name, value, SETTINGS[name].help if name in SETTINGS else "")
        for name, value in flat(run.config_dict).items()
    ]
