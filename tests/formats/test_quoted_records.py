"""langextract's and GLiNER2's files: predicted entities as strings, with or without offsets."""

import json
import random

import pytest
from helpers.cli import run_evalkit
from helpers.quick import choose_quick

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    LoadError,
    Relation,
    Unplaced,
    load_corpus,
    score,
)
from evalkit.formats.quoted_entities import NOT_IN_TEXT, WITHOUT_OFFSETS

TEXT = "Ada Lovelace met Bo in new Rome. ADA left."
# Written by langextract 1.7.1: its WordAligner aligned the extractions, and data_lib made the line.
LANGEXTRACT = {
    "extractions": [
        {
            "extraction_class": "person",
            "extraction_text": "Ada Lovelace",
            "char_interval": {"start_pos": 0, "end_pos": 12},
            "alignment_status": "match_exact",
            "extraction_index": None,
            "group_index": None,
            "description": None,
            "attributes": {"role": "guest", "names": ["Ada", "Countess"]},
        },
        {
            "extraction_class": "person",
            "extraction_text": "ada",
            "char_interval": {"start_pos": 33, "end_pos": 36},
            "alignment_status": "match_exact",
            "extraction_index": None,
            "group_index": None,
            "description": None,
            "attributes": None,
        },
        {
            "extraction_class": "person",
            "extraction_text": "Zoe",
            "char_interval": None,
            "alignment_status": None,
            "extraction_index": None,
            "group_index": None,
            "description": None,
            "attributes": None,
        },
        {
            "extraction_class": "place",
            "extraction_text": "New Rome city",
            "char_interval": {"start_pos": 23, "end_pos": 31},
            "alignment_status": "match_lesser",
            "extraction_index": None,
            "group_index": None,
            "description": None,
            "attributes": None,
        },
    ],
    "text": TEXT,
    "document_id": "d1",
}
# Made by format_results of GLiNER2 2.1.0, without and with spans and confidence
GLINER2_TEXT = "Ada met Bo. Ada left."
GLINER2_PLAIN = {"entities": {"person": ["Ada", "Bo"], "place": []}}
GLINER2_FULL = {
    "entities": {
        "person": [
            {
                "text": "Ada",
                "confidence": 0.95,
                "start": 0,
                "end": 3,
                "sentiment": {"label": "positive", "confidence": 0.9},
            },
            {"text": "Bo", "confidence": 0.9, "start": 8, "end": 10},
        ]
    },
    "relation_extraction": {"met": [["Ada", "Bo"]]},
}


