"""What is written as UIMA CAS comes back; what INCEpTION and DKPro write is read, in code points;
nothing expands, and nothing damaged gets through.
"""

import json
import random
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import cassis
import msgspec
import pytest
from helpers.any_text import corpora
from helpers.cli import run_evalkit
from helpers.marked import corpus
from helpers.profiles import examples
from hypothesis import given, settings

from evalkit import (
    Argument,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Span,
    Unplaced,
    Zone,
    load_corpus,
)

TYPES = """<?xml version="1.0" encoding="UTF-8"?>
<typeSystemDescription xmlns="http://uima.apache.org/resourceSpecifier"><types>
<typeDescription><name>custom.Mention</name><description/><supertypeName>uima.tcas.Annotation</supertypeName><features>
<featureDescription><name>kind</name><description/><rangeTypeName>uima.cas.String</rangeTypeName></featureDescription>
<featureDescription><name>sure</name><description/><rangeTypeName>uima.cas.Boolean</rangeTypeName></featureDescription>
</features></typeDescription>
<typeDescription><name>custom.Two</name><description/><supertypeName>uima.tcas.Annotation</supertypeName><features>
<featureDescription><name>a</name><description/><rangeTypeName>uima.cas.String</rangeTypeName></featureDescription>
<featureDescription><name>b</name><description/><rangeTypeName>uima.cas.String</rangeTypeName></featureDescription>
</features></typeDescription>
<typeDescription><name>custom.Mark</name><description/><supertypeName>uima.tcas.Annotation</supertypeName></typeDescription>
<typeDescription><name>custom.Happening</name><description/><supertypeName>uima.tcas.Annotation</supertypeName><features>
<featureDescription><name>label</name><description/><rangeTypeName>uima.cas.String</rangeTypeName></featureDescription>
<featureDescription><name>who</name><description/><rangeTypeName>uima.cas.FSArray</rangeTypeName><elementType>custom.Link</elementType></featureDescription>
</features></typeDescription>
<typeDescription><name>custom.Link</name><description/><supertypeName>uima.cas.TOP</supertypeName><features>
<featureDescription><name>role</name><description/><rangeTypeName>uima.cas.String</rangeTypeName></featureDescription>
<featureDescription><name>target</name><description/><rangeTypeName>custom.Mention</rangeTypeName></featureDescription>
</features></typeDescription>
</types></typeSystemDescription>"""
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<xmi:XMI xmlns:xmi="http://www.omg.org/XMI"'
    ' xmlns:cas="http:///uima/cas.ecore" xmlns:tcas="http:///uima/tcas.ecore"'
    ' xmlns:custom="http:///custom.ecore"'
    ' xmlns:ner="http:///de/tudarmstadt/ukp/dkpro/core/api/ner/type.ecore"'
    ' xmlns:seg="http:///de/tudarmstadt/ukp/dkpro/core/api/segmentation/type.ecore"'
    ' xmlns:meta="http:///de/tudarmstadt/ukp/dkpro/core/api/metadata/type.ecore" xmi:version="2.0">'
)
TEXT = "👩 Ada met Bo"  # in UTF-16 units Ada stands at 3 to 6


def xmi(inside, *, text=TEXT, members=""):
    return (
        f'{HEAD}{inside}<cas:Sofa xmi:id="1" sofaNum="1" sofaID="_InitialView" mimeType="text"'
        f' sofaString="{text}"/><cas:View sofa="1" members="{members}"/></xmi:XMI>'
    )


@pytest.fixture
def put(tmp_path):
    def written(inside, members, *, types=None, name="a.xmi", **more):
        (tmp_path / name).write_text(xmi(inside, members=members, **more), encoding="utf-8")
        if types:
            (tmp_path / "TypeSystem.xml").write_text(types, encoding="utf-8")
        return tmp_path / name

    return written


def sorted_marks(document):
    entities = sorted(document.entities, key=lambda one: (one.start, one.end))
    events = (
        sorted(document.events, key=lambda one: (one.trigger.start, one.trigger.end))
        if document.events
        else None
    )
    return msgspec.structs.replace(
        document, entities=tuple(entities), events=events and tuple(events)
    )


