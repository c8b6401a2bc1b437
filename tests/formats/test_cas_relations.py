"""Relation layers of INCEpTION are read, and relations are written as such layers."""

import json
import random
from io import BytesIO

import cassis
import pytest

from evalkit import (
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Relation,
    Span,
    load_corpus,
)

TEXT = "Ada met Bo in Oslo"
NAMED = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
TOKEN = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Token"  # noqa: S105
# As they are read: with the ids that the reader gives to arguments
ENTITIES = (Entity("PER", 0, 3, id="T1"), Entity("PER", 8, 10, id="T2"), Entity("LOC", 14, 18))
EVENTS = (Event("Meet", Span(4, 7), id="E1"),)


def make_cas(features=("label",)):
    """A CAS with two people, a token, and the layer webanno.custom.Rel with these features."""
    cas = cassis.Cas(typesystem=cassis.TypeSystem(), sofa_string=TEXT)
    cas.typesystem.create_feature(
        cas.typesystem.create_type(NAMED, "uima.tcas.Annotation"), "value", "uima.cas.String"
    )
    cas.typesystem.create_type(TOKEN, "uima.tcas.Annotation")
    layer = cas.typesystem.create_type("webanno.custom.Rel", "uima.tcas.Annotation")
    for name in ("Governor", "Dependent"):
        cas.typesystem.create_feature(layer, name, "uima.tcas.Annotation")
    for name in features:
        cas.typesystem.create_feature(layer, name, "uima.cas.String")
    named = cas.typesystem.get_type(NAMED)
    spans = [named(begin=0, end=3, value="PER"), named(begin=8, end=10, value="PER")]
    spans.append(cas.typesystem.get_type(TOKEN)(begin=4, end=7))
    cas.add_all(spans)

    def relate(head, tail, **values):
        begin, end = (tail.begin, tail.end) if tail else (0, 1)
        cas.add(layer(begin=begin, end=end, Governor=head, Dependent=tail, **values))

    return cas, spans, relate


def load_cas(folder, cas, **options):
    (folder / "TypeSystem.xml").write_text(cas.typesystem.to_xml(), encoding="utf-8")
    (folder / "d1.xmi").write_text(cas.to_xmi(), encoding="utf-8")
    return load_corpus(folder / "d1.xmi", **options)


def save_and_load(folder, documents, file_format="xmi"):
    report = Corpus(documents).save(f"cas:{folder}/out", file_format=file_format)
    return list(load_corpus(f"cas:{folder}/out", predictions=True)), report


def test_annotations_with_governor_and_dependent_are_relations(tmp_path):
    cas, (ada, bo, token), relate = make_cas()
    relate(ada, bo, label="knows")
    relate(bo, ada, label="likes")
    relate(ada, token, label="at")
    relate(ada, None, label="at")
    relate(ada, bo)

    corpus = load_cas(tmp_path, cas)

    assert corpus[0].entities == ENTITIES[:2]
    assert sorted(corpus[0].relations, key=str) == [
        Relation("knows", "T1", "T2"),
        Relation("likes", "T2", "T1"),
    ]
    assert corpus.conversion.counts == {
        "annotations of the type Token": 1,
        "relations with an argument that is not read": 2,
        "relations without a label": 1,
    }


@pytest.mark.parametrize(
    ("features", "values", "expected"),
    [
        ((), {}, Relation("Rel", "T1", "T2")),
        (("kind",), {"kind": "knows"}, Relation("knows", "T1", "T2")),
        (
            ("note", "label"),
            {"label": "knows", "note": "sure"},
            Relation("knows", "T1", "T2", attributes={"note": "sure"}),
        ),
        (
            ("a", "b"),
            {"a": "x", "b": "y"},
            Relation("Rel", "T1", "T2", attributes={"a": "x", "b": "y"}),
        ),
    ],
)
def test_the_label_is_that_of_a_feature_or_of_the_type(tmp_path, features, values, expected):
    cas, (ada, bo, _), relate = make_cas(features)
    relate(ada, bo, **values)

    assert load_cas(tmp_path, cas)[0].relations == (expected,)


def test_only_entities_that_are_arguments_get_an_id(tmp_path):
    cas, (ada, _, _), relate = make_cas()
    relate(ada, ada, label="itself")

    corpus = load_cas(tmp_path, cas)

    assert [entity.id for entity in corpus[0].entities] == ["T1", None]


def test_a_type_of_relations_that_is_read_as_entities_gives_no_relations(tmp_path):
    cas, (ada, bo, _), relate = make_cas()
    relate(ada, bo, label="knows")

    corpus = load_cas(tmp_path, cas, type="Rel")

    assert corpus[0].entities == (Entity("knows", 8, 10),)
    assert corpus[0].relations is None


@pytest.mark.parametrize("file_format", ["xmi", "json"])
def test_relations_between_entities_and_events_come_back(tmp_path, file_format):
    relations = (
        Relation("agent", "T2", "E1"),
        Relation("knows", "T1", "T2"),
        Relation("itself", "T2", "T2"),
        Relation("at", "E1", "T2"),
    )
    documents = [
        Document("d1", TEXT, ENTITIES, EVENTS, relations=relations),
        Document("d2", TEXT, (), relations=()),
    ]

    found, report = save_and_load(tmp_path, documents, file_format)

    assert found[0].entities == ENTITIES
    assert found[0].events == EVENTS
    assert sorted(found[0].relations, key=str) == sorted(relations, key=str)
    assert found[1] == documents[1]
    assert report.counts == {"ids of entities": 2, "ids of events": 1}