def write_lines(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def load(location, **options):
    return load_corpus(location, predictions=True, **options)


# ---- langextract ---------------------------------------------------------------------------------


def test_extractions_with_offsets_are_entities_and_others_are_unplaced(tmp_path):
    corpus = load(f"langextract:{write_lines(tmp_path / 'a.jsonl', LANGEXTRACT)}")

    assert list(corpus) == [
        Document(
            "d1",
            TEXT,
            (
                Entity("person", 0, 12, attributes={"role": "guest"}),
                Entity("person", 33, 36),
                Entity("place", 23, 31),
            ),
            unplaced=(Unplaced("entities", "person", WITHOUT_OFFSETS, "Zoe"),),
        )
    ]
    assert corpus.conversion.repaired == {
        "texts of entities that differ from the text at their offsets": 2
    }
    assert corpus.conversion.dropped == {"lists and objects of the attribute 'names'": 1}


def test_extractions_without_offsets_are_searched_with_ground(tmp_path):
    record = {
        "extractions": [
            {"extraction_class": "p", "extraction_text": "ada", "attributes": {"a": "b"}},
            {"extraction_class": "p", "extraction_text": "Bo", "char_interval": {}},
            {
                "extraction_class": "p",
                "extraction_text": "Zoe",
                "char_interval": {"start_pos": None, "end_pos": None},
            },
        ],
        "text": "Ada met Bo.",
        "document_id": "d",
    }
    path = write_lines(tmp_path / "a.jsonl", record)

    plain, grounded = load(f"langextract:{path}"), load(f"langextract:{path}?ground=true")

    assert (plain[0].entities, len(plain[0].unplaced)) == ((), 3)
    assert plain.conversion.dropped == {"attributes of entities without offsets": 1}
    assert grounded[0].entities == (Entity("p", 0, 3, attributes={"a": "b"}), Entity("p", 8, 10))
    assert grounded[0].unplaced == (Unplaced("entities", "p", NOT_IN_TEXT, "Zoe"),)
    assert grounded.conversion.repaired == {
        "entities without offsets that were found in the text": 2
    }


def test_a_document_without_extractions_was_not_annotated(tmp_path):
    records = [
        {"extractions": None, "text": "a", "document_id": "d0"},
        {"extractions": [], "text": "b", "document_id": "d1"},
        {"text": "c", "document_id": "d2"},
    ]

    corpus = load(f"langextract:{write_lines(tmp_path / 'a.jsonl', *records)}")

    assert [document.entities for document in corpus] == [None, (), None]


def test_descriptions_and_other_keys_are_counted(tmp_path):
    record = {
        "extractions": [{**LANGEXTRACT["extractions"][1], "description": "who", "other": 1}],
        "text": TEXT,
        "document_id": "d",
        "tokenized_text": {"text": "x"},
    }

    corpus = load(f"langextract:{write_lines(tmp_path / 'a.jsonl', record)}")

    assert corpus.conversion.dropped == {
        "values of the key 'extractions.description'": 1,
        "values of the key 'extractions.other'": 1,
        "values of the key 'tokenized_text'": 1,
    }


@pytest.mark.parametrize(
    ("extraction", "message"),
    [
        ({"extraction_text": "Ada"}, "a.jsonl:1: extractions"),
        ({"extraction_class": "p"}, "a.jsonl:1: extractions"),
        ({"extraction_class": "p", "extraction_text": 3}, "extraction_text: .*: 3"),
        (
            {"extraction_class": "", "extraction_text": "Ada"},
            "document 'd', entities\\[0\\].label: invalid label ''",
        ),
        (
            {
                "extraction_class": "p",
                "extraction_text": "Ada",
                "char_interval": {"start_pos": 0, "end_pos": 99},
            },
            "document 'd', entities\\[0\\].end: 99 is past the end of the text",
        ),
        (
            {
                "extraction_class": "p",
                "extraction_text": "Ada",
                "char_interval": {"start_pos": 0},
            },
            "document 'd', entities\\[0\\].end: no 'end' beside 'start'",
        ),
    ],
)
def test_an_extraction_of_another_form_is_refused_with_its_line(tmp_path, extraction, message):
    record = {"extractions": [extraction], "text": TEXT, "document_id": "d"}
    path = write_lines(tmp_path / "a.jsonl", record)

    with pytest.raises(LoadError, match=message):
        load(f"langextract:{path}")


# ---- GLiNER2 -------------------------------------------------------------------------------------


def gliner2_records():
    """The same two entities in each of the forms."""
    spans = {
        "entities": {
            "person": [
                {"text": "Ada", "start": 0, "end": 3},
                {"text": "Bo", "start": 8, "end": 10},
            ]
        }
    }
    training = {"input": GLINER2_TEXT, "output": GLINER2_PLAIN}
    return {
        "strings": {"text": GLINER2_TEXT, **GLINER2_PLAIN},
        "spans": {"text": GLINER2_TEXT, **spans},
        "training data": training,
        "training data with spans": {"input": GLINER2_TEXT, "output": spans},
        "one string instead of a list": {
            "text": "Ada met Bo.",
            "entities": {"person": "Ada", "name": None, "other": [{"text": "Bo"}]},
        },
    }


@pytest.mark.parametrize("form", gliner2_records())
@pytest.mark.parametrize("is_list", [False, True])
def test_entities_of_all_forms_are_read(tmp_path, form, is_list):
    record = gliner2_records()[form]
    path = tmp_path / "a.json"
    path.write_text(json.dumps([record, record]) if is_list else f"{json.dumps(record)}\n" * 2)

    plain, grounded = load(f"gliner2-json:{path}"), load(f"gliner2-json:{path}?ground=true")

    assert plain.ids == grounded.ids == ["doc-1", "doc-2"]
    assert [(entity.start, entity.end) for entity in grounded[0].entities] == [(0, 3), (8, 10)]
    if "spans" in form:
        assert plain[0].entities == (Entity("person", 0, 3), Entity("person", 8, 10))
    else:
        assert plain[0].entities == ()
        assert [item.quote for item in plain[0].unplaced] == ["Ada", "Bo"]


def test_confidence_is_the_score_and_span_attributes_are_attributes(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", {"id": 7, "text": GLINER2_TEXT, **GLINER2_FULL})

    corpus = load(f"gliner2-json:{path}")

    assert list(corpus) == [
        Document(
            "7",
            GLINER2_TEXT,
            (
                Entity("person", 0, 3, score=0.95, attributes={"sentiment": "positive"}),
                Entity("person", 8, 10, score=0.9),
            ),
        )
    ]
    assert corpus.conversion.dropped == {"values of the key 'relation_extraction'": 1}


def test_confidence_without_offsets_is_dropped_unless_the_text_is_searched(tmp_path):
    record = {"text": GLINER2_TEXT, "entities": {"person": [{"text": "Bo", "confidence": 0.5}]}}
    path = write_lines(tmp_path / "a.jsonl", record)

    plain, grounded = load(f"gliner2-json:{path}"), load(f"gliner2-json:{path}?ground=true")

    assert plain[0].unplaced == (Unplaced("entities", "person", WITHOUT_OFFSETS, "Bo"),)
    assert plain.conversion.dropped == {"scores of entities without offsets": 1}
    assert grounded[0].entities == (Entity("person", 8, 10, score=0.5),)


def test_records_without_entities_were_not_annotated(tmp_path):
    records = [{"text": "a"}, {"text": "b", "entities": {}}, {"input": "c", "output": {}}]

    corpus = load(f"gliner2-json:{write_lines(tmp_path / 'a.jsonl', *records)}")

    assert [document.entities for document in corpus] == [None, (), None]


def test_objects_of_lists_of_strings_alone_are_read_with_the_texts_of_a_corpus(tmp_path):
    texts = ["Ada met Bo.", "Cy left.", "Di left."]
    Corpus([Document(f"d{n}", text) for n, text in enumerate(texts)]).save(tmp_path / "gold.jsonl")
    records = [{"person": ["Ada", "Bo"], "place": []}, {}, {"person": "Di", "place": ["x"]}]
    location = f"gliner2-json:{write_lines(tmp_path / 'a.jsonl', *records)}"

    corpus = load(f"{location}?texts={tmp_path / 'gold.jsonl'}")

    assert corpus.ids == ["d0", "d1", "d2"]
    assert [document.entities for document in corpus] == [(), (), None]
    assert [item.quote for item in corpus[0].unplaced] == ["Ada", "Bo"]
    assert corpus.conversion.counts == {
        "values of the key 'person'": 1,
        "values of the key 'place'": 1,
    }
    with pytest.raises(LoadError, match=r"a.jsonl:1: no text; name the corpus"):
        load(location)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"entities": ["Ada"]}, r"entities: expected an object of labels, such as \{\"person\""),
        ({"entities": {"p": [3]}}, r"entities\['p'\]\[0\]: expected a string or an object, got 3"),
        ({"entities": {"p": ["a", {"start": 0}]}}, r"entities\['p'\]\[1\].text: expected a string"),
        (
            {"entities": {"p": [{"text": "Ada", "start": "0"}]}},
            r"entities\['p'\]\[0\].start: expected an integer, got '0'",
        ),
        (
            {"entities": {"p": [{"text": "Ada", "confidence": True}]}},
            r"entities\['p'\]\[0\].confidence: expected a number, got True",
        ),
        (
            {"entities": {"p": [{"text": "Ada", "start": 4, "end": 7}]}},
            r"document 'doc-1', entities\[0\].text: 'Ada' is not the text at 4 to 7: 'met'",
        ),
        ({"id": [1]}, r"id: expected a string, got \[1\]"),
        ({"text": 1}, "text: expected a string, got 1"),
        ({"output": []}, "output: expected an object"),
    ],
)
def test_a_record_of_another_form_is_refused_with_its_line(tmp_path, record, message):
    path = write_lines(tmp_path / "a.jsonl", {"text": GLINER2_TEXT, **record})

    with pytest.raises(LoadError, match=f"a.jsonl:1: {message}"):
        load(f"gliner2-json:{path}")


