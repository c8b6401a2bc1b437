"""γ: agreement of two annotators about the place and the label of units at once, also where units
overlap or are nested (Mathet, Widlöcher & Métivier 2015).

    d(u, v) = ((|s_u - s_v| + |e_u - e_v|) / (|u| + |v|))² + (0 if the labels are equal, else 1)

An alignment pairs units of both annotators in one document, one to one; a unit without a partner
costs 1. Its disorder is the sum of these costs over all documents, divided by the mean number of
units of an annotator. The best alignment has the least disorder: an assignment problem, solved
exactly. γ = 1 - observed/expected, where the expected disorder is the mean over random corpora.

In a random corpus (section 5.2 of the paper) each of two annotators has, in each document, the
units of one of the real annotators, chosen at random, shifted by a random number of characters:
what would begin after the end of the text begins at its start instead, and every unit keeps its
length. Both shifts differ by half the mean length of the document's units or more, if the text has
room for that. Random numbers come from the generator of `stats/randomization.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple

import numpy as np

from evalkit.scoring.columns import Ints
from evalkit.stats.randomization import draw_words, seed_states, unit_keys
from evalkit.stats.ratio_intervals import Floats

SAMPLES = 30  # random corpora: the least number of Mathet et al. 2015
GAMMA_STREAM = 3  # of the random numbers
WORDS = 4  # random numbers of a document in a sample: annotator and shift, for two annotators
EMPTY_COST = 1.0  # of a unit without a partner


class Gamma(NamedTuple):
    """γ with observed and expected disorder; None where undefined.

    reach: γ is known up to ± this much at the level, since the expected disorder is a mean over
    `samples` random corpora. n: the units of both annotators.
    """

    n: int
    observed: float | None
    expected: float | None
    gamma: float | None
    reach: float | None
    samples: int
    seed: int


class PlacedUnits(NamedTuple):
    """Units of an annotator in one document: arrays of starts, ends and label numbers."""

    start: Ints
    end: Ints
    label: Ints


class DocumentUnits(NamedTuple):
    """The units of both annotators in a document of so many characters."""

    length: int
    a: PlacedUnits
    b: PlacedUnits


def compute_gamma(documents: Mapping[str, DocumentUnits], seed: int, level: float) -> Gamma:
    """γ of two annotators. documents: an id to the units of both.

    The order of the documents changes no digit; documents without units change nothing.
    """
    ids = sorted(id for id, each in documents.items() if len(each.a.start) or len(each.b.start))
    units = [documents[id] for id in ids]
    n = sum(len(each.a.start) + len(each.b.start) for each in units)
    if not n:
        return Gamma(0, None, None, None, None, SAMPLES, seed)
    observed = _disorder([(each.a, each.b) for each in units])
    states = seed_states(unit_keys(ids, [None] * len(ids)), seed, GAMMA_STREAM)
    disorders: list[float] = []
    sample = 0
    while len(disorders) < SAMPLES:
        words = [draw_words(states, sample * WORDS + n).tolist() for n in range(WORDS)]
        shuffled = []
        for each, numbers in zip(units, zip(*words), strict=True):
            shuffled.append(_shuffle_units(each, numbers))
        sample += 1
        if any(len(a.start) or len(b.start) for a, b in shuffled):  # a random corpus has units
            disorders.append(_disorder(shuffled))
    expected = fmean(disorders)
    if not expected:
        return Gamma(n, observed, expected, None, None, SAMPLES, seed)
    quantile = NormalDist().inv_cdf((1 + level) / 2)
    reach = quantile * stdev(disorders) / math.sqrt(SAMPLES) * observed / expected**2
    return Gamma(n, observed, expected, 1 - observed / expected, reach, SAMPLES, seed)


def _disorder(documents: Sequence[tuple[PlacedUnits, PlacedUnits]]) -> float:
    """The disorder of the best alignment."""
    n_units = sum(len(a.start) + len(b.start) for a, b in documents)
    return math.fsum(align_units(a, b) for a, b in documents) / (n_units / 2)


def align_units(a: PlacedUnits, b: PlacedUnits) -> float:
    """The least cost of an alignment of the units of two annotators in one document."""
    alone = EMPTY_COST * (len(a.start) + len(b.start))
    if not (len(a.start) and len(b.start)):
        return alone
    # Imported here: loading scipy takes longer than scoring a small corpus.
    from scipy.optimize import linear_sum_assignment

    # A pair saves the costs of two units without partner; with a saving of 0 it stands for these,
    # which is the same as a column of slack for each unit, in a smaller matrix.
    savings = np.minimum(_dissimilarities(a, b) - 2 * EMPTY_COST, 0)
    rows, columns = linear_sum_assignment(savings)
    return alone + math.fsum(savings[rows, columns].tolist())


def _dissimilarities(a: PlacedUnits, b: PlacedUnits) -> Floats:
    """d(u, v) of each pair of units."""
    starts = np.abs(a.start[:, None] - b.start[None, :])
    ends = np.abs(a.end[:, None] - b.end[None, :])
    lengths = (a.end - a.start)[:, None] + (b.end - b.start)[None, :]
    differ: Floats = (a.label[:, None] != b.label[None, :]).astype(np.float64)
    dissimilarities: Floats = ((starts + ends) / lengths) ** 2 + differ
    return dissimilarities


def _shuffle_units(
    document: DocumentUnits, words: Sequence[int]
) -> tuple[PlacedUnits, PlacedUnits]:
    """The units of two random annotators of a document. words: random numbers of 64 bits."""
    sides = (document.a, document.b)
    lengths = np.concatenate([side.end - side.start for side in sides])
    distance = math.ceil(float(lengths.mean()) / 2)
    first = _choose(words[1], document.length)
    # The shifts that differ from the first by the distance or more, on either side of it.
    below = max(first - distance + 1, 0)
    above = max(document.length - first - distance, 0)
    if below + above:
        second = _choose(words[3], below + above)
        second += first + distance - below if second >= below else 0
    else:
        second = _choose(words[3], document.length)
    return (
        _shift_units(sides[_choose(words[0], 2)], first, document.length),
        _shift_units(sides[_choose(words[2], 2)], second, document.length),
    )


def _choose(word: int, n: int) -> int:
    """A whole number below n from 64 random bits."""
    return (word * n) >> 64


def _shift_units(units: PlacedUnits, shift: int, length: int) -> PlacedUnits:
    """The units, moved to the right; what begins behind the end of the text goes to its start."""
    moved = np.where(units.start + shift >= length, shift - length, shift)
    return PlacedUnits(units.start + moved, units.end + moved, units.label)
