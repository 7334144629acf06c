"""The experiment `adapters`: an adapter for each task, and what each answers to prompts of all."""

from argparse import Namespace

from core import catalog
from core.answer import Answer
from core.cli.output import emit, emit_event, say
from core.errors import UserError
from core.evaluate.limits import as_shown
from core.experiments import adapter_answers
from core.experiments.adapter_answers import ANSWER_TOKENS, BASE
from core.generate.settings import SamplingSettings
from core.models import acquire
from core.runs.messages import Generated, Switch
from core.runs.store import Run, RunStore, worker_identity


def run_adapters(arguments: Namespace) -> int:
    """Train the adapters that are missing, ask the base and each of them, and write the record."""
    configs = adapter_answers.configs()
    if not acquire.is_ready(catalog.MODELS[catalog.DEFAULT_MODEL]):
        raise UserError("The model is not prepared yet; run: python -m core prepare")
    from core.runs.execute import execute
    from core.runs.inference_session import InferenceSession
    from core.runs.worker import BaseKeeper

    store, keeper = RunStore(), BaseKeeper()
    trained: dict[str, Run] = {}
    for task, config in configs.items():
        run = store.find_finished(config)
        if not run or not store.size_bytes(run.id):
            begun = store.start(config, worker=worker_identity())
            on_event = emit_event if arguments.json else lambda event: None
            execute(begun, store, keeper, on_event=on_event)
            run = store.get(begun.id)
        if run.status != "finished":
            raise UserError(f"The adapter for {task} {run.status}: {run.reason}")
        trained[task] = run
        say(f"{len(trained)} of {len(configs)} is finished")
    dtype = str(keeper(configs[next(iter(configs))]).dtype).removeprefix("torch.")
    session = InferenceSession(store)
    adapters = tuple(run.id for run in trained.values())
    answers: dict[str, dict[str, str]] = {}
    for asked in configs:
        prompt = adapter_answers.sample_prompt(asked)
        for task in (BASE, *configs):
            request = Switch(
                model=catalog.DEFAULT_MODEL,
                adapters=adapters,
                active={} if task == BASE else {trained[task].id: 1.0},
                text=prompt,
                settings=SamplingSettings(max_new_tokens=ANSWER_TOKENS),
            )
            *_, last = (m for m in session.answer(request) if isinstance(m, Generated))
            said = as_shown(Answer(last.token.text, not last.token.ended))
            answers.setdefault(prompt, {})[task] = said
            row = {"type": "answer", "task": asked, "adapter": task, "answer": said}
            emit(row) if arguments.json else print(f"{asked}, {task or 'base'}: {said!r}")
    if arguments.record:
        adapter_answers.save(adapter_answers.record(answers, dtype=dtype), arguments.record)
    return 0
