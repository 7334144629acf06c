"""Take a run out of the app, in one of several formats, whole or not at all.

    exported = export(RunStore(), "20261128", Path("my-model"), "merged")
    print(exported.parity.in_words)     # "40 of 40 answers are those of the app."

Reading this module loads no torch; the formats that need it load it when they are asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core import catalog
from core.config import METHODS
from core.errors import UserError
from core.export.card import CARD, model_card
from core.export.folder import whole_folder
from core.export.parity import Compared, Parity, check
from core.export.peft_adapter import ADAPTER_CONFIG, saved_weights, write_adapter
from core.export.prompts import Asked, prompts_of
from core.export.repeat import Repeated, repeat
from core.export.report import write_report
from core.export.script import write_notebook, write_script
from core.models import acquire
from core.runs.store import Run, RunStore

FORMATS = {
    "peft": "the adapter, for plain peft",
    "merged": "the whole model in safetensors, for plain transformers",
    "gguf": "the whole model as GGUF, F16 and Q8_0, for llama.cpp and Ollama",
    "script": "a training script in plain transformers and peft, with its data",
    "notebook": "the same as a notebook",
    "card": "the model card alone",
    "report": "the run as one HTML page",
}
MODELS = ("peft", "merged", "gguf")
"""What answers prompts."""
PROGRAMS = ("script", "notebook")
"""What trains."""


def formats_of(store: RunStore, run: Run) -> list[str]:
    """The formats that a run can be written in: models only where it left weights that they can hold."""
    has_weights = run.summary.artifact_bytes > 0
    is_adapter = (store.artifact_dir(run.id) / ADAPTER_CONFIG).is_file()
    method = METHODS.get(run.unchecked_config.method.name)
    possible = {
        "peft": has_weights and is_adapter,
        "merged": has_weights and bool(method and method.is_mergeable),
    }
    possible["gguf"] = possible["merged"]
    return [name for name in FORMATS if possible.get(name, True)]


@dataclass(frozen=True, kw_only=True)
class Exported:
    folder: Path
    parity: Parity | None = None
    """What the check found; None where there was none."""
    repeated: Repeated | None = None
    """What a script came to; None where it was not carried out."""


def export(
    store: RunStore,
    run_id: str,
    to: Path,
    format: str = "peft",
    *,
    is_checked: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> Exported:
    """Write a run into the folder `to`, which must be new or empty.

    With `is_checked`, a model's answers are compared with the app's, and a script is carried out, which takes as
    long as training. Raises `UserError` for a run that cannot be written so; nothing is left behind then.
    """
    run, parity, repeated = store.get(run_id), None, None
    with whole_folder(to) as folder:
        _write(store, run, folder, format)
        if format in MODELS and is_checked:
            say("Written; now the run's prompts are answered again in a fresh process.")
            parity = check_answers(store, run, folder, format)
        if format in PROGRAMS and is_checked:
            say(
                "Written; now it is carried out in a fresh process, which takes as long as training."
            )
            base = acquire.ready_dir(catalog.find_model(run.config.model))
            repeated = repeat(store, run, folder, base=base)
    return Exported(folder=to, parity=parity, repeated=repeated)


def _write(store: RunStore, run: Run, folder: Path, format: str) -> None:
    match format:
        case "peft":
            write_adapter(store, run, folder)
        case "merged":
            from core.export.merged import write_merged

            write_merged(run, saved_weights(store, run), folder)
            _write_card(store, run, folder, format)
        case "gguf":
            from core.export.gguf_file import write_gguf

            write_gguf(run, saved_weights(store, run), folder)
            _write_card(store, run, folder, format)
        case "script":
            write_script(store, run, folder)
        case "notebook":
            write_notebook(store, run, folder)
        case "card":
            _write_card(store, run, folder, "peft")
        case "report":
            write_report(store, run, folder)
        case _:
            raise UserError(
                f"The format {format!r} is not known; choose one of: {', '.join(FORMATS)}."
            )


def _write_card(store: RunStore, run: Run, folder: Path, format: str) -> None:
    (folder / CARD).write_text(model_card(run, store.events(run.id), format), "utf-8")


def check_answers(store: RunStore, run: Run, folder: Path, format: str) -> Parity:
    """Have the exported model in `folder` answer the run's prompts, beside the app; see core/export/parity.py."""
    from core.export.app_answers import AppAnswers

    base = acquire.ready_dir(catalog.find_model(run.config.model))
    asked: list[Asked] = prompts_of(run, acquire.load_tokenizer(run.config.model))
    app = AppAnswers(store, run)
    rows = [
        Compared(prompt=one.prompt, max_new_tokens=one.max_new_tokens, app=answer)
        for one, answer in zip(asked, app.answers(asked), strict=True)
    ]
    parity = Parity(format=format, run=run.id, dtype=app.dtype, end_ids=app.end_ids, rows=rows)
    return check(parity, folder, app, base=base, asked=asked)
