"""Counts of kinds of error, losses, gains, and counts in which each error counts once."""

import random
from fractions import Fraction

import pytest
from helpers import error_reference
from helpers.error_corpora import corpora_of, document_of, random_components
from helpers.error_examples import (
    COUNT_EXAMPLES,
    DOCUMENT_EXAMPLE,
    FAIR_EXAMPLE,
    SPAN_EXAMPLES,
)
from helpers.perturbed import perturbed
from helpers.random_documents import SCHEMA, make_gold, make_prediction

from evalkit import Corpus, Document, Entity, Scores, Unplaced, score

LAYERS = ("entities", "triggers", "realis", "attributions")
PAIRS = ("correct", "label", "boundary", "label+boundary")


def random_corpora(n, seed):
    """Gold and a prediction with duplicates and unplaced items: n documents with zones."""
    draw = random.Random(seed)
    gold = [make_gold(draw, f"d{number}") for number in range(n)]
    predicted = [make_prediction(draw, document) for document in gold]
    return Corpus(gold, name="gold", schema=SCHEMA), Corpus(predicted, name="system")


def analyze(gold, predicted, text, **options):
    """The analysis of one document with these spans."""
    sides = [Corpus([document_of("d", spans, text)]) for spans in (gold, predicted)]
    return score(*sides, "entities/strict", **options).errors()


@pytest.mark.parametrize("example", SPAN_EXAMPLES, ids=lambda example: example.name)
def test_examples_worked_by_hand(example):
    analysis = analyze(example.gold, example.predicted, example.text, boot=0)

    shown = [
        (
            item.kind,
            item.detail or None,
            item.gold and (item.gold.start, item.gold.end, item.gold.label),
            item.predicted and (item.predicted.start, item.predicted.end, item.predicted.label),
        )
        for item in analysis.items
    ]
    wrong = [item for item in example.items if item[0] != "correct"]
    assert sorted(shown, key=repr) == sorted(wrong, key=repr)
    kinds = [gain for gain in analysis.gains if gain.detail is None]
    assert analysis.f1 == pytest.approx(example.f1, abs=1e-6)
    assert {gain.kind: gain.loss for gain in kinds} == pytest.approx(example.losses, abs=1e-6)
    assert {gain.kind: gain.gain for gain in kinds} == pytest.approx(example.gains, abs=1e-6)
    assert analysis.gain_without_false_positives.gain == pytest.approx(
        example.without_false_positives, abs=1e-6
    )
    assert analysis.gain_without_false_negatives.gain == pytest.approx(
        example.without_false_negatives, abs=1e-6
    )


def corpora_with(counts):
    """Corpora whose analysis has these counts of kinds: items far apart from each other."""
    gold, predicted = [], []
    at = 0
    for kind, number in counts.items():
        for _ in range(number):
            span = (at, at + 4, "A")
            partner = {
                "correct": span,
                "label": (at, at + 4, "B"),
                "boundary": (at, at + 3, "A"),
                "label+boundary": (at, at + 3, "B"),
                "spurious": span,
                "duplicate": None,
            }.get(kind)
            if kind not in ("spurious", "duplicate"):
                gold.append(span)
            if partner:
                predicted.append(partner)
            at += 10
    first = next(span for span in predicted if span in gold) if counts.get("duplicate") else None
    predicted += [first] * counts.get("duplicate", 0)
    text = "x" * (at + 1)
    sides = []
    for spans in (gold, predicted):
        entities = tuple(Entity(label, start, end) for start, end, label in spans)
        sides.append(Corpus([Document("d", text, entities=entities)]))
    return sides


@pytest.mark.parametrize("example", COUNT_EXAMPLES, ids=lambda example: example.name)
def test_gains_of_counts_worked_by_hand(example):
    analysis = score(*corpora_with(example.counts), "entities/strict", boot=0).errors()

    kinds = [gain for gain in analysis.gains if gain.detail is None]
    assert {kind: n for kind, n in analysis.counts.items() if n} == example.counts
    assert analysis.f1 == pytest.approx(example.f1, abs=1e-6)
    assert {gain.kind: gain.gain for gain in kinds} == pytest.approx(example.gains, abs=1e-6)
    assert {gain.kind: gain.loss for gain in kinds} == pytest.approx(example.losses, abs=1e-6)


def test_losses_of_documents_worked_by_hand():
    gold, predicted = [], []
    for id, (n_gold, n_predicted, tp) in DOCUMENT_EXAMPLE["documents"].items():
        of_gold = [(10 * n, 10 * n + 2, "A") for n in range(n_gold)]
        wrong = [(10 * n + 5, 10 * n + 7, "A") for n in range(n_predicted - tp)]
        text = "x" * 200
        gold.append(document_of(id, of_gold, text))
        predicted.append(document_of(id, [*of_gold[:tp], *wrong], text))

    analysis = score(Corpus(gold), Corpus(predicted), "entities/strict", boot=0).errors()

    hardest = analysis.hardest()
    assert [each.document for each in hardest] == DOCUMENT_EXAMPLE["order"]
    assert {each.document: each.loss for each in hardest} == pytest.approx(
        {id: loss for id, loss in DOCUMENT_EXAMPLE["losses"].items() if loss}
    )


