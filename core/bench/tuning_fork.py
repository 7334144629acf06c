"""Our side of a measurement: `core.train`, as the app runs it. Needs torch."""

import time

from core.answer import Answer
from core.bench.device import peak_memory_mb, synchronize
from core.bench.flops import needed_flops
from core.bench.process_results import Figures, OnFirst, WarmStart
from core.bench.tree import count
from core.bench.workloads import (
    ANSWER_TOKENS,
    WORKLOADS,
    Workload,
    checksums,
    prompts_to_answer,
    run_config,
)
from core.catalog import find_model
from core.config import RunConfig
from core.events import Evaluation, Step
from core.generate.batch import answer_greedily
from core.models.acquire import model_dir
from core.models.load import LoadedModel, load
from core.models.probe import resolve_dtype
from core.shape import of_folder
from core.train.plan import batches_of, make_plan
from core.train.training import train


def load_base(model: str, dtype: str = "auto") -> LoadedModel:
    return load(model, dtype=resolve_dtype(dtype))


def _found(base: LoadedModel) -> Figures:
    """What every measurement says of itself, before its first step."""
    dtype = str(base.dtype).removeprefix("torch.")
    return Figures(setting=dtype, dtype=dtype, device=str(base.device))


def measure_training(
    workload: Workload,
    *,
    model: str,
    seed: int,
    steps: int,
    n_scored: int,
    on_first: OnFirst,
    dtype: str = "auto",
) -> Figures:
    """Train as a run does; calls `on_first` at the first loss. The time of a step is the whole of it."""
    config = run_config(workload, model=model, seed=seed, steps=steps, n_scored=n_scored)
    base = load_base(model, dtype)
    found = _found(base)
    tick = time.perf_counter()
    for event in train(config, base):
        if isinstance(event, Step):
            synchronize(base.device)
            now = time.perf_counter()
            if event.step == 1:
                on_first()
            found.step_s.append(now - tick)
            found.losses.append(event.loss)
            if event.step == steps:
                found.peak_memory_mb = peak_memory_mb(base.device)
            tick = time.perf_counter()
        if isinstance(event, Evaluation) and event.step == steps and n_scored:
            found.score, found.n_scored = event.score, event.n
    add_what_is_needed(found, config, base)
    return found


def add_what_is_needed(found: Figures, config: RunConfig, base: LoadedModel) -> None:
    """Operations and tokens of the very batches of a run, means over its steps."""
    shape = of_folder(model_dir(find_model(config.model)))
    batches = batches_of(make_plan(config, base.tokenizer), config)
    counts = [count(batch) for batch in batches]
    flops = [needed_flops(batch, config.method, shape) for batch in batches]
    n = len(batches)
    found.needed_flops = sum(flops) / n
    found.tokens_computed = sum(c.nodes for c in counts) / n
    found.tokens = sum(c.tokens for c in counts) / n
    found.tokens_padded = sum(c.padded for c in counts) / n


def measure_answering(
    workload: Workload, *, model: str, steps: int, on_first: OnFirst, dtype: str = "auto"
) -> Figures:
    """Answer the same prompts `steps` times, each time anew."""
    base = load_base(model, dtype)
    prompts = [base.tokenizer.ask(e.prompt) for e in prompts_to_answer(workload.tasks)]
    found = _found(base)
    answers: list[Answer] = []
    for number in range(steps):
        base.answers.clear()
        tick = time.perf_counter()
        answers = answer_greedily(base.model, base, prompts, max_new_tokens=ANSWER_TOKENS)
        found.step_s.append(time.perf_counter() - tick)
        if not number:
            on_first()
    found.answers = checksums([answer.text for answer in answers])
    found.peak_memory_mb = peak_memory_mb(base.device)
    return found


def measure_warm_start(*, model: str, dtype: str = "auto") -> WarmStart:
    """In a warm process: from the wish for a run to its first loss, once the base has answered before."""
    base, waited = load_base(model, dtype), list[float]()
    for steps in range(1, 5):
        config = run_config(WORKLOADS["lora8"], model=model, seed=0, steps=steps)
        tick = time.perf_counter()
        for event in train(config, base):
            if isinstance(event, Step) and event.step == 1:
                waited.append(time.perf_counter() - tick)
    return WarmStart(warm_first_loss_s=tuple(waited[1:]))