def test_the_line_of_an_item_of_a_list_is_named(tmp_path):
    (tmp_path / "a.json").write_text('[\n{"text": "a"},\n{"text": 1}]')

    with pytest.raises(LoadError, match=r"a.json:3: text: expected a string, got 1"):
        load(f"gliner2-json:{tmp_path / 'a.json'}")


# ---- texts and ids of a corpus -------------------------------------------------------------------


@pytest.fixture
def gold(tmp_path):
    documents = [
        Document("d0", "Ada met Bo.", (Entity("person", 0, 3), Entity("person", 8, 10))),
        Document("d1", "Cy left.", (Entity("person", 0, 2),)),
        Document("d2", "Twice.", ()),
        Document("d3", "Twice.", ()),
    ]
    Corpus(documents).save(tmp_path / "gold.jsonl")
    return tmp_path / "gold.jsonl"


def test_results_without_texts_are_those_of_the_corpus_in_its_order(tmp_path, gold):
    results = [{"entities": {"person": [name]}} for name in ("Ada", "Cy", "x", "y")]
    (tmp_path / "a.json").write_text(json.dumps(results))

    corpus = load(f"gliner2-json:{tmp_path / 'a.json'}?texts={gold}&ground=true")

    assert [(document.id, document.text) for document in corpus] == [
        (document.id, document.text) for document in load_corpus(gold)
    ]
    assert [len(document.entities) for document in corpus] == [1, 1, 0, 0]