@pytest.mark.parametrize("seed", range(4))
def test_identities_hold_for_all_layers_labels_and_documents(seed):
    gold, predicted = random_corpora(60, seed)
    scores = score(gold, predicted, boot=0, zones="primary")
    for layer in LAYERS:
        analysis = scores.errors(layer)
        strict = score(gold, predicted, f"{layer}/strict", boot=0)[f"{layer}/strict"]
        n = analysis.counts
        paired = sum(n[kind] for kind in PAIRS)

        micro = strict.micro
        assert paired + n["missed"] == micro.gold
        assert paired + n["spurious"] + n["duplicate"] + n["unplaced"] == micro.predicted
        assert n["correct"] == micro.tp
        losses = [gain.loss for gain in analysis.gains if gain.detail is None]
        assert sum(losses) == pytest.approx(1 - micro.f1, abs=1e-12)
        assert all(gain.gain >= 0 for gain in (*analysis.gains, *analysis.gains_by_label))
        by_label = sum(gain.loss for gain in analysis.gains_by_label)
        assert by_label == pytest.approx(1 - micro.f1, abs=1e-12)
        for label in strict.labels:
            row = strict[label]
            of_gold = sum(
                count for (one, _, _), count in analysis.error_counts.pairs.items() if one == label
            )
            of_predicted = sum(
                count
                for (_, other, _), count in analysis.error_counts.pairs.items()
                if other == label
            )
            assert of_gold + analysis.error_counts.count_kind("missed", label=label) == row.gold
            single = sum(
                analysis.error_counts.count_kind(kind, label=label)
                for kind in ("spurious", "duplicate", "unplaced")
            )
            assert of_predicted + single == row.predicted
        losses_of = {each.document: each for each in analysis.hardest(1000)}
        for id, row in strict.by_document():
            hard = losses_of.get(id)
            assert (hard.fn, hard.fp) == (row.fn, row.fp) if hard else row.fn + row.fp == 0
        assert sum(each.loss for each in losses_of.values()) == pytest.approx(1 - micro.f1)


@pytest.mark.slow
def test_identities_hold_on_10_000_random_corpora():
    for seed in range(100):
        components = random_components(100, 1_000 + seed)
        for one in components:
            analysis = error_reference.analyze(*one)
            found = score(*corpora_of([one]), "entities/strict", boot=0).errors()
            gold, predicted = len(analysis.gold), len(analysis.predicted)
            n = found.counts
            paired = sum(n[kind] for kind in PAIRS)
            assert paired + n["missed"] == gold
            assert paired + n["spurious"] == predicted
            if gold + predicted:
                losses = sum(gain.loss for gain in found.gains if gain.detail is None)
                assert losses == pytest.approx(1 - found.f1, abs=1e-12)
                # Without gold items, and without the spurious ones, F1 is undefined.
                for gain in found.gains:
                    if not gold and gain.n == predicted:
                        assert gain.gain is None
                    else:
                        assert gain.gain >= 0


def test_gains_equal_exact_fractions():
    components = random_components(300, seed=21)
    analyses = [error_reference.analyze(*component) for component in components]
    kinds = error_reference.count_kinds(analyses)

    found = score(*corpora_of(components), "entities/strict", boot=0).errors()

    gains = {gain.kind: gain for gain in found.gains if gain.detail is None}
    expected = error_reference.gains_alone(kinds)
    assert set(gains) == {kind for kind in expected if kinds[kind]}
    for kind, gain in gains.items():
        assert gain.gain == pytest.approx(float(expected[kind]), abs=1e-12)
        assert gain.loss == pytest.approx(float(error_reference.losses(kinds)[kind]), abs=1e-12)


def test_fair_counts_equal_exact_fractions():
    components = random_components(400, seed=22)
    analyses = [error_reference.analyze(*component) for component in components]

    fair = score(*corpora_of(components), "entities/strict", boot=0).errors().fair

    plain = error_reference.fair_ratios(*error_reference.fair_counts(analyses))
    weighted = error_reference.fair_ratios(*error_reference.weighted_fair_counts(analyses))
    assert (fair.precision, fair.recall, fair.f1) == pytest.approx(tuple(map(float, plain)))
    assert (
        fair.weighted_precision,
        fair.weighted_recall,
        fair.weighted_f1,
    ) == pytest.approx(tuple(map(float, weighted)))


def test_fair_counts_worked_by_hand():
    example = SPAN_EXAMPLES[0]

    fair = analyze(example.gold, example.predicted, example.text, boot=0).fair

    assert fair.errors == FAIR_EXAMPLE["shared"]
    assert (fair.precision, fair.recall, fair.f1) == (0.0, 0.0, 0.0)


