"""All findings about the pairs of a run, what stops it first."""

from collections.abc import Sequence

from core.config import RunConfig
from core.data import uploads
from core.data.example import Example, make_example
from core.data.examples import CUSTOM_TEMPLATE, Splits, load_splits
from core.data.tokenizer import ChatTokenizer
from core.datacheck.cells import control_tokens, left_out, words_for_nothing
from core.datacheck.findings import Finding
from core.datacheck.labels import label_findings
from core.datacheck.lengths import length_findings
from core.datacheck.pairs import contradictions, duplicates, in_two_parts, near_duplicates
from core.errors import UserError

ORDER = ("stops", "look", "note")


def numbered_examples(config: RunConfig) -> list[Example]:
    """The kept pairs of a run on own data, each with its line in the file where that is known."""
    records, source = uploads.load(config.data.dataset), uploads.source(config.data.dataset)
    known = len(source.lines) == len(records)
    numbers = source.lines if known else range(1, len(records) + 1)
    template = config.data.template or CUSTOM_TEMPLATE
    return [make_example(r, template, number=n) for r, n in zip(records, numbers, strict=True)]


def check_data(
    config: RunConfig,
    tokenizer: ChatTokenizer | None,
    *,
    skipped: Sequence[tuple[int, str]] = (),
) -> list[Finding]:
    """Look through the own pairs that `config` trains on.

    Without a tokenizer (its model is not prepared) lengths are left out. `skipped` are the lines that reading the
    file left out. Raises `UserError` when the pairs are not here, or the template does not fit them.
    """
    examples, source = numbered_examples(config), uploads.source(config.data.dataset)
    word = source.word
    findings: list[Finding] = []
    splits: Splits | None = None
    try:
        splits = load_splits(config.data, seed=config.seed)
        if not splits.train:
            raise UserError("No training pairs are left after the split; add more data.")
    except UserError as error:
        findings.append(Finding(kind="no_split", level="stops", sentence=str(error)))
    findings += left_out(skipped)
    if tokenizer:
        limit = config.evaluation.max_new_tokens
        findings += length_findings(
            examples, tokenizer, answer_limit=limit, what=source.name, word=word
        )
    findings += contradictions(examples, word)
    findings += duplicates(examples, word)
    findings += in_two_parts(examples, word)
    findings += near_duplicates(examples, splits, word)
    findings += words_for_nothing(examples, word)
    findings += control_tokens(examples, tokenizer, word)
    findings += label_findings(examples, word)
    return sorted(findings, key=lambda found: ORDER.index(found.level))
