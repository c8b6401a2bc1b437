"""A corpus is documents in order, found by id; the bundled one is what it says it is."""

import json
from collections import Counter

import msgspec
import pytest
from helpers.marked import corpus

from evalkit import (
    Argument,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Schema,
    Scores,
    Span,
    Unplaced,
    compare,
    evaluate,
    load_corpus,
    predict,
    score,
    score_spans,
    score_tags,
)
from evalkit.corpus import JsonlFile, bundled_path, open_corpus, resolve_location
from evalkit.data.schema import schema_errors
from evalkit.errors import UnknownNameError
from evalkit.evaluation.pr_curves import curves
from evalkit.evaluation.verify import find_differences
from evalkit.formats import conversion


def test_documents_are_found_by_place_and_by_id():
    three = corpus("[Ada|PER]", "Bo", "Cy")

    assert (len(three), three[0].id, three[-1].id, three["d1"].text, three[1:].ids) == (
        3,
        "d0",
        "d2",
        "Bo",
        ["d1", "d2"],
    )
    assert three.filter(lambda document: document.text == "Bo").ids == ["d1"]
    with pytest.raises(
        UnknownNameError, match="unknown document 'd9' in 'corpus'; expected one of: d0, d1, d2"
    ):
        three["d9"]


def test_a_jsonl_file_is_opened_without_loading_it(tmp_path):
    schema = Schema(labels={"PER": "people"})
    Corpus([Document("d", "Ada")], schema=schema).save(tmp_path / "gold.jsonl")

    assert open_corpus(tmp_path / "gold.jsonl") == JsonlFile(
        tmp_path / "gold.jsonl", "gold", schema
    )


def test_a_corpus_with_reading_options_or_of_another_format_is_loaded_when_opened(tmp_path):
    Corpus([Document("d", "Ada")]).save(tmp_path / "gold.jsonl")
    (tmp_path / "gold.conll").write_text("Ada B-PER\n", encoding="utf-8")

    assert open_corpus(tmp_path / "gold.jsonl", duplicates="drop").ids == ["d"]
    assert open_corpus(tmp_path / "gold.conll")[0].text == "Ada"
    assert open_corpus().name == "evalkit-news"


def test_a_corpus_without_text_is_refused_when_opened(tmp_path):
    (tmp_path / "gold.conll").write_text("-DOCSTART- O\n", encoding="utf-8")

    with pytest.raises(InputError, match="gold.conll: no text in any document"):
        open_corpus(tmp_path / "gold.conll")


def test_a_location_is_resolved_once(tmp_path):
    Corpus([Document("d", "Ada")]).save(tmp_path / "gold.jsonl")
    location = resolve_location(tmp_path / "gold.jsonl")

    assert resolve_location(location) is location
    assert load_corpus(location).ids == ["d"]


def test_two_documents_with_one_id_are_refused():
    with pytest.raises(InputError, match="corpus: duplicate document id 'd'"):
        Corpus([Document("d", "x"), Document("d", "y")])


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        (
            [{"id": "1"}],
            (
                r"^documents\[0\]: expected a Document, got dict \{'id': '1'\};"
                r" Corpus.from_examples reads \(text, \{.entities.: .*\) pairs$"
            ),
        ),
        (
            [Document("1", "x"), ("Ann", {"entities": []})],
            r"^documents\[1\]: expected a Document, got tuple .*; Corpus.from_examples reads",
        ),
        (
            "gold.jsonl",
            (
                r"^invalid documents 'gold.jsonl': expected a list of Document; load_corpus\(path\)"
                r" reads files$"
            ),
        ),
        (
            Document("1", "x" * 10**6),
            r"^invalid documents <Document.*>: expected a list of Document",
        ),
        (5, "^invalid documents 5: expected a list of Document"),
    ],
)
def test_what_is_no_list_of_documents_is_refused_in_one_short_line(documents, message):
    with pytest.raises(InputError, match=message) as error:
        Corpus(documents)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    "call",
    [
        lambda wrong: score(wrong, wrong),
        lambda wrong: score(load_corpus(), wrong),
        lambda wrong: evaluate(lambda text: [], wrong),
        lambda wrong: predict(lambda text: [], wrong),
        lambda wrong: compare(wrong, wrong, gold=wrong),
        load_corpus,
        lambda wrong: curves(wrong, wrong),
        lambda wrong: find_differences(wrong, wrong, wrong),
        Scores.load,
    ],
    ids=[
        "score",
        "score the second",
        "evaluate",
        "predict",
        "compare",
        "load_corpus",
        "curves",
        "verify",
        "Scores.load",
    ],
)
@pytest.mark.parametrize(
    "wrong",
    [["Ann met Bo. " * 1000], "Ann met Bo. " * 1000, 5],
    ids=["a list of texts", "a text", "a number"],
)
def test_what_is_taken_for_a_path_is_refused_in_one_short_line(call, wrong):
    with pytest.raises(InputError) as error:
        call(wrong)
    assert len(str(error.value)) < 400
    assert "\n" not in str(error.value)


