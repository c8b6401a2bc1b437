"""Pairs and kinds of errors, against exhaustive search."""

import random
import tracemalloc
from collections import Counter
from itertools import pairwise

import pytest
from helpers import error_reference
from helpers.error_corpora import corpora_of, document_of, random_components

from evalkit import Corpus, InputError, score


def span_of(item):
    return None if item is None else (item.start, item.end, item.label, item.fragments)


def found_items(components):
    """How often each error is found."""
    analysis = score(*corpora_of(components), "entities/strict", boot=0).errors()
    found = Counter(
        (item.document, item.kind, item.detail, span_of(item.gold), span_of(item.predicted))
        for item in analysis.items
    )
    return analysis, found


def expected_items(components):
    """The same by exhaustive search."""
    analyses = [error_reference.analyze(gold, predicted) for gold, predicted in components]
    expected = Counter()
    for number, analysis in enumerate(analyses):
        for item in analysis.items:
            if item.kind == "correct":
                continue
            gold = None if item.gold is None else analysis.gold[item.gold]
            predicted = None if item.predicted is None else analysis.predicted[item.predicted]
            key = (f"d{number}", item.kind, item.detail or "", span_of(gold), span_of(predicted))
            expected[key] += 1
    return analyses, expected


def check_components(n, seed):
    components = random_components(n, seed)

    analysis, found = found_items(components)
    analyses, expected = expected_items(components)

    assert found == expected
    kinds = error_reference.count_kinds(analyses)
    assert {kind: count for kind, count in analysis.counts.items() if count} == dict(kinds)


def test_pairs_kinds_and_details_equal_exhaustive_search():
    check_components(1_000, seed=7)


@pytest.mark.slow
def test_pairs_kinds_and_details_of_10_000_components_equal_exhaustive_search():
    check_components(10_000, seed=8)


def mirrored(item):
    """An error as it looks when gold and prediction are swapped."""
    names = {
        "missed": "spurious",
        "spurious": "missed",
        "too short": "too long",
        "too long": "too short",
        "merged": "split",
        "split": "merged",
    }
    document, kind, detail, gold, predicted = item
    return document, names.get(kind, kind), names.get(detail, detail), predicted, gold


def test_errors_mirror_when_gold_and_prediction_are_swapped():
    components = random_components(500, seed=9)
    swapped = [(predicted, gold) for gold, predicted in components]

    _, found = found_items(components)
    _, found_swapped = found_items(swapped)

    assert found_swapped == Counter({mirrored(item): n for item, n in found.items()})


def test_errors_do_not_depend_on_the_order_of_items():
    components = random_components(500, seed=10)
    draw = random.Random(1)
    shuffled = [
        (draw.sample(gold, len(gold)), draw.sample(predicted, len(predicted)))
        for gold, predicted in components
    ]

    assert found_items(shuffled)[1] == found_items(components)[1]


def chain(n, shift=2):
    """One document with n gold items and n predictions, each of which overlaps the next one."""
    gold = [(4 * k, 4 * k + 3, "ABC"[k % 3]) for k in range(n)]
    predicted = [(4 * k + shift, 4 * k + shift + 3, "AB"[k % 2]) for k in range(n)]
    return gold, predicted


def best_chain_counts(gold, predicted):
    """(boundary, label+boundary) of the best pairing of a chain, by dynamic programming over its
    items in the order of the text: each overlaps the one before and the one after.
    """
    items = sorted([(*span, 0) for span in gold] + [(*span, 1) for span in predicted])
    best = [(0, 0), (0, 0)]  # of the items up to the last one, and up to the one before it
    for one, two in pairwise(items):
        if one[3] == two[3] or one[1] <= two[0]:
            option = (-1, -1)
        else:
            same_label = one[2] == two[2]
            option = (best[1][0] + same_label, best[1][1] + (not same_label))
        best = [max(best[0], option), best[0]]
    return best[0]