def test_results_with_texts_and_without_ids_are_found_by_place_and_text(tmp_path, gold):
    texts = [document.text for document in load_corpus(gold)]
    in_order = [{"input": text, "output": GLINER2_PLAIN} for text in texts]
    in_other_order = [in_order[1], in_order[0]]

    for records, ids in ((in_order, ["d0", "d1", "d2", "d3"]), (in_other_order, ["d1", "d0"])):
        path = write_lines(tmp_path / "a.jsonl", *records)
        assert load(f"gliner2-json:{path}?texts={gold}").ids == ids


def test_documents_are_found_by_id_and_then_by_text(tmp_path, gold):
    records = [
        {"document_id": "d1", "extractions": []},
        {"document_id": "doc_8f3a", "text": "Ada met Bo.", "extractions": []},
        {"document_id": "d3", "text": "Twice.", "extractions": []},
    ]
    path = write_lines(tmp_path / "a.jsonl", *records)

    corpus = load(f"langextract:{path}", texts=gold)

    assert [(document.id, document.text) for document in corpus] == [
        ("d1", "Cy left."),
        ("d0", "Ada met Bo."),
        ("d3", "Twice."),
    ]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"document_id": "x"}, "document 'x' is not in .*gold.jsonl, neither by its id nor by"),
        ({"document_id": "x", "text": "Twice."}, "document 'x' is not in"),  # two have this text
        ({"document_id": "x", "text": "Other."}, "document 'x' is not in"),
    ],
)
def test_a_document_that_is_not_in_the_corpus_is_refused(tmp_path, gold, record, message):
    path = write_lines(tmp_path / "a.jsonl", {"extractions": [], **record})

    with pytest.raises(LoadError, match=f"a.jsonl:1: {message}"):
        load(f"langextract:{path}?texts={gold}")


def test_more_results_than_texts_are_refused(tmp_path, gold):
    (tmp_path / "a.json").write_text(json.dumps([GLINER2_PLAIN] * 5))

    with pytest.raises(LoadError, match="record 5 is not in .*gold.jsonl"):
        load(f"gliner2-json:{tmp_path / 'a.json'}?texts={gold}")


def test_results_without_texts_need_a_corpus(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([GLINER2_PLAIN]))

    with pytest.raises(
        LoadError, match=r"a.json:1: no text; name the corpus .*: gliner2-json:FILE\?texts=CORPUS"
    ):
        load(f"gliner2-json:{tmp_path / 'a.json'}")


def test_a_corpus_of_texts_that_is_not_there_is_named(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([GLINER2_PLAIN]))

    with pytest.raises(InputError, match="nowhere"):
        load(f"gliner2-json:{tmp_path / 'a.json'}?texts={tmp_path / 'nowhere.jsonl'}")


# ---- scores --------------------------------------------------------------------------------------


