"""The campaign: kinds of tries in order, each try seeded by its number, so a stopped campaign goes on.

Every try is written to tries.jsonl as it ends; the report is made of that file.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import TextIO

from core.bench.faults.tries import BAD, NOT_TRIED, OUTCOMES, Try
from core.bench.records import read_record
from core.bench.records import write as write_file
from core.errors import UserError, shortened
from core.quiet import Quietness
from core.stamp import Stamp, commit
from core.typed_json import read

NAME, TRIES = "faults", "tries.jsonl"
OF_A_MACHINE = re.compile(r"(?:/[\w.@+-]+)+/(?=(?:core|pages|site-packages|homes)/)")
"""Where folders of this machine stand before a path, in what an error said."""
Kind = Callable[[Path], AbstractContextManager[Callable[[int, Random], Try]]]
USUAL = {
    "kills": 22,
    "servers": 14,
    "connections": 14,
    "nodes": 10,
    "uploads": 475,
    "options": 1_464,
    "addresses": 598,
    "disk": 24,
    "damage": 120,
    "recorded": 120,
}
"""How many tries a full campaign makes of each kind."""


def carry_out(
    kinds: Mapping[str, Kind],
    *,
    seed: int,
    n: int,
    out: Path,
    resume: bool,
    on_try: Callable[[Try], None] = lambda one: None,
) -> list[Try]:
    """Every try that is not done yet; `n` of each kind, or with 0 as many as is usual."""
    record = out / TRIES
    done, of = done_before(record, seed) if resume else [], commit()
    if not resume and record.exists():
        raise UserError(
            f"{shortened(record)} is there already; go on with --resume or choose another --out."
        )
    with _opened(record) as file:
        for kind, trying in kinds.items():
            numbers = {one.number for one in done if one.kind == kind}
            left = [number for number in range(n or USUAL[kind]) if number not in numbers]
            if not left:
                continue
            with trying(out / "homes" / kind) as attempt:
                for number in left:
                    one = replace(attempt(number, Random(f"{seed} {kind} {number}")), commit=of)
                    done.append(one)
                    file.write(json.dumps({"seed": seed, **asdict(one)}) + "\n")
                    file.flush()
                    on_try(one)
                    if one.outcome == NOT_TRIED:
                        break  # the others of this kind lack the same
    return done


def _opened(record: Path) -> TextIO:
    """The record, at its end; what a kill left of a line is cut off."""
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        whole = record.read_bytes() if record.exists() else b""
        record.write_bytes(whole[: whole.rfind(b"\n") + 1])
        return record.open("a", encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"The folder {shortened(record.parent)} cannot be written: {error.strerror or error}."
        ) from error


def done_before(record: Path, seed: int) -> list[Try]:
    """The tries of a stopped campaign; a last line that was cut short is left out."""
    found: list[Try] = []
    for line in record.read_text("utf-8").splitlines() if record.exists() else ():
        try:
            values = json.loads(line)
        except ValueError:
            continue
        if values.pop("seed") != seed:
            raise UserError(
                f"{shortened(record)} was made with another --seed; choose another --out."
            )
        found.append(read(Try, values))
    return found


@dataclass(frozen=True, kw_only=True)
class Alike(Try):
    """One of the tries that ended alike in the same place, as an example, and how many there are."""

    times: int


@dataclass(frozen=True, kw_only=True)
class Report:
    seed: int
    command: str = ""
    stamp: Stamp = field(default_factory=Stamp)
    counts: dict[str, dict[str, int]]
    """Of each kind, how many tries ended how."""
    found: list[Alike]
    """What ended badly, each outcome and place once."""

    @property
    def n_tried(self) -> int:
        return sum(row["tried"] for row in self.counts.values())

    @property
    def n_bad(self) -> int:
        return sum(row[outcome] for row in self.counts.values() for outcome in BAD)

    @property
    def finding(self) -> str:
        if not self.n_bad:
            return f"None of {self.n_tried:,} tries ended badly"
        return f"{self.n_bad:,} of {self.n_tried:,} tries ended badly"

    @property
    def where(self) -> str:
        """Sentences for a caption: when, where and on which code."""
        stamp = self.stamp
        return f"On {stamp.machine} ({stamp.at[:10]}, commit {stamp.commit or 'not known'}), seed {self.seed}."


def report(tries: Iterable[Try], *, seed: int, command: str = "") -> Report:
    tries = sorted(tries, key=lambda one: (one.kind, one.number))
    kinds = dict.fromkeys(one.kind for one in tries)
    counts = {kind: Counter(one.outcome for one in tries if one.kind == kind) for kind in kinds}
    now = Stamp.now(dtype="", device="", quiet=Quietness())
    commits = dict.fromkeys(one.commit for one in tries if one.commit)
    return Report(
        seed=seed,
        command=command,
        stamp=replace(now, commit=", ".join(commits)),
        counts={
            kind: {"tried": sum(found.values()) - found[NOT_TRIED]}
            | {outcome: found[outcome] for outcome in OUTCOMES}
            for kind, found in counts.items()
        },
        found=_alike([one for one in tries if one.outcome in BAD]),
    )


def _alike(bad: Sequence[Try]) -> list[Alike]:
    """One example of those that ended alike in the same place, and how many there are."""
    groups: dict[tuple[str, str, str, str], list[Try]] = {}
    for one in bad:
        lines = one.said.strip().splitlines() or [""]
        frames = [line.strip() for line in lines if line.lstrip().startswith("File ")]
        ours = [frame for frame in frames if "/core/" in frame or "/pages/" in frame]
        place = ours[-1] if ours else ""
        error = lines[-1].partition(":")[0] if ours else lines[-1][:80]
        groups.setdefault((one.kind, one.outcome, place, error), []).append(one)
    return [
        Alike(**vars(replace(alike[0], said=OF_A_MACHINE.sub("", alike[0].said))), times=len(alike))
        for alike in groups.values()
    ]


def markdown(found: Report) -> str:
    """The counts as a table, and what ended badly."""
    columns = ["tried", *OUTCOMES]
    lines = [
        f"# {found.finding}",
        "",
        f"{found.where} A sentence or silence is a good end.",
        "",
        f"| kind | {' | '.join(columns)} |",
        f"|---|{'---:|' * len(columns)}",
        *(
            f"| {kind} | {' | '.join(str(row[column]) for column in columns)} |"
            for kind, row in found.counts.items()
        ),
    ]
    if found.found:
        lines += ["", "## What ended badly", ""]
    for one in found.found:
        lines.append(f"- {one.kind}, {one.outcome}, {one.times} times; for example:")
        lines += ["", "  ```", f"  {one.what}"]
        lines += [f"  {line}" for line in one.said.replace("```", "'''").splitlines()[-8:]]
        lines += ["  ```", ""]
    return "\n".join(lines).rstrip() + "\n"


def write(found: Report, out: Path) -> None:
    """Write faults.json and faults.md; `UserError` when the disk refuses."""
    write_file(out / f"{NAME}.json", json.dumps(asdict(found), indent=1) + "\n")
    write_file(out / f"{NAME}.md", markdown(found))


@cache
def recorded() -> Report | None:
    """The campaign that comes with the app; None when there is none."""
    return read_record(Report, NAME)
