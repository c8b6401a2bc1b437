"""The reference of error analysis reproduces the examples that were worked by hand."""

import random
from collections import Counter
from itertools import combinations

import pytest
from helpers.error_examples import (
    COUNT_EXAMPLES,
    DIFFERENCE_EXAMPLE,
    DOCUMENT_EXAMPLE,
    FAIR_EXAMPLE,
    SPAN_EXAMPLES,
)
from helpers.error_reference import (
    ERROR_KINDS,
    SHAPES,
    analyze,
    contributions,
    count_details,
    count_kinds,
    document_losses,
    f1_if_repaired,
    fair_counts,
    fair_ratios,
    find_edges,
    gain_without_false_negatives,
    gain_without_false_positives,
    gains_alone,
    losses,
    make_span,
    pair_items,
    random_component,
    sum_gold,
    sum_predicted,
    weighted_fair_counts,
)


def rounded(values):
    return {name: round(float(value), 6) for name, value in values.items()}


def name_of(example):
    return example.name


def listed(analysis):
    lines = []
    for item in analysis.items:
        gold = None if item.gold is None else tuple(analysis.gold[item.gold][:3])
        predicted = (
            None if item.predicted is None else tuple(analysis.predicted[item.predicted][:3])
        )
        lines.append((item.kind, item.detail, gold, predicted))
    return Counter(lines)


@pytest.mark.parametrize("example", SPAN_EXAMPLES, ids=name_of)
def test_the_items_of_the_examples_come_out(example):
    analysis = analyze(example.gold, example.predicted)

    assert listed(analysis) == Counter(example.items)


@pytest.mark.parametrize("example", [*SPAN_EXAMPLES, *COUNT_EXAMPLES], ids=name_of)
def test_the_losses_and_gains_of_the_examples_come_out(example):
    if example in COUNT_EXAMPLES:
        counts = example.counts
        assert (sum_gold(counts), sum_predicted(counts)) == (example.gold, example.predicted)
    else:
        counts = count_kinds([analyze(example.gold, example.predicted)])

    assert round(float(f1_if_repaired(counts)), 6) == example.f1
    assert rounded(losses(counts)) == example.losses
    assert rounded(gains_alone(counts)) == example.gains
    assert rounded(
        {"p": gain_without_false_positives(counts), "n": gain_without_false_negatives(counts)}
    ) == {"p": example.without_false_positives, "n": example.without_false_negatives}


def test_fair_counts_count_each_error_once():
    example = SPAN_EXAMPLES[0]
    analyses = [analyze(example.gold, example.predicted)]

    tp, fp, fn = fair_counts(analyses)

    assert (tp, fp, fn) == (0, FAIR_EXAMPLE["shared"] / 2, 1 + FAIR_EXAMPLE["shared"] / 2)
    expected = (FAIR_EXAMPLE["precision"], FAIR_EXAMPLE["recall"], FAIR_EXAMPLE["f1"])
    assert fair_ratios(tp, fp, fn) == expected
    assert weighted_fair_counts(analyses) == (1, 1, 3)


def test_the_hardest_documents_of_the_example_come_out():
    shares, order = document_losses(DOCUMENT_EXAMPLE["documents"])

    assert (rounded(shares), order) == (DOCUMENT_EXAMPLE["losses"], DOCUMENT_EXAMPLE["order"])


def test_the_contributions_of_the_example_come_out():
    shares, f1_a, f1_b = contributions(DIFFERENCE_EXAMPLE["units"])

    assert rounded(shares) == DIFFERENCE_EXAMPLE["contributions"]
    assert rounded({"f1_a": f1_a, "f1_b": f1_b, "difference": f1_b - f1_a}) == {
        name: DIFFERENCE_EXAMPLE[name] for name in ("f1_a", "f1_b", "difference")
    }
    assert sum(shares.values()) == f1_b - f1_a


def best_of_all_sets(edges):
    """The best one-to-one set of edges, by going through all sets."""
    best = None
    for size in range(len(edges) + 1):
        for chosen in combinations(edges, size):
            if len({g for g, _ in chosen}) < size or len({p for _, p in chosen}) < size:
                continue
            vectors = [edges[pair][0] for pair in chosen]
            vector = [sum(column) for column in zip(*vectors, strict=True)] or [0] * 6
            rank = ([-value for value in vector], sorted(edges[pair][1] for pair in chosen))
            if best is None or rank < best[0]:
                best = (rank, sorted(chosen))
    return best[1]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_pairs_are_the_best_of_all_sets(shape):
    draw = random.Random(shape)
    for _ in range(60):
        gold, predicted = random_component(draw, shape, most=3)
        spans = [make_span(g) for g in gold], [make_span(p) for p in predicted]

        assert pair_items(*spans) == best_of_all_sets(find_edges(*spans))


MIRRORED = {
    "missed": "spurious",
    "spurious": "missed",
    "merged": "split",
    "split": "merged",
    "too short": "too long",
    "too long": "too short",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_analysis_mirrors_and_does_not_depend_on_order(shape):
    draw = random.Random(shape)
    for _ in range(100):
        gold, predicted = random_component(draw, shape)
        one, two = analyze(gold, predicted), analyze(predicted, gold)
        shuffled = analyze(draw.sample(gold, len(gold)), predicted[::-1])

        assert listed(shuffled) == listed(one)
        mirrored = Counter()
        for kind, detail, left, right in listed(two).elements():
            mirrored[MIRRORED.get(kind, kind), MIRRORED.get(detail, detail), right, left] += 1
        assert mirrored == listed(one)


def test_losses_sum_to_one_minus_f1_and_no_gain_is_negative():
    draw = random.Random(15)
    for _ in range(300):
        analyses = [analyze(*random_component(draw), draw.choice([0, 0, 1]), 0) for _ in range(3)]
        counts = count_kinds(analyses)
        if not counts:
            continue

        assert sum(losses(counts).values()) == 1 - f1_if_repaired(counts)
        assert f1_if_repaired(counts, ERROR_KINDS) in (None, 1)
        assert [
            gain for gain in gains_alone(counts).values() if gain is not None and gain < 0
        ] == []
        assert sum(count_details(analyses).values()) <= sum(counts.values())