def without_realis(document):
    return msgspec.structs.replace(
        document,
        events=document.events
        and tuple(msgspec.structs.replace(event, realis=None) for event in document.events),
    )


# What evalkit wrote


@pytest.mark.parametrize("form", ["xmi", "json"])
@given(given=corpora(layers=("entities", "events")))
@settings(max_examples=examples(60), deadline=None)
def test_every_corpus_that_can_be_held_comes_back(form, given, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cas")

    losses = Corpus(given).save(f"cas:{folder}", file_format=form)

    assert list(load_corpus(f"cas:{folder}", predictions=True)) == [
        sorted_marks(without_realis(document)) for document in given
    ]
    assert set(losses.counts) <= {"realis of events", "empty layers of events"}


@given(given=corpora(broken=True, layers=("entities", "events", "attributions"), most=1))
@settings(max_examples=examples(40), deadline=None)
def test_what_cannot_be_held_is_counted(given, tmp_path_factory):
    path = tmp_path_factory.mktemp("cas") / "a.xmi"
    document = given[0]

    losses = Corpus(given).save(path).counts

    whole = [entity for entity in document.entities if not entity.fragments]
    assert len(load_corpus(path, predictions=True)[0].entities) == len(whole)
    assert losses.get("discontinuous entities", 0) == len(document.entities) - len(whole)
    assert losses.get("attributions", 0) == len(document.attributions)
    assert losses.get("realis of events", 0) == sum(
        event.realis is not None for event in document.events
    )


def test_each_loss_has_its_name(tmp_path):
    document = Document(
        "d",
        "Ada met Bo.",
        (
            Entity("PER", 0, 3, id="T1", score=0.5, attributes={"sure": True}),
            Entity("PER", 8, 10, attributes={"identifier": "Q1"}),
            Entity("X", 0, 10, fragments=((0, 3), (8, 10))),
        ),
        (
            Event(
                "Meet",
                Span(4, 7),
                (
                    Argument("A", 0, 3, ref="T1", score=0.5),
                    Argument("B", 0, 10, fragments=((0, 3), (8, 10))),
                ),
                id="E1",
                realis="ACTUAL",
                score=1.0,
                attributes={"x": 1},
            ),
            Event("Meet", Span(0, 10, fragments=((0, 3), (8, 10)))),
        ),
        (),
        zones=(Zone("body", 0, 11),),
        meta={"language": "en", "n": 1},
        unplaced=(Unplaced("entities", "PER", "not in the text"),),
    )

    losses = Corpus([document]).save(tmp_path / "d.xmi")

    assert losses.counts == {
        "zones": 1,
        "unplaced items": 1,
        "empty layers of attributions": 1,
        "meta but for the language": 1,
        "ids of entities": 1,
        "scores of entities": 1,
        "attributes of entities": 1,
        "discontinuous entities": 1,
        "ids of events": 1,
        "scores of events": 1,
        "realis of events": 1,
        "attributes of events": 1,
        "events with discontinuous triggers": 1,
        "refs of arguments": 1,
        "scores of arguments": 1,
        "discontinuous arguments": 1,
    }
    assert load_corpus(tmp_path / "d.xmi")[0] == Document(
        "d",
        "Ada met Bo.",
        (Entity("PER", 0, 3), Entity("PER", 8, 10, attributes={"identifier": "Q1"})),
        (Event("Meet", Span(4, 7), (Argument("A", 0, 3),)),),
        meta={"language": "en"},
    )


def test_the_bundled_corpus_keeps_its_entities_triggers_and_arguments(tmp_path):
    gold = load_corpus()

    gold.save(tmp_path / "news.xmi")

    found = load_corpus(tmp_path / "news.xmi")
    assert (found.ids, found[0].text, found[0].meta) == (gold.ids, gold[0].text, {"language": "en"})
    assert [(e.label, e.start, e.end) for e in found[0].entities] == sorted(
        ((e.label, e.start, e.end) for e in gold[0].entities), key=lambda one: one[1:]
    )
    assert [
        (e.label, e.trigger, [(a.role, a.start, a.end) for a in e.arguments])
        for e in found[0].events
    ] == [
        (e.label, e.trigger, [(a.role, a.start, a.end) for a in e.arguments])
        for e in sorted(gold[0].events, key=lambda e: (e.trigger.start, e.trigger.end))
    ]
    assert not found.conversion


def test_cassis_reads_what_was_written(tmp_path):
    Corpus([Document("d", "👩 Ada", (Entity("PER", 2, 5),))]).save(tmp_path / "d.xmi")

    system = cassis.load_typesystem(BytesIO((tmp_path / "TypeSystem.xml").read_bytes()))
    cas = cassis.load_cas_from_xmi(BytesIO((tmp_path / "d.xmi").read_bytes()), typesystem=system)

    (found,) = cas.select("de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity")
    assert (found.get_covered_text(), found.value) == ("Ada", "PER")
    assert b'begin="3" end="6"' in (tmp_path / "d.xmi").read_bytes()


def test_a_folder_holds_a_file_for_each_document_whatever_its_id(tmp_path):
    ids = ["a/b", "..", "A", "a", "schema", "東京 1", "x" * 300, "50%", 'q"\n']

    Corpus([Document(id, "Ada", ()) for id in ids]).save(f"cas:{tmp_path}/out", file_format="json")

    assert sorted(load_corpus(f"cas:{tmp_path}/out").ids) == sorted(ids)
    assert len(list((tmp_path / "out").iterdir())) == len(ids)


def test_a_schema_beside_the_documents_is_no_document(tmp_path):
    load_corpus().save(f"cas:{tmp_path}/out", file_format="json")
    assert load_corpus(f"cas:{tmp_path}/out").schema == load_corpus().schema


def test_a_file_holds_one_document(tmp_path):
    with pytest.raises(
        InputError,
        match=r"a\.xmi: a CAS has one document, and there are 2; name a folder, as in cas:DIR",
    ):
        corpus("x", "y").save(tmp_path / "a.xmi")


def test_the_suffix_makes_the_form_of_a_single_file(tmp_path):
    corpus("[Ada|PER]").save(f"cas:{tmp_path}/a.json")

    assert json.loads((tmp_path / "a.json").read_text())["%VIEWS"]
    assert list(load_corpus(f"cas:{tmp_path}/a.json")) == list(corpus("[Ada|PER]"))


def test_a_form_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="unknown file format 'yaml'; expected one of: xmi, json"):
        corpus("x").save(f"cas:{tmp_path}", file_format="yaml")


