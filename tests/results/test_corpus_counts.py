"""The numbers of corpora, by definitions in plain loops on random documents."""

import json
import random
from collections import Counter
from statistics import median

import pytest
from helpers.any_text import texts
from helpers.random_documents import make_gold, make_prediction
from hypothesis import given

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    Span,
    Zone,
    load_corpus,
)
from evalkit.data.document import duplicate_key
from evalkit.data.text import sentences, tokens
from evalkit.errors import InputError
from evalkit.results.corpus_stats import count_corpus
from evalkit.results.span_overlaps import find_overlaps
from evalkit.results.surface_stats import count_tokens

PARTS = ("source", "cue", "content")
EDGES = " \t\n\r,;:!?•–—、。，；：！？"


def ranges_of(span):
    return getattr(span, "fragments", ()) or ((span.start, span.end),)


def characters_of(span):
    return {at for start, end in ranges_of(span) for at in range(start, end)}


def groups_of(document, layer):
    """The (label, span, whether it is a duplicate) of each annotation, in groups that are compared
    with each other.
    """
    if layer == "entities":
        return [flag_duplicates(document.entities, lambda e: [(e.label, e)])]
    if layer == "triggers":
        return [flag_duplicates(document.events, lambda e: [(e.label, e.trigger)])]
    if layer == "arguments":
        return [
            flag_duplicates(event.arguments, lambda a: [(a.role, a)])
            for event in document.events or ()
        ]
    parts = flag_duplicates(
        document.attributions,
        lambda a: [(part, getattr(a, part)) for part in PARTS if getattr(a, part) is not None],
    )
    return [[each for each in parts if each[0] == part] for part in PARTS]


def flag_duplicates(annotations, items):
    flagged, keys = [], []
    for annotation in annotations or ():
        key = duplicate_key(annotation)
        for label, span in items(annotation):
            flagged.append((label, span, key in keys))
        keys.append(key)
    return flagged


def measure_by_loops(documents, layer):
    """The numbers of each label of a layer, and of all labels (None)."""
    numbers = {}
    lists = {}
    forms = {}
    owners = {}
    for document in documents:
        present = Counter()
        for group in groups_of(document, layer):
            for index, (label, span, is_duplicate) in enumerate(group):
                own = characters_of(span)
                others = [
                    (other, characters_of(another))
                    for at, (other, another, _) in enumerate(group)
                    if at != index
                ]
                pieces = [document.text[start:end] for start, end in ranges_of(span)]
                flags = {
                    "nested": any(own < theirs for _, theirs in others),
                    "crossing": any(
                        own & theirs and own - theirs and theirs - own for _, theirs in others
                    ),
                    "same_span": any(own == theirs and other != label for other, theirs in others),
                    "discontinuous": len(pieces) > 1,
                    "duplicates": is_duplicate,
                    "edges": pieces[0][0] in EDGES or pieces[-1][-1] in EDGES,
                }
                form = " … ".join(pieces)
                owners.setdefault(form, set()).add(label)
                for key in (label, None):
                    present[key] += 1
                    counts = numbers.setdefault(key, Counter())
                    for flag, is_set in flags.items():
                        counts[flag] += is_set
                    lengths = lists.setdefault(key, ([], []))
                    lengths[0].append(sum(len(tokens(piece)) for piece in pieces))
                    lengths[1].append(sum(map(len, pieces)))
                    forms.setdefault(key, Counter())[form] += 1
        for key, count in present.items():
            numbers[key]["annotations"] += count
            numbers[key]["documents"] += 1
            numbers[key]["squares"] += count**2
    rows = {}
    for key, counts in numbers.items():
        least = min((-count, form) for form, count in forms[key].items())
        several = layer in ("entities", "triggers")
        annotated = sum(
            getattr(
                d,
                "entities"
                if layer == "entities"
                else "attributions"
                if layer == "attributions"
                else "events",
            )
            is not None
            for d in documents
        )
        is_rare = counts["annotations"] < 10 or (counts["documents"] == 1 and annotated > 1)
        rows[key] = {
            "annotations": counts["annotations"],
            "share": counts["annotations"] / numbers[None]["annotations"],
            "documents": counts["documents"],
            "effective_documents": counts["annotations"] ** 2 / counts["squares"],
            "tokens_median": median(lists[key][0]),
            "tokens_max": max(lists[key][0]),
            "characters_median": median(lists[key][1]),
            "characters_max": max(lists[key][1]),
            "surface_forms": len(forms[key]),
            "most_frequent": least[1],
            "most_frequent_share": -least[0] / counts["annotations"],
            "ambiguous_forms": (
                sum(len(owners[form]) > 1 for form in forms[key]) if several else None
            ),
            "is_rare": None if key is None or layer == "attributions" else is_rare,
            "nested": counts["nested"],
            "crossing": counts["crossing"],
            "same_span": counts["same_span"],
            "discontinuous": counts["discontinuous"],
            "duplicates": counts["duplicates"],
            "edges": counts["edges"],
        }
    return rows


