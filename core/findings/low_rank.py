"""Findings about LoRA: its rank, its rate, what it changes, and how few parameters it takes."""

from core.config import METHODS, MethodConfig, RunConfig, default_learning_rate
from core.experiments.collapse import collapse
from core.experiments.collections import FULL_RATES, LORA_RATES, TARGETS
from core.experiments.methods import usual_config
from core.experiments.mitigations import LEARNED
from core.experiments.ranks import full_config, rank_config
from core.experiments.sweep import RANKS
from core.findings.arms import LEARNED_WORDS, arm, learned
from core.findings.evidence import Arm, BestOf
from core.findings.finding import Finding, Part, Publication
from core.findings.verdict import ABOVE, EQUAL, NO_WORSE
from core.runs.names import decimals

SMALL, LARGE = 4, 128
"""Ranks."""
LOW_RATE = 1e-4
PARAMETERS = "parameters trained"
FEW_PARAMETERS = ("layernorm", "ia3", "lora")
"""Methods that train less than half a percent of the model."""
RUNS = "Tune on reviews for 20 steps with 3 seeds; score 48 reviews."
WITHOUT_REGRET = Publication(
    authors="Schulman and Thinking Machines Lab", year=2025, title="LoRA Without Regret"
)


def of_method(method: MethodConfig, seed: int) -> RunConfig:
    """A run of the LoRA lesson at the method's own rate."""
    return rank_config(method, rate=default_learning_rate(method.name), seed=seed)


def of_rank(rank: int) -> Arm:
    return learned(f"rank {rank}", lambda s: of_method(MethodConfig(rank=rank), s), at=rank)


def of_full(title: str = "full fine-tuning") -> Arm:
    return learned(title, lambda s: full_config(of_method(MethodConfig(), s)))


def of_rate(method: str, rate: float) -> Arm:
    return learned(decimals(rate), lambda s: collapse(method=method, rate=rate, seed=s), at=rate)


def of_targets(title: str, roles: tuple[str, ...]) -> Arm:
    return learned(title, lambda s: of_method(MethodConfig(target_modules=roles), s))


def by_parameters(method: str, title: str = "") -> Arm:
    """A method at its usual size, placed by the number of parameters it trains."""
    return arm(
        title or METHODS[method].title,
        lambda s: usual_config(method, seed=s),
        LEARNED,
        by_parameters=True,
    )


SMALL_RANK = Finding(
    name="small_rank",
    title="A small rank is enough",
    claim="LoRA with a very small rank does as well as with a large one.",
    source=Publication(
        authors="Hu et al.", year=2021, title="LoRA: Low-Rank Adaptation of Large Language Models"
    ),
    experiment=f"{RUNS} LoRA with ranks from 1 to {LARGE}, the same rate and alpha.",
    parts=(
        Part(
            score=LEARNED_WORDS,
            first=of_rank(SMALL),
            relation=NO_WORSE,
            second=of_rank(LARGE),
        ),
        Part(score=LEARNED_WORDS, first=of_rank(1), relation=NO_WORSE, second=of_rank(LARGE)),
    ),
    shown=tuple((LEARNED_WORDS, of_rank(rank)) for rank in RANKS),
    axis="rank",
    if_holds="Start with a small rank: the adapter is smaller, and you lose nothing on a task like this.",
    if_not="Here a larger rank pays; look at the rate, too, before you raise the rank.",
    limits="Alpha stays at 16, so the update is scaled by 16 / rank: a large rank is also scaled down.",
)

OWN_RATE = Finding(
    name="lora_at_its_rate",
    title="LoRA at its own best rate equals full fine-tuning",
    claim="With its learning rate tuned, LoRA learns a task as well as full fine-tuning.",
    source=WITHOUT_REGRET,
    experiment=f"{RUNS} {len(LORA_RATES)} rates of LoRA and {len(FULL_RATES)} of full fine-tuning; the best of each.",
    parts=(
        Part(
            score=LEARNED_WORDS,
            first=BestOf(title="LoRA", arms=tuple(of_rate("lora", r) for r in LORA_RATES)),
            relation=EQUAL,
            second=BestOf(
                title="full fine-tuning", arms=tuple(of_rate("full", r) for r in sorted(FULL_RATES))
            ),
        ),
    ),
    shown=(
        *((f"LoRA: {LEARNED_WORDS}", of_rate("lora", rate)) for rate in LORA_RATES),
        *((f"full: {LEARNED_WORDS}", of_rate("full", rate)) for rate in sorted(FULL_RATES)),
    ),
    axis="learning rate",
    if_holds="Before you decide that LoRA is worse, try a higher rate for it.",
    if_not="Here the two differ even at their best rates.",
    limits="Each best rate is chosen on the examples it is scored on, which flatters both sides alike.",
)