def test_a_folder_with_documents_of_others_is_left_alone(tmp_path):
    (tmp_path / "other.xmi").write_text("theirs")

    with pytest.raises(
        InputError,
        match=(
            r"has other documents, such as other\.xmi, which would be read with the new ones; name"
            r" another folder"
        ),
    ):
        corpus("x").save(f"cas:{tmp_path}")

    assert [file.name for file in tmp_path.iterdir()] == ["other.xmi"]


def test_documents_can_be_written_again(tmp_path):
    corpus("[Ada|PER]").save(f"cas:{tmp_path}")
    corpus("[Ada|X]").save(f"cas:{tmp_path}")
    assert list(load_corpus(f"cas:{tmp_path}")) == list(corpus("[Ada|X]"))


def test_a_type_system_of_others_is_left_alone(tmp_path):
    (tmp_path / "TypeSystem.xml").write_text(TYPES)

    with pytest.raises(
        InputError,
        match=r"TypeSystem\.xml: has other types than those that evalkit writes; name another",
    ):
        corpus("x").save(tmp_path / "a.xmi")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            Document("d", "A\x00da", ()),
            r"document 'd', text: '\\x00' at 1 cannot be written as XML; use file_format=.json.",
        ),
        (
            Document("d", "Ada\ufffe", ()),
            r"document 'd', text: '\\ufffe' at 3 cannot be written as XML",
        ),
        (Document("d\x0b", "Ada", ()), r"id: '\\x0b' at 1 cannot be written as XML"),
        (
            Document("d", "Ada", (Entity("P\x01", 0, 1),)),
            r"label: '\\x01' at 1 cannot be written as XML",
        ),
        (Document("d", "Ada"), "document 'd': entities were not annotated"),
    ],
    ids=["nul", "noncharacter", "id", "label", "not annotated"],
)
def test_what_would_not_come_back_true_is_refused(document, message, tmp_path):
    with pytest.raises(InputError, match=message):
        Corpus([document]).save(tmp_path / "a.xmi")


