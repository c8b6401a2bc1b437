"""αU: the published examples, and equality with the formula summed over all pairs of sections."""

import random

import pytest
from helpers.quick import choose_quick

from evalkit.analysis.unitizing_agreement import compute_unitizing_alpha, has_overlap

# Krippendorff (1995, p. 57), as the tests of DKPro Statistics (Krippendorff1995Test.java) have it:
# the units of two observers in a continuum of 24, observed disagreement, and αU of the continuum
# stretched 50,000 times.
EXAMPLES_1995 = {
    "A": ([(2, 10), (14, 20)], [(4, 8), (15, 17)], 0.03125, 0.553),
    "B": (
        [(0, 18)],
        [(0, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 9), (9, 10)],
        2.26736,
        -0.926,
    ),
    "C": (
        [(2, 8), (10, 12), (14, 18), (20, 22)],
        [(0, 2), (4, 8), (10, 14), (16, 18), (20, 22)],
        0.02777,
        0.679,
    ),
    "D": (
        [(0, 2), (2, 10), (10, 14), (14, 20), (20, 24)],
        [(0, 4), (4, 8), (8, 15), (15, 17), (17, 24)],
        0.38715,
        0.066,
    ),
}


@pytest.mark.parametrize("name", EXAMPLES_1995)
def test_the_examples_of_krippendorff_1995(name):
    a, b, observed, alpha = EXAMPLES_1995[name]

    assert compute_unitizing_alpha([a, b], [(0, 24)]).observed == pytest.approx(observed, abs=1e-5)
    long = [[(50_000 * start, 50_000 * end) for start, end in units] for units in (a, b)]
    # The tolerance of DKPro's test: the paper's expected disagreement has a small error.
    assert compute_unitizing_alpha(long, [(0, 1_200_000)]).alpha == pytest.approx(alpha, abs=0.02)


def test_the_example_of_krippendorff_2004():
    # Content Analysis, p. 254, as in DKPro's Krippendorff2004Test.java
    c = compute_unitizing_alpha(
        [[(225, 295), (370, 400)], [(220, 300), (355, 375), (400, 420)]], [(150, 450)]
    )
    k = compute_unitizing_alpha([[(180, 240), (300, 350)]] * 2, [(150, 450)])

    assert (c.observed, c.expected, c.alpha) == pytest.approx((0.0144, 0.0532, 0.7286), abs=1e-4)
    assert (k.observed, k.alpha) == (0, 1)
    assert k.expected == pytest.approx(0.0490, abs=1e-4)


def test_one_label_of_two_observers_worked_out():
    alpha = compute_unitizing_alpha([[(2, 10), (14, 20)], [(4, 8), (15, 17)]], [(0, 24)])

    # D_o: (4 + 4) + (1 + 9) = 18 of both orders of the observers, divided by 2 · 24².
    assert alpha.observed == 36 / (2 * 24**2)
    assert alpha.expected == pytest.approx(0.064471, abs=1e-6)
    assert alpha.alpha == pytest.approx(0.515288, abs=1e-6)


def sections_of(units, stretches):
    """Units and gaps of one annotator, as (start, end, whether it is a unit)."""
    sections = []
    for first, last in stretches:
        position = first
        for start, end in sorted(unit for unit in units if first <= unit[0] < last):
            if position < start:
                sections.append((position, start, False))
            sections.append((start, end, True))
            position = end
        if position < last:
            sections.append((position, last, False))
    return sections


def distance(g, h):
    if g[2] and h[2] and g[0] < h[1] and h[0] < g[1]:
        return (g[0] - h[0]) ** 2 + (g[1] - h[1]) ** 2
    if g[2] and not h[2] and h[0] <= g[0] and g[1] <= h[1]:
        return (g[1] - g[0]) ** 2
    if h[2] and not g[2] and g[0] <= h[0] and h[1] <= g[1]:
        return (h[1] - h[0]) ** 2
    return 0


def alpha_by_formula(annotators, stretches):
    m = len(annotators)
    length = sum(end - start for start, end in stretches)
    sections = [sections_of(units, stretches) for units in annotators]
    observed = 0
    for i in range(m):
        for j in range(m):
            if i != j:
                observed += sum(distance(g, h) for g in sections[i] for h in sections[j])
    observed /= m * (m - 1) * length**2
    all_sections = [section for each in sections for section in each]
    units = [end - start for start, end, is_unit in all_sections if is_unit]
    gaps = [end - start for start, end, is_unit in all_sections if not is_unit]
    total = 0
    for unit in units:
        total += (len(units) - 1) * (2 * unit**3 - 3 * unit**2 + unit) / 3
        total += unit**2 * sum(gap - unit + 1 for gap in gaps if gap >= unit)
    denominator = m * length * (m * length - 1) - sum(unit * (unit - 1) for unit in units)
    expected = 2 / length * total / denominator if denominator else 0
    return observed, expected


@pytest.mark.parametrize("seed", choose_quick(range(1000), 25))
def test_alpha_u_is_the_formula_over_all_pairs_of_sections(seed):
    rng = random.Random(seed)
    stretches = []
    for _ in range(rng.randint(1, 3)):
        start = stretches[-1][1] + rng.randint(0, 2) if stretches else 0
        stretches.append((start, start + rng.randint(3, 15)))
    annotators = []
    for _ in range(rng.randint(2, 4)):
        units = []
        for first, last in stretches:
            cuts = sorted(rng.choices(range(first, last + 1), k=2 * rng.randint(0, 3)))
            units += [(s, e) for s, e in zip(cuts[::2], cuts[1::2], strict=True) if s < e]
        annotators.append(units)

    alpha = compute_unitizing_alpha(annotators, stretches)

    if not any(annotators):
        assert alpha == (0, None, None, None)
        return
    observed, expected = alpha_by_formula(annotators, stretches)
    assert alpha.observed == pytest.approx(observed, abs=1e-12)
    assert alpha.expected == pytest.approx(expected, abs=1e-12)
    if expected:
        assert alpha.alpha == pytest.approx(1 - observed / expected)
    else:
        assert alpha.alpha is None
    assert compute_unitizing_alpha(annotators[::-1], stretches) == alpha


def test_units_overlap_if_they_share_a_character():
    assert has_overlap([(4, 6), (0, 5)])
    assert not has_overlap([(5, 6), (0, 5)])
