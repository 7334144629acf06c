"""Rights on the pages: no module goes round them, and no page shows, stops or deletes what is another learner's.

The first tests read the code of all pages: a new way round is found, not only those that somebody thought of. The
others open pages as a learner with the address of a run that another one holds.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import pages.shared.engine
from core.config import RunConfig
from core.errors import UserError
from core.paths import ROOT
from core.runs.marks import Mark
from core.runs.rights import VisitorStore, store_for
from core.runs.states import RunStatus
from core.runs.store import RunStore, RunSummary, worker_identity
from core.visitor import Visitor
from tests.events import evaluation, step
from tests.pages.fake_engine import FakeEngine
from tests.patience import PATIENCE_S

ANNA = Visitor("space-of-anna", "learner", "7a", "Anna")
BEN = Visitor("space-of-ben", "learner", "7a", "Ben")
TEACHER = Visitor("7a", "teacher", "7a")
WAY_IN = "pages/shared/engine.py"
"""The one module that has the whole store and engine."""
WHOLE = {
    *("RunStore", "LocalEngine", "EventCache", "Forecast", "Database", "ClassLimits", "Marks"),
    *("Healer", "store_for", "VisitorStore", "VisitorEngine", "server_engine", "_every_run"),
    *("_event_cache", "_asked_once", "RayEngine"),
}
"""What is all runs, or gives them, when it is called."""
FILES = {"artifacts", "schema"}
"""Of core/runs: the files and tables of all runs."""
MODULES = sorted(p for p in (ROOT / "pages").rglob("*.py") if str(p.relative_to(ROOT)) != WAY_IN)


def called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    yield name
                case _:
                    pass


def private_of_engine(tree: ast.AST) -> Iterator[str]:
    """Private parts of `store()` and `engine()`, and the store that an engine holds."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Call(func=ast.Name(id="store" | "engine")), attr=name) if (
                name.startswith("_") or name == "store"
            ):
                yield name
            case _:
                pass


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT / "pages")))
def test_no_page_reaches_the_whole_store(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert not WHOLE & {*called(tree)}, "ask pages.shared.engine for store() and engine()"
    assert not [*private_of_engine(tree)]
    for module, name in imported(tree):
        is_files = f"{module}.{name}".removeprefix("core.runs.").split(".")[0] in FILES
        assert not (is_files and module.startswith("core.runs"))
        assert not (module == "pages.shared.engine" and name.startswith("_"))
        assert not (module == "pages.shared.engine" and name == "server_engine")


@pytest.mark.thorough
def test_the_core_that_pages_use_opens_no_store_of_its_own() -> None:
    """Else a page that calls it would have all runs without a word."""
    graph = grimp.build_graph("pages", "core", cache_dir=None)
    used = {m for m in graph.find_upstream_modules("pages", as_package=True) if "core" in m}
    apart = ("core.cli", "core.bench", "core.recorded.make", "core.runs.worker")
    assert "core.course.measured_run" in used
    for module in used:
        path = ROOT / Path(*module.split(".")).with_suffix(".py")
        if path.is_file() and not module.startswith(apart):
            assert "RunStore" not in called(ast.parse(path.read_text("utf-8"))), module


# As a learner


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.setattr(pages.shared.engine, "LocalEngine", FakeEngine)
    monkeypatch.setattr(pages.shared.engine, "is_ready", lambda entry: True)
    st.cache_resource.clear()
    st.cache_data.clear()
    yield RunStore()
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Visitor]:
    """Who looks at the pages: the last one in this list."""
    found = [BEN]
    for module in ("engine", "waiting", "run_button"):
        monkeypatch.setattr(f"pages.shared.{module}.visitor", lambda: found[-1])
    monkeypatch.setattr("pages.lab.runs.deletions.visitor", lambda: found[-1])
    return found


def of(visitor: Visitor, store: RunStore, config: RunConfig | None = None) -> str:
    """A finished run of a visitor."""
    config = config or RunConfig()
    run_id = store_for(visitor, store).submit(config).id
    assert store.claim(worker=worker_identity())
    store.append(run_id, evaluation(0, "sentiment", 0.5))
    store.append(run_id, step(1, loss=1.25))
    store.artifact_dir(run_id).mkdir(parents=True)
    store.finish(run_id, RunSummary(scores={"sentiment": 0.875}))
    return run_id


def said(app: AppTest) -> str:
    assert not app.exception
    texts = [*app.title, *app.header, *app.markdown, *app.caption, *app.error, *app.success]
    tables = [table.value.to_csv() for table in app.dataframe]
    return " ".join([*(text.value for text in texts), *tables])


def progress(app: AppTest) -> str:
    """What the progress bar says; "" where there is none."""
    assert not app.exception
    found = app.get("progress")
    return found[0].proto.text if found else ""


