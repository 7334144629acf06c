"""Findings about forgetting, and what is done against it. Each tunes on reviews and asks for the rest."""

from collections.abc import Callable

from core.config import RunConfig
from core.experiments.collapse import TEXTBOOK_RATE, collapse
from core.experiments.methods import usual_config
from core.experiments.mitigations import GENERAL, KEPT, MITIGATIONS, mitigation_config
from core.findings.arms import (
    GENERAL_WORDS,
    LEARNED_WORDS,
    NAMES_WORDS,
    arm,
    general,
    learned,
    names,
)
from core.findings.finding import Finding, Part, Publication
from core.findings.verdict import ABOVE, NO_WORSE
from core.runs.names import decimals

Build = Callable[[int], RunConfig]
FULL = f"full fine-tuning at {decimals(TEXTBOOK_RATE)}"


def cure(name: str, value: float = 0.0) -> Build:
    """The config of a seed of a cure at a value of its knob, or at the usual one."""
    return lambda seed: mitigation_config(name, value or MITIGATIONS[name].usual, seed=seed)


def tuned(method: str) -> Build:
    """The config of a seed of a method at its usual size and its own rate."""
    return lambda seed: usual_config(method, seed=seed)


def textbook(seed: int) -> RunConfig:
    return collapse(seed=seed)


full = cure("full", TEXTBOOK_RATE)
RUNS = (
    "Tune on reviews for 20 steps with 3 seeds; score 48 reviews, names and general questions each."
)

INTERFERENCE = Finding(
    name="interference",
    title="Learning a new task wipes out an old one",
    claim="A network that is trained on a new task alone loses what it could do before.",
    source=Publication(
        authors="McCloskey and Cohen",
        year=1989,
        title="Catastrophic Interference in Connectionist Networks: The Sequential Learning Problem",
    ),
    experiment=f"{RUNS} All weights are tuned at {decimals(TEXTBOOK_RATE)}.",
    parts=(
        Part(
            score="names, before and after",
            first=arm("before", textbook, KEPT, before=True),
            relation=ABOVE,
            second=names("after", textbook),
        ),
        Part(
            score="general questions, before and after",
            first=arm("before", textbook, GENERAL, before=True),
            relation=ABOVE,
            second=general("after", textbook),
        ),
    ),
    if_holds="Score what your model could do before, not only the new task: the loss on the new task does not "
    "show what is lost.",
    if_not="At this rate and length the old tasks survive; a higher rate or more steps may still cost them.",
    limits="The rate is high on purpose; a gentle one loses less.",
)

LORA_FORGETS_LESS = Finding(
    name="lora_forgets_less",
    title="LoRA learns less and forgets less",
    claim="LoRA learns a new domain less well than full fine-tuning and keeps more of what the model could do.",
    source=Publication(
        authors="Biderman et al.", year=2024, title="LoRA Learns Less and Forgets Less"
    ),
    experiment=f"{RUNS} Each method has its own usual rate.",
    parts=(
        Part(
            score=LEARNED_WORDS,
            first=learned("full fine-tuning", tuned("full")),
            relation=ABOVE,
            second=learned("LoRA, rank 8", tuned("lora")),
        ),
        Part(
            score=NAMES_WORDS,
            first=names("LoRA, rank 8", tuned("lora")),
            relation=ABOVE,
            second=names("full fine-tuning", tuned("full")),
        ),
        Part(
            score=GENERAL_WORDS,
            first=general("LoRA, rank 8", tuned("lora")),
            relation=ABOVE,
            second=general("full fine-tuning", tuned("full")),
        ),
    ),
    if_holds="Choose LoRA where old skills matter more than the last points on the new task.",
    if_not="Here LoRA alone does not protect what the model could do: look at rate and steps first.",
    limits="Published on 7 billion parameters with code and mathematics; here it is one easy task of two labels.",
)

L2SP = Finding(
    name="l2sp",
    title="A pull towards the start keeps old skills",
    claim="A penalty on the distance from the pretrained weights preserves what they knew.",
    source=Publication(
        authors="Li, Grandvalet and Davoine",
        year=2018,
        title="Explicit Inductive Bias for Transfer Learning with Convolutional Networks",
    ),
    experiment=f"{RUNS} L2-SP at its usual strength, beside no penalty at the same rate.",
    parts=(
        Part(
            score=GENERAL_WORDS,
            first=general("L2-SP", cure("l2sp")),
            relation=ABOVE,
            second=general(FULL, full),
        ),
        Part(
            score=LEARNED_WORDS,
            first=learned("L2-SP", cure("l2sp")),
            relation=NO_WORSE,
            second=learned(FULL, full),
        ),
    ),
    if_holds="Where you must tune all weights, one extra term keeps more of the model.",
    if_not="At this strength the penalty does not keep both old and new; turn it, or choose another cure.",
    limits="Published on image classifiers, as a way to generalise better on the new task.",
)

