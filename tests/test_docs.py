"""The documents say what is there: every path, link and name in them exists, and a number has few hops."""

import ast
import re
import tomllib
from itertools import islice
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text("utf-8")
NAMED = re.compile(r"`([\w./]+\.(?:py|js)):([\w.]+)`")
HOPS = re.findall(r"^\| (.+?) \| (\d) \| (.+) \|$", ARCHITECTURE, re.MULTILINE)


def names(path: Path) -> set[str]:
    """Functions, classes and what classes hold, as "function", "Class" and "Class.part"."""
    text = path.read_text("utf-8")
    if path.suffix == ".js":
        return set(re.findall(r"function (\w+)", text))
    found: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found.add(node.name)
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    found.add(f"{node.name}.{part.name}")
                elif isinstance(part, ast.AnnAssign):
                    found.add(f"{node.name}.{ast.unparse(part.target)}")
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text("utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.thorough
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_and_names_exist(document: Path) -> None:
    text = document.read_text("utf-8")
    paths = re.findall(r"`((?:core|pages|assets|docs|tests)/[\w/]+(?:\.\w+)?)[/`:]", text)
    paths += re.findall(r"^((?:app|pages|core|assets|docs|tests)[\w/.]*) {2,}", text, re.MULTILINE)
    example = "weights"  # the lesson that adding-a-lesson.md makes up
    assert [p for p in paths if example not in p and not (ROOT / p).exists()] == []
    wrong = [f"{p}:{name}" for p, name in NAMED.findall(text) if name not in names(ROOT / p)]
    assert wrong == []


def test_the_tree_is_whole() -> None:
    """Every folder of the core, and every module directly in it, has its line."""
    tree = re.findall(r"^(core/[\w.]+)/? {2,}", ARCHITECTURE, re.MULTILINE)
    ignored = {"core/__init__.py", "core/__main__.py", "core/__pycache__"}
    found = {f"core/{path.name}" for path in (ROOT / "core").iterdir()} - ignored
    assert set(tree) == found


def test_the_arrows_are_those_that_the_linter_checks() -> None:
    """Layer by layer, from the top; a row of the table may say more of some modules of a layer."""
    table = ARCHITECTURE.partition("| layer | may use")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[2:]]
    said = iter(re.findall(r"`(\w+)`", "".join(rows)))
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (layers,) = (c["layers"] for c in contracts["contracts"] if c.get("containers") == ["core"])
    for layer in layers[1:]:  # below __main__
        modules = re.findall(r"\w+", layer)
        assert set(islice(said, len(modules))) == set(modules)
    assert list(said) == []


def test_from_the_page_to_the_formula_in_few_hops() -> None:
    assert len(HOPS) == 8
    for number, said, way in HOPS:
        assert way.count("→") == int(said) <= 3, number
