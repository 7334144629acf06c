"""Text to token ids and back, without torch, so that the web process can show tokens live.

`ChatTokenizer` reads the same files transformers reads (`tokenizer.json`, `tokenizer_config.json`,
`chat_template.jinja`) and a test holds it equal to transformers' own tokenizer and chat template.

Text stays text: a control token (`<|im_end|>`) that someone wrote into a prompt or a completion is read
as the characters it is made of. Only the template's own control tokens are control tokens; in a raw
prompt, where the writer is the template, those that were typed are.
"""

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self

from jinja2 import Template, TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from core.errors import UserError

LONGEST_SEQUENCE = 2048
"""Longest prompt and answer together; a longer one would make a lesson wait, and take gigabytes."""
MOST_CHARACTERS = 100_000
"""Of a prompt. To cut a text of so many into tokens takes a tenth of a second."""
MARK = "The answer stands here."
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
    start_ids: tuple[int, ...] = ()
    """What the tokenizer itself puts before a text that no chat template dresses: its start token."""
    end_ids: tuple[int, ...] = ()
    """The tokens at which an answer ends, by the model's own files; the first ends a completion."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the tokenizer of a model folder; `UserError` when its files are missing or damaged."""
        try:
            backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
            config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
            model_config = json.loads((folder / "config.json").read_text("utf-8"))
            generation_file = folder / "generation_config.json"
            wanted = (
                json.loads(generation_file.read_text("utf-8")) if generation_file.is_file() else {}
            )
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
        plain = cls(backend, template, special, int(context or 2048))
        ends = [plain._end_of_turn(), backend.token_to_id(special["eos_token"])]
        ends += _listed(wanted.get("eos_token_id", model_config.get("eos_token_id")))
        return replace(
            plain,
            start_ids=_start_ids(backend),
            end_ids=tuple(dict.fromkeys(i for i in ends if i is not None)),
        )

    @property
    def longest_sequence(self) -> int:
        """Prompt and answer together: the context, or less where that would take too long."""
        return min(self.context, LONGEST_SEQUENCE)

    @property
    def eos_id(self) -> int:
        """The end token that the tokenizer's own files name."""
        found = self.backend.token_to_id(self.special["eos_token"])
        return self.end_id if found is None else found

    @property
    def end_id(self) -> int:
        """The token that a completion ends with: the one the chat template ends a turn with, else eos."""
        if not self.end_ids:
            raise UserError("This model's files name no end-of-text token.")
        return self.end_ids[0]

    def _end_of_turn(self) -> int | None:
        """The special token that the chat template writes after an answer; None where it writes none."""
        if not self.template:
            return None
        turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": MARK}]
        try:
            after = self.chat(turns, answer=False).rpartition(MARK)[2]
        except (UserError, TypeError, ValueError):  # asking will say it
            return None
        special = self.backend.get_added_tokens_decoder()
        found = self.backend.encode(after, add_special_tokens=False).ids
        return next((i for i in found if i in special), None)

    @cached_property
    def _plain(self) -> Tokenizer:
        """The same tokenizer, to which control tokens are plain characters."""
        plain = Tokenizer.from_str(self.backend.to_str())
        plain.encode_special_tokens = True
        return plain

    @cached_property
    def _control(self) -> re.Pattern[str]:
        """Finds the control tokens in a text, the longest first."""
        added = self.backend.get_added_tokens_decoder().values()
        names = sorted(
            (t.content for t in added if t.special and t.content[1:]), key=len, reverse=True
        )
        return re.compile("|".join(map(re.escape, names)) or r"(?!)")

    def encode(self, text: str, *, control: bool = False) -> list[int]:
        """Token ids of `text`. Control tokens written in it are text, or are meant with `control`."""
        tokenizer = self.backend if control else self._plain
        return tokenizer.encode(text, add_special_tokens=False).ids

    def encode_chat(self, messages: list[Message], *, answer: bool = True) -> list[int]:
        """Token ids of a chat (see `chat`): the template's control tokens, and all else as text."""
        return [i for i, _, _ in self._cut_chat(messages, answer=answer)]

    def _cut_chat(
        self, messages: list[Message], *, answer: bool = True
    ) -> list[tuple[int, int, int]]:
        """Each token of a chat: its id, and where it begins and ends in the text of `chat`.

        A control token written in a message is broken by a sign that occurs nowhere else, so that it is
        not found while the template's own are; then the text between those is read without the sign.
        """
        if not any(self._control.search(m["content"]) for m in messages):
            whole = self.backend.encode(
                self.chat(messages, answer=answer), add_special_tokens=False
            )
            return [(i, *at) for i, at in zip(whole.ids, whole.offsets, strict=True)]
        written = "".join(m["content"] for m in messages)
        sign = next(c for c in map(chr, range(0xE000, 0xF900)) if c not in written)
        broken = [{**m, "content": self._broken(m["content"], sign)} for m in messages]
        text = self.chat(broken, answer=answer)
        found: list[tuple[int, int, int]] = []
        begin = n_signs = 0
        ends = [*((m.start(), m.end()) for m in self._control.finditer(text)), (len(text),) * 2]
        for stop, following in ends:
            part = text[begin:stop].replace(sign, "")
            at = begin - n_signs
            cut = self._plain.encode(part, add_special_tokens=False)
            found += [(i, at + a, at + b) for i, (a, b) in zip(cut.ids, cut.offsets, strict=True)]
            n_signs += stop - begin - len(part)
            if following > stop:
                token = self.backend.token_to_id(text[stop:following])
                assert token is not None  # it is one of the tokenizer's own
                found.append((token, stop - n_signs, following - n_signs))
            begin = following
        return found

    def _broken(self, text: str, sign: str) -> str:
        while self._control.search(text):
            text = self._control.sub(lambda m: m[0][0] + sign + m[0][1:], text)
        return text

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
        n_all = len(self.ask(prompt, raw=raw))
        if raw:
            n_typed = len(self.encode(prompt, control=True))
            return [False] * (n_all - n_typed) + [True] * n_typed
        text = self.chat([{"role": "user", "content": prompt}])
        head = self.chat([{"role": "user", "content": "\0"}]).split("\0")[0]
        begin = text.find(prompt, len(head))
        end = begin + len(prompt)
        cut = self._cut_chat([{"role": "user", "content": prompt}])
        marks = [begin <= start and stop <= end for _, start, stop in cut]
        return [False] * (n_all - len(marks)) + marks

    def ask(self, prompt: str, *, raw: bool = False) -> list[int]:
        """Token ids of one prompt: as a user's turn in the chat template, or `raw` as it stands.

        In a raw prompt the reader writes the template by hand: control tokens are what they say.
        `UserError` for a text that is too long by far, before it is cut into tokens.
        """
        if len(prompt) > MOST_CHARACTERS:
            raise UserError(
                f"The prompt has {len(prompt):,} characters; at most {MOST_CHARACTERS:,} can be read. "
                "Shorten it."
            )
        if raw:
            return self._started(self.encode(prompt, control=True))
        ids = self.encode_chat([{"role": "user", "content": prompt}])
        return ids if self.template else self._started(ids)

    def _started(self, ids: list[int]) -> list[int]:
        """The tokens of a text, with the start token before them where it does not stand there yet."""
        n = len(self.start_ids)
        return ids if tuple(ids[:n]) == self.start_ids else [*self.start_ids, *ids]


def _start_ids(backend: Tokenizer) -> tuple[int, ...]:
    """What tokenizer.json puts before a text; transformers, too, heeds nothing else where it is there."""
    bare, whole = (backend.encode("a", add_special_tokens=wanted).ids for wanted in (False, True))
    places = (n for n in range(len(whole)) if whole[n : n + len(bare)] == bare)
    return tuple(whole[: next(places, 0)])


def _listed(ids: int | list[int] | None) -> list[int]:
    return [] if ids is None else ids if isinstance(ids, list) else [ids]


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
