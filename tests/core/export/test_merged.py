"""The whole model, merged: plain transformers loads it and computes what the app does."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from core.config import METHODS
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.export.export import export
from core.runs.inference_session import InferenceSession
from core.runs.store import RunStore
from tests.core.export.runs import app_answer, run_snippet
from tests.core.export.test_export import finished
from tests.core.methods.tuning import IDS, logits

MERGEABLE = [name for name, method in METHODS.items() if method.is_mergeable]


@pytest.mark.thorough
@pytest.mark.parametrize("method", MERGEABLE)
@pytest.mark.usefixtures("tuned_home")
def test_plain_transformers_computes_the_same(
    method: str, tiny_folder: Path, tmp_path: Path
) -> None:
    run = finished(method, tiny_folder)
    to = tmp_path / "merged"
    assert export(RunStore(), run.id, to, "merged", is_checked=False).parity is None
    model, loading = AutoModelForCausalLM.from_pretrained(
        to, dtype=torch.float32, output_loading_info=True
    )
    assert not any(loading.values()), loading  # no weight is missing, none is left over
    ours, base = InferenceSession(RunStore()).model_for(run.config.model, run.id)
    with torch.no_grad():
        found = model.eval()(IDS).logits[0]
    wanted = logits(ours)
    assert not torch.allclose(wanted, logits(base.model), atol=0.05)
    bound = 0.15 if base.dtype.itemsize == 2 else 1e-4
    torch.testing.assert_close(found, wanted, rtol=0, atol=bound)
    tokenizer = AutoTokenizer.from_pretrained(to)
    turn = [{"role": "user", "content": "cat 1"}]
    ids = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_dict=True)
    assert ids["input_ids"] == ChatTokenizer.load(tiny_folder).ask("cat 1")
    everything = "".join(p.read_text() for p in to.iterdir() if p.suffix in (".json", ".md"))
    assert str(tiny_folder) not in everything
    assert str(tmp_path) not in everything


@pytest.mark.thorough
@pytest.mark.usefixtures("tuned_home")
def test_it_is_stored_in_the_precision_of_its_base(tiny_folder: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.bfloat16).save_pretrained(half)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (half / name).write_text((tiny_folder / name).read_text())
    run = finished("lora", half)
    export(RunStore(), run.id, tmp_path / "merged", "merged", is_checked=False)
    assert json.loads((tmp_path / "merged" / "config.json").read_text())["dtype"] == "bfloat16"
    weights = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").state_dict()
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}


@pytest.mark.thorough
@pytest.mark.parametrize("format", ["merged", "gguf"])
@pytest.mark.parametrize("method", ["adapter", "prompt", "prefix"])
@pytest.mark.usefixtures("tuned_home")
def test_what_is_no_change_of_a_weight_is_refused(
    method: str, format: str, tiny_folder: Path, tmp_path: Path
) -> None:
    run = finished(method, tiny_folder)
    with pytest.raises(UserError, match=r"cannot be merged into the weights: .* Export it as peft"):
        export(RunStore(), run.id, tmp_path / "out", format)
    assert not (tmp_path / "out").exists()


@pytest.mark.thorough
@pytest.mark.usefixtures("tuned_home")
def test_the_code_of_its_card_answers_as_the_app(tiny_folder: Path, tmp_path: Path) -> None:
    run = finished("lora", tiny_folder)
    export(RunStore(), run.id, tmp_path / "merged", "merged", is_checked=False)
    card = (tmp_path / "merged" / "README.md").read_text()
    said = run_snippet(card, tmp_path / "merged", tiny_folder.name, tiny_folder)
    assert said == app_answer(run, "What is your name?", max_new_tokens=40)
