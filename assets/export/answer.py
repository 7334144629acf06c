"""Answer a run's prompts again with what was exported: plain transformers and peft, nothing of Tuning Fork.

    python answer.py [--base FOLDER] [--rounded]

The prompts and the app's answers stand in parity.json beside this file; it prints which answers are equal.
--base is a folder with the very weights that an adapter was trained on, where their name fetches others.
--rounded rounds an adapter to the model's precision, as Tuning Fork does; peft keeps it in float32.
"""

import argparse
import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

GGUF = "model-F16.gguf"


def load(folder, base, dtype):
    """The exported model and its tokenizer."""
    # Not the tokenizer in a GGUF: transformers forgets that it takes numbers apart into digits.
    tokenizer = AutoTokenizer.from_pretrained(folder)
    adapter = folder / "adapter_config.json"
    if not adapter.is_file():
        file = {"gguf_file": GGUF} if (folder / GGUF).is_file() else {}
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **file)
        return model.eval(), tokenizer
    from peft import PeftModel

    config = json.loads(adapter.read_text("utf-8"))
    model = AutoModelForCausalLM.from_pretrained(
        base or config["base_model_name_or_path"], dtype=dtype
    )
    return PeftModel.from_pretrained(model, folder).eval(), tokenizer


def generate(model, ids, **settings):
    """As `model.generate`. peft 0.21's own answers garbage for prefix tuning, and with a cache for prompt tuning."""
    kind = model.active_peft_config.peft_type if hasattr(model, "active_peft_config") else ""
    if kind == "PREFIX_TUNING":  # its keys and values are a cache that the base goes on from
        first = torch.zeros(1, model.active_peft_config.num_virtual_tokens, dtype=torch.long)
        ids = torch.cat([first, ids], dim=1)  # what is in the cache already is not read
        return model.get_base_model().generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            cache=model.get_prompt(1),
            **settings,
        )
    return model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        use_cache=kind != "PROMPT_TUNING",
        **settings,
    )


@torch.no_grad()
def answer(model, tokenizer, prompt, *, max_new_tokens, end_ids):
    """The greedy answer, its tokens, and by how much each was likelier than the second choice (in logits)."""
    messages = [{"role": "user", "content": prompt}]
    prompt_ids = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )["input_ids"]
    found = generate(
        model,
        prompt_ids,
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        eos_token_id=end_ids,
        pad_token_id=end_ids[0],
        output_logits=True,
        return_dict_in_generate=True,
    )
    ids = found.sequences[0, -len(found.logits) :].tolist()
    pairs = [logits[0].float().topk(2).values.tolist() for logits in found.logits]
    return {
        "text": tokenizer.decode(ids, skip_special_tokens=True).strip(),
        "ids": ids,
        "prompt_ids": prompt_ids[0].tolist(),
        "gaps": [first - second for first, second in pairs],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", help="a folder with the weights of the base model")
    parser.add_argument("--rounded", action="store_true", help="round an adapter as the app does")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    chosen = parser.parse_args()
    folder = Path(__file__).resolve().parent
    known = json.loads((folder / "parity.json").read_text("utf-8"))
    dtype = getattr(torch, known["dtype"])
    model, tokenizer = load(folder, chosen.base, dtype)
    if chosen.rounded:
        model = model.to(dtype)
    n_equal = 0
    for row in known["rows"]:
        found = answer(
            model,
            tokenizer,
            row["prompt"],
            max_new_tokens=row["max_new_tokens"],
            end_ids=known["end_ids"],
        )
        n_equal += found["text"] == row["app"]
        if chosen.json:
            print(json.dumps(found), flush=True)
        else:
            is_equal = "equal    " if found["text"] == row["app"] else "different"
            print(f"{is_equal}  app: {row['app']!r}  exported: {found['text']!r}")
    if not chosen.json:
        print(f"{n_equal} of {len(known['rows'])} answers are equal.")


if __name__ == "__main__":
    main()
