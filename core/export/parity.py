"""The parity check: does the exported model answer as the app does?

The run's prompts are answered again in a fresh process by `answer.py`, which stands in the exported folder
and knows only transformers and peft. What came of it is kept beside the export, in parity.json. Where two
answers part, the app's logits at that token say whether the two choices were nearly tied: then rounding
decided, since the app and plain transformers add up the same products in another order. (The app itself does, too, when it reads many
prompts at once.) The app rounds a loaded adapter to bf16, and plain peft computes with it in float32: where that may
be what parts two answers, plain peft is asked once more with the adapter rounded as the app rounds it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import UserError, shortened
from core.export.prompts import Asked
from core.paths import ASSETS
from core.typed_json import read

FILE = "parity.json"
PROGRAM = "answer.py"
NEAR_TIE = {"bfloat16": 0.5, "float32": 0.01}
"""Logits. In bf16 those between 16 and 32 are 0.125 apart: four such steps. float32 errors are far below."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One prompt, as the app and the exported model answer it."""

    prompt: str
    max_new_tokens: int
    app: str
    exported: str = ""
    same_tokens: bool = True
    """The prompt is the same tokens to both."""
    parts_at: int | None = None
    """The first token of the answers that differs, from 0; None where they are equal."""
    app_gap: float | None = None
    """There, by how many logits the app preferred its own token to the exported model's; 0 where the app itself,
    asked for this prompt alone and not among others, answers as the exported model does."""
    exported_gap: float | None = None
    """There, by how many logits the exported model preferred its token to its second choice."""
    rounded_gap: float | None = None
    """Of an adapter: `app_gap` of the answer that plain peft gives with the adapter rounded as in the app; 0 where that
    answer is the app's."""

    @property
    def is_equal(self) -> bool:
        return self.app == self.exported


