"""Documents are read and counted in batches: no number of documents, order, file, worker or shard
may change a count.

Expected is the sum of the documents, each scored alone.
"""

import random
from collections import Counter
from functools import cache
from itertools import pairwise

import pytest
from helpers.oracle import LAYERS, SCHEMES_OF
from helpers.random_documents import SCHEMA, TEXT, make_pairs

from evalkit import Corpus, Document, Scores, score, score_spans, score_tags

SIZES = [1, 63, 64, 65, 100, 500, 1000, 1023, 1024, 1025]
TEMPLATES = 24
METRICS = [
    f"{layer}/{scheme}"
    for layer in LAYERS
    for scheme in ("strict", "partial")
    if scheme in SCHEMES_OF[layer]
]
METRICS += ["attribution-relations/type", "entities/characters", "attached-attributions/characters"]
MUC_METRICS = [
    "entities/strict",
    "entities/partial",
    "attached-arguments/strict",
    "attached-attributions/partial",
]  # those of the others take long
PAIRS = [pair for seed in range(TEMPLATES) for pair in make_pairs(1000 + seed, documents=1)]


def sizes(*quick):
    """All sizes; those that are not named run with the slow tests."""
    return pytest.mark.parametrize(
        "size",
        [pytest.param(size, marks=[] if size in quick else pytest.mark.slow) for size in SIZES],
    )


def rename(document, id):
    return Document(
        id,
        document.text,
        document.entities,
        document.events,
        document.attributions,
        document.zones,
        unplaced=document.unplaced,
    )


def count_annotations(pair):
    """The number of annotations in the layer of a pair that has the fewest."""
    return min(
        len(getattr(document, layer))
        for document in pair
        for layer in ("entities", "events", "attributions")
    )


RICHEST = max(range(TEMPLATES), key=lambda template: count_annotations(PAIRS[template]))


def choose_templates(size):
    """The template of each document.

    The last one has annotations in every layer, so that the loss of a batch of one is seen.
    """
    draw = random.Random(size)
    return [*(draw.randrange(TEMPLATES) for _ in range(size - 1)), RICHEST]


def make_corpus(templates, side, order=None):
    documents = [rename(PAIRS[template][side], f"d{n}") for n, template in enumerate(templates)]
    return Corpus(
        [documents[n] for n in order or range(len(documents))], name="corpus", schema=SCHEMA
    )


def collect(scores):
    """All counts of all metrics, as one Counter."""
    counts = Counter()
    for metric in METRICS:
        measured = scores[metric]
        for row in measured.rows():
            if row.average in (None, "micro"):
                counts.update(
                    {
                        (metric, row.label, name): getattr(row, name)
                        for name in ("tp", "found", "predicted", "gold")
                    }
                )
        if metric in MUC_METRICS:
            counts.update(
                {(metric, "muc", name): number for name, number in measured.muc._asdict().items()}
            )
        counts.update(
            {
                (metric, "set aside", name): number
                for name, number in measured.counts.set_aside.items()
            }
        )
        for zone, row in measured.by_zone():
            counts.update(
                {
                    (metric, "zone", zone, name): getattr(row, name)
                    for name in ("tp", "predicted", "gold")
                }
            )
    return +counts


@cache
def count_alone(template):
    return collect(score(make_corpus([template], 0), make_corpus([template], 1), METRICS, boot=0))


def add_up(templates):
    total = Counter()
    for template, times in Counter(templates).items():
        for key, number in count_alone(template).items():
            total[key] += number * times
    return total


def write_files(folder, templates, orders=(None, None)):
    paths = folder / "gold.jsonl", folder / "predicted.jsonl"
    for side, path in enumerate(paths):
        make_corpus(templates, side, orders[side]).save(path)
    return paths


def shuffle_orders(size):
    draw = random.Random(-size)
    return tuple(draw.sample(range(size), size) for _ in (0, 1))


@sizes(1, 63, 64, 65, 1024, 1025)
def test_documents_in_memory_add_up(size):
    templates = choose_templates(size)

    assert collect(
        score(make_corpus(templates, 0), make_corpus(templates, 1), METRICS, boot=0)
    ) == add_up(templates)


@sizes(1, 65, 500)
def test_documents_in_other_orders_add_up(size):
    templates = choose_templates(size)
    gold, predicted = (
        make_corpus(templates, side, order) for side, order in enumerate(shuffle_orders(size))
    )

    assert collect(score(gold, predicted, METRICS, boot=0)) == add_up(templates)