@pytest.fixture(scope="module")
def random_corpora():
    corpora = []
    for seed in range(12):
        draw = random.Random(seed)
        documents = []
        for number in range(draw.choice([1, 3, 10])):
            gold = make_gold(draw, f"d{number}")
            documents.append(make_prediction(draw, gold) if draw.random() < 0.7 else gold)
        corpora.append(documents)
    return corpora


@pytest.mark.parametrize("layer", ["entities", "triggers", "arguments", "attributions"])
def test_each_number_is_that_of_plain_loops(random_corpora, layer):
    for documents in random_corpora:
        expected = measure_by_loops(documents, layer)
        rows = [row for row in Corpus(documents).stats().rows() if row["layer"] == layer]
        for row in rows:
            counted = {
                key: value for key, value in row.items() if key not in ("corpus", "layer", "label")
            }
            if row["annotations"]:
                assert counted == pytest.approx(expected.pop(row["label"])), row["label"]
        assert expected == {}


def test_the_order_of_documents_does_not_matter(random_corpora):
    for documents in random_corpora:
        forward, backward = Corpus(documents).stats(), Corpus(documents[::-1]).stats()

        assert forward == backward
        assert forward.render("json", context=True) == backward.render("json", context=True)
        assert forward.to_html() == backward.to_html()


def test_events_and_attributions_are_counted_by_type(random_corpora):
    for documents in random_corpora:
        stats = Corpus(documents).stats()
        events = [event for document in documents for event in document.events or ()]
        attributions = [each for document in documents for each in document.attributions or ()]

        types = {each.label: each for each in stats.event_types}
        for label in {event.label for event in events} | ({None} if events else set()):
            chosen = [event for event in events if label in (None, event.label)]
            sizes = [len(event.arguments) for event in chosen]
            each = types.pop(label)
            assert (each.events, each.arguments.total) == (len(chosen), sum(sizes))
            assert (each.arguments.median, each.arguments.largest) == (median(sizes), max(sizes))
            assert each.without_arguments == sizes.count(0)
            assert dict(each.roles) == Counter(a.role for e in chosen for a in e.arguments)
        assert types == {}
        kinds = {each.label: each for each in stats.attribution_types}
        labels = {each.label or "" for each in attributions}
        for label in labels | ({None} if attributions else set()):
            chosen = [each for each in attributions if label in (None, each.label or "")]
            each = kinds.pop(label)
            assert each.attributions == len(chosen)
            assert each.without_source == sum(one.source is None for one in chosen)
            assert each.without_cue == sum(one.cue is None for one in chosen)
        assert kinds == {}


def test_documents_have_their_lengths_and_zones(random_corpora):
    for documents in random_corpora:
        stats = Corpus(documents).stats().document_stats
        measures = {
            "characters": [len(document.text) for document in documents],
            "tokens": [len(tokens(document.text)) for document in documents],
            "sentences": [len(sentences(document.text)) for document in documents],
        }
        for unit, values in measures.items():
            assert stats.lengths[unit].as_dict() == {
                "total": sum(values),
                "median": median(values),
                "min": min(values),
                "max": max(values),
            }
        zones = {zone.label: zone for zone in stats.zones}
        outside = 0
        for document in documents:
            covered = set()
            for zone in document.zones:
                covered |= set(range(zone.start, zone.end))
            outside += len(document.text) - len(covered)
        if any(document.zones for document in documents):
            assert (zones[None].characters if None in zones else 0) == outside
        for label in ("in", "out"):
            characters = 0
            for document in documents:
                of_label = [zone for zone in document.zones if zone.label == label]
                covered = set()
                for zone in of_label:
                    covered |= set(range(zone.start, zone.end))
                characters += len(covered)
            assert (zones[label].characters if label in zones else 0) == characters


