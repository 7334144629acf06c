"""The queue of a class: round robin over learners, small before large, and one run for identical settings."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.config import OptimizerConfig, RunConfig
from core.runs.event_cache import EventCache
from core.runs.forecast import Forecast
from core.runs.rights import store_for
from core.runs.states import RunStatus
from core.runs.store import RunStore, RunSummary
from core.visitor import OWNER, Visitor
from tests.core.runs.processes import output_of, spawn
from tests.core.runs.runs_in_states import ME

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def store() -> RunStore:
    return RunStore()


def learner(name: str) -> Visitor:
    return Visitor(f"space-of-{name}", "learner", "7a", name)


def long(n_steps: int, seed: int = 0) -> RunConfig:
    return RunConfig(optimizer=OptimizerConfig(steps=n_steps), seed=seed)


def taken(store: RunStore) -> list[tuple[int, int]]:
    """Steps and seed of all that waits, as it is taken and carried out."""
    found: list[tuple[int, int]] = []
    while run := store.claim(worker=ME):
        found.append((run.config.optimizer.steps, run.config.seed))
        store.finish(run.id, RunSummary())
    return found


def test_who_queues_many_lets_the_others_in_between(store: RunStore) -> None:
    greedy, modest = store_for(learner("greedy"), store), store_for(learner("modest"), store)
    for seed in (1, 2, 3):
        greedy.submit(long(20, seed))
    modest.submit(long(200, 4))
    store_for(learner("late"), store).submit(long(20, 5))
    assert taken(store) == [(20, 1), (20, 5), (200, 4), (20, 2), (20, 3)]


def test_nobody_catches_up_on_turns_that_went_by(store: RunStore) -> None:
    busy = store_for(learner("busy"), store)
    for seed in range(4):
        busy.submit(long(20, seed))
    for _ in range(3):
        run = store.claim(worker=ME)
        assert run
        store.finish(run.id, RunSummary())
    late = store_for(learner("late"), store)
    for seed in (10, 11, 12):
        late.submit(long(20, seed))
    assert taken(store) == [(20, 3), (20, 10), (20, 11), (20, 12)]


def test_small_comes_before_large_in_a_turn_and_among_one_s_own(store: RunStore) -> None:
    for n, steps in enumerate((100, 10, 50)):
        mine = store_for(learner(str(n)), store)
        mine.submit(long(steps + 5, n))
        mine.submit(long(steps, n))
    assert taken(store) == [(10, 1), (50, 2), (100, 0), (15, 1), (55, 2), (105, 0)]


def test_the_owner_s_runs_stay_in_their_order(store: RunStore) -> None:
    for steps in (100, 10, 50):
        store.submit(long(steps))
    store_for(learner("anna"), store).submit(long(20, 1))
    assert taken(store) == [(20, 1), (100, 0), (10, 0), (50, 0)]


@pytest.mark.thorough
def test_whatever_is_queued_nobody_waits_more_than_a_turn_of_all(store: RunStore) -> None:
    """For any mix: between two runs of one learner, each who waits has at most one taken before theirs."""
    chance = random.Random(7)
    spaces = {str(n): learner(str(n)) for n in range(5)}
    whose: dict[str, str] = {}
    for seed in range(24):
        name = chance.choice([*spaces, *["0"] * 5])
        run = store.submit(long(chance.randrange(5, 90), seed), visitor=spaces[name])
        whose[run.id] = name
    left = Counter(whose.values())
    since = dict.fromkeys(spaces, 0)
    order: list[str] = []
    while run := store.claim(worker=ME):
        name = whose[run.id]
        order.append(name)
        left[name] -= 1
        since[name] = 0
        for other in spaces:
            if other != name and left[other]:
                since[other] += 1
                assert since[other] <= 2 * len(spaces), order
    assert Counter(order) == Counter(whose.values())
    first_round = order[: len(set(whose.values()))]
    assert len(set(first_round)) == len(first_round)  # each once before anyone twice


def test_who_joins_a_waiting_run_brings_it_forward(store: RunStore) -> None:
    many = store_for(learner("many"), store)
    for seed in range(4):
        many.submit(long(20, seed))
    other = store_for(learner("other"), store)
    joined = other.submit(long(20, 3))
    assert store.queue_position(joined.id) == 2
    assert other.queue_position(joined.id) == 2
    assert taken(store) == [(20, 0), (20, 3), (20, 1), (20, 2)]


def test_place_and_time_are_told_without_whose_runs_they_are(store: RunStore) -> None:
    forecast = Forecast(store, EventCache(store))
    done = store.start(long(20), worker=ME)
    store.finish(done.id, RunSummary(steps=20, train_s=10.0, elapsed_s=10.0))
    first = store.submit(long(40, 1), visitor=learner("a"))
    second = store.submit(long(40, 2), visitor=learner("b"))
    third = store.submit(long(80, 3), visitor=learner("a"))
    assert [run.id for run in store.active()] == [first.id, second.id, third.id]
    assert [forecast.ahead(run.id).n_runs for run in (first, second, third)] == [0, 1, 2]
    found = forecast.ahead(third.id)
    assert found.seconds == pytest.approx(40.0, rel=0.1)
    assert forecast.expected_s(long(80)) == pytest.approx(40.0, rel=0.1)
    assert forecast.ahead_of_new(learner("c")).n_runs == 2  # third comes in a later turn
    assert forecast.ahead_of_new(learner("a")).n_runs == 3
    assert store.n_active() == store_for(learner("c"), store).n_active() == 3


# The same settings at the same moment


@pytest.mark.thorough
def test_threads_of_learners_that_press_at_once_get_one_run(store: RunStore) -> None:
    def press(n: int) -> str:
        return store_for(learner(str(n)), RunStore()).submit(RunConfig(seed=n % 2)).id

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(press, range(16)))
    assert len(set(ids)) == len(store.runs()) == 2
    assert Counter(h.run_id for h in store.holdings()) == Counter(ids)


@pytest.mark.thorough
def test_processes_that_press_stop_and_delete_at_once_lose_nothing(store: RunStore) -> None:
    """Four learners in processes of their own press, stop and delete the same settings over and over. At the end no
    run is without a holder, none is held by who let go of it, and what waits was not computed twice at a time."""
    code = (
        "from core.runs.rights import store_for\n"
        "from core.visitor import Visitor\n"
        "from core.errors import UserError\n"
        "mine = store_for(Visitor('space-%d', 'learner', '7a'), store)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "for n in range(12):\n"
        "    run = mine.submit(RunConfig())\n"
        "    assert mine.get(run.id).id == run.id\n"
        "    active = [r for r in store.active() if not r.stop_requested]\n"
        "    assert len(active) <= 1, active\n"
        "    if n < 11:\n"
        "        mine.request_stop(run.id)\n"
        "        for over in mine.runs():\n"
        "            if over.status.is_over: mine.delete(over.id)\n"
        "print(run.id)\n"
    )
    processes = [spawn(code % n) for n in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    last = [output_of(process)[0] for process in processes]
    (run,) = store.active()
    assert set(last) == {run.id}
    assert {h.space for h in store.holdings() if h.run_id == run.id} == {
        f"space-{n}" for n in range(4)
    }
    held = {h.run_id for h in store.holdings()}
    assert {r.id for r in store.runs()} == held


def test_who_joins_while_it_is_computed_sees_its_curves_at_once(store: RunStore) -> None:
    from tests.events import step

    store_for(learner("a"), store).submit(RunConfig())
    run = store.claim(worker=ME)
    assert run
    store.append(run.id, step(1))
    joiner = store_for(learner("b"), store)
    joined = joiner.submit(RunConfig())
    assert (joined.id, joined.status) == (run.id, RunStatus.RUNNING)
    assert joiner.events(run.id) == [step(1)]
    assert store_for(OWNER, store).submit(RunConfig()).id == run.id
