"""What a corpus holds, and how many such documents a difference takes."""

import csv
import io
import json
import math

import numpy as np
import pytest
from helpers.documents import EMPTY, EVERYTHING, FAILED
from helpers.perturbed import perturbed, strict_by_unit

from evalkit import (
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    Schema,
    Span,
    Unplaced,
    Zone,
    load_corpus,
    score,
)
from evalkit.corpus import open_corpus
from evalkit.data.schema import ZoneSchema
from evalkit.errors import InputError, UnknownNameError
from evalkit.stats.planning import count_needed_documents, sample_gold, sample_predictions


@pytest.fixture
def small():
    schema = Schema(labels={"PER": "", "LOC": "", "ORG": "", "DATE": ""})
    documents = [
        Document(
            "d1", "Ann met Bo in Rome", [Entity("PER", 0, 3), Entity("PER", 8, 10)], events=[]
        ),
        Document("d2", "Rome", [Entity("LOC", 0, 4)]),
        Document("d3", "Bo left", [Entity("PER", 0, 2)]),
        Document("d4", "", entities=[]),
    ]
    return Corpus(documents, "small", schema)


def test_each_label_has_its_annotations_and_documents(small):
    rows = small.stats().rows()

    assert rows[:2] == [
        {
            "corpus": "small",
            "layer": "entities",
            "label": "PER",
            "annotations": 3,
            "share": 0.75,
            "documents": 2,
            "effective_documents": 9 / 5,
            "tokens_median": 1,
            "tokens_max": 1,
            "characters_median": 2,
            "characters_max": 3,
            "surface_forms": 2,
            "most_frequent": "Bo",
            "most_frequent_share": 2 / 3,
            "ambiguous_forms": 0,
            "is_rare": True,
            "nested": 0,
            "crossing": 0,
            "same_span": 0,
            "discontinuous": 0,
            "duplicates": 0,
            "edges": 0,
        },
        {
            "corpus": "small",
            "layer": "entities",
            "label": "LOC",
            "annotations": 1,
            "share": 0.25,
            "documents": 1,
            "effective_documents": 1.0,
            "tokens_median": 1,
            "tokens_max": 1,
            "characters_median": 4,
            "characters_max": 4,
            "surface_forms": 1,
            "most_frequent": "Rome",
            "most_frequent_share": 1.0,
            "ambiguous_forms": 0,
            "is_rare": True,
            "nested": 0,
            "crossing": 0,
            "same_span": 0,
            "discontinuous": 0,
            "duplicates": 0,
            "edges": 0,
        },
    ]
    assert [(row["layer"], row["label"]) for row in rows[2:]] == [
        ("entities", None),
        ("triggers", None),
        ("arguments", None),
    ]
    assert [rows[2][name] for name in ("annotations", "share", "documents")] == [4, 1.0, 3]
    assert rows[2]["effective_documents"] == 16 / 6
    assert [rows[3][name] for name in ("annotations", "share", "documents")] == [0, None, 0]


