"""Every architecture gives the numbers of transformers' own forward, on the tree or plainly: losses, gradients,
answers, probabilities. Windows, capped scores, sinks and scaled logits are no exception."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoModelForCausalLM

from core import methods
from core.cli.main import main
from core.config import (
    METHODS,
    EvaluationConfig,
    MethodConfig,
    OptimizerConfig,
    RunConfig,
)
from core.data.encode import Encoded
from core.data.examples import Example
from core.errors import UserError
from core.generate.batch import answer_greedily
from core.generate.settings import SamplingSettings
from core.generate.stream import Decoder, stream
from core.inspect.logits import all_logits
from core.models import check
from core.models.forward import run_layers, tree_outputs
from core.models.load import PLAIN, LoadedModel, load_folder
from core.models.trie import build, mean_loss, tokens_computed
from core.runs.evaluate_run import label_probabilities
from core.train.loop import take_step, train
from core.train.optimizer import AdamW
from core.train.regularizers import fisher_information
from core.train.stepper import pair_losses
from core.train.time_ablations import time_ablations
from tests.core.models.architectures import NAMES, WINDOW, make

ON_THE_TREE = ("llama", "qwen2", "qwen3", "phi3", "gpt2", "gpt_neox")
PLAINLY = tuple(name for name in NAMES if name not in ON_THE_TREE)
STEM = [5, 6, 7, 20, 21, 30, 31, 32, 40, 41]  # longer than the window
BATCH = [
    Encoded([*STEM, 50, 51], [9, 60, 1]),
    Encoded([*STEM, 50, 52, 53, 54], [10, 1]),
    Encoded([*STEM, 50, 51], [9, 60, 1]),
    Encoded([5, 8, 8], [10, 11, 70, 71, 72, 1]),
]
PROMPTS = [pair.prompt_ids for pair in BATCH] + [[*range(100, 130)]]
KNOBS: dict[str, Any] = {
    "layers": 1,
    "virtual_tokens": 4,
    "bottleneck": 4,
    "rank": 2,
    "target_modules": ("query", "output"),
}
Folders = dict[str, Path]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return {name: make(name, tmp_path_factory.mktemp(name)) for name in NAMES}


@pytest.fixture(scope="module")
def bases(folders: Folders) -> dict[str, LoadedModel]:
    return {name: load_folder(folders[name], id=name, dtype=torch.float32) for name in NAMES}


def own_model(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """As transformers loads it, and nobody has touched it."""
    return AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=dtype, attn_implementation="eager"
    ).eval()


def padded(batch: list[Encoded]) -> dict[str, torch.Tensor]:
    """A batch as Hugging Face's trainers lay it out."""
    width = max(len(pair.ids) for pair in batch)
    return {
        "input_ids": torch.tensor([p.ids + [0] * (width - len(p.ids)) for p in batch]),
        "attention_mask": torch.tensor(
            [[1] * len(p.ids) + [0] * (width - len(p.ids)) for p in batch]
        ),
        "labels": torch.tensor([p.labels + [-100] * (width - len(p.ids)) for p in batch]),
    }


def own_loss(model: Any, batch: list[Encoded]) -> torch.Tensor:
    """The mean over all completion tokens, each text computed by itself."""
    losses: list[torch.Tensor] = []
    for pair in batch:
        found = model(input_ids=torch.tensor([pair.ids])).logits[0]
        first = len(pair.prompt_ids) - 1
        targets = torch.tensor(pair.completion_ids)
        losses.append(F.cross_entropy(found[first:-1], targets, reduction="none"))
    return torch.cat(losses).mean()


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


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_full_tuning_are_the_model_s_own(name: str, folders: Folders) -> None:
    dtype = torch.float32 if name == "gpt_oss" else torch.float64
    base = load_folder(folders[name], id=name, dtype=dtype)
    # `attach` trains in float32: here the model itself is trained, in its own precision.
    base.model.requires_grad_(True)
    mean_loss(base.model, build(BATCH)).backward()
    own = own_model(folders[name], dtype)
    own_loss(own, BATCH).backward()
    ours = {n: p.grad for n, p in base.model.named_parameters()}
    largest = max(float(p.grad.abs().max()) for p in own.parameters())
    tolerance = (1e-4 if name == "gpt_oss" else 1e-5) * largest  # norms are float32 everywhere
    for key, p in own.named_parameters():
        found = ours[key]
        assert found is not None, key
        assert (found - p.grad).abs().max() <= tolerance, key