EWC = Finding(
    name="ewc",
    title="Hold the weights that matter",
    claim="Holding each weight as strongly as it matters to the old task keeps that task better than holding all "
    "weights alike.",
    source=Publication(
        authors="Kirkpatrick et al.",
        year=2017,
        title="Overcoming catastrophic forgetting in neural networks",
    ),
    experiment=f"{RUNS} EWC is given prompts of names; L2-SP holds all weights alike. Both at their usual strength.",
    parts=(
        Part(
            score=NAMES_WORDS,
            first=names("EWC", cure("ewc")),
            relation=ABOVE,
            second=names(FULL, full),
        ),
        Part(
            score=NAMES_WORDS,
            first=names("EWC", cure("ewc")),
            relation=ABOVE,
            second=names("L2-SP", cure("l2sp")),
        ),
    ),
    if_holds="Where you have some prompts of the old task, let them say which weights to hold.",
    if_not="Here the Fisher information of a few prompts does not protect the task better.",
    limits="Two penalties have no common scale of strength, so each is taken at its usual one.",
)

KL = Finding(
    name="distillation",
    title="Staying close to the old answers keeps them",
    claim="Penalising changed outputs on the old task keeps it without its training data.",
    source=Publication(authors="Li and Hoiem", year=2016, title="Learning without Forgetting"),
    experiment=f"{RUNS} A KL penalty looks at answers to some name prompts.",
    parts=(
        Part(
            score=NAMES_WORDS,
            first=names("KL to the base model", cure("kl")),
            relation=ABOVE,
            second=names(FULL, full),
        ),
        Part(
            score=GENERAL_WORDS,
            first=general("KL to the base model", cure("kl")),
            relation=ABOVE,
            second=general(FULL, full),
        ),
    ),
    if_holds="A few prompts without answers are enough to hold old behaviour.",
    if_not="Here a few prompts of one task are too few to hold it.",
    limits="Published with the outputs of the old classes on new images; here with prompts of one old task.",
)

REHEARSAL = Finding(
    name="rehearsal",
    title="A small share of rehearsal is enough",
    claim="Mixing a small share of old examples into training keeps the old task, almost as well as a large share.",
    source=Publication(
        authors="Scialom, Chakrabarty and Muresan",
        year=2022,
        title="Fine-tuned Language Models are Continual Learners",
    ),
    experiment=f"{RUNS} From one to four of each batch of 8 are training pairs of names.",
    parts=(
        Part(
            score=NAMES_WORDS,
            first=names("1 of 8", cure("rehearse", 0.125), at=0.125),
            relation=ABOVE,
            second=names("none", full, at=0.0),
        ),
        Part(
            score=NAMES_WORDS,
            first=names("1 of 8", cure("rehearse", 0.125), at=0.125),
            relation=NO_WORSE,
            second=names("4 of 8", cure("rehearse", 0.5), at=0.5),
        ),
        Part(
            score=LEARNED_WORDS,
            first=learned("1 of 8", cure("rehearse", 0.125), at=0.125),
            relation=NO_WORSE,
            second=learned("none", full, at=0.0),
        ),
    ),
    shown=(
        (NAMES_WORDS, names("2 of 8", cure("rehearse", 0.25), at=0.25)),
        (NAMES_WORDS, names("3 of 8", cure("rehearse", 0.375), at=0.375)),
        (LEARNED_WORDS, learned("2 of 8", cure("rehearse", 0.25), at=0.25)),
        (LEARNED_WORDS, learned("3 of 8", cure("rehearse", 0.375), at=0.375)),
        (LEARNED_WORDS, learned("4 of 8", cure("rehearse", 0.5), at=0.5)),
    ),
    axis="share of the batch that is rehearsal",
    if_holds="If you still have some old data, mix in a little of it: the simplest cure there is.",
    if_not="Here a small share is not enough; use more of the old data.",
    limits="Published with shares down to 1 %; a batch of 8 cannot hold less than an eighth.",
)

LAST_LAYERS = Finding(
    name="last_layers",
    title="Tuning the last quarter of the layers is enough",
    claim="Only about a quarter of the layers, the last ones, need tuning to reach most of the quality.",
    source=Publication(
        authors="Lee, Tang and Lin",
        year=2019,
        title="What Would Elsa Do? Freezing Layers During Transformer Fine-Tuning",
    ),
    experiment=f"{RUNS} The last 8 of 30 layers, beside all weights, at the same rate.",
    parts=(
        Part(
            score=LEARNED_WORDS,
            first=learned("last 8 layers", cure("top_layers", 8), at=8),
            relation=NO_WORSE,
            second=learned("last 30 layers", cure("top_layers", 30), at=30),
        ),
    ),
    shown=tuple(
        (LEARNED_WORDS, learned(f"last {n} layers", cure("top_layers", n), at=n))
        for n in (1, 2, 4, 12, 16, 24)
    ),
    axis="layers tuned, counted from the last",
    if_holds="Freeze the lower layers: less memory, less time, and less that can be lost.",
    if_not="Here the last quarter alone learns less; give it more steps or more layers.",
)

FINDINGS = (INTERFERENCE, LORA_FORGETS_LESS, L2SP, EWC, KL, REHEARSAL, LAST_LAYERS)
