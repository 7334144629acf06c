"""The Modelfile beside a GGUF: how Ollama dresses a prompt, where an answer ends, and greedy answers.

Ollama writes templates in another language than chat templates. Here the template's own turns are read off
what it makes of marks that stand for the texts, and written in Ollama's; a model whose template does more than
put text around turns gets none, and Ollama takes the one in the GGUF.
"""

from dataclasses import dataclass

from core.data.tokenizer import ChatTokenizer
from core.errors import UserError

SYSTEM, USER, ANSWER = "\x11system\x11", "\x11user\x11", "\x11answer\x11"
FENCE = '"""'


@dataclass(frozen=True, kw_only=True)
class Turns:
    """The text around the turns of a chat."""

    before_system: str
    after_system: str
    before_user: str
    after_user: str
    """Up to where the answer begins."""
    after_answer: str
    system: str
    """What the model is told where nobody tells it anything; empty for nothing."""

    def chat(self, user: str) -> str:
        """The chat of one user's turn, up to where the answer begins."""
        told = f"{self.before_system}{self.system}{self.after_system}" if self.system else ""
        return f"{told}{self.before_user}{user}{self.after_user}"

    @property
    def template(self) -> str:
        """In the language of Ollama."""
        return (
            f"{{{{ if .System }}}}{self.before_system}{{{{ .System }}}}{self.after_system}{{{{ end }}}}"
            f"{{{{ if .Prompt }}}}{self.before_user}{{{{ .Prompt }}}}{self.after_user}{{{{ end }}}}"
            f"{{{{ .Response }}}}{self.after_answer}"
        )


def turns_of(tokenizer: ChatTokenizer) -> Turns | None:
    """What the chat template puts around turns; None where it does more than that."""
    if not tokenizer.template:
        return None
    user = {"role": "user", "content": USER}
    try:
        bare = tokenizer.chat([user])
        told = tokenizer.chat([{"role": "system", "content": SYSTEM}, user])
        answered = tokenizer.chat([user, {"role": "assistant", "content": ANSWER}], answer=False)
        twice = tokenizer.chat([user, user], answer=False)
    except (UserError, TypeError, ValueError):
        return None
    if not all(text.count(USER) == 1 for text in (bare, told)) or told.count(SYSTEM) != 1:
        return None
    before_system, _, rest = told.partition(SYSTEM)
    between, _, after_user = rest.partition(USER)
    if twice.count(USER) != 2:
        return None
    # Between two turns stands what ends the first and what begins the second.
    _, middle, after_turn = twice.split(USER)
    if not middle.startswith(after_turn) or not between.endswith(middle.removeprefix(after_turn)):
        return None
    before_user = middle.removeprefix(after_turn)
    after_system = between.removesuffix(before_user)
    head = bare.partition(USER)[0].removesuffix(before_user)
    system = head.removeprefix(before_system).removesuffix(after_system) if head else ""
    found = Turns(
        before_system=before_system,
        after_system=after_system,
        before_user=before_user,
        after_user=after_user,
        after_answer=answered.rpartition(ANSWER)[2],
        system=system,
    )
    is_exact = found.chat(USER) == bare and FENCE not in found.template + system
    return found if is_exact else None


def modelfile(tokenizer: ChatTokenizer, *, file: str) -> str:
    """The text of the Modelfile for the GGUF `file`."""
    lines = [f"FROM ./{file}"]
    if turns := turns_of(tokenizer):
        lines.append(f"TEMPLATE {FENCE}{turns.template}{FENCE}")
        if turns.system:
            lines.append(f"SYSTEM {FENCE}{turns.system}{FENCE}")
    for token in tokenizer.end_ids:
        lines.append(f'PARAMETER stop "{tokenizer.backend.id_to_token(token)}"')
    return "\n".join([*lines, "PARAMETER temperature 0", ""])
