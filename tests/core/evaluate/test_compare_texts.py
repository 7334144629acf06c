"""Our measures against rouge-score and sacrebleu, to 1e-9, on thousands of awkward pairs."""

import math

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from core.errors import UserError
from core.evaluate.bleu import sentence_bleu
from core.evaluate.compare_texts import TextComparison, compare_texts
from core.evaluate.overlap import unicode_words
from core.evaluate.words import MAX_WORDS, Cutting, cut

VOCABULARY = [
    *("a", "b", "the", "The", "THE", "cat", "cat,", "cats", "José", "naïve", "!", "", "two-fold"),
    *("7", "3.5", "1,000", "3-4", "-", "...", "don't", "(see", "p.", "4)", "&amp;", "&lt;b&gt;"),
    *("running", "runs", "happily", "flies", "dying", "generalizations", "日本", "İstanbul", "ΣΑΣ"),
    *("K", "x\n", "-\n", "<skipped>", "\u00a0", "e\u0301", "🎼", "ﬁne", "straße", "\t"),
]
WORDS = st.lists(st.sampled_from(VOCABULARY), max_size=14).map(" ".join)
GLUED = st.lists(st.sampled_from(VOCABULARY), max_size=8).map("".join)
TEXTS = WORDS | GLUED | st.text(max_size=30) | st.text("aAb .,-1\n&", max_size=20)
PAIRS = st.tuples(TEXTS, TEXTS) | TEXTS.map(lambda text: (text, text))
KINDS = [f"rouge{n}" for n in (1, 2, 3, 4)] + ["rougeL"]
SCORERS = {stem: RougeScorer(KINDS, use_stemmer=stem) for stem in (False, True)}


class AnyScript:
    """rouge-score with our words of any script."""

    def tokenize(self, text: str) -> list[str]:
        return unicode_words(text)


class CaseKept:
    def tokenize(self, text: str) -> list[str]:
        return cut(text, Cutting(lowercase=False)).forms


def agree(reference: str, output: str, how: Cutting, scorer: RougeScorer) -> TextComparison:
    wanted = scorer.score(reference, output)
    for n in (1, 2, 3, 4):
        compared = compare_texts(reference, output, n=n, how=how)
        found = {f"rouge{n}": compared.overlap, "rougeL": compared.rouge_l}
        for name, ours in found.items():
            assert ours.precision == pytest.approx(wanted[name].precision, abs=1e-9)
            assert ours.recall == pytest.approx(wanted[name].recall, abs=1e-9)
            assert ours.f1 == pytest.approx(wanted[name].fmeasure, abs=1e-9)
    return compared


@pytest.mark.thorough
@settings(max_examples=3000)
@given(PAIRS, st.booleans())
def test_rouge_equals_rouge_score(pair: tuple[str, str], stem: bool) -> None:
    agree(*pair, Cutting(stem=stem), SCORERS[stem])


@pytest.mark.thorough
@settings(max_examples=500)
@given(PAIRS)
def test_words_of_any_script_and_kept_case_follow_the_same_formulas(pair: tuple[str, str]) -> None:
    agree(*pair, Cutting(any_script=True), RougeScorer(KINDS, tokenizer=AnyScript()))
    agree(*pair, Cutting(lowercase=False), RougeScorer(KINDS, tokenizer=CaseKept()))


@pytest.mark.thorough
@settings(max_examples=4000)
@given(PAIRS, st.booleans())
def test_bleu_equals_sacrebleu(pair: tuple[str, str], lowercase: bool) -> None:
    reference, output = pair
    wanted = sacrebleu.sentence_bleu(output, [reference], lowercase=lowercase)
    found = sentence_bleu(reference, output, lowercase=lowercase)
    assert found.score == pytest.approx(wanted.score, abs=1e-9)
    assert (list(found.matched), list(found.total)) == (wanted.counts, wanted.totals)
    assert [100 * p for p in found.precisions] == pytest.approx(wanted.precisions, abs=1e-9)
    assert found.brevity_penalty == pytest.approx(wanted.bp, abs=1e-9)
    assert (found.n_output, found.n_reference) == (wanted.sys_len, wanted.ref_len)


