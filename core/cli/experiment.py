"""The command `experiment`: many runs that a lesson compares, one after another."""

from argparse import Namespace
from collections.abc import Sequence

from core import catalog
from core.cli import reports
from core.cli.adapter_answers import run_adapters
from core.cli.first_screens import run_first_screens
from core.cli.output import emit, emit_event, say
from core.cli.prompting import run_prompting
from core.config import RunConfig
from core.config.command import names
from core.errors import UserError, quote
from core.experiments import methods, mitigations, mixtures, soft_prompts
from core.experiments.sweep import Sweep
from core.models import acquire
from core.runs.store import Run, RunStore

NAMES = (
    "cures",
    "mixtures",
    "methods",
    "soft_prompts",
    "sweep",
    "prompting",
    "first_screens",
    "adapters",
)
OWN_RECORD = ("first_screens", "adapters")
"""Few answers each, that lessons open with; what the others measure is recorded run by run."""


def run_experiment(arguments: Namespace) -> int:
    """Carry out every run that is not done yet, then say what was found."""
    if arguments.record and arguments.name not in OWN_RECORD:
        raise UserError(
            f"--record goes with {' and '.join(OWN_RECORD)} only. What the app shows of the other experiments are "
            "recorded runs: python -m core record --help"
        )
    if arguments.name == "prompting":
        return run_prompting(arguments, _seeds(arguments))
    if arguments.name == "first_screens":
        return run_first_screens(arguments)
    if arguments.name == "adapters":
        return run_adapters(arguments)
    configs = _configs(arguments)
    if not acquire.is_ready(catalog.find_model(configs[0].model)):
        raise UserError("The model is not prepared yet; run: python -m core prepare")
    from core.experiments.runner import carry_out
    from core.runs.worker import BaseKeeper

    store, keeper = RunStore(), BaseKeeper()

    def show_run(number: int, run: Run, was_done: bool) -> None:
        scores = ", ".join(f"{task} {score:.2f}" for task, score in run.summary.scores.items())
        how = "done before" if was_done else f"{run.summary.elapsed_s:.0f} s"
        say(
            f"{number + 1} of {len(configs)}: {_title(run.config, arguments.name)}: {scores} ({how})"
        )

    on_event = emit_event if arguments.json else lambda event: None
    finished = carry_out(configs, store, keeper, on_run=show_run, on_event=on_event)
    if report := reports.REPORTS.get(arguments.name):
        for row, words in report(finished, store):
            emit(row) if arguments.json else print(words)
    return 0


def _seeds(arguments: Namespace) -> list[int]:
    """The seeds, after a look at options that belong to another experiment."""
    for option, only in (("cures", "cures"), ("methods", "methods"), ("task", "prompting")):
        if getattr(arguments, option) and arguments.name != only:
            raise UserError(f"--{option} goes with the experiment {only} only.")
    try:
        return [int(seed) for seed in arguments.seeds.split(",")]
    except ValueError as error:
        raise UserError(
            f"--seeds wants whole numbers: 0,1,2; got {quote(arguments.seeds)}."
        ) from error


def _configs(arguments: Namespace) -> Sequence[RunConfig]:
    seeds = _seeds(arguments)
    if arguments.name == "mixtures":
        return list(mixtures.recorded_configs(seeds))
    if arguments.name == "methods":
        return list(methods.recorded_configs(names(arguments.methods), seeds))
    if arguments.name == "soft_prompts":
        return list(soft_prompts.token_configs(seeds))
    if arguments.name == "sweep":
        ranks, rates = _ranks(arguments.ranks), _rates(arguments.rates)
        grids = (Sweep(ranks=ranks, rates=rates, seed=seed) for seed in seeds)
        return [config for grid in grids for config in grid.configs()]
    return list(mitigations.recorded_configs(names(arguments.cures), seeds))


def _ranks(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in names(text))
    except ValueError as error:
        raise UserError(f"--ranks wants whole numbers: 1,8,64; got {quote(text)}.") from error


def _rates(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in names(text))
    except ValueError as error:
        raise UserError(f"--rates wants numbers: 3e-4,1e-3; got {quote(text)}.") from error


def _title(config: RunConfig, experiment: str) -> str:
    method = config.method
    if experiment == "methods":
        return f"{method.name}, seed {config.seed}"
    if experiment == "soft_prompts":
        return f"{method.virtual_tokens} virtual tokens, seed {config.seed}"
    if experiment == "sweep":
        rate = config.optimizer.learning_rate
        return f"rank {method.rank}, learning rate {rate:g}, seed {config.seed}"
    found = mitigations.mitigation_of(config)
    if found is None:
        return f"{' + '.join(config.data.tasks)}, seed {config.seed}"
    mitigation = mitigations.MITIGATIONS[found[0]]
    return f"{mitigation.title}, {mitigation.knob} {found[1]:g}, seed {config.seed}"
