"""Where a module of the pages stands says who uses it; read from the imports themselves."""

import re

import grimp
import pytest

from core.paths import ROOT

GRAPH = grimp.build_graph("pages", cache_dir=None)
MODULES = sorted(GRAPH.modules)
SHARED = [m for m in MODULES if m.startswith("pages.shared.")]
LANGUAGE = re.compile(r"\blanguage=([^,)]+)")


def page_of(module: str) -> str:
    """pages.lessons.lora.matrices belongs to pages.lessons.lora; what is shared belongs to no page."""
    parts = module.split(".")
    if len(parts) < 2 or parts[1] == "shared":
        return ""
    return ".".join(parts[:3] if parts[1] in ("lessons", "lab") else parts[:2])


@pytest.mark.parametrize("module", SHARED)
def test_what_is_shared_is_used_by_two_pages(module: str) -> None:
    users = {page_of(m) for m in GRAPH.find_downstream_modules(module)} - {""}
    assert len(users) > 1, f"only {users or 'no page'}: it belongs into that folder"


@pytest.mark.parametrize("module", MODULES)
def test_no_page_uses_another_page_s_modules(module: str) -> None:
    page = page_of(module)
    used = {page_of(m) for m in GRAPH.find_modules_directly_imported_by(module)} - {"", page}
    assert not used


def test_there_is_something_to_look_at() -> None:
    assert len(SHARED) > 3
    assert len({page_of(m) for m in MODULES}) > 10


def test_commands_are_not_coloured() -> None:
    """The colours that Streamlit gives to the words of a command have too little contrast; axe sees them at times."""
    sources = sorted((ROOT / "pages").rglob("*.py"))
    shown = {said for path in sources for said in LANGUAGE.findall(path.read_text("utf-8"))}
    assert shown == {"None", '"python"'}
