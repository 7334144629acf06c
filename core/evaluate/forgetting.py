"""How much is forgotten over a sequence of tasks T₁ … Tₙ, from the matrix of scores.

R[i][j] is the score on task j after training on task i (row 0: the base model). With n tasks:

    average accuracy     A  = 1/n Σⱼ R[n][j]                          (Lopez-Paz & Ranzato 2017, eq. 2)
    backward transfer    B  = 1/(n−1) Σⱼ₍ⱼ₌₁…ₙ₋₁₎ R[n][j] − R[j][j]     (the same, eq. 3)
    forgetting           F  = 1/(n−1) Σⱼ₍ⱼ₌₁…ₙ₋₁₎ max R[l][j] − R[n][j]  over l = j…n−1
                                                                     (Chaudhry et al. 2018, section 3)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.events import Evaluation, Event, Phase


@dataclass(frozen=True, kw_only=True)
class Forgetting:
    tasks: tuple[str, ...]
    matrix: list[list[float]]
    """n + 1 rows of n scores; row 0 is the base model."""

    @property
    def average_accuracy(self) -> float:
        return sum(self.matrix[-1]) / len(self.tasks)

    @property
    def backward_transfer(self) -> float:
        """Below 0 where earlier tasks were lost; 0 for a single task."""
        earlier = range(len(self.tasks) - 1)
        changes = [self.matrix[-1][j] - self.matrix[j + 1][j] for j in earlier]
        return sum(changes) / len(changes) if changes else 0.0

    @property
    def forgetting(self) -> float:
        """The mean fall from each earlier task's best score after it was learned."""
        earlier = range(len(self.tasks) - 1)
        falls = [
            max(row[j] for row in self.matrix[j + 1 : -1]) - self.matrix[-1][j] for j in earlier
        ]
        return sum(falls) / len(falls) if falls else 0.0


def forgetting_from_events(events: Sequence[Event]) -> Forgetting | None:
    """The matrix of a finished run over a sequence of tasks; None while stages are missing."""
    phases = [e for e in events if isinstance(e, Phase)]
    tasks = tuple(phase.task for phase in phases)
    ends = [0, *[phase.last_step for phase in phases]]
    scores = {(e.step, e.task): e.score for e in events if isinstance(e, Evaluation)}
    if not tasks or any((end, task) not in scores for end in ends for task in tasks):
        return None
    return Forgetting(tasks=tasks, matrix=[[scores[end, task] for task in tasks] for end in ends])