@pytest.mark.slow
def test_a_chain_of_many_overlapping_spans_takes_no_time():
    spans = [Span(at, at + 3) for at in range(0, 60_000, 2)]

    overlaps = find_overlaps(spans)

    assert len(overlaps.crossing) == len(spans)
    assert overlaps.nested == frozenset()


def test_a_chain_of_many_discontinuous_spans_takes_no_time():
    spans = [Span(at, at + 6, ((at, at + 2), (at + 4, at + 6))) for at in range(0, 60_000, 5)]

    overlaps = find_overlaps(spans)

    assert len(overlaps.crossing) == len(spans)
    assert overlaps.nested == frozenset()


def test_overlaps_worked_by_hand():
    spans = [
        Span(0, 10),  # holds 1, 2 and 4
        Span(2, 5),
        Span(2, 5),
        Span(8, 12),  # crosses 0
        Span(1, 9, ((1, 2), (8, 9))),  # shares its second fragment with 3
        Span(12, 14),
    ]

    overlaps = find_overlaps(spans)

    assert overlaps.nested == {1, 2, 4}
    assert overlaps.crossing == {0, 3, 4}


def test_a_span_in_the_gap_of_another_is_not_inside_it():
    overlaps = find_overlaps([Span(0, 10, ((0, 2), (8, 10))), Span(4, 6)])

    assert (overlaps.nested, overlaps.crossing) == (frozenset(), frozenset())


def test_tokens_are_counted_as_they_are_defined():
    text = "“Kenya’s well-known (1998) plan.” —  ’s ’s's\u00a0x\u2028東京\u200b"

    assert count_tokens(text) == len(tokens(text))


@given(texts())
def test_tokens_of_any_text_are_counted_as_they_are_defined(text):
    assert count_tokens(text) == len(tokens(text))


def test_surface_forms_with_a_comma_or_an_odd_edge_are_in_quotation_marks():
    text = "Oslo, Norway 1998, Rome Ann "
    spans = [("A", 0, 12), ("B", 13, 18), ("C", 19, 23), ("D", 24, 28)]
    entities = [Entity(*span) for span in spans]

    lines = Corpus([Document("d", text, entities)]).stats().render().splitlines()

    assert "“Oslo, Norway” (1)" in lines[lines.index("Entities") + 3]
    assert "“1998,” (1)" in lines[lines.index("Entities") + 4]
    assert "Rome (1)" in lines[lines.index("Entities") + 5]
    assert "“Ann ” (1)" in lines[lines.index("Entities") + 6]


def test_long_surface_forms_are_told_apart_by_all_their_characters():
    text = "a" * 300 + "b" + "a" * 300 + "c" + "a" * 300 + "b"
    entities = [Entity("A", 0, 301), Entity("A", 301, 602), Entity("B", 602, 903)]

    stats = Corpus([Document("d", text, entities)]).stats()

    row = {each["label"]: each for each in stats.rows()}
    assert row["A"]["surface_forms"] == 2
    assert row["A"]["characters_max"] == 301
    assert row[None]["surface_forms"] == 2
    assert row[None]["ambiguous_forms"] == 1
    assert row["B"]["most_frequent"] == "a" * 200 + "…"
    assert stats.layers["entities"].ambiguous[0].labels == {"A": 1, "B": 1}


def test_repeated_texts_languages_and_failures_are_reported():
    documents = [
        Document("a", "One text.", meta={"language": "en"}),
        Document("b", "One text.", meta={"language": ["en", "fr"]}),
        Document("c", " ", meta={"language": 3}),
        Document("d", " ", failure="time out"),
    ]

    stats = Corpus(documents, "c").stats()

    assert stats.document_stats.repeated_texts == 2
    assert stats.document_stats.languages == {"en": 2, "fr": 1}
    text = stats.render()
    assert "c: language (documents): en (2), fr (1)\n" in text
    assert "c: 1 document failed\n" in text
    assert "c: 2 documents have the text of another document\n" in text


def test_zones_may_overlap_and_leave_gaps():
    zones = [Zone("a", 0, 4), Zone("a", 2, 6), Zone("b", 4, 8)]

    stats = Corpus([Document("d", "x" * 10, zones=zones)]).stats()

    assert [
        (zone.label, zone.zones, zone.documents, zone.characters, zone.share)
        for zone in stats.document_stats.zones
    ] == [("a", 2, 1, 6, 0.6), ("b", 1, 1, 4, 0.4), (None, 0, 1, 2, 0.2)]


