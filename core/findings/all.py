"""All findings in the order in which they are shown, and their verdicts."""

from pathlib import Path

from core.errors import UserError, quote
from core.findings import few_examples, forgetting, low_rank, many_tasks, small_methods
from core.findings.evidence import Records
from core.findings.finding import Finding, Result, judge

GROUPS = {
    "Forgetting and its cures": forgetting.FINDINGS,
    "LoRA": low_rank.FINDINGS,
    "Soft prompts, adapters and other small methods": small_methods.FINDINGS,
    "Several tasks": many_tasks.FINDINGS,
    "Few examples": few_examples.FINDINGS,
}
FINDINGS: tuple[Finding, ...] = tuple(f for group in GROUPS.values() for f in group)


def find_finding(name: str) -> Finding:
    """Raises `UserError` for a name that none has."""
    for finding in FINDINGS:
        if finding.name == name:
            return finding
    raise UserError(
        f"There is no finding {quote(name)}; list them with: python -m core findings list"
    )


def judged(*, folder: Path | None = None) -> list[Result]:
    """Every finding, by the runs of a folder; by those that come with the app unless one is given."""
    records = Records(folder)
    return [judge(finding, records) for finding in FINDINGS]