def test_json_holds_what_xml_cannot(tmp_path):
    document = Document("d\x0b", "A\x00d\x0ca\ufffe\r\n", (Entity("P\x01", 0, 5),))

    Corpus([document]).save(f"cas:{tmp_path}/a.json")

    assert list(load_corpus(f"cas:{tmp_path}/a.json")) == [document]


def test_documents_that_failed_are_left_out_and_counted(tmp_path):
    losses = Corpus([Document("d", "x", failure="timed out"), Document("e", "x", ())]).save(
        f"cas:{tmp_path}/out"
    )

    assert losses.counts == {"documents that failed": 1}
    assert load_corpus(f"cas:{tmp_path}/out").ids == ["e"]


# What others wrote


def test_offsets_of_uima_become_code_points(put):
    path = put(
        '<ner:NamedEntity xmi:id="5" sofa="1" begin="3" end="6" value="PER" identifier="Q7259"/>',
        "5",
    )

    assert list(load_corpus(path)) == [
        Document("a", TEXT, (Entity("PER", 2, 5, attributes={"identifier": "Q7259"}),))
    ]


@pytest.mark.parametrize(("begin", "end", "wrong"), [(1, 6, 1), (3, 99, 99), (-1, 6, -1)])
def test_an_offset_that_is_none_of_the_text_is_refused(begin, end, wrong, put):
    path = put(
        f'<ner:NamedEntity xmi:id="5" sofa="1" begin="{begin}" end="{end}" value="PER"/>', "5"
    )

    with pytest.raises(
        LoadError,
        match=rf"a\.xmi: invalid offset {wrong}: expected the start or end of a character",
    ):
        load_corpus(path)


def test_ids_and_languages_are_those_of_the_metadata(put):
    path = put(
        '<meta:DocumentMetaData xmi:id="4" sofa="1" begin="0" end="13" language="de"'
        ' documentTitle="news.txt" documentId="admin"/>',
        "4",
    )
    assert list(load_corpus(path)) == [Document("news.txt", TEXT, (), meta={"language": "de"})]


def test_a_language_that_is_not_specified_is_none_and_an_id_will_do_where_there_is_no_title(put):
    path = put(
        '<meta:DocumentMetaData xmi:id="4" sofa="1" begin="0" end="13" language="x-unspecified"'
        ' documentId="d7"/>',
        "4",
    )
    assert list(load_corpus(path)) == [Document("d7", TEXT, ())]


def test_annotations_of_other_types_are_counted(put):
    inside = (
        '<seg:Token xmi:id="5" sofa="1" begin="3" end="6"/><seg:Token xmi:id="6" sofa="1" begin="7"'
        ' end="10"/><seg:Sentence xmi:id="7" sofa="1" begin="0" end="13"/>'
    )
    assert load_corpus(put(inside, "5 6 7")).conversion.counts == {
        "annotations of the type Token": 2,
        "annotations of the type Sentence": 1,
    }


def test_annotations_of_types_that_nobody_declares_are_counted(put):
    path = put(
        '<custom:Mention xmi:id="5" sofa="1" begin="3" end="6" kind="PER"/><ner:NamedEntity'
        ' xmi:id="6" sofa="1" begin="0" end="3" value="PER"/>',
        "5 6",
    )

    found = load_corpus(path)

    assert len(found[0].entities) == 1
    assert found.conversion.counts == {"annotations of types that the type system does not know": 1}