@pytest.mark.thorough
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NAMES)
def test_two_steps_with_every_method(
    name: str, method: str, bases: dict[str, LoadedModel], **knobs: int
) -> None:
    """Loss before and after a step is that of the tuned model's own (peft's) forward on the padded batch."""
    if name == "gpt_oss" and method in ("ia3", "adapter"):
        pytest.skip("its MLPs are experts")
    base, batch = bases[name], build(BATCH)
    torch.manual_seed(0)
    config = MethodConfig(name=method, **KNOBS | knobs)
    tuned: Any = methods.find(method).attach(base.model, config).train()
    optimizer = AdamW([p for p in tuned.parameters() if p.requires_grad], weight_decay=0.01)
    losses: list[float] = []
    for _ in range(2):
        with torch.no_grad():
            wanted = own_forward_loss(tuned.eval(), method)
        loss, _, norm = take_step(
            tuned.train(), optimizer, batch, rate=1e-2, clip_norm=1.0, dtype=base.dtype
        )
        assert loss == pytest.approx(wanted, abs=2e-5)
        assert norm > 0
        losses.append(loss)
    assert losses[0] != losses[1]


def own_forward_loss(tuned: Any, method: str) -> float:
    """Virtual tokens are compared text by text, and AdaLoRA without the penalty that peft adds."""
    if method == "adalora":
        return own_loss(tuned, BATCH).item()
    if method not in ("prompt", "prefix"):
        return tuned(**padded(BATCH)).loss.item()
    n, total = 0, 0.0
    for pair in BATCH:
        found = tuned(**padded([pair]))
        n += len(pair.completion_ids)
        total += found.loss.item() * len(pair.completion_ids)
    return total / n


def generated(own: Any, prompt: list[int], n: int, ends: tuple[int, ...]) -> list[int]:
    ids = torch.tensor([prompt])
    output = own.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=n,
        do_sample=False,
        eos_token_id=list(ends),
        pad_token_id=1,
    )
    return output[0, len(prompt) :].tolist()


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_answers_are_generate_s(name: str, bases: dict[str, LoadedModel], folders: Folders) -> None:
    own, base = own_model(folders[name]), bases[name]
    ends = base.tokenizer.end_ids
    wanted = [generated(own, prompt, 20, ends) for prompt in PROMPTS]
    answers = answer_greedily(base.model, base, PROMPTS, max_new_tokens=20)
    for prompt, ids, answer in zip(PROMPTS, wanted, answers, strict=True):
        streamed = stream(base.model, base, prompt, SamplingSettings(max_new_tokens=20))
        assert [token.id for token in streamed] == ids
        said = ids[:-1] if ids[-1] in ends else ids
        assert answer.text == base.tokenizer.decode(said).strip()
        assert answer.was_cut == (ids[-1] not in ends)


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["lora", "prompt", "prefix", "full"])
@pytest.mark.parametrize("name", NAMES)
def test_tuned_answers_are_generate_s(
    name: str, method: str, bases: dict[str, LoadedModel], **knobs: int
) -> None:
    base = bases[name]
    torch.manual_seed(0)
    tuned: Any = methods.find(method).attach(base.model, MethodConfig(name=method, **KNOBS | knobs))
    for p in tuned.parameters():
        if p.requires_grad:
            p.data += 0.1 * torch.randn_like(p)
    tuned.eval()
    ends = base.tokenizer.end_ids
    answers = answer_greedily(tuned, base, PROMPTS, max_new_tokens=8)
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        ids = by_hand(tuned, prompt, 8, ends)
        settings = SamplingSettings(max_new_tokens=8)
        assert [token.id for token in stream(tuned, base, prompt, settings)] == ids
        said = ids[:-1] if ids[-1] in ends else ids
        assert answer.text == base.tokenizer.decode(said).strip()
        assert answer.was_cut == (ids[-1] not in ends)


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["prompt", "prefix"])
@pytest.mark.parametrize("name", PLAINLY)
def test_more_virtual_tokens_than_a_window_holds(
    name: str, method: str, bases: dict[str, LoadedModel]
) -> None:
    test_tuned_answers_are_generate_s(name, method, bases, virtual_tokens=WINDOW + 4)
    test_two_steps_with_every_method(name, method, bases, virtual_tokens=WINDOW + 4)


