"""A finding: what was published, how it is tested here, and what comes of it."""

from dataclasses import dataclass
from functools import cached_property

from core.findings.evidence import Evidence, Records, Side
from core.findings.verdict import RELATIONS, Verdict, of_all, of_part


@dataclass(frozen=True, kw_only=True)
class Publication:
    authors: str
    """As it is cited: "Hu et al."."""
    year: int
    title: str

    @property
    def words(self) -> str:
        return f"{self.authors} {self.year}, “{self.title}”"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One comparison in which the finding shows."""

    score: str
    """What is compared, as an axis says it."""
    first: Side
    relation: str
    """`ABOVE`, `NO_WORSE` or `EQUAL`."""
    second: Side

    @property
    def words(self) -> str:
        """What is claimed."""
        score = f"{self.score[0].upper()}{self.score[1:]}"
        return f"{score}: {self.first.title} {RELATIONS[self.relation]} {self.second.title}."


@dataclass(frozen=True, kw_only=True)
class Finding:
    name: str
    """In addresses and on the command line."""
    title: str
    """A few words."""
    claim: str
    """One plain sentence: what was published."""
    source: Publication
    experiment: str
    """What the runs here do."""
    parts: tuple[Part, ...]
    if_holds: str
    """What it means for a reader, where it holds."""
    if_not: str
    """And where the contrary is shown."""
    also: tuple[Publication, ...] = ()
    """Others who published it."""
    limits: str = ""
    """How the test here differs from what was published."""
    shown: tuple[tuple[str, Side], ...] = ()
    """More sides for the figure, each with its score; no verdict rests on them."""
    axis: str = ""
    """What the places of the sides on an axis are, such as "rank"."""

    @property
    def cited(self) -> str:
        return "; ".join(one.words for one in (self.source, *self.also))

    @property
    def sides(self) -> list[tuple[str, Side]]:
        """All that is drawn, each with its score, in order and once."""
        found = [(p.score, side) for p in self.parts for side in (p.first, p.second)]
        unique: dict[tuple[str, str], Side] = {}
        for score, side in (*found, *self.shown):
            unique.setdefault((score, side.title), side)
        return [(score, side) for (score, _), side in unique.items()]


@dataclass(frozen=True, kw_only=True)
class PartResult:
    part: Part
    first: Evidence
    second: Evidence
    verdict: Verdict
    why: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """A finding, judged by the runs that are there."""

    finding: Finding
    parts: tuple[PartResult, ...]
    shown: tuple[tuple[str, Evidence], ...]
    """What the figure draws, each with its score; only what is recorded."""
    n_recorded: int
    """Figures of single seeds that are there, of `n_wanted`."""
    n_wanted: int

    @cached_property
    def verdict(self) -> Verdict:
        return of_all([part.verdict for part in self.parts])

    @property
    def meaning(self) -> str:
        """What it means for a reader."""
        said = {Verdict.HOLDS: self.finding.if_holds, Verdict.NOT_HERE: self.finding.if_not}
        return said.get(self.verdict, "")


def judge(finding: Finding, records: Records) -> Result:
    """Look up the runs of all parts and apply the rule of verdict.py."""
    parts: list[PartResult] = []
    for part in finding.parts:
        first, second = part.first.evidence(records), part.second.evidence(records)
        verdict, why = of_part(first, second, part.relation)
        parts.append(PartResult(part=part, first=first, second=second, verdict=verdict, why=why))
    shown = [(score, side.evidence(records)) for score, side in finding.sides]
    return Result(
        finding=finding,
        parts=tuple(parts),
        shown=tuple((score, one) for score, one in shown if one.readings),
        n_recorded=sum(len(one.readings) for _, one in shown if not one.is_constant),
        n_wanted=sum(one.n_wanted for _, one in shown),
    )
