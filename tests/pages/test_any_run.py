"""Whatever run stands in the URL, of any kind and state: every page shows it or says why not.

The runs are records written here; nothing is trained, and the worker is one that never answers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import pages.shared.engine
from core import catalog, events
from core.answer import Answer
from core.config import DataConfig, EvaluationConfig, MethodConfig, MitigationConfig, RunConfig
from core.data import uploads
from core.data.examples import Example, task_examples
from core.errors import UserError
from core.evaluate.task import score
from core.models.acquire import model_dir
from core.runs.engines.local import LocalEngine
from core.runs.store import Run, RunStore, RunSummary
from tests.core.conftest import make_tokenizer
from tests.pages.test_pages import PAGES, ROOT, name_of
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.thorough

PAIRS = [{"prompt": f"cat {n}", "completion": "yes" if n % 2 else "no"} for n in range(12)]
NAMES = {"forgetting": ("run", "sequence"), "multitask": ("mix",)}
"""Under which a page keeps a run in its address; others as "run"."""
STEPS = 4
LABELS = DataConfig(task="topic")
STATES = ("queued", "running", "stopped", "failed", "failed at once")
GONE = "20200101-000000-abcdef"


def own_data(**settings: Any) -> DataConfig:
    return DataConfig(task=catalog.CUSTOM_TASK, dataset=uploads.keep(PAIRS), **settings)


def configs() -> dict[str, RunConfig]:
    """One of each kind of run there is."""
    two = EvaluationConfig(tasks=("general",), prompts=("What is your name?",))
    watched = EvaluationConfig(tasks=("names", "general"), prompts=("What is your name?",))
    sequence = DataConfig(others=("names", "topic", "emotion"), order="sequential")
    return {
        "own data": RunConfig(data=own_data(), evaluation=two),
        "own data, LoRA on its last layers": RunConfig(
            data=own_data(), method=MethodConfig(name="lora", last_layers=2)
        ),
        "sentiment": RunConfig(method=MethodConfig(name="full"), evaluation=watched),
        "another task": RunConfig(data=LABELS, method=MethodConfig(name="adapter")),
        "a sequence": RunConfig(data=sequence, method=MethodConfig(name="full")),
        "a mixture": RunConfig(data=DataConfig(task="qa", others=("summary",))),
        "a soft prompt": RunConfig(method=MethodConfig(name="prompt", virtual_tokens=2)),
        "a prefix": RunConfig(method=MethodConfig(name="prefix"), evaluation=watched),
        "a cure": RunConfig(
            method=MethodConfig(name="full"),
            evaluation=watched,
            cure=MitigationConfig(regularizer="ewc", strength=10.0),
        ),
        "DoRA": RunConfig(method=MethodConfig(name="dora", target_modules=("up_proj",))),
        "another model": RunConfig(model="gpt2", evaluation=watched),
    }


def recorded(config: RunConfig, *, last_step: int) -> Iterator[events.Event]:
    """What such a run says up to `last_step`; its answers are all right."""
    task = config.data.task
    yield events.Started(
        model=config.model, method=config.method.name, task=task, device="cpu", dtype="float32",
        n_train=8, n_validation=2, n_test=4, trainable_params=10, total_params=100,
    )  # fmt: skip
    yield from checked(config, 0)
    if config.method.name == "prompt":
        words = [events.Word(token="good", x=0.0, y=1.0), events.Word(token="bad", x=1.0, y=0.0)]
        yield events.VocabularyMap(step=0, words=words, explained=(0.2, 0.1))
        yield virtual(0)
    n = STEPS // len(config.data.tasks) if config.data.order == "sequential" else STEPS
    for step in range(1, last_step + 1):
        if config.data.order == "sequential" and (step - 1) % n == 0:
            at = (step - 1) // n
            yield events.Phase(
                index=at, task=config.data.tasks[at], first_step=step, last_step=step + n - 1
            )
        yield events.Step(
            step=step, loss=2.0 / step, learning_rate=1e-3, grad_norm=1.0, examples_per_s=8.0,
            tokens_per_s=99.0, tokens_computed=60, tokens_padded=90, step_s=0.5, elapsed_s=0.5 * step,
        )  # fmt: skip
        if step == 1:
            yield events.Memory(
                step=1, frozen_bytes=400, trained_bytes=40, gradient_bytes=40, optimizer_bytes=80,
                activation_bytes=999, n_tokens=60,
            )  # fmt: skip
        if config.method.name == "prompt":
            yield virtual(step)
        if step % n == 0:
            yield from checked(config, step)


def virtual(step: int) -> events.VirtualTokens:
    near = [events.NearWord(token=" good", cosine=0.3)]
    tokens = [events.VirtualToken(x=0.1 * step, y=0.2, norm=1.0, nearest=near)] * 2
    return events.VirtualTokens(step=step, tokens=tokens)


def checked(config: RunConfig, step: int) -> Iterator[events.Event]:
    yield events.Validation(step=step, loss=1.0, n=2)
    for task in config.evaluation_tasks():
        examples = (
            [Example(prompt=p["prompt"], completion=p["completion"]) for p in PAIRS[:4]]
            if task == catalog.CUSTOM_TASK
            else task_examples(task, "test")[:4]
        )
        answers = [Answer(e.completion, was_cut=False) for e in examples]
        yield score(task, examples, answers, step=step, max_new_tokens=8, elapsed_s=0.1)
        first = examples[0]
        yield events.Sample(
            step=step,
            task=task,
            prompt=first.prompt,
            reference=first.completion,
            output=answers[0].text,
        )
    for prompt in config.evaluation.prompts:
        yield events.Sample(step=step, task="", prompt=prompt, reference="", output="SmolLM")
        rows = [events.TokenProbability(token="My", probability=0.9, first=True)]
        yield events.NextTokens(step=step, prompt=prompt, rows=rows)
    if step and config.method.name == "full":
        rows = [events.MatrixMovement(layer=0, module="q_proj", relative=0.01 * step)]
        yield events.Movement(step=step, rows=rows)


def keep(store: RunStore, config: RunConfig, status: str) -> str:
    """Record a run in a state; returns its id."""
    if status == "queued":
        return store.submit(config).id
    run = store.start(config, worker=f"somewhere else {uuid4()}")  # each run has its own
    last_step = {"failed at once": -1, "stopped": 0, "failed": 2, "running": 2}.get(status, STEPS)
    for event in recorded(config, last_step=last_step) if last_step >= 0 else ():
        store.append(run.id, event)
    end(store, run, status)
    return run.id


def end(store: RunStore, run: Run, status: str) -> None:
    """Bring a running run to its end; "running" lets it be."""
    if status == "finished":
        scores = dict.fromkeys(run.config.evaluation_tasks(), 1.0)
        summary = RunSummary(
            scores=scores, first_scores=scores, steps=STEPS, train_s=2.0, elapsed_s=3.0,
            trainable_params=10, total_params=100, artifact_bytes=40,
        )  # fmt: skip
        store.finish(run.id, summary)
    elif status == "stopped":
        store.stop(run.id, "Stopped.")
    elif status != "running":
        store.fail(run.id, "The disk is full.")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """An empty store; the model seems to be there, and the worker cannot do what it is asked."""
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    folder = model_dir(catalog.MODELS[catalog.DEFAULT_MODEL])
    folder.mkdir(parents=True)
    make_tokenizer(folder)
    (folder / "config.json").write_text(CONFIG)
    monkeypatch.setattr(pages.shared.engine, "is_ready", lambda entry: True)
    monkeypatch.setattr(LocalEngine, "ask", no_answer)
    st.cache_resource.clear()
    st.cache_data.clear()
    return RunStore()


CONFIG = (
    '{"model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "vocab_size": 49152,'
    '"num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,'
    '"tie_word_embeddings": true, "max_position_embeddings": 2048}'
)


def no_answer(engine: LocalEngine, operation: str, **args: Any) -> Iterator[Any]:
    raise UserError("The run has no saved weights; run it again.")


ABOUT_RUNS = [p for p in PAGES if name_of(p) not in ("home", "before", "speed", "one_base")]
each_page = pytest.mark.parametrize("page", ABOUT_RUNS, ids=name_of)


def looked_at(page: str, run_ids: Iterable[str]) -> Iterator[AppTest]:
    """The page with one run after another in its address."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    app.run()  # only then does Streamlit know the pages' addresses; before, it would open home
    app.switch_page(str(Path(page).relative_to(ROOT)))
    for run_id in run_ids:
        for name in NAMES.get(name_of(page), ("run",)):
            app.query_params.clear()
            app.query_params[name] = run_id
            yield app.run()


