"""Own pairs on the pages: what is recognised is shown, edits win, keep their split and survive a reload."""

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from core import catalog
from core.config import DataConfig
from core.data import uploads
from core.data.edited import EditedRow, keep_edited
from core.data.examples import Splits, load_splits
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]
PAIRS = [{"prompt": f"question {n}", "completion": f"answer {n}"} for n in range(20)]
JSONL = "\n".join(map(json.dumps, PAIRS))


def byte_tokenizer() -> ChatTokenizer:
    """One byte is one token; a chat template as simple as can be."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=258,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([], trainer)
    template = "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}"
    return ChatTokenizer(backend, template, {"eos_token": "<|im_end|>"}, 2048, end_ids=(1,))


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The app as if the model were prepared; its tokenizer stands in, nothing here computes."""
    import streamlit as st

    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    monkeypatch.setattr("pages.shared.engine.is_ready", lambda *args: True)
    tokenizer = byte_tokenizer()
    for place in (
        "pages.shared.engine.tokenizer",
        "pages.lessons.evaluation.any_model.tokenizer",
        "pages.lessons.instruction.training_data.tokenizer",
    ):
        monkeypatch.setattr(place, lambda *args: tokenizer)
    st.cache_resource.clear()
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()


def open_own(app: AppTest, **query: str) -> AppTest:
    app.query_params["instruction_task"] = "Your own pairs"
    for name, value in query.items():
        app.query_params[name] = value
    return app.switch_page("pages/lessons/instruction/page.py").run()


def upload(app: AppTest, name: str, content: str | bytes) -> AppTest:
    raw = content.encode() if isinstance(content, str) else content
    app.file_uploader[0].set_value((name, raw, "text/plain")).run()
    assert not app.exception
    return app


def in_url(app: AppTest, name: str = "dataset") -> str:
    found = app.query_params.get(name, [""])
    return found if isinstance(found, str) else found[0]


def counts(app: AppTest) -> list[str]:
    wanted = ("Training pairs", "Validation pairs", "Test pairs")
    found = {metric.label: metric.value for metric in app.metric}
    return [found[label] for label in wanted]


def edit(app: AppTest, **change: Any) -> AppTest:
    """Change cells as a reader does; the page reruns by itself until it is at rest."""
    state = {"edited_rows": {}, "added_rows": [], "deleted_rows": []} | change
    app.session_state[app.data_editor[0].key] = state
    app.run()
    assert not app.exception
    return app


def parts(app: AppTest) -> Splits:
    return load_splits(DataConfig(task=catalog.CUSTOM_TASK, dataset=in_url(app)), seed=0)


def test_an_edit_wins_while_the_file_is_in_the_uploader(app: AppTest) -> None:
    """Each edit was overwritten by the file, and dropped the test and validation pairs."""
    upload(open_own(app), "own.jsonl", JSONL)
    before = parts(app)
    assert counts(app) == ["14", "2", "4"]
    edit(app, edited_rows={0: {"completion": "mended"}})
    after = parts(app)
    assert app.file_uploader[0].value is not None
    assert after.train[0].completion == "mended"
    assert after.train[1:] == before.train[1:]
    assert (after.validation, after.test) == (before.validation, before.test)
    assert counts(app) == ["14", "2", "4"]
    edit(app, edited_rows={0: {"completion": "mended"}, 3: {"prompt": "mended, too"}})
    assert [parts(app).train[n].prompt for n in (0, 3)] == [before.train[0].prompt, "mended, too"]
    app.run()
    assert parts(app).train[0].completion == "mended"


def test_an_edit_survives_a_reload_before_any_button(app: AppTest) -> None:
    edit(upload(open_own(app), "own.jsonl", JSONL), edited_rows={0: {"completion": "mended"}})
    address = in_url(app)
    again = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    open_own(again, dataset=address)
    assert counts(again) == ["14", "2", "4"]
    assert again.data_editor[0].value["completion"].iloc[0] == "mended"
    edit(again, edited_rows={1: {"completion": "and again"}})
    assert [e.completion for e in parts(again).train[:2]] == ["mended", "and again"]
    assert counts(again) == ["14", "2", "4"]


