"""What neither examples nor tuning on a task can bring: facts that stand in no example.

The same question is asked in several ways; only the one that has the fact in its text can be expected
to answer it.
"""

from dataclasses import dataclass

from core.data.examples import Example, task_examples
from core.data.shots import chat_with_shots
from core.data.tokenizer import ChatTokenizer
from core.evaluate.answers import contains

N_SHOTS = 4
ANSWER_TOKENS = 30
PLAIN, SHOWN, TUNED, GIVEN = "plain", "shown", "tuned", "given"
"""Asked plainly; after solved questions; a tuned model; with the fact in the prompt."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    kind: str
    question: str
    answer: str
    """Stands in a right answer as whole words."""
    given: str
    """A sentence that says it."""


FACTS = (
    Fact(
        kind="Known to few",  # invented, so that no text the model read can hold it
        question="Who runs the bakery on Weir Lane in Tolbury?",
        answer="Odile Marsh",
        given="Odile Marsh runs the bakery on Weir Lane in Tolbury.",
    ),
    Fact(
        kind="Changes every day",
        question="How many tickets are left for the boat trip on Saturday?",
        answer="17",
        given="For the boat trip on Saturday, 17 tickets are left.",
    ),
    Fact(
        kind="Needs calculating",
        question="What is 48 times 27?",
        answer="1296",
        given="A calculator says: 48 times 27 is 1296.",
    ),
)


def texts(question: str, given: str, tokenizer: ChatTokenizer) -> dict[str, str]:
    """What the model reads, chat template and all: the question in each of the ways to ask it."""
    plain = Example(prompt=question, completion="")
    told = Example(prompt=f"{given}\n\n{question}", completion="")
    shots = task_examples("general", "test")[:N_SHOTS]
    asked = chat_with_shots(plain, [], tokenizer)
    return {
        PLAIN: asked,
        SHOWN: chat_with_shots(plain, shots, tokenizer),
        TUNED: asked,
        GIVEN: chat_with_shots(told, [], tokenizer),
    }


def is_right(answer: str, wanted: str) -> bool:
    """`wanted` stands in the answer as whole words; commas in numbers do not count."""
    return contains(wanted.replace(",", ""), answer.replace(",", ""))
