"""What must hold of every score, on random corpora whose predictions are like their gold (p01 to
p37).

Where a property does not hold of a scheme, the scheme is left out and the reason said.
"""

import copy
from fractions import Fraction
from itertools import pairwise

import pytest
from helpers.oracle import best_overlap, ratios, totals
from helpers.random_corpora import LENGTH, SCHEMES, both, corpora, document
from hypothesis import assume, given
from hypothesis import strategies as st

from evalkit import Corpus, Document, Entity, score

LABEL_FREE = ("exact", "partial")
WITH_LABELS = ("strict", "type", "characters")
METRICS = [f"entities/{scheme}" for scheme in SCHEMES]
PAIRED = [scheme for scheme in SCHEMES if scheme != "characters"]


def scored(pairs, **options):
    return score(*both(pairs, **options), METRICS)


def micro(scores, scheme):
    return scores[f"entities/{scheme}"].micro


def counts(row):
    return row.tp, row.found, row.gold, row.predicted


def label_counts(scores, scheme):
    found = scores[f"entities/{scheme}"]
    return {label: counts(found[label]) for label in found.labels}


def items(side):
    return [(label, ranges, None) for label, ranges in side]


def twice(value):
    return Fraction(value).limit_denominator(2)


@given(corpora())
def test_p01_totals_are_the_oracles(pairs):
    scores = scored(pairs)

    for scheme in SCHEMES:
        each = [totals(items(gold), items(said), scheme) for gold, said in pairs]
        credit, gold, predicted = (sum(column) for column in zip(*each, strict=True))
        row = micro(scores, scheme)
        assert (twice(row.tp), row.gold, row.predicted) == (credit, gold, predicted)
        assert (row.precision, row.recall, row.f1) == tuple(
            None if r is None else float(r) for r in ratios(credit, gold, predicted)
        )


@given(corpora())
def test_p02_labels_are_the_oracles_where_labels_are_compared(pairs):
    scores = scored(pairs)

    for scheme in WITH_LABELS:
        for label, found in label_counts(scores, scheme).items():
            each = [
                totals(*([i for i in items(side) if i[0] == label] for side in pair), scheme)
                for pair in pairs
            ]
            credit, gold, predicted = (sum(column) for column in zip(*each, strict=True))
            assert found == (credit, credit, gold, predicted)


@given(corpora())
def test_muc_counts_are_the_oracles(pairs):
    """Correct and partial are the credit; what is left over and overlaps, one to one, is incorrect."""  # noqa: E501
    scores = scored(pairs)

    for scheme in PAIRED:
        muc, row = scores[f"entities/{scheme}"].muc, micro(scores, scheme)
        assert muc.correct + muc.incorrect + muc.partial + muc.missing == row.gold
        assert muc.correct + muc.incorrect + muc.partial + muc.spurious == row.predicted
        assert muc.correct + Fraction(muc.partial, 2) == twice(row.tp)
        pairs_of = scores.pairs(f"entities/{scheme}")
        left = {}
        for pair in pairs_of:
            if pair.kind in ("missing", "spurious", "incorrect"):
                for side, item in (("gold", pair.gold), ("said", pair.predicted)):
                    if item is not None:
                        left.setdefault(pair.document, {"gold": [], "said": []})[side].append(
                            (item.label, item.fragments or ((item.start, item.end),), None)
                        )
        assert muc.incorrect == sum(
            best_overlap(found["gold"], found["said"]) for found in left.values()
        )


@given(corpora())
@pytest.mark.slow
def test_p03_ratios_lie_between_zero_and_one(pairs):
    for row in scored(pairs).rows():
        for name in ("precision", "recall", "f1"):
            assert row[name] is None or 0 <= row[name] <= 1


@given(corpora())
def test_p04_swapping_sides_swaps_precision_and_recall(pairs):
    """Not of macro, which is over the labels of gold."""
    there, back = scored(pairs), scored([pair[::-1] for pair in pairs])

    for scheme in SCHEMES:
        for one, other in zip(
            there[f"entities/{scheme}"].rows(), back[f"entities/{scheme}"].rows(), strict=True
        ):
            if one.average in (None, "micro"):
                assert (one.precision, one.recall, one.f1, one.tp, one.found) == (
                    other.recall,
                    other.precision,
                    other.f1,
                    other.found,
                    other.tp,
                )


@given(corpora())
def test_p04_the_pairs_are_the_same_when_sides_are_swapped(pairs):
    there, back = scored(pairs), scored([pair[::-1] for pair in pairs])

    for scheme in PAIRED:
        one = {
            (p.document, p.kind, p.gold, p.predicted)
            for p in there.pairs(f"entities/{scheme}")
            if p.gold and p.predicted
        }
        assert one == {
            (p.document, p.kind, p.predicted, p.gold)
            for p in back.pairs(f"entities/{scheme}")
            if p.gold and p.predicted
        }


