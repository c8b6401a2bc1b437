"""The scheme `iou:T` against plain loops with exact fractions."""

import random
from fractions import Fraction

import pytest
from helpers.cli import run_evalkit
from helpers.dense_corpora import random_sides
from helpers.oracle import IOU_LAYERS, add_up, add_up_labels, count_document
from helpers.random_documents import make_corpora, make_pairs, scored_characters

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    Scores,
    score,
    score_spans,
    score_tags,
)
from evalkit.errors import UnknownNameError
from evalkit.scoring.metrics import Metric, parse_metrics

THRESHOLDS = ("0.01", "0.2", "0.333", "0.5", "0.75", "0.9", "1")
METRICS = [f"entities/iou:{threshold}" for threshold in THRESHOLDS]
DEFAULT_AND_SLOW = [300, pytest.param(10_000, marks=pytest.mark.slow)]


def counts_of(row):
    return row.tp, row.predicted, row.gold


def corpus_of(*spans, label="PER"):
    entities = [Entity(label, *span) for span in spans]
    return Corpus([Document("d", "x" * 60, entities)])


def characters_of(entity):
    ranges = entity.fragments or ((entity.start, entity.end),)
    return {position for start, end in ranges for position in range(start, end)}


def overlap_of(one, other):
    """Shared characters ÷ characters of the union; 0 for different labels."""
    if one.label != other.label:
        return Fraction(0)
    mine, theirs = characters_of(one), characters_of(other)
    return Fraction(len(mine & theirs), len(mine | theirs))


def compare(gold, predicted):
    return [[overlap_of(one, other) for other in predicted] for one in gold]


def largest_matching(overlaps, threshold):
    """The number of pairs, by augmenting paths. overlaps: of each gold with each predicted item."""
    neighbors = [[m for m, value in enumerate(row) if value >= threshold] for row in overlaps]
    partner = {}

    def augment(n, seen):
        for m in neighbors[n]:
            if m not in seen:
                seen.add(m)
                if m not in partner or augment(partner[m], seen):
                    partner[m] = n
                    return True
        return False

    return sum(augment(n, set()) for n in range(len(overlaps)))


def distinct(entities):
    return list({(e.label, e.start, e.end, e.fragments): e for e in entities or ()}.values())


@pytest.mark.parametrize(
    ("predicted", "threshold", "tp"),
    [
        ((0, 5), "0.5", 1),
        ((0, 5), "0.51", 0),
        ((5, 15), "0.333", 1),
        ((5, 15), "0.3333333", 1),
        ((5, 15), "0.3333334", 0),
        ((10, 20), "0.000001", 0),
        ((0, 9), "0.9", 1),
        ((0, 10), "1", 1),
        ((0, 9), "1", 0),
    ],
)
def test_spans_match_if_shared_characters_are_at_least_that_share_of_the_union(
    predicted, threshold, tp
):
    metric = f"entities/iou:{threshold}"

    scores = score(corpus_of((0, 10)), corpus_of(predicted), metric, boot=0)

    assert scores[metric].micro.tp == tp


def test_labels_must_be_equal():
    gold, predicted = corpus_of((0, 10)), corpus_of((0, 10), label="ORG")

    assert score(gold, predicted, "entities/iou:0.1", boot=0)["entities/iou:0.1"].micro.tp == 0


def test_discontinuous_spans_count_the_characters_of_their_fragments():
    entity = Entity("PER", 0, 30, fragments=((0, 5), (25, 30)))
    gold = Corpus([Document("d", "x" * 60, [entity])])
    predicted = corpus_of((0, 5))

    scores = score(gold, predicted, ["entities/iou:0.5", "entities/iou:0.6"], boot=0)

    assert [scores[m].micro.tp for m in ("entities/iou:0.5", "entities/iou:0.6")] == [1, 0]


def test_the_matching_is_the_largest_even_if_an_earlier_end_is_needed_later():
    # (0, 10) reaches both predictions, (2, 10) only the one that ends first.
    gold = corpus_of((0, 10), (2, 10))
    predicted = corpus_of((0, 9), (0, 12))

    scores = score(gold, predicted, "entities/iou:0.7", boot=0)

    assert scores["entities/iou:0.7"].micro.tp == 2


@pytest.mark.parametrize("layer", IOU_LAYERS)
@pytest.mark.parametrize("documents", [60, pytest.param(10_000, marks=pytest.mark.slow)], ids=str)
def test_each_layer_counts_what_the_oracle_counts(layer, documents):
    pairs = make_pairs(documents, documents)
    metrics = [f"{layer}/iou:{threshold}" for threshold in ("0.2", "0.5", "0.75")]

    scores = score(*make_corpora(pairs), metrics, boot=0)

    for metric in metrics:
        expected = []
        for gold, predicted in pairs:
            expected.append(count_document(metric, gold, predicted, scored_characters(gold)))
        rows = dict(scores[metric].by_document())
        for (gold, _), counts in zip(pairs, expected):
            assert counts_of(rows[gold.id]) == counts.micro, (metric, gold.id)
        assert counts_of(scores[metric].micro) == add_up(each.micro for each in expected)
        for label, counts in add_up_labels(expected).items():
            assert counts_of(scores[metric][label]) == counts, (metric, label)