def runs_page(**address: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    for name, value in address.items():
        app.query_params[name] = value
    return app.switch_page("pages/lab/runs/page.py").run()


def test_what_pages_get_is_bound_to_who_looks(store: RunStore, looks: list[Visitor]) -> None:
    run_id = of(ANNA, store)
    assert isinstance(pages.shared.engine.store(), VisitorStore)
    assert pages.shared.engine.store().runs() == []
    for forbidden in (pages.shared.engine.events_of, pages.shared.engine.delete_run):
        with pytest.raises(UserError, match="among yours"):
            forbidden(run_id)
    looks.append(ANNA)
    assert pages.shared.engine.events_of(run_id)[-1] == step(1, loss=1.25)
    looks.append(BEN)  # what was kept for one reader is not given to the next
    with pytest.raises(UserError, match="among yours"):
        pages.shared.engine.events_of(run_id)


def test_an_answer_that_is_kept_is_given_to_nobody_else(
    store: RunStore, looks: list[Visitor]
) -> None:
    from core.runs.messages import LookAtSpectrum

    asked = LookAtSpectrum(run=of(ANNA, store), layer=0, module="q_proj")
    looks.append(ANNA)
    assert pages.shared.engine.ask_once(asked).effective_rank == 1.7
    looks.append(BEN)
    with pytest.raises(UserError, match="among yours"):
        pages.shared.engine.ask_once(asked)
    with pytest.raises(UserError, match="among yours"):
        pages.shared.engine.engine().ask(asked)


@pytest.mark.thorough
def test_the_list_of_runs_shows_stops_and_deletes_nothing_of_others(
    store: RunStore, looks: list[Visitor]
) -> None:
    run_id = of(ANNA, store)
    store_for(ANNA, store).marks.put(run_id, Mark(name="Annas secret"))
    app = runs_page(run=run_id)
    assert "No runs yet" in said(app)
    own = of(BEN, store, RunConfig(seed=5))
    app = runs_page(run=run_id)
    assert "in this page’s address is not on this machine" in said(app)
    assert "Annas secret" not in said(app)
    assert run_id[-6:] not in said(app).replace(run_id, "")
    app = runs_page(run=own)
    assert own in said(app)
    app.button(key=f"runs_delete_{own}").click().run()
    assert "Deleted" in " ".join(info.value for info in app.info)
    looks.append(ANNA)
    app = runs_page(run=run_id)  # her list is not concerned
    assert "Annas secret" in said(app)
    looks.append(TEACHER)
    assert run_id[-6:] in said(runs_page())
    assert own[-6:] in said(runs_page())  # deleting is Ben's, and can be undone for a minute


@pytest.mark.thorough
def test_who_stops_a_run_that_others_want_leaves_it(store: RunStore, looks: list[Visitor]) -> None:
    run_id = store_for(ANNA, store).submit(RunConfig()).id
    store_for(BEN, store).submit(RunConfig())
    app = runs_page(run=run_id)
    app.button(key=f"live_stop_{run_id}").click().run()
    assert store.get(run_id).status is RunStatus.QUEUED
    assert [h.space for h in store.holdings()] == [ANNA.space]
    assert "No runs yet" in said(app)
    looks.append(ANNA)
    app = runs_page(run=run_id)
    app.button(key=f"live_stop_{run_id}").click().run()
    assert store.get(run_id).status is RunStatus.STOPPED


def pressing(settings: dict) -> None:  # type: ignore[type-arg]  (its text is run alone)
    import streamlit as st

    from core.config import RunConfig
    from core.errors import UserError
    from pages.shared.live import run_view
    from pages.shared.run_button import run_button

    try:
        if run_id := run_button(RunConfig.from_dict(settings), "Run", key="page", name="run"):
            run_view(run_id)
    except UserError as error:  # as app.py does
        st.error(str(error))


def lesson(config: RunConfig) -> AppTest:
    return AppTest.from_function(pressing, kwargs={"settings": config.to_dict()}).run()


@pytest.mark.thorough
def test_the_second_press_joins_the_first_and_sees_its_curves(
    store: RunStore, looks: list[Visitor]
) -> None:
    run_id = store_for(ANNA, store).submit(RunConfig()).id
    assert store.claim(worker=worker_identity())
    store.append(run_id, evaluation(0, "sentiment", 0.5))
    store.append(run_id, step(1, loss=1.25))
    app = lesson(RunConfig())
    assert not progress(app)
    app.button(key="page_start").click().run()
    assert app.query_params["run"] == run_id
    assert len(store.runs()) == 1
    assert progress(app).startswith("Step 1 of")
    assert "loss 1.25" in progress(app)


@pytest.mark.thorough
def test_what_has_finished_is_not_computed_again_in_a_class(
    store: RunStore, looks: list[Visitor]
) -> None:
    run_id = of(ANNA, store)
    (store.artifact_dir(run_id) / "weights").write_bytes(b"1")
    app = lesson(RunConfig())
    app.button(key="page_start").click().run()  # Ben has not pressed it before
    assert app.query_params["run"] == run_id
    app = lesson(RunConfig())
    assert [button.label for button in app.button] == ["Show the finished run"]
    app.button(key="page_show").click().run()
    assert "Finished after 1 steps" in said(app)
    assert len(store.runs()) == 1


@pytest.mark.thorough
def test_place_and_time_of_a_waiting_run_are_shown(store: RunStore, looks: list[Visitor]) -> None:
    done = store.start(RunConfig(seed=9), worker=worker_identity())
    steps = RunConfig().optimizer.steps
    store.finish(done.id, RunSummary(steps=steps, train_s=12.0, elapsed_s=12.0))
    for visitor, seed in ((ANNA, 1), (BEN, 2)):
        store_for(visitor, store).submit(RunConfig(seed=seed))
    assert "A new run waits for 2 others, about 25 s." in said(lesson(RunConfig(seed=3)))
    app = lesson(RunConfig(seed=2))
    app.button(key="page_start").click().run()
    assert progress(app).startswith("Waiting. 1 run before yours, about 12 s.")


def test_more_than_the_class_allows_is_one_sentence(store: RunStore, looks: list[Visitor]) -> None:
    from core.runs.limits import Limits

    store.limits.put("7a", Limits(steps=5, questions_a_minute=1))
    app = lesson(RunConfig())
    app.button(key="page_start").click().run()
    assert not app.exception
    (error,) = app.error
    assert error.value.startswith("A run in this class may take at most 5 steps")
    assert store.runs() == []
