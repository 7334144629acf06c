"""Whether the course is whole: no piece missing, no dead link, no figure that means nothing, no typed measurement.

What is not recorded yet is no mistake: it is counted, and pages say so in place.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

from core.course import glossary, quiz
from core.course import text as texts
from core.course.challenges import challenges
from core.course.citations import figure
from core.course.content import FOLDER, Lesson, lesson
from core.course.figures import Figure, check_curve
from core.course.lessons import LESSONS
from core.course.predictions import Chosen, Drawn
from core.course.sources import Runs
from core.errors import UserError, quote
from core.evaluate.apart import are_apart

FEWEST_QUESTIONS = 3
MOST_WORDS_FIRST = 110
"""Of a lesson's question and notion together: a screen before the first action."""
CLAIM = re.compile(r"^(\S+) (<|>) (\S+)$")
SENTENCE_END = re.compile(r"[.?!](?=\s+[A-Z“`*]|\s*$)")


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A lesson's counts, what is wrong, and what nobody has recorded yet."""

    lesson: str
    predictions: int = 0
    questions: int = 0
    challenges: int = 0
    terms: int = 0
    problems: tuple[str, ...] = ()
    not_recorded: tuple[str, ...] = ()
    """References."""


def check(*, folder: Path = FOLDER) -> list[Checked]:
    """Every lesson in order, then what is there once: the glossary and the questions before and after."""
    shared = folder if (folder / glossary.FILE).is_file() else FOLDER
    known = set(glossary.terms(folder=shared))
    found = [_checked(page.id, folder, known) for page in LESSONS]
    wrong = tuple(glossary.problems(folder=shared))
    return [
        *found,
        Checked(lesson="glossary", terms=len(known), problems=wrong),
        _before_after(folder),
    ]


def _before_after(folder: Path) -> Checked:
    shared = folder if (folder / quiz.FILE).is_file() else FOLDER
    try:
        forms = [quiz.items(form, folder=shared) for form in quiz.FORMS]
    except UserError as error:
        return Checked(lesson="before_after", problems=(str(error),))
    return Checked(lesson="before_after", questions=sum(map(len, forms)))


def _checked(id: str, folder: Path, known_terms: set[str]) -> Checked:
    try:
        found = lesson(id, folder=folder)
        n_challenges = len(challenges(id, folder=folder))
    except UserError as error:
        return Checked(lesson=id, problems=(str(error),))
    problems = [*_pieces(found), *_texts(found), *_claims(found)]
    problems += [
        f"the glossary has no term {quote(t)}" for t in found.terms if t not in known_terms
    ]
    missing = list[str]()
    for where, reference in _cited(found):
        try:
            if figure(reference, found.figures) is None:
                missing.append(reference)
        except UserError as error:
            problems.append(f"{where}: {error}")
    return Checked(
        lesson=id,
        predictions=len(found.predictions),
        questions=len(found.questions),
        challenges=n_challenges,
        terms=len(found.terms),
        problems=tuple(dict.fromkeys(problems)),
        not_recorded=tuple(dict.fromkeys(missing)),
    )


def _pieces(found: Lesson) -> Iterator[str]:
    """What each lesson must have."""
    if not found.chosen:
        yield "it has no chosen prediction"
    if not found.drawn:
        yield "it has no drawn prediction"
    if len(found.questions) < FEWEST_QUESTIONS:
        yield f"it has {len(found.questions)} questions, fewer than {FEWEST_QUESTIONS}"
    if not found.goals:
        yield "it has no goals"
    if not found.terms:
        yield "it names no terms of the glossary"
    if found.teaching.minutes <= 0:
        yield "it says no minutes"
    ids = [one.id for one in (*found.predictions, *found.questions)]
    for double in {id for id in ids if ids.count(id) > 1}:
        yield f"{quote(double)} names two of its predictions or questions"
    if (n := len(SENTENCE_END.findall(found.text["notion"]))) != 2:
        yield f"its notion has {n} sentences, not two"
    n_words = sum(len(found.text[name].split()) for name in ("question", "notion"))
    if n_words > MOST_WORDS_FIRST:
        yield f"its question and notion have {n_words} words, more than {MOST_WORDS_FIRST}"
    cited = {reference.partition(".")[0] for _, reference in _cited(found)}
    cited |= {one.curve.partition(".")[0] for one in found.drawn if one.curve}
    for name in found.figures:
        if name not in cited:
            yield f"the figure {quote(name)} is cited nowhere"


