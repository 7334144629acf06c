"""Our measures against the reference packages, on thousands of awkward pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from core.evaluate.answers import answered_with_sentiment, contains, exact_match
from core.evaluate.classification import UNPARSED, classification_report
from core.evaluate.learning_curves import values_over_time
from core.evaluate.overlap import lcs_overlap, ngram_overlap, unicode_words
from core.evaluate.uncertainty import wilson_interval
from core.evaluate.undefined import or_dash
from tests.events import evaluation

WORDS = st.lists(
    st.sampled_from(["a", "b", "the", "The", "cat", "cat,", "José", "!", "", "two-fold", "7"]),
    max_size=12,
).map(" ".join)
TEXTS = WORDS | st.text(max_size=30)
SCORER = RougeScorer(["rouge1", "rouge2", "rouge3", "rougeL"], use_stemmer=False)


@pytest.mark.thorough
@settings(max_examples=3000, deadline=None)
@given(TEXTS, TEXTS)
def test_overlap_equals_rouge_score(reference: str, output: str) -> None:
    wanted = SCORER.score(reference, output)
    found = {f"rouge{n}": ngram_overlap(reference, output, n=n) for n in (1, 2, 3)}
    found["rougeL"] = lcs_overlap(reference, output)
    for name, ours in found.items():
        theirs = wanted[name]
        assert ours.precision == pytest.approx(theirs.precision, abs=1e-9)
        assert ours.recall == pytest.approx(theirs.recall, abs=1e-9)
        assert ours.f1 == pytest.approx(theirs.fmeasure, abs=1e-9)


LABELS = ("positive", "negative")
ANSWERS = st.sampled_from(["positive", "Negative.", "negative", "It is positive", ""])


@pytest.mark.thorough
@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(LABELS), ANSWERS), min_size=1, max_size=30))
def test_classification_equals_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    references, outputs = [r for r, _ in pairs], [o for _, o in pairs]
    parsed = [
        {"positive": "positive", "negative": "negative", "Negative.": "negative"}.get(o, UNPARSED)
        for o in outputs
    ]
    ours = classification_report(references, outputs, LABELS)
    table = confusion_matrix(references, parsed, labels=[*LABELS, UNPARSED])
    assert ours.confusion == table[:2].tolist()
    p, r, f, _ = precision_recall_fscore_support(
        references, parsed, labels=LABELS, zero_division=np.nan
    )
    for measure, theirs in (("precision", p), ("recall", r), ("f1", f)):
        found = [getattr(s, measure) for s in ours.per_class.values()]
        assert found == pytest.approx(list(theirs), nan_ok=True)  # 0/0 is NaN
        macro = np.nan if np.isnan(theirs).all() else np.nan_to_num(theirs).mean()
        assert getattr(ours, f"macro_{measure}") == pytest.approx(macro, nan_ok=True)


def test_nothing_said_has_no_precision_and_no_interval() -> None:
    sentences = ["It is good.", "It is bad."] * 4
    references = ["positive", "negative"] * 4
    report = classification_report(references, sentences, LABELS)
    assert all(np.isnan(s.precision) for s in report.per_class.values())
    assert np.isnan(report.macro_precision)
    assert (report.macro_recall, report.macro_f1) == (0.0, 0.0)
    event = evaluation(0, "sentiment", 0.0, classification=report)
    by_measure = {v.measure: v for v in values_over_time([event], "sentiment")}
    assert by_measure["precision"].interval is None
    assert by_measure["recall"].interval is not None
    assert (or_dash(report.macro_precision), or_dash(report.macro_recall)) == ("–", "0.00")


@pytest.mark.thorough
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_equals_scipy(case: tuple[int, int]) -> None:
    wanted = binomtest(*case).proportion_ci(method="wilson")
    assert wilson_interval(*case) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


def test_wilson_interval_of_nothing_is_everything() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("reference", "output", "exact", "held"),
    [
        ("Paris", "paris.", True, True),
        ("Ann", "Her name is Annabel.", False, False),
        ("José Peña", "It was JOSÉ PEÑA!", False, True),
        ("positive", ' "Positive" ', True, True),
        ("Ann", "", False, False),
    ],
)
def test_answers(reference: str, output: str, exact: bool, held: bool) -> None:
    assert exact_match(reference, output) is exact
    assert contains(reference, output) is held


def test_answered_with_sentiment_looks_at_the_first_word() -> None:
    assert answered_with_sentiment("Positive, I think")
    assert not answered_with_sentiment("My name is SmolLM and I am positive.")
    assert unicode_words("naïve Café_7") == ["naïve", "café_7"]