@torch.no_grad()
def by_hand(tuned: Any, prompt: list[int], n: int, ends: tuple[int, ...]) -> list[int]:
    """Greedy decoding without a cache, through the tuned model's own (peft's) forward."""
    answer: list[int] = []
    while len(answer) < n and not (answer and answer[-1] in ends):
        found = tuned(input_ids=torch.tensor([[*prompt, *answer]])).logits
        answer.append(int(found[0, -1].argmax()))
    return answer


@pytest.mark.parametrize("name", NAMES)
def test_label_probabilities_are_the_model_s_own(
    name: str, bases: dict[str, LoadedModel], folders: Folders
) -> None:
    own, base = own_model(folders[name]), bases[name]
    examples = [
        Example(prompt="the cat sat on the mat " * n, completion=label)
        for n, label in ((1, "cat"), (3, "dog ran"), (2, "cat"), (1, "dog ran"))
    ]
    (message,) = label_probabilities(
        base.model, base, "custom", examples, should_stop=lambda: False
    )
    for row, example in zip(message.rows, examples, strict=True):
        logs: list[float] = []
        for label in ("cat", "dog ran"):
            prompt = base.tokenizer.ask(example.prompt)
            completion = [*base.tokenizer.encode(label), base.tokenizer.end_id]
            pair = Encoded(prompt, completion)
            with torch.no_grad():
                logs.append(-own_loss(own, [pair]).item() * len(completion))
        wanted = torch.tensor(logs).softmax(0).tolist()
        assert list(row.probabilities.values()) == pytest.approx(wanted, abs=1e-4)
        assert row.mass == pytest.approx(sum(torch.tensor(logs).exp().tolist()), rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_a_decoder_goes_back_and_on(
    name: str, bases: dict[str, LoadedModel], folders: Folders
) -> None:
    own, base = own_model(folders[name]), bases[name]
    decoder = Decoder(base.model, base)
    text = [*range(100, 100 + 2 * WINDOW)]
    with torch.no_grad():
        decoder(text)
        decoder([40, 41, 42])
        decoder.forget_after(len(text))
        found = decoder([50, 51])
        wanted = own(input_ids=torch.tensor([[*text, 50, 51]])).logits[0, -1]
    assert torch.allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("name", ["gemma2", "granite", "llama"])
def test_what_looks_at_losses_sees_the_model_s_own(
    name: str, bases: dict[str, LoadedModel], folders: Folders
) -> None:
    own, base, pair = own_model(folders[name]), bases[name], BATCH[1]
    with torch.no_grad():
        wanted = F.cross_entropy(
            own(input_ids=torch.tensor([pair.ids])).logits[0, :-1],
            torch.tensor(pair.ids[1:]),
            reduction="none",
        )
    rows = pair_losses(base.model, base, pair)
    seen = [row.loss for row in rows if row.seen]
    assert seen == pytest.approx(wanted[len(pair.prompt_ids) - 1 :].tolist(), abs=1e-4)
    tuned = methods.find("lora").attach(base.model, MethodConfig(name="lora", **KNOBS))
    fisher = fisher_information(tuned, BATCH[:2], base, seed=0)
    assert sum(float(f.sum()) for f in fisher.values()) > 0


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