@pytest.mark.slow
@sizes(1, 65, 500)
@pytest.mark.parametrize("ordered", [True, False], ids=["one order", "two orders"])
def test_documents_in_files_add_up(size, ordered, tmp_path):
    templates = choose_templates(size)
    paths = write_files(tmp_path, templates, (None, None) if ordered else shuffle_orders(size))

    assert collect(score(*paths, METRICS, boot=0)) == add_up(templates)


@pytest.mark.slow
@sizes(1, 65, 500)
def test_documents_counted_by_two_workers_add_up(size, tmp_path):
    templates = choose_templates(size)
    paths = write_files(tmp_path, templates)

    assert collect(score(*paths, METRICS, boot=0, jobs=2)) == add_up(templates)


@pytest.mark.slow
@sizes(1, 65, 100)
@pytest.mark.parametrize(
    "cuts", [(), (0.5,), (0.1, 0.7)], ids=["1 shard", "2 shards", "3 uneven shards"]
)
def test_results_of_shards_add_up_when_merged(size, cuts, tmp_path):
    templates = choose_templates(size)
    bounds = sorted({0, *(int(size * cut) for cut in cuts), size})  # one document is one shard
    gold, predicted = (list(make_corpus(templates, side)) for side in (0, 1))
    saved = []
    for n, (first, last) in enumerate(pairwise(bounds)):
        shard = score(
            *(Corpus(side[first:last], name="corpus", schema=SCHEMA) for side in (gold, predicted)),
            METRICS,
            boot=0,
        )
        shard.save(tmp_path / f"{n}.json")
        saved.append(Scores.load(tmp_path / f"{n}.json"))

    assert collect(Scores.merge(saved)) == add_up(templates)


@pytest.mark.parametrize("size", [1, 64, 1023, 1024, 1025, 1026])
def test_lists_of_spans_add_up(size):
    gold, predicted = (
        [
            [(e.start, e.end, e.label) for e in PAIRS[template][side].entities if not e.fragments]
            for template in choose_templates(size)
        ]
        for side in (0, 1)
    )
    expected = Counter()
    for one, other in zip(gold, predicted, strict=True):
        for label in {item[2] for item in [*one, *other]}:
            mine, theirs = ([item for item in side if item[2] == label] for side in (one, other))
            expected.update(
                {
                    (label, "tp"): len(set(mine) & set(theirs)),
                    (label, "predicted"): len(theirs),
                    (label, "gold"): len(mine),
                }
            )

    measured = score_spans(gold, predicted, boot=0)["ner"]

    assert {
        (label, name): getattr(measured[label], name)
        for label in measured.labels
        for name in ("tp", "predicted", "gold")
        if getattr(measured[label], name)
    } == +expected
    assert measured.counts.set_aside["duplicate"] == sum(
        len(side) - len(set(side)) for side in predicted
    )


@pytest.mark.parametrize("size", [1, 64, 1023, 1024, 1025, 1026])
def test_lists_of_tags_add_up(size):
    draw = random.Random(size)
    gold, predicted = (
        [
            [f"B-{label}" if label else "O" for label in draw.choices(["A", "B", None], k=5)]
            for _ in range(size)
        ]
        for _ in (0, 1)
    )
    expected = Counter()
    for one, other in zip(gold, predicted, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            expected["tp"] += mine == theirs != "O"
            expected["gold"] += mine != "O"
            expected["predicted"] += theirs != "O"

    micro = score_tags(gold, predicted, boot=0)["ner"].micro

    assert {"tp": micro.tp, "predicted": micro.predicted, "gold": micro.gold} == dict(expected)


def test_counts_of_what_is_set_aside_are_kept_by_batches_files_and_shards(tmp_path):
    """Every kind that the documents have is there, so that none can be lost unseen."""
    templates = [n % TEMPLATES for n in range(130)]
    expected = {
        (metric, name): number
        for (metric, kind, name, *_), number in add_up(templates).items()
        if kind == "set aside"
    }

    assert count_annotations(PAIRS[RICHEST]) > 0
    kinds = {name for _, name in expected}
    assert {
        "duplicate",
        "unplaced",
        "gold_outside_zones",
        "predicted_outside_zones",
        "gold_merged",
        "predicted_merged",
    } <= kinds
    assert {document.text for pair in PAIRS for document in pair} == {TEXT}
    scored = score(*write_files(tmp_path, templates), METRICS, boot=0)
    assert {
        (metric, name): number
        for metric in METRICS
        for name, number in scored[metric].counts.set_aside.items()
        if number
    } == expected
