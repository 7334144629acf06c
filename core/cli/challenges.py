"""The commands `course challenges` and `course judge`: what is to be brought about, and whether a run did."""

from argparse import Namespace
from dataclasses import asdict
from typing import Any

from core.cli.options import add_json_option
from core.cli.output import emit
from core.course.challenges import (
    AnyChallenge,
    PairAnswer,
    PairChallenge,
    PromptAnswer,
    PromptChallenge,
    RunChallenge,
    challenge,
    challenges,
)
from core.course.judge import judge_pair, judge_run
from core.course.judge_prompts import judge_prompt
from core.course.measured_run import by_id, find
from core.course.verdict import Verdict
from core.data.shots import FORMS
from core.errors import UserError
from core.experiments import prompting_record
from core.runs.store import RunStore


def add_parsers(what: Any) -> None:
    """Add both to the commands of `course`."""
    listed = what.add_parser("challenges", help="every challenge, from easy to hard")
    listed.add_argument("--lesson", default="", help="only those of a lesson")
    add_json_option(listed)
    listed.set_defaults(run=list_challenges)
    judge = what.add_parser("judge", help="whether a run, two texts or a prompt solve a challenge")
    judge.add_argument("challenge", metavar="CHALLENGE")
    judge.add_argument(
        "--run", dest="run_id", default="", metavar="RUN", help="one of this machine, or recorded"
    )
    judge.add_argument("--reference", default="", help="of a challenge on two texts")
    judge.add_argument(
        "--output", default="", help="the answer that is compared with the reference"
    )
    judge.add_argument(
        "--answer-is", choices=("right", "wrong"), default="wrong", help="as you judge it"
    )
    judge.add_argument("--shots", type=int, help="solved examples in the prompt, as recorded")
    judge.add_argument("--form", choices=FORMS, default=FORMS[0], help="how they are shown")
    judge.add_argument("--seed", type=int, default=0, help="which examples are shown")
    add_json_option(judge)
    judge.set_defaults(run=judge_challenge)


def list_challenges(arguments: Namespace) -> int:
    for one in challenges(arguments.lesson):
        if arguments.json:
            emit(
                {
                    "challenge": one.id,
                    "lesson": one.lesson,
                    "level": one.level,
                    "kind": kind_of(one),
                    "title": one.title,
                    "task": one.task,
                }
            )
        else:
            print(f"{one.id:22} {one.lesson:13} {one.difficulty:7} {one.title}")
    return 0


def kind_of(one: AnyChallenge) -> str:
    """What is judged: "run", "pair" or "prompt"."""
    kinds = {RunChallenge: "run", PairChallenge: "pair", PromptChallenge: "prompt"}
    return kinds[type(one)]


def judge_challenge(arguments: Namespace) -> int:
    """0 when it is solved, 1 when it is not."""
    found = challenge(arguments.challenge)
    verdict = _judged(found, arguments)
    if arguments.json:
        findings = [asdict(finding) for finding in verdict.findings]
        emit(
            {
                "type": "verdict",
                "challenge": found.id,
                "solved": verdict.solved,
                "words": verdict.words,
                "findings": findings,
            }
        )
    else:
        print(verdict.words)
        for finding in verdict.findings:
            print(f"- {finding.words}")
    return 0 if verdict.solved else 1


def _judged(found: AnyChallenge, arguments: Namespace) -> Verdict:
    match found:
        case RunChallenge():
            if not arguments.run_id:
                raise UserError("This challenge is judged on a run: give one with --run.")
            store = RunStore()
            run = by_id(arguments.run_id, store)
            return judge_run(found, run, lambda config: find(config, store))
        case PairChallenge():
            if not arguments.reference or not arguments.output:
                raise UserError(
                    "This challenge is judged on two texts: give --reference and --output."
                )
            answer = PairAnswer(reference=arguments.reference, output=arguments.output)
            return judge_pair(found, answer, is_right=arguments.answer_is == "right")
        case PromptChallenge():
            if arguments.shots is None:
                raise UserError("This challenge is judged on a prompt: give --shots.")
            rows = prompting_record.recorded()
            prompt = PromptAnswer(
                shots=arguments.shots,
                form=arguments.form,
                seed=arguments.seed,
                run=arguments.run_id,
            )
            run = by_id(prompt.run, RunStore()) if prompt.run else None
            return judge_prompt(found, prompt, rows.rows if rows else (), run)
