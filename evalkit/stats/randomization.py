"""Paired permutation tests of two systems, and Holm's correction for several tests.

**Permutation test** (paired approximate randomization: Noreen 1989, chapter 2; Yeh 2000). Two
systems swap their counts of each unit with probability ½. If there are at most 20,000 swaps of the
units in which they differ, all are computed, and p is the share of swaps whose absolute difference
is at least the observed one. Otherwise swaps are drawn, and p is (1 + number at least as large) /
(1 + number drawn). **Holm** (1979): p-values times the number of tests that are left, in ascending
order, never falling.

**The generator** is counter-based, so that no version of numpy, order of documents or number of
workers changes a number. A unit has a key: the first 8 bytes (little-endian) of the sha256 of its
document's id, mixed with the number of its sentence, 0 for the document as a whole. Key, seed and
stream are mixed into the state of a SplitMix64 sequence (Steele, Lea & Flood 2014); its n-th number
decides 64 swaps, one a bit, from the lowest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evalkit.scoring.columns import Ints, hash_columns, splitmix64
from evalkit.stats.ratio_intervals import Floats

UInt64s = NDArray[np.uint64]

GOLDEN_GAMMA = 0x9E3779B97F4A7C15
PERMUTATION_STREAM = 2  # of the random numbers: those of another purpose are independent
EXACT_IN_FLOAT32 = 2.0**24  # smaller whole numbers are exact
UNITS_AT_ONCE = 4096  # drawn together: they stay in the processor's cache
MAX_EXACT_PERMUTATIONS = 20_000  # up to so many, all are computed


def unit_keys(ids: Sequence[str], sentences: Sequence[int | None]) -> UInt64s:
    """The key of each unit: of a document, or of a sentence of it."""
    known: dict[str, int] = {}
    for id in ids:
        if id not in known:
            known[id] = int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "little")
    documents = np.fromiter((known[id] for id in ids), np.uint64, len(ids))
    return hash_columns(
        documents, np.fromiter((0 if n is None else n + 1 for n in sentences), np.uint64, len(ids))
    )


def draw_words(states: UInt64s, n: int) -> UInt64s:
    """The n-th 64 random bits of each state."""
    step = np.uint64((n + 1) * GOLDEN_GAMMA % 2**64)
    with np.errstate(over="ignore"):
        return splitmix64(states + step)


def seed_states(keys: UInt64s, seed: int, stream: int) -> UInt64s:
    """The state of the sequence of each unit, for a seed and a purpose (stream)."""
    return hash_columns(
        keys, np.full(len(keys), seed % 2**64, np.uint64), np.full(len(keys), stream, np.uint64)
    )


def permute_systems(
    a: Ints, b: Ints, keys: UInt64s, replicates: int, seed: int
) -> tuple[Floats, Floats, bool]:
    """The totals of two systems after their counts of some units are swapped (replicates × labels ×
    4), and whether these are all possible permutations. a, b: units × labels × 4.

    Units in which both have equal counts are left out: swapping them changes nothing.
    """
    shape = a.shape[1:]
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    differing = (a != b).any(axis=1)
    moved_by, keys = (b - a)[differing].astype(np.float64), keys[differing]
    exact = 2 ** len(keys) <= MAX_EXACT_PERMUTATIONS
    if exact:
        moved = _all_permutations(moved_by)
    else:
        moved = _random_permutations(moved_by, keys, replicates, seed)
    swapped_a, swapped_b = a.sum(axis=0) + moved, b.sum(axis=0) - moved
    return swapped_a.reshape(-1, *shape), swapped_b.reshape(-1, *shape), exact


def _all_permutations(moved_by: Floats) -> Floats:
    n = len(moved_by)
    is_swapped = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return is_swapped.astype(np.float64) @ moved_by


def _random_permutations(moved_by: Floats, keys: UInt64s, replicates: int, seed: int) -> Floats:
    from threadpoolctl import threadpool_limits

    moved = np.zeros((replicates, moved_by.shape[1]))
    # The matrices are so small that threads would spend more time waiting than computing.
    with threadpool_limits(1, "blas"):
        for unit in range(0, len(keys), UNITS_AT_ONCE):
            here = slice(unit, unit + UNITS_AT_ONCE)
            states = seed_states(keys[here], seed, PERMUTATION_STREAM)
            changes = moved_by[here]
            if np.abs(changes).sum(axis=0).max() < EXACT_IN_FLOAT32:
                changes = changes.astype(np.float32)  # in half the time
            for first in range(0, replicates, 64):
                words = draw_words(states, first // 64).astype("<u8")
                n = min(64, replicates - first)
                bits = np.unpackbits(
                    words.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little"
                )[:, :n]
                moved[first : first + n] += bits.astype(changes.dtype).T @ changes
    return moved


def permutation_p(differences: Floats, observed: float, *, exact: bool) -> float:
    """The share of permutations with a difference at least as large as the observed one."""
    # Differences that are equal as fractions may differ in the last bit.
    as_large = int((np.abs(np.nan_to_num(differences)) >= abs(observed) - 1e-12).sum())
    return as_large / len(differences) if exact else (1 + as_large) / (1 + len(differences))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, corrected for multiple tests by Holm's method.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for n, index in enumerate(order):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - n)))
        corrected[index] = largest
    return corrected


def differing_units_needed(tests: int, alpha: float) -> int:
    """How many units must differ so that the smallest possible p, 2^-(units - 1), is at most alpha
    after Holm's correction for so many tests.

    >>> [differing_units_needed(m, 0.05) for m in (1, 2, 3, 5, 10, 20)]
    [6, 7, 7, 8, 9, 10]
    """
    units = 1
    while 2.0 ** -(units - 1) > alpha / tests:
        units += 1
    return units
