"""Texts and numbers that programs stumble over."""

from random import Random

NUMBERS = (
    "inf", "-inf", "nan", "1e999", "-1e999", "0", "-0", "-1", "1.5", "1e3", "0x10", "1_000", "９",
    "9" * 20, "9" * 400, "9" * 5_000, "-" + "9" * 5_000, "0." + "3" * 5_000, "1e-400", "2147483648",
)  # fmt: skip
TEXTS = (
    "", " ", "\n", "\t", "\0", "\ud800", "\udcff", "\u202e", "\ufeff", "é", "東京", "🎼", "a" * 101,
    "a" * 5_000, "a " * 50_000, "'" * 200, '"' * 200, "%s%n{}{0}", "--", "-", "../../etc/passwd",
    "/dev/null", ".", "~", "a,b,,c", ":", "a:b:c", "=", "None", "null", "true", "[]", "{}",
    "{text", "{0}", "![x](http://evil.invalid/a.png)", "[x](javascript:alert(1))", "$\\frac{1}{2}$",
    ":material/home:", ":red[hot]", "<img src=x onerror=alert(1)>", "'; DROP TABLE runs; --",
    "%", "_", "*", "\x1b[31m", "\r\n", "a\nb\nc",
)  # fmt: skip
VALUES = NUMBERS + TEXTS


def a_value(random: Random) -> str:
    """One of them, or one of them several times over."""
    value = random.choice(VALUES)
    return value if random.random() < 0.8 else value * random.choice((2, 10, 500))


def in_few_words(value: str) -> str:
    """A value as a report shows it."""
    shown = ascii(value)
    return shown if len(shown) <= 40 else f"{shown[:30]}… ({len(value):,} characters)"