HIGHER_RATE = Finding(
    name="lora_wants_a_higher_rate",
    title="LoRA wants about ten times the rate",
    claim="The best learning rate of LoRA is about ten times that of full fine-tuning.",
    source=WITHOUT_REGRET,
    experiment=f"{RUNS} Both methods at {decimals(LOW_RATE)}, and LoRA at ten times that.",
    parts=(
        Part(
            score=LEARNED_WORDS,
            first=learned(
                f"full fine-tuning at {decimals(LOW_RATE)}",
                lambda s: collapse(rate=LOW_RATE, seed=s),
            ),
            relation=ABOVE,
            second=learned(
                f"LoRA at {decimals(LOW_RATE)}",
                lambda s: collapse(method="lora", rate=LOW_RATE, seed=s),
            ),
        ),
        Part(
            score=LEARNED_WORDS,
            first=learned(
                f"LoRA at {decimals(10 * LOW_RATE)}",
                lambda s: collapse(method="lora", rate=10 * LOW_RATE, seed=s),
            ),
            relation=NO_WORSE,
            second=learned(
                f"full fine-tuning at {decimals(LOW_RATE)}",
                lambda s: collapse(rate=LOW_RATE, seed=s),
            ),
        ),
    ),
    if_holds="Do not carry a rate over from full fine-tuning to LoRA: multiply it by ten.",
    if_not="Here both methods do well at the same rate.",
)

DORA = Finding(
    name="dora",
    title="DoRA learns more than LoRA",
    claim="Splitting a weight into size and direction lets a low-rank update learn better at the same rank.",
    source=Publication(
        authors="Liu et al.", year=2024, title="DoRA: Weight-Decomposed Low-Rank Adaptation"
    ),
    experiment=f"{RUNS} Both at rank 8 and their usual rate.",
    parts=(
        Part(
            score=LEARNED_WORDS,
            first=learned("DoRA", lambda s: of_method(MethodConfig(name="dora"), s)),
            relation=ABOVE,
            second=learned("LoRA", lambda s: of_method(MethodConfig(), s)),
        ),
    ),
    if_holds="DoRA is worth its extra time per step.",
    if_not="On a task this easy LoRA is as good, and takes less time per step.",
    limits="Published on larger models and harder tasks, by a few points: less than 48 examples can show.",
)

ALL_LAYERS = Finding(
    name="all_matrices",
    title="LoRA on all matrices matches full fine-tuning",
    claim="To match full fine-tuning, LoRA has to change all linear layers and not only query and value.",
    source=Publication(
        authors="Dettmers et al.", year=2023, title="QLoRA: Efficient Finetuning of Quantized LLMs"
    ),
    experiment=f"{RUNS} LoRA of rank 8 on query and value, and on all seven matrices of every layer.",
    parts=(
        Part(
            score=LEARNED_WORDS,
            first=of_targets("all matrices", TARGETS[-1]),
            relation=ABOVE,
            second=of_targets("query and value", MethodConfig().target_modules),
        ),
        Part(
            score=LEARNED_WORDS,
            first=of_targets("all matrices", TARGETS[-1]),
            relation=NO_WORSE,
            second=of_full(),
        ),
    ),
    shown=(
        (LEARNED_WORDS, of_targets("all of attention", TARGETS[7])),
        (LEARNED_WORDS, of_targets("all of the MLP", TARGETS[8])),
    ),
    if_holds="If LoRA falls short, widen its targets before you raise its rank.",
    if_not="For a task like this, query and value are enough.",
)

INTRINSIC = Finding(
    name="intrinsic_dimension",
    title="Few parameters are enough",
    claim="A pretrained model can be tuned within a very small number of dimensions and still do almost as well.",
    source=Publication(
        authors="Aghajanyan, Gupta and Zettlemoyer",
        year=2021,
        title="Intrinsic Dimensionality Explains the Effectiveness of Language Model Fine-Tuning",
    ),
    experiment=f"{RUNS} All methods at their own rates, by the number of parameters they train.",
    parts=tuple(
        Part(
            score=LEARNED_WORDS,
            first=by_parameters(method),
            relation=NO_WORSE,
            second=by_parameters("full"),
        )
        for method in FEW_PARAMETERS
    ),
    shown=tuple(
        (LEARNED_WORDS, by_parameters(method))
        for method in METHODS
        if method not in (*FEW_PARAMETERS, "full")
    ),
    axis=PARAMETERS,
    if_holds="Judge a method by its score and not by how many parameters it trains.",
    if_not="Here training fewer parameters costs quality.",
    limits="What is measured here is the score against the number of trained parameters. The intrinsic dimension "
    "itself, found by tuning within random subspaces, is not.",
)

FINDINGS = (SMALL_RANK, OWN_RATE, HIGHER_RATE, DORA, ALL_LAYERS, INTRINSIC)