def test_a_file_without_its_type_system_is_not_taken_for_one_without_entities(put):
    path = put('<custom:Mention xmi:id="5" sofa="1" begin="3" end="6" kind="PER"/>', "5")

    with pytest.raises(
        LoadError,
        match=(
            "no NamedEntity, but annotations of types that no type system declares: put its"
            " TypeSystem.xml beside it, or name it with typesystem=.PATH."
        ),
    ):
        load_corpus(path)


def test_annotations_of_no_characters_are_counted(put):
    inside = '<ner:NamedEntity xmi:id="5" sofa="1" begin="3" end="3" value="PER"/>'

    found = load_corpus(put(inside, "5"))

    assert found[0].entities == ()
    assert found.conversion.counts == {"annotations of no characters": 1}


MENTIONS = (
    '<custom:Mention xmi:id="5" sofa="1" begin="3" end="6" kind="PER" sure="true"/><custom:Mention'
    ' xmi:id="6" sofa="1" begin="11" end="13" kind="PER"/>'
)


def test_types_of_a_projects_own_are_listed_where_no_named_entity_is_found(put):
    with pytest.raises(
        LoadError,
        match=(
            r"a\.xmi: no NamedEntity, but annotations of custom\.Mention; name one with"
            r" type=.NAME., or give type=.NamedEntity. if there are no entities"
        ),
    ):
        load_corpus(put(MENTIONS, "5 6", types=TYPES))


@pytest.mark.parametrize("name", ["custom.Mention", "Mention"])
def test_a_type_can_be_named_in_full_or_by_its_last_part(name, put):
    found = load_corpus(put(MENTIONS, "5 6", types=TYPES), type=name)

    assert found[0].entities == (
        Entity("PER", 2, 5, attributes={"sure": True}),
        Entity("PER", 10, 12),
    )
    assert not found.conversion


def test_no_entities_can_be_asked_for(put):
    assert load_corpus(put(MENTIONS, "5 6", types=TYPES), type="NamedEntity")[0].entities == ()


def test_a_type_that_is_none_is_refused_with_those_that_are_annotated(put):
    with pytest.raises(
        LoadError, match=r"a\.xmi: unknown type 'Mentoin'; expected one of: custom\.Mention"
    ):
        load_corpus(put(MENTIONS, "5 6", types=TYPES), type="Mentoin")


def test_a_type_without_a_place_is_refused(put):
    inside = MENTIONS + '<custom:Link xmi:id="7" role="x" target="5"/>'

    with pytest.raises(
        LoadError, match=r"custom\.Link is not a type of annotations: it has no begin and end"
    ):
        load_corpus(put(inside, "5 6 7", types=TYPES), type="Link")


def test_the_feature_with_the_label_must_be_clear(put):
    path = put('<custom:Two xmi:id="5" sofa="1" begin="3" end="6" a="x" b="y"/>', "5", types=TYPES)

    with pytest.raises(
        LoadError,
        match=r"custom\.Two has several features with text: a, b; name the one with"
        r" the label, as in feature=.a.",
    ):
        load_corpus(path, type="Two")
    with pytest.raises(
        LoadError, match=r"unknown feature 'c' in 'custom\.Two'; expected one of: a, b"
    ):
        load_corpus(path, type="Two", feature="c")
    assert load_corpus(f"{path}?type=Two&feature=b")[0].entities == (
        Entity("y", 2, 5, attributes={"a": "x"}),
    )


def test_a_type_without_features_is_the_label(put):
    assert load_corpus(
        put('<custom:Mark xmi:id="5" sofa="1" begin="3" end="6"/>', "5", types=TYPES), type="Mark"
    )[0].entities == (Entity("Mark", 2, 5),)


def test_annotations_whose_label_is_not_set_are_left_out_and_counted(put):
    marks = (
        '<ner:NamedEntity xmi:id="5" sofa="1" begin="3" end="6"/>'
        '<ner:NamedEntity xmi:id="6" sofa="1" begin="3" end="6" value="PER"/>'
        '<ner:NamedEntity xmi:id="7" sofa="1" begin="7" end="10" value=""/>'
    )

    corpus = load_corpus(put(marks, "5 6 7"))

    assert [(e.label, e.start, e.end) for e in corpus[0].entities] == [("PER", 2, 5)]
    name = "annotations without a label (the feature 'value' is not set)"
    assert corpus.conversion.dropped == {name: 2}


