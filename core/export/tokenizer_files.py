"""The tokenizer and chat template beside an exported model, as plain transformers reads them."""

import json
import shutil
from pathlib import Path

COPIED = (
    "tokenizer.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)
CONFIG = "tokenizer_config.json"
OF_THIS_MACHINE = ("is_local", "local_files_only", "name_or_path")


def write_tokenizer(base: Path, to: Path) -> None:
    """Copy the tokenizer of the model folder `base`, without what is true of this machine only."""
    for name in COPIED:
        if (base / name).is_file():
            shutil.copyfile(base / name, to / name)
    config = json.loads((base / CONFIG).read_text("utf-8"))
    kept = {key: value for key, value in config.items() if key not in OF_THIS_MACHINE}
    if kept.get("tokenizer_class") == "TokenizersBackend":  # its name before transformers 5
        kept["tokenizer_class"] = "PreTrainedTokenizerFast"
    (to / CONFIG).write_text(json.dumps(kept, indent=2, ensure_ascii=False), "utf-8")