@pytest.mark.parametrize("n", [20, 300])
def test_kinds_of_long_chains_are_exact(n):
    gold, predicted = chain(n)
    text = "x" * (4 * n + 8)
    corpora = (
        Corpus([document_of("d", spans, text)], name=name)
        for name, spans in (("gold", gold), ("system", predicted))
    )

    counts = score(*corpora, "entities/strict", boot=0).errors().counts

    assert (counts["boundary"], counts["label+boundary"]) == best_chain_counts(gold, predicted)


def crowd(n, seed):
    """So many items on each side that all overlap in one place: too many for a sweep."""
    draw = random.Random(seed)
    sides = []
    for _ in range(2):
        spans = set()
        while len(spans) < n:
            spans.add((draw.randrange(0, 40), draw.randrange(60, 100), draw.choice("ABC")))
        sides.append(sorted(spans))
    return sides


def test_pairs_of_crowds_do_not_depend_on_order_and_mirror():
    gold, predicted = crowd(40, seed=3)
    text = "x" * 100

    def items_of(one, other):
        corpora = [Corpus([document_of("d", spans, text)]) for spans in (one, other)]
        analysis = score(*corpora, "entities/strict", boot=0).errors()
        return analysis, Counter(
            (item.document, item.kind, item.detail, span_of(item.gold), span_of(item.predicted))
            for item in analysis.items
        )

    analysis, found = items_of(gold, predicted)
    _, reversed_order = items_of(gold[::-1], predicted[::-1])
    _, swapped = items_of(predicted, gold)

    assert reversed_order == found
    assert swapped == Counter({mirrored(item): n for item, n in found.items()})
    assert 0 < analysis.error_counts.approximate <= 40 - analysis.counts["correct"]
    assert analysis.counts["missed"] == analysis.counts["spurious"] == 0


def test_kinds_in_crowds_equal_the_assignment_of_another_solver():
    networkx = pytest.importorskip("networkx")
    gold, predicted = crowd(25, seed=4)
    free_gold = [span for span in gold if span not in predicted]
    free_predicted = [span for span in predicted if span not in gold]
    graph = networkx.Graph()
    for n, one in enumerate(free_gold):
        for m, two in enumerate(free_predicted):
            same_span, same_label = one[:2] == two[:2], one[2] == two[2]
            weight = 10_000 if same_span else 100 if same_label else 1
            graph.add_edge(("gold", n), ("predicted", m), weight=weight)
    pairs = networkx.max_weight_matching(graph)
    weights = Counter(graph.edges[pair]["weight"] for pair in pairs)

    corpora = [Corpus([document_of("d", spans, "x" * 100)]) for spans in (gold, predicted)]
    counts = score(*corpora, "entities/strict", boot=0).errors().counts

    found = (counts["label"], counts["boundary"], counts["label+boundary"])
    assert found == (weights[10_000], weights[100], weights[1])


def test_more_overlaps_than_fit_into_memory_are_an_error_that_says_what_to_do(monkeypatch):
    monkeypatch.setattr("evalkit.analysis.overlaps.MAX_OVERLAPS", 1_000)
    gold, predicted = crowd(40, seed=3)
    corpora = [Corpus([document_of("d", spans, "x" * 100)]) for spans in (gold, predicted)]
    scores = score(*corpora, "entities/strict", boot=0)

    with pytest.raises(InputError, match="more than 1,000 cannot be analyzed.*; split the doc"):
        scores.errors()


def test_the_largest_crowds_take_memory_for_arrays_only():
    # Each of 500 x 500 overlaps as objects in dicts takes more than 500 bytes.
    spans = [(n, 1_001 - n) for n in range(500)]
    gold = [(*span, "A") for span in spans]
    predicted = [(start, end + 1, "B") for start, end in spans]
    corpora = [Corpus([document_of("d", side, "x" * 1_010)]) for side in (gold, predicted)]
    scores = score(*corpora, "entities/strict", boot=0)

    tracemalloc.start()
    counts = scores.errors().counts
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert counts["label+boundary"] == 500
    assert peak < 300 * 500 * 500
