"""Findings about soft prompts, adapters and other small methods."""

from core.config import RunConfig
from core.experiments.collections import SEEDS
from core.experiments.for_findings import ADAPTER_WIDTHS, few_examples_config
from core.experiments.methods import method_config, usual_config
from core.experiments.mitigations import LEARNED
from core.experiments.prompting import SHOTS, prompt_evaluations, tuned_config
from core.experiments.soft_prompts import SIZES, TEXT, prompt_config
from core.findings.arms import LEARNED_WORDS, learned
from core.findings.evidence import Arm
from core.findings.finding import Finding, Part, Publication
from core.findings.sources import Prompted
from core.findings.verdict import ABOVE, NO_WORSE

FEW = 64
"""Training examples."""
USUAL_WIDTH = 16
RUNS = "Tune on reviews for 20 steps with 3 seeds; score 48 reviews."
LESTER = Publication(
    authors="Lester, Al-Rfou and Constant",
    year=2021,
    title="The Power of Scale for Parameter-Efficient Prompt Tuning",
)


def tuned(title: str, method: str) -> Arm:
    """A method at its usual size and its own rate."""
    return learned(title, lambda seed: usual_config(method, seed=seed))


def of_tokens(n: int) -> Arm:
    words = "1 token" if n == 1 else f"{n} tokens"
    return learned(words, lambda seed: prompt_config(n, seed=seed), at=n)


def of_width(width: int) -> Arm:
    def config(seed: int) -> RunConfig:
        return method_config("adapter", bottleneck=width, seed=seed)

    return learned(f"width {width}", config, at=width)


def shown_in_prompt(n: int) -> Arm:
    """The base model with `n` solved examples in its prompt."""
    asked = prompt_evaluations(LEARNED, (n,), SEEDS)
    sources = tuple(Prompted(asked=one) for one in asked)
    return Arm(title=f"the base model with {n} examples in its prompt", sources=sources)


PROMPT_LENGTH = Finding(
    name="prompt_length",
    title="A soft prompt needs several tokens, but not many",
    claim="More virtual tokens help a soft prompt at first; beyond about twenty they add little.",
    source=LESTER,
    experiment=f"{RUNS} Soft prompts of 1 to 50 virtual tokens.",
    parts=(
        Part(score=LEARNED_WORDS, first=of_tokens(20), relation=ABOVE, second=of_tokens(1)),
        Part(score=LEARNED_WORDS, first=of_tokens(20), relation=NO_WORSE, second=of_tokens(50)),
    ),
    shown=tuple((LEARNED_WORDS, of_tokens(n)) for n in SIZES),
    axis="virtual tokens",
    if_holds="Begin with 10 to 20 tokens: each one takes room in every request.",
    if_not="Here the number of tokens does not matter in that way; fewer are cheaper.",
)

PROMPT_GAP = Finding(
    name="prompt_gap",
    title="In a small model soft prompts fall short",
    claim="Prompt tuning matches full fine-tuning in very large models, and falls short of it in small ones.",
    source=LESTER,
    experiment=f"{RUNS} A soft prompt of 10 tokens, beside full fine-tuning, each at its own rate.",
    parts=(
        Part(
            score=LEARNED_WORDS,
            first=tuned("full fine-tuning", "full"),
            relation=ABOVE,
            second=tuned("soft prompt, 10 tokens", "prompt"),
        ),
    ),
    if_holds="With a small model, prefer LoRA or adapters to a soft prompt.",
    if_not="On a task this easy a soft prompt does as well even in a small model.",
    limits="Only the small end is tested: there is one size of model here.",
)

PROMPT_START = Finding(
    name="prompt_start",
    title="Begin a soft prompt with real words",
    claim="In smaller models a soft prompt that begins as words of the vocabulary does better than one that "
    "begins at random.",
    source=LESTER,
    experiment=f"{RUNS} 10 virtual tokens that begin as words, as a written instruction, or as noise.",
    parts=(
        Part(
            score=LEARNED_WORDS,
            first=learned("words of the vocabulary", lambda s: prompt_config(10, seed=s)),
            relation=ABOVE,
            second=learned("random", lambda s: prompt_config(10, start="random", seed=s)),
        ),
        Part(
            score=LEARNED_WORDS,
            first=learned(
                "a written instruction",
                lambda s: prompt_config(10, start="text", text=TEXT, seed=s),
            ),
            relation=ABOVE,
            second=learned("random", lambda s: prompt_config(10, start="random", seed=s)),
        ),
    ),
    if_holds="Never start a soft prompt from noise: words cost nothing.",
    if_not="Here the start does not matter; training makes up for it.",
)

