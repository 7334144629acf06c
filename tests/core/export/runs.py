"""What the tests of this folder share: models beside the tiny Llama, and the code of a card."""

import contextlib
import io
import re
from pathlib import Path

from core.data.tokenizer import ChatTokenizer
from core.export.app_answers import AppAnswers
from core.export.prompts import Asked
from core.runs.store import Run, RunStore


def app_answer(run: Run, prompt: str, *, max_new_tokens: int) -> str:
    asked = [Asked(prompt=prompt, max_new_tokens=max_new_tokens)]
    return AppAnswers(RunStore(), run).answers(asked)[0]


def run_snippet(card: str, folder: Path, base: str, base_folder: Path, *, dtype: str = "") -> str:
    """Run a card's Python as it stands, but for the two names a reader replaces, and perhaps the base's
    precision; returns what it prints."""
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    code = code.replace('"this-folder"', repr(str(folder))).replace(
        f'"{base}"', repr(str(base_folder)) + (f", dtype={dtype!r}" if dtype else "")
    )
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "card", "exec"), {})
    return printed.getvalue().strip()


def ends_of(folder: Path) -> list[int]:
    return list(ChatTokenizer.load(folder).end_ids)