def test_events_of_a_projects_own_have_arguments_by_their_links(put):
    inside = (
        MENTIONS + '<custom:Happening xmi:id="7" sofa="1" begin="7" end="10" label="Meet" who="8 9'
        ' 10"/><custom:Link xmi:id="8" role="Agent" target="5"/><custom:Link xmi:id="9"'
        ' target="6"/><custom:Link xmi:id="10" role="Place"/>'
    )

    found = load_corpus(put(inside, "5 6 7", types=TYPES), type="Mention", triggers="Happening")

    assert found[0].events == (
        Event("Meet", Span(6, 9), (Argument("Agent", 2, 5), Argument("who", 10, 12))),
    )
    assert found.conversion.counts == {"arguments that point at nothing in the index": 1}


def test_events_that_are_not_there_were_not_annotated_unless_they_were_asked_for(put):
    path = put(MENTIONS, "5 6", types=TYPES)

    assert load_corpus(path, type="Mention")[0].events is None
    assert load_corpus(path, type="Mention", triggers="Happening")[0].events == ()


def test_a_type_system_can_be_named(put, tmp_path):
    path = put(MENTIONS, "5 6")
    (tmp_path / "types.xml").write_text(TYPES)

    assert (
        len(load_corpus(path, type="Mention", typesystem=tmp_path / "types.xml")[0].entities) == 2
    )


def test_a_type_system_that_is_not_there_is_told(put, tmp_path):
    with pytest.raises(LoadError, match=r"a\.xmi: \S+types\.xml: No such file or directory"):
        load_corpus(put(MENTIONS, "5 6"), typesystem=tmp_path / "types.xml")


def test_a_type_system_that_was_changed_is_read_again(put, tmp_path):
    path = put(MENTIONS, "5 6", types=TYPES)
    load_corpus(path, type="Mention")
    (tmp_path / "TypeSystem.xml").write_text(TYPES.replace("custom.Mention", "custom.Other"))

    with pytest.raises(LoadError, match="annotations of types that no type system declares"):
        load_corpus(path)


def test_subfolders_are_read_with_the_type_system_of_the_folder(put, tmp_path):
    (tmp_path / "b.txt").mkdir()
    (tmp_path / "a.txt").mkdir()
    for name in ("b.txt/admin.xmi", "a.txt/admin.xmi"):
        put(
            MENTIONS + '<meta:DocumentMetaData xmi:id="4" sofa="1" begin="0" end="13"'
            f' documentTitle="{name[:5]}"/>',
            "4 5 6",
            name=name,
        )
    (tmp_path / "TypeSystem.xml").write_text(TYPES.replace("</types>", METADATA + "</types>"))

    found = load_corpus(f"cas:{tmp_path}?type=Mention")

    assert (found.ids, [len(document.entities) for document in found]) == (
        ["a.txt", "b.txt"],
        [2, 2],
    )


METADATA = (
    "<typeDescription><name>de.tudarmstadt.ukp.dkpro.core.api.metadata.type.DocumentMetaData</name><description/><supertypeName>uima.tcas.DocumentAnnotation</supertypeName>"
    "<features><featureDescription><name>documentTitle</name><description/><rangeTypeName>uima.cas.String</rangeTypeName></featureDescription></features></typeDescription>"
)


def two_views(tmp_path):
    cas = cassis.Cas(sofa_string="first")
    cas.create_view("other").sofa_string = "second"
    (tmp_path / "a.xmi").write_text(cas.to_xmi())
    return tmp_path / "a.xmi"


def test_the_first_view_is_read_or_the_one_that_is_named(tmp_path):
    path = two_views(tmp_path)

    assert load_corpus(path)[0].text == "first"
    assert load_corpus(path).conversion.counts == {"views": 1}
    assert load_corpus(path, view="other")[0].text == "second"
    with pytest.raises(
        LoadError, match="unknown view 'third'; expected one of: _InitialView, other"
    ):
        load_corpus(path, view="third")


