"""Charts as SVG for a page that stands by itself: lines, and marks with their intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, isfinite, log10

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 28, 12, 44
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Okabe and Ito's: they are told apart by colour-blind readers, too."""
At = Callable[[tuple[float, float]], tuple[float, float]]
"""From a point of the data to its place in the picture."""


@dataclass(frozen=True, kw_only=True)
class Series:
    name: str
    points: Sequence[tuple[float, float]]
    intervals: Sequence[tuple[float, float]] = ()
    """Of each point, where there are any; such points are marks and no line."""


def chart(series: Sequence[Series], *, title: str, x: str, y: str, alt: str) -> str:
    """One chart with its title, axes, legend and a text for who does not see it."""
    series = [one for one in series if one.points]
    every = [v for one in series for _, v in one.points]
    every += [v for one in series for both in one.intervals for v in both]
    every = [v for v in every if isfinite(v)]
    if not every:
        return ""
    xs = [v for one in series for v, _ in one.points]
    x_ticks, y_ticks = ticks(min(xs), max(xs)), ticks(min(every), max(every))
    x_low, x_high = min(xs[0], *xs, x_ticks[0]), max(*xs, x_ticks[-1], x_ticks[0] + 1e-9)
    y_low, y_high = min(*every, y_ticks[0]), max(*every, y_ticks[-1], y_ticks[0] + 1e-9)

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return (
            LEFT + (point[0] - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - (point[1] - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM),
        )

    parts = [
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="{escape(alt)}">'
    ]
    for tick in y_ticks:
        _, height = at((x_low, tick))
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height:.1f}" y2="{height:.1f}"/>'
            f'<text x="{LEFT - 6}" y="{height + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    for tick in x_ticks:
        place, _ = at((tick, y_low))
        parts.append(
            f'<text x="{place:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{tick:g}</text>'
        )
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x)}</text>'
        f'<text transform="translate(12 {(HEIGHT - BOTTOM + TOP) / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(y)}</text>'
    )
    for number, one in enumerate(series):
        beside = 8 * (
            number - (len(series) - 1) / 2
        )  # so that intervals of one step are told apart
        parts += _drawn(one, COLOURS[number % len(COLOURS)], at, beside)
    legend = "".join(
        f'<span><b style="color:{COLOURS[n % len(COLOURS)]}">■</b> {escape(one.name)}</span> '
        for n, one in enumerate(series)
    )
    return "".join([*parts, f"</svg><p>{legend}</p></figure>"])


def _drawn(one: Series, colour: str, at: At, beside: float) -> list[str]:
    points = [at(p) for p in one.points if isfinite(p[1])]
    if not one.intervals:
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        return [f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>']
    parts: list[str] = []
    for (step, value), (low, high) in zip(one.points, one.intervals, strict=True):
        (a, b), (_, bottom), (_, top) = at((step, value)), at((step, low)), at((step, high))
        a += beside
        parts.append(
            f'<line stroke="{colour}" stroke-width="2" x1="{a:.1f}" x2="{a:.1f}" y1="{bottom:.1f}" '
            f'y2="{top:.1f}"/><circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="{colour}"/>'
        )
    return parts


def ticks(low: float, high: float, *, n: int = 5) -> list[float]:
    """About `n` round numbers from `low` to `high`.

    >>> ticks(0.0, 20.0)
    [0.0, 5.0, 10.0, 15.0, 20.0]
    """
    span = high - low or abs(high) or 1.0
    rough = span / (n - 1)
    size = 10 ** floor(log10(rough))
    step = next(size * f for f in (1, 2, 5, 10) if size * f >= rough * 0.999)
    first = floor(low / step + 1e-9)
    found = [round(k * step, 10) for k in range(first, first + 4 * n)]
    return [v for v in found if v <= high + step * 0.001] or [low]
