"""Score a model on a task: answer every test prompt greedily and compare. Needs torch."""

import time
from collections.abc import Callable, Sequence

from torch import nn

from core import catalog
from core.answer import Answer
from core.data.examples import Example
from core.evaluate.answers import answered_with_sentiment, contains, exact_match
from core.evaluate.classification import MEASURES, classification_report
from core.evaluate.examples import labels_of
from core.evaluate.label_likelihood import likeliest_labels
from core.evaluate.limits import answer_limit
from core.evaluate.overlap import ngram_overlap, unicode_words
from core.evaluate.uncertainty import mean_interval, score_interval, wilson_interval
from core.events import Evaluation
from core.generate.batch import answers_of, ask
from core.generate.questions import Question
from core.models.load import LoadedModel


def evaluate_task(
    model: nn.Module,
    base: LoadedModel,
    task: str,
    examples: Sequence[Example],
    *,
    step: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Evaluation, list[Answer]]:
    """The scores of `model` on `examples` and its answers, in the examples' order."""
    limit, labels = limit_of(task, examples, base), labels_of(task, examples)
    start = time.perf_counter()
    asked = questions_of(examples, base, limit=limit, labels=labels)
    replies = ask(model, base, asked, should_stop=should_stop)
    elapsed_s = time.perf_counter() - start
    answers = answers_of(replies)
    found = score(
        task,
        examples,
        answers,
        step=step,
        elapsed_s=elapsed_s,
        max_new_tokens=limit,
        likeliest=likeliest_labels(labels, replies),
    )
    return found, answers


def questions_of(
    examples: Sequence[Example],
    base: LoadedModel,
    *,
    limit: int,
    labels: tuple[str, ...],
    prompts: Sequence[Sequence[int]] = (),
) -> list[Question]:
    """What a score of the examples is made from: answers, and the labels' probabilities.

    `prompts` are the examples' token ids where they are not asked by themselves.
    """
    asked = prompts or [base.tokenizer.ask(example.prompt) for example in examples]
    return [Question(prompt=tuple(ids), limit=limit, labels=labels) for ids in asked]


def limit_of(task: str, examples: Sequence[Example], base: LoadedModel, *, wanted: int = 0) -> int:
    """`answer_limit` of a test set, each example asked by itself."""
    return answer_limit(
        task,
        [example.completion for example in examples],
        base.tokenizer,
        longest_prompt=max(len(base.tokenizer.ask(example.prompt)) for example in examples),
        wanted=wanted,
    )


def score(
    task: str,
    examples: Sequence[Example],
    answers: Sequence[Answer],
    *,
    step: int,
    elapsed_s: float,
    max_new_tokens: int,
    likeliest: Sequence[str] = (),
) -> Evaluation:
    """Compare answers with references by every measure we show.

    `likeliest` is what `likeliest_labels` found; without it the label accuracy stays unknown.
    """
    known, texts = catalog.TASKS.get(task), [answer.text for answer in answers]
    references = [example.completion for example in examples]
    pairs = list(zip(references, texts, strict=True))
    n = len(pairs)
    exact = sum(exact_match(r, a) for r, a in pairs)
    held = sum(contains(r, a) for r, a in pairs)
    overlaps = [ngram_overlap(r, a, n=1, words=unicode_words) for r, a in pairs]
    metric = known.metric if known else "exact_match"
    f1 = [o.f1 for o in overlaps]
    hits = held if metric == "contains" else exact
    labels = labels_of(task, examples)
    report = classification_report(references, texts, labels) if labels else None
    is_sentiment = set(labels) == set(catalog.SENTIMENT_LABELS)
    n_label_right = (
        sum(r == a for r, a in zip(references, likeliest, strict=True)) if likeliest else 0
    )
    n_formed = n - sum(row[-1] for row in report.confusion) if report else 0
    shares = {"right_form": n_formed} if report else {}
    shares |= {"label_accuracy": n_label_right} if likeliest else {}
    return Evaluation(
        step=step,
        task=task,
        n=n,
        score=sum(f1) / n if metric == "f1" else hits / n,
        metric=metric,
        exact_match=exact / n,
        contains=held / n,
        precision=sum(o.precision for o in overlaps) / n,
        recall=sum(o.recall for o in overlaps) / n,
        f1=sum(f1) / n,
        interval=mean_interval(f1) if metric == "f1" else wilson_interval(hits, n),
        answered_with_sentiment=(
            None if is_sentiment else sum(answered_with_sentiment(a) for a in texts) / n
        ),
        classification=report,
        intervals={
            **{m: score_interval([getattr(o, m) for o in overlaps]) for m in MEASURES},
            **{name: wilson_interval(hits, n) for name, hits in shares.items()},
        },
        right_form=shares["right_form"] / n if report else None,
        label_accuracy=n_label_right / n if likeliest else None,
        elapsed_s=elapsed_s,
        n_cut=sum(answer.was_cut for answer in answers),
        max_new_tokens=max_new_tokens,
    )