def test_json_brings_its_own_types_in_both_layouts(tmp_path):
    cas = cassis.Cas(typesystem=cassis.load_typesystem(TYPES), sofa_string=TEXT)
    cas.add(cas.typesystem.get_type("custom.Mention")(begin=2, end=5, kind="PER"))
    parts = json.loads(cas.to_json())
    keyed = {
        **parts,
        "%FEATURE_STRUCTURES": {
            str(fs.pop("%ID")): fs for fs in json.loads(cas.to_json())["%FEATURE_STRUCTURES"]
        },
    }
    (tmp_path / "a.json").write_text(json.dumps(parts))
    (tmp_path / "b.json").write_text(json.dumps(keyed))

    found = load_corpus(f"cas:{tmp_path}", type="Mention")

    assert [document.entities for document in found] == [(Entity("PER", 2, 5),)] * 2


# Files that are none, or mean harm

LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c'
    ' "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "doctype",
    [LAUGHS, OUTSIDE, "<!DOCTYPE x SYSTEM 'http://127.0.0.1:9/x.dtd'>"],
    ids=["laughs", "outside", "network"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_before_they_expand(doctype, encoding, tmp_path):
    text = xmi("", text="&a;").replace("\n", f"\n{doctype}", 1).replace("UTF-8", encoding)
    (tmp_path / "a.xmi").write_bytes(text.encode(encoding))

    with pytest.raises(
        LoadError,
        match=(r"^\S+a\.xmi:2: DOCTYPE is not allowed, since it can expand entities; delete it$"),
    ):
        load_corpus(tmp_path / "a.xmi")


def test_entities_in_a_type_system_are_refused_too(put):
    path = put(MENTIONS, "5 6", types=TYPES.replace("\n", f"\n{LAUGHS}", 1))

    with pytest.raises(LoadError, match=r"TypeSystem\.xml:2: DOCTYPE is not allowed"):
        load_corpus(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"a\.xmi: empty file: expected a CAS in XMI or JSON"),
        (
            b"PK\x03\x04...",
            r"a\.xmi: compressed with zip: unpack it, and read the file or folder in it",
        ),
        (b"garbage", r"a\.xmi:1: not a CAS: expected JSON or XML, got b'garbage'"),
        (b"<x>", r"a\.xmi:1: not a CAS in XMI: XMLSyntaxError: .*"),
        (b"<x/>", r"a\.xmi: no view has a text; only texts can be read"),
        (xmi("")[:-30].encode(), r"a\.xmi:2: not a CAS in XMI: XMLSyntaxError: .*"),
        (b"<a>" * 100_000, r"a\.xmi(:1)?: not a CAS in XMI: .*"),
        (
            xmi('<ner:NamedEntity xmi:id="5" sofa="9" begin="0" end="1"/>', members="5").encode(),
            r"a\.xmi: not a CAS in XMI: KeyError: 9",
        ),
        (xmi("", members="77").encode(), r"a\.xmi: not a CAS in XMI: KeyError: 77"),
        (HEAD.encode() + b"</xmi:XMI>", r"a\.xmi: no view has a text; only texts can be read"),
        (b"{", r"a\.xmi:1: not JSON: .* at column 2"),
        (b"{}", r"a\.xmi: not a CAS in JSON: .*"),
        (b'{"%TYPES": 7}', r"a\.xmi: not a CAS in JSON: .*"),
        (
            b'{"%TYPES": {}, "%FEATURE_STRUCTURES": [7], "%VIEWS": {}}',
            r"a\.xmi: not a CAS in JSON: .*",
        ),
        (
            b'{"a": "\xff"}',
            r"a\.xmi: not UTF-8: invalid start byte at byte 7; save the file as UTF-8",
        ),
        (b'{"a":' * 100_000, r"a\.xmi: not a CAS: RecursionError: .*"),
        (b'{"a": ' + b"9" * 5000 + b"}", r"a\.xmi: not a CAS: ValueError: .*"),
    ],
)
def test_what_is_no_cas_is_refused_in_one_line(data, message, tmp_path):
    (tmp_path / "a.xmi").write_bytes(data)

    with pytest.raises(InputError, match=rf"^\S*/{message}[^\n]*$"):
        load_corpus(tmp_path / "a.xmi")


