"""Bootstrap, permutation tests, intervals and p-values, on arrays of counts of resampling units.

**The generator** is ours and counter-based, so that a number never moves with the numpy version,
the order of documents or the number of workers. A unit has a key: the first 8 bytes (little-endian)
of the sha256 of its document's id, mixed with the number of its sentence, 0 for the document as a
whole. Key, seed and stream are mixed into the state of a SplitMix64 sequence (Steele, Lea & Flood
2014); its n-th number gives two replicates their weights, 2n from the high and 2n + 1 from the low
32 bits, or 64 replicates their swaps, one a bit.

**Bootstrap.** Each unit counts as often as a Poisson(1) draw says (Hanley & MacGibbon 2006;
Chamandy et al. 2012): the number of thresholds floor(2**32 · P(X <= k)), k = 0, 1, …, that are at
or below the 32 bits. All systems and metrics get one weight a unit and replicate, so their
differences are paired. **Percentile interval** (Efron & Tibshirani 1993, section 13.3): of B
defined replicates the k-th smallest and the k-th largest, where k = floor((B + 1) · (1 - level) /
2). Where k would be 0, or more than 5 % are undefined, there is none. **BCa interval** (Efron 1987;
Efron & Tibshirani 1993, section 14.3): the same at shares that are corrected for bias (the share of
replicates below the value, half of those equal to it) and for acceleration, sum d**3 / (6 (sum
d**2)**1.5), where d is the value less that of the data without a unit. **Wilson interval** (Wilson
1927, eq. 1; Brown et al. 2001), for a share of n independent items. **Paired approximate
randomization** (Noreen 1989, chapter 2; Yeh 2000): two systems trade their counts of each unit with
probability ½; p is (1 + how often the absolute difference is at least the observed one) / (1 +
replicates), or the exact share over all 2**n trades. **Paired bootstrap p** (Efron & Tibshirani
1993, section 16.4; Berg-Kirkpatrick et al. 2012): (1 + how often the replicate's difference lies at
least as far from the observed one as that lies from 0) / (1 + replicates). **Holm** (1979):
p-values times the number of tests that are left, in ascending order, never falling. **Minimum
detectable difference**: (z(.975) + z(.8)) = 2.8 standard deviations of the paired bootstrap
difference (Cohen 1988, chapter 2).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.errors import warn_deprecated
from evalkit.scoring.columns import Ints, hash_columns, splitmix64

Floats = NDArray[np.float64]
UInt64s = NDArray[np.uint64]

GOLDEN_GAMMA = 0x9E3779B97F4A7C15
# Streams: the random numbers of one purpose are independent of those of the other.
BOOTSTRAP_STREAM, PERMUTATION_STREAM = 1, 2
# floor(2**32 · P(X <= k)) for X ~ Poisson(1) and k = 0, 1, …: beyond k = 12 it is all of 2**32.
THRESHOLDS = (
    1580030168,
    3160060337,
    3950075421,
    4213413783,
    4279248373,
    4292415291,
    4294609777,
    4294923276,
    4294962463,
    4294966817,
    4294967252,
    4294967292,
    4294967295,
)
UNITS_AT_ONCE, WORDS_AT_ONCE = 4096, 32  # drawn together: they stay in the processor's cache
EXACT_IN_FLOAT32 = 2**24  # smaller integers are exact
AMBIGUOUS = 255  # in the table of weights
SINGLE_THREAD_WORK = 3_000_000  # draws: with fewer, threads take longer than they save
MAX_UNDEFINED_SHARE = 0.05  # share of replicates
MAX_EXACT_PERMUTATIONS = 20_000  # up to so many, all are computed
DETECTABLE = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)


def resampling_keys(ids: Sequence[str], sentences: Sequence[int | None]) -> UInt64s:
    """The key of each unit: of a document, or of a sentence of it."""
    known: dict[str, int] = {}
    for id in ids:
        if id not in known:
            known[id] = int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "little")
    documents = np.fromiter((known[id] for id in ids), np.uint64, len(ids))
    return hash_columns(
        documents, np.fromiter((0 if n is None else n + 1 for n in sentences), np.uint64, len(ids))
    )


def _splitmix64_stream(states: UInt64s, first: int, n: int) -> UInt64s:
    """N numbers of each state's sequence, from the first on: n × states."""
    with np.errstate(over="ignore"):
        steps = (np.arange(first + 1, first + n + 1, dtype=np.uint64) * np.uint64(GOLDEN_GAMMA))[
            :, None
        ]
        return splitmix64(states[None, :] + steps)


def _states(keys: UInt64s, seed: int, stream: int) -> UInt64s:
    return hash_columns(
        keys, np.full(len(keys), seed % 2**64, np.uint64), np.full(len(keys), stream, np.uint64)
    )