def test_a_name_with_surrogates_can_be_printed_and_saved(tmp_path):
    one = Corpus([Document("1", "Ann", (Entity("PER", 0, 3),))], name="caf\udce9")

    scores = score(one, one)
    scores.save(tmp_path / "s.json")

    assert one.name == "caf\\udce9"
    assert str(scores).encode()
    assert Scores.load(tmp_path / "s.json").signature_fields == scores.signature_fields
    assert str(compare(**{"\ud800": scores, "b": scores})).encode()


@pytest.mark.parametrize(
    "call",
    [
        lambda: Document("\ud800", "x"),
        lambda: score_tags([["B-\ud800"]], [["O"]]),
        lambda: score_spans([[(0, 1, "\ud800")]], [[]]),
    ],
    ids=["id", "tag", "span"],
)
def test_surrogates_that_no_result_could_hold_are_refused(call):
    with pytest.raises(InputError, match=r"\\ud800"):
        call()


def test_a_models_own_words_with_surrogates_are_escaped():
    failed, unplaced = (
        Document("1", "x", failure="\ud800"),
        Unplaced("entities", "PER", "\ud800", quote="a\ud800"),
    )

    assert (failed.failure, unplaced.reason, unplaced.quote) == ("\\ud800", "\\ud800", "a\\ud800")


def test_examples_of_spacy_make_a_corpus():
    gold = [
        ("Ann left Oslo", {"entities": [(0, 3, "PER"), [9, 13, "LOC"]]}),
        ("Bo", {}),
        ("Cy", {"entities": [], "cats": {"A": 1.0}}),
    ]

    made = Corpus.from_examples(gold, name="train")

    assert made.ids == ["doc-1", "doc-2", "doc-3"]
    assert made.name == "train"
    assert made[0].entities == (Entity("PER", 0, 3), Entity("LOC", 9, 13))
    assert (made[1].entities, made[2].entities) == (None, ())
    assert dict(made.conversion.counts) == {"'cats' annotations": 1}
    assert (
        score(
            made,
            Corpus.from_examples(
                [
                    (text, {"entities": annotations.get("entities", [])[:1]})
                    for text, annotations in gold
                ]
            ),
            "ner",
        )["ner"].micro.recall
        == 0.5
    )


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        (5, "^invalid examples 5: expected a list, each item"),
        (["Ann"], r"^examples\[0\]: expected a Document, .*\), got 'Ann'"),
        (
            [("Ann", {"entities": 5})],
            r"^examples\[0\]: entities: expected a list of \(start, end, label\), got 5",
        ),
        (
            [("Ann", {}), ("Ann", {"entities": [(0, 3)]})],
            r"^examples\[1\]: entities\[0\]: expected \(start, end, label\), got \(0, 3\)",
        ),
        (
            [("Ann", {"entities": [(0, 9, "PER")]})],
            r"^examples\[0\]: .*entities\[0\].end: 9 is past the end",
        ),
        (
            [("Ann", {"entities": [(0, 3, 7)]})],
            r"^examples\[0\]: entities\[0\]: label: invalid label 7",
        ),
    ],
)
def test_an_example_of_another_form_is_refused_with_its_place(examples, message):
    with pytest.raises(InputError, match=message):
        Corpus.from_examples(examples)


def test_labels_are_mapped_by_layer_and_null_takes_arguments_along():
    events = [
        Event("Attack", Span(0, 3), [Argument("Agent", 4, 6)]),
        Event("Meet", Span(4, 6), [Argument("Place", 0, 3)], realis="OTHER"),
    ]
    one = Corpus(
        [
            Document(
                "d",
                "Ada ran",
                [Entity("PER", 0, 3), Entity("ORG", 4, 7), Entity("X", 0, 7)],
                events,
            )
        ]
    )

    mapped = one.map_labels(
        {
            "entities": {"PER": "PERSON", "ORG": None},
            "triggers": {"Attack": None},
            "arguments": {"Place": "Where"},
        }
    )

    assert [e.label for e in mapped[0].entities] == ["PERSON", "X"]
    assert [(e.label, [a.role for a in e.arguments], e.realis) for e in mapped[0].events] == [
        ("Meet", ["Where"], "OTHER")
    ]
    assert [e.label for e in one.map_labels({"PER": "P"})[0].entities] == ["P", "ORG", "X"]


