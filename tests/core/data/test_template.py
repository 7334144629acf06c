"""Templates: {field} placeholders are filled once, and everything else stays."""

import pytest

from core.data.template import fill, placeholders
from core.errors import UserError


@pytest.mark.parametrize(
    ("template", "record", "wanted"),
    [
        ("Review: {text}", {"text": "Lovely."}, "Review: Lovely."),
        ("{a}{b}{a}", {"a": "x", "b": "y"}, "xyx"),
        ("  {text} {question}\n", {"text": "", "question": "Who?"}, "   Who?"),
        ("\n {text}\n", {"text": " \n\n    return x\n\n"}, "    return x"),
        ("{text}", {"text": "\n positive "}, "positive"),
        ("Code:\n{text}", {"text": "\tx = 1\n"}, "Code:\n\tx = 1"),
        ("{n}", {"n": 3}, "3"),
        ("{größe}", {"größe": "XL"}, "XL"),
        ("{text}", {"text": "{other} {{}} \\1"}, "{other} {{}} \\1"),
        ("{ {text} } {} {a b} }{", {"text": "x"}, "{ x } {} {a b} }{"),
        ("{{text}}", {"text": "x"}, "{x}"),
        (
            "{text.__class__} {0[x]} {text!r} {text}",
            {"text": "x"},
            "{text.__class__} {0[x]} {text!r} x",
        ),
    ],
)
def test_fill(template: str, record: dict[str, object], wanted: str) -> None:
    assert fill(template, record) == wanted


def test_places_are_listed_once_in_order() -> None:
    assert placeholders("{b} {a} {b} { c } {} {d") == ["b", "a"]


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    record = {"text": "x", "question": "y", "completion": "z"}
    with pytest.raises(UserError) as refused:
        fill("{text} {txet}", record)
    assert str(refused.value) == "The template asks for {txet}; the data has {text}, {question}."
