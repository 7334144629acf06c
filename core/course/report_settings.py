"""What a lab report restores on another installation, and the commands that repeat it.

    Settings(lesson="forgetting", runs=(config,))         one run, or several
    Settings(lesson="before", asked=Asked(text="…"))      a prompt as the model was asked
    Settings(lesson="choice", measured=evaluation)        a prompt as it was measured

They lie in the report's HTML as JSON, in an element that no browser runs.
"""

import json
import re
import shlex
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from core.checks import check_choice, check_text
from core.config import RunConfig
from core.config.command import command_of
from core.course.lessons import LESSONS
from core.errors import UserError
from core.generate.settings import SamplingSettings
from core.runs.prompt_evaluation import PromptEvaluation
from core.typed_json import read, strict_json

MOST_BYTES = 2**20
"""Of a report that is read."""
KIND = "tuning-fork/settings"
ELEMENT = re.compile(rf'<script type="application/json" id="{KIND}">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A prompt, as the base model was asked."""

    text: str
    raw: bool = False
    """Without the chat template."""
    settings: SamplingSettings = field(default_factory=SamplingSettings)

    def __post_init__(self) -> None:
        check_text("The prompt", self.text)

    @property
    def command(self) -> str:
        """That asks it again."""
        words = ["python", "-m", "core", "generate", "--prompt", self.text]
        words += ["--raw"] if self.raw else []
        usual = SamplingSettings()
        for one in fields(SamplingSettings):
            option = f"--{one.name.replace('_', '-')}"
            if (value := getattr(self.settings, one.name)) != getattr(usual, one.name):
                words += [option, str(value)]
        return shlex.join(words)


@dataclass(frozen=True, kw_only=True)
class Settings:
    lesson: str = ""
    """"" in a report that an older version made."""
    runs: tuple[RunConfig, ...] = ()
    asked: Asked | None = None
    measured: PromptEvaluation | None = None

    def __post_init__(self) -> None:
        check_choice("The lesson of the report", self.lesson, ("", *(one.id for one in LESSONS)))

    @property
    def commands(self) -> list[str]:
        """Each repeats a part of what was done."""
        found = [command_of(config) for config in self.runs]
        if self.asked:
            found.append(self.asked.command)
        if one := self.measured:
            seeds = f"--task {one.task} --seeds {one.seed}"
            found.append(f"python -m core experiment prompting {seeds}")
        return found

    def to_dict(self) -> dict[str, Any]:
        return {
            "lesson": self.lesson,
            "runs": [config.to_dict() for config in self.runs],
            "asked": asdict(self.asked) if self.asked else None,
            "measured": self.measured.to_dict() if self.measured else None,
        }


def element_of(settings: Settings) -> str:
    """The element that holds them."""
    text = json.dumps(strict_json(settings.to_dict())).replace("<", "\\u003c")
    return f'<script type="application/json" id="{KIND}">{text}</script>'


def settings_of(page: str) -> Settings:
    """What a report restores. Raises `UserError` for a file that is no report, or of settings that are not valid
    here."""
    if len(page.encode()) > MOST_BYTES:
        raise UserError("The file is larger than 1 MB, so it is no lab report of this app.")
    found = ELEMENT.search(page)
    if not found:
        raise UserError("The file holds no settings of a run: it is no lab report of this app.")
    try:
        values: Any = json.loads(found[1])
        if "model" in values:  # an older report: the config of its run alone
            return Settings(runs=(RunConfig.from_dict(values),))
        return read(Settings, values)
    except UserError:
        raise
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"The settings in the report are damaged: {error}.") from error