def test_the_bundled_corpus_has_these_numbers():
    stats = load_corpus().stats()

    rows = {(row["layer"], row["label"]): row for row in stats.rows()}
    assert rows["entities", "ORG"]["most_frequent"] == "IS"
    assert rows["entities", None]["tokens_max"] == 5
    assert stats.event_types[-1].arguments_per_event == 62 / 26
    assert [(each.label, each.nested) for each in stats.attribution_types] == [
        ("assertion", 0),
        ("eventuality", 1),
        (None, 1),
    ]


def test_a_document_with_everything_that_is_odd_has_it_named():
    entities = [
        Entity("PER", 0, 3),
        Entity("LOC", 0, 3),
        Entity("PER", 0, 7),
        Entity("PER", 0, 7),
        Entity("PER", 3, 9),
        Entity("LOC", 4, 12, fragments=((4, 7), (10, 12))),
    ]
    events = [Event("Go", Span(4, 7), [Argument("Who", 0, 3), Argument("Who", 0, 3)])] * 2
    attributions = [Attribution(None, Span(4, 7)), Attribution(Span(0, 3), Span(4, 7), id="A")]
    document = Document("d", "Ann met Bo in Rome.", entities, events, attributions)

    text = Corpus([document], "odd").stats().render()

    table = text.partition("Entities: overlaps, duplicates, edges\n")[2].partition("\n\n")[0]
    assert table.splitlines() == [
        "label  nested  crossing  same span  discontinuous  duplicates  edges",
        "────────────────────────────────────────────────────────────────────",
        "PER         1         3          1              0           1      1",
        "LOC         1         1          1              1           0      0",
        "────────────────────────────────────────────────────────────────────",
        "all         2         4          2              1           1      1",
        "nested: inside another annotation; crossing: overlapping another one in part; same span:"
        " another label has exactly this span; discontinuous: with a gap; duplicates: repeating"
        " another one in full; edges: beginning or ending with white space or punctuation",
    ]
    assert "1 surface form has two or more labels: Ann (LOC 1, PER 1)" in text
    assert "Arguments by role: overlaps, duplicates, edges\n" in text
    assert ["(no", "type)", "2", "2", "(1.000)", "1", "(0.500)", "0", "(0.000)"] in [
        line.split() for line in text.splitlines()
    ]


def test_documents_are_read_once_and_not_kept():
    def read():
        for number in range(3):
            yield Document(f"d{number}", "Ann left", [Entity("PER", 0, 3)])

    stats = count_corpus("c", read(), None)

    assert stats.rows()[0]["annotations"] == 3


def test_fragments_are_shown_with_an_ellipsis():
    entity = Entity("A", 0, 14, fragments=((0, 3), (11, 14)))

    stats = Corpus([Document("d", "red eye or ear", [entity])]).stats()

    (row, _) = stats.rows()
    assert row["most_frequent"] == "red … ear"
    assert (row["tokens_max"], row["characters_max"]) == (2, 6)
    assert "red … ear (1)" in stats.render()


@pytest.mark.parametrize("number", [-1, 1.5, "3", True])
def test_a_number_of_examples_that_is_none_is_refused(number):
    with pytest.raises(InputError, match="examples=: expected a whole number from 0 on"):
        Corpus([]).stats().render(examples=number)


def test_the_context_of_an_example_is_that_of_the_first_document_by_id():
    first = Document("a", "In those days Ann left.", [Entity("PER", 14, 17)])
    second = Document("b", "Ann came.", [Entity("PER", 0, 3)])

    stats = Corpus([second, first]).stats()

    data = json.loads(stats.render("json", context=True))
    assert data["corpora"][0]["examples"] == [
        {
            "layer": "entities",
            "label": "PER",
            "annotations": 2,
            "document": "a",
            "start": 14,
            "end": 17,
            "before": "In those days ",
            "surface": "Ann",
            "after": " left.",
        }
    ]


def test_a_context_is_cut_at_words():
    text = "start zero one two three four five six seven eight nine ten eleven twelve thirteen"
    text += " fourteen fifteen"
    start = text.index("eight")
    document = Document("a", text, [Entity("N", start, start + 5)])

    data = json.loads(Corpus([document]).stats().render("json", context=True))

    (example,) = data["corpora"][0]["examples"]
    assert example["before"] == "…zero one two three four five six seven "
    assert example["after"] == " nine ten eleven twelve thirteen…"
