"""Texts that Streamlit would make something else of, and a look at what a page shows of them."""

from typing import Any

from streamlit.testing.v1 import AppTest

HOSTILE = (
    "![x](http://evil.invalid/a.png)",
    "[x](javascript:alert(1))",
    "$\\frac{1}{2}$ and $$x$$",
    ":material/home: :streamlit: :smile:",
    ":red[hot] :red-background[hot] :blue-badge[hot] :small[hot]",
    "<img src=x onerror=alert(1)> <b>bold</b> &lt;i&gt; &#33;",
    "`code` ``two`` ```three```",
    "**bold** *slanted* __bold__ _slanted_ ~~gone~~ ~gone~",
    "# heading",
    "- item",
    "1. first",
    "12) twelfth",
    "+ [ ] task",
    "> quotation",
    "a | b\n--|--\n1 | 2",
    "heading\n===",
    "heading\n---",
    "one\n\ntwo\n    four blanks",
    "    four blanks",
    "http://evil.invalid/x HTTPS://evil.invalid www.evil.invalid me@evil.invalid <http://evil.invalid>",
    "-> <- <-> -- >= <= ... (c) 1/2",
    "[^1] [x][y] [x]: http://evil.invalid",
    "\\*stars\\* \\",
    "***",
    "```\nfence\n```",
)


def drawn(app: AppTest) -> list[str]:
    """All that a page draws as Markdown."""
    found: list[Any] = []
    for kind in ("markdown", "caption", "error", "warning", "info", "success", "header", "title"):
        found += [element.value for element in app.get(kind)]
    for kind in ("button", "expander", "radio", "slider", "metric", "button_group"):
        found += [getattr(element, "label", "") for element in app.get(kind)]
    found += [bar.proto.text for bar in app.get("progress")]
    return [text for text in found if text]
