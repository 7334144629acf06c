"""TITLE

It repeats a run of Tuning Fork with plain transformers, peft and datasets: the same pairs in the same batches,
the same method, rate and seed. Needs: pip install torch transformers peft datasets accelerate

    python train.py                              on a CPU or one GPU
    accelerate launch train.py                   on all GPUs, each with its part of every batch
    torchrun --nproc_per_node 2 train.py         the same in two processes, on CPUs too

data/ holds the pairs and which of them each step saw. The result is written to trained/, the loss of each step
to losses.jsonl, the answers to the test pairs to answers.jsonl. The last line says the last loss and the score.
"""

# %% Packages
import json
import math
import os
import unicodedata
from pathlib import Path

import torch
from datasets import Dataset
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

# %% Settings
# <settings>
MODEL = DTYPE = SCHEDULE = METRIC = ""
SEED = BATCH_SIZE = STEPS = WARMUP_STEPS = MAX_NEW_TOKENS = 0
LEARNING_RATE = WEIGHT_DECAY = CLIP_NORM = 0.0
END_IDS = [0]
# </settings>

HERE = Path(__file__).resolve().parent if "__file__" in globals() else Path()
MODEL = os.environ.get("BASE_MODEL", MODEL)
N_PROCESSES = int(os.environ.get("WORLD_SIZE", "1"))
if N_PROCESSES == 1:  # alone, the Trainer would give each of several GPUs a whole batch
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")


# %% The method
# <method>
def attach(model):
    """The model to train, and what the method does after each step."""
    return model, []


# </method>


# %% Data
def read(name):
    with (HERE / "data" / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def prompt_ids(tokenizer, prompt):
    messages = [{"role": "user", "content": prompt}]
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)[
        "input_ids"
    ]


def encode(tokenizer, pair):
    """Token ids, and labels: the loss sees the completion and its end token only."""
    before = prompt_ids(tokenizer, pair["prompt"])
    after = tokenizer(pair["completion"], add_special_tokens=False)["input_ids"] + END_IDS[:1]
    return {"input_ids": before + after, "labels": [-100] * len(before) + after}


def collate(rows):
    """Padded to the longest of the batch."""
    width = max(len(row["input_ids"]) for row in rows)

    def padded(name, filler):
        return torch.tensor([row[name] + [filler] * (width - len(row[name])) for row in rows])

    labels = padded("labels", -100)
    is_text = [[1] * len(row["input_ids"]) + [0] * (width - len(row["input_ids"])) for row in rows]
    return {
        "input_ids": padded("input_ids", END_IDS[0]),
        "attention_mask": torch.tensor(is_text),
        "labels": labels,
    }


# %% Training
def rate_factor(n_done):
    """The learning rate of step n_done + 1, as a share of the peak."""
    step, warmup = n_done + 1, min(WARMUP_STEPS, STEPS)
    if step <= warmup:
        return step / warmup
    left = 1 - (step - warmup) / (STEPS - warmup + 1)
    return {"constant": 1.0, "linear": left, "cosine": (1 - math.cos(math.pi * left)) / 2}[SCHEDULE]


class Losses(TrainerCallback):
    """Keeps what the Trainer logs of each step."""

    def __init__(self):
        self.found = []

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and "loss" in logs:
            self.found.append(float(logs["loss"]))


def train(model, callbacks, rows, steps):
    """Take `steps`, each a list of row numbers; returns the losses."""
    losses = Losses()
    arguments = TrainingArguments(
        output_dir=str(HERE / "trained"),
        max_steps=len(steps),
        per_device_train_batch_size=BATCH_SIZE // N_PROCESSES,
        max_grad_norm=CLIP_NORM,
        bf16=DTYPE == "bfloat16",
        use_cpu=not torch.accelerator.is_available(),
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=SEED,
    )
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=rows.select([row for step in steps for row in step]),
        data_collator=collate,
        optimizers=(optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, rate_factor)),
        callbacks=[losses, *callbacks],
    )
    trainer.train()
    return losses.found


# %% Answers and scores
def generate(model, ids):
    """The greedy answer's tokens. peft 0.21's own way goes wrong for prefix tuning, and cached for prompt tuning."""
    settings = {
        "max_new_tokens": MAX_NEW_TOKENS,
        "do_sample": False,
        "eos_token_id": END_IDS,
        "pad_token_id": END_IDS[0],
    }
    kind = model.active_peft_config.peft_type if hasattr(model, "active_peft_config") else ""
    n_before = ids.shape[1]
    if kind == "PREFIX_TUNING":
        n_before += model.active_peft_config.num_virtual_tokens
        ids = torch.nn.functional.pad(ids, (n_before - ids.shape[1], 0))
        found = model.get_base_model().generate(
            ids, attention_mask=torch.ones_like(ids), cache=model.get_prompt(1), **settings
        )
    else:
        found = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            use_cache=kind != "PROMPT_TUNING",
            **settings,
        )
    return found[0, n_before:]


def words(text):
    return " ".join(unicodedata.normalize("NFC", text).casefold().split()).strip("\"'“”‘’ ")


def right(reference, answer):
    """How right an answer is, by the task's measure: a simple form of the app's."""
    wanted, found = words(reference).rstrip(".!?"), words(answer).rstrip(".!?")
    if METRIC == "contains":
        return float(f" {wanted} " in f" {found.replace(',', ' ').replace('.', ' ')} ")
    if METRIC == "f1":
        a, b = wanted.split(), found.split()
        both = sum(min(a.count(word), b.count(word)) for word in set(a))
        return 2 * both / max(1, len(a) + len(b))
    return float(wanted == found)


@torch.no_grad()
def answer(model, tokenizer, pair):
    ids = torch.tensor([prompt_ids(tokenizer, pair["prompt"])], device=model.device)
    text = tokenizer.decode(generate(model, ids), skip_special_tokens=True).strip()
    return {**pair, "answer": text, "right": right(pair["completion"], text)}


# %% All of it
def main():
    if BATCH_SIZE % N_PROCESSES:
        raise SystemExit(f"{N_PROCESSES} processes cannot share batches of {BATCH_SIZE} evenly.")
    set_seed(SEED)
    tokenizer = AutoTokenizer.from_pretrained(HERE)
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=getattr(torch, DTYPE))
    model.config.use_cache = False
    model, callbacks = attach(model)
    for parameter in model.parameters():
        if parameter.requires_grad:  # a small step is lost in bf16
            parameter.data = parameter.data.float()
    rows = Dataset.from_list([encode(tokenizer, pair) for pair in read("train.jsonl")])
    losses = []
    for steps in json.loads((HERE / "data" / "order.json").read_text("utf-8")):
        losses += train(model, callbacks, rows, steps)  # one task after another: each begins anew
    if int(os.environ.get("RANK", "0")):  # one process writes
        return
    model.eval()
    save(model, HERE / "trained")
    answers = [answer(model, tokenizer, pair) for pair in read("test.jsonl")]
    for name, lines in (("losses", losses), ("answers", answers)):
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (HERE / f"{name}.jsonl").write_text(text, "utf-8")
    score = sum(found["right"] for found in answers) / max(1, len(answers))
    print(json.dumps({"steps": len(losses), "loss": losses[-1], "score": score}))


if __name__ == "__main__":
    main()