@given(corpora())
def test_p05_nothing_leaves_a_denominator(pairs):
    scores = scored(pairs)

    for scheme in SCHEMES:
        for row in scores[f"entities/{scheme}"].rows():
            if row.average in (None, "micro"):
                assert row.tp + row.fp == row.predicted
                assert row.found + row.fn == row.gold
                assert 0 <= row.found <= row.gold
                assert 0 <= row.tp <= row.predicted


@given(corpora())
def test_p06_documents_add_up(pairs):
    scores = scored(pairs)
    alone = [scored([pair]) for pair in pairs]

    for scheme in SCHEMES:
        assert counts(micro(scores, scheme)) == tuple(
            map(sum, zip(*(counts(micro(one, scheme)) for one in alone), strict=True))
        )
        assert [counts(row) for _, row in scores[f"entities/{scheme}"].by_document()] == [
            counts(micro(one, scheme)) for one in alone
        ]


@given(corpora(), st.randoms(use_true_random=False))
@pytest.mark.slow
def test_p08_p09_no_order_matters(pairs, random):
    gold, said = both(pairs)
    order = random.sample(range(len(pairs)), len(pairs))
    shuffled = [
        Corpus(
            [
                Document(
                    side[n].id, side[n].text, random.sample(side[n].entities, len(side[n].entities))
                )
                for n in order
            ],
            name="c",
        )
        for side in (gold, said)
    ]

    one, other = score(gold, said, METRICS), score(*shuffled, METRICS)

    assert one.rows() == other.rows()
    for scheme in PAIRED:
        assert sorted(one.pairs(f"entities/{scheme}"), key=repr) == sorted(
            other.pairs(f"entities/{scheme}"), key=repr
        )


@given(corpora())
def test_p10_p11_labels_are_opaque(pairs):
    """Label by label only where labels are compared: elsewhere the tie between labels follows their
    names.
    """
    hostile = {"A": "O", "B": "B-PER", "C": " "}
    renamed = [
        tuple([(hostile[label], ranges) for label, ranges in side] for side in pair)
        for pair in pairs
    ]

    one, other = scored(pairs), scored(renamed)

    for scheme in SCHEMES:
        assert counts(micro(one, scheme)) == counts(micro(other, scheme))
    for scheme in WITH_LABELS:
        assert {
            hostile[label]: found for label, found in label_counts(one, scheme).items()
        } == label_counts(other, scheme)


@given(corpora())
def test_p12_merging_labels_never_lowers_strict_credit(pairs):
    """What merging makes equal on a side counts once there, so only corpora are asked in which it
    makes nothing equal.
    """
    merged = [
        tuple([("A" if label == "B" else label, ranges) for label, ranges in side] for side in pair)
        for pair in pairs
    ]
    assume(all(len(set(side)) == len(side) for pair in merged for side in pair))

    assert micro(scored(merged), "strict").tp >= micro(scored(pairs), "strict").tp


@given(corpora())
def test_p13_with_one_label_strict_is_exact(pairs):
    merged = [
        tuple(
            [("A", ranges) for ranges in dict.fromkeys(ranges for _, ranges in side)]
            for side in pair
        )
        for pair in pairs
    ]
    scores = scored(merged)

    assert counts(micro(scores, "strict")) == counts(micro(scores, "exact"))


def moved(pairs, move):
    return [
        tuple(
            [(label, tuple(move(a, b) for a, b in ranges)) for label, ranges in side]
            for side in pair
        )
        for pair in pairs
    ]


@given(corpora(), st.integers(1, 50))
@pytest.mark.slow
def test_p14_shifting_changes_nothing(pairs, by):
    one, other = (
        scored(pairs),
        scored(moved(pairs, lambda a, b: (a + by, b + by)), length=LENGTH + 50),
    )

    assert [row for row in one.rows() if row] == other.rows()


@given(corpora())
def test_p15_mirroring_changes_no_total(pairs):
    """Label by label only where labels are compared, as p11."""
    mirrored = [
        tuple(
            [
                (label, tuple((LENGTH - b, LENGTH - a) for a, b in reversed(ranges)))
                for label, ranges in side
            ]
            for side in pair
        )
        for pair in pairs
    ]
    one, other = scored(pairs), scored(mirrored)

    for scheme in SCHEMES:
        assert counts(micro(one, scheme)) == counts(micro(other, scheme))
    for scheme in WITH_LABELS:
        assert label_counts(one, scheme) == label_counts(other, scheme)


@given(corpora(), st.integers(2, 5))
def test_p16_stretching_multiplies_characters_and_nothing_else(pairs, by):
    one, other = (
        scored(pairs),
        scored(moved(pairs, lambda a, b: (a * by, b * by)), length=LENGTH * by),
    )

    for scheme in SCHEMES:
        factor = by if scheme == "characters" else 1
        assert tuple(factor * n for n in counts(micro(one, scheme))) == counts(micro(other, scheme))


