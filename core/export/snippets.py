"""The code in a model card: a few lines that load the exported model and answer with it.

They are right for the method at hand. peft 0.21's own `generate` gives soft prompts the wrong positions or no
virtual tokens at all: with prompt tuning it needs to go without a cache, with prefix tuning it does not work,
and the base model goes on from the prefix instead. tests/core/export runs each of them.
"""

import json

from core.config import METHODS
from core.runs.store import Run

FOLDER = "this-folder"
"""What a reader puts the folder's name for."""
QUESTION = "What is your name?"
UNCACHED = (
    "With a cache, `generate` of peft 0.21 answers garbage for prompt tuning; `use_cache=False` is slower, "
    "and right."
)
FROM_A_CACHE = (
    "`generate` of peft 0.21 answers garbage for prefix tuning, with a cache and without. The trained prefix is "
    "a cache: hand it to the base model, as here."
)
OLLAMA = (
    "```bash\nollama create tuned -f Modelfile\nollama run tuned\n```",
    "The Modelfile names the F16 file, the chat template, the end tokens and greedy answers; for the smaller Q8_0 "
    "file, change its FROM line. llama.cpp reads both: `llama-cli -m model-F16.gguf`.",
)
ASK = f'''
messages = [{{"role": "user", "content": "{QUESTION}"}}]
ids = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
)["input_ids"]
'''
TELL = "print(tokenizer.decode(answer[0, ids.shape[1] :], skip_special_tokens=True))"


def how_to_load(run: Run, format: str, *, base: str) -> list[str]:
    """Paragraphs of Markdown; `base` is what others call the base model."""
    if format == "gguf":
        return [*OLLAMA]
    said = said_of(run.config.method.name) if format == "peft" else ""
    lines = [
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
        f'tokenizer = AutoTokenizer.from_pretrained("{FOLDER}")',
    ]
    if format == "peft":
        lines = ["from peft import PeftModel", *lines]
        lines += [
            f"base = AutoModelForCausalLM.from_pretrained({json.dumps(base)})",
            f'model = PeftModel.from_pretrained(base, "{FOLDER}").eval()',
        ]
    else:
        lines += [f'model = AutoModelForCausalLM.from_pretrained("{FOLDER}").eval()']
    if said == FROM_A_CACHE:
        lines = ["import torch", *lines]
    code = "\n".join([*lines, ASK.rstrip(), *_generate(said), TELL])
    return [f"```python\n{code}\n```", *([said] if said else [])]


def said_of(method: str) -> str:
    """What peft's `generate` does wrong with an adapter of this method; empty where it is right."""
    spec = METHODS[method]
    if spec.adds_tokens:
        return UNCACHED
    return FROM_A_CACHE if spec.family == "soft prompts" else ""


def _generate(said: str) -> list[str]:
    if said == FROM_A_CACHE:
        return [
            "# The prefix stands in the cache already, so these first tokens are not read.",
            "first = torch.zeros(1, model.active_peft_config.num_virtual_tokens, dtype=ids.dtype)",
            "ids = torch.cat([first, ids], dim=1)",
            "answer = base.generate(",
            "    ids,",
            "    attention_mask=torch.ones_like(ids),",
            "    cache=model.get_prompt(batch_size=1),",
            "    max_new_tokens=40,",
            "    do_sample=False,",
            ")",
        ]
    uncached = ", use_cache=False" if said == UNCACHED else ""
    return [f"answer = model.generate(ids, max_new_tokens=40, do_sample=False{uncached})"]
