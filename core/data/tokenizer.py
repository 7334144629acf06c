"""Text to token ids and back, without torch, so that the web process can show tokens live.

`ChatTokenizer` reads the same files transformers reads (`tokenizer.json`, `tokenizer_config.json`,
`chat_template.jinja`) and a test holds it equal to transformers' own tokenizer and chat template.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

from jinja2 import Template, TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from core.errors import UserError

LONGEST_SEQUENCE = 2048
Message = dict[str, str]
"""One turn of a chat: {"role": "user", "content": "…"}."""


@dataclass(frozen=True)
class ChatTokenizer:
    backend: Tokenizer
    template: str
    """Jinja chat template; empty for a base model that has none."""
    special: dict[str, str]
    """Special tokens by role: bos_token, eos_token, …"""
    context: int
    """The longest sequence the model accepts, in tokens."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the tokenizer of a model folder; `UserError` when its files are missing or damaged."""
        try:
            backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
            config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
            model_config = json.loads((folder / "config.json").read_text("utf-8"))
        except Exception as error:  # tokenizers raises bare Exception for a missing or damaged file
            raise UserError(f"The tokenizer in {folder} cannot be read: {error}") from error
        template_file = folder / "chat_template.jinja"
        template = config.get("chat_template") or ""
        if template_file.is_file():
            template = template_file.read_text("utf-8")
        special: dict[str, str] = {}
        for role in ("bos_token", "eos_token", "pad_token", "unk_token"):
            value = config.get(role)
            special[role] = value["content"] if isinstance(value, dict) else value or ""
        backend.no_padding()
        backend.no_truncation()
        context = model_config.get("max_position_embeddings") or model_config.get("n_positions")
        return cls(backend, template, special, int(context or 2048))

    @property
    def longest_sequence(self) -> int:
        """Prompt and answer together: the context, or less where that would take too long."""
        return min(self.context, LONGEST_SEQUENCE)

    @property
    def eos_id(self) -> int:
        """The token that ends an answer."""
        found = self.backend.token_to_id(self.special["eos_token"])
        if found is None:
            raise UserError("This model's tokenizer names no end-of-text token.")
        return found

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`; special tokens written in it are recognised, none is added."""
        return self.backend.encode(text, add_special_tokens=False).ids

    def decode(self, ids: list[int], *, special: bool = False) -> str:
        return self.backend.decode(ids, skip_special_tokens=not special)

    def pieces(self, ids: list[int]) -> list[str]:
        """The text of each token by itself, for display; part of a character shows as �."""
        return [self.backend.decode([i], skip_special_tokens=False) for i in ids]

    def chat(self, messages: list[Message], *, answer: bool = True) -> str:
        """The text the model reads for a chat; with `answer`, up to where its answer begins.

        A model without a chat template gets the contents, a blank line apart.
        """
        if not self.template:
            text = "\n\n".join(m["content"] for m in messages)
            return f"{text}\n" if answer else text
        context: dict[str, Any] = {**self.special, "messages": messages}
        try:
            return _compile(self.template).render(**context, add_generation_prompt=answer)
        except TemplateError as error:
            raise UserError(f"The model's chat template refuses this chat: {error}") from error

    def typed(self, prompt: str, *, raw: bool = False) -> list[bool]:
        """For each token of `ask(prompt)`: does it hold text of the prompt, not of the template?"""
        text = prompt if raw else self.chat([{"role": "user", "content": prompt}])
        head = "" if raw else self.chat([{"role": "user", "content": "\0"}]).split("\0")[0]
        begin = text.find(prompt, len(head))
        end = begin + len(prompt)
        offsets = self.backend.encode(text, add_special_tokens=False).offsets
        return [begin <= start and stop <= end for start, stop in offsets]

    def ask(self, prompt: str, *, raw: bool = False) -> list[int]:
        """Token ids of one prompt: as a user's turn in the chat template, or `raw` as it stands."""
        if raw or not self.template:
            return self.encode(prompt if raw else self.chat([{"role": "user", "content": prompt}]))
        return self.encode(self.chat([{"role": "user", "content": prompt}]))


@cache
def _compile(template: str) -> Template:
    """A chat template as transformers compiles it; compiling costs more than rendering."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    names: dict[str, Any] = environment.globals
    names["raise_exception"] = _raise
    names["strftime_now"] = _now
    return environment.from_string(template)


def _raise(message: str) -> None:
    raise TemplateError(message)


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _now(form: str) -> str:
    return datetime.now().strftime(form)
