"""A corpus is documents in order, found by id; the bundled one is what it says it is."""

import json
from collections import Counter

import msgspec
import pytest
from marked import corpus

from evalkit import Argument, Corpus, Document, Entity, Event, InputError, Schema, Span, load_corpus
from evalkit.corpus import bundled
from evalkit.errors import UnknownName
from evalkit.schema import faults


def test_documents_are_found_by_place_and_by_id():
    three = corpus("[Ada|PER]", "Bo", "Cy")

    assert (len(three), three[0].id, three[-1].id, three["d1"].text, three[1:].ids) == (3, "d0", "d2", "Bo", ["d1", "d2"])
    assert three.filter(lambda document: document.text == "Bo").ids == ["d1"]
    with pytest.raises(UnknownName, match="no document 'd9' in 'corpus'; documents: d0, d1, d2"):
        three["d9"]


def test_two_documents_with_one_id_are_refused():
    with pytest.raises(InputError, match="corpus: two documents have the id 'd'"):
        Corpus([Document("d", "x"), Document("d", "y")])


def test_labels_are_mapped_by_layer_and_null_takes_arguments_along():
    events = [Event("Attack", Span(0, 3), [Argument("Agent", 4, 6)]), Event("Meet", Span(4, 6), [Argument("Place", 0, 3)], realis="OTHER")]
    one = Corpus([Document("d", "Ada ran", [Entity("PER", 0, 3), Entity("ORG", 4, 7), Entity("X", 0, 7)], events)])

    mapped = one.map_labels({"entities": {"PER": "PERSON", "ORG": None}, "triggers": {"Attack": None}, "arguments": {"Place": "Where"}})

    assert [e.label for e in mapped[0].entities] == ["PERSON", "X"]
    assert [(e.label, [a.role for a in e.arguments], e.realis) for e in mapped[0].events] == [("Meet", ["Where"], "OTHER")]
    assert [e.label for e in one.map_labels({"PER": "P"})[0].entities] == ["P", "ORG", "X"]


def test_a_label_map_is_found_by_name_in_the_schema():
    labelled = load_corpus().map_labels("conll2003")

    assert {e.label for e in labelled[0].entities} == {"PER", "ORG", "LOC", "MISC"}
    with pytest.raises(UnknownName, match="no label map 'conll'; labels map|label maps: conll2003, ace2005"):
        load_corpus().map_labels("conll")


def test_the_bundled_article_is_stored_byte_for_byte():
    article = load_corpus()[0]

    assert len(article.text) == 2696
    assert (bundled() / "corpus" / f"{article.id}.txt").read_bytes() == article.text.encode()
    assert json.loads((bundled() / "corpus" / "corpus.jsonl").read_text())["sha256"].startswith("8f37403659619dd3")


def test_the_gold_has_the_items_that_the_readme_counts():
    article = load_corpus()[0]

    assert (len(article.entities), len(article.events), len(article.attributions)) == (61, 26, 5)
    assert Counter(e.label for e in article.entities) == {"ORG": 19, "GPE": 18, "NORP": 8, "PERSON": 8, "CARDINAL": 4, "DATE": 2, "LOC": 2}


def test_the_repeated_caption_carries_copies():
    article = load_corpus()[0]
    caption, copy = ((zone.start, zone.end) for zone in article.zones if zone.label.startswith("caption"))

    def within(start, end):
        entities = [(e.label, e.start - start, e.end - start) for e in article.entities if start <= e.start < end]
        events = [(e.label, e.trigger.start - start, [(a.role, a.start - start) for a in e.arguments]) for e in article.events if start <= e.trigger.start < end]
        return entities, events

    assert within(*caption) == within(*copy) != ([], [])


def test_no_named_man_is_charged_with_what_only_one_reading_says():
    article = load_corpus()[0]
    absconded = next(e for e in article.events if article.text[e.trigger.start : e.trigger.end] == "absconded")

    assert [a.role for a in absconded.arguments] == ["Asset"]
    assert absconded.attributes == {"garbled": True}


@pytest.mark.parametrize("annotations", ["passes/a", "passes/b", "."])
def test_gold_and_both_passes_keep_the_schema(annotations):
    found = load_corpus(bundled() / "annotations" / annotations)

    assert list(faults(found[0], found.schema)) == []


def test_the_schema_comes_back_equal(tmp_path):
    schema = load_corpus().schema

    assert msgspec.json.decode(msgspec.json.encode(schema), type=Schema) == schema


def test_a_rule_that_is_not_known_is_refused():
    with pytest.raises(UnknownName, match="no rule 'argument'; rules: triggers, arguments, times, nesting; did you mean 'arguments'"):
        Schema(rules={"argument": "same-sentence"})
