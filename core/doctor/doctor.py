"""The likely causes of how a run went, the likeliest first.

    for found in diagnose(Case.of(run.config, store.events(run.id))):
        print(found.sentence, found.next.change if found.next else found.advice)

Each cause is one function of a `Case`. An empty list means that no cause here shows itself in what was
measured; it does not say that the run is good.
"""

from collections.abc import Callable

from core.doctor import answers, loss_curves, pairs
from core.doctor.case import Case
from core.doctor.diagnosis import Diagnosis, ordered

CAUSES: tuple[Callable[[Case], Diagnosis | None], ...] = (
    loss_curves.diverged,
    loss_curves.rate_too_high,
    loss_curves.rate_too_low,
    loss_curves.did_not_learn,
    loss_curves.overfits,
    loss_curves.too_few_examples,
    answers.format_only,
    answers.forgot,
    answers.answers_cut,
    answers.template_differs,
    answers.watched_template_differs,
    pairs.labels_swapped,
    pairs.labels_noisy,
    pairs.leaked_test,
    pairs.duplicates,
)


def diagnose(case: Case) -> list[Diagnosis]:
    """Every cause that shows itself, the likeliest first."""
    return ordered([found for cause in CAUSES if (found := cause(case))])