@pytest.mark.parametrize(
    ("label_map", "refs"),
    [
        ({"PER": None}, [None, "T2", "E2"]),
        ({"*": None}, [None, None, "E2"]),
        ({"entities": {"LOC": "PLACE"}}, ["T1", "T2", "E2"]),
        ({"entities": {"LOC": None}, "arguments": {"Agent": None}}, [None, "E2"]),
        ({"triggers": {"Meet": None}}, ["T1", "T2", None]),
        ({"triggers": {"Plan": None}}, []),
    ],
)
def test_an_argument_loses_its_reference_to_what_a_label_map_drops(label_map, refs):
    entities = [Entity("PER", 0, 3, "T1"), Entity("LOC", 8, 12, "T2")]
    arguments = [
        Argument("Agent", 0, 3, ref="T1"),
        Argument("Place", 8, 12, ref="T2"),
        Argument("Topic", 13, 16, ref="E2"),
    ]
    one = Corpus(
        [
            Document(
                "d",
                "Ada ran Rome met",
                entities,
                [Event("Plan", Span(4, 7), arguments, "E1"), Event("Meet", Span(13, 16), id="E2")],
            )
        ]
    )

    mapped = one.map_labels(label_map)

    assert [a.ref for e in mapped[0].events for a in e.arguments] == refs


@pytest.mark.parametrize("label", sorted({e.label for e in load_corpus()[0].entities}))
def test_any_entity_label_of_the_bundled_corpus_can_be_dropped(label):
    gold = load_corpus()

    assert (
        score(gold, gold, "arguments/strict", label_map={"entities": {label: None}})[
            "arguments/strict"
        ].micro.f1
        == 1
    )


def test_a_label_map_is_found_by_name_in_the_schema():
    labelled = load_corpus().map_labels("conll2003")

    assert {e.label for e in labelled[0].entities} == {"PER", "ORG", "LOC", "MISC"}
    with pytest.raises(
        UnknownNameError, match="unknown label map 'conll'; expected one of: conll2003, ace2005"
    ):
        load_corpus().map_labels("conll")


def test_the_bundled_article_is_stored_byte_for_byte():
    article = load_corpus()[0]

    assert len(article.text) == 2696
    assert (bundled_path() / "corpus" / f"{article.id}.txt").read_bytes() == article.text.encode()
    assert json.loads((bundled_path() / "corpus" / "corpus.jsonl").read_text())[
        "sha256"
    ].startswith("8f37403659619dd3")


def test_the_gold_has_the_items_that_the_readme_counts():
    article = load_corpus()[0]

    assert (len(article.entities), len(article.events), len(article.attributions)) == (61, 26, 5)
    assert Counter(e.label for e in article.entities) == {
        "ORG": 19,
        "GPE": 18,
        "NORP": 8,
        "PERSON": 8,
        "CARDINAL": 4,
        "DATE": 2,
        "LOC": 2,
    }


def test_the_repeated_caption_carries_copies():
    article = load_corpus()[0]
    caption, copy = (
        (zone.start, zone.end) for zone in article.zones if zone.label.startswith("caption")
    )

    def within(start, end):
        entities = [
            (e.label, e.start - start, e.end - start)
            for e in article.entities
            if start <= e.start < end
        ]
        events = [
            (e.label, e.trigger.start - start, [(a.role, a.start - start) for a in e.arguments])
            for e in article.events
            if start <= e.trigger.start < end
        ]
        return entities, events

    assert within(*caption) == within(*copy) != ([], [])


def test_no_named_man_is_charged_with_what_only_one_reading_says():
    article = load_corpus()[0]
    absconded = next(
        e for e in article.events if article.text[e.trigger.start : e.trigger.end] == "absconded"
    )

    assert [a.role for a in absconded.arguments] == ["Asset"]
    assert absconded.attributes == {"garbled": True}


@pytest.mark.parametrize("annotations", ["passes/a", "passes/b", "."])
def test_gold_and_both_passes_keep_the_schema(annotations):
    found = load_corpus(bundled_path() / "annotations" / annotations)

    assert list(schema_errors(found[0], found.schema)) == []


def test_the_schema_comes_back_equal(tmp_path):
    schema = load_corpus().schema

    assert msgspec.json.decode(msgspec.json.encode(schema), type=Schema) == schema


def test_a_rule_that_is_not_known_is_refused():
    with pytest.raises(
        UnknownNameError,
        match=(
            "unknown rule 'argument'; expected one of: triggers, arguments, times, nesting,"
            " references, coreference; did you mean 'arguments'"
        ),
    ):
        Schema(rules={"argument": "same-sentence"})


def test_former_names_of_attributes_still_work_with_a_warning():
    error = LoadError(["a:1: wrong"], more=2)
    one = corpus("[Ada|PER]")

    with pytest.warns(DeprecationWarning, match=r"LoadError.faults is deprecated: use .*errors"):
        assert error.faults == error.errors
    with pytest.warns(DeprecationWarning, match=r"LoadError.more is deprecated: use .*omitted"):
        assert error.more == error.omitted == 2
    with pytest.warns(DeprecationWarning, match=r"Corpus.losses is deprecated: use .*conversion"):
        assert one.losses is one.conversion
    with pytest.warns(DeprecationWarning, match="Losses is deprecated: use ConversionReport"):
        assert conversion.Losses is conversion.ConversionReport