def test_the_interval_of_a_gain_is_that_of_the_difference_to_the_corrected_prediction():
    gold, predicted = perturbed(40, 5)
    scores = score(gold, predicted, "entities/strict")
    analysis = scores.errors()
    by_document = dict(scores["entities/strict"].by_document())
    missed = {}
    for item in analysis.items:
        if item.kind == "missed":
            missed[item.document] = missed.get(item.document, 0) + 1

    rows = [(row.gold, row.predicted, row.tp, missed.get(id, 0)) for id, row in by_document.items()]

    def gain_of(selected):
        n_gold, n_predicted, tp, n = (sum(column) for column in zip(*selected, strict=True))
        after = Fraction(2 * (tp + n), n_gold + n_predicted + n)
        return float(after - Fraction(2 * tp, n_gold + n_predicted))

    value = gain_of(rows)
    without = [gain_of(rows[:k] + rows[k + 1 :]) for k in range(len(rows))]
    n = len(rows)
    error = ((n - 1) / n * sum((each - value) ** 2 for each in without)) ** 0.5
    gain = next(gain for gain in analysis.gains if gain.kind == "missed")

    assert gain.gain == pytest.approx(value, abs=1e-12)
    # The quantile of t depends on the effective number of documents, a little below n.
    assert 2.0 * error < gain.interval.high - gain.gain < 2.1 * error


def test_a_perfect_prediction_has_no_errors():
    gold, _ = perturbed(10, 6)

    analysis = score(gold, gold, "entities/strict").errors()

    assert (analysis.f1, analysis.gains, analysis.items) == (1.0, [], [])
    assert "all errors" not in analysis.render() or "0.000" in analysis.render()


def test_gold_items_of_a_failed_document_are_missed_with_that_detail():
    gold, predicted = perturbed(4, 7)
    documents = [
        Document("d0", gold.documents[0].text, failure="timeout"),
        *list(predicted)[1:],
    ]

    analysis = score(gold, Corpus(documents), "entities/strict").errors()
    missing = score(gold, Corpus(list(predicted)[1:]), "entities/strict", missing="empty").errors()

    n = len(next(iter(gold)).entities)
    assert analysis.details["missed", "failed document"] == n
    assert missing.details["missed", "missing document"] == n


def test_duplicates_and_unplaced_items_are_kinds_of_their_own():
    text = "Ada met Bo."
    gold = Corpus([Document("d", text, entities=(Entity("PER", 0, 3),))])
    predicted = Corpus(
        [
            Document(
                "d",
                text,
                entities=(Entity("PER", 0, 3), Entity("PER", 0, 3, score=0.5)),
                unplaced=(Unplaced("entities", "PER", "not in the text", "Cy"),),
            )
        ]
    )

    analysis = score(gold, predicted, "entities/strict").errors()

    assert analysis.counts["duplicate"] == analysis.counts["unplaced"] == 1
    assert analysis.details == {("unplaced", "not in the text"): 1}
    (unplaced,) = analysis.examples("unplaced")
    assert (unplaced.predicted.text, unplaced.predicted.start) == ("Cy", -1)


def shards_of(corpus, sizes):
    documents = list(corpus)
    shards = []
    for size in sizes:
        shards.append(Corpus(documents[:size], name=corpus.name, schema=corpus.schema))
        documents = documents[size:]
    return shards


@pytest.mark.parametrize("layer", LAYERS)
def test_saved_counts_of_shards_merge_into_those_of_the_whole(layer, tmp_path):
    gold, predicted = random_corpora(30, seed=3)
    metric = f"{layer}/strict"
    whole = score(gold, predicted, metric)
    expected = whole.errors(layer)
    loaded = []
    for n, (one, other) in enumerate(
        zip(shards_of(gold, [1, 12, 17]), shards_of(predicted, [1, 12, 17]), strict=True)
    ):
        scores = score(one, other, metric)
        scores.errors(layer)
        scores.save(tmp_path / f"{n}.json")
        loaded.append(Scores.load(tmp_path / f"{n}.json"))

    merged = Scores.merge(loaded[::-1])
    analysis = merged.errors(layer)

    assert analysis.gains == expected.gains
    assert analysis.confusion == expected.confusion
    assert analysis.fair == expected.fair
    assert merged.to_json() == whole.to_json()


def test_results_do_not_depend_on_the_order_of_documents_blocks_or_files(tmp_path):
    gold, predicted = perturbed(2_100, 8, sentences=1)
    backwards = [
        Corpus(list(corpus)[::-1], name=corpus.name, schema=corpus.schema)
        for corpus in (gold, predicted)
    ]
    for name, corpus in (("gold", gold), ("said", predicted)):
        corpus.save(tmp_path / f"{name}.jsonl")

    one = score(gold, predicted, "entities/strict").errors()
    two = score(*backwards, "entities/strict").errors()
    three = score(tmp_path / "gold.jsonl", tmp_path / "said.jsonl", "entities/strict").errors()

    for other in (two, three):
        assert other.gains == one.gains
        assert other.breakdowns == one.breakdowns
        assert other.hardest(5) == one.hardest(5)
        for kind in ("label", "boundary", "missed", "spurious"):
            assert other.examples(kind, 9) == one.examples(kind, 9)
    assert [item.to_json() for item in three.items] == [item.to_json() for item in one.items]