@pytest.mark.parametrize("documents", DEFAULT_AND_SLOW, ids=str)
@pytest.mark.parametrize("features", [0.0, 0.8], ids=["contiguous", "discontinuous"])
def test_dense_documents_have_the_largest_matching(documents, features):
    gold, predicted = random_sides(documents, documents, features=features, n_labels=2)
    gold = Corpus([Document(d.id, d.text, d.entities or ()) for d in gold])
    predicted = Corpus([Document(d.id, d.text, distinct(d.entities)) for d in predicted])

    scores = score(gold, predicted, METRICS, boot=0)

    rows = {metric: dict(scores[metric].by_document()) for metric in METRICS}
    for mine, theirs in zip(gold, predicted):
        overlaps = compare(mine.entities, theirs.entities)
        for threshold, metric in zip(THRESHOLDS, METRICS):
            expected = largest_matching(overlaps, Fraction(threshold))
            assert rows[metric][mine.id].tp == expected, (metric, mine.id)


@pytest.mark.parametrize("layer", IOU_LAYERS)
def test_the_largest_threshold_is_strict_and_the_smallest_is_type(layer):
    gold, predicted = make_corpora(make_pairs(3, 150))
    names = [f"{layer}/{scheme}" for scheme in ("strict", "iou:1", "type", "iou:0.001")]

    scores = score(gold, predicted, names, boot=0)

    strict, one, overlap, least = (scores[name] for name in names)
    assert one.muc == strict.muc
    for metric, other in ((strict, one), (overlap, least)):
        assert counts_of(metric.micro) == counts_of(other.micro)
        for label in metric.labels:
            assert counts_of(metric[label]) == counts_of(other[label])
        rows = {id: counts_of(row) for id, row in metric.by_document()}
        assert rows == {id: counts_of(row) for id, row in other.by_document()}


def test_f1_does_not_grow_with_the_threshold():
    for seed in range(5):
        scores = score(*random_sides(seed, 10, features=0.5), METRICS, boot=0)
        values = [scores[metric].micro.tp for metric in METRICS]
        assert values == sorted(values, reverse=True)


def test_exchanged_sides_have_the_same_pairs():
    gold, predicted = make_corpora(make_pairs(8, 150, duplicates=False, zones=()))
    metrics = [f"{layer}/iou:0.3" for layer in IOU_LAYERS]

    forward = score(gold, predicted, metrics, boot=0)
    backward = score(predicted, gold, metrics, boot=0)

    for metric in metrics:
        assert forward[metric].micro.tp == backward[metric].micro.tp
        mine = [(p.document, p.gold, p.predicted) for p in forward.pairs(metric) if p.gold]
        theirs = [(p.document, p.predicted, p.gold) for p in backward.pairs(metric) if p.predicted]
        paired = {each for each in mine if None not in each}
        assert paired == {each for each in theirs if None not in each}


@pytest.mark.slow
def test_orders_files_shards_and_processes_give_the_same_result(tmp_path):
    gold, predicted = make_corpora(make_pairs(4, 200))
    metrics = [f"{layer}/iou:0.4" for layer in IOU_LAYERS]
    whole = score(gold, predicted, metrics, boot=0)
    for side, corpus in (("gold", gold), ("predicted", predicted)):
        corpus.save(tmp_path / f"{side}.jsonl")
        (tmp_path / side).mkdir()
        for n in range(3):
            part = Corpus(list(corpus)[n::3], schema=corpus.schema, name="corpus")
            part.save(tmp_path / side / f"{n}.jsonl")
    files = tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl"
    shuffled = []
    for document in predicted:
        entities = random.Random(document.id).sample(document.entities, len(document.entities))
        shuffled.append(
            Document(
                document.id,
                document.text,
                entities,
                document.events[::-1],
                document.attributions[::-1],
                zones=document.zones,
                unplaced=document.unplaced,
            )
        )
    shuffled.reverse()

    assert score(*files, metrics, boot=0).rows() == whole.rows()
    assert score(*files, metrics, boot=0, jobs=2).rows() == whole.rows()
    assert score(tmp_path / "gold", tmp_path / "predicted", metrics, boot=0).rows() == whole.rows()
    reordered = Corpus(shuffled, schema=predicted.schema, name="corpus")
    assert score(gold, reordered, metrics, boot=0).rows() == whole.rows()


@pytest.mark.parametrize("documents", [63, 64, 65, 1023, 1024, 1025])
def test_counts_do_not_depend_on_batches(documents):
    sides = random_sides(documents, documents, most=4, n_labels=1)
    metric = "entities/iou:0.5"

    scores = score(*sides, metric, boot=0)

    expected = 0
    for mine, theirs in zip(*sides):
        overlaps = compare(mine.entities, distinct(theirs.entities))
        expected += largest_matching(overlaps, Fraction(1, 2))
    assert scores[metric].micro.tp == expected


def test_long_spans_over_many_short_ones_are_fast_and_long_offsets_exact():
    short = [(10 * n, 10 * n + 4, "A") for n in range(20_000)]
    shifted = [(10 * n + 1, 10 * n + 5, "A") for n in range(20_000)]
    long = [(n, 300_000, "A") for n in range(500)]
    far = 3_000_000_000_000_000

    scores = score_spans([short + long], [shifted + long], ["entities/iou:0.6"])
    huge = score_spans([[(0, far, "A")]], [[(0, far - 1, "A")]], ["entities/iou:0.999999999999999"])
    less = score_spans([[(0, far, "A")]], [[(0, far - 4, "A")]], ["entities/iou:0.999999999999999"])

    assert scores["entities/iou:0.6"].micro.tp == 20_500
    assert huge["entities/iou:0.999999999999999"].micro.tp == 1
    assert less["entities/iou:0.999999999999999"].micro.tp == 0


def test_tags_and_bare_spans_are_scored():
    metric = "entities/iou:0.5"

    tags = score_tags([["B-P", "I-P", "O"]], [["B-P", "O", "O"]], metrics=[metric])
    spans = score_spans([[(0, 2, "P")]], [[(0, 1, "P")]], [metric])

    assert counts_of(tags[metric].micro) == counts_of(spans[metric].micro) == (1, 1, 1)


def test_names_are_canonical():
    names = "entities/iou:.50,entities/iou:0.5,entities/iou:00.500,entities/iou:1.0"

    assert list(map(str, parse_metrics(names))) == ["entities/iou:0.5", "entities/iou:1"]
    scores = score(corpus_of((0, 10)), corpus_of((0, 5)), "entities/iou:.50", boot=0)
    assert scores["entities/iou:0.50"].micro.tp == 1
    assert "metric:entities/iou:0.5|" in scores["entities/iou:0.5"].signature


@pytest.mark.parametrize(
    "number", ["0", "0.0", "1.01", "2", "-0.5", "", ".", "x", "1e-2", "1/2", "50%", "nan", "T"]
)
def test_an_invalid_threshold_is_an_error(number):
    with pytest.raises(InputError, match="threshold above 0 and at most 1, as a decimal number"):
        Metric.parse(f"entities/iou:{number}")


def test_layers_without_the_scheme_and_names_without_a_layer_are_errors():
    with pytest.raises(InputError, match=r"tokens offers no iou:0\.5; it offers strict, exact"):
        Metric.parse("tokens/iou:0.5")
    with pytest.raises(InputError, match=r"it is a scheme; write LAYER/iou:0\.5"):
        Metric.parse("iou:0.5")
    with pytest.raises(UnknownNameError, match="iou:T"):
        Metric.parse("entities/iou")


def test_a_saved_result_has_the_same_scores(tmp_path):
    metrics = ["entities/strict", "entities/iou:0.5", "entities/iou:0.75"]
    scores = score(*random_sides(1, 30), metrics)
    scores.save(tmp_path / "result.json")

    loaded = Scores.load(tmp_path / "result.json")

    assert loaded.rows() == scores.rows()
    assert str(loaded) == str(scores)
    assert "iou:T: shared ÷ union of characters at least T, with equal label" in str(scores)
    assert loaded["entities/iou:0.5"].micro.wilson("recall").low is not None


def test_gates_and_the_command_line_take_thresholds(tmp_path):
    corpus_of((0, 10)).save(tmp_path / "gold.jsonl")
    corpus_of((0, 6)).save(tmp_path / "predicted.jsonl")
    files = [str(tmp_path / "gold.jsonl"), str(tmp_path / "predicted.jsonl")]
    metrics = ["--metrics", "entities/iou:0.5,entities/iou:0.75"]

    passed = run_evalkit("score", *files, *metrics, "--gate", "entities/iou:0.5[PER].f1>=0.8")
    failed = run_evalkit("score", *files, *metrics, "--gate", "entities/iou:0.75>=0.8")
    invalid = run_evalkit("score", *files, "--metrics", "entities/iou:2")

    assert passed.returncode == 0, passed.stderr
    assert failed.returncode == 5
    assert invalid.returncode == 2
    assert "at most 1" in invalid.stderr
