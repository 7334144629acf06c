"""What the base model is asked for the lessons before any run, and kept with the recorded runs."""

from collections.abc import Iterator

from core import catalog
from core.config import MethodConfig, default_learning_rate
from core.data.shots import FORMS
from core.data.tokenizer import ChatTokenizer
from core.experiments.collapse import WATCHED
from core.experiments.collections import SEEDS, instruction_tuned_on
from core.experiments.first_screens import ANSWER_TOKENS, REVIEW
from core.experiments.mitigations import LEARNED, PROMPTS
from core.experiments.prompting import SHOTS, TEXT_SHOTS, prompt_evaluations
from core.experiments.ranks import rank_config
from core.experiments.run_requests import fact_requests
from core.generate.settings import SamplingSettings
from core.recorded.plan import AnyRequest
from core.runs.messages import Generate, Measure, NextTokensAfter, StartLora, StepThrough
from core.train.phases import PHASES


def prompted_requests() -> Iterator[Measure]:
    """The base model with solved examples, to set beside tuned ones."""
    found = [
        *prompt_evaluations(LEARNED, SHOTS, SEEDS),
        *prompt_evaluations(LEARNED, TEXT_SHOTS, SEEDS, form=FORMS[1]),
    ]
    return (Measure(wanted=one) for one in found)


def base_requests(tokenizer: ChatTokenizer | None = None) -> list[AnyRequest]:
    """What lessons show of the base model before any run: its answers and what could come next, an untrained
    LoRA beside it, the first step of instruction tuning, phase by phase, what it can do with solved examples, and, given a tokenizer, the facts."""
    model = catalog.DEFAULT_MODEL
    greedy = SamplingSettings(max_new_tokens=ANSWER_TOKENS)
    asked: list[AnyRequest] = [
        Generate(model=model, text=REVIEW, settings=greedy, raw=raw) for raw in (True, False)
    ]
    prompts = dict.fromkeys((*WATCHED, *PROMPTS))
    asked += (Generate(model=model, text=prompt, settings=greedy) for prompt in prompts)
    asked += (NextTokensAfter(model=model, text=prompt) for prompt in (REVIEW, *prompts))
    asked.append(StartLora(config=rank_config(MethodConfig(), rate=default_learning_rate("lora"))))
    opened = instruction_tuned_on("sentiment")
    asked += (StepThrough(config=opened, phase=n, known=n) for n in range(len(PHASES)))
    asked += prompted_requests()
    asked += fact_requests(tokenizer) if tokenizer else ()
    return asked
