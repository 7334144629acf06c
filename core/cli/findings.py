"""The command `findings`: which published findings hold in the recorded runs."""

from argparse import Namespace
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from core.cli.options import add_folder_option, add_json_option
from core.cli.output import emit
from core.findings import Result, Verdict, find_finding, judge, judged
from core.findings.evidence import Evidence, Records


def add_parser(actions: Any) -> None:
    """Add the command to the command line."""
    parser = actions.add_parser(
        "findings", help="which published findings hold in the recorded runs"
    )
    what = parser.add_subparsers(dest="what", required=True)
    for name, command, help in (
        ("list", list_findings, "every finding and its verdict"),
        ("show", show_finding, "the claim, the runs, their figures and the verdict of each part"),
    ):
        sub = what.add_parser(name, help=help)
        if name == "show":
            sub.add_argument("name", metavar="NAME")
        add_folder_option(sub)
        add_json_option(sub)
        sub.set_defaults(run=command)


def list_findings(arguments: Namespace) -> int:
    results = judged(folder=arguments.folder)
    for result in results:
        if arguments.json:
            emit(asdict(line_of(result)))
        else:
            print(f"{result.verdict:16}  {result.finding.name:26}  {result.finding.title}")
    if not arguments.json:
        counts = Counter(result.verdict for result in results)
        print(", ".join(f"{verdict}: {counts[verdict]}" for verdict in Verdict))
    return 0


def show_finding(arguments: Namespace) -> int:
    result = judge(find_finding(arguments.name), Records(arguments.folder))
    if arguments.json:
        emit(asdict(line_of(result)))
        return 0
    finding = result.finding
    print(f"{finding.title}: {result.verdict}\n{finding.claim}\n{finding.cited}\n")
    print(finding.experiment)
    for part in result.parts:
        print(f"\n  {part.verdict}: {part.part.words}\n  {part.why}")
    print(f"\n{result.n_recorded} of {result.n_wanted} figures are recorded.")
    for said in (finding.limits, result.meaning):
        if said:
            print(said)
    return 0


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a comparison; no mean and no interval where nothing is recorded."""

    title: str
    values: tuple[float, ...]
    mean: float | None
    interval: tuple[float, float] | None
    runs: list[str]


@dataclass(frozen=True, kw_only=True)
class Part:
    claim: str
    verdict: str
    why: str
    first: Side
    second: Side


@dataclass(frozen=True, kw_only=True)
class Line:
    """A finding as `--json` prints it."""

    name: str
    title: str
    claim: str
    source: str
    experiment: str
    limits: str
    verdict: str
    meaning: str
    n_recorded: int
    n_wanted: int
    parts: list[Part]


def line_of(result: Result) -> Line:
    finding = result.finding
    return Line(
        name=finding.name,
        title=finding.title,
        claim=finding.claim,
        source=finding.cited,
        experiment=finding.experiment,
        limits=finding.limits,
        verdict=str(result.verdict),
        meaning=result.meaning,
        n_recorded=result.n_recorded,
        n_wanted=result.n_wanted,
        parts=[
            Part(
                claim=part.part.words,
                verdict=str(part.verdict),
                why=part.why,
                first=_side(part.first),
                second=_side(part.second),
            )
            for part in result.parts
        ],
    )


def _side(found: Evidence) -> Side:
    return Side(
        title=found.title,
        values=found.values,
        mean=found.mean if found.readings else None,
        interval=found.interval if found.readings else None,
        runs=[reading.run_id for reading in found.readings if reading.run_id],
    )
