"""Resampling once more, in plain Python: the generator with whole numbers, the intervals with
loops.

Nothing here comes from the library.
"""

import hashlib
import math
from statistics import NormalDist

WORD = 2**64
GOLDEN = 0x9E3779B97F4A7C15


def mix(value):
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) % WORD
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) % WORD
    return value ^ (value >> 31)


def mixed(*values):
    found = 0
    for n, value in enumerate(values, start=1):
        found = mix((found + value + GOLDEN * n) % WORD)
    return found


def key(document, sentence):
    first = int.from_bytes(hashlib.sha256(document.encode()).digest()[:8], "little")
    return mixed(first, 0 if sentence is None else sentence + 1)


def number(unit, seed, stream, nth):
    return mix((mixed(unit, seed, stream) + GOLDEN * (nth + 1)) % WORD)


def weight(unit, seed, replicate):
    word = number(unit, seed, 1, replicate // 2)
    half = word >> 32 if replicate % 2 == 0 else word % 2**32
    below, term, k = 0.0, math.exp(-1), 0
    while True:
        below += term
        if half < math.floor(2**32 * below) or k > 20:
            return k
        k += 1
        term /= k


def traded(unit, seed, replicate):
    return number(unit, seed, 2, replicate // 64) >> (replicate % 64) & 1


def percentile(values, level):
    ordered = sorted(value for value in values if value is not None)
    k = max(1, math.floor((len(ordered) + 1) * (1 - level) / 2 + 1e-9))
    return ordered[k - 1], ordered[-k]


def bca(values, observed, left_out, level):
    ordered = sorted(value for value in values if value is not None)
    below = sum(
        1.0 if value < observed - 1e-12 else 0.5 if value <= observed + 1e-12 else 0.0
        for value in ordered
    ) / len(ordered)
    strays = [observed - value for value in left_out if value is not None]
    skew = sum(d**3 for d in strays) / (6 * sum(d**2 for d in strays) ** 1.5)
    normal = NormalDist()
    shares = []
    for share in ((1 - level) / 2, (1 + level) / 2):
        z = normal.inv_cdf(below) + normal.inv_cdf(share)
        shares.append(normal.cdf(normal.inv_cdf(below) + z / (1 - skew * z)))
    low = math.floor((len(ordered) + 1) * shares[0] + 1e-9)
    high = math.ceil((len(ordered) + 1) * shares[1] - 1e-9)
    return ordered[min(max(low, 1), len(ordered)) - 1], ordered[min(max(high, 1), len(ordered)) - 1]


def f1(gold, predicted, tp):
    return 2 * tp / (gold + predicted) if gold + predicted else None
