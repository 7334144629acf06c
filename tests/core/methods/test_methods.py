"""What every tuning method promises: the same table of cases, run across all methods."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from torch import nn
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from core import methods
from core.config import LORA_TARGETS, METHODS, MethodConfig
from core.data.encode import Encoded
from core.errors import UserError
from core.generate.batch import answer_greedily
from core.generate.settings import SamplingSettings
from core.generate.stream import stream
from core.methods.sharing import shared_copy
from core.models.load import LoadedModel, load_folder
from core.models.parts import backbone_and_head, run_layers
from core.train.loop import take_step
from core.train.precision import autocast
from core.train.trie import build, mean_loss

IDS = torch.tensor([[5, 6, 7, 20, 21]])
BATCH = build([Encoded([5, 6, 7], [9, 1]), Encoded([5, 6, 8, 8], [10, 11, 1])])
every_method = pytest.mark.parametrize("method", METHODS)


def attach(method: str, base: LoadedModel, **settings: object) -> nn.Module:
    torch.manual_seed(0)
    config = MethodConfig(name=method, **{"layers": 1, "virtual_tokens": 4, **settings})  # pyright: ignore[reportArgumentType]
    return methods.find(method).attach(base.model, config)


def tune(method: str, base: LoadedModel, **settings: object) -> nn.Module:
    """Three large steps with a method, at the base's precision."""
    tuned = attach(method, base, **settings).train()
    optimizer = torch.optim.AdamW([p for p in tuned.parameters() if p.requires_grad])
    for _ in range(3):
        take_step(tuned, optimizer, BATCH, rate=0.02, clip_norm=1.0, dtype=base.dtype)
    return tuned.eval()


@torch.no_grad()
def logits(model: nn.Module) -> torch.Tensor:
    """(T, V) at every token of IDS, the way training and answering compute them."""
    n = IDS.shape[1]
    causal = torch.ones(1, n, n, dtype=torch.bool).tril()
    with autocast(IDS.device, next(model.parameters()).dtype):
        hidden = run_layers(model, IDS, torch.arange(n)[None], causal)
        return backbone_and_head(model)[1](hidden)[0].float()


@every_method
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_base_is_bit_identical_after_training(
    method: str, dtype: torch.dtype, tiny_folder: Path
) -> None:
    base = load_folder(tiny_folder, id="tiny", dtype=dtype)
    names, before = list(base.model.state_dict()), logits(base.model)
    weights = {n: p.clone() for n, p in base.model.named_parameters()}
    tuned = tune(method, base)
    assert not torch.equal(logits(tuned), before)
    assert list(base.model.state_dict()) == names  # no layer was put into the base
    for name, parameter in base.model.named_parameters():
        assert parameter.dtype is dtype
        assert not parameter.requires_grad
        assert parameter.grad is None
        assert torch.equal(parameter, weights[name])
    assert torch.equal(logits(base.model), before)


@pytest.mark.parametrize("method", [m for m in METHODS if m != "prompt"])
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
    every = dict(base.model.named_parameters()).keys()
    if method == "full":
        assert found.keys() == every
    elif method == "top_layers":
        assert found.keys() == {name for name in every if ".layers.1." in name}
    elif method == "prompt":
        assert [p.shape for p in found.values()] == [(4, 32)]
    else:
        assert len(found) == 2 * 2 * 2  # A and B, in two layers, at two targets
        assert all(".lora_" in n and ("k_proj" in n or "down_proj" in n) for n in found)


@every_method
def test_saved_and_loaded_is_the_same_model(method: str, tiny: LoadedModel, tmp_path: Path) -> None:
    tuned = tune(method, tiny)
    methods.find(method).save(tuned, tiny.model, tmp_path)
    again = methods.find(method).load(tiny.model, tmp_path)
    assert not again.training
    wanted = logits(tuned)
    if method in ("lora", "prompt"):
        torch.testing.assert_close(logits(again), wanted, rtol=0, atol=1e-6)
    else:  # the change is kept in bf16: its relative error is 2^-9 at most
        change = (wanted - logits(tiny.model)).norm()
        assert (logits(again) - wanted).norm() < 0.01 * change
        for one, other, old in zip(
            again.parameters(), tuned.parameters(), tiny.model.parameters(), strict=True
        ):
            torch.testing.assert_close(one - old, other - old, rtol=2**-8, atol=1e-7)


@every_method
def test_loading_takes_the_precision_of_the_base(
    method: str, tiny: LoadedModel, tiny_folder: Path, tmp_path: Path
) -> None:
    tuned = tune(method, tiny)
    methods.find(method).save(tuned, tiny.model, tmp_path)
    low = load_folder(tiny_folder, id="tiny", dtype=torch.bfloat16)
    again = methods.find(method).load(low.model, tmp_path)
    assert {p.dtype for p in again.parameters()} == {torch.bfloat16}
    change = (logits(tuned) - logits(tiny.model)).norm()
    assert (logits(again) - logits(tuned)).norm() < 0.2 * change