def broken(app: AppTest) -> list[str]:
    return [shown.message for shown in app.exception]


@each_page
def test_a_finished_run_of_any_kind(page: str, store: RunStore) -> None:
    kinds = configs()
    runs = {keep(store, config, "finished"): kind for kind, config in kinds.items()}
    for app in looked_at(page, runs):
        assert not broken(app), runs[next(iter(app.query_params.values()))[0]]
        assert app.title[0].value != "Tuning Fork"


@each_page
def test_a_run_in_any_state(page: str, store: RunStore) -> None:
    states = {keep(store, configs()["own data"], status): status for status in STATES}
    for app in looked_at(page, states):
        assert not broken(app), states[next(iter(app.query_params.values()))[0]]
        assert not app.error or "The disk is full." in {e.value for e in app.error}
        assert app.title[0].value != "Tuning Fork"


WITHOUT_RUNS = {
    "before_after",
    "challenges",
    "choice",
    "classroom",
    "findings",
    "glossary",
    "progress",
    "teachers",
    "wall",
}
"""Pages whose address holds no run."""


@each_page
def test_a_run_that_is_not_there_is_said_to_be_gone(page: str, store: RunStore) -> None:
    keep(store, configs()["sentiment"], "finished")
    for app in looked_at(page, [GONE, "no run"]):
        assert not broken(app)
        assert not app.error
        said = [c.value for c in app.caption if "is not on this machine" in c.value]
        assert len(said) == (name_of(page) not in WITHOUT_RUNS)


