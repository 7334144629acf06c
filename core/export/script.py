"""A run as a training script in plain transformers, peft and datasets, with its data; or as a notebook.

The script is assets/export/train.py with two parts filled in: the settings, and the method's own lines from
assets/export/attach. Beside it lie the pairs and, for each step, which of them the run saw, so that it trains
on the very batches. What a cure adds to the loss is not in it. Needs no torch.
"""

import json
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from core import catalog
from core.config import METHODS
from core.data.encode import Encoded, encode
from core.data.example import Example
from core.data.run_data import load_run_data
from core.data.test_sets import fixed_set
from core.data.tokenizer import ChatTokenizer
from core.errors import UserError
from core.evaluate.limits import answer_limit
from core.events import Started, Step
from core.export.card import base_name
from core.export.peft_adapter import ADAPTER_CONFIG, saved_weights
from core.export.tokenizer_files import write_tokenizer
from core.models import acquire
from core.paths import ASSETS
from core.runs.store import Run, RunStore
from core.train.batches import mixed_batches
from core.train.plan import make_plan
from core.typed_json import Json

TEMPLATES = ASSETS / "export"
SCRIPT, NOTEBOOK = "train.py", "train.ipynb"
PEFT_CONFIGS = {
    "LORA": ("LoraConfig", ("r", "lora_alpha", "target_modules", "lora_dropout", "layers_to_transform", "fan_in_fan_out", "use_rslora", "use_dora")),
    "ADALORA": ("AdaLoraConfig", ("init_r", "target_r", "lora_alpha", "target_modules", "lora_dropout", "layers_to_transform", "fan_in_fan_out", "tinit", "tfinal", "deltaT", "total_step", "orth_reg_weight")),
    "IA3": ("IA3Config", ("target_modules", "feedforward_modules", "fan_in_fan_out")),
    "LN_TUNING": ("LNTuningConfig", ("target_modules",)),
    "PROMPT_TUNING": ("PromptTuningConfig", ("num_virtual_tokens",)),
    "PREFIX_TUNING": ("PrefixTuningConfig", ("num_virtual_tokens",)),
}  # fmt: skip
"""Of each kind of adapter: its class in peft, and which of its settings a run chooses."""


def write_script(store: RunStore, run: Run, folder: Path) -> None:
    """The script, its data and the tokenizer."""
    (folder / SCRIPT).write_text(_write_all_but_script(store, run, folder), "utf-8")


def write_notebook(store: RunStore, run: Run, folder: Path) -> None:
    """The same as cells."""
    text = notebook(_write_all_but_script(store, run, folder))
    (folder / NOTEBOOK).write_text(json.dumps(text, indent=1, ensure_ascii=False), "utf-8")


def _write_all_but_script(store: RunStore, run: Run, folder: Path) -> str:
    """The data and the tokenizer; returns the text of the script."""
    cure = run.config.cure
    if cure.regularizer != "none":
        raise UserError(
            f"The run's loss has the penalty {cure.regularizer}, which plain transformers does not know, so a "
            "script would train something else. Export the trained model: peft or merged."
        )
    base = acquire.ready_dir(catalog.find_model(run.config.model))
    tokenizer = ChatTokenizer.load(base)
    text = script(store, run, tokenizer)
    _write_data(store, run, tokenizer, folder / "data")
    write_tokenizer(base, folder)
    return text


def script(store: RunStore, run: Run, tokenizer: ChatTokenizer) -> str:
    """The text of the script."""
    method, entry = METHODS[run.config.method.name], catalog.find_model(run.config.model)
    title = f"{method.title} for {base_name(entry)} on {_tasks(run)}"
    text = (TEMPLATES / SCRIPT).read_text("utf-8").replace("TITLE", _in_a_docstring(title), 1)
    text = _filled(text, "method", _method_lines(store, run))
    return _filled(text, "settings", "\n".join(_settings(store, run, tokenizer, entry)))


def _filled(text: str, part: str, lines: str) -> str:
    """The script with its part between two marks, which go."""
    return re.sub(
        rf"# <{part}>\n.*# </{part}>\n", lambda _: lines + "\n", text, count=1, flags=re.DOTALL
    )


def _settings(
    store: RunStore, run: Run, tokenizer: ChatTokenizer, entry: catalog.ModelEntry
) -> list[str]:
    started = next((e for e in store.events(run.id) if isinstance(e, Started)), None)
    optimizer, task = run.config.optimizer, run.config.data.task
    known = catalog.TASKS.get(task)
    tests = fixed_set(load_run_data(run.config, tokenizer).tests[task], run.config.evaluation.final_examples)  # fmt: skip
    limit = answer_limit(
        task,
        [e.completion for e in tests],
        tokenizer,
        longest_prompt=max(len(tokenizer.ask(e.prompt)) for e in tests),
        wanted=run.config.evaluation.max_new_tokens,
    )
    values: dict[str, object] = {
        "MODEL": base_name(entry),
        "DTYPE": started.dtype if started else "float32",
        "SEED": run.config.seed,
        "BATCH_SIZE": optimizer.batch_size,
        "STEPS": optimizer.steps,
        "LEARNING_RATE": optimizer.learning_rate,
        "WARMUP_STEPS": optimizer.warmup_steps,
        "SCHEDULE": optimizer.schedule,
        "WEIGHT_DECAY": optimizer.weight_decay,
        "CLIP_NORM": optimizer.clip_norm,
        "METRIC": known.metric if known else "exact_match",
        "MAX_NEW_TOKENS": limit,
        "END_IDS": list(tokenizer.end_ids),
    }
    comments = {
        "CLIP_NORM": "the gradient's norm is cut to this",
        "END_IDS": "where an answer ends",
    }
    if entry.rounding:
        comments["MODEL"] = "the run used a 4-bit rounding of it; BASE_MODEL=FOLDER takes another"
    return [
        f"{name} = {_literal(value)}" + (f"  # {comments[name]}" if name in comments else "")
        for name, value in values.items()
    ]