def _texts(found: Lesson) -> Iterator[str]:
    """Typed measurements, dead links, ranges that say another number than their ends."""
    for where, text in found.prose.items():
        for number in texts.typed_numbers(text):
            yield f"{where}: {quote(number)} is typed; cite a figure, or write {{{{= {number}}}}} where it is none"
        for kind, target in texts.links(text):
            try:
                texts.address_of(kind, target, found.sources)
            except UserError as error:
                yield f"{where}: {error}"
    for name, address in found.sources.items():
        if f"(source:{name})" not in "".join(found.text.values()):
            yield f"the source {quote(name)} is cited nowhere"
        if not re.fullmatch(r"https?://[\w.-]+\.\w+(/\S*)?", address):
            yield f"the source {name} has no address: {quote(address)}"
    for one in found.chosen:
        for option in one.options:
            typed = [float(n.rstrip(" %")) for n in texts.typed_numbers(option.text)]
            ends = [abs(e) for e in (option.low, option.high) if abs(e) < inf]
            if wrong := [n for n in typed if n not in ends and n / 100 not in ends]:
                yield f"prediction {one.id}: the option {quote(option.text)} says {wrong[0]:g}, its range {ends}"
    for one in found.drawn:
        if one.curve:
            yield from _curve(found, one)


def _curve(found: Lesson, one: Drawn) -> Iterator[str]:
    name, _, metric = one.curve.partition(".")
    source = found.figures.get(name)
    if not isinstance(source, Runs):
        yield f"prediction {one.id}: the curve {quote(one.curve)} is not of recorded runs"
        return
    try:
        check_curve(metric, source)
    except UserError as error:
        yield f"prediction {one.id}: {error}"
        return
    measured = one.measured(found.figures)
    if source.measured() and measured is None:
        yield f"prediction {one.id}: the run has no check at one of its steps"
    if top := [f.words for f in measured or () if f.value > one.high]:
        yield f"prediction {one.id}: its axis ends at {one.high:g}, below {top[0]}"


def _claims(found: Lesson) -> Iterator[str]:
    """What the texts rely on, where it is recorded."""
    for claim in found.claims:
        parts = CLAIM.match(claim)
        if not parts:
            yield f"the claim {quote(claim)} is not of the form: a.b < c.d"
            continue
        low, sign, high = parts.groups()
        if sign == ">":
            low, high = high, low
        try:
            lower, higher = (_end(side, found) for side in (low, high))
        except UserError as error:
            yield f"the claim {quote(claim)}: {error}"
            continue
        if lower and higher and not is_below(lower, higher):
            yield f"the recordings do not show that {claim}: {lower.words} and {higher.words}"


def _end(side: str, found: Lesson) -> Figure | None:
    try:
        return Figure(values=(float(side),))
    except ValueError:
        return figure(side, found.figures)


def is_below(lower: Figure, higher: Figure) -> bool:
    """Whether one is shown to be less than the other: no interval and no seed overlaps."""
    one, other = (f.interval or (f.value, f.value) for f in (lower, higher))
    return are_apart(one, other) and max(lower.values) < min(higher.values)


def _cited(found: Lesson) -> Sequence[tuple[str, str]]:
    """Every reference to a figure, with where it stands."""
    cited = [(where, ref) for where, text in found.prose.items() for ref in texts.references(text)]
    for one in found.predictions:
        where = f"prediction {one.id}"
        if isinstance(one, Chosen):
            cited.append((where, one.figure))
        else:
            cited += [(where, bar.figure) for bar in one.bars]
    for claim in found.claims:
        if parts := CLAIM.match(claim):
            cited += [
                ("claims", side)
                for side in (parts[1], parts[3])
                if "." in side and not _is_number(side)
            ]
    return cited


def _is_number(side: str) -> bool:
    try:
        float(side)
    except ValueError:
        return False
    return True
