"""Buckets: any mixture of shapes comes back complete and in order, in batches of one shape and bounded size."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.batching import map_in_buckets, stack


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(1, 5))
def test_every_item_gets_its_own_answer(kinds: list[int], batch_size: int) -> None:
    """The answer to an item stands where the item stood, whatever was batched with it."""
    items = list(enumerate(kinds))
    batches = []

    def infer(chunk: Sequence[tuple[int, int]]) -> list[str]:
        batches.append(chunk)
        return [f"{index}/{kind}" for index, kind in chunk]

    answers = map_in_buckets(items, lambda item: item[1], infer, batch_size)
    assert answers == [f"{index}/{kind}" for index, kind in items]
    assert all(1 <= len(batch) <= batch_size and len({kind for _, kind in batch}) == 1 for batch in batches)
    assert len(batches) == sum(-(-kinds.count(kind) // batch_size) for kind in set(kinds))


@pytest.mark.parametrize("answers", [[], [1, 2, 3]])
def test_a_wrong_count_is_an_error(answers: list[int]) -> None:
    """Answers that do not match the items are not handed out."""
    with pytest.raises(ValueError, match="zip"):
        map_in_buckets([1, 2], lambda _: 0, lambda _: answers, 2)


def test_an_empty_batch_size_is_an_error() -> None:
    """A batch holds at least one."""
    with pytest.raises(ValueError, match="batch_size"):
        map_in_buckets([1], lambda _: 0, lambda chunk: chunk, 0)


@given(st.integers(1, 4), st.integers(1, 6))
def test_a_batch_is_filled_up_with_zeros(count: int, batch_size: int) -> None:
    """The shape does not depend on how many there are."""
    tensors = [np.full((3, 2, 2), index + 1, np.float32) for index in range(count)]
    if count > batch_size:
        with pytest.raises(ValueError, match="do not fit"):
            stack(tensors, batch_size)
        return
    batch = stack(tensors, batch_size)
    assert batch.shape == (batch_size, 3, 2, 2)
    assert all((batch[index] == index + 1).all() for index in range(count))
    assert not batch[count:].any()


def test_different_shapes_are_refused() -> None:
    """NumPy would stretch one to the other."""
    with pytest.raises(ValueError, match="one shape"):
        stack([np.zeros((3, 2, 2), np.float32), np.zeros((3, 1, 2), np.float32)], 2)
