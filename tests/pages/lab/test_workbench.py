"""The Workbench, driven as a reader does: pairs in, mapping, check, model, settings, run, and the result out."""

import json
import time

import pytest
from streamlit.testing.v1 import AppTest

from core import catalog
from core.config import METHODS, SETTINGS, RunConfig
from core.data import uploads
from core.experiments.rate_finder import STEPS, rate_configs
from core.runs.messages import AskProbes
from core.runs.store import RunStore, RunSummary
from pages.lab.workbench.settings_form import ELSEWHERE, method_settings
from tests.events import step
from tests.pages.fake_engine import FakeEngine
from tests.pages.lab.test_many_runs import finished, slow
from tests.pages.test_any_run import ROOT, end, keep, own_data, store
from tests.pages.test_lessons import engine
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.thorough
__all__ = ["engine", "store"]  # fixtures

GOOD = "\n".join(
    json.dumps({"prompt": f"cat {n} {n * 7}", "completion": "yes" if n % 2 else "no"})
    for n in range(30)
)
SEMICOLON = "Frage;Antwort;Notiz\r\n" + "".join(
    f"Was ist {n} mal {n * 3}?;{n * n * 3};x\r\n" for n in range(12)
)


def opened(page: str = "workbench", **address: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page(f"pages/lab/{page}/page.py").run()
    assert not app.exception
    return app


def upload(app: AppTest, name: str, content: str | bytes) -> AppTest:
    raw = content.encode() if isinstance(content, str) else content
    app.file_uploader[0].set_value((name, raw, "text/plain")).run()
    assert not app.exception
    return app


def use(app: AppTest) -> AppTest:
    (button,) = [b for b in app.button if b.label.startswith("Use these")]
    button.click().run()
    assert not app.exception
    return app


def address(app: AppTest) -> str:
    found = app.query_params.get("dataset", [""])
    return found if isinstance(found, str) else found[0]


def said(app: AppTest) -> str:
    drawn = (*app.caption, *app.success, *app.warning, *app.error, *app.markdown)
    return "\n".join(one.value for one in drawn)


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def test_it_is_empty_before_there_are_pairs(engine: FakeEngine) -> None:
    app = opened()
    assert [h.value for h in app.header] == ["1 · Your pairs"]
    assert not app.error
    assert "Run" not in labels(app)


def test_a_file_is_shown_as_it_is_understood_and_used_when_confirmed(engine: FakeEngine) -> None:
    """Nothing is guessed silently: before the click nothing is kept."""
    app = upload(opened(), "own.csv", SEMICOLON)
    assert "choose the columns" in app.warning[0].value
    assert list(app.dataframe[0].value.columns) == ["Frage", "Antwort", "Notiz"]
    (many,) = [m for m in app.multiselect if m.label == "Prompt from"]
    (one,) = [s for s in app.selectbox if s.label == "Completion from"]
    many.set_value(["Frage"])
    one.set_value("Antwort").run()
    assert "12 pairs. CSV, semicolon" in said(app)
    assert address(app) == ""
    use(app)
    assert uploads.load(address(app))[1]["completion"] == "3"
    assert "12 pairs of own.csv" in app.success[0].value
    assert [h.value for h in app.header][1:] == [
        "2 · Data check",
        "3 · Model",
        "4 · Method and settings",
        "5 · Run",
    ]


def test_columns_that_were_chosen_stay_when_a_bad_line_is_left_out(engine: FakeEngine) -> None:
    app = upload(opened(), "own.csv", SEMICOLON + "Was?;nan;x\r\n")
    (many,) = [m for m in app.multiselect if m.label == "Prompt from"]
    (one,) = [s for s in app.selectbox if s.label == "Completion from"]
    many.set_value(["Frage"])
    one.set_value("Antwort").run()
    assert "line 14: the completion (Antwort) is “nan”" in app.error[0].value
    (box,) = [c for c in app.checkbox if c.label.startswith("Leave out lines")]
    box.set_value(True).run()
    assert not app.error
    assert [b.label for b in app.button if b.label.startswith("Use these")] == [
        "Use these 12 pairs"
    ]
    assert [m.value for m in app.multiselect if m.label == "Prompt from"] == [["Frage"]]


def test_a_pasted_table(engine: FakeEngine) -> None:
    app = opened()
    app.segmented_control(key="workbench_source").set_value("Pasted text").run()
    app.text_area(key="workbench_text").set_value("question\tanswer\na\tb\nc\td\n").run()
    assert "question/answer" in said(app)
    use(app)
    assert [r["completion"] for r in uploads.load(address(app))] == ["b", "d"]
    assert "training needs at least 4" in app.error[0].value  # and it can be mended


def test_bad_lines_are_named_left_out_and_listed(engine: FakeEngine) -> None:
    app = upload(opened(), "own.jsonl", GOOD + '\n{"prompt": "a", "completion": null}\n')
    assert "line 31: the completion is missing" in app.error[0].value
    assert not [b for b in app.button if b.label.startswith("Use these")]
    (box,) = [c for c in app.checkbox if c.label.startswith("Leave out lines")]
    box.set_value(True).run()
    use(app)
    assert "Line 31 is left out: the completion is missing." in said(app)


def test_bad_pairs_hold_the_run_back_and_are_shown(engine: FakeEngine) -> None:
    long = json.dumps({"prompt": "~" * 3_000, "completion": "yes"})
    app = use(upload(opened(), "own.jsonl", f"{GOOD}\n{long}\n"))
    assert "1 line over the limit" in app.error[0].value
    assert "workbench_run_start" not in [b.key for b in app.button]
    assert "First mend what the data check says in red." in said(app)
    shown = [d.value for d in app.dataframe if "finding" in d.value.columns]
    assert list(shown[0]["line"]) == [31]


def test_sound_pairs_run_with_the_settings_in_the_form(engine: FakeEngine, store: RunStore) -> None:
    app = use(upload(opened(), "own.jsonl", GOOD))
    assert "Nothing to mend was found." in said(app)
    app.button(key="workbench_run_start").click().run()
    assert not app.exception
    (run,) = store.runs()
    assert run.config == RunConfig.from_dict(
        {
            "data": {"task": catalog.CUSTOM_TASK, "dataset": address(app)},
            "method": {"name": "lora"},
            "optimizer": {"steps": 20},
        }
    )
    (bar,) = app.get("progress")
    assert bar.proto.text.startswith("Waiting")


def number(app: AppTest, name: str):
    return next(n for n in app.number_input if n.key and n.key.startswith(f"workbench_{name}_"))


def test_every_setting_reaches_the_run(engine: FakeEngine, store: RunStore) -> None:
    app = opened(dataset=uploads.keep([json.loads(line) for line in GOOD.splitlines()]))
    number(app, "method_rank").set_value(4).run()
    assert number(app, "method_alpha").value == 8.0  # twice the rank
    number(app, "optimizer_learning_rate").set_value(2e-4)
    number(app, "optimizer_steps").set_value(7)
    number(app, "evaluation_every").set_value(5)
    number(app, "seed").set_value(3).run()
    app.button(key="workbench_run_start").click().run()
    (run,) = store.runs()
    config = run.config
    assert (config.method.rank, config.method.alpha) == (4, 8.0)
    assert (config.optimizer.learning_rate, config.optimizer.steps) == (2e-4, 7)
    assert (config.evaluation.every, config.seed) == (5, 3)


def test_every_method_has_its_settings_and_a_sound_default(
    engine: FakeEngine, store: RunStore
) -> None:
    app = opened(dataset=uploads.keep([json.loads(line) for line in GOOD.splitlines()]))
    others = {p for p in SETTINGS if not p.startswith("method.") and p not in ELSEWHERE}
    for method in METHODS:
        app.selectbox(key="workbench_method").set_value(method).run()
        assert not app.exception
        assert not app.error
        kinds = (app.number_input, app.selectbox, app.multiselect, app.text_input, app.text_area)
        drawn = [widget.key for kind in kinds for widget in kind if widget.key]
        shown = {
            path
            for path in SETTINGS
            if any(key.startswith(f"workbench_{path.replace('.', '_')}_") for key in drawn)
        }
        assert shown == {*others, *method_settings(METHODS[method])}, method
        app.button(key="workbench_run_start").click().run()
        config = store.runs()[0].config
        assert config.method.name == method
        assert config.optimizer.learning_rate == METHODS[method].learning_rate


def test_no_setting_of_a_method_is_out_of_reach() -> None:
    offered = {path for spec in METHODS.values() for path in method_settings(spec)}
    assert offered == {p for p in SETTINGS if p.startswith("method.")} - {"method.name"}


def test_settings_that_do_not_go_together_are_one_sentence(engine: FakeEngine) -> None:
    app = opened(dataset=uploads.keep([json.loads(line) for line in GOOD.splitlines()]))
    (select,) = [s for s in app.selectbox if s.key and "cure_regularizer" in s.key]
    select.set_value("ewc").run()
    assert [e.value for e in app.error] == [
        "A regularizer goes with a strength above 0, and only with it."
    ]


def test_a_model_that_is_not_here_is_offered(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pages.shared.engine

    monkeypatch.setattr(
        pages.shared.engine, "is_ready", lambda entry: entry.id == catalog.DEFAULT_MODEL
    )
    app = opened(dataset=uploads.keep([json.loads(line) for line in GOOD.splitlines()]))
    app.selectbox(key="workbench_model").set_value("smollm2-360m-instruct").run()
    assert not app.exception
    assert "724 MB to fetch" in said(app)
    assert "The lessons stay with" in said(app)
    app.button(key="workbench_prepare_prepare").click().run()
    assert engine.preparations["smollm2-360m-instruct"].running
    assert len(app.get("progress")) == 1


@pytest.mark.parametrize("path", ["/no/such/folder", "/"])
def test_a_folder_that_holds_no_model_is_said(path: str, engine: FakeEngine) -> None:
    app = opened(dataset=uploads.keep([json.loads(line) for line in GOOD.splitlines()]))
    app.selectbox(key="workbench_model").set_value("folder").run()
    app.text_input(key="workbench_folder").set_value(path).run()
    assert len(app.error) == 1
    assert not app.exception


@pytest.mark.parametrize("name", ["--out /etc/x", "--out", "../x", "a/b/c"])
def test_names_on_the_hub_are_checked_before_anything_is_fetched(
    name: str, engine: FakeEngine
) -> None:
    app = opened()
    app.segmented_control(key="workbench_source").set_value("The Hugging Face hub").run()
    app.text_input(key="workbench_hub").set_value(name).run()
    assert "named owner/name" in app.error[0].value
    assert "Fetch it" not in labels(app)


def step_by_step(store: RunStore, state: str) -> str:
    return keep(store, RunConfig(data=own_data()), state)


def test_a_run_is_followed_stopped_and_taken_home(engine: FakeEngine, store: RunStore) -> None:
    run_id = step_by_step(store, "running")
    dataset = store.get(run_id).config.data.dataset
    app = opened(run=run_id, dataset=dataset)
    assert "Stop" in labels(app)
    assert not [h for h in app.subheader if h.value == "Take it home"]
    end(store, store.get(run_id), "finished")
    app.run()
    assert not app.exception
    assert [h.value for h in app.subheader] == ["Run doctor", "Take it home"]
    (formats,) = [s for s in app.selectbox if s.label == "Format"]
    assert len(formats.options) == 6  # its record has no adapter of peft's


def test_the_doctor_and_the_probes_stand_below_a_run(engine: FakeEngine, store: RunStore) -> None:
    run = finished(store, *slow(), has_weights=True)
    app = opened(run=run)
    assert [h.value for h in app.subheader] == [
        "Run doctor",
        "What your tuning broke",
        "Take it home",
    ]
    assert "Stop" not in labels(app)
    app.button(key="workbench_broke_ask").click().run()
    assert not app.exception
    assert engine.asked == [AskProbes(run=run)]
    assert "Names in a text" in app.selectbox(key="workbench_broke_skill").options
    (button,) = (b for b in app.button if b.label == "Next run: Train at a rate of 0.001")
    button.click().run()
    assert not app.exception
    assert app.query_params["run"] == store.runs()[0].id
    assert store.runs()[0].config == RunConfig()


def test_a_learning_rate_is_found_and_put_into_the_form(
    engine: FakeEngine, store: RunStore
) -> None:
    app = opened(dataset=uploads.keep([json.loads(line) for line in GOOD.splitlines()]))
    app.button(key="workbench_rates_start").click().run()
    assert not app.exception
    runs = store.runs()
    configs = rate_configs(runs[0].config)
    assert {run.config for run in runs} == {*configs}
    assert "Stop them" in labels(app)
    for run, loss in zip(reversed(runs), (1.9, 1.8, 0.3, 0.25, 0.2, 1.5, None), strict=True):
        store.claim(worker="another-host:1:1.00")
        for at in range(1, STEPS + 1):
            store.append(run.id, step(at, 2.0 if at == 1 else loss or 3.0))
        if loss is None:
            store.fail(run.id, "The loss became nan at step 12: training diverged.")
        else:
            store.finish(run.id, RunSummary())
    app.run()
    assert not app.exception
    assert "the lowest, 0.20, comes with 0.003" in said(app)
    app.button(key="workbench_rates_use").click().run()
    assert not app.exception
    rate = number(app, "optimizer_learning_rate")
    assert (rate.value, rate.proto.format) == (3e-4, "%.4f")  # no exponent
    assert "The form has this rate: 0.0003." in said(app)
    app.button(key="workbench_run_start").click().run()
    assert store.runs()[0].config.optimizer.learning_rate == 3e-4


def test_a_failed_run_says_why_and_offers_no_way_out(engine: FakeEngine, store: RunStore) -> None:
    app = opened(run=step_by_step(store, "failed"))
    assert "The disk is full." in said(app)
    assert not [h for h in app.subheader if h.value == "Take it home"]


def test_what_was_expected_stands_beside_what_it_took(engine: FakeEngine, store: RunStore) -> None:
    step_by_step(store, "finished")
    time.sleep(0.01)
    app = opened(run=step_by_step(store, "finished"))
    assert "It took 3 s instead of about 12 s (76\u00a0% less)." in said(app)
