"""The command `record`: make the runs that come with the app, with the real model, on a quiet machine."""

import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from core import catalog
from core.cli.options import a_path
from core.cli.output import emit, say
from core.config import RunConfig, check_choice, check_number
from core.config.command import names
from core.errors import UserError
from core.experiments.base_requests import base_requests
from core.experiments.collections import wanted
from core.models import acquire
from core.recorded import files, plan
from core.recorded.answers import BASE
from core.recorded.plan import State, Wanted
from core.runs.identity import identity_in, identity_of, remember_machine


def add_parser(actions: Any) -> None:
    """Add the command to the command line."""
    parser = actions.add_parser(
        "record", help="make the runs that come with the app; resumes when stopped"
    )
    parser.add_argument(
        "--only", default="", help=f"these collections (see --list), or {BASE}: forgetting,ranks"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--list", action="store_true", help="the collections, what is missing, how long it takes"
    )
    what.add_argument("--dry-run", action="store_true", help="the runs that would be made")
    parser.add_argument(
        "--anew",
        action="store_true",
        help="take out runs of other code, another model or machine, and make all again",
    )
    parser.add_argument("--most", type=int, default=0, help="make at most so many runs (0: all)")
    parser.add_argument(
        "--out",
        type=a_path,
        metavar="FOLDER",
        help="write here, not into the app; then a busy machine is allowed and runs it disturbed are marked",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per line on stdout")
    parser.set_defaults(run=run_record)


def run_record(arguments: Namespace) -> int:
    """Make what is missing; 1 when runs were left out."""
    check_number("--most", arguments.most, 0, 100_000, whole=True)
    chosen, folder = _chosen(arguments.only), arguments.out or files.FOLDER
    if arguments.list:
        return _list(_states(chosen, folder), as_json=arguments.json)
    if arguments.dry_run:
        return _dry_run(_states(chosen, folder), as_json=arguments.json)
    if not acquire.is_ready(catalog.find_model(catalog.DEFAULT_MODEL)):
        raise UserError("The model is not prepared yet; run: python -m core prepare")
    with_base = not arguments.only or BASE in names(arguments.only)
    return _record(chosen, folder, arguments, with_base=with_base)


def _chosen(only: str) -> list[Wanted]:
    known = {one.name: one for one in wanted()}
    for name in names(only):
        check_choice("The collection", name, (*known, BASE))
    return [one for one in known.values() if not only or one.name in names(only)]


def _states(chosen: list[Wanted], folder: Path) -> list[State]:
    return [plan.state(one, folder=folder, identity=identity_of) for one in chosen]


def _list(states: list[State], *, as_json: bool) -> int:
    """One line for each collection, and one for all."""
    for one in states:
        row = {
            "collection": one.wanted.name,
            "about": one.wanted.about,
            "runs": len(one.wanted.configs),
            "done": len(one.done),
            "others": len(one.others),
            "expected_minutes": round(one.expected_s / 60, 1),
        }
        if as_json:
            emit(row)
            continue
        others = f", {len(one.others)} of other code or another machine" if one.others else ""
        print(
            f"{one.wanted.name:14} {len(one.done):4} of {len(one.wanted.configs):4} runs, "
            f"{row['expected_minutes']:5.0f} min to go{others}: {one.wanted.about}"
        )
    if not as_json:
        n, done = sum(len(one.wanted.configs) for one in states), sum(len(s.done) for s in states)
        print(f"{'all':14} {done:4} of {n:4} runs, {_minutes(states):5.0f} min to go")
    return 0


def _minutes(states: list[State]) -> float:
    return sum(one.expected_s for one in states) / 60


def _dry_run(states: list[State], *, as_json: bool) -> int:
    """Every run that would be made, in order."""
    for one in states:
        for config in one.missing:
            if as_json:
                emit(
                    {"collection": one.wanted.name, "hash": config.hash, "config": config.to_dict()}
                )
            else:
                print(f"{one.wanted.name}: {title_of(config)}")
    return 0


def _record(chosen: list[Wanted], folder: Path, arguments: Namespace, *, with_base: bool) -> int:
    from core.models.probe import probe
    from core.recorded.make import Recorder, make, make_base_answers, own_store

    found = probe()
    device = found.device.partition(":")[0]
    remember_machine(device=device, dtype=found.dtype)

    def identity(config: RunConfig) -> str:
        dtype = found.dtype if config.dtype == "auto" else config.dtype
        return identity_in(config, device=device, dtype=dtype)

    states = [plan.state(one, folder=folder, identity=identity) for one in chosen]
    if not arguments.anew:
        plan.refuse_mixed(states)
    recorder = Recorder(
        folder=folder,
        store=own_store(),
        identity=identity,
        allow_disturbed=arguments.out is not None,
        say=say,
    )
    if arguments.anew:
        for one in states:
            plan.remove(one, folder)
        states = [plan.state(one, folder=folder, identity=identity) for one in chosen]
    asked = base_requests(acquire.load_tokenizer(catalog.DEFAULT_MODEL)) if with_base else []
    if asked and make_base_answers(asked, recorder):
        say("what lessons show of the base model is recorded")
    todo = [config for one in states for config in one.missing]
    todo = todo[: arguments.most or None]
    left_out, begun, rough_s = 0, time.monotonic(), 0.0
    rough_left_s = sum(map(plan.expected_s, todo))
    for number, made in enumerate(make(chosen, recorder, most=arguments.most), start=1):
        rough_s += plan.expected_s(made.config)
        took_s = time.monotonic() - begun
        left_s = (rough_left_s - rough_s) * took_s / rough_s
        what = f"{made.collection}: {title_of(made.config)}"
        left_out += made.run is None
        if made.run:
            scores = ", ".join(f"{k} {v:.2f}" for k, v in made.run.summary.scores.items())
            how = f"{scores} ({made.run.seconds:.0f} s)"
            how += ", disturbed" if made.run.stamp.disturbed else ""
        else:
            how = f"left out: {made.left_out}"
        say(f"{number} of {len(todo)}, {left_s / 60:.0f} min left: {what}: {how}")
        if arguments.json:
            emit(
                {
                    "collection": made.collection,
                    "hash": made.config.hash,
                    "run_id": made.run.run_id if made.run else None,
                    "left_out": made.left_out,
                    "left_s": round(left_s),
                }
            )
    if left_out:
        say(f"{left_out} runs were left out; the same command tries them again")
    return 1 if left_out else 0


def title_of(config: RunConfig) -> str:
    """A run in a few words."""
    order = " then " if config.data.order == "sequential" else " + "
    method = config.method
    words = [order.join(config.data.tasks), method.name, f"rate {config.optimizer.learning_rate:g}"]
    usual = RunConfig().method
    for field in (
        "rank",
        "target_modules",
        "layers",
        "bottleneck",
        "virtual_tokens",
        "prompt_start",
    ):
        value = getattr(method, field)
        if value != getattr(usual, field):
            said = " ".join(value) if isinstance(value, tuple) else value
            words.append(f"{field.replace('_', ' ')} {said}")
    cure = config.cure
    if cure.regularizer != "none":
        words.append(f"{cure.regularizer} {cure.strength:g}")
    if cure.rehearse:
        words.append(f"rehearse {cure.rehearse} {cure.rehearse_share:g}")
    if config.data.train_examples:
        words.append(f"{config.data.train_examples} examples")
    return ", ".join([*words, f"seed {config.seed}"])
