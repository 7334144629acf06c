"""Questions with a few answers to choose from; every answer is explained, also the wrong ones."""

from dataclasses import dataclass
from hashlib import sha256

from core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Answer:
    text: str
    explained: str
    """Why it is right, or what is wrong with it."""
    right: bool = False


@dataclass(frozen=True, kw_only=True)
class Question:
    id: str
    ask: str
    answers: tuple[Answer, ...]

    def __post_init__(self) -> None:
        if sum(answer.right for answer in self.answers) != 1:
            raise UserError(f"The question {self.id} must have exactly one right answer.")
        if len(self.answers) < 3:
            raise UserError(f"The question {self.id} must have three answers or more.")
        if not all(answer.explained.strip() and answer.text.strip() for answer in self.answers):
            raise UserError(f"The question {self.id} must explain each of its answers.")
        if len({answer.text for answer in self.answers}) < len(self.answers):
            raise UserError(f"The question {self.id} has two equal answers.")

    @property
    def right(self) -> Answer:
        return next(answer for answer in self.answers if answer.right)

    @property
    def mixed(self) -> list[Answer]:
        """In the order they are shown: the same each time, and the right one anywhere."""
        return sorted(self.answers, key=lambda a: sha256(f"{self.id} {a.text}".encode()).digest())

    @property
    def choices(self) -> list[str]:
        """The answers, mixed."""
        return [answer.text for answer in self.mixed]

    @property
    def texts(self) -> list[str]:
        """All its prose."""
        return [self.ask, *(part for a in self.answers for part in (a.text, a.explained))]


@dataclass(frozen=True, kw_only=True)
class Why:
    """What is asked after a prediction was compared with what came."""

    ask: str
    answers: tuple[Answer, ...]

    def question(self, prediction: str) -> Question:
        """As the question of a prediction. `UserError` as for any question."""
        return Question(id=f"{prediction}_why", ask=self.ask, answers=self.answers)
