"""How a chosen learning rate is compared with the usual one."""

import pytest

from pages.shared.settings import beside_usual


@pytest.mark.parametrize(
    ("rate", "usual", "said"),
    [
        (1e-3, 1e-3, "The usual rate here for this method."),
        (1e-2, 1e-5, "1,000 times the usual 0.00001."),
        (1e-5, 1e-2, "1,000 times smaller than the usual 0.01."),
        (5e-3, 1.5e-5, "333 times the usual 0.000015."),
        (2e-3, 1e-3, "2 times the usual 0.001."),
        (5e-4, 3e-4, "1.67 times the usual 0.0003."),
    ],
)
def test_times_are_plain_decimals(rate: float, usual: float, said: str) -> None:
    assert beside_usual(rate, usual) == said