@given(corpora(), st.lists(st.integers(1, 4), min_size=LENGTH, max_size=LENGTH))
def test_p17_another_unit_of_offsets_changes_no_pair(pairs, widths):
    """Code points as UTF-16 units or bytes: any strictly rising re-indexing.

    Not of characters, whose number it changes.
    """
    at = [sum(widths[:n]) for n in range(LENGTH + 1)]
    one, other = scored(pairs), scored(moved(pairs, lambda a, b: (at[a], at[b])), length=4 * LENGTH)

    for scheme in PAIRED:
        assert counts(micro(one, scheme)) == counts(micro(other, scheme))


@given(corpora())
def test_p18_joining_documents_end_to_end_changes_nothing(pairs):
    joined = [
        tuple(
            [
                (label, tuple((a + n * LENGTH, b + n * LENGTH) for a, b in ranges))
                for n, pair in enumerate(pairs)
                for label, ranges in pair[side]
            ]
            for side in (0, 1)
        )
    ]
    one, other = scored(pairs), scored(joined, length=LENGTH * len(pairs))

    for scheme in SCHEMES:
        assert counts(micro(one, scheme)) == counts(micro(other, scheme))


@given(corpora(), st.integers(2, 4))
def test_p19_a_corpus_repeated_multiplies_counts(pairs, times):
    one, other = scored(pairs), scored(pairs * times)

    for scheme in SCHEMES:
        assert tuple(times * n for n in counts(micro(one, scheme))) == counts(micro(other, scheme))
        assert micro(one, scheme).f1 == micro(other, scheme).f1


@given(corpora())
def test_p20_an_empty_document_changes_nothing(pairs):
    one, other = (
        [
            {name: value for name, value in row.items() if not name.endswith("_reason")}
            for row in scored(of).rows()
        ]
        for of in (pairs, [*pairs, ([], [])])
    )

    assert one == other


@given(corpora())
def test_p21_gold_as_a_prediction_is_perfect(pairs):
    scores = scored([(gold, gold) for gold, _ in pairs])

    for scheme in SCHEMES:
        assert micro(scores, scheme).f1 in (1.0, None)
        assert micro(scores, scheme).tp == micro(scores, scheme).gold


@given(corpora())
def test_p22_disjoint_spans_share_nothing(pairs):
    far = [
        (
            gold,
            [(label, tuple((a + LENGTH, b + LENGTH) for a, b in ranges)) for label, ranges in said],
        )
        for gold, said in pairs
    ]
    scores = scored(far, length=2 * LENGTH)

    assert [micro(scores, scheme).tp for scheme in SCHEMES] == [0] * len(SCHEMES)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("gold", "said", "expected"),
    [(0, 0, (None, None, None)), (1, 0, (None, 0.0, 0.0)), (0, 1, (0.0, None, 0.0))],
)
def test_p23_what_is_undefined_is_none(scheme, gold, said, expected):
    item = ("A", ((0, 3),))
    row = micro(scored([([item] * gold, [item] * said)]), scheme)

    assert (row.precision, row.recall, row.f1) == expected


@given(corpora())
def test_p24_a_looser_scheme_gives_no_less(pairs):
    scores = scored(pairs)
    strict, exact, partial, typed = (
        micro(scores, scheme).tp for scheme in ("strict", "exact", "partial", "type")
    )

    assert strict <= exact <= partial
    assert strict <= typed


@given(corpora())
def test_p25_micro_is_the_sum_of_labels(pairs):
    scores = scored(pairs)

    for scheme in SCHEMES:
        each = list(label_counts(scores, scheme).values())
        assert counts(micro(scores, scheme)) == (
            tuple(map(sum, zip(*each, strict=True))) if each else (0, 0, 0, 0)
        )


@given(corpora())
def test_p26_a_label_that_is_removed_leaves_the_others_rows(pairs):
    without = [tuple([item for item in side if item[0] != "C"] for side in pair) for pair in pairs]
    one, other = scored(pairs), scored(without)

    for scheme in WITH_LABELS:
        assert {
            label: found for label, found in label_counts(one, scheme).items() if label != "C"
        } == label_counts(other, scheme)


@given(corpora())
def test_p27_copies_never_raise_credit(pairs):
    gold, said = both(pairs)
    doubled = Corpus([Document(d.id, d.text, [*d.entities, *d.entities]) for d in said], name="c")

    one, other = score(gold, said, METRICS), score(gold, doubled, METRICS)

    for scheme in PAIRED:
        assert micro(other, scheme).tp == micro(one, scheme).tp
        assert micro(other, scheme).predicted == 2 * micro(one, scheme).predicted


