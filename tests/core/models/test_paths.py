"""On the tree or plainly: the path is chosen by what a model needs, gives its logits, and is said."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core.cli.main import main
from core.config import (
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
)
from core.errors import UserError
from core.inspect.logits import all_logits
from core.models import check
from core.models.forward import run_layers, tree_outputs
from core.models.load import PLAIN, LoadedModel, load_folder
from core.models.trie import build, mean_loss, tokens_computed
from core.train.time_ablations import time_ablations
from core.train.training import train
from tests.core.models.architectures import NAMES, make
from tests.core.models.own_forward import (
    BATCH,
    ON_THE_TREE,
    Folders,
    own_loss,
    own_model,
    padded,
)


@pytest.mark.parametrize("name", NAMES)
def test_the_path_is_chosen_by_what_the_model_needs(
    name: str, bases: dict[str, LoadedModel]
) -> None:
    base = bases[name]
    assert base.path == ("tree" if name in ON_THE_TREE else "plain")
    assert base.max_logit_error <= 1e-4 * base.checked.largest_logit
    assert bool(base.checked.why) == (base.path == "plain")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test_the_path_is_the_same_in_every_precision(
    name: str, dtype: torch.dtype, folders: Folders
) -> None:
    if (name, dtype) == ("gpt_oss", torch.float64):
        with pytest.raises(UserError, match="Transformers cannot compute this model here"):
            load_folder(folders[name], id=name, dtype=dtype)
        return
    base = load_folder(folders[name], id=name, dtype=dtype)
    assert base.path == ("tree" if name in ON_THE_TREE else "plain")


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["mistral", "gemma3"])
@pytest.mark.parametrize(("window", "path"), [(200, "plain"), (4096, "tree")])
def test_a_window_matters_where_texts_are_longer(
    name: str, window: int, path: str, tmp_path: Path
) -> None:
    """200 tokens are more than the check's text, but fewer than the longest text (256 here)."""
    base = load_folder(make(name, tmp_path, window=window), id=name, dtype=torch.float32)
    assert base.path == path
    assert ("looks back 200 tokens" in base.checked.why) == (path == "plain")


@pytest.mark.parametrize(
    ("name", "small"),
    [
        ("gemma2", {"attn_logit_softcapping": 50.0, "final_logit_softcapping": None}),
        ("gemma2", {"attn_logit_softcapping": None, "final_logit_softcapping": 500.0}),
        ("granite", {"logits_scaling": 1.02}),
    ],
)
def test_an_option_too_small_to_see_in_bf16_is_noticed(
    name: str, small: dict[str, Any], tmp_path: Path
) -> None:
    folder = make(name, tmp_path, window=4096)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **small}))
    assert load_folder(folder, id=name, dtype=torch.bfloat16).path == "plain"


@pytest.mark.parametrize("name", NAMES)
def test_logits_of_a_batch_are_the_model_s_own(
    name: str, bases: dict[str, LoadedModel], folders: Folders
) -> None:
    own, base, batch = own_model(folders[name]), bases[name], build(BATCH)
    with torch.no_grad():
        assert torch.allclose(mean_loss(base.model, batch), own_loss(own, BATCH), atol=1e-5)
        theirs = own(**padded(BATCH)).loss
        assert torch.allclose(mean_loss(base.model, batch), theirs, atol=1e-5)
        found = all_logits(base.model, base, ["the cat sat on the mat, and a dog ran"])
        ids = base.tokenizer.ask("the cat sat on the mat, and a dog ran")
        wanted = own(input_ids=torch.tensor([ids])).logits[0]
    assert torch.allclose(found, wanted, atol=1e-4)


def test_plain_rows_are_counted_as_computed(bases: dict[str, LoadedModel]) -> None:
    batch = build(BATCH)
    assert tokens_computed(bases["llama"].model, batch) == len(batch.token_ids)
    assert tokens_computed(bases["granite"].model, batch) == 3 * 15  # two of four are equal


def test_a_plain_model_cannot_take_the_tree_by_mistake(bases: dict[str, LoadedModel]) -> None:
    ids = torch.tensor([5, 6])
    with pytest.raises(ValueError, match="plain model"):
        tree_outputs(bases["granite"].model, ids, torch.arange(2), [-1, 0])
    mask = torch.ones(1, 2, 2, dtype=torch.bool).tril()
    with pytest.raises(ValueError, match="plain model"):
        run_layers(bases["granite"].model, ids[None], torch.arange(2)[None], mask)
    with pytest.raises(UserError, match="nothing to switch off"):
        next(
            time_ablations(
                bases["granite"],
                task="sentiment",
                batch_size=2,
                seed=0,
                off=[],
                rounds=1,
                should_stop=lambda: False,
            )
        )


@pytest.mark.parametrize(("name", "path"), [("granite", "plain"), ("llama", "tree")])
def test_a_run_says_how_its_model_is_computed(
    name: str, path: str, bases: dict[str, LoadedModel]
) -> None:
    config = RunConfig(
        method=MethodConfig(rank=2),
        optimizer=OptimizerConfig(steps=1, batch_size=2),
        evaluation=EvaluationConfig(examples=1, final_examples=1, samples=0),
    )
    events = first_events(train(config, bases[name]))
    assert events[0]["path"] == path
    said = [event["message"] for event in events if event["type"] == "notice"]
    assert said == ([PLAIN] if path == "plain" else [])


def first_events(events: Iterator[Any]) -> list[dict[str, Any]]:
    """Up to the first one that is neither the start nor a notice."""
    found: list[dict[str, Any]] = []
    for event in events:
        found.append(event.to_dict())
        if event.type not in ("started", "notice"):
            return found
    return found


def test_a_model_that_neither_path_computes_is_refused(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*args: Any, **options: Any) -> torch.Tensor:
        return 3 * check.own_logits(*args, **options)

    monkeypatch.setattr("core.models.plain.own_logits", wrong)
    with pytest.raises(UserError, match="cannot be computed exactly here"):
        load_folder(folders["granite"], id="granite", dtype=torch.float32)


@pytest.mark.parametrize("name", ["granite", "gemma2", "llama"])
def test_models_check_reports_it(
    name: str, folders: Folders, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    arguments = ["models", "check", str(folders[name]), "--dtype", "float32"]
    assert main([*arguments, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert found["type"] == "model"
    assert found["model_type"] == name
    assert found["path"] == ("tree" if name in ON_THE_TREE else "plain")
    assert 0 <= found["max_logit_error"] < 1e-4 < found["largest_logit"]
    assert found["dtype"] == "float32"
    assert found["end_tokens"] == ["<|im_end|>"]
    assert found["start_token"] == ""
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "logits differ from transformers' own by" in said
    assert (PLAIN in said) == (found["path"] == "plain")


def test_models_check_of_nothing_is_a_user_s_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "check", str(tmp_path / "none")]) == 2
    assert "is not known" in capsys.readouterr().err
