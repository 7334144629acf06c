"""Who is where and what was solved, as large lists; every name goes through `escape`."""

from collections.abc import Sequence
from html import escape

from core.classwork.places import Places
from core.classwork.solved import Solved
from core.data.listing import count


def where_list(found: Places, *, with_names: bool) -> str:
    """A row for each page: how many, and who."""
    most = max((len(one.names) for one in found.here), default=1)
    rows = [
        row(one.title, len(one.names), most, one.names if with_names else ()) for one in found.here
    ]
    if found.away:
        away = f"{count(len(found.away), 'learner')} with no page open"
        names = ", ".join(found.away) if with_names else ""
        rows.append(f"<li><p>{escape(away)}</p><small>{escape(names)}</small></li>")
    return f'<ul class="wall">{"".join(rows)}</ul>'


def solved_list(found: Sequence[Solved], *, n_learners: int, with_names: bool) -> str:
    """A row for each challenge that somebody tried."""
    rows = [
        row(one.title, len(one.names), n_learners, one.names if with_names else ()) for one in found
    ]
    return f'<ul class="wall">{"".join(rows)}</ul>'


def row(title: str, n: int, of: int, names: Sequence[str]) -> str:
    """A title, a number, a bar as long as its share, and names."""
    share = 100 * n / of if of else 0
    return (
        f"<li><p><span>{escape(title)}</span><b>{n}</b></p>"
        f'<div aria-hidden="true"><i style="width:{share:.0f}%"></i></div>'
        f"<small>{escape(', '.join(names))}</small></li>"
    )