@given(corpora(), st.data())
def test_p28_one_more_prediction_changes_credit_by_zero_to_one(pairs, data):
    from helpers.random_corpora import LABELS, spans

    extra = (data.draw(st.sampled_from(LABELS)), data.draw(spans()))
    more = [
        (
            pairs[0][0],
            list(
                dict.fromkeys(
                    [
                        *pairs[0][1],
                        *[
                            (label, r)
                            for label, r in [extra]
                            if all(b < c for (_, b), (c, _) in pairwise(r))
                        ],
                    ]
                )
            ),
        ),
        *pairs[1:],
    ]
    one, other = scored(pairs), scored(more)

    for scheme in PAIRED:
        assert 0 <= micro(other, scheme).tp - micro(one, scheme).tp <= 1


@given(corpora())
def test_p29_correcting_a_miss_lowers_nothing(pairs):
    missed = next(
        ((n, item) for n, (gold, said) in enumerate(pairs) for item in gold if item not in said),
        None,
    )
    assume(missed is not None)
    corrected = [
        (gold, [*said, missed[1]] if n == missed[0] else said)
        for n, (gold, said) in enumerate(pairs)
    ]
    one, other = micro(scored(pairs), "strict"), micro(scored(corrected), "strict")

    for name in ("precision", "recall", "f1"):
        assert (getattr(one, name) or 0) <= getattr(other, name)


@given(corpora())
def test_p30_a_spurious_prediction_raises_nothing(pairs):
    worse = [(pairs[0][0], [*pairs[0][1], ("A", ((LENGTH + 1, LENGTH + 2),))]), *pairs[1:]]
    one, other = scored(pairs, length=LENGTH + 3), scored(worse, length=LENGTH + 3)

    for scheme in SCHEMES:
        for name in ("precision", "recall", "f1"):
            before, after = getattr(micro(one, scheme), name), getattr(micro(other, scheme), name)
            assert before is None or after <= before


@given(corpora())
def test_p31_f1_is_the_harmonic_mean(pairs):
    scores = scored(pairs)

    for scheme in SCHEMES:
        row = micro(scores, scheme)
        if row.precision and row.recall:
            assert row.f1 == pytest.approx(
                2 * row.precision * row.recall / (row.precision + row.recall), abs=1e-12
            )


@given(corpora())
@pytest.mark.slow
def test_p32_nothing_given_is_changed_and_asking_twice_gives_the_same(pairs):
    sides = both(pairs)
    before = copy.deepcopy([list(side) for side in sides])

    one, other = score(*sides, METRICS), score(*sides, METRICS)

    assert [list(side) for side in sides] == before
    assert one.to_json() == other.to_json()


@given(corpora())
def test_p33_documents_never_answer_for_each_other(pairs):
    apart = [(gold, []) for gold, _ in pairs] + [([], said) for _, said in pairs]
    scores = scored(apart)

    assert [micro(scores, scheme).tp for scheme in SCHEMES] == [0] * len(SCHEMES)


def test_p34_spans_that_touch_do_not_overlap():
    scores = scored([([("A", ((0, 3),))], [("A", ((3, 6),))])])

    assert [micro(scores, scheme).tp for scheme in SCHEMES] == [0] * len(SCHEMES)


def test_p36_pairs_are_chosen_for_the_whole_and_not_one_by_one():
    """Whoever takes the first or the widest overlap for the long span leaves one of the others
    without an answer.
    """
    gold, said = [("A", ((0, 10),)), ("A", ((0, 2),))], [("A", ((1, 10),)), ("A", ((9, 10),))]

    scores = scored([(gold, said)])

    assert (micro(scores, "type").tp, micro(scores, "partial").tp) == (2, 1)


@pytest.mark.parametrize("bits", [8, 15, 16, 20, 24])
@pytest.mark.parametrize("less", [0, 1])
def test_p37_spans_far_apart_never_match(bits, less):
    far = 2**bits - less
    gold, said = (
        [("A", ((0, 3),)), ("B", ((5, 9),))],
        [("A", ((far, far + 3),)), ("B", ((5 + far, 9 + far),))],
    )
    scores = score(
        *(
            Corpus([document("d", side, far + 10), document("e", [], 5)], name="c")
            for side in (gold, said)
        ),
        METRICS,
    )

    assert [micro(scores, scheme).tp for scheme in SCHEMES] == [0] * len(SCHEMES)


def test_an_entity_under_every_label_is_matched_label_by_label():
    labels = [f"L{n}" for n in range(300)]
    side = Document("d", "x" * 5, [Entity(label, 0, 5) for label in labels])

    scores = score(Corpus([side]), Corpus([side]), METRICS)

    assert [micro(scores, scheme).tp for scheme in PAIRED] == [300] * 4
