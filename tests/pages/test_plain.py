"""Text from outside is shown as text: the function that does it, and that every page uses it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pages.shared.plain import JOINER, plain, quoted

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*sorted((ROOT / "pages").rglob("*.py")), ROOT / "app.py"]

DRAWN_AS_MARKDOWN = {
    *("markdown", "caption", "write", "title", "header", "subheader", "badge", "toast"),
    *("error", "warning", "info", "success", "exception", "metric", "progress", "spinner"),
    *("expander", "popover", "tabs", "status", "button", "toggle", "checkbox", "page_link"),
    *("radio", "pills", "segmented_control", "select_slider", "slider", "table"),
}
"""What Streamlit draws as Markdown; tables of data, code and the options of a selectbox it does not."""
FROM_OUTSIDE = {
    *("text", "prompt", "completion", "reference", "output", "answer", "answers", "first_answers"),
    *("reason", "message", "error", "token", "template", "hub_name", "query_params"),
}
"""Attributes, and keys of dictionaries, that hold what did not grow in this source."""
MADE_SAFE = {"plain", "quoted", "len", "sum", "int", "float", "round", "bool", "range"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![x](http://evil.invalid)", rf"!\[x\](http\:{JOINER}//evil.invalid)"),
        ("[x](javascript:alert(1))", r"\[x\](javascript\:alert(1))"),
        (r"$\frac{1}{2}$", r"\$\\frac{1}{2}\$"),
        (":material/home: :red[hot]", rf"\:{JOINER}material/home: \:red\[hot\]"),
        ("<img src=x>", r"\<img src=x>"),
        ("a -> b", rf"a -{JOINER}> b"),
        ("me@evil.invalid", rf"me{JOINER}\@evil.invalid"),
        ("    four blanks", "\u00a0" * 4 + "four blanks"),
        ("one\n\n# two\n", "one\\\n\\\n\\# two"),
        ("a | b", r"a \| b"),
        ("half \ud800 a pair", "half ? a pair"),
        ("Köln 東京 🎼", "Köln 東京 🎼"),
        ("12. first", r"12\. first"),
        ("is it 12.5?", "is it 12.5?"),
        ("snake_case _slanted_", r"snake_case \_slanted\_"),
        ("- item", r"\- item"),
        ("line 10: 2 - 1 = 1", "line 10: 2 - 1 = 1"),
        ("", ""),
    ],
)
def test_marks_are_escaped(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_quotation_holds_every_line() -> None:
    assert quoted("one\n> two") == "> one\\\n> \\> two"
    assert quoted("") == "> …"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_show_what_comes_from_outside_as_text(path: Path) -> None:
    assert list(drawn_from_outside(path.read_text())) == []


@pytest.mark.parametrize(
    "line",
    [
        "st.error(run.reason)",
        "st.caption(f'It failed: {run.reason}')",
        "place.markdown('> ' + message.token.text)",
        "st.markdown(f'**{answer.text.strip()}**')",
        "reason = run.reason\n    st.write(reason)",
        "st.error(state['error'])",
        "st.caption(st.query_params.get('run', ''))",
        "st.markdown(', '.join(e.prompt for e in found))",
    ],
)
def test_the_search_finds_what_is_not_made_plain(line: str) -> None:
    assert list(drawn_from_outside(f"def page():\n    {line}"))


def test_the_search_finds_sentences_of_errors() -> None:
    code = "try:\n    go()\nexcept UserError as error:\n    {}"
    assert list(drawn_from_outside(code.format("st.error(str(error))")))
    assert not list(drawn_from_outside(code.format("st.error(plain(str(error)))")))


def drawn_from_outside(code: str) -> Iterator[str]:
    """Calls that draw Markdown of what comes from outside and went through neither function."""
    tree = ast.parse(code)
    names = _names_from_outside(tree)
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        if call.func.attr in DRAWN_AS_MARKDOWN and ast.unparse(call.func.value) != "log":
            texts = [k.value for k in call.keywords if k.arg in ("text", "label", "body", "help")]
            formats = [k.value for k in call.keywords if k.arg == "format_func"]
            bodies = [f.body for f in formats if isinstance(f, ast.Lambda)]
            if any(_is_outside(part, names) for part in (*call.args, *texts, *bodies)):
                yield f"line {call.lineno}: {ast.unparse(call)}"


def _names_from_outside(tree: ast.AST) -> set[str]:
    """Variables that hold text from outside: caught errors, and what is assigned from such text."""
    nodes = list(ast.walk(tree))
    names = {n.name for n in nodes if isinstance(n, ast.ExceptHandler) and n.name}
    before = -1
    while before != len(names):
        before = len(names)
        for node in nodes:
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
                targets = [node.target]
            value = getattr(node, "value", None)
            if isinstance(value, ast.expr) and _is_outside(value, names):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def _is_outside(node: ast.AST, names: set[str]) -> bool:
    match node:
        case ast.Name(id=name):
            return name in names
        case ast.Attribute(attr=attribute):
            return attribute in FROM_OUTSIDE
        case ast.Subscript(value=value, slice=ast.Constant(value=key)):
            return key in FROM_OUTSIDE or _is_outside(value, names)
        case ast.Subscript(value=value):
            return _is_outside(value, names)
        case ast.Call(func=ast.Name(id=name)) if name in MADE_SAFE:
            return False
        case ast.Call(func=ast.Attribute(value=value), args=args):
            return any(_is_outside(part, names) for part in (value, *args))
        case ast.Call(func=ast.Name(id="str" | "repr"), args=args):
            return any(_is_outside(part, names) for part in args)
        case ast.Call() | ast.Compare() | ast.Lambda():
            return False
        case ast.FormattedValue(value=value, format_spec=None):
            return _is_outside(value, names)
        case ast.FormattedValue():  # a number, in so many digits
            return False
        case ast.IfExp(body=body, orelse=orelse):
            return _is_outside(body, names) or _is_outside(orelse, names)
        case ast.GeneratorExp(elt=element) | ast.ListComp(elt=element):
            return _is_outside(element, names)
    return any(_is_outside(part, names) for part in ast.iter_child_nodes(node))
