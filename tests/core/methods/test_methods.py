"""What every tuning method promises: the same table of cases, run across all methods."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import nn
from torch.nn import functional as F
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from core import methods
from core.config import METHODS, ROLES, MethodConfig, low_rank_methods, of_family
from core.errors import UserError
from core.generate.batch import answer_greedily
from core.generate.settings import SamplingSettings
from core.generate.stream import stream
from core.inspect.movement import movement
from core.methods.bottleneck import Adapted
from core.methods.sharing import shared_copy
from core.models.load import LoadedModel, load_folder
from core.models.trie import mean_loss
from tests.core.methods.tuning import BATCH, IDS, attach, logits, tune

N_ATTENTION, N_MLP = 2 * 32 * 32 + 2 * 32 * 16, 3 * 32 * 64  # per layer of the tiny model
N_LAYER = N_ATTENTION + N_MLP + 2 * 32
N_VOCABULARY = 311
N_BASE = N_VOCABULARY * 32 + 2 * N_LAYER + 32
N_PAIRS = 2 * ((32 + 16) + (64 + 32))  # d_in + d_out of k_proj and down_proj, two layers
N_TRAINED = {
    "full": N_BASE,
    "top_layers": N_LAYER,
    "bitfit": 2 * (32 + 16 + 16 + 32 + 64 + 64 + 32),
    "layernorm": 2 * 2 * 32 + 32,
    "lora": 8 * N_PAIRS,
    "rslora": 8 * N_PAIRS,
    "dora": 8 * N_PAIRS + 2 * (16 + 32),  # and a magnitude for every output
    "adalora": 12 * N_PAIRS + 2 * 2 * 12,  # half as many ranks again, and a singular value for each
    "adapter": 2 * 2 * (32 * 4 + 4 + 4 * 32 + 32),
    "ia3": 2 * (16 + 16 + 64),
    "prompt": 4 * 32,
    "prefix": 4 * 2 * 2 * 16,
}
"""With targets k_proj and down_proj, rank 8, bottleneck 4, 4 virtual tokens, one of two layers."""
PAIR = r"(k_proj|down_proj)\.lora_[AB]\."
ALLOWED = {
    "bitfit": r"\.bias$",
    "layernorm": r"norm\.ln_tuning_layers\.",
    "lora": PAIR,
    "rslora": PAIR,
    "dora": r"(k_proj|down_proj)\.lora_(A|B|magnitude_vector)\.",
    "adalora": r"(k_proj|down_proj)\.lora_[ABE]\.",
    "adapter": r"(o_proj|down_proj)\.(down|up)\.(weight|bias)$",
    "ia3": r"(k_proj|v_proj|down_proj)\.ia3_l\.",
    "prompt": r"^prompt_encoder\.",
    "prefix": r"^prompt_encoder\.",
}
SOFT_PROMPTS = of_family("soft prompts")
EXACT = [m for m in METHODS if m not in ("full", "top_layers", "bitfit")]
"""Methods that leave float32 numbers behind; the others leave changes of weights in bf16."""
every_method = pytest.mark.parametrize("method", METHODS)


@pytest.mark.thorough
@every_method
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_base_is_bit_identical_after_training(
    method: str, dtype: torch.dtype, tiny_folder: Path
) -> None:
    base = load_folder(tiny_folder, id="tiny", dtype=dtype)
    names, before = list(base.model.state_dict()), logits(base.model)
    weights = {n: p.clone() for n, p in base.model.named_parameters()}
    tuned = tune(method, base)
    movement(tuned, base.model)  # looking at the change leaves the base alone, too
    assert not torch.equal(logits(tuned), before)
    assert list(base.model.state_dict()) == names  # no layer was put into the base
    for name, parameter in base.model.named_parameters():
        assert parameter.dtype is dtype
        assert not parameter.requires_grad
        assert parameter.grad is None
        assert torch.equal(parameter, weights[name])
    assert torch.equal(logits(base.model), before)


@pytest.mark.thorough
@pytest.mark.parametrize("method", [m for m in METHODS if METHODS[m].starts_as_base])
def test_tuning_starts_from_the_base(method: str, tiny: LoadedModel) -> None:
    tune(method, tiny)  # an earlier run leaves no trace
    assert torch.equal(logits(attach(method, tiny).eval()), logits(tiny.model))


@every_method
def test_gradients_only_where_allowed(method: str, tiny_folder: Path) -> None:
    base = load_folder(tiny_folder, id="tiny", dtype=torch.bfloat16)
    tuned = attach(method, base, target_modules=("k_proj", "down_proj"))
    with torch.autocast("cpu", torch.bfloat16):
        mean_loss(tuned, BATCH).backward()
    found = {name: p for name, p in tuned.named_parameters() if p.grad is not None}
    assert all(p.dtype is torch.float32 for p in found.values())
    assert found.keys() == {n for n, p in tuned.named_parameters() if p.requires_grad}
    assert sum(p.numel() for p in found.values()) == N_TRAINED[method]
    every = dict(base.model.named_parameters()).keys()
    if method == "full":
        assert found.keys() == every
    elif method == "top_layers":
        assert found.keys() == {name for name in every if ".layers.1." in name}
    else:
        allowed = re.compile(ALLOWED[method])
        assert [name for name in found if not allowed.search(name)] == []


@every_method
def test_saved_and_loaded_is_the_same_model(method: str, tiny: LoadedModel, tmp_path: Path) -> None:
    tuned = tune(method, tiny)
    methods.find(method).save(tuned, tiny.model, tmp_path)
    again = methods.find(method).load(tiny.model, tmp_path)
    assert not again.training
    wanted = logits(tuned)
    if method in EXACT:
        torch.testing.assert_close(logits(again), wanted, rtol=0, atol=1e-5)
    else:  # the change is kept in bf16: its relative error is 2^-9 at most
        change = (wanted - logits(tiny.model)).norm()
        assert (logits(again) - wanted).norm() < 0.01 * change
        old = dict(tiny.model.named_parameters())
        theirs = dict(tuned.named_parameters())
        for name, p in again.named_parameters():
            start = old.get(name, 0)
            torch.testing.assert_close(p - start, theirs[name] - start, rtol=2**-8, atol=1e-7)


@every_method
def test_loading_takes_the_precision_of_the_base(
    method: str, tiny: LoadedModel, tiny_folder: Path, tmp_path: Path
) -> None:
    tuned = tune(method, tiny)
    methods.find(method).save(tuned, tiny.model, tmp_path)
    low = load_folder(tiny_folder, id="tiny", dtype=torch.bfloat16)
    again = methods.find(method).load(low.model, tmp_path)
    assert {p.dtype for p in again.parameters()} == {torch.bfloat16}
    buffers = [b for b in again.buffers() if b.is_floating_point()]
    assert {b.dtype for b in buffers} == {torch.float32}  # rotary frequencies lose too much in bf16
    change = (logits(tuned) - logits(tiny.model)).norm()
    assert (logits(again) - logits(tuned)).norm() < 0.2 * change


@every_method
def test_tied_embeddings_stay_tied_and_count_once(
    method: str, tiny: LoadedModel, tmp_path: Path
) -> None:
    tuned = tune(method, tiny, target_modules=("k_proj", "down_proj"))
    methods.find(method).save(tuned, tiny.model, tmp_path)
    for model in (tuned, methods.find(method).load(tiny.model, tmp_path)):
        causal = model.get_base_model() if isinstance(model, PeftModel) else model
        assert causal.get_input_embeddings().weight is causal.get_output_embeddings().weight
    assert tiny.tokenizer.backend.get_vocab_size() == N_VOCABULARY
    trained, total = methods.count_parameters(tuned)
    own = 0 if method in ("full", "top_layers") else trained
    own += (
        4 if method == "adalora" else 0
    )  # peft keeps the rank of each of four targets as a tensor
    assert total == N_BASE + own


THROUGH_PEFT = [m for m in EXACT if m != "adapter"]


@pytest.mark.parametrize("method", THROUGH_PEFT)
def test_plain_peft_reads_a_run(
    method: str, tiny: LoadedModel, tiny_folder: Path, tmp_path: Path
) -> None:
    tuned = tune(method, tiny, target_modules=ROLES, rank=3, alpha=7.5, dropout=0.2)
    methods.find(method).save(tuned, tiny.model, tmp_path)
    fresh = AutoModelForCausalLM.from_pretrained(str(tiny_folder), dtype=torch.float32)
    plain = PeftModel.from_pretrained(fresh, str(tmp_path)).eval()
    with torch.no_grad():
        theirs = plain(IDS).logits[0, -IDS.shape[1] :].float()
    assert not torch.allclose(logits(tuned), logits(tiny.model), atol=1e-2)
    torch.testing.assert_close(theirs, logits(tuned), rtol=0, atol=1e-5)


def test_lora_computes_what_the_paper_says(tiny: LoadedModel) -> None:
    tuned = tune("lora", tiny, rank=3, alpha=7.5)
    found = dict(tuned.named_modules())
    layer = found["base_model.model.model.layers.1.self_attn.q_proj"]
    x = torch.randn(4, 32)
    A, B = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    W = tiny.model.get_submodule("model.layers.1.self_attn.q_proj").weight
    torch.testing.assert_close(layer(x), x @ W.T + 7.5 / 3 * (x @ A.T) @ B.T)


@pytest.mark.parametrize("method", SOFT_PROMPTS)
def test_soft_prompt_is_peft_s_own_forward(method: str, tiny: LoadedModel) -> None:
    tuned: PeftModel = tune(method, tiny)  # pyright: ignore[reportAssignmentType]
    assert not torch.allclose(logits(tuned), logits(tiny.model), atol=1e-2)
    with torch.no_grad():
        theirs = tuned(IDS).logits[0, -IDS.shape[1] :].float()  # peft may answer virtual tokens too
    torch.testing.assert_close(logits(tuned), theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", [*SOFT_PROMPTS, "adapter", "bitfit", "dora"])
def test_answers_continue_token_by_token(method: str, tiny: LoadedModel) -> None:
    tuned = tune(method, tiny)
    ids = IDS[0].tolist()
    settings = SamplingSettings(max_new_tokens=5)
    *_, last = stream(tuned, tiny, ids, settings)
    (answer, other) = answer_greedily(tuned, tiny, [ids, [5, 9, 9]], max_new_tokens=5)
    assert last.text.strip() == answer.text
    assert answer_greedily(tuned, tiny, [[5, 9, 9]], max_new_tokens=5) == [other]
    grown = list(ids)
    with torch.no_grad():
        for _ in range(last.n_tokens):
            grown.append(int(tuned(torch.tensor([grown])).logits[0, -1].argmax()))
    assert tiny.tokenizer.decode(grown[len(ids) :]).strip() == answer.text


def test_more_layers_than_there_are_is_refused(tiny: LoadedModel) -> None:
    with pytest.raises(UserError, match="This model has 2 layers"):
        attach("top_layers", tiny, layers=3)
    with pytest.raises(UserError, match="This model has 2 layers"):
        attach("lora", tiny, last_layers=3)


@pytest.mark.parametrize("method", low_rank_methods())
def test_pairs_stand_in_the_last_layers_only_if_asked(method: str, tiny: LoadedModel) -> None:
    tuned = attach(method, tiny, last_layers=1)
    trained = [name for name, p in tuned.named_parameters() if p.requires_grad]
    assert trained
    assert all(".layers.1." in name for name in trained)


@pytest.fixture
def gpt2() -> GPT2LMHeadModel:
    return (
        GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=10))
        .eval()
        .requires_grad_(False)
    )


@pytest.mark.parametrize("method", low_rank_methods())
def test_a_model_without_the_targets_is_refused(method: str, gpt2: GPT2LMHeadModel) -> None:
    config = MethodConfig(name=method, target_modules=("query", "gate"))
    with pytest.raises(UserError, match=r"no gate matrix to target; it has query"):
        methods.find(method).attach(gpt2, config)


def test_bitfit_trains_the_biases_a_model_has(gpt2: GPT2LMHeadModel) -> None:
    tuned = methods.find("bitfit").attach(gpt2, MethodConfig(name="bitfit"))
    trained = {name for name, p in tuned.named_parameters() if p.requires_grad}
    assert trained == {n for n, _ in gpt2.named_parameters() if ".h.0." in n and "bias" in n}


def test_an_adapter_is_the_paper_s_bottleneck(tiny: LoadedModel) -> None:
    layer = tune("adapter", tiny).get_submodule("model.layers.1.mlp.down_proj")
    assert isinstance(layer, Adapted)
    x = torch.randn(3, 64)
    W = tiny.model.get_submodule("model.layers.1.mlp.down_proj").weight
    y = x @ W.T  # pyright: ignore
    inner = F.gelu(y @ layer.down.weight.T + layer.down.bias)
    wanted = y + inner @ layer.up.weight.T + layer.up.bias
    torch.testing.assert_close(layer(x), wanted)


def test_a_prefix_begins_as_what_words_leave_in_the_cache(tiny: LoadedModel) -> None:
    tuned: Any = attach("prefix", tiny, virtual_tokens=3)
    torch.manual_seed(0)
    peft_draws = torch.nn.Embedding(3, 2 * 2 * 16)  # peft's own start draws first
    words = torch.randint(N_VOCABULARY, (1, 3))
    assert peft_draws.weight.shape == tuned.prompt_encoder["default"].embedding.weight.shape
    with torch.no_grad():
        known = tiny.model(words, use_cache=True).cache
    found = tuned.get_prompt(batch_size=1)
    for mine, theirs in zip(found.layers, known.layers, strict=True):
        torch.testing.assert_close(mine.keys, theirs.keys)
        torch.testing.assert_close(mine.values, theirs.values)


def test_a_soft_prompt_begins_as_it_is_told_to(tiny: LoadedModel) -> None:
    words: torch.Tensor = tiny.model.get_input_embeddings().weight  # pyright: ignore

    def start(**settings: object) -> torch.Tensor:
        tuned: Any = attach("prompt", tiny, virtual_tokens=5, **settings)
        return tuned.prompt_encoder["default"].embedding.weight

    ids = tiny.tokenizer.encode("the cat sat")
    told = start(prompt_start="text", prompt_text="the cat sat")
    assert torch.equal(told, words[[ids[i % len(ids)] for i in range(5)]])
    drawn = start()
    assert all((words == row).all(1).any() for row in drawn)
    noise = start(prompt_start="random")
    assert not any((words == row).all(1).any() for row in noise)
    torch.testing.assert_close(noise.norm(dim=1), words.norm(dim=1).mean().expand(5))


def test_shared_copy_shares_tensors_but_not_modules(tiny: LoadedModel) -> None:
    copy = shared_copy(tiny.model)
    for one, other in zip(copy.parameters(), tiny.model.parameters(), strict=True):
        assert one is other
    copy.get_submodule("model").norm = nn.Identity()
    assert not isinstance(tiny.model.get_submodule("model").norm, nn.Identity)