def _table() -> NDArray[np.uint8]:
    """The weight for each value of the high 16 of 32 bits; AMBIGUOUS if the low bits decide."""
    bounds = np.array(THRESHOLDS, np.uint64)
    low = np.arange(65536, dtype=np.uint64) << np.uint64(16)
    least, most = (
        np.searchsorted(bounds, value, side="right") for value in (low, low + np.uint64(65535))
    )
    table: NDArray[np.uint8] = np.where(least == most, least, AMBIGUOUS).astype(np.uint8)
    return table


_WEIGHTS = _table()
_BOUNDS = np.array(THRESHOLDS, np.uint32)


def poisson_draws(halves: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The Poisson(1) draw of each number of 32 bits."""
    weights: NDArray[np.uint8] = _WEIGHTS[halves >> np.uint32(16)]
    for index in np.flatnonzero(weights.ravel() == AMBIGUOUS):
        weights.flat[index] = np.searchsorted(_BOUNDS, halves.flat[index], side="right")
    return weights


def poisson_weights(keys: UInt64s, seed: int, first: int, n: int) -> NDArray[np.uint8]:
    """The weights of the replicates from `first`, which is even, on: n × units."""
    words = _splitmix64_stream(_states(keys, seed, BOOTSTRAP_STREAM), first // 2, (n + 1) // 2)
    both = np.stack([(words >> np.uint64(32)).astype(np.uint32), words.astype(np.uint32)], axis=1)
    return poisson_draws(both.reshape(-1, len(keys)))[:n]


def bootstrap_totals(counts: Ints, keys: UInt64s, replicates: int, seed: int) -> Floats:
    """The totals of each bootstrap replicate: replicates × columns, of counts that are units ×
    columns, whole and not negative.
    """
    totals = np.zeros((replicates, counts.shape[1]))
    has_counts = counts.any(axis=1)
    counts, keys = counts[has_counts], keys[has_counts]
    exact = int(counts.sum(axis=0).max(initial=0)) * len(THRESHOLDS) < EXACT_IN_FLOAT32
    kind: Any = np.float32 if exact else np.float64
    with one_thread(len(keys) * replicates):
        for unit in range(0, len(keys), UNITS_AT_ONCE):
            part = slice(unit, unit + UNITS_AT_ONCE)
            counts_of_part = np.ascontiguousarray(counts[part], kind)
            for first in range(0, replicates, 2 * WORDS_AT_ONCE):
                n = min(2 * WORDS_AT_ONCE, replicates - first)
                weights = poisson_weights(keys[part], seed, first, n).astype(kind)
                totals[first : first + n] += weights @ counts_of_part
    return totals


@contextmanager
def one_thread(work: int) -> Iterator[None]:
    """Use one core for many small products, which take several times as long with threads."""
    if work < SINGLE_THREAD_WORK:
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


class Interval(NamedTuple):
    """Both ends of a confidence interval; None and the reason if there is no interval."""

    low: float | None
    high: float | None
    reason: str = ""

    @property
    def why_not(self) -> str:
        """Deprecated name of `reason`."""
        warn_deprecated("Interval.why_not is deprecated: use Interval.reason")
        return self.reason

    def __repr__(self) -> str:
        if self.low is None or self.high is None:
            return f"<Interval: none, {self.reason or 'not computed'}>"
        return f"<Interval {self.low:.3f} to {self.high:.3f}>"


NO_VARIANCE = "no variance"
UNDEFINED = f"undefined in more than {100 * MAX_UNDEFINED_SHARE:.0f} % of the replicates"
TOO_FEW_DRAWN = "too few replicates for this level"
ALL_ON_ONE_SIDE = "all replicates lie on one side"


def percentile(values: Floats, level: float) -> Interval:
    """The percentile interval of a value's replicates; NaN where one is undefined."""
    defined = np.sort(values[~np.isnan(values)])
    if len(defined) < (1 - MAX_UNDEFINED_SHARE) * len(values) or not len(defined):
        return Interval(None, None, UNDEFINED)
    if len(defined) > 1 and defined[0] == defined[-1]:
        return Interval(None, None, NO_VARIANCE)
    k = math.floor(
        (len(defined) + 1) * (1 - level) / 2 + 1e-9
    )  # 0.05 is a little more than it says in binary
    if k < 1 or 2 * k > len(defined):
        return Interval(None, None, TOO_FEW_DRAWN)
    return Interval(float(defined[k - 1]), float(defined[len(defined) - k]))


def bca(values: Floats, estimate: float, jackknife: Floats, level: float) -> Interval:
    """The BCa interval: `observed` is the value itself, `left_out` that of the data without each
    unit; NaN where one is undefined.
    """
    plain = percentile(values, level)
    if plain.low is None:
        return plain
    defined = np.sort(values[~np.isnan(values)])
    below = (
        (np.sum(defined < estimate - 1e-12) + np.sum(defined <= estimate + 1e-12))
        / 2
        / len(defined)
    )
    if not 0 < below < 1:
        return Interval(None, None, ALL_ON_ONE_SIDE)
    strays = estimate - np.where(np.isnan(jackknife), estimate, jackknife)
    spread = float(np.sum(strays**2))
    skew = float(np.sum(strays**3)) / (6 * spread**1.5) if spread else 0.0
    normal = NormalDist()
    bias = normal.inv_cdf(float(below))
    ends = []
    for share in ((1 - level) / 2, (1 + level) / 2):
        z = bias + normal.inv_cdf(share)
        if 1 - skew * z <= 0:
            return Interval(None, None, ALL_ON_ONE_SIDE)
        ends.append(normal.cdf(bias + z / (1 - skew * z)))
    low, high = (
        min(max(k, 1), len(defined))
        for k in (
            math.floor((len(defined) + 1) * ends[0] + 1e-9),
            math.ceil((len(defined) + 1) * ends[1] - 1e-9),
        )
    )
    return Interval(float(defined[low - 1]), float(defined[high - 1]))


def wilson(part: float, whole: int, level: float) -> Interval:
    """The Wilson interval of a share.

    >>> low, high, _ = wilson(8, 10, 0.95)
    >>> round(low, 4), round(high, 4)
    (0.4902, 0.9433)
    """
    if not whole:
        return Interval(None, None, "undefined")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, weight = part / whole, z * z / whole
    middle = share + weight / 2
    reach = z * math.sqrt(share * (1 - share) / whole + weight / (4 * whole))
    return Interval(
        max(0.0, (middle - reach) / (1 + weight)), min(1.0, (middle + reach) / (1 + weight))
    )


def permute_systems(
    a: Ints, b: Ints, keys: UInt64s, replicates: int, seed: int
) -> tuple[Floats, Floats, bool]:
    """The totals of two systems after their counts of some units are swapped (replicates × columns
    each), and whether these are all possible permutations.

    Units in which both have equal counts are left out: swapping them changes nothing.
    """
    differing = (a != b).any(axis=1)
    moved_by, keys = (b - a)[differing].astype(np.float64), keys[differing]
    exact = 2 ** int(differing.sum()) <= MAX_EXACT_PERMUTATIONS if differing.sum() < 64 else False
    moved = (
        _all_permutations(moved_by)
        if exact
        else _random_permutations(moved_by, keys, replicates, seed)
    )
    return a.sum(axis=0) + moved, b.sum(axis=0) - moved, exact


def _all_permutations(moved_by: Floats) -> Floats:
    n = len(moved_by)
    is_swapped = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return is_swapped.astype(np.float64) @ moved_by


def _random_permutations(moved_by: Floats, keys: UInt64s, replicates: int, seed: int) -> Floats:
    moved = np.zeros((replicates, moved_by.shape[1]))
    for unit in range(0, len(keys), UNITS_AT_ONCE):
        here = slice(unit, unit + UNITS_AT_ONCE)
        states = _states(keys[here], seed, PERMUTATION_STREAM)
        for first in range(0, replicates, 64):
            word = _splitmix64_stream(states, first // 64, 1)[0]
            n = min(64, replicates - first)
            bits = (word[None, :] >> np.arange(n, dtype=np.uint64)[:, None]) & np.uint64(1)
            moved[first : first + n] += bits.astype(np.float64) @ moved_by[here]
    return moved


def randomisation_p(differences: Floats, observed: float, *, exact: bool) -> float:
    """The share of permutations with a difference at least as large as the observed one."""
    # Differences that are equal as fractions may differ in the last bit.
    as_large = int((np.abs(np.nan_to_num(differences)) >= abs(observed) - 1e-12).sum())
    return as_large / len(differences) if exact else (1 + as_large) / (1 + len(differences))


def bootstrap_p(differences: Floats, observed: float) -> float:
    """The share of replicates at least as far from the observed difference as that is from 0."""
    defined = differences[~np.isnan(differences)]
    return (1 + int((np.abs(defined - observed) >= abs(observed) - 1e-12).sum())) / (
        1 + len(defined)
    )


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


def minimum_detectable_difference(differences: Floats) -> float:
    """The smallest true difference that would be found with power .8 at level .05."""
    return DETECTABLE * float(np.std(differences[~np.isnan(differences)]))
