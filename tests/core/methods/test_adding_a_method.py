"""The example of docs/adding-a-method.md, added as the text says: everything else follows from it."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core import methods
from core.cli.main import build_parser, main
from core.config import METHODS, MethodConfig, RunConfig, default_learning_rate, method_title
from core.errors import UserError
from core.experiments import record
from core.experiments.methods import recorded_configs
from core.formulas.memory import memory_parts
from core.formulas.parameters import count, trained_share
from core.models.load import LoadedModel
from core.paths import ROOT
from core.shape import PUBLISHED, total_parameters
from pages.lessons.peft.pictures import layer_picture
from pages.lessons.peft.shares import share_figure, share_rows
from tests.core.methods.tuning import logits, tune
from tests.patience import PATIENCE_S

NAME, TITLE = "last_norm", "Last norm only"
SHAPE = PUBLISHED["SmolLM2-135M"]
DOC = (ROOT / "docs/adding-a-method.md").read_text("utf-8")


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One module, entered by one call."""
    (source,) = re.findall(r"```python\n(.*?)```", DOC, re.DOTALL)
    module = ModuleType(NAME)
    monkeypatch.setitem(sys.modules, NAME, module)
    exec(compile(source, "docs/adding-a-method.md", "exec"), module.__dict__)
    for table in (METHODS, methods.MODULES):  # so that it is taken out of both again
        monkeypatch.setitem(table, NAME, None)
    methods.add(module)
    record.recorded.cache_clear()  # what it kept is of the methods there are
    yield
    record.recorded.cache_clear()


def test_without_being_added_it_is_not_known() -> None:
    assert NAME not in METHODS
    with pytest.raises(UserError, match="not known"):
        MethodConfig(name=NAME)


@pytest.mark.thorough
@pytest.mark.usefixtures("added")
def test_settings_and_command_line_know_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert MethodConfig(name=NAME).name == NAME
    assert default_learning_rate(NAME) == 1e-2
    assert method_title(NAME) == TITLE
    assert NAME in [config.method.name for config in recorded_configs((), (0,))]
    with pytest.raises(SystemExit):
        build_parser().parse_args(["train", "--help"])
    assert NAME in capsys.readouterr().out
    assert main(["train", "--method", NAME, "--dry-run", "--json"]) == 0
    assert '"learning_rate": 0.01' in capsys.readouterr().out
    assert main(["memory", "--method", NAME]) == 0
    assert "576 trained" in capsys.readouterr().out
    wanted = RunConfig(method=MethodConfig(name=NAME))
    assert RunConfig.from_dict(wanted.to_dict()) == wanted


@pytest.mark.usefixtures("added")
def test_formulas_and_pictures_know_it() -> None:
    method = MethodConfig(name=NAME)
    assert count(method, SHAPE).n == 576
    assert trained_share(method, SHAPE) == 576 / total_parameters(SHAPE)
    assert memory_parts(method, SHAPE)[3].n_bytes == 2 * 576
    svg = layer_picture(method, SHAPE)
    assert f"One decoder layer with {TITLE}. {METHODS[NAME].adds}" in svg
    assert svg.count('fill="#ffffff"') == 1  # the label of the one place that is trained
    rows = share_rows(SHAPE)
    assert TITLE in set(rows.title)
    marks = [trace.marker.symbol for trace in share_figure(rows, []).data]  # pyright: ignore
    assert any("circle-cross-open" in symbol for symbol in marks if symbol)


@pytest.mark.thorough
@pytest.mark.usefixtures("added")
def test_the_lesson_offers_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import streamlit as st

    monkeypatch.setenv("TUNING_FORK_HOME", str(tmp_path))
    st.cache_resource.clear()
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    app.run()  # only then does Streamlit know the pages' addresses
    app.switch_page("pages/lessons/peft/page.py")
    app.run()
    app.select_slider(key="peft_family").set_value("selective").run()
    assert TITLE in app.button_group(key="peft_method_selective").options
    app.button_group(key="peft_method_selective").set_value(NAME).run()
    assert not app.exception
    assert any(TITLE in shown.value for shown in app.markdown)
    assert TITLE in app.selectbox(key="peft_calc_method").options


@pytest.mark.usefixtures("added")
def test_it_trains_and_is_kept(tiny: LoadedModel, tmp_path: Path) -> None:
    before = logits(tiny.model)
    tuned = tune(NAME, tiny)
    assert methods.count_parameters(tuned)[0] == 32
    assert not torch.allclose(logits(tuned), before)
    assert torch.equal(logits(tiny.model), before)
    methods.find(NAME).save(tuned, tiny.model, tmp_path)
    again = methods.find(NAME).load(tiny.model, tmp_path)
    torch.testing.assert_close(logits(again), logits(tuned), rtol=0, atol=1e-2)


ALLOWED = {
    "core/experiments/mitigations.py": "cures of forgetting; some are methods, each with another knob",
    "core/experiments/prompting.py": "the two methods that this experiment compares with prompts",
    "core/bench/ablation.py": "its workloads, two of which are called by what they train",
    "core/bench/ablation_parts.py": "the same workloads",
    "core/bench/flops.py": "the three that the benchmark measures, counted once more on their own",
    "pages/lessons/choice/figures.py": "how the ways of the same experiment look",
    "pages/lessons/cures/pictures.py": "how the cures are drawn",
    "pages/lessons/cures/plane.py": "how the cures look",
    "pages/lessons/forgetting/page.py": "the four that the lesson offers",
    "pages/lessons/lora/page.py": "the variants that the lesson offers",
    "pages/lessons/multitask/page.py": "the two that the lesson offers",
    "core/findings/low_rank.py": "three that train few parameters, compared with full fine-tuning",
    "pages/lessons/soft_prompts/sizes.py": "how the two that the chart compares look",
    "pages/lessons/instruction/settings.py": "the two that the lesson offers",
    "pages/lessons/instruction/stepping.py": "those whose B starts at 0",
}
"""Files that choose among the methods; none of them is a table of all."""


def named(node: ast.AST) -> set[str]:
    """The methods that the keys of a dict, or a list of constants, name."""
    if isinstance(node, ast.Dict):
        items = [part for key in node.keys if key for part in (key, *ast.iter_child_nodes(key))]
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        items = node.elts
    else:
        return set()
    return {i.value for i in items if isinstance(i, ast.Constant) and isinstance(i.value, str)} & {
        *METHODS
    }


def sources() -> Iterator[Path]:
    for folder in ("core", "pages"):
        yield from (p for p in (ROOT / folder).rglob("*.py") if p.parent.name != "methods")


def test_no_other_file_has_a_table_of_methods() -> None:
    found: dict[str, set[str]] = {}
    for path in sources():
        text = path.read_text("utf-8")
        if sum(f'"{name}"' in text for name in METHODS) < 2:
            continue
        for node in ast.walk(ast.parse(text)):
            if len(names := named(node)) > 1:
                found.setdefault(path.relative_to(ROOT).as_posix(), set()).update(names)
    assert found.keys() <= ALLOWED.keys(), found
    assert ALLOWED.keys() <= found.keys(), "no longer needed here"
    assert max(len(names) for names in found.values()) < len(METHODS) / 2


def test_the_readme_names_every_method_in_their_order() -> None:
    assert f"Methods: `{' '.join(METHODS)}`" in (ROOT / "README.md").read_text("utf-8")