def test_a_type_system_that_is_none_is_refused(put):
    with pytest.raises(LoadError, match=r"TypeSystem\.xml: not a type system: .*"):
        load_corpus(
            put(MENTIONS, "5 6", types=TYPES.replace("uima.tcas.Annotation", "no.such.Type"))
        )


def test_a_folder_without_documents_is_no_corpus(tmp_path):
    with pytest.raises(
        InputError, match=r"no \.xmi or \.json file; unpack the archives that INCEpTION exports"
    ):
        load_corpus(f"cas:{tmp_path}")


def test_every_file_that_is_wrong_is_told(tmp_path):
    corpus("[Ada|PER]").save(f"cas:{tmp_path}")
    (tmp_path / "x.xmi").write_text("x")
    (tmp_path / "y.json").write_text("{")

    with pytest.raises(LoadError) as told:
        load_corpus(f"cas:{tmp_path}")

    assert [Path(fault.split(":")[0]).name for fault in told.value.errors] == ["x.xmi", "y.json"]


def loaded_or_faults(path):
    try:
        return list(load_corpus(f"cas:{path}"))
    except LoadError as error:
        return error.errors


@pytest.mark.slow
@pytest.mark.parametrize("form", ["xmi", "json"])
def test_no_damage_is_more_than_a_line(form, tmp_path):
    path, chance = tmp_path / f"a.{form}", random.Random(7)
    Corpus(
        [
            Document(
                "d", TEXT, (Entity("PER", 2, 5),), (Event("E", Span(6, 9), (Argument("A", 2, 5),)),)
            )
        ]
    ).save(f"cas:{path}")
    whole = path.read_bytes()
    places = [(chance.randrange(len(whole)), chance.randrange(256)) for _ in range(300)]
    outcomes = []

    for at, value in places:
        path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
        outcomes += loaded_or_faults(path)

    assert all(
        isinstance(found, Document) or (found.startswith(str(path)) and "\n" not in found)
        for found in outcomes
    )
    assert {type(found) for found in outcomes} == {Document, str}


def test_without_the_package_the_extra_is_named(tmp_path):
    corpus("x").save(tmp_path / "a.xmi")
    code = (
        "import sys; sys.modules['cassis'] = None; from pathlib import Path; from"
        " evalkit.formats.cas_file import cassis; cassis()"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (
        "MissingDependencyError: the format cas needs cassis, which is not installed: pip install '.[cas]'"  # noqa: E501
        " in a checkout of evalkit" in done.stderr
    )


# The command line


def run(*arguments, folder):
    return run_evalkit(*arguments, cwd=folder)


def test_the_command_line_converts_there_and_back_and_says_what_is_lost(tmp_path):
    there = run("convert", "evalkit-news", "a.xmi", folder=tmp_path)
    back = run("convert", "a.xmi", "b.jsonl", folder=tmp_path)

    assert (there.returncode, there.stdout) == (
        0,
        "a.xmi: 1 document (read: 61 entities, 26 events, 5 attributions)\n",
    )
    assert (
        "a.xmi: not written: 5 attributions (document '000_fd35b6397ccf6caa', attributions[0]"
        in there.stderr
    )
    assert (back.returncode, back.stdout, back.stderr) == (
        0,
        "b.jsonl: 1 document (read: 61 entities, 26 events)\n",
        "",
    )


def test_the_command_line_says_what_is_wrong_and_ends_with_2(tmp_path):
    (tmp_path / "a.xmi").write_text("no")

    done = run("validate", "a.xmi", folder=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "a.xmi:1: not a CAS: expected JSON or XML, got b'no'" in done.stderr
    assert "Traceback" not in done.stderr
