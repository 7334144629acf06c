"""The experiment `first_screens`: what the first lessons show before anything is run."""

from argparse import Namespace

from core import catalog
from core.cli.options import USUAL_MODEL
from core.cli.output import emit, emit_event, say
from core.errors import UserError
from core.evaluate.limits import as_shown
from core.experiments import first_screens
from core.models import acquire


def run_first_screens(arguments: Namespace) -> int:
    """Carry out the runs that are missing, ask the base model, and write the record."""
    configs = first_screens.configs()
    if not acquire.is_ready(catalog.find_model(USUAL_MODEL)):
        raise UserError("The model is not prepared yet; run: python -m core prepare")
    from core.experiments.runner import carry_out
    from core.generate.batch import answer_greedily
    from core.runs.store import RunStore
    from core.runs.worker import BaseKeeper

    store, keeper = RunStore(), BaseKeeper()
    finished = carry_out(
        list(configs.values()),
        store,
        keeper,
        on_run=lambda number, run, was_done: say(f"{number + 1} of {len(configs)} is finished"),
        on_event=emit_event if arguments.json else lambda event: None,
    )
    base = keeper(configs["instruction"])
    asked = [base.tokenizer.ask(first_screens.REVIEW, raw=raw) for raw in (True, False)]
    raw, chat = answer_greedily(base.model, base, asked, max_new_tokens=first_screens.ANSWER_TOKENS)
    found = first_screens.record(
        dict(zip(configs, finished, strict=True)),
        store,
        raw=as_shown(raw),
        chat=as_shown(chat),
        dtype=str(base.dtype).removeprefix("torch."),
    )
    if arguments.record:
        first_screens.save(found, arguments.record)
    rows = {"raw completion": found.raw, "chat template": found.chat, "tuned": found.tuned}
    for way, answer in rows.items():
        emit({"type": "answer", "way": way, "answer": answer}) if arguments.json else print(
            f"{way}: {answer!r}"
        )
    return 0
