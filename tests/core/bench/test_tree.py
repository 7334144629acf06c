"""The drawn tree is the tree that training computes."""

from hypothesis import given
from hypothesis import strategies as st

from core.bench.tree import count, fed, grow
from core.data.encode import Encoded
from core.models.trie import build

IDS = st.lists(st.integers(0, 2), min_size=1, max_size=5)
PAIRS = st.lists(st.builds(Encoded, IDS, IDS), min_size=1, max_size=6)


@given(PAIRS)
def test_counts_are_those_of_the_training_batch(batch: list[Encoded]) -> None:
    trained, found = build(batch), count(batch)
    assert found.nodes == len(trained.token_ids)
    assert found.attended == int(trained.attends.sum())
    assert found.predicting == len(set(trained.predict_at.tolist()))
    assert found.padded == trained.n_tokens_padded
    assert found.tokens == trained.n_tokens


@given(PAIRS)
def test_every_example_can_be_read_along_its_segments(batch: list[Encoded]) -> None:
    segments = [s for root in grow([fed(pair) for pair in batch]) for s in root.walk()]
    for number, pair in enumerate(batch):
        path = [s for s in segments if number in s.examples]
        assert [i for s in path for i in s.ids] == fed(pair)
        assert [s.start for s in path] == sorted(s.start for s in path)


def test_a_fork_is_where_examples_part() -> None:
    (root,) = grow([[1, 2, 3], [1, 2, 4, 5], [1, 2, 4, 6]])
    assert (root.ids, root.examples) == ([1, 2], [0, 1, 2])
    assert [child.ids for child in root.children] == [[3], [4]]
    assert [child.ids for child in root.children[1].children] == [[5], [6]]