DEEP_PROMPTS = Finding(
    name="deep_prompts",
    title="Prompts in every layer close the gap",
    claim="Virtual tokens in every layer, and not only before the first, match full fine-tuning in small models, too.",
    source=Publication(
        authors="Liu et al.",
        year=2022,
        title="P-Tuning v2: Prompt Tuning Can Be Comparable to Fine-tuning Universally Across Scales and Tasks",
    ),
    experiment=f"{RUNS} A prefix in every layer, beside a soft prompt and full fine-tuning.",
    parts=(
        Part(
            score=LEARNED_WORDS,
            first=tuned("prefix in every layer", "prefix"),
            relation=ABOVE,
            second=tuned("soft prompt", "prompt"),
        ),
        Part(
            score=LEARNED_WORDS,
            first=tuned("prefix in every layer", "prefix"),
            relation=NO_WORSE,
            second=tuned("full fine-tuning", "full"),
        ),
    ),
    if_holds="If you want prompts, put them into every layer.",
    if_not="Here a prefix is not the better prompt.",
)

ADAPTER = Finding(
    name="adapter_bottleneck",
    title="Narrow adapters do as well as full fine-tuning",
    claim="Small bottleneck adapters come close to full fine-tuning, and their width matters little.",
    source=Publication(
        authors="Houlsby et al.", year=2019, title="Parameter-Efficient Transfer Learning for NLP"
    ),
    experiment=f"{RUNS} Adapters of widths 1, 4, 16 and 64, beside full fine-tuning.",
    parts=(
        Part(
            score=LEARNED_WORDS,
            first=of_width(USUAL_WIDTH),
            relation=NO_WORSE,
            second=tuned("full fine-tuning", "full"),
        ),
        Part(score=LEARNED_WORDS, first=of_width(4), relation=NO_WORSE, second=of_width(64)),
    ),
    shown=tuple((LEARNED_WORDS, of_width(n)) for n in ADAPTER_WIDTHS),
    if_holds="A narrow adapter is enough; a wide one mostly takes memory.",
    if_not="Here the width matters: try wider ones.",
)

IA3 = Finding(
    name="ia3_few_examples",
    title="With few examples, IA³ beats examples in the prompt",
    claim="Tuned on few labelled examples, IA³ does better than showing examples in the prompt, and no worse than "
    "other small methods.",
    source=Publication(
        authors="Liu et al.",
        year=2022,
        title="Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning",
    ),
    experiment=f"Tune IA³ and LoRA on {FEW} reviews for 20 steps with 3 seeds, and ask the base model with "
    f"{SHOTS[-1]} of them in its prompt; score 48 reviews.",
    parts=(
        Part(
            score=LEARNED_WORDS,
            first=learned(
                f"IA³ on {FEW} examples", lambda s: few_examples_config("ia3", FEW, seed=s)
            ),
            relation=ABOVE,
            second=shown_in_prompt(SHOTS[-1]),
        ),
        Part(
            score=LEARNED_WORDS,
            first=learned(
                f"IA³ on {FEW} examples", lambda s: few_examples_config("ia3", FEW, seed=s)
            ),
            relation=NO_WORSE,
            second=learned(
                f"LoRA on {FEW} examples", lambda s: tuned_config(LEARNED, "lora", FEW, seed=s)
            ),
        ),
    ),
    shown=(
        (
            LEARNED_WORDS,
            learned("IA³ on 16 examples", lambda s: few_examples_config("ia3", 16, seed=s)),
        ),
    ),
    if_holds="With few examples, tune the smallest thing there is: it is cheap, and requests stay short.",
    if_not="Here IA³ is not the method for few examples.",
    limits="Tuning sees more examples than fit into the prompt of this small model.",
)

BITFIT = Finding(
    name="biases_only",
    title="Tuning biases alone is competitive",
    claim="Training only the bias terms does about as well as full fine-tuning on small data.",
    source=Publication(
        authors="Ben Zaken, Goldberg and Ravfogel",
        year=2022,
        title="BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked Language-models",
    ),
    experiment=f"{RUNS} A bias on every linear layer, beside full fine-tuning, each at its own rate.",
    parts=(
        Part(
            score=LEARNED_WORDS,
            first=tuned("biases only", "bitfit"),
            relation=NO_WORSE,
            second=tuned("full fine-tuning", "full"),
        ),
    ),
    if_holds="Shifting activations is enough to teach a task like this.",
    if_not="Here biases alone learn less than all weights.",
    limits="This model has no biases of its own; it gets new ones that begin at zero.",
)

FINDINGS = (PROMPT_LENGTH, PROMPT_GAP, PROMPT_START, DEEP_PROMPTS, ADAPTER, IA3, BITFIT)