def test_strings_are_scored_as_surfaces_and_with_ground_as_spans(tmp_path, gold):
    results = [{"entities": {"person": names}} for names in (["Ada", "Zoe"], ["Cy"], [], [])]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(results))

    surfaces = score(gold, f"gliner2-json:{path}?texts={gold}", "surfaces", boot=0)
    spans = score(gold, f"gliner2-json:{path}?texts={gold}", "entities/strict", boot=0)
    grounded = score(
        gold, f"gliner2-json:{path}?texts={gold}&ground=true", "entities/strict", boot=0
    )

    # By hand: Ada and Cy are right, Zoe is wrong, Bo is missed; without offsets nothing is right.
    counts = [
        (micro.tp, micro.fp, micro.fn)
        for micro in (
            surfaces["surfaces/strict"].micro,
            spans["entities/strict"].micro,
            grounded["entities/strict"].micro,
        )
    ]
    assert counts == [(2, 1, 1), (0, 3, 3), (2, 1, 1)]
    assert "predicted=ground:true" in grounded["entities/strict"].signature


def test_commands_name_the_formats(tmp_path, gold):
    path = write_lines(tmp_path / "a.jsonl", LANGEXTRACT)
    converted = run_evalkit("convert", f"langextract:{path}", tmp_path / "b.jsonl", "--predictions")
    listed = run_evalkit("formats", "gliner2-json")

    assert converted.returncode == 0, converted.stderr
    assert json.loads((tmp_path / "b.jsonl").read_text())["id"] == "d1"
    assert listed.returncode == 0
    assert "ground" in listed.stdout


# ---- writing -------------------------------------------------------------------------------------


def make_corpus(draw):
    """Documents with entities that may have one span, be nested, scored and attributed."""
    documents = []
    for number in range(draw.randint(1, 3)):
        text = "".join(draw.choice("ab é😀\n") for _ in range(draw.randint(1, 12)))
        entities = []
        for label in draw.sample("PQRS", draw.randint(0, 4)):
            start, end = sorted(draw.sample(range(len(text) + 1), 2))
            score = draw.choice([None, 0.25, 1.0])
            attributes = draw.choice([None, {"x": "y"}, {"x": "y", "n": 3}])
            entities.append(Entity(label, start, end, score=score, attributes=attributes))
        annotated = None if draw.random() < 0.2 else tuple(entities)
        documents.append(Document(f"id {number}", text, annotated))
    return Corpus(documents)


def kept(format, entity):
    """What a format holds of an entity."""
    common = (entity.label, entity.start, entity.end)
    if format == "gliner2-json":
        return (*common, entity.score)
    attributes = entity.attributes or {}
    return (*common, tuple(each for each in attributes.items() if isinstance(each[1], str)))


@pytest.mark.parametrize("format", ["langextract", "gliner2-json"])
@pytest.mark.parametrize("seed", choose_quick(range(300), 25))
def test_what_is_written_is_read_back(tmp_path, format, seed):
    corpus = make_corpus(random.Random(seed))
    location = f"{format}:{tmp_path / 'a.jsonl'}"

    corpus.save(location)
    read = load(location)

    assert read.ids == corpus.ids
    for before, after in zip(corpus, read, strict=True):
        assert (before.text, before.entities is None) == (after.text, after.entities is None)
        distinct = {kept(format, entity) for entity in before.entities or ()}
        assert {kept(format, entity) for entity in after.entities or ()} == distinct
        assert after.unplaced == ()


def test_what_is_not_written_is_counted(tmp_path):
    entities = (
        Entity("P", 0, 1, id="T1", score=0.5, attributes={"n": 3}),
        Entity("P", 2, 3, id="T2"),
        Entity("P", 0, 3, fragments=((0, 1), (2, 3))),
    )
    document = Document("d", "a b", entities, relations=(Relation("r", "T1", "T2"),))

    langextract = Corpus([document]).save(f"langextract:{tmp_path / 'a.jsonl'}")
    gliner2 = Corpus([document]).save(f"gliner2-json:{tmp_path / 'b.jsonl'}")

    common = {"discontinuous entities": 1, "ids of entities": 2, "relations": 1}
    assert langextract.counts == {
        **common,
        "scores of entities": 1,
        "attributes of entities that are not strings": 1,
    }
    assert gliner2.counts == {**common, "attributes of entities": 1}
