"""The command `experiment`: many runs that a lesson compares, one after another."""

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from core import catalog
from core.cli.commands import emit, names, say
from core.cli.prompting import run_prompting
from core.config import RunConfig
from core.errors import UserError
from core.experiments import cures, methods, mixtures, record
from core.experiments.findings import LEARNED_ENOUGH, group
from core.experiments.plane import point, settings
from core.models import acquire
from core.runs.store import Run, RunStore

NAMES = ("cures", "mixtures", "methods", "prompting")


def run_experiment(arguments: Namespace) -> int:
    """Carry out every run that is not done yet, then say what was found."""
    if arguments.name == "prompting":
        return run_prompting(arguments, _seeds(arguments))
    configs = _configs(arguments)
    if not acquire.is_ready(catalog.find_model(configs[0].model)):
        raise UserError("The model is not prepared yet; run: python -m core prepare")
    from core.experiments.carry_out import carry_out, score_untouched
    from core.runs.worker import BaseKeeper

    store, keeper = RunStore(), BaseKeeper()

    def show_run(number: int, run: Run, was_done: bool) -> None:
        scores = ", ".join(f"{task} {score:.2f}" for task, score in run.summary["scores"].items())
        how = "done before" if was_done else f"{run.summary['elapsed_s']:.0f} s"
        say(
            f"{number + 1} of {len(configs)}: {_title(run.config, arguments.name)}: {scores} ({how})"
        )

    on_event = emit if arguments.json else lambda event: None
    finished = carry_out(configs, store, keeper, on_run=show_run, on_event=on_event)
    if arguments.record:
        command = f"python -m core experiment {arguments.name} --seeds {arguments.seeds}"
        command += f" --cures {arguments.cures}" if arguments.cures else ""
        command += f" --methods {arguments.methods}" if arguments.methods else ""
        untouched = score_untouched(configs[0], keeper)
        found = record.record(arguments.name, finished, store, untouched=untouched, command=command)
        record.save(found, arguments.record)
    if arguments.name == "cures":
        _report_cures(finished, store, json_wanted=arguments.json)
    return 0


def _seeds(arguments: Namespace) -> list[int]:
    """The seeds, after a look at options that belong to another experiment."""
    for option, only in (("cures", "cures"), ("methods", "methods"), ("task", "prompting")):
        if getattr(arguments, option) and arguments.name != only:
            raise UserError(f"--{option} goes with the experiment {only} only.")
    try:
        return [int(seed) for seed in arguments.seeds.split(",")]
    except ValueError as error:
        raise UserError(f"--seeds wants whole numbers: 0,1,2; got {arguments.seeds!r}.") from error


def _configs(arguments: Namespace) -> Sequence[RunConfig]:
    seeds = _seeds(arguments)
    if arguments.name == "mixtures":
        return list(mixtures.recorded_configs(seeds))
    if arguments.name == "methods":
        return list(methods.recorded_configs(names(arguments.methods), seeds))
    return list(cures.recorded_configs(names(arguments.cures), seeds))


def _title(config: RunConfig, experiment: str) -> str:
    if experiment == "methods":
        return f"{config.method.name}, seed {config.seed}"
    found = cures.cure_of(config.to_dict())
    if found is None:
        return f"{' + '.join(config.data.tasks)}, seed {config.seed}"
    cure = cures.CURES[found[0]]
    return f"{cure.title}, {cure.knob} {found[1]:g}, seed {config.seed}"


def _report_cures(runs: Sequence[Run], store: RunStore, *, json_wanted: bool) -> None:
    """Each setting over its seeds, and the cures at equal learning."""
    points = [point(run.config_dict, store.events(run.id), run_id=run.id) for run in runs]
    found = settings([p for p in points if p])
    for setting in found:
        low, high = setting.spread("kept")
        row: dict[str, Any] = {
            "type": "setting",
            "cure": setting.cure,
            "value": setting.value,
            "seeds": len(setting.points),
            "learned": round(setting.learned, 3),
            "kept": round(setting.kept, 3),
            "kept_range": [round(low, 3), round(high, 3)],
            "general": setting.general,
        }
        if json_wanted:
            emit(row)
        else:
            print(
                f"{cures.CURES[setting.cure].title:22} {setting.value:8g}  "
                f"sentiment {setting.learned:.2f}  names {setting.kept:.2f} "
                f"[{low:.2f}, {high:.2f}]  general {setting.general or 0:.2f}  "
                f"({len(setting.points)} seeds)"
            )
    for cure in cures.CURES.values():
        enough = group(found, cure.id, "kept", cure.title, least=LEARNED_ENOUGH)
        if not enough.values:
            continue
        if json_wanted:
            emit({"type": "at_equal_learning", "cure": cure.id, "kept": enough.values})
        else:
            print(f"sentiment of at least {LEARNED_ENOUGH}: {cure.title:22} names {enough.words}")