@each_page
def test_a_run_whose_settings_no_longer_work(page: str, store: RunStore, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(CONFIG)
    run_id = keep(store, replace(configs()["own data"], model=str(folder)), "finished")
    (folder / "config.json").unlink()
    for app in looked_at(page, [run_id]):
        assert not broken(app)
        assert all("no longer work" in e.value for e in app.error)
        assert app.title[0].value != "Tuning Fork"


@pytest.mark.parametrize(
    ("lesson", "status", "said"),
    [
        ("multitask", "finished", "scored on no task of this lesson"),
        ("soft_prompts", "finished", "trained no soft prompt"),
        ("lora", "finished", "not a LoRA run"),
        ("lora", "stopped", "Only a finished run"),
    ],
)
def test_a_lesson_says_why_it_has_nothing_for_a_run(
    lesson: str, status: str, said: str, store: RunStore
) -> None:
    config = RunConfig(data=own_data(), method=MethodConfig(name="adapter"))
    page = str(ROOT / "pages" / "lessons" / lesson / "page.py")
    (app,) = looked_at(page, [keep(store, config, status)])
    assert any(said in c.value for c in app.caption)


@pytest.mark.parametrize("status", ["queued", "running", "finished"])
def test_one_run_under_both_names_of_forgetting_is_drawn_once(store: RunStore, status: str) -> None:
    run_id = keep(store, configs()["a sequence"], status)
    (app, *_) = looked_at(str(ROOT / "pages" / "lessons" / "forgetting" / "page.py"), [run_id])
    app.query_params["sequence"] = app.query_params["run"] = run_id
    app.run()
    assert not broken(app)
    assert [c.value for c in app.caption].count("This run’s curves are drawn above.") == 1
    drawn = [
        c for c in app.get("plotly_chart") if not c.key.endswith("_curve_picture")
    ]  # the guess
    assert bool(drawn) == (status != "queued")  # the matrix stays


@pytest.mark.parametrize(
    ("kind", "asked"), [("sentiment", "The soup was cold"), ("own data", "cat ")]
)
def test_both_models_are_first_asked_what_the_run_is_about(
    store: RunStore, kind: str, asked: str
) -> None:
    page = str(ROOT / "pages" / "lessons" / "instruction" / "page.py")
    (app,) = looked_at(page, [keep(store, configs()[kind], "finished")])
    boxes = [a for a in app.text_area if a.label.startswith("A prompt that was not in training")]
    assert [asked in box.value for box in boxes] == [True]


def test_the_table_of_runs_names_tasks_and_methods_as_people_do(store: RunStore) -> None:
    keep(store, configs()["own data, LoRA on its last layers"], "finished")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    app.run()
    app.switch_page("pages/lab/runs/page.py").run()
    table = app.dataframe[0].value
    assert table.run[0].startswith("own pairs · LoRA")


def test_how_sure_a_sequence_is_comes_from_its_own_examples(store: RunStore) -> None:
    run_id = keep(store, configs()["a sequence"], "finished")
    _, app = looked_at(str(ROOT / "pages/lessons/forgetting/page.py"), [run_id])
    assert any("measured on 4 test examples" in caption.value for caption in app.caption)


@pytest.mark.parametrize("page", ["home", "lessons/before"])
def test_the_rounding_of_the_model_is_said(page: str, store: RunStore) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    app.run().switch_page(f"pages/{page}/page.py").run()
    said = catalog.MODELS[catalog.DEFAULT_MODEL].rounding
    assert any(said in caption.value for caption in app.caption)


def test_what_an_export_is_of_stands_beside_its_command(store: RunStore) -> None:
    config = replace(configs()["sentiment"], method=MethodConfig(name="lora"))
    (app,) = looked_at(str(ROOT / "pages/lab/runs/page.py"), [keep(store, config, "finished")])
    said = catalog.MODELS[catalog.DEFAULT_MODEL].rounding
    assert any(said in caption.value for caption in app.caption)
