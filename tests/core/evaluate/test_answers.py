"""Whole answers: two that differ in what they say are never equal, and what stands by itself is found."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.data.examples import Example
from core.evaluate.answers import answered_with_sentiment, contains, exact_match, normalise
from core.evaluate.classification import UNPARSED, classification_report, labels_among, parse_label
from core.evaluate.compare_texts import compare_texts
from core.evaluate.examples import judge
from core.evaluate.metric_failures import METRIC_FAILURES, attempt

DIFFERENT = [
    ("-1", "1"), ("1", "+1"), ("10%", "10"), ("$5", "5"), ("5", "5 €"), ("20°", "20"), ("C++", "C"),
    ("C#", "C"), (".5", "5"), ("(5)", "5"), ("5'", "5"), ("👍", "👎"), ("", "👍"), ("7", "7!!"),
    ("❤️", "💔"), ("a", "ä"), ("A*", "A"), ("A-", "A"), ("@ann", "ann"), ("#1", "1"), ("_x_", "x"),
    ("Paris...", "Paris"), ("Paris?!", "Paris"), ("x²", "x"), ("½", "1"), ("…", "..."), ("''", ""),
    ("<b>", "b"), ("`ls`", "ls"), ("¬p", "p"), ("~5", "5"), ("5,", "5"), ("𝑥̄", "𝑥"),
]  # fmt: skip
EQUAL = [
    ("Paris", "paris."), ("Paris", ' "Paris" '), ("Paris", "“Paris!”"), ("Paris", "“Paris”."),
    ("Paris", "«Paris»"), ("Paris", "„Paris.“"), ("Paris", "‘paris’"), ("日本", "「日本」。"),
    ("New York", "new\n York"), ("-1", "-1."), ("C++", "c++!"), ("Café", "Cafe\u0301"), ("STRASSE", "Straße"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_answers_are_not_equal(one: str, other: str) -> None:
    assert not exact_match(one, other)
    assert not exact_match(f"It is {one}", f"It is {other}")


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_only_the_dress_of_an_answer_is_ignored(one: str, other: str) -> None:
    assert exact_match(one, other)
    assert contains(one, other)


# The same rule in another way: every text that can be reached by undressing an answer step by step, with
# quotes and sentence marks known by their Unicode names. Equal answers must have one such text in common.
QUOTE_NAMES = ("QUOTATION MARK", "APOSTROPHE", "CORNER BRACKET")
MARK_NAMES = ("FULL STOP", "EXCLAMATION MARK", "QUESTION MARK", "DANDA", "COMMERCIAL")


def is_named(character: str, names: tuple[str, ...]) -> bool:
    return any(name in unicodedata.name(character, "") for name in names)


def undressed(text: str) -> set[str]:
    first = " ".join(unicodedata.normalize("NFC", text).split())
    found, to_do = set[str](), [(first, True)]
    while to_do:
        now, may_drop_mark = to_do.pop()
        found.add(now)
        if len(now) > 2 and is_named(now[0], QUOTE_NAMES) and is_named(now[-1], QUOTE_NAMES):
            to_do.append((now[1:-1].strip(), may_drop_mark))
        if len(now) > 1 and may_drop_mark and is_named(now[-1], MARK_NAMES):
            to_do.append((now[:-1].strip(), False))
    return {unicodedata.normalize("NFC", t.upper().casefold()) for t in found}


PIECES = st.sampled_from(
    [
        *"-+10aAé .!?,%$°#*_()[]'\"“”«»‘’「」。…👍👎",
        "C++",
        " ",
        "\u0301",
        "\ufe0f",
        "🏽",
        "..",
        "Paris",
    ]
)
TEXTS = st.lists(PIECES, max_size=6).map("".join) | st.text(max_size=6)


@pytest.mark.thorough
@settings(max_examples=4000, deadline=None)
@given(TEXTS, TEXTS)
@example("-1", "1")
def test_equal_answers_differ_in_nothing_but_their_dress(one: str, other: str) -> None:
    if exact_match(one, other):
        assert undressed(one) & undressed(other)


@pytest.mark.thorough
@settings(max_examples=2000, deadline=None)
@given(TEXTS, st.sampled_from([*"-+%$°#*€👍~^<>=@&/|0½²", "km", "‰"]), st.booleans())
def test_a_sign_a_symbol_or_a_unit_always_counts(text: str, more: str, at_the_end: bool) -> None:
    changed = text + more if at_the_end else more + text
    assert not exact_match(text, changed)
    assert not exact_match(f"{text}.", f"{changed}.")


@settings(max_examples=2000, deadline=None)
@given(TEXTS)
def test_normalising_leaves_something_and_equals_itself(text: str) -> None:
    assert bool(normalise(text)) == bool(text.split())
    assert exact_match(text, text)
    assert exact_match(text, f" {text}\n")
    assert contains(text, text)


HELD = [
    ("Paris", "It is Paris."), ("3", "3, 4"), ("4", "3, 4"), ("José Peña", "It was JOSÉ PEÑA!"),
    ("C++", "I like C++, and"), ("-1", "The score is -1."), ("-1", "(-1)"), ("17", "17 tickets"),
    ("10%", "about 10% of it"), ("👍", "Great👍"), ("👍", "I say 👍👍!"), ("Paris", "**Paris**"),
    ("Paris", "It is **the city of Paris**."), ("1296", "48*27=1296"), ("5", "x: '5'"), ("5", "5."),
    ("Ann", "Ann's cat"), ("It's", "it’s here"), ("Raj", "Raj—my friend"), ("new york", "New\nYork"),
    ("wow!!", "They said wow!!"), ("?", "He wrote: ?"), ("Paris.", "“paris”, she said"),
]  # fmt: skip
NOT_HELD = [
    ("Ann", "Annabel"), ("Ann", "Ann-Marie"), ("-1", "1"), ("1", "-1"), ("1", "−1"), ("1", "–1"),
    ("1", "10"), ("1", "1.5"), ("5", "1.5"), ("5", ".5"), ("1", "1,000"), ("3", "3:30"), ("3", "3/4"),
    ("3", "3–4"), ("10", "10%"), ("5", "$5"), ("20", "20°C"), ("5", "5km"), ("5", ">=5"), ("C", "C++"),
    ("C++", "C"), ("C++", "C++11"), ("A", "A*"), ("A", "A-"), ("km", "km/h"), ("👍", "👎"),
    ("👍", "👍🏽"), ("👩", "👩‍💻"), ("1", "1️⃣"), ("yes", "yes/no"), ("234", "2*3*4"), ("x", "x²"),
    ("!", "What!"), ("Ann", ""), ("", "Ann"),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "output"), HELD)
def test_what_stands_by_itself_is_contained(reference: str, output: str) -> None:
    assert contains(reference, output)


@pytest.mark.parametrize(("reference", "output"), NOT_HELD)
def test_a_part_of_a_word_a_number_or_a_run_of_symbols_is_not(reference: str, output: str) -> None:
    assert not contains(reference, output)
    assert not contains(reference, f"It is {output}")


@pytest.mark.thorough
@settings(max_examples=2000, deadline=None)
@given(TEXTS, TEXTS)
def test_an_exact_match_is_contained_and_what_is_contained_stands_there(
    reference: str, output: str
) -> None:
    if exact_match(reference, output):
        assert contains(reference, output)
    elif contains(reference, output):
        bare = [t.replace("*", "").replace("_", "").replace("`", "") for t in (reference, output)]
        assert normalise(bare[0]).replace("’", "'") in normalise(f"x {bare[1]} x").replace("’", "'")


def test_signs_and_emoji_are_labels_of_their_own() -> None:
    labels = labels_among(["-1", "0", "1"] * 2)
    assert labels == ("-1", "0", "1")
    assert [parse_label(o, labels) for o in ("1", "-1.", "+1", "“0”")] == ["1", "-1", UNPARSED, "0"]
    assert labels_among(["👍", "👎"] * 2) == ("👍", "👎")
    assert parse_label("👎", ("👍", "👎")) == "👎"
    assert labels_among(["C", "C++"] * 2) == ("C", "C++")


def test_a_label_may_be_called_unparsed() -> None:
    report = classification_report(
        ["unparsed", "parsed"], ["nonsense", "parsed"], ["unparsed", "parsed"]
    )
    assert report.confusion == [[0, 0, 1], [0, 1, 0]]
    assert report.accuracy == 0.5


def test_an_answer_that_only_begins_like_a_sentiment_is_none() -> None:
    assert answered_with_sentiment("**Positive**.")
    assert answered_with_sentiment("- negative")
    assert not answered_with_sentiment("positive-definite matrices")
    assert not answered_with_sentiment("Positively so")


def test_the_challenge_takes_answers_that_differ_in_a_sign() -> None:
    assert attempt("It is -1 degree.", "It is 1 degree.", 1.0, is_right=False)[0] == "high"
    trap = METRIC_FAILURES["negation"]
    assert attempt(trap.reference, f"{trap.output}..", 0.9, is_right=False)[0] == ""


def test_two_texts_are_also_compared_as_whole_answers() -> None:
    found = compare_texts("-1", "1")
    assert (found.exact_match, found.contains) == (False, False)
    assert found.in_words == "No exact match: the reference does not stand in the output."
    held = compare_texts("Paris", "It is Paris.")
    assert held.in_words == "No exact match: the reference stands in the output."
    assert compare_texts("Paris", "paris!").to_dict()["exact_match"] is True


CASES = {"one": ["1"] * 12, "minus_one": ["-1"] * 6, "three": ["1", "-1", "0"] * 4}


@pytest.mark.parametrize(("case", "share"), [("one", 1.0), ("minus_one", 0.0), ("three", 1 / 3)])
def test_a_model_that_always_says_one_scores_the_share_of_ones(case: str, share: float) -> None:
    wanted = CASES[case]
    rows = [judge(1, Example(prompt="", completion=right), "1", ()) for right in wanted]
    assert sum(row.exact_match for row in rows) / len(rows) == pytest.approx(share)
    assert sum(row.contains for row in rows) / len(rows) == pytest.approx(share)