def test_rows_that_are_added_and_taken_away(app: AppTest) -> None:
    upload(open_own(app), "own.jsonl", JSONL)
    edit(app, added_rows=[{"prompt": "new", "completion": "pair"}], deleted_rows=[0, 1])
    assert counts(app) == ["13", "2", "4"]
    assert parts(app).train[-1].prompt == "new"


def test_a_bad_edit_is_said_and_loses_nothing(app: AppTest) -> None:
    upload(open_own(app), "own.jsonl", JSONL)
    edit(app, edited_rows={0: {"completion": "mended"}}, added_rows=[{"prompt": "half"}])
    assert [w.value for w in app.warning] == [
        "Row 15 (“half”) is left out: its completion is empty."
    ]
    assert parts(app).train[0].completion == "mended"
    address = in_url(app)
    edit(app, deleted_rows=list(range(14)))
    assert "No training pairs are left in the table" in app.error[0].value
    assert in_url(app) == address
    edit(app, edited_rows={0: {"completion": "~" * 2_000}})
    assert "1 pair over the limit of 1,024 tokens" in app.error[0].value
    assert len(app.data_editor) == 1


def test_a_built_in_task_is_edited_with_its_test(app: AppTest) -> None:
    app.query_params["instruction_task"] = "Names"
    app.switch_page("pages/lessons/instruction/page.py").run()
    before = load_splits(DataConfig(task="names"), seed=0)
    edit(app, edited_rows={0: {"completion": "Zoe"}})
    assert app.query_params["instruction_task"] in ("Your own pairs", ["Your own pairs"])
    after = parts(app)
    assert after.train[0].completion == "Zoe"
    assert [e.prompt for e in after.test] == [e.prompt for e in before.test]
    assert counts(app)[1:] == [str(len(before.validation)), str(len(before.test))]


def test_edits_are_of_all_training_pairs_not_of_those_used(app: AppTest) -> None:
    upload(open_own(app), "own.jsonl", JSONL)
    app.number_input(key="instruction_train_examples").set_value(3).run()
    assert counts(app) == ["3", "2", "4"]
    edit(app, edited_rows={0: {"completion": "mended"}})
    assert len(parts(app).train) == 14


def test_the_file_is_used_again_on_demand(app: AppTest) -> None:
    upload(open_own(app), "own.jsonl", JSONL)
    address = in_url(app)
    edit(app, edited_rows={0: {"completion": "mended"}})
    assert in_url(app) != address
    app.button(key="instruction_back").click().run()
    assert in_url(app) == address
    assert not app.exception


ALPACA = json.dumps(
    [{"instruction": "Name it.", "input": f"cat {n}", "output": n} for n in range(8)]
)


@pytest.mark.parametrize("page", ["instruction", "evaluation"])
def test_the_mapping_is_shown_and_can_be_changed(page: str, app: AppTest) -> None:
    url = "dataset" if page == "instruction" else "tests"
    if page == "instruction":
        open_own(app)
    else:
        app.query_params["evaluation_task"] = "Your own file"
        app.switch_page("pages/lessons/evaluation/page.py").run()
    upload(app, "a.json", ALPACA)
    said = "8 pairs. JSON array; alpaca: prompt from instruction + input, completion from output."
    assert said in [caption.value for caption in app.caption]
    first = uploads.load(in_url(app, url))[0]
    assert (first["prompt"], first["completion"]) == ("Name it.\n\ncat 0", "0")
    (select,) = [s for s in app.selectbox if s.label == "Completion from"]
    (many,) = [m for m in app.multiselect if m.label == "Prompt from"]
    assert (many.value, select.value) == (["instruction", "input"], "output")
    many.set_value(["input"]).run()
    assert uploads.load(in_url(app, url))[0]["prompt"] == "cat 0"
    assert not app.exception


def test_unknown_columns_are_chosen(app: AppTest) -> None:
    content = "title;body\n" + "".join(f"a{n};b{n}\n" for n in range(8))
    upload(open_own(app), "own.csv", content)
    assert "choose the columns" in app.error[0].value
    (select,) = [s for s in app.selectbox if s.label == "Completion from"]
    (many,) = [m for m in app.multiselect if m.label == "Prompt from"]
    assert (many.value, select.value) == ([], None)
    many.set_value(["title"])
    select.set_value("body").run()
    assert not app.error
    assert counts(app) == ["6", "1", "1"]


