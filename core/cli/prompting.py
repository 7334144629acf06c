"""The experiment `prompting`: few-shot prompts and tuned models of one task, measured in turns."""

from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from core import catalog
from core.cli.options import USUAL_MODEL
from core.cli.output import emit, emit_event, say
from core.data.shots import FORMS
from core.errors import UserError
from core.evaluate.limits import cut_line
from core.experiments import prompting
from core.experiments.break_even import BreakEven, break_even
from core.experiments.prompting import Row, Way
from core.models import acquire


def run_prompting(arguments: Namespace, seeds: Sequence[int]) -> int:
    """Measure what is not measured yet, then say what each way costs and when tuning pays."""
    task, json_wanted = arguments.task or "sentiment", arguments.json
    evaluations = list(prompting.prompt_evaluations(task, prompting.SHOTS, seeds))
    evaluations += prompting.prompt_evaluations(task, prompting.TEXT_SHOTS, seeds, form=FORMS[1])
    configs = list(prompting.tuned_configs(task, prompting.TUNED, prompting.SIZES, seeds))
    if not acquire.is_ready(catalog.find_model(USUAL_MODEL)):
        raise UserError("The model is not prepared yet; run: python -m core prepare")
    from core.experiments.measure_all import Measurer
    from core.runs.store import RunStore

    on_event = emit_event if json_wanted else lambda event: None
    measurer = Measurer(RunStore(), on_event=on_event)
    of = len(evaluations) + len(configs)
    rows = _shown(measurer.prompted(evaluations), 0, of, json_wanted=json_wanted)
    rows += _shown(measurer.tuned(configs), len(evaluations), of, json_wanted=json_wanted)
    asked = measurer.facts(prompting.tuned_config(task, "lora", 0, seed=seeds[0]))
    _report(prompting.ways(rows), asked, json_wanted=json_wanted)
    return 0


def _shown(rows: Iterable[Row], before: int, of: int, *, json_wanted: bool) -> list[Row]:
    """All rows, each said as soon as it is measured."""
    found: list[Row] = []
    for number, row in enumerate(rows, start=before + 1):
        found.append(row)
        (way,) = prompting.ways([row])
        say(
            f"{number} of {of}: {_title(way)}, seed {row.seed}: score {row.score:.2f}, "
            f"{1000 * way.latency_s():.0f} ms a request"
            + (
                f"; {line}"
                if (line := cut_line(row.n_cut, row.n, limit=row.max_new_tokens))
                else ""
            )
        )
        if json_wanted:
            emit({"type": "measurement", **asdict(row)})
    return found


def _title(way: Way) -> str:
    if way.is_tuned:
        seen = f" ({way.seen_words})" if way.seen_words else ""
        return f"{way.kind}, {way.labels} training examples{seen}"
    return f"{way.labels} shots" + (f" as {way.form}" if way.form else "")


def _report(found: Sequence[Way], asked: Sequence[dict[str, str]], *, json_wanted: bool) -> None:
    """Each way over its seeds; each tuned way against each prompted one; the facts."""
    for way in found:
        cost, cached = way.cost(), way.cost(cached=True)
        row = {
            "type": "way",
            "way": _title(way),
            "seeds": len(way.rows),
            "score": round(way.score, 3),
            "interval": [round(edge, 3) for edge in way.interval],
            **{line.field: round(line.value, 3) for line in way.lines},
            "prompt_tokens": round(way.prompt_tokens, 1),
            "answer_tokens": round(way.answer_tokens, 1),
            "latency_s": round(cost.each, 4),
            "latency_interval_s": [round(cost.low, 4), round(cost.high, 4)],
            "cached_latency_s": round(cached.each, 4),
            "one_off_s": round(cost.once, 2),
            "one_off_tokens": round(way.cost("tokens").once),
        }
        if json_wanted:
            emit(row)
        else:
            low, high = way.interval
            print(
                f"{_title(way):28} score {way.score:.2f} [{low:.2f}, {high:.2f}]  "
                f"{way.prompt_tokens + way.answer_tokens:5.0f} tokens  "
                f"{1000 * cost.each:5.0f} ms (cached {1000 * cached.each:.0f})  "
                f"once {cost.once:.1f} s"
            )
    for tuned in (way for way in found if way.is_tuned):
        for prompted in (way for way in found if not way.is_tuned):
            _report_pair(tuned, prompted, json_wanted=json_wanted)
    for fact in asked if json_wanted else ():
        emit({"type": "fact", **fact})


def _report_pair(tuned: Way, prompted: Way, *, json_wanted: bool) -> None:
    for unit in prompting.UNITS:
        for cached in (False, True):
            met = break_even(tuned.cost(unit, cached=cached), prompted.cost(unit, cached=cached))
            if json_wanted:
                row = {"tuned": _title(tuned), "prompted": _title(prompted), "unit": unit}
                emit({"type": "break_even", **row, "cached": cached, **vars(met)})
            elif unit == "seconds" and not cached:
                print(f"{_title(tuned)} against {_title(prompted)}: {_words(met)}")


def _words(met: BreakEven) -> str:
    def at(requests: int | None) -> str:
        return "never" if requests is None else f"{requests:,}"

    return f"pays from request {at(met.requests)} [{at(met.earliest)}, {at(met.latest)}]"