@pytest.mark.thorough
@settings(max_examples=1000)
@given(PAIRS, st.integers(1, 4), st.booleans(), st.booleans())
def test_marks_and_counts_tell_the_same_story(
    pair: tuple[str, str], n: int, any_script: bool, lowercase: bool
) -> None:
    how = Cutting(any_script=any_script, lowercase=lowercase)
    found = compare_texts(*pair, n=n, how=how)
    assert sum(row.counted for row in found.counts) == found.overlap.matched
    assert sum(row.in_reference for row in found.counts) == found.overlap.in_reference
    assert sum(row.in_output for row in found.counts) == found.overlap.in_output
    if n == 1:
        for marks in (found.reference_marks, found.output_marks):
            assert marks.count("matched") == found.overlap.matched
    for text in (found.reference, found.output):
        ends = [0, *(end for word in text.words for end in (word.start, word.end))]
        assert ends == sorted(ends)
    shared = [(found.reference.forms[i], found.output.forms[j]) for i, j in found.common]
    assert all(one == other for one, other in shared)
    assert list(found.common) == sorted(set(found.common))
    for (i, j), (k, m) in zip(found.common, found.common[1:], strict=False):
        assert i < k
        assert j < m


def test_arithmetic_of_a_small_pair_by_hand() -> None:
    found = compare_texts("The cat sat on the mat.", "the the the cat", n=1)
    assert (found.overlap.matched, found.overlap.in_reference, found.overlap.in_output) == (3, 6, 4)
    assert found.overlap.recall == 3 / 6
    assert found.overlap.precision == 3 / 4
    assert found.overlap.f1 == pytest.approx(0.6)
    assert found.output_marks == ("matched", "matched", "surplus", "matched")
    assert found.reference_marks == ("matched", "matched", "alone", "alone", "matched", "alone")
    the = found.counts[0]
    assert (the.ngram, the.in_reference, the.in_output, the.counted) == ("the", 2, 3, 2)
    assert found.rouge_l.matched == len(found.common) == 2


def test_bleu_of_a_small_pair_by_hand() -> None:
    found = sentence_bleu("It's 3.5 m, right?", "It's 3.5 m!")  # 6 words; 4: It's 3.5 m !
    assert (found.n_reference, found.n_output) == (6, 4)
    assert (found.matched, found.total) == ((3, 2, 1, 0), (4, 3, 2, 1))
    assert found.precisions == pytest.approx((3 / 4, 2 / 3, 1 / 2, 1 / 2))  # no match: half a match
    assert found.brevity_penalty == pytest.approx(math.exp(1 - 6 / 4))
    mean = (3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** (1 / 4)
    assert found.score == pytest.approx(100 * found.brevity_penalty * mean)
    short = sentence_bleu("a b", "a b")
    assert (short.score, short.precisions) == (pytest.approx(100), (1, 1, 0, 0))
    for reference, output in (("", ""), ("a", ""), ("", "a"), ("a", "b")):
        assert sentence_bleu(reference, output).score == 0
    assert sentence_bleu("A b", "a B", lowercase=True).score == pytest.approx(100)


def test_places_are_those_of_the_text_even_where_case_changes_its_length() -> None:
    text = "İstanbul straße, JOSÉ"
    found = cut(text, Cutting(any_script=True))
    assert found.shown[-2:] == ["straße", "JOSÉ"]
    assert found.forms[-2:] == ["strasse", "josé"]


def test_limits_are_said() -> None:
    with pytest.raises(UserError, match="limit is 1000"):
        compare_texts("a " * (MAX_WORDS + 1), "a")
    with pytest.raises(UserError, match="n must be a whole number"):
        compare_texts("a", "a", n=0)
