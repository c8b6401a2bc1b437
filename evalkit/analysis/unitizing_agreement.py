"""Krippendorff's αU: agreement about where the units of one label are in a continuum.

A continuum is the text of all documents, one after the other. Each annotator has contiguous units
that do not overlap; what lies between them are gaps. For sections (units and gaps) g of annotator i
and h of annotator j, from b to e and of length ℓ:

    δ² = (b_g - b_h)² + (e_g - e_h)²   if both are units and intersect
         ℓ_g²                          if g is a unit and h a gap that contains it, and the reverse
         0                             otherwise
    D_o = Σ_{i≠j} Σ_g Σ_h δ² / (m (m - 1) L²)
    D_e = (2/L) Σ_units [(N - 1)(2ℓ³ - 3ℓ² + ℓ)/3 + ℓ² Σ_{gaps ≥ ℓ} (gap - ℓ + 1)]
          / (m L (m L - 1) - Σ_units ℓ (ℓ - 1))
    αU = 1 - D_o/D_e

L is the length of the continuum, m the number of annotators, N that of the units of all of them
(Krippendorff 1995; 2004). A gap ends where a document does, so that no unit reaches from one
document into the next. αU is None where D_e = 0, and where nobody has a unit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise, permutations

from evalkit.analysis.annotator_agreement import Alpha

Range = tuple[int, int]


def has_overlap(units: Sequence[Range]) -> bool:
    """Whether two units share a character."""
    ordered = sorted(units)
    return any(start < end for (_, end), (start, _) in pairwise(ordered))


def compute_unitizing_alpha(
    annotators: Sequence[Sequence[Range]], stretches: Sequence[Range]
) -> Alpha:
    """αU of the units of two or more annotators in a continuum.

    annotators: the units of each, which do not overlap and lie within a stretch. stretches: the
    parts of the continuum that are annotated, such as documents, in order.

    >>> a, b = [(2, 10), (14, 20)], [(4, 8), (15, 17)]
    >>> round(compute_unitizing_alpha([a, b], [(0, 24)]).alpha, 6)
    0.515288
    """
    length = sum(end - start for start, end in stretches)
    sides = [sorted(units) for units in annotators]
    n_units = sum(map(len, sides))
    m = len(sides)
    if m < 2 or not n_units:
        return Alpha(n_units, None, None, None)
    difference = sum(_sum_differences(a, b) for a, b in permutations(sides, 2))
    observed = difference / (m * (m - 1) * length**2)
    expected = _expected_disagreement(sides, stretches, length, n_units)
    return Alpha(n_units, observed, expected, 1 - observed / expected if expected else None)


def _sum_differences(units: Sequence[Range], others: Sequence[Range]) -> int:
    """Σ δ² over pairs of intersecting units, half of it, and over units in a gap of the other.

    Both orders of two annotators are summed, so that each pair of intersecting units counts once in
    each, and each unit in a gap once for the annotator who has it and once for the other.
    """
    total = 0
    for mine, theirs in ((units, others), (others, units)):
        ends = [end for _, end in theirs]
        for start, end in mine:
            first = index = bisect_left(ends, start + 1)
            while index < len(theirs) and theirs[index][0] < end:
                if mine is units:
                    total += (start - theirs[index][0]) ** 2 + (end - theirs[index][1]) ** 2
                index += 1
            if index == first:
                total += (end - start) ** 2
    return total


def _expected_disagreement(
    sides: Sequence[Sequence[Range]], stretches: Sequence[Range], length: int, n_units: int
) -> float:
    """D_e of the units of all annotators."""
    lengths = Counter(end - start for units in sides for start, end in units)
    gaps = sorted(gap for units in sides for gap in _gap_lengths(units, stretches))
    sums = [0]  # of the gaps, from the longest on
    for gap in reversed(gaps):
        sums.append(sums[-1] + gap)
    total = 0.0
    for unit, count in lengths.items():
        n_longer = len(gaps) - bisect_left(gaps, unit)
        room = sums[n_longer] + n_longer * (1 - unit)
        # 2ℓ³ - 3ℓ² + ℓ = ℓ (ℓ - 1) (2ℓ - 1) is divisible by 3, as whole numbers have to be.
        overlaps = (n_units - 1) * (unit * (unit - 1) * (2 * unit - 1) // 3)
        total += count * (overlaps + unit**2 * room)
    m_length = len(sides) * length
    same_unit = sum(count * unit * (unit - 1) for unit, count in lengths.items())
    denominator = m_length * (m_length - 1) - same_unit
    return 2 / length * total / denominator if denominator else 0.0


def _gap_lengths(units: Sequence[Range], stretches: Sequence[Range]) -> list[int]:
    """The lengths of the gaps of one annotator. units: in order."""
    gaps = []
    index = 0
    for start, end in stretches:
        position = start
        while index < len(units) and units[index][0] < end:
            gaps.append(units[index][0] - position)
            position = units[index][1]
            index += 1
        gaps.append(end - position)
    return [gap for gap in gaps if gap]