def test_bad_lines_are_named_and_left_out_on_demand(app: AppTest) -> None:
    content = "prompt,completion\n" + "".join(f"a{n},b{n}\n" for n in range(8)) + "c,nan\n"
    upload(open_own(app), "own.csv", content)
    assert "own.csv, line 10: the completion is “nan”" in app.error[0].value
    (box,) = [c for c in app.checkbox if c.label.startswith("Leave out lines")]
    box.set_value(True).run()
    assert not app.error
    assert counts(app) == ["6", "1", "1"]


def test_columns_that_were_chosen_stay_when_a_bad_line_is_left_out(app: AppTest) -> None:
    """The choice was lost with the error, and asked for again."""
    content = "title;body\n" + "".join(f"a{n};b{n}\n" for n in range(8)) + "c;nan\n"
    upload(open_own(app), "own.csv", content)
    (many,) = [m for m in app.multiselect if m.label == "Prompt from"]
    (select,) = [s for s in app.selectbox if s.label == "Completion from"]
    many.set_value(["title"])
    select.set_value("body").run()
    assert "line 10: the completion (body) is “nan”" in app.error[0].value
    (box,) = [c for c in app.checkbox if c.label.startswith("Leave out lines")]
    box.set_value(True).run()
    assert not app.error
    assert counts(app) == ["6", "1", "1"]


@pytest.mark.parametrize("page", ["instruction", "evaluation"])
def test_what_is_too_long_is_said_with_its_line(page: str, app: AppTest) -> None:
    if page == "instruction":
        open_own(app)
    else:
        app.query_params["evaluation_task"] = "Your own file"
        app.switch_page("pages/lessons/evaluation/page.py").run()
    long = {"prompt": "~" * 3_000, "completion": "x"}
    upload(app, "own.jsonl", JSONL + "\n" + json.dumps(long))
    (said,) = [error.value for error in app.error]
    assert said.startswith("own.jsonl: 1 line over the limit of")
    assert "line 21 (" in said


CASES = ROOT.parent / "shared" / "cases"
REFUSED = ("nan_text.csv", "null_completion.jsonl", "surrogate.jsonl")


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases lie beside the checkout")
@pytest.mark.parametrize("page", ["instruction", "evaluation"])
@pytest.mark.parametrize(
    "path", sorted(p for p in CASES.glob("*") if p.suffix != ".md"), ids=lambda path: path.name
)
def test_the_shared_cases_through_the_uploads(page: str, path: Path, app: AppTest) -> None:
    if page == "instruction":
        open_own(app)
    else:
        app.query_params["evaluation_task"] = "Your own file"
        app.switch_page("pages/lessons/evaluation/page.py").run()
    upload(app, path.name, path.read_bytes())
    said = [error.value for error in app.error]
    if path.name in REFUSED:
        assert path.name in said[0]
        (box,) = [c for c in app.checkbox if c.label.startswith("Leave out lines")]
        box.set_value(True).run()
        assert not app.error
    elif path.name == "long_one_of_twelve.jsonl":
        assert "line 12 (" in said[0]
    else:
        assert not said
    assert not app.exception


def test_edited_rows_as_a_table_gives_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    address = uploads.keep(PAIRS)
    splits = load_splits(DataConfig(task=catalog.CUSTOM_TASK, dataset=address), seed=0)
    rows = [
        EditedRow(prompt="a", completion="b", tags=["x"]),
        EditedRow(prompt=None, completion=float("nan")),
        EditedRow(prompt="c", completion="nan"),
        EditedRow(prompt=None, completion="d"),
        EditedRow(prompt=splits.test[0].prompt.upper(), completion="leaks"),
    ]
    kept, left_out = keep_edited(rows, splits)
    assert left_out == [
        "Row 3 (“c”) is left out: its completion is “nan”, which a data frame writes for an empty cell.",
        "Row 4 (“d”) is left out: its prompt is empty.",
    ]
    found = load_splits(DataConfig(task=catalog.CUSTOM_TASK, dataset=kept), seed=5)
    assert [(e.prompt, e.completion, e.tags) for e in found.train] == [("a", "b", ("x",))]
    assert (found.validation, found.test) == (splits.validation, splits.test)
    with pytest.raises(UserError, match="No training pairs are left"):
        keep_edited(rows[1:4], splits)
