"""Score a model on a task: answer every test prompt greedily and compare. Needs torch."""

import time
from collections.abc import Callable, Sequence

from torch import nn

from core import catalog
from core.data.examples import Example
from core.evaluate.answers import answered_with_sentiment, contains, exact_match
from core.evaluate.classification import classification_report
from core.evaluate.overlap import ngram_overlap, unicode_words
from core.evaluate.uncertainty import wilson_interval
from core.events import Evaluation
from core.generate.batch import answer_greedily
from core.models.load import LoadedModel


def evaluate_task(
    model: nn.Module,
    base: LoadedModel,
    task: str,
    examples: Sequence[Example],
    *,
    step: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Evaluation, list[str]]:
    """The scores of `model` on `examples` and its answers, in the examples' order."""
    start = time.perf_counter()
    max_new_tokens = catalog.TASKS[task].max_new_tokens if task in catalog.TASKS else 48
    prompts = [base.tokenizer.ask(example.prompt) for example in examples]
    answers = answer_greedily(
        model, base, prompts, max_new_tokens=max_new_tokens, should_stop=should_stop
    )
    elapsed_s = time.perf_counter() - start
    return score(task, examples, answers, step=step, elapsed_s=elapsed_s), answers


def score(
    task: str, examples: Sequence[Example], answers: Sequence[str], *, step: int, elapsed_s: float
) -> Evaluation:
    """Compare answers with references by every measure we show."""
    known = catalog.TASKS.get(task)
    references = [example.completion for example in examples]
    pairs = list(zip(references, answers, strict=True))
    n = len(pairs)
    exact = sum(exact_match(r, a) for r, a in pairs)
    held = sum(contains(r, a) for r, a in pairs)
    overlaps = [ngram_overlap(r, a, n=1, words=unicode_words) for r, a in pairs]
    metric = known.metric if known else "exact_match"
    hits = held if metric == "contains" else exact
    labels = known.labels if known else ()
    report = classification_report(references, answers, labels) if labels else None
    is_sentiment = labels == catalog.SENTIMENT_LABELS
    return Evaluation(
        step=step,
        task=task,
        n=n,
        score=hits / n,
        metric=metric,
        exact_match=exact / n,
        contains=held / n,
        precision=sum(o.precision for o in overlaps) / n,
        recall=sum(o.recall for o in overlaps) / n,
        f1=sum(o.f1 for o in overlaps) / n,
        interval=wilson_interval(hits, n),
        answered_with_sentiment=(
            None if is_sentiment else sum(answered_with_sentiment(a) for a in answers) / n
        ),
        classification=report.to_dict() if report else None,
        elapsed_s=elapsed_s,
    )
