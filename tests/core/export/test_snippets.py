"""The code in an adapter's card, run as it stands: right for every method that peft knows."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from core.config import METHODS
from core.export.export import export
from core.export.snippets import QUESTION, said_of
from core.runs.store import RunStore
from tests.core.export.runs import app_answer, ends_of, run_snippet
from tests.core.export.test_export import WITHOUT, finished

SOFT = ("prompt", "prefix")


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app computes in float32, as a card's code does with a model that is stored so."""
    monkeypatch.setattr("core.runs.inference_session.resolve_dtype", lambda _: torch.float32)


@pytest.mark.thorough
@pytest.mark.parametrize("method", [m for m in METHODS if m not in WITHOUT])
@pytest.mark.usefixtures("tuned_home")
def test_it_answers_as_the_app(method: str, tiny_folder: Path, tmp_path: Path) -> None:
    run = finished(method, tiny_folder)
    folder = export(RunStore(), run.id, tmp_path / "adapter", is_checked=False).folder
    card = (folder / "README.md").read_text("utf-8")
    said = run_snippet(card, folder, tiny_folder.name, tiny_folder)
    assert said == app_answer(run, QUESTION, max_new_tokens=40)
    assert said_of(method) in card
    assert bool(said_of(method)) == (method in SOFT)


@pytest.mark.thorough
@pytest.mark.parametrize("method", SOFT)
@pytest.mark.usefixtures("tuned_home")
def test_the_usual_way_is_as_wrong_as_the_card_says(
    method: str, tiny_folder: Path, tmp_path: Path
) -> None:
    """When peft mends its `generate`, this fails, and the card's sentence can go."""
    run = finished(method, tiny_folder)
    folder = export(RunStore(), run.id, tmp_path / "adapter", is_checked=False).folder
    base = AutoModelForCausalLM.from_pretrained(tiny_folder)
    model = PeftModel.from_pretrained(base, folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    answers = dict[bool, str]()
    for use_cache in (True, False):
        ids = tokenizer.apply_chat_template(
            [{"role": "user", "content": QUESTION}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        found = model.generate(
            **ids, max_new_tokens=40, do_sample=False, use_cache=use_cache, eos_token_id=ends_of(tiny_folder)
        )  # fmt: skip
        told = found[0, ids["input_ids"].shape[1] :]
        answers[use_cache] = tokenizer.decode(told, skip_special_tokens=True).strip()
    right = app_answer(run, QUESTION, max_new_tokens=40)
    assert answers[True] != right
    assert (answers[False] == right) == (method == "prompt")
    assert "use_cache=False" in said_of("prompt")
    assert "with a cache and without" in said_of("prefix")
