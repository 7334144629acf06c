"""What the command `experiment` prints at its end: each row as JSON and as words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from statistics import fmean

from core.evaluate.form_and_label import LINE_FIELDS, Line, mean_lines
from core.experiments import mitigations
from core.experiments.claims import LEARNED_ENOUGH, group
from core.experiments.method_rows import method_row, method_settings
from core.experiments.plane import point, settings
from core.experiments.soft_prompts import size_run
from core.runs.store import Run, RunStore

Row = tuple[Mapping[str, object], str]
"""As JSON and as words."""


def report_mitigations(runs: Sequence[Run], store: RunStore) -> Iterator[Row]:
    """Each setting over its seeds, and the cures at equal learning."""
    points = [point(run.valid_config, store.events(run.id), run_id=run.id) for run in runs]
    found = settings([p for p in points if p])
    for setting in found:
        measured = setting.general is not None
        low, high = setting.spread("general") if measured else (None, None)
        names_low, names_high = setting.spread("names")
        row = {
            "type": "setting",
            "cure": setting.mitigation,
            "value": setting.value,
            "seeds": len(setting.points),
            "learned": round(setting.learned, 3),
            "general": setting.general,
            "general_range": [low, high],
            "names": round(setting.names, 3),
            "names_range": [round(names_low, 3), round(names_high, 3)],
            "saw_names": setting.saw_names,
            **line_fields(setting.lines),
        }
        general = f"{setting.general:.2f} [{low:.2f}, {high:.2f}]" if measured else "–"
        trained = ", trained on" if setting.saw_names else ""
        yield (
            row,
            (
                f"{mitigations.MITIGATIONS[setting.mitigation].title:22} {setting.value:8g}  "
                f"sentiment {setting.learned:.2f}  general {general}  names {setting.names:.2f} "
                f"[{names_low:.2f}, {names_high:.2f}{trained}]  ({len(setting.points)} seeds)"
            ),
        )
    for mitigation in mitigations.MITIGATIONS.values():
        enough = group(found, mitigation.id, "general", mitigation.title, least=LEARNED_ENOUGH)
        if enough.values:
            words = f"sentiment of at least {LEARNED_ENOUGH}: {mitigation.title:22} general {enough.words}"
            yield {"type": "at_equal_learning", "cure": mitigation.id, "kept": enough.values}, words


def report_methods(runs: Sequence[Run], store: RunStore) -> Iterator[Row]:
    """Each method over its seeds: share, memory, disk, seconds, learned and kept."""
    rows = (
        method_row(run.valid_config, store.events(run.id), run.summary, run_id=run.id)
        for run in runs
    )
    for setting in method_settings(row for row in rows if row):
        share = setting.rows[0].share
        found = {
            task: values
            for task in ("sentiment", "names", "general")
            if (values := setting.values(task))
        }
        scores = {
            task: {"mean": fmean(values), "range": [min(values), max(values)]}
            for task, values in found.items()
        }
        means = {
            name: mean
            for name in ("training_bytes", "total_bytes", "artifact_bytes", "step_s")
            if (mean := setting.mean(name)) is not None
        }
        row = {
            "type": "method",
            "method": setting.name,
            "setting": setting.knob,
            "seeds": len(setting.rows),
            "trainable_params": setting.rows[0].n_trained,
            "share": share,
            **means,
            "scores": scores,
            **line_fields(setting.lines),
        }
        said = "  ".join(
            f"{task} {fmean(values):.2f} [{min(values):.2f}, {max(values):.2f}]"
            for task, values in found.items()
        )
        yield (
            row,
            (
                f"{setting.title:36} {100 * share:9.4f} %  "
                f"{means['total_bytes'] / 1e6:7.0f} MB in all, "
                f"{means['training_bytes'] / 1e6:.0f} MB of it to train  "
                f"{means['artifact_bytes'] / 1e6:7.2f} MB on disk  {means['step_s']:.2f} s/step  {said}"
            ),
        )


def report_soft_prompts(runs: Sequence[Run], store: RunStore) -> Iterator[Row]:
    """Each number of virtual tokens over its seeds."""
    made = (size_run(run.valid_config, store.events(run.id), is_recorded=False) for run in runs)
    by_size = sorted((r for r in made if r), key=lambda r: r.virtual_tokens)
    for n, group_of in groupby(by_size, key=lambda r: r.virtual_tokens):
        same = list(group_of)
        scores = [r.score for r in same]
        low, high = min(scores), max(scores)
        found = line_fields(mean_lines([r.lines for r in same]))
        row = {"type": "size", "virtual_tokens": n, "scores": scores, **found}
        words = f"{n:3d} virtual tokens: sentiment {fmean(scores):.2f} [{low:.2f}, {high:.2f}]"
        yield row, f"{words}  ({len(scores)} seeds)"


def report_sweep(runs: Sequence[Run], store: RunStore) -> Iterator[Row]:
    """Each rank and learning rate: learned and kept."""
    del store
    for run in runs:
        rank, rate = run.config.method.rank, run.config.optimizer.learning_rate
        scores = run.summary.scores
        row = {"type": "cell", "rank": rank, "learning_rate": rate, "seed": run.config.seed}
        words = "  ".join(f"{task} {score:.2f}" for task, score in scores.items())
        yield row | {"scores": scores}, f"rank {rank:3d}, learning rate {rate:8g}: {words}"


def line_fields(found: Sequence[Line]) -> dict[str, float | None]:
    """Right form and likeliest label of a row; None where they were not measured."""
    values = {line.field: round(line.value, 3) for line in found}
    return {field: values.get(field) for field in LINE_FIELDS}


REPORTS: dict[str, Callable[[Sequence[Run], RunStore], Iterator[Row]]] = {
    "cures": report_mitigations,
    "methods": report_methods,
    "soft_prompts": report_soft_prompts,
    "sweep": report_sweep,
}
