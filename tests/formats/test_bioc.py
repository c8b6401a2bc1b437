"""The format bioc: XML and JSON with passages, annotations and relations."""

import gzip
import json
from io import StringIO
from itertools import pairwise

import bioc
import pytest
from bioc import biocjson, biocxml
from helpers.any_text import documents
from helpers.cli import run_evalkit
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from evalkit import (
    Argument,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Relation,
    Span,
    Zone,
    load_corpus,
)

FEW = settings(max_examples=examples(60), deadline=None)
# The dialect of the chemical–disease relations of BioCreative V
CDR = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source>PubTator</source><date/><key/>
<document><id>11</id>
<passage><infon key="type">title</infon><offset>0</offset><text>Naloxone &amp; clonidine.</text>
<annotation id="0"><infon key="MESH">D009270</infon><infon key="type">Chemical</infon>
<location offset="0" length="8"/><text>Naloxone</text></annotation>
</passage>
<passage><infon key="type">abstract</infon><offset>22</offset>
<text>Hepatic and renal failure.</text>
<annotation id="1"><infon key="MESH">D01</infon><infon key="type">Disease</infon>
<location offset="22" length="7"/><location offset="40" length="7"/><text>Hepatic failure</text>
</annotation>
</passage>
<relation id="R0"><infon key="relation">CID</infon><infon key="Chemical">D009270</infon>
<infon key="Disease">D01</infon></relation>
</document>
<document><id>12</id><passage><offset>0</offset><text>No β.</text></passage></document>
</collection>
"""
# The dialect of NCBI's API: PubTator 3, with relations of concepts
PUBTATOR3 = {
    "PubTator3": [
        {
            "_id": "1|None",
            "id": "1",
            "infons": {},
            "passages": [
                {
                    "infons": {"journal": "J", "type": "title"},
                    "offset": 0,
                    "text": "BRCA1 & TNF-α",
                    "sentences": [],
                    "annotations": [
                        {
                            "id": "2",
                            "infons": {"identifier": "672", "type": "Gene", "valid": True},
                            "text": "BRCA1",
                            "locations": [{"offset": 0, "length": 5}],
                        },
                        {
                            "id": "3",
                            "infons": {"identifier": "7124", "type": "Gene", "names": ["x"]},
                            "text": "TNF-a",
                            "locations": [{"offset": 8, "length": 5}],
                        },
                    ],
                    "relations": [],
                }
            ],
            "relations": [
                {
                    "id": "R1",
                    "infons": {
                        "score": "1.0",
                        "role1": {"identifier": "672", "type": "Gene"},
                        "role2": {"identifier": "7124", "type": "Gene"},
                        "type": "Association",
                    },
                    "nodes": [{"refid": "0", "role": "0,1"}],
                }
            ],
            "pmid": 1,
        }
    ]
}
# The dialect of GREC: events with triggers, in sentences
GREC = {
    "source": "GREC",
    "documents": [
        {
            "id": "g",
            "infons": {},
            "passages": [
                {
                    "offset": 0,
                    "infons": {},
                    "sentences": [
                        {
                            "offset": 0,
                            "infons": {},
                            "text": "A induces B.",
                            "annotations": [
                                {
                                    "id": id,
                                    "infons": {"type": label},
                                    "text": text,
                                    "locations": [{"offset": start, "length": len(text)}],
                                }
                                for id, label, text, start in (
                                    ("T1", "Protein", "A", 0),
                                    ("T2", "Protein", "B", 10),
                                    ("T3", "GRE", "induces", 2),
                                )
                            ],
                            "relations": [
                                {
                                    "id": "E1",
                                    "infons": {"event type": "GRE", "type": "Event"},
                                    "nodes": [
                                        {"refid": "T3", "role": "Trigger"},
                                        {"refid": "T1", "role": "Agent"},
                                        {"refid": "T2", "role": "Theme"},
                                    ],
                                }
                            ],
                        },
                        {
                            "offset": 14,
                            "infons": {},
                            "text": "So.",
                            "annotations": [],
                            "relations": [],
                        },
                    ],
                    "annotations": [],
                    "relations": [],
                }
            ],
            "relations": [],
        }
    ],
}


@pytest.fixture
def read(tmp_path):
    def read(content, **options):
        path = tmp_path / "f.xml"
        if isinstance(content, (dict, list)):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_corpus(f"bioc:{path}", **options)

    return read


def test_the_cdr_corpus_is_read(read):
    first, second = read(CDR, link="MESH")

    assert first == Document(
        "11",
        "Naloxone & clonidine.\nHepatic and renal failure.",
        [
            Entity("Chemical", 0, 8, id="0", attributes={"link": "D009270"}),
            Entity(
                "Disease", 22, 47, "1", fragments=((22, 29), (40, 47)), attributes={"link": "D01"}
            ),
        ],
        relations=[Relation("CID", "0", "1", id="R0")],
        zones=[Zone("title", 0, 21), Zone("abstract", 22, 48)],
    )
    assert second == Document("12", "No β.", [], relations=[])


def test_other_infons_are_attributes(read):
    corpus = read(CDR)

    assert corpus[0].entities[0].attributes == {"MESH": "D009270"}
    assert corpus[0].relations is None
    assert corpus.conversion.dropped == {"relations with a concept that is not mentioned": 1}


def test_pubtator_3_is_read(read):
    with pytest.raises(LoadError) as error:
        read(PUBTATOR3)
    corpus = read(PUBTATOR3, check_text=False)

    assert (
        "f.xml:1: document '1', passages[0].annotations[1].text: 'TNF-a' is not the text at 8 to"
        " 13: 'TNF-α'; where texts are normalized, give check_text="
    ) in str(error.value)
    assert corpus[0].entities == (
        Entity("Gene", 0, 5, id="2", attributes={"link": "672", "valid": True}),
        Entity("Gene", 8, 13, id="3", attributes={"link": "7124"}),
    )
    assert corpus[0].relations == (
        Relation("Association", "2", "3", id="R1", attributes={"score": "1.0"}),
    )
    assert corpus.conversion.dropped == {
        "values of the key '_id'": 1,
        "values of the key 'pmid'": 1,
        "infons of passages": 1,
        "annotations whose text differs from that at their offsets": 1,
        "infons that are not a string, number or boolean": 1,
    }


SENTENCES = """\
<collection><source/><date/><key/><document><id>1</id>
<passage>
  <offset>0</offset>{text}
  <sentence><offset>0</offset><text>Ada has it.</text>
    <annotation id="1"><infon key="type">Person</infon><location offset="0" length="3"/>
    <text>Ada</text></annotation></sentence>
  <sentence><offset>12</offset><text>Bo and it.</text>
    <annotation id="2"><infon key="type">Pair</infon><location offset="12" length="2"/>
    <location offset="19" length="2"/><text>Bo it</text></annotation></sentence>
