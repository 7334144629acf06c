"""What the data check found, what stops a run first, each with its lines to look at."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.config import RunConfig
from core.data.listing import count
from core.data.tokenizer import ChatTokenizer
from core.datacheck import Finding, check_data
from core.datacheck.check import numbered_examples
from core.datacheck.lengths import Lengths, lengths_of
from pages.shared.plain import plain

MOST_SHOWN = 20
"""Pairs of a finding."""
DRAWN = {"stops": st.error, "look": st.warning, "note": st.caption}


@st.cache_data(show_spinner="Looking through the pairs …", max_entries=20)
def checked(
    dataset: str,
    template: str,
    model: str,
    max_new_tokens: int,
    skipped: Sequence[tuple[int, str]],
    seed: int,
    _config: RunConfig,
    _tokenizer: ChatTokenizer | None,
) -> list[Finding]:
    """Once for each data set and what the check depends on."""
    return check_data(_config, _tokenizer, skipped=skipped)


@st.cache_data(show_spinner=False, max_entries=20)
def _lengths(
    dataset: str, template: str, model: str, _config: RunConfig, _tokenizer: ChatTokenizer
) -> Lengths:
    return lengths_of(numbered_examples(_config), _tokenizer)


def batch_tokens(config: RunConfig, tokenizer: ChatTokenizer) -> float:
    """Tokens that a batch of the pairs computes, on average."""
    data = config.data
    found = _lengths(data.dataset, data.template, config.model, config, tokenizer)
    return found.batch_tokens(config.optimizer.batch_size)


def show_findings(config: RunConfig, tokenizer: ChatTokenizer | None) -> bool:
    """Draw them; whether a run can start with these pairs."""
    data = config.data
    skipped: Any = st.session_state.get("workbench_skipped", {}).get(data.dataset, [])
    found = checked(
        data.dataset,
        data.template,
        config.model if tokenizer else "",
        config.evaluation.max_new_tokens,
        tuple(skipped),
        config.seed,
        config,
        tokenizer,
    )
    looks = [f for f in found if f.level != "note"]
    if not looks:
        st.success("Nothing to mend was found.")
    for finding in found:
        DRAWN[finding.level](plain(finding.sentence))
    if any(f.lines for f in looks):
        with st.expander("The pairs that these are about"):
            _show_pairs(config, looks)
    if tokenizer is None:
        st.caption("Lengths are counted once the model is prepared.")
    return not any(f.level == "stops" for f in found)


def _show_pairs(config: RunConfig, found: Sequence[Finding]) -> None:
    by_line = {e.number: e for e in numbered_examples(config)}
    rows = [
        {
            "finding": finding.kind.replace("_", " "),
            "line": line,
            "prompt": by_line[line].prompt,
            "completion": by_line[line].completion,
        }
        for finding in found
        for line in finding.lines[:MOST_SHOWN]
        if line in by_line
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
    more = sum(max(0, len(f.lines) - MOST_SHOWN) for f in found)
    if more:
        st.caption(f"{count(more, 'more line')} not shown.")
