"""What comes with the app recorded: enough runs, each once, with seeds where methods are compared."""

from collections import Counter

from core import catalog
from core.config import METHODS
from core.experiments.base_requests import base_requests
from core.experiments.collections import SEEDS, wanted
from core.experiments.mitigations import MITIGATIONS, mitigation_of
from core.experiments.run_requests import DRAWN_RANKS, ask_matrices
from core.runs.messages import LookAtMatrices, LookAtSpectrum, Measure, Merge

BY_NAME = {one.name: one.configs for one in wanted()}
ALL = [config for one in wanted() for config in one.configs]


def test_there_are_enough_runs_and_each_stands_in_one_collection() -> None:
    assert len(ALL) >= 250
    twice = [n for n in Counter(config.hash for config in ALL).values() if n > 1]
    assert twice == []
    assert {config.model for config in ALL} == {catalog.DEFAULT_MODEL}
    assert {config.dtype for config in ALL} == {"auto"}


def test_every_method_and_every_stop_of_every_cure_has_all_seeds() -> None:
    usual = Counter(c.method.name for c in BY_NAME["methods"][: len(METHODS) * len(SEEDS)])
    assert usual == dict.fromkeys(METHODS, len(SEEDS))
    knobs = Counter(mitigation_of(c) for c in BY_NAME["mitigations"])
    stops = {(cure.id, value) for cure in MITIGATIONS.values() for value in cure.values}
    assert knobs == dict.fromkeys(stops, len(SEEDS))


def test_a_lora_of_one_seed_is_looked_into_and_full_fine_tuning_beside_it() -> None:
    asked = {c.method.rank: ask_matrices(c, "x") for c in BY_NAME["ranks"][1:9]}
    assert list(asked) == [1, 2, 4, 8, 16, 32, 64, 128]
    for rank, requests in asked.items():
        kinds = Counter(map(type, requests))
        n_drawn = 4 if rank in DRAWN_RANKS else 0
        assert kinds[LookAtMatrices] == n_drawn  # 2 layers, 2 modules
        assert kinds == Counter({LookAtSpectrum: 8, LookAtMatrices: n_drawn, Merge: 1})
    last = asked[8][-2]
    assert isinstance(last, LookAtMatrices)
    assert last.layer == 29
    full = BY_NAME["ranks"][0]
    assert full.method.name == "full"
    assert Counter(map(type, ask_matrices(full, "x"))) == {LookAtSpectrum: 8}
    assert not any(ask_matrices(c, "x") for c in BY_NAME["ranks"] if c.seed)


def test_what_the_base_model_is_asked_needs_no_run() -> None:
    requests = base_requests()
    assert len({str(request) for request in requests}) == len(requests) > 15
    assert not any(getattr(request, "run", "") for request in requests)
    assert (
        Counter(map(type, requests))[Measure] == 1 + 4 * 3 + 2 * 3
    )  # shots 0 … 8; two as one text