def _literal(value: object) -> str:
    """As Python writes it, texts in double quotes."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _in_a_docstring(text: str) -> str:
    """A folder of a model may have any name; it neither ends the docstring nor means something in it."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _method_lines(store: RunStore, run: Run) -> str:
    """The method's own lines where there are some, else those for whatever peft's config says, filled in."""
    method, folder = run.config.method, TEMPLATES / "attach"
    own = folder / f"{method.name}.py"
    lines = (own if own.is_file() else folder / "through_peft.py").read_text("utf-8").strip()
    constants = {
        "LAYERS": repr(method.layers),
        "WIDTH": repr(method.bottleneck),
        "ENDS": repr(_ends(run)),
        "START, TEXT": f"{method.prompt_start!r}, {method.prompt_text!r}",
    }
    if "\nADAPTER = " in lines:
        name, constants["ADAPTER"] = _peft_config(store, run)
        lines = lines.replace("import LoraConfig, get", f"import {name}, get")
    for constant, value in constants.items():
        line = re.compile(rf"^{constant} = .*$", re.MULTILINE)
        lines = line.sub(lambda _, c=constant, v=value: f"{c} = {v}", lines)
    return lines


def _peft_config(store: RunStore, run: Run) -> tuple[str, str]:
    """The class of peft's config for the run's adapter, and the expression that makes it."""
    file = saved_weights(store, run) / ADAPTER_CONFIG
    try:
        config: dict[str, Json] = json.loads(file.read_text("utf-8"))
        name, chosen = PEFT_CONFIGS[str(config["peft_type"])]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"The saved adapter of the run {run.id} is damaged, incomplete or of a kind that no script is written "
            "for; run it again, or export it as merged."
        ) from error
    method = run.config.method
    given = [
        f"    {key}={config[key]!r},\n"
        for key in chosen
        if config.get(key) not in (None, False, 0.0)
    ]
    if METHODS[method.name].adds_tokens and method.prompt_start == "vocabulary":
        given.append('    prompt_tuning_init="SAMPLE_VOCAB",\n')
    return name, f'{name}(\n    task_type="CAUSAL_LM",\n{"".join(given)})'


def _ends(run: Run) -> tuple[str, ...]:
    """What attention and MLP end with in this model."""
    base = acquire.ready_dir(catalog.find_model(run.config.model))
    kind = json.loads((base / "config.json").read_text("utf-8")).get("model_type")
    if kind == "gpt2":
        return ("attn.c_proj", "mlp.c_proj")
    if kind == "gpt_neox":
        return ("attention.dense", "dense_4h_to_h")
    return ("o_proj", "down_proj")


def _tasks(run: Run) -> str:
    return ", ".join(catalog.task_title(task).lower() for task in run.config.data.tasks)


def _write_data(store: RunStore, run: Run, tokenizer: ChatTokenizer, folder: Path) -> None:
    """The pairs of each part, and of each step the numbers of the training pairs that it saw."""
    folder.mkdir()
    data, plan = load_run_data(run.config, tokenizer), make_plan(run.config, tokenizer)
    splits = data.splits.values()
    train = [*(e for found in splits for e in found.train), *data.rehearsed]
    task = run.config.data.task
    _write_pairs(folder / "train.jsonl", train)
    _write_pairs(folder / "validation.jsonl", [e for found in splits for e in found.validation])
    tests = fixed_set(data.tests[task], run.config.evaluation.final_examples)
    _write_pairs(folder / "test.jsonl", tests)
    n_steps, wanted = sum(isinstance(e, Step) for e in store.events(run.id)), run.config.optimizer
    row = {_content(encode(e, tokenizer)): number for number, e in enumerate(train)}
    stages: list[list[list[int]]] = []
    for stage in plan.stages:
        n = min(wanted.steps, n_steps - sum(map(len, stages)))
        supply = mixed_batches(stage.pools, stage.weights, wanted.batch_size, seed=run.config.seed)
        stages.append([[row[_content(pair)] for pair in batch] for batch in islice(supply, n)])
    if not any(stages):
        raise UserError(f"The run {run.id} took no step, so there is nothing to repeat.")
    (folder / "order.json").write_text(json.dumps([one for one in stages if one]), "utf-8")


def _content(pair: Encoded) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple(pair.prompt_ids), tuple(pair.completion_ids)


def _write_pairs(path: Path, examples: Sequence[Example]) -> None:
    lines = [{"prompt": e.prompt, "completion": e.completion} for e in examples]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, "utf-8")


def notebook(text: str) -> dict[str, Json]:
    """A script as a notebook: its docstring first, then a cell for each part that a "# %%" begins."""
    head, *parts = text.split("# %% ")
    cells: list[Json] = [_cell("markdown", head.strip().strip('"'))]
    for part in parts:
        title, _, code = part.partition("\n")
        cells += [_cell("markdown", f"## {title}"), _cell("code", code.strip())]
    return {"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}  # fmt: skip


def _cell(kind: str, text: str) -> dict[str, Json]:
    cell: dict[str, Json] = {
        "cell_type": kind,
        "id": f"{kind}-{abs(hash(text)) % 16**8:08x}",
        "metadata": {},
        "source": [*text.splitlines(keepends=True)],
    }
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell
