"""Errors of relations: the kinds in an exhaustive search, and what they cost."""

import json
from collections import Counter

import pytest
from helpers.relations import SYMMETRIC, items_of, random_corpora, similar_corpora
from scoring.test_relations import (
    ADA,
    ADA_AS_ORG,
    CHARLES,
    GOLD,
    PREDICTED,
    SOCIETY,
    make_document,
)

import evalkit
from evalkit import Corpus, Document, Entity, InputError, Schema, Scores, Unplaced, score
from evalkit.data.schema import RelationType
from evalkit.results.error_requests import choose_layer

PAIR_KINDS = ("correct", "label", "argument label", "direction", "argument span")
FRIENDS = Schema(relations={"friend": RelationType(symmetric=True)})


def kind_of_pair(gold, predicted):
    """The kind of a pair of (label, argument, argument), each argument (layer, label, start, end);
    None if the two cannot be paired.
    """
    label, *mine = gold
    other_label, *theirs = predicted
    orders = [theirs]
    is_symmetric = label in SYMMETRIC or other_label in SYMMETRIC
    if is_symmetric:
        orders.append(theirs[::-1])
    kinds = set()
    for order in orders:
        if mine == order:
            kinds.add("correct" if label == other_label else "label")
        elif label == other_label:
            spans, other_spans = [each[2:] for each in mine], [each[2:] for each in order]
            overlaps = [one[0] < two[1] and two[0] < one[1] for one, two in zip(spans, other_spans)]
            if spans == other_spans:
                kinds.add("argument label")
            elif all(overlaps):
                kinds.add("argument span")
    if label == other_label and not is_symmetric and mine == theirs[::-1]:
        kinds.add("direction")
    return min(kinds, key=PAIR_KINDS.index, default=None)


def best_counts(gold, predicted):
    """The numbers of pairs of each kind in the best one-to-one set, by trying all of them."""
    if not gold:
        return [0] * len(PAIR_KINDS)
    first, rest = gold[0], gold[1:]
    best = best_counts(rest, predicted)
    for n, other in enumerate(predicted):
        kind = kind_of_pair(first, other)
        if kind is not None:
            counts = best_counts(rest, predicted[:n] + predicted[n + 1 :])
            counts[PAIR_KINDS.index(kind)] += 1
            best = max(best, counts)
    return best


def count_kinds(gold, predicted):
    """The kinds of all relations of two corpora."""
    counts = Counter()
    for mine, theirs in zip(gold, predicted):
        left, right = list(set(items_of(mine))), list(set(items_of(theirs)))
        best = best_counts(left, right)
        counts.update(dict(zip(PAIR_KINDS, best)))
        counts["missed"] += len(left) - sum(best)
        counts["spurious"] += len(right) - sum(best)
    return +counts


def occurring(analysis):
    return {kind: n for kind, n in analysis.counts.items() if n}


def errors_of(gold, predicted, **options):
    return score(gold, predicted, "relations/strict", **options).errors("relations")


def test_a_wrong_label_of_an_argument_is_an_error_of_its_own():
    gold = Corpus([make_document(GOLD)], schema=FRIENDS)

    analysis = errors_of(gold, Corpus([make_document(PREDICTED)]))

    assert occurring(analysis) == {"correct": 1, "argument label": 1, "spurious": 1}
    assert analysis.details == {("argument label", "head"): 1}


def test_another_label_is_a_label_error_and_repeated_relations_count_once():
    text = "aaaa bbbb cccc"
    a, b, c = (0, 4, "A"), (5, 9, "B"), (10, 14, "B")
    gold = make_document([(a, b, "r"), (a, c, "r")], text)
    predicted = make_document([(a, b, "r"), (a, b, "r"), (a, c, "q")], text)

    analysis = errors_of(Corpus([gold]), Corpus([predicted]))

    assert occurring(analysis) == {"correct": 1, "label": 1}
    assert analysis.confusion.same_span[("r", "q")] == 1


SHORT_ADA, ROYAL = (4, 12, "PER"), (45, 50, "ORG")


@pytest.mark.parametrize(
    ("predicted", "kind", "detail"),
    [
        ((SOCIETY, ADA, "member"), "direction", ""),
        ((SHORT_ADA, SOCIETY, "member"), "argument span", "head"),
        ((ADA, ROYAL, "member"), "argument span", "tail"),
        ((SHORT_ADA, ROYAL, "member"), "argument span", "head and tail"),
        ((ADA_AS_ORG, ROYAL, "member"), "argument span", "tail"),
        ((ADA_AS_ORG, SOCIETY, "member"), "argument label", "head"),
        ((ADA, SOCIETY, "friend"), "label", ""),
        ((SOCIETY, ADA, "friend"), "label", ""),
    ],
)
def test_one_relation_has_a_kind_and_a_detail(predicted, kind, detail):
    gold = Corpus([make_document([(ADA, SOCIETY, "member")])], schema=FRIENDS)

    analysis = errors_of(gold, Corpus([make_document([predicted])]))

    (item,) = analysis.items
    assert (item.kind, item.detail) == (kind, detail)
    assert [argument.text for argument in item.gold.arguments] == [
        "Ada Lovelace",
        "Royal Society of London",
    ]


def test_a_symmetric_relation_has_no_direction_whichever_of_its_spans_is_wrong():
    gold = Corpus([make_document([(ADA, CHARLES, "friend")])], schema=FRIENDS)
    predicted = Corpus([make_document([(CHARLES, SHORT_ADA, "friend")])])

    analysis = errors_of(gold, predicted)

    assert analysis.details == {("argument span", "head"): 1}


@pytest.mark.parametrize(
    ("entities", "detail"),
    [((ADA, SOCIETY), ""), ((ADA,), "with its arguments"), ((), "with its arguments")],
)
def test_a_missed_relation_is_missed_with_its_arguments_or_on_its_own(entities, detail):
    gold = make_document([(ADA, SOCIETY, "member")])
    made = [Entity(label, start, end) for start, end, label in entities]
    predicted = Document("d", gold.text, made, relations=[])

    analysis = errors_of(Corpus([gold]), Corpus([predicted]))
    mirrored = errors_of(Corpus([predicted]), Corpus([gold]))

    assert [(item.kind, item.detail) for item in analysis.items] == [("missed", detail)]
    assert [(item.kind, item.detail) for item in mirrored.items] == [("spurious", detail)]


def test_relations_of_failed_documents_and_without_offsets_are_counted():
    gold = Corpus([make_document(GOLD, id="d1"), make_document(GOLD, id="d2")])
    unplaced = [Unplaced("relations", "member", "not in the text", "Eve")]
    predicted = [
        Document("d1", gold[0].text, failure="time out"),
        Document("d2", gold[0].text, gold[1].entities, relations=[], unplaced=unplaced),
    ]

    analysis = errors_of(gold, Corpus(predicted))

    assert occurring(analysis) == {"missed": 4, "unplaced": 1}
    assert analysis.details == {
        ("missed", "failed document"): 2,
        ("unplaced", "not in the text"): 1,
    }


@pytest.mark.parametrize("events", [False, True])
@pytest.mark.parametrize("documents", [300, pytest.param(10_000, marks=pytest.mark.slow)], ids=str)
def test_kinds_are_those_of_an_exhaustive_search(documents, events):
    gold, predicted = similar_corpora(documents + 1, documents, events=events)

    analysis = errors_of(gold, predicted, boot=0)

    assert occurring(analysis) == count_kinds(gold, predicted)
    assert set(PAIR_KINDS) < set(occurring(analysis))


@pytest.mark.parametrize("seed", range(5))
def test_kinds_add_up_to_the_counts_of_strict(seed):
    gold, predicted = similar_corpora(seed, 30)
    scores = score(gold, predicted, "relations/strict")

    analysis = scores.errors("relations")

    row, counts = scores["relations/strict"].micro, analysis.error_counts
    assert (counts.gold, counts.predicted, counts.correct) == (row.gold, row.predicted, row.tp)
    pairs = sum(analysis.counts[kind] for kind in PAIR_KINDS)
    assert pairs + analysis.counts["missed"] == row.gold
    assert pairs + analysis.counts["spurious"] == row.predicted
    losses = [gain.loss for gain in analysis.gains if gain.detail is None]
    assert sum(losses) == pytest.approx(1 - row.f1, abs=1e-12)
    for label in counts.labels:
        by_label = scores["relations/strict"][label]
        assert counts.sum_where(lambda cell: not cell.is_predicted, label) == by_label.gold
        assert counts.sum_where(lambda cell: cell.is_predicted, label) == by_label.predicted


def test_the_sides_mirror():
    gold, predicted = similar_corpora(11, 200)
    predicted = Corpus(list(predicted), schema=gold.schema)

    forward, back = errors_of(gold, predicted), errors_of(predicted, gold)

    exchanged = {"missed": "spurious", "spurious": "missed"}
    for (kind, detail), n in forward.details.items():
        assert back.details[exchanged.get(kind, kind), detail] == n
    for kind in (*PAIR_KINDS, "missed", "spurious"):
        assert back.counts[exchanged.get(kind, kind)] == forward.counts[kind]


def test_the_order_of_documents_and_annotations_does_not_matter():
    gold, predicted = similar_corpora(12, 100, events=True)
    reordered = []
    for corpus in (gold, predicted):
        documents = []
        for document in reversed(corpus.documents):
            documents.append(
                Document(
                    document.id,
                    document.text,
                    document.entities[::-1],
                    document.events[::-1],
                    relations=document.relations[::-1],
                )
            )
        reordered.append(Corpus(documents, schema=corpus.schema, name=corpus.name))

    one, other = errors_of(gold, predicted), errors_of(*reordered)

    assert one.details == other.details
    assert one.gains == other.gains
    assert {kind: one.examples(kind, 20) for kind in one.kinds} == {
        kind: other.examples(kind, 20) for kind in one.kinds
    }
    by_document = sorted(one.items, key=lambda item: item.document)
    assert by_document == sorted(other.items, key=lambda item: item.document)