</passage></document></collection>
"""


@pytest.mark.parametrize("text", ["", "<text></text>", "<text>Ada has it. Bo and it.</text>"])
def test_the_text_of_a_passage_in_xml_may_be_in_its_sentences(tmp_path, text):
    path = tmp_path / "sentences.xml"
    path.write_text(SENTENCES.format(text=text))

    document = load_corpus(f"bioc:{path}")[0]

    assert document.text == "Ada has it. Bo and it."
    found = [
        [document.text[a:b] for a, b in e.fragments or [(e.start, e.end)]]
        for e in document.entities
    ]
    assert found == [["Ada"], ["Bo", "it"]]


def test_events_and_sentences_are_read(read):
    corpus = read(GREC)

    assert corpus[0] == Document(
        "g",
        "A induces B.  So.",
        [Entity("Protein", 0, 1, id="T1"), Entity("Protein", 10, 11, id="T2")],
        [
            Event(
                "GRE",
                Span(2, 9),
                [Argument("Agent", 0, 1, ref="T1"), Argument("Theme", 10, 11, ref="T2")],
                id="E1",
                attributes={"type": "Event"},
            )
        ],
    )
    assert corpus.conversion.dropped == {"boundaries of sentences": 1}


def test_json_is_read_as_a_collection_a_list_and_lines(read):
    (expected,) = read(GREC)
    (document,) = GREC["documents"]

    assert list(read(json.dumps(GREC, indent=1))) == [expected]
    assert list(read([GREC])) == [expected]
    assert list(read([document])) == [expected]
    second = {**document, "id": "h"}
    lines = read("\n".join(json.dumps(each) for each in (document, second)) + "\n")
    assert list(lines) == [expected, replace(expected, id="h")]


@pytest.mark.parametrize("content", [CDR, GREC])
def test_counts_are_those_of_bioc(read, content):
    if isinstance(content, str):
        collection = biocxml.loads(content.replace(' encoding="UTF-8"', ""))
    else:
        collection = biocjson.load(
            StringIO(json.dumps({**content, "date": "", "key": "", "infons": {}}))
        )
    expected = []
    for document in collection.documents:
        parts = [document]
        for passage in document.passages:
            parts += [passage, *passage.sentences]
        for part in parts:
            for annotation in part.annotations:
                pieces = [(each.offset, each.end) for each in annotation.locations]
                expected.append((document.id, annotation.infons["type"], pieces))

    found = []
    for document in read(content):
        for entity in document.entities:
            pieces = list(entity.fragments) or [(entity.start, entity.end)]
            found.append((document.id, entity.label, pieces))
        for event in document.events or ():
            found.append((document.id, event.label, [(event.trigger.start, event.trigger.end)]))

    assert sorted(found) == sorted(expected)


def test_offsets_in_bytes_are_converted_and_proposed(read):
    content = CDR.replace(
        "<text>No β.</text>",
        '<text>No β.</text><annotation id="1"><infon key="type">X</infon>'
        '<location offset="3" length="2"/><text>β</text></annotation>',
    )
    with pytest.raises(LoadError, match="offset_unit=utf-8"):
        read(content)

    assert read(content, offset_unit="utf-8")[1].entities == (Entity("X", 3, 4, id="1"),)


def test_the_first_node_is_the_head_unless_roles_say_otherwise(read):
    annotations = [
        {
            "id": id,
            "infons": {"type": "P"},
            "text": text,
            "locations": [{"offset": start, "length": 1}],
        }
        for id, text, start in (("a", "A", 0), ("b", "B", 2))
    ]
    roles = [("tail", "head"), ("Agent", "Theme"), (None, "x"), ("head", "tail"), ("a", "b")]
    relations = [
        {
            "id": f"R{n}",
            "infons": {"type": f"r{n}"},
            "nodes": [{"refid": "a", "role": first}, {"refid": "b", "role": second}],
        }
        for n, (first, second) in enumerate(roles)
    ]
    relations += [
        {"id": "n1", "infons": {"type": "one"}, "nodes": [{"refid": "a", "role": "x"}]},
        {"id": "n2", "infons": {}, "nodes": [{"refid": "a", "role": "x"}] * 2},
        {"id": "n3", "infons": {"type": "r"}, "nodes": [{"refid": id} for id in ("a", "zz")]},
        {"id": "a", "infons": {"type": "r"}, "nodes": [{"refid": id} for id in ("a", "b")]},
    ]
    document = {
        "id": 7,
        "passages": [
            {"offset": 0, "text": "A B", "annotations": annotations, "relations": relations}
        ],
    }

    corpus = read(document)

    assert corpus[0].id == "7"
    assert [
        (each.label, each.head, each.tail, each.attributes) for each in corpus[0].relations
    ] == [
        ("r0", "b", "a", None),
        ("r1", "a", "b", {"head_role": "Agent", "tail_role": "Theme"}),
        ("r2", "a", "b", {"tail_role": "x"}),
        ("r3", "a", "b", None),
        ("r4", "a", "b", {"head_role": "a", "tail_role": "b"}),
        ("r", "a", "b", None),
    ]
    assert corpus.conversion.dropped == {
        "relations that do not have two nodes": 1,
        "relations without a label": 1,
        "relations with an argument that is not read": 1,
        "ids of relations that an annotation has": 1,
    }


def test_lines_of_another_format_are_refused_at_once(read):
    with pytest.raises(LoadError, match="f.xml:1: not JSON: .*trailing characters"):
        read('{"text": "Ada"}\n' * 5000)


def with_annotation(**changes):
    annotation = {
        "id": "1",
        "infons": {"type": "P"},
        "text": "A",
        "locations": [{"offset": 0, "length": 1}],
        **changes,
    }
    return {"id": "d", "passages": [{"offset": 0, "text": "A B", "annotations": [annotation]}]}


def test_annotations_without_place_are_counted(read):
    for locations, what in (([], "without a location"), ([(1, 0)], "of no characters")):
        places = [{"offset": offset, "length": length} for offset, length in locations]
        corpus = read(with_annotation(locations=places))

        assert corpus.conversion.dropped == {f"annotations {what}": 1}
        assert corpus[0].entities == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Ada", "f.xml: neither XML nor JSON: it begins with b'Ada'; expected a BioC collection"),
        ("", "f.xml: an empty file"),
        ("<a/>", "f.xml:1: no element collection; expected a BioC collection"),
        ("<collection>\n<document>", "f.xml:2: not XML: "),
        ("<a\x00", "f.xml:1: not XML: "),
        (
            '<!DOCTYPE c [<!ENTITY a "b">]><collection/>',
            "f.xml:1: DOCTYPE with declarations is not allowed; delete it",
        ),
        (
            CDR.replace("<offset>22</offset>", "<offset>x</offset>"),
            "f.xml:4: invalid offset, length or id: invalid literal for int() with base 10: 'x'",
        ),
        (CDR.replace("<id>11</id>", ""), "f.xml:4: id: invalid id ''"),
        (
            CDR.replace("<offset>22<", "<offset>20<"),
            "f.xml:4: passages[1]: a text starts at 20, and the previous one ends at 21",
        ),
        (
            CDR.replace("<offset>22<", "<offset>99000022<"),
            "f.xml:4: passages[1]: a text starts at 99000022, and the previous one ends at 21",
        ),
        ('{"id": 1}', "f.xml:1: no documents; expected a BioC collection"),
        ('[{"id": 1}]', "f.xml:1: no documents"),
        ("{", "f.xml:1: not JSON: "),
        (b'{"id": "\xff"}', "f.xml:1: not UTF-8: invalid start byte at byte 8 of the file"),
        ({"id": 1, "passages": [{"text": "a"}]}, "missing required field 'offset'"),
        ('{"id": 1, "id": 2, "passages": []}', "'id'"),
        (
            with_annotation(text="B"),
            "f.xml:1: document 'd', passages[0].annotations[0].text: 'B' is not the text at 0 to 1",
        ),
        (
            with_annotation(locations=[{"offset": 2, "length": 5}], text=None),
            "f.xml:1: document 'd', passages[0].annotations[0].end: 7 is past the end of the text",
        ),
        (
            with_annotation(infons={"ABBR": "Long"}),
            "f.xml:1: document 'd', passages[0].annotations[0].infons: no label in the infon"
            " 'type'; infons: ABBR; name the one with the label, as in feature=",
        ),
    ],
)
def test_errors_name_place_and_remedy(read, content, message):
    with pytest.raises(LoadError) as error:
        read(content)

    assert message in str(error.value)


def test_documents_are_located_by_their_lines(read):
    with pytest.raises(LoadError, match="f.xml:18: passages"):
        read(CDR.replace("<offset>0</offset><text>No", "<offset>-3</offset><text>No"))
    lines = json.dumps({"documents": [with_annotation(), with_annotation(text="B")]}, indent=0)
    number = lines.split("\n").index('"id": "d",', lines.split("\n").index('"id": "d",') + 1)
    with pytest.raises(LoadError, match=f"f.xml:{number}: document 'd'"):
        read(lines.replace('"id": "d"', '"id": "c"', 1))


def test_compressed_files_and_shared_options(tmp_path, read):
    (tmp_path / "a.xml.gz").write_bytes(gzip.compress(CDR.encode()))
    assert list(load_corpus(f"bioc:{tmp_path}/a.xml.gz")) == list(read(CDR))

    repeated = with_annotation()
    repeated["passages"][0]["annotations"].append(
        {**repeated["passages"][0]["annotations"][0], "id": "2"}
    )
    with pytest.raises(LoadError, match=r"duplicate of entities\[0\]"):
        read(repeated)
    assert len(read(repeated, duplicates="drop")[0].entities) == 1
    assert len(read([repeated, {**with_annotation(), "id": "e"}], on_error="skip")) == 1
    with pytest.raises(InputError, match="those of bioc have an encoding of their own"):
        read(CDR, encoding="latin-1")
    latin = CDR.replace("UTF-8", "iso-8859-1").replace("β", "é").encode("latin-1")
    assert read(latin)[1].text == "No é."


def test_a_bioc_file_is_recognized(tmp_path):
    (tmp_path / "a.xml").write_text(CDR, encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps(GREC))
    (tmp_path / "c.json").write_text(json.dumps(PUBTATOR3, indent=1))

    for name, counts in (("a.xml", "2 entities"), ("b.json", "1 event"), ("c.json", "TNF-a")):
        expected = "c.json:3" if name == "c.json" else "format bioc"
        done = run_evalkit("validate", name, cwd=tmp_path)
        assert expected in done.stdout + done.stderr
        assert counts in done.stdout + done.stderr


# Writing


@st.composite
def annotated_documents(draw, **options):
    """A document with zones and with attributes of entities and relations."""
    document = draw(documents(layers=("entities", "events", "relations"), **options))
    attributes = st.sampled_from(
        [None, {"link": "D1"}, {"link": None}, {"kind": "x", "link": "D1|D2"}, {"k": "a b"}]
    )
    entities = [replace(each, attributes=draw(attributes)) for each in document.entities]
    events = [replace(each, realis=None) for each in document.events]
    relations = [
        replace(each, attributes=draw(st.sampled_from([None, {"head_role": "Agent"}])))
        for each in document.relations
    ]
    size = len(document.text)
    cuts = sorted(draw(st.sets(st.integers(0, size), max_size=4)))
    labels = st.sampled_from(["title", "abstract"])
    zones = [Zone(draw(labels), start, end) for start, end in pairwise(cuts)]
    return replace(
        document,
        entities=tuple(entities),
        events=tuple(events),
        relations=tuple(relations),
        zones=tuple(draw(st.lists(st.sampled_from(zones), unique=True)) if zones else ()),
        meta=draw(st.sampled_from([None, {"journal": "J"}])),
    )


def describe(entity):
    attributes = sorted((entity.attributes or {}).items())
    return repr((replace(entity, id=None, attributes=None), attributes))


def plain(document):
    """A document with its annotations in an order of their own, without ids of annotations."""
    spans = {entity.id: describe(entity) for entity in document.entities}
    spans.update((event.id, repr((event.label, event.trigger))) for event in document.events or ())
    events = [
        replace(event, id=None, arguments=tuple(sorted(event.arguments, key=repr)))
        for event in document.events or ()
    ]
    relations = [
        (each.label, spans[each.head], spans[each.tail], each.attributes)
        for each in document.relations or ()
    ]
    return (
        document.id,
        document.text,
        sorted(map(describe, document.entities)),
        sorted(map(repr, events)),
        sorted(map(repr, relations)),
        sorted(map(repr, document.zones)),
        document.meta,
    )


@pytest.mark.parametrize("name", ["f.xml", "f.json"])
@FEW
@given(document=annotated_documents(broken=True))
def test_what_is_written_is_read_back(tmp_path_factory, name, document):
    path = f"bioc:{tmp_path_factory.mktemp('back')}/{name}"

    counts = dict(Corpus([document]).save(path).counts)
    (back,) = load_corpus(path)

    # An argument with the span of an entity that has an id comes back with a ref to it
    with_ref = counts.pop("arguments without a ref, which come back with one", 0)
    ids = {each.id for each in document.entities if each.id}
    found = [a.ref for event in back.events or () for a in event.arguments if a.ref]
    assert len(found) == with_ref
    assert set(found) <= ids
    events = [
        replace(event, arguments=tuple(replace(a, ref=None) for a in event.arguments))
        for event in back.events or ()
    ]
    for layer in ("events", "relations"):
        assert counts.pop(f"empty layers of {layer}", 0) == (getattr(document, layer) == ())
        assert (getattr(back, layer) is None) == (getattr(document, layer) == ())
    assert counts == {}
    assert plain(replace(back, events=tuple(events))) == plain(document)


@FEW
@given(document=annotated_documents(broken=True))
def test_bioc_reads_what_is_written(tmp_path_factory, document):
    folder = tmp_path_factory.mktemp("bioc")
    for name in ("f.xml", "f.json"):
        Corpus([document]).save(f"bioc:{folder}/{name}")

    with (folder / "f.xml").open("rb") as file:
        from_xml = bioc.biocxml.load(file)
    with (folder / "f.json").open(encoding="utf-8") as file:
        from_json = biocjson.load(file)

    for collection in (from_xml, from_json):
        (read,) = collection.documents
        annotations = list(read.annotations)
        for passage in read.passages:
            annotations += passage.annotations
            start = passage.offset
            assert document.text[start : start + len(passage.text)] == passage.text
        found = []
        for annotation in annotations:
            pieces = [(each.offset, each.end) for each in annotation.locations]
            found.append((annotation.infons["type"], pieces))
            surface = " ".join(document.text[a:b] for a, b in pieces)
            assert annotation.text == surface
        expected = [
            (each.label, list(each.fragments) or [(each.start, each.end)])
            for each in document.entities
        ]
        for event in document.events:
            expected.append((event.label, [(event.trigger.start, event.trigger.end)]))
        arguments = [each for each in found if each[0] == "Argument"]
        assert sorted([*expected, *arguments]) == sorted(found)
        assert len(read.relations) == len(document.events) + len(document.relations)


def test_what_the_format_does_not_hold_is_counted(tmp_path):
    rich = Document(
        "d",
        "Ada met Bo",
        [
            Entity("P", 0, 3, id="x", score=0.5, attributes={"age": 3, "type": "t", "link": "-"}),
            Entity("P", 8, 10, id="~T1", attributes={"identifier": "i"}),
        ],
        [
            Event("Meet", Span(4, 7), [Argument("Trigger", 0, 3, ref="x")], realis="ACTUAL"),
            Event("Doc", None, [Argument("Who", 0, 3)]),
        ],
        relations=[Relation("knows", "x", "~T1", attributes={"head_role": "trigger"})],
        zones=[Zone("a", 0, 5), Zone("b", 3, 6)],
        meta={"year": 1998},
    )

    xml = Corpus([rich]).save(f"bioc:{tmp_path}/f.xml").counts
    as_json = Corpus([rich]).save(f"bioc:{tmp_path}/f.json").counts

    common = {
        "ids that look generated": 1,
        "events without a trigger": 1,
        "scores of entities": 1,
        "realis values of events": 1,
        "arguments with the role trigger": 1,
        "attributes of relations": 1,
        "zones that overlap another": 1,
    }
    assert as_json == {**common, "attributes of entities": 3}
    assert xml == {**common, "attributes of entities": 4, "fields of meta": 1}


def test_layers_are_annotated_in_all_documents_or_in_none(tmp_path):
    ada = Entity("P", 0, 3, id="a")
    first = Document("1", "Ada", [ada], [Event("E", Span(0, 3))], relations=[])
    second = Document("2", "Ada", [ada], relations=None)

    report = Corpus([first, second]).save(f"bioc:{tmp_path}/f")

    assert report.counts == {
        "layers of events that were not annotated": 1,
        "empty layers of relations": 1,
    }
    assert list(load_corpus(f"bioc:{tmp_path}/f")) == [
        replace(first, relations=None),
        replace(second, events=()),
    ]


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(InputError, match="entities were not annotated"):
        Corpus([Document("d", "Ada")]).save(f"bioc:{tmp_path}/f")
    with pytest.raises(InputError, match=r"text: '\\x00' at 1 cannot be written as XML"):
        Corpus([Document("d", "A\x00", [])]).save(f"bioc:{tmp_path}/f")
    with pytest.raises(InputError, match="unknown file format 'xmi'"):
        Corpus([Document("d", "A", [])]).save(f"bioc:{tmp_path}/f", file_format="xmi")
    assert not list(tmp_path.iterdir())
    Corpus([Document("d", "A\x00", [])]).save(f"bioc:{tmp_path}/f", file_format="json")
    assert load_corpus(f"bioc:{tmp_path}/f")[0].text == "A\x00"


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_is_refused(read, content):
    with pytest.raises(LoadError, match=r"f\.xml: an empty file; expected a BioC collection"):
        read(content)
