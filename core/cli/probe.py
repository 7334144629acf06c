"""The command `probe`: what a tuning gained, kept and lost beside its own task."""

from argparse import Namespace
from dataclasses import asdict
from typing import Any

from core.cli.options import add_json_option
from core.cli.output import emit, say
from core.probes import kept
from core.probes.report import MARGIN, Report, compare
from core.runs.identity import identity_of_answers
from core.runs.messages import AskProbes, Probed
from core.runs.store import Run, RunStore


def add_parser(actions: Any) -> None:
    """Add the command to the command line."""
    parser = actions.add_parser("probe", help="what a run's tuning gained, kept and lost elsewhere")
    parser.add_argument("--run", dest="run_id", metavar="ID", required=True)
    add_json_option(parser)
    parser.set_defaults(run=probe)


def probe(arguments: Namespace) -> int:
    store = RunStore()
    run = store.get(arguments.run_id)
    report = _report(store, run)
    if arguments.json:
        for skill in report.skills:
            emit(
                {
                    "type": "probe",
                    **asdict(skill),
                    "difference": skill.difference,
                    "verdict": skill.verdict,
                }
            )
        emit({"type": "probes", "run_id": run.id, "margin": MARGIN, "said": report.headline})
        return 0
    for skill in report.skills:
        print(skill.in_words)
        for flip in skill.flips:
            print(
                f"  {'lost' if flip.is_loss else 'gained'}: {flip.prompt!r}: {flip.before!r} → {flip.after!r}"
            )
    print(report.headline)
    print(f"Kept: the 95 % interval excludes a loss of more than {100 * MARGIN:.0f} points of 100.")
    return 0


def _report(store: RunStore, run: Run) -> Report:
    """From the answers that are kept, else from new ones."""
    identity = identity_of_answers(run.config.model)
    before, after = kept.find(identity), kept.find(identity, run=run.id)
    if before and after:
        return compare(before, after)
    from core.runs.inference_session import InferenceSession

    for message in InferenceSession(store).answer(AskProbes(run=run.id)):
        if isinstance(message, Probed):
            return compare(message.before, message.after)
        say(f"{message.answered} of {message.of} answered")
    raise AssertionError("nobody stops it here")