@every_method
def test_tied_embeddings_stay_tied_and_count_once(
    method: str, tiny: LoadedModel, tmp_path: Path
) -> None:
    tuned = tune(method, tiny)
    methods.find(method).save(tuned, tiny.model, tmp_path)
    for model in (tuned, methods.find(method).load(tiny.model, tmp_path)):
        causal = model.get_base_model() if isinstance(model, PeftModel) else model
        assert causal.get_input_embeddings().weight is causal.get_output_embeddings().weight
    attention = 2 * 32 * 32 + 2 * 32 * 16
    n_vocabulary = tiny.tokenizer.backend.get_vocab_size()
    n_base = n_vocabulary * 32 + 2 * (attention + 3 * 32 * 64 + 2 * 32) + 32
    n_lora = 2 * 8 * ((32 + 32) + (32 + 16))  # r (d_in + d_out) at q and v, in two layers
    n_layer = attention + 3 * 32 * 64 + 2 * 32
    n_prompt = 4 * 32
    wanted = {
        "full": (n_base, n_base),
        "top_layers": (n_layer, n_base),
        "lora": (n_lora, n_base + n_lora),
        "prompt": (n_prompt, n_base + n_prompt),
    }
    assert methods.count_parameters(tuned) == wanted[method]


@pytest.mark.parametrize("targets", [("q_proj", "v_proj"), LORA_TARGETS], ids=["two", "all"])
def test_plain_peft_reads_a_lora_run(
    targets: tuple[str, ...], tiny: LoadedModel, tiny_folder: Path, tmp_path: Path
) -> None:
    tuned = tune("lora", tiny, target_modules=targets, rank=3, alpha=7.5, dropout=0.2)
    methods.find("lora").save(tuned, tiny.model, tmp_path)
    fresh = AutoModelForCausalLM.from_pretrained(str(tiny_folder), dtype=torch.float32)
    plain = PeftModel.from_pretrained(fresh, str(tmp_path)).eval()
    assert not torch.allclose(logits(tuned), logits(tiny.model), atol=1e-2)
    torch.testing.assert_close(logits(plain), logits(tuned), rtol=0, atol=1e-5)


def test_lora_computes_what_the_paper_says(tiny: LoadedModel) -> None:
    tuned = tune("lora", tiny, rank=3, alpha=7.5)
    found = dict(tuned.named_modules())
    layer = found["base_model.model.model.layers.1.self_attn.q_proj"]
    x = torch.randn(4, 32)
    A, B = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    W = tiny.model.get_submodule("model.layers.1.self_attn.q_proj").weight
    torch.testing.assert_close(layer(x), x @ W.T + 7.5 / 3 * (x @ A.T) @ B.T)


def test_soft_prompt_is_peft_s_own_forward(tiny: LoadedModel) -> None:
    tuned: PeftModel = tune("prompt", tiny)  # pyright: ignore[reportAssignmentType]
    assert not torch.allclose(logits(tuned), logits(tiny.model), atol=1e-2)
    with torch.no_grad():
        theirs = tuned(IDS).logits[0, 4:].float()  # peft answers at the virtual tokens too
    torch.testing.assert_close(logits(tuned), theirs, rtol=0, atol=1e-5)


def test_answers_with_a_soft_prompt_continue_token_by_token(tiny: LoadedModel) -> None:
    tuned = tune("prompt", tiny)
    ids = IDS[0].tolist()
    settings = SamplingSettings(max_new_tokens=5)
    *_, last = stream(tuned, tiny, ids, settings)
    (answer,) = answer_greedily(tuned, tiny, [ids], max_new_tokens=5)
    assert last.text.strip() == answer
    grown = list(ids)
    with torch.no_grad():
        for _ in range(last.n_tokens):
            grown.append(int(tuned(torch.tensor([grown])).logits[0, -1].argmax()))
    assert tiny.tokenizer.decode(grown[len(ids) :]).strip() == answer


def test_more_layers_than_there_are_is_refused(tiny: LoadedModel) -> None:
    with pytest.raises(UserError, match="This model has 2 layers"):
        attach("top_layers", tiny, layers=3)


def test_lora_refuses_a_model_without_its_targets() -> None:
    gpt2 = GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=10))
    with pytest.raises(UserError, match="no layers called q_proj, v_proj"):
        methods.find("lora").attach(gpt2, MethodConfig())


def test_shared_copy_shares_tensors_but_not_modules(tiny: LoadedModel) -> None:
    copy = shared_copy(tiny.model)
    for one, other in zip(copy.parameters(), tiny.model.parameters(), strict=True):
        assert one is other
    copy.get_submodule("model").norm = nn.Identity()
    assert not isinstance(tiny.model.get_submodule("model").norm, nn.Identity)
