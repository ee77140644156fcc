"""Batches for a device: inputs of one shape go together, and an answer never depends on what it shared a batch with."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np

from models.session import Tensor

T = TypeVar("T")
R = TypeVar("R")


def map_in_buckets(
    items: Sequence[T],
    bucket: Callable[[T], Hashable],
    infer: Callable[[Sequence[T]], Sequence[R]],
    batch_size: int,
) -> list[R]:
    """One result an item, in the order of `items`.

    Args:
        bucket: what items of one batch must have in common (the exact shape of their input).
        infer: results for at most `batch_size` items of one bucket, in their order.

    Raises:
        ValueError: `infer` gave another number of results, or `batch_size` is below 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    buckets: dict[Hashable, list[int]] = {}
    for index, item in enumerate(items):
        buckets.setdefault(bucket(item), []).append(index)
    results: dict[int, R] = {}
    for members in buckets.values():
        for start in range(0, len(members), batch_size):
            chunk = members[start : start + batch_size]
            answers = infer([items[index] for index in chunk])
            results.update(zip(chunk, answers, strict=True))
    return [results[index] for index in range(len(items))]


def stack(tensors: Sequence[Tensor], batch_size: int) -> Tensor:
    """`(batch_size, *shape)` from at most as many tensors of one shape; the rest is zeros.

    A device picks its kernels by shape, and other kernels round otherwise: with every batch of one size, a frame's
    numbers are the same alone and in company.

    Raises:
        ValueError: there is none or are too many, or their shapes differ.
    """
    if not 1 <= len(tensors) <= batch_size:
        raise ValueError(f"{len(tensors)} tensors do not fit a batch of {batch_size}")
    if any(tensor.shape != tensors[0].shape for tensor in tensors):
        raise ValueError("tensors of one batch must have one shape")
    if batch_size == 1:
        return tensors[0][np.newaxis]
    batch = np.zeros((batch_size, *tensors[0].shape), np.float32)
    for index, tensor in enumerate(tensors):
        batch[index] = tensor
    return batch