def test_files_and_shards_give_the_errors_of_corpora(tmp_path):
    gold, predicted = similar_corpora(13, 60)
    predicted = Corpus(predicted.documents, schema=gold.schema, name="predicted")
    for side, corpus in (("gold", gold), ("predicted", predicted)):
        corpus.save(tmp_path / f"{side}.jsonl")
        (tmp_path / side).mkdir()
        for n in range(3):
            part = Corpus(corpus.documents[n::3], schema=corpus.schema)
            part.save(tmp_path / side / f"{n}.jsonl")
    whole = errors_of(gold, predicted)

    files = errors_of(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl")
    shards = errors_of(tmp_path / "gold", tmp_path / "predicted")

    for other in (files, shards):
        assert (other.counts, other.details) == (whole.counts, whole.details)
        assert other.gains == whole.gains
        assert sorted(map(str, other.iter_items())) == sorted(map(str, whole.iter_items()))


def test_saved_counts_are_read_back_and_merged(tmp_path):
    gold, predicted = similar_corpora(14, 40)
    whole = score(gold, predicted, "relations/strict")
    parts = []
    for n in range(2):
        sides = [
            Corpus(corpus.documents[n::2], schema=corpus.schema, name=corpus.name)
            for corpus in (gold, predicted)
        ]
        path = tmp_path / f"{n}.json"
        part = score(*sides, "relations/strict")
        part.errors("relations")
        part.save(path)
        parts.append(Scores.load(path))
    analysis = whole.errors("relations")
    whole.save(tmp_path / "whole.json")

    loaded = Scores.load(tmp_path / "whole.json").errors("relations")
    merged = Scores.merge(parts).errors("relations")

    assert loaded.counts == merged.counts == analysis.counts
    assert loaded.details == merged.details == analysis.details
    assert loaded.gains == merged.gains == analysis.gains


def test_label_maps_apply_to_the_kinds():
    gold, predicted = similar_corpora(15, 100)
    maps = {"relations": {"near": "spouse", "works-for": None}, "entities": {"B": "A"}}

    analysis = errors_of(gold, predicted, label_map=maps, boot=0)

    assert analysis.error_counts.labels == ("spouse",)
    assert analysis.counts["label"] == analysis.counts["argument label"] == 0
    assert analysis.counts["argument span"] > 0


def test_every_format_shows_the_arguments():
    gold, predicted = similar_corpora(16, 30)
    analysis = errors_of(gold, predicted)

    for format in ("table", "markdown", "latex", "csv", "html", "json", "jsonl"):
        assert "argument span" in analysis.render(format)
    table, page = analysis.render("table", width=200), analysis.render("html")
    assert "works-for: A → B" in table
    assert "gold: works-for: A “" in page
    lines = [json.loads(line) for line in analysis.render("jsonl", no_text=True).splitlines()]
    assert {"label", "start", "end", "fragments", "surface", "surface_hash"} == set(
        next(line for line in lines if line["gold"])["gold"]["head"]
    )
    assert all(line["gold"] is None or line["gold"]["head"]["surface"] is None for line in lines)


def test_relations_are_broken_down_by_features_but_not_by_nesting():
    gold, predicted = similar_corpora(17, 60)
    scores = score(gold, predicted, "relations/strict")
    analysis = scores.errors("relations")

    assert set(analysis.breakdowns) == {"length", "frequency", "zone"}
    (bucket,) = analysis.by("zone")
    row = scores["relations/strict"].micro
    assert (bucket.gold, bucket.predicted, bucket.tp) == (row.gold, row.predicted, row.tp)
    with pytest.raises(InputError, match="relations have no nesting"):
        scores.errors("relations", by="nesting")


def test_relations_are_analyzed_by_default_where_there_is_nothing_else():
    gold, predicted = similar_corpora(18, 10)

    assert choose_layer(score(gold, predicted, "relations/strict")) == "relations"
    assert choose_layer(score(gold, predicted)) == "entities"


@pytest.mark.parametrize("layer", ["entities", "triggers"])
@pytest.mark.parametrize("kind", ["label", "boundary", "missed", "spurious"])
def test_relations_of_annotations_that_are_removed_go_with_them(layer, kind):
    gold, predicted = random_corpora(11, 40, events=True)
    fixed = evalkit.fix_errors(gold, predicted, kind, layer=layer)
    kept = 0
    for before, after in zip(predicted.documents, fixed.documents, strict=True):
        ids = {annotation.id for annotation in (*after.entities, *after.events)}
        expected = [each for each in before.relations if {each.head, each.tail} <= ids]
        assert list(after.relations) == expected
        kept += len(expected)
    assert kept
    if kind == "spurious":
        assert kept < sum(len(document.relations) for document in predicted.documents)


def test_relations_of_events_that_are_removed_go_with_them():
    gold, predicted = random_corpora(12, 40, events=True)
    fixed = evalkit.fix_errors(gold, predicted, "spurious events")
    for document in fixed.documents:
        ids = {annotation.id for annotation in (*document.entities, *document.events)}
        assert all({each.head, each.tail} <= ids for each in document.relations)


def test_compare_shows_boundaries_beside_strict():
    gold, one = random_corpora(13, 20)
    two = random_corpora(14, 20)[1]
    systems = {"one": evalkit.score(gold, one, boot=0), "two": evalkit.score(gold, two, boot=0)}
    metrics = evalkit.compare(**systems).metrics
    place = metrics.index("relations/strict")
    assert metrics[place + 1] == "relations/boundaries"


def test_relations_with_too_many_possible_pairs_are_called_approximate():
    text = "x" * 200
    documents = []
    # Each gold span shares ten characters with each predicted one: no pair is better than another.
    for spans in ([(n, 100) for n in range(70)], [(90, 101 + n) for n in range(70)]):
        entities = [Entity("A", *span, id=f"e{n}") for n, span in enumerate(spans)]
        entities.append(Entity("T", 190, 200, id="t"))
        relations = [evalkit.Relation("r", f"e{n}", "t") for n in range(70)]
        documents.append(Document("d", text, entities, relations=relations))
    gold, predicted = (Corpus([document]) for document in documents)
    analysis = score(gold, predicted, "relations/strict", boot=0).errors("relations")
    assert analysis.counts["argument span"] == 70
    assert "70 pairs among too many possible ones: kinds" in analysis.render()
