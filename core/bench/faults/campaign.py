"""The campaign: kinds of tries in order, each try seeded by its number, so a stopped campaign goes on.

Every try is written to tries.jsonl as it ends; the report is made of that file.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from core.bench.faults.tries import BAD, NOT_TRIED, OUTCOMES, Try
from core.errors import UserError
from core.machine import describe_machine
from core.typed_json import read

TRIES = "tries.jsonl"
Kind = Callable[[Path], AbstractContextManager[Callable[[int, Random], Try]]]
USUAL = {
    "kills": 22,
    "uploads": 475,
    "options": 1_464,
    "addresses": 598,
    "disk": 24,
    "damage": 120,
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
    done = done_before(record, seed) if resume else []
    if not resume and record.exists():
        raise UserError(f"{record} is there already; go on with --resume or choose another --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with record.open("a", encoding="utf-8") as file:
            for kind, trying in kinds.items():
                numbers = {one.number for one in done if one.kind == kind}
                left = [i for i in range(n or USUAL[kind]) if i not in numbers]
                if not left:
                    continue
                with trying(out / "homes" / kind) as attempt:
                    for number in left:
                        one = attempt(number, Random(f"{seed} {kind} {number}"))
                        done.append(one)
                        file.write(json.dumps({"seed": seed, **asdict(one)}) + "\n")
                        file.flush()
                        on_try(one)
                        if one.outcome == NOT_TRIED:
                            break  # the others of this kind lack the same
    except OSError as error:
        raise UserError(
            f"The folder {out} cannot be written: {error.strerror or error}."
        ) from error
    return done


def done_before(record: Path, seed: int) -> list[Try]:
    """The tries of a stopped campaign; a last line that was cut short is left out."""
    found: list[Try] = []
    for line in record.read_text("utf-8").splitlines() if record.exists() else ():
        try:
            values = json.loads(line)
        except ValueError:
            continue
        if values.pop("seed") != seed:
            raise UserError(f"{record} was made with another --seed; choose another --out.")
        found.append(read(Try, values))
    return found


@dataclass(frozen=True, kw_only=True)
class Report:
    seed: int
    machine: str
    counts: dict[str, dict[str, int]]
    """Of each kind, how many tries ended how."""
    found: list[dict[str, Any]]
    """What ended badly, each outcome and place once, with an example."""

    @property
    def n_bad(self) -> int:
        return sum(row[outcome] for row in self.counts.values() for outcome in BAD)


def report(tries: Iterable[Try], *, seed: int) -> Report:
    tries = sorted(tries, key=lambda one: (one.kind, one.number))
    kinds = dict.fromkeys(one.kind for one in tries)
    counts = {kind: Counter(one.outcome for one in tries if one.kind == kind) for kind in kinds}
    return Report(
        seed=seed,
        machine=describe_machine(),
        counts={
            kind: {"tried": sum(found.values()) - found[NOT_TRIED]}
            | {outcome: found[outcome] for outcome in OUTCOMES}
            for kind, found in counts.items()
        },
        found=_alike([one for one in tries if one.outcome in BAD]),
    )


def _alike(bad: Sequence[Try]) -> list[dict[str, Any]]:
    """One example of those that ended alike in the same place, and how many there are."""
    groups: dict[tuple[str, str, str], list[Try]] = {}
    for one in bad:
        last = one.said.strip().splitlines()[-1][:80] if one.said.strip() else ""
        groups.setdefault((one.kind, one.outcome, last), []).append(one)
    return [{"times": len(alike), **asdict(alike[0])} for alike in groups.values()]


def markdown(found: Report) -> str:
    """The counts as a table, and what ended badly."""
    columns = ["tried", *OUTCOMES]
    lines = [
        f"# Faults, seed {found.seed}",
        "",
        f"On {found.machine}. A sentence or silence is a good end.",
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
        lines.append(f"- {one['kind']}, {one['outcome']}, {one['times']} times; for example:")
        lines += ["", "  ```", f"  {one['what']}"]
        lines += [f"  {line}" for line in one["said"].replace("```", "'''").splitlines()[-8:]]
        lines += ["  ```", ""]
    return "\n".join(lines).rstrip() + "\n"


def write(found: Report, out: Path) -> None:
    (out / "faults.json").write_text(json.dumps(asdict(found), indent=1) + "\n", "utf-8")
    (out / "faults.md").write_text(markdown(found), "utf-8")