@pytest.mark.parametrize("file_format", ["xmi", "json"])
def test_random_relations_keep_their_arguments(tmp_path, file_format):
    draw = random.Random(17)
    documents = []
    for n in range(10):
        ids = draw.sample(["x", "y", "z", "é"], 3)
        entities = [Entity(draw.choice("AB"), k, k + 2, id=id) for k, id in enumerate(ids)]
        pairs = {(draw.choice("rs"), draw.choice(ids), draw.choice(ids)) for _ in range(4)}
        relations = [Relation(*pair) for pair in sorted(pairs)]
        documents.append(Document(f"d{n}", TEXT, entities, relations=relations))

    found, report = save_and_load(tmp_path, documents, file_format)

    assert [arguments_of(document) for document in found] == list(map(arguments_of, documents))
    assert set(report.counts) == {"ids of entities"}


def arguments_of(document):
    """Label, head and tail of each relation, with labels and offsets of the arguments."""
    entities = {entity.id: (entity.label, entity.start) for entity in document.entities}
    return sorted(
        (relation.label, entities[relation.head], entities[relation.tail])
        for relation in document.relations
    )


def test_what_a_cas_cannot_hold_of_relations_is_counted(tmp_path):
    broken = Entity("PER", 0, 10, id="x", fragments=((0, 3), (8, 10)))
    relations = (
        Relation("knows", "T1", "T2", id="R1", score=0.5, attributes={"sure": True}),
        Relation("knows", "T1", "x"),
    )
    documents = [
        Document("d1", TEXT, (*ENTITIES, broken), relations=relations),
        Document("d2", TEXT, ()),
    ]

    found, report = save_and_load(tmp_path, documents)

    assert [document.relations for document in found] == [(Relation("knows", "T1", "T2"),), ()]
    assert report.counts == {
        "relations with an argument that is not written": 1,
        "ids of entities": 2,
        "discontinuous entities": 1,
        "ids of relations": 1,
        "scores of relations": 1,
        "attributes of relations": 1,
        "layers of relations that were not annotated": 1,
    }


def test_empty_layers_of_relations_are_counted_where_no_document_has_relations(tmp_path):
    found, report = save_and_load(tmp_path, [Document("d1", TEXT, (), relations=())])

    assert found[0].relations is None
    assert list(report.lines()) == ["1 empty layers of relations (document 'd1')"]


def test_cassis_reads_relations_that_were_written(tmp_path):
    document = Document("d1", TEXT, ENTITIES, relations=(Relation("knows", "T2", "T1"),))

    Corpus([document]).save(tmp_path / "d1.xmi")

    system = cassis.load_typesystem(BytesIO((tmp_path / "TypeSystem.xml").read_bytes()))
    cas = cassis.load_cas_from_xmi(BytesIO((tmp_path / "d1.xmi").read_bytes()), typesystem=system)
    (found,) = cas.select("custom.Relation")
    assert (found.label, found.Governor.begin, found.Dependent.begin) == ("knows", 8, 0)
    assert (found.begin, found.end) == (0, 3)


def test_a_type_system_keeps_the_type_that_other_files_need(tmp_path):
    document = Document("d1", TEXT, ENTITIES, relations=(Relation("knows", "T2", "T1"),))
    plain = Document("d2", TEXT, ENTITIES[2:])

    Corpus([plain]).save(tmp_path / "d2.xmi")
    Corpus([document]).save(tmp_path / "d1.xmi")
    Corpus([plain]).save(tmp_path / "d2.xmi")

    assert load_corpus(tmp_path / "d1.xmi")[0] == document
    assert load_corpus(tmp_path / "d2.xmi")[0] == plain


def test_a_label_that_is_not_xml_is_refused_and_held_by_json(tmp_path):
    document = Document("d1", TEXT, ENTITIES, relations=(Relation("a\x00b", "T2", "T1"),))

    with pytest.raises(InputError, match=r"document 'd1', label: '\\x00' at 1 cannot be written"):
        Corpus([document]).save(tmp_path / "d1.xmi")
    Corpus([document]).save(f"cas:{tmp_path}/d1.json")

    assert load_corpus(f"cas:{tmp_path}/d1.json")[0] == document


def test_a_duplicate_relation_is_refused_with_its_file(tmp_path):
    cas, (ada, bo, _), relate = make_cas()
    relate(ada, bo, label="knows")
    relate(ada, bo, label="knows")

    with pytest.raises(LoadError, match=r"d1\.xmi: .*relations\[1\]: duplicate of relations\[0\]"):
        load_cas(tmp_path, cas)


def test_a_json_cas_brings_its_relation_layer(tmp_path):
    cas, (ada, bo, _), relate = make_cas()
    relate(ada, bo, label="knows")
    (tmp_path / "d1.json").write_text(json.dumps(json.loads(cas.to_json())), encoding="utf-8")

    corpus = load_corpus(f"cas:{tmp_path}/d1.json")

    assert corpus[0].relations == (Relation("knows", "T1", "T2"),)