def test_the_table_names_what_is_not_annotated(small):
    assert small.stats().render() == (
        "small: 4 documents, 29 characters; effective number of documents: 2.7 (by entities)\n"
        "small: not annotated: attributions, relations\n"
        "small: events are annotated in 1 of 4 documents\n"
        "small: annotated, without any annotation: triggers, arguments\n"
        "\n"
        "Documents\n"
        "number of   total  median per document  least  most\n"
        "───────────────────────────────────────────────────\n"
        "characters     29                  5.5      0    18\n"
        "tokens          8                  1.5      0     5\n"
        "sentences       3                    1      0     1\n"
        "entities        4                    1      0     2\n"
        "triggers        0                    0      0     0\n"
        "arguments       0                    0      0     0\n"
        "\n"
        "Entities\n"
        "label  count  share  documents  most frequent (count)\n"
        "─────────────────────────────────────────────────────\n"
        "PER        3  0.750          2  Bo (2), Ann (1)\n"
        "LOC        1  0.250          1  Rome (1)\n"
        "─────────────────────────────────────────────────────\n"
        "all        4  1.000          3\n"
        "rare labels (fewer than 10 annotations, or in one document only): PER, LOC\n"
        "2 labels of the schema without annotation: ORG, DATE\n"
        "\n"
        "Entities: lengths and surface forms\n"
        "label  tokens  characters  surface forms  most frequent form\n"
        "────────────────────────────────────────────────────────────\n"
        "PER      1, 1        2, 3              2               0.667\n"
        "LOC      1, 1        4, 4              1               1.000\n"
        "────────────────────────────────────────────────────────────\n"
        "all      1, 1      2.5, 4              3               0.500\n"
        "tokens and characters of an annotation: median, largest; most frequent form: its share of"
        " the annotations of the label"
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_counts_are_those_of_plain_loops(seed):
    corpus, _ = perturbed(20, seed)

    counted = {row["label"]: row for row in corpus.stats().rows()}

    for label in "ABC":
        per_document = []
        for document in corpus:
            per_document.append(sum(entity.label == label for entity in document.entities))
        assert counted[label]["annotations"] == sum(per_document)
        assert counted[label]["documents"] == sum(count > 0 for count in per_document)
        assert counted[label]["effective_documents"] == pytest.approx(
            sum(per_document) ** 2 / sum(count**2 for count in per_document)
        )


def test_every_layer_is_counted():
    stats = Corpus([EVERYTHING, EMPTY, FAILED], "all").stats()

    assert (stats.documents, stats.characters, stats.failed_documents) == (3, 46, 1)
    assert [
        (row["layer"], row["label"], row["annotations"]) for row in stats.rows() if row["label"]
    ] == [
        ("entities", "PER", 1),
        ("triggers", "Switch.Off", 1),
        ("arguments", "Agent", 1),
        ("attributions", "content", 2),
        ("attributions", "cue", 1),
        ("attributions", "source", 1),
        ("relations", "near", 2),
    ]
    text = str(stats)
    assert "all: 1 document failed\n" in text
    assert "all: entities are annotated in 2 of 3 documents\n" in text
    assert "not counted, without offsets: 1" in text
    assert "Event triggers\n" in text
    assert "Arguments by role\n" in text
    assert "Attributions by part\n" in text
    assert repr(stats) == (
        "<CorpusStats of all: 3 documents, 1 entities, 1 triggers, 1 arguments, 4 attributions,"
        " 2 relations>"
    )


def test_a_corpus_without_documents_has_statistics():
    stats = Corpus([], "none").stats()

    assert stats.rows() == []
    assert stats.render() == (
        "none: 0 documents, 0 characters\n"
        "none: not annotated: entities, events, attributions, relations\n"
        "\n"
        "Documents\n"
        "number of   total  median per document  least  most\n"
        "───────────────────────────────────────────────────\n"
        "characters      0                    –      –     –\n"
        "tokens          0                    –      –     –\n"
        "sentences       0                    –      –     –"
    )
    assert "there are no items" in stats.documents_needed(0.1).describe()


def test_the_bundled_corpus_is_counted():
    counted = {
        (row["layer"], row["label"]): row["annotations"] for row in load_corpus().stats().rows()
    }

    assert counted["entities", None] == 61
    assert counted["triggers", None] == 26
    assert counted["attributions", "cue"] == 5


def test_csv_and_json_hold_the_unrounded_rows(small):
    stats = small.stats()

    lines = list(csv.DictReader(io.StringIO(stats.render("csv", digits=0))))
    data = json.loads(stats.render("json", percent=True))

    assert [line["label"] for line in lines] == ["PER", "LOC", "", "", ""]
    assert lines[2]["effective_documents"] == str(16 / 6)
    assert data["rows"] == stats.rows()
    assert data["documents_needed"] == []
    assert data["corpora"][0]["documents"] == 4
    assert data["corpora"][0]["layers"]["entities"] == {
        "annotated_documents": 4,
        "unplaced": 0,
        "unused_labels": ["ORG", "DATE"],
        "rare_labels": ["PER", "LOC"],
        "per_document": {"total": 4, "median": 1, "min": 0, "max": 2},
        "ambiguous": [],
    }
    assert data["corpora"][0]["layers"]["attributions"]["annotated_documents"] == 0


@pytest.mark.parametrize(
    ("format", "line"),
    [
        ("markdown", "| PER | 3 | 75.00 | 2 | Bo (2), Ann (1) |"),
        ("latex", r"PER & 3 & 75.00 & 2 & Bo (2), Ann (1) \\"),
        ("html", "75.00"),
    ],
)
def test_the_other_formats_hold_the_table(small, format, line):
    assert line in small.stats().render(format, digits=2, percent=True)


def test_a_notebook_shows_the_table(small):
    assert "small: 4 documents, 29 characters" in small.stats()._repr_html_()


def test_an_unknown_format_is_refused(small):
    with pytest.raises(UnknownNameError, match="unknown format 'xml'"):
        small.stats().render("xml")


def test_a_narrow_terminal_hides_columns(small):
    text = small.stats().render(width=40)

    assert max(map(len, text.splitlines())) <= 40
    assert "hidden columns (narrow terminal): most frequent (count)" in text.replace("\n ", "")


def test_a_file_that_is_not_loaded_has_the_same_statistics(tmp_path, small):
    small.save(tmp_path / "small.jsonl")

    opened = open_corpus(tmp_path / "small.jsonl")

    assert opened.stats() == small.stats()
    assert opened.stats().to_html() == small.stats().to_html()
    assert score(opened, small, "entities/strict", boot=0)["entities/strict"].micro.f1 == 1


def test_labels_are_shown_safely():
    corpus = Corpus([Document("d", "ab", [Entity("=1+1\x1b[31m<b>", 0, 1)])], "c")

    assert "\x1b" not in corpus.stats().render()
    assert "'=1+1" in corpus.stats().render("csv")
    assert "<b>" not in corpus.stats().render("html").partition("<body>")[2]


def test_two_corpora_are_shown_side_by_side(small):
    other = Corpus([Document("e1", "Oslo", [Entity("LOC", 0, 4)])], "other")

    text = small.stats().render(other=other.stats(), digits=1)

    assert "other: 1 document, 4 characters" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["PER", "3", "0", "0.8", "0.0", "−0.8"] in rows
    assert ["LOC", "1", "1", "0.2", "1.0", "+0.8"] in rows
    assert "small: 2 labels of the schema without annotation: ORG, DATE" in text
    narrow = small.stats().render(other=other.stats(), width=48)
    assert "hidden columns (narrow terminal): small: share, other: share" in narrow.replace(
        "\n ", ""
    )


def counts_by_document(gold, predicted):
    """tp, gold and predicted items of each document, in plain loops."""
    counts = []
    for labels in strict_by_unit(gold, predicted, by_sentence=False).values():
        sums = [0, 0, 0]
        for gold_count, predicted_count, tp in labels.values():
            sums = [sums[0] + tp, sums[1] + gold_count, sums[2] + predicted_count]
        counts.append(sums)
    return counts


def test_predictions_give_the_standard_error_of_their_f1():
    gold, predicted = perturbed(30, 4)
    counts = counts_by_document(gold, predicted)
    right = np.array([tp for tp, _, _ in counts])
    total = np.array([items + answers - tp for tp, items, answers in counts])

    size = gold.stats().documents_needed(0.03, predicted)

    assert size.metric == "entities/strict"
    assert size.needed == count_needed_documents(sample_predictions(right, total, 30), 0.03)
    assert size.sample.f1 == pytest.approx(2 * right.sum() / (right.sum() + total.sum()))
    assert size.describe().startswith(
        "to detect a difference of 0.03 in micro F1 (entities/strict) with a power of 80 %, about"
        " 440 documents like these 30 are needed (measured: an F1 of 0.564, a standard error of the"
        " difference of 0.041; assumed: a correlation of 0.5 between two systems over documents,"
    )


def test_gold_alone_gives_the_number_under_assumptions():
    gold, _ = perturbed(30, 4)
    items = np.array([len(document.entities) for document in gold])

    size = gold.stats().documents_needed(0.03)

    assert size.needed == count_needed_documents(sample_gold(items, 30), 0.03)
    assert size.as_dict() == {
        "metric": "entities/strict",
        "difference": 0.03,
        "needed": size.needed,
        "available": 30,
        "effective_documents": items.sum() ** 2 / (items**2).sum(),
        "f1": 0.8,
        "standard_error": size.sample.standard_error,
        "is_measured": False,
        "reason": None,
    }
    assert size.describe().endswith(
        "are needed (assumed: an F1 of 0.800, as many predicted as gold items, a correlation of 0.1"
        " between the outcomes in a document, a correlation of 0.5 between two systems over"
        " documents, a two-sided test at level 0.05)"
    )


def test_in_percent_a_difference_is_in_percentage_points():
    gold, predicted = perturbed(30, 4)

    sentence = gold.stats().documents_needed(0.03).describe(percent=True)

    assert "a difference of 3 percentage points in micro F1" in sentence
    assert "an F1 of 80.0" in sentence

    measured = gold.stats().documents_needed(0.03, predicted).describe(percent=True, digits=2)

    assert "an F1 of 56.36, a standard error of the difference of 4.1;" in measured


def test_enough_documents_suffice():
    gold, _ = perturbed(60, 4)

    size = gold.stats().documents_needed(0.3)

    assert size.is_sufficient
    assert size.describe().startswith(
        "these 60 documents suffice to detect a difference of 0.3 in micro F1 (entities/strict)"
        " with a power of 80 %: about"
    )


def test_few_effective_documents_make_a_rough_estimate():
    few, _ = perturbed(8, 4)
    many, _ = perturbed(60, 4)

    assert "a rough estimate, from" in few.stats().documents_needed(0.1).describe()
    assert "rough" not in many.stats().documents_needed(0.1).describe()


def test_a_single_document_gives_no_estimate():
    gold, predicted = perturbed(1, 4)
    reason = "it takes at least two documents with items"

    for size in (gold.stats().documents_needed(0.1), gold.stats().documents_needed(0.1, predicted)):
        assert size.needed is None
        assert not size.is_sufficient
        assert size.describe() == (
            "no estimate of the documents needed to detect a difference of 0.1 in micro F1"
            f" (entities/strict) with a power of 80 %: {reason}"
        )


def test_a_tiny_difference_takes_more_documents_than_there_can_be():
    gold, _ = perturbed(30, 4)

    size = gold.stats().documents_needed(1e-9)

    assert size.reason == "it takes more than 1,000,000,000,000 documents"


@pytest.mark.parametrize("difference", [0, 1, math.nan, "0.1"])
def test_a_difference_outside_0_and_1_is_refused(small, difference):
    with pytest.raises(InputError, match="invalid detect="):
        small.stats().documents_needed(difference)


def test_other_layers_are_used_where_there_are_no_entities():
    events = [
        Document(f"d{n}", "Ann left", events=[Event("Leave", Span(4, 8))] * (n % 2))
        for n in range(6)
    ]
    quotes = [
        Document(f"d{n}", "Ann said so", attributions=[Attribution(Span(4, 8), Span(9, 11))])
        for n in range(6)
    ]

    assert Corpus(events).stats().documents_needed(0.1).metric == "triggers/strict"
    assert Corpus(quotes).stats().documents_needed(0.1).metric == "attribution-relations/strict"


def test_the_metric_is_one_that_both_sides_have():
    gold, predicted = [], []
    for n in range(6):
        event = Event("Leave", Span(4, 8))
        gold.append(Document(f"d{n}", "Ann left", [Entity("PER", 0, 3)], [event]))
        predicted.append(Document(f"d{n}", "Ann left", events=[event] * (n % 2)))
    bare = [Document(f"d{n}", "Ann left") for n in range(6)]
    stats = Corpus(gold).stats()

    assert stats.documents_needed(0.1, predicted).metric == "triggers/strict"
    assert stats.documents_needed(0.1, bare).reason == "no layer with annotations is predicted"


def test_documents_that_are_not_annotated_are_not_counted_as_available():
    annotated, _ = perturbed(10, 4)
    corpus = Corpus([*annotated, Document("bare", "x")])

    size = corpus.stats().documents_needed(0.1)

    assert size.available == 10
    assert size.needed == annotated.stats().documents_needed(0.1).needed


def test_predictions_may_be_a_path_and_hold_duplicates_and_unplaced_items(tmp_path):
    gold, predicted = perturbed(10, 4)
    first = predicted[0]
    changed = Document(
        first.id,
        first.text,
        [*first.entities, first.entities[0]],
        unplaced=[Unplaced("entities", "A", "not in the text")],
    )
    Corpus([changed, *predicted[1:]]).save(tmp_path / "predicted.jsonl")

    size = gold.stats().documents_needed(0.1, tmp_path / "predicted.jsonl")

    assert size.sample.f1 < gold.stats().documents_needed(0.1, predicted).sample.f1


def test_only_items_in_scored_zones_count_for_the_number_needed():
    schema = Schema(zones={"body": ZoneSchema(), "byline": ZoneSchema(primary=())})
    documents = []
    for n in range(6):
        zones = [Zone("byline", 0, 3), Zone("body", 3, 20)]
        entities = [Entity("A", 0, 2), *(Entity("A", 4 + k, 5 + k) for k in range(n))]
        documents.append(Document(f"d{n}", "x" * 20, entities, zones=zones))

    size = Corpus(documents, schema=schema).stats().documents_needed(0.1)

    assert size.sample.effective_documents == pytest.approx(15**2 / 55)


def many_labels(n):
    """A corpus with n labels, each at a span of its own and in a zone of its own."""
    entities = [Entity(f"L{number:05}", number, number + 1) for number in range(n)]
    zones = [Zone(f"z{number:05}", number, number + 1) for number in range(n)]
    return Corpus([Document("d", "x" * n, entities, zones=zones)])


@pytest.mark.parametrize("format", ["table", "markdown", "latex", "html"])
def test_tables_of_many_labels_and_zones_are_cut_and_say_so(format):
    text = many_labels(1_200).stats().render(format, context=True)

    assert "… and 1,150 more labels: csv and json have all" in text
    assert "… and 1,150 more zones: json has all" in text
    for last, hidden in (("L00049", "L00050"), ("z00049", "z00050")):
        assert last in text
        assert hidden not in text


def test_csv_and_json_have_all_labels_and_zones():
    stats = many_labels(1_200).stats()

    data = json.loads(stats.render("json"))

    assert len(list(csv.reader(io.StringIO(stats.render("csv"))))) == 1 + 1_200 + 1
    assert len(data["rows"]) == len(stats.rows()) == 1_200 + 1
    assert len(data["corpora"][0]["zones"]) == 1_200


def test_tables_of_two_corpora_are_cut_too():
    one, other = many_labels(60), many_labels(70)

    text = one.stats().render(other=other.stats())

    assert "… and 20 more labels: csv and json have all" in text
    assert "L00049" in text
    assert "L00069" not in text.partition("only in")[0]