@dataclass(frozen=True, kw_only=True)
class Parity:
    format: str
    run: str
    dtype: str
    """The precision of both sides' products."""
    end_ids: list[int]
    rows: list[Compared]

    @property
    def n_equal(self) -> int:
        return sum(row.is_equal for row in self.rows)

    @property
    def near_ties(self) -> list[Compared]:
        """Rows whose difference rounding explains."""
        limit = NEAR_TIE.get(self.dtype, 0.0)
        return [
            row
            for row in self.rows
            if not row.is_equal
            and row.same_tokens
            and row.app_gap is not None
            and row.app_gap <= limit
        ]

    @property
    def by_rounding(self) -> list[Compared]:
        """Other rows whose difference goes, or becomes a near tie, when the adapter is rounded as in the app."""
        limit, near = NEAR_TIE.get(self.dtype, 0.0), {id(row) for row in self.near_ties}
        return [
            row
            for row in self.rows
            if not row.is_equal
            and id(row) not in near
            and row.rounded_gap is not None
            and row.rounded_gap <= limit
        ]

    @property
    def unexplained(self) -> list[Compared]:
        """Rows that differ by more than rounding explains."""
        explained = {id(row) for row in (*self.near_ties, *self.by_rounding)}
        return [row for row in self.rows if not row.is_equal and id(row) not in explained]

    @property
    def in_words(self) -> str:
        n, n_near = len(self.rows), len(self.near_ties)
        n_rounded, n_other = len(self.by_rounding), len(self.unexplained)
        said = f"{self.n_equal} of {n} answers are those of the app."
        if n_near:
            each = "answer differs" if n_near == 1 else "answers differ"
            said += f" {n_near} {each} at a near tie (at most {NEAR_TIE[self.dtype]} logits apart)."
        if n_rounded:
            each = "answer differs" if n_rounded == 1 else "answers differ"
            said += (
                f" {n_rounded} {each} because the app rounds the adapter to bf16 and peft does not: with it "
                "rounded, peft answers as the app does, or parts from it at a near tie."
            )
        if n_other:
            each = "answer differs" if n_other == 1 else "answers differ"
            said += f" {n_other} {each} by more than {'that' if n_near else 'rounding explains'}."
        return said

    def to_dict(self) -> dict[str, object]:
        return {
            "format": self.format,
            "run": self.run,
            "dtype": self.dtype,
            "end_ids": self.end_ids,
            "n": len(self.rows),
            "n_equal": self.n_equal,
            "n_near_ties": len(self.near_ties),
            "n_by_rounding": len(self.by_rounding),
            "near_tie_logits": NEAR_TIE.get(self.dtype, 0.0),
            "rows": [asdict(row) | {"is_equal": row.is_equal} for row in self.rows],
        }

    def write(self, folder: Path) -> None:
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False)
        (folder / FILE).write_text(text, "utf-8")


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What assets/export/answer.py says of one prompt."""

    text: str
    ids: list[int]
    prompt_ids: list[int]
    gaps: list[float]
    """At each token, by how many logits it was preferred to the second choice."""


def table(rows: Sequence[Compared]) -> str:
    """The answers side by side; of those that differ, where and how close it was."""
    lines: list[str] = []
    for row in rows:
        prompt = shortened(" ".join(row.prompt.split()))
        if row.is_equal:
            lines.append(f"equal      {prompt}\n             {row.app!r}")
            continue
        lines.append(
            f"different  {prompt}\n             app {row.app!r}, exported {row.exported!r}"
        )
        if not row.same_tokens:
            lines.append("             the prompt is other tokens to the exported tokenizer")
        elif row.app_gap == 0:
            lines.append(
                "             the app itself, asked for this prompt alone, answers so, too"
            )
        elif row.app_gap is not None and row.exported_gap is not None:
            lines.append(
                f"             at token {(row.parts_at or 0) + 1}: the app's own choice was ahead by "
                f"{row.app_gap:.3f} logits, the exported model's by {row.exported_gap:.3f}"
            )
    return "\n".join(lines)


def check(parity: Parity, folder: Path, app: Any, *, base: Path, asked: Sequence[Asked]) -> Parity:
    """Fill in what the exported model in `folder` answers, and write it down there.

    `app` is the `AppAnswers` that gave the app's answers; `base` is the folder of the base model.
    """
    shutil.copyfile(ASSETS / "export" / PROGRAM, folder / PROGRAM)
    parity.write(folder)
    found = answered_afresh(folder, base)
    if len(found) != len(asked):
        raise UserError("The exported model did not answer all prompts; nothing was written.")
    rows = [_compared(row, answer, app) for row, answer in zip(parity.rows, found, strict=True)]
    parity = replace(parity, rows=rows)
    if parity.format == "peft" and parity.dtype == "bfloat16" and parity.unexplained:
        again = answered_afresh(folder, base, is_rounded=True)
        rows = [_rounded(row, answer, app) for row, answer in zip(rows, again, strict=True)]
        parity = replace(parity, rows=rows)
    parity.write(folder)
    return parity


def _compared(row: Compared, answer: Answered, app: Any) -> Compared:
    is_same = answer.prompt_ids == app.prompt_ids(row.prompt)
    row = replace(row, exported=answer.text, same_tokens=is_same)
    if row.is_equal or not is_same:
        return row
    place, gap = app.gap(row.prompt, answer.ids)
    if place == len(answer.ids):
        return replace(row, app_gap=0.0)
    return replace(row, parts_at=place, app_gap=gap, exported_gap=answer.gaps[place])


def _rounded(row: Compared, answer: Answered, app: Any) -> Compared:
    """A row with what plain peft answers when the adapter is rounded."""
    if row.is_equal or not row.same_tokens:
        return row
    place, gap = app.gap(row.prompt, answer.ids)
    is_same = answer.text == row.app or place == len(answer.ids)
    return replace(row, rounded_gap=0.0 if is_same else gap)


def answered_afresh(folder: Path, base: Path, *, is_rounded: bool = False) -> list[Answered]:
    """What the exported model answers in a process that cannot import this app."""
    command = [sys.executable, "-I", PROGRAM, "--json", "--base", str(base)]
    command += ["--rounded"] if is_rounded else []
    done = subprocess.run(
        command, cwd=folder, env=plain_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise UserError(
            f"Plain transformers cannot answer with what was exported: {shortened(last)}. "
            "Nothing was written; --no-check leaves the check out."
        )
    return [
        read(Answered, json.loads(line))
        for line in done.stdout.splitlines()
        if line.startswith("{")
    ]


def plain_environment() -> dict[str, str]:
    """The environment of a process that knows nothing of this app and asks no hub."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TUNING_FORK"))}
    return kept | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "PYTHONUTF8": "1"}
