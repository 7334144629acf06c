"""Who is where: the pages of the app with the learners that stand on each, in the order of the course."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.classroom.learners import Learner
from core.classroom.presence import Seen
from core.course.lessons import LAB, LESSONS, name_of

HOME = "Home"


@dataclass(frozen=True, kw_only=True)
class Here:
    """A page and who looks at it."""

    page: str
    """The last part of its address."""
    title: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Places:
    here: tuple[Here, ...]
    away: tuple[str, ...]
    """Who joined and has no page open now."""

    @property
    def n_here(self) -> int:
        return sum(len(one.names) for one in self.here)


def places(learners: Sequence[Learner], seen: Iterable[Seen], *, now: float) -> Places:
    """`now` in seconds since 1970."""
    pages = {one.space: one.page for one in seen if one.is_here(now)}
    by_page: dict[str, list[str]] = {}
    for learner in learners:
        if learner.space in pages:
            by_page.setdefault(pages[learner.space], []).append(learner.name)
    titles = page_titles()
    order = [*titles, *(page for page in by_page if page not in titles)]
    return Places(
        here=tuple(
            Here(page=page, title=titles.get(page, page), names=tuple(by_page[page]))
            for page in order
            if page in by_page
        ),
        away=tuple(learner.name for learner in learners if learner.space not in pages),
    )


def page_titles() -> dict[str, str]:
    """What each page is called, by the last part of its address."""
    lessons = {page.url_path: f"{name_of(page.id)}: {page.title}" for page in LESSONS}
    return {"": HOME, **lessons, **{page.url_path: page.title for page in LAB}}
