"""Score a model on a task: answer every test prompt greedily and compare. Needs torch."""

import time
from collections.abc import Callable, Mapping, Sequence

from torch import nn

from core import catalog
from core.answer import Answer
from core.data.examples import Example
from core.evaluate.answers import answered_with_sentiment, contains, exact_match
from core.evaluate.classification import MEASURES, classification_report
from core.evaluate.examples import labels_of
from core.evaluate.label_likelihood import label_log_probabilities, likeliest
from core.evaluate.limits import FREE_TOKENS, answer_limit
from core.evaluate.overlap import ngram_overlap, unicode_words
from core.evaluate.uncertainty import mean_interval, score_interval, wilson_interval
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
) -> tuple[Evaluation, list[Answer]]:
    """The scores of `model` on `examples` and its answers, in the examples' order."""
    limit = limit_of(task, examples, base)
    start = time.perf_counter()
    prompts = {task: [example.prompt for example in examples]}
    answers = answer_tasks(model, base, prompts, limits={task: limit}, should_stop=should_stop)
    elapsed_s = time.perf_counter() - start
    found = score(
        task,
        examples,
        answers[task],
        step=step,
        elapsed_s=elapsed_s,
        max_new_tokens=limit,
        likeliest=likeliest_labels(model, base, task, examples, should_stop=should_stop),
    )
    return found, answers[task]


def likeliest_labels(
    model: nn.Module,
    base: LoadedModel,
    task: str,
    examples: Sequence[Example],
    *,
    prompts: Sequence[Sequence[int]] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> list[str]:
    """The label that `model` finds likeliest at each example; [] for free text.

    `prompts` are the examples' token ids where they are not asked by themselves.
    """
    labels = labels_of(task, examples)
    asked = prompts or [base.tokenizer.ask(example.prompt) for example in examples]
    if not labels:
        return []
    every = label_log_probabilities(model, base, asked, labels, should_stop=should_stop)
    return [likeliest(logs) for logs in every]


def limit_of(task: str, examples: Sequence[Example], base: LoadedModel, *, wanted: int = 0) -> int:
    """`answer_limit` of a test set, each example asked by itself."""
    return answer_limit(
        task,
        [example.completion for example in examples],
        base.tokenizer,
        longest_prompt=max(len(base.tokenizer.ask(example.prompt)) for example in examples),
        wanted=wanted,
    )


def answer_tasks(
    model: nn.Module,
    base: LoadedModel,
    prompts: Mapping[str, Sequence[str]],
    *,
    limits: Mapping[str, int],
    guesses: Sequence[Sequence[int]] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, list[Answer]]:
    """Greedy answers to the prompts of several tasks, all asked together: that is faster.

    `limits` are the tasks' longest answers in tokens; of a task without one, it is FREE_TOKENS.
    `guesses` are answers (token ids) that are likely, see `answer_greedily`.
    """
    every = [(task, prompt) for task, asked in prompts.items() for prompt in asked]
    answers = iter(
        answer_greedily(
            model,
            base,
            [base.tokenizer.ask(prompt) for _, prompt in every],
            max_new_tokens=[limits.get(task, FREE_TOKENS) for task, _ in every],
            guesses=guesses,
            should_stop=should_stop,
        )
    )
    return {task: [next(answers) for _ in asked] for task, asked in prompts.items()}


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
