"""Findings about few examples: in the prompt, and to train on."""

from core.config import method_title
from core.experiments.mitigations import LEARNED
from core.experiments.prompting import SHOTS, SIZES, TUNED, tuned_config
from core.findings.arms import LEARNED_WORDS, learned
from core.findings.evidence import Arm
from core.findings.finding import Finding, Part, Publication
from core.findings.small_methods import shown_in_prompt
from core.findings.verdict import ABOVE, NO_WORSE

MOST_SHOTS = SHOTS[-1]


def on(method: str, size: int) -> Arm:
    """A method on so many training examples; 0 is all."""
    many = f"{size} examples" if size else "all examples"
    return learned(
        f"{method_title(method)} on {many}", lambda s: tuned_config(LEARNED, method, size, seed=s)
    )


TUNING_BEATS_PROMPTS = Finding(
    name="few_shot",
    title="Tuning on few examples beats showing them",
    claim="Fine-tuning on few examples generalises at least as well as showing examples in the prompt.",
    source=Publication(
        authors="Mosbach et al.",
        year=2023,
        title="Few-shot Fine-tuning vs. In-context Learning: A Fair Comparison and Evaluation",
    ),
    experiment=f"Tune on 16 reviews for 20 steps, or show {MOST_SHOTS} of them in the prompt, with 3 seeds each; score 48 "
    "reviews.",
    parts=tuple(
        Part(
            score=LEARNED_WORDS,
            first=on(method, 16),
            relation=ABOVE,
            second=shown_in_prompt(MOST_SHOTS),
        )
        for method in TUNED
    ),
    shown=tuple((LEARNED_WORDS, shown_in_prompt(n)) for n in SHOTS[1:-1]),
    if_holds="Have you a dozen labelled examples? Tune on them.",
    if_not="Here a prompt with examples does as well without any training.",
    limits="Published with the same number of examples on both sides; the prompt of this model holds fewer.",
)

LITTLE_DATA = Finding(
    name="little_data",
    title="A few dozen examples are enough",
    claim="A small number of good examples is enough to align a model; more of the same add little.",
    source=Publication(authors="Zhou et al.", year=2023, title="LIMA: Less Is More for Alignment"),
    experiment="Tune LoRA on 16, 64 or all reviews for the same 20 steps with 3 seeds; score 48 reviews.",
    parts=(
        Part(
            score=LEARNED_WORDS,
            first=on("lora", SIZES[1]),
            relation=NO_WORSE,
            second=on("lora", SIZES[-1]),
        ),
    ),
    shown=((LEARNED_WORDS, on("lora", SIZES[0])),),
    if_holds="Label a few dozen examples with care before you collect thousands.",
    if_not="Here more examples pay.",
    limits="Published on open-ended answers, judged by people. In 20 steps of 8 a run sees 160 examples at most.",
)

FINDINGS = (TUNING_BEATS_PROMPTS, LITTLE_DATA)
