"""What a recorded run is asked before its weights go: spectra, matrices, what merging changes, timed answers.

Each of these functions is the `ask` of a collection (core/experiments/collections.py).
"""

from collections.abc import Iterator, Sequence

from core import catalog
from core.config import METHODS, MethodConfig, RunConfig, default_learning_rate
from core.data.tokenizer import ChatTokenizer
from core.experiments import knowledge_probe
from core.experiments.mitigations import LEARNED, PROMPTS
from core.experiments.prompting import tuned_config, tuned_evaluation
from core.generate.settings import SamplingSettings
from core.models.acquire import load_tokenizer
from core.recorded.plan import AnyRequest
from core.runs.messages import Generate, LookAtMatrices, LookAtSpectrum, Measure, Merge, TakeAway
from core.shape import PUBLISHED

LOOKED_AT = (0.0, 1 / 3, 2 / 3, 1.0)
"""Layers whose spectra are kept, by their place from the first to the last; of these two also the matrices."""
DRAWN_RANKS = (1, 8, 64)
"""LoRA's ranks whose matrices are kept: each place takes 40 KB."""


def ask_matrices(config: RunConfig, run_id: str) -> Sequence[AnyRequest]:
    """Of one seed at the usual rate and alpha: spectra at some layers, a LoRA's matrices, what merging changes."""
    method, layers = config.method, _layers(config.model)
    is_usual = config.optimizer.learning_rate == default_learning_rate(method.name)
    if config.seed or not is_usual or method.alpha != MethodConfig().alpha:
        return ()
    is_drawn = METHODS[method.name].low_rank and method.rank in DRAWN_RANKS
    asked: list[AnyRequest] = []
    for layer in layers:
        for module in method.target_modules:
            asked.append(LookAtSpectrum(run=run_id, layer=layer, module=module))
            if is_drawn and layer in (layers[0], layers[-1]):
                asked.append(LookAtMatrices(run=run_id, layer=layer, module=module))
    if METHODS[method.name].low_rank:
        asked.append(Merge(run=run_id, prompts=PROMPTS))
    return asked


def ask_prompt_and_merge(config: RunConfig, run_id: str) -> Sequence[AnyRequest]:
    """Of one seed: answers with and without a soft prompt."""
    if config.seed or config.method.name != "prompt":
        return ()
    return (TakeAway(run=run_id, prompts=PROMPTS),)


def ask_as_prompts_are(config: RunConfig, run_id: str) -> Sequence[AnyRequest]:
    """The test set and timed requests, as the base model is asked them with examples; and of one run the facts
    that no tuning can bring."""
    asked: list[AnyRequest] = [Measure(wanted=tuned_evaluation(config, run_id))]
    if config == tuned_config(LEARNED, "lora", 0):
        asked += fact_requests(load_tokenizer(config.model), run_id)
    return asked


def fact_requests(tokenizer: ChatTokenizer, run_id: str = "") -> Iterator[Generate]:
    """Each fact asked in the ways that a tuned model is asked, or in those of the base model."""
    settings = SamplingSettings(max_new_tokens=knowledge_probe.ANSWER_TOKENS)
    model = catalog.DEFAULT_MODEL
    for fact in knowledge_probe.FACTS:
        texts = knowledge_probe.texts(fact.question, fact.given, tokenizer)
        for way, text in texts.items():
            if (way == knowledge_probe.TUNED) == bool(run_id):
                yield Generate(model=model, text=text, raw=True, run=run_id, settings=settings)


def _layers(model: str) -> list[int]:
    """Some layers of a model of the catalogue, from the first to the last."""
    n = PUBLISHED[catalog.MODELS[model].shape].layers
    return sorted({round(place * (n - 1)) for place in LOOKED_AT})
