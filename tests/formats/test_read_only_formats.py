"""Formats that are only read: what happens where they are to be written, and what all of them share
in reading (compression, encodings, skipped documents, messages).
"""

import copy
import gzip
import json
import re
from importlib import import_module

import pytest
from formats.test_event_sets import BOMB, BREACH, CLUSTERS, PARIS, RAID, TOUR, WAR
from helpers.cli import run_evalkit

from evalkit import (
    Argument,
    Attribution,
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
from evalkit.formats.reading_options import own_options
from evalkit.formats.registry import FORMATS, WRITTEN_FORMATS, module_name
from evalkit.formats.writing import ENTITIES_ONLY, HELD_LAYERS

READ_ONLY = [name for name in FORMATS if FORMATS[name].read_only]
ADA = {
    "title": "Ada",
    "sents": [["Ada", "lives", "in", "London", "."], ["She", "writes", "."]],
    "vertexSet": [
        [
            {"name": "She", "sent_id": 1, "pos": [0, 1], "type": "PER"},
            {"name": "Ada", "sent_id": 0, "pos": [0, 1], "type": "PER"},
        ],
        [{"name": "London", "sent_id": 0, "pos": [3, 4], "type": "LOC"}],
    ],
    "labels": [{"h": 0, "t": 1, "r": "P551"}],
}
# A record of each format, and the key of its id
RECORDS = {
    "maven": (PARIS, "id"),
    "rams": (RAID, "doc_key"),
    "wikievents": (BOMB, "doc_id"),
    "casie": (BREACH, "sourcefile"),
    "docred": (ADA, "title"),
}


def write_records(path, name, ids, encoding="utf-8"):
    record, key = RECORDS[name]
    records = [{**record, key: id} for id in ids]
    if name in ("casie", "docred"):
        text = json.dumps(records, indent=1, ensure_ascii=False)
    else:
        text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records)
    path.write_bytes(text.encode(encoding))
    return f"{name}:{path}"


def test_formats_that_are_only_read_have_no_writer():
    for name in FORMATS:
        has_writer = hasattr(import_module(module_name(name)), "write")
        assert has_writer == (name in WRITTEN_FORMATS) == (not FORMATS[name].read_only)


@pytest.mark.parametrize("name", READ_ONLY)
def test_writing_is_refused_with_the_formats_that_hold_the_same_layers(tmp_path, name):
    corpus = Corpus([Document("d", "Ada", [])])

    with pytest.raises(InputError) as error:
        corpus.save(f"{name}:{tmp_path}/new/a.json")

    message = str(error.value)
    assert message.startswith(f"{tmp_path}/new/a.json: the format {name} is only read; write one")
    named = message.rpartition(": ")[2].split(", ")
    layers = set(HELD_LAYERS.get(name, ENTITIES_ONLY))
    assert named[:2] == ["jsonl", "directory"]
    for other in WRITTEN_FORMATS:
        assert (other in named) == (layers <= set(HELD_LAYERS.get(other, ENTITIES_ONLY)))
    assert not (tmp_path / "new").exists()


def test_convert_refuses_before_it_reads(tmp_path):
    done = run_evalkit("convert", tmp_path / "missing.jsonl", f"rams:{tmp_path}/out.jsonl")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"evalkit: {tmp_path}/out.jsonl: the format rams is only read; write one of the formats"
        " that hold events: jsonl, directory, "
    )
    assert " textee," in done.stderr
    assert "conll" not in done.stderr


@pytest.mark.parametrize("name", RECORDS)
def test_what_is_read_is_written_as_jsonl_and_the_listings_say_only_read(tmp_path, name):
    location = write_records(tmp_path / "a.json", name, ["a"])

    done = run_evalkit("convert", location, tmp_path / "out.jsonl")

    assert done.returncode == 0
    assert list(load_corpus(tmp_path / "out.jsonl")) == list(load_corpus(location))
    assert "This format is only read." in run_evalkit("formats", name).stdout
    listed = run_evalkit("formats").stdout
    entry = re.search(rf"^{name} .*(\n .*)*", listed, re.MULTILINE)
    assert " ".join(entry[0].split()).endswith("; only read")


@pytest.mark.parametrize("name", WRITTEN_FORMATS)
def test_the_layers_of_a_format_are_those_that_come_back(tmp_path, name):
    if FORMATS[name].missing:
        pytest.skip("the package of this format is not installed")
    text = "Ada met Bo. Bo said yes."
    entities = [Entity("PER", 0, 3, id="T1"), Entity("PER", 8, 10, id="T2")]
    events = [Event("Meet", Span(4, 7), [Argument("Who", 0, 3, ref="T1")], id="E1")]
    attributions = [Attribution(Span(15, 19), Span(20, 23), Span(12, 14))]
    corpora = {
        "entities": Document("d", text, entities),
        "events": Document("d", text, entities, events),
        "attributions": Document("d", text, entities, attributions=attributions),
        "relations": Document("d", text, entities, relations=[Relation("knows", "T1", "T2")]),
    }
    has_strings = "ground" in own_options(import_module(module_name(name)).read)
    options = {"ground": True} if has_strings else {}
    held = []
    for layer, document in corpora.items():
        suffixes = [suffix for suffix in FORMATS[name].suffixes if suffix != "/"]
        path = tmp_path / f"{layer}{(suffixes or [''])[0] if name != 'brat' else ''}"

        report = Corpus([document]).save(f"{name}:{path}")

        found = getattr(load_corpus(f"{name}:{path}", **options)[0], layer)
        if found and not report.dropped.get(layer):
            assert len(found) == len(getattr(document, layer))
            held.append(layer)
    assert set(held) == set(HELD_LAYERS.get(name, ENTITIES_ONLY)), "add it to HELD_LAYERS"


@pytest.mark.parametrize("name", RECORDS)
def test_compressed_files_are_read(tmp_path, name):
    location = write_records(tmp_path / "a.json", name, ["a", "b"])
    (tmp_path / "a.json.gz").write_bytes(gzip.compress((tmp_path / "a.json").read_bytes()))

    assert list(load_corpus(f"{location}.gz")) == list(load_corpus(location))
    assert len(load_corpus(location)) == 2


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".jsonlines"])
@pytest.mark.parametrize("name", RECORDS)
def test_files_are_recognized_by_their_content(tmp_path, name, suffix):
    location = write_records(tmp_path / f"a{suffix}", name, ["a", "b"])

    assert list(load_corpus(location.partition(":")[2])) == list(load_corpus(location))


@pytest.mark.parametrize("name", RECORDS)
def test_files_are_read_in_any_encoding(tmp_path, name):
    location = write_records(tmp_path / "a.json", name, ["é"], encoding="latin-1")

    assert list(load_corpus(location, encoding="latin-1").ids) == ["é"]
    with pytest.raises((LoadError, InputError), match="UTF-8"):
        load_corpus(location)


@pytest.mark.parametrize("name", RECORDS)
def test_a_document_with_an_error_is_skipped_and_counted(tmp_path, name):
    location = write_records(tmp_path / "a.json", name, ["a", "b", "a"])
    with pytest.raises(LoadError, match="'a'"):
        load_corpus(location)

    corpus = load_corpus(location, on_error="skip")

    assert list(corpus.ids) == ["a", "b"]
    assert corpus.conversion.skipped == {"documents with errors": 1}


@pytest.mark.parametrize("name", RECORDS)
def test_a_wrong_file_is_refused_with_the_right_format(tmp_path, name):
    others = [other for other in RECORDS if other != name]
    for other in others:
        path = write_records(tmp_path / f"{other}.json", other, ["a"]).partition(":")[2]
        with pytest.raises(InputError):
            load_corpus(f"{name}:{path}")


def changed(record, *path, value):
    """A copy of a record with another value at a path."""
    record = copy.deepcopy(record)
    item = record
    for step in path[:-1]:
        item = item[step]
    item[path[-1]] = value
    return record


MAVEN_MENTION = ("events", 0, "mention", 0)
NUGGET = ("cyberevent", "hopper", 0, "events", 0, "nugget")
ERRORS = {
    "tokens of another sentence": (
        "maven",
        changed(PARIS, *MAVEN_MENTION, "offset", value=[5, 6]),
        r"a:1: events\[0\].mention\[0\].offset: no tokens 5 to 5: sentence 1 has 5, counted from 0",
    ),
    "an unknown sentence": (
        "maven",
        changed(PARIS, *MAVEN_MENTION, "sent_id", value=2),
        r"no sentence 2: the document has 2, counted from 0",
    ),
    "no sentence": (
        "maven",
        changed(PARIS, *MAVEN_MENTION, "sent_id", value=None),
        r"events\[0\].mention\[0\]: no 'sent_id'",
    ),
    "another trigger": (
        "maven",
        changed(PARIS, *MAVEN_MENTION, "trigger_word", value="rise"),
        r"events\[0\].mention\[0\]: 'rise' is not the text at its offsets: 'fall'",
    ),
    "offsets past the end": (
        "maven",
        changed(TOUR, *MAVEN_MENTION, "offset", value=[8, 99]),
        r"offset: 8 to 99: the document has 42 characters",
    ),
    "an unknown entity": (
        "maven",
        changed(TOUR, "events", 0, "argument", "Area", 0, value={"entity_id": "E"}),
        r"argument.Area\[0\].entity_id: unknown id 'E': expected an entity of this line",
    ),
    "neither entity nor span": (
        "maven",
        changed(TOUR, "events", 0, "argument", "Area", 0, value={"content": "America"}),
        r"argument.Area\[0\]: expected 'entity_id', or 'offset'",
    ),
    "a relation of an unknown event": (
        "maven",
        changed(WAR, "subevent_relations", 0, 1, value="EVENT_9"),
        r"subevent_relations\[0\]: unknown id 'EVENT_9'",
    ),
    "no text": ("maven", {"id": "a"}, "no text: expected 'content', 'tokens' or 'document'"),
    "an argument past the end": (
        "rams",
        changed(RAID, "gold_evt_links", 0, 1, value=[0, 9]),
        r"a:1: gold_evt_links\[0\]: no tokens 0 to 9: the document has 9, counted from 0",
    ),
    "a link of another trigger": (
        "rams",
        changed(RAID, "gold_evt_links", 0, 0, value=[2, 2]),
        r"gold_evt_links\[0\]: no trigger at tokens \[2, 2\]; evt_triggers has \[\[1, 1\]\]",
    ),
    "predictions without sentences": (
        "rams",
        {"doc_key": "a", "predictions": []},
        r"predictions without sentences; .*has them: texts=\"GOLD\"",
    ),
    "a prediction without a score": (
        "rams",
        {**RAID, "predictions": [[[1, 1], [0, 0, "attacker"]]]},
        r"predictions\[0\]\[1\]: invalid item .*: expected \[first, last, role, score\]",
    ),
    "a role of an unknown entity": (
        "wikievents",
        changed(BOMB, "event_mentions", 0, "arguments", 0, "entity_id", value="b-T9"),
        r"event_mentions\[0\].arguments\[0\].entity_id: unknown id 'b-T9'",
    ),
    "another text": (
        "wikievents",
        {**BOMB, "text": "Other"},
        'text="tokens" rebuilds the text from the tokens',
    ),
    "a span with another text": (
        "casie",
        changed(BREACH, *NUGGET, value={"startOffset": 0, "endOffset": 3, "text": "breached"}),
        r"a:1: cyberevent.hopper\[0\].events\[0\].nugget.text: 'breached' is not .*: 'Hac'",
    ),
    "a span past the end": (
        "casie",
        changed(BREACH, *NUGGET, value={"startOffset": 50, "endOffset": 54}),
        r"nugget: offsets 50 to 54: the text has 53 characters",
    ),
    "a wrong type": (
        "casie",
        changed(BREACH, *NUGGET, "startOffset", value="8"),
        r"a:1: cyberevent.hopper\[0\].events\[0\].nugget.startOffset: Expected 'int', got 'str'",
    ),
    "a mention past the end": (
        "docred",
        changed(ADA, "vertexSet", 1, 0, "pos", value=[3, 6]),
        r"a:1: vertexSet\[1\]\[0\].pos: no tokens 3 to 5: sentence 0 has 5, counted from 0",
    ),
    "a relation of an unknown entity": (
        "docred",
        changed(ADA, "labels", 0, "t", value=2),
        r"labels\[0\]: no entity 2 with a mention: vertexSet has 2 entities",
    ),
    "predicted relations alone": (
        "docred",
        {"title": "Ada", "h_idx": 0, "t_idx": 1, "r": "P1"},
        r"a predicted relation, without its document; name .* entities: texts=\"GOLD\"",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_the_place_the_value_and_what_is_expected(tmp_path, case):
    name, record, message = ERRORS[case]
    (tmp_path / "a").write_text(json.dumps(record))

    with pytest.raises(LoadError, match=message):
        load_corpus(f"{name}:{tmp_path}/a")


def test_predictions_for_documents_that_gold_lacks_are_errors(tmp_path):
    gold = tmp_path / "gold"
    gold.write_text(json.dumps(ADA))
    predicted = tmp_path / "predicted"
    relations = [
        {"title": title, "h_idx": 0, "t_idx": t, "r": "P"} for title, t in (("Ada", 7), ("Bo", 1))
    ]
    predicted.write_text("\n".join(map(json.dumps, relations)))

    with pytest.raises(LoadError) as error:
        load_corpus(f"docred:{predicted}?texts={gold}", predictions=True)

    assert f"{predicted}:1: no entity 7 with a mention" in str(error.value)
    assert f"{predicted}:2: title: 'Bo' is not in {gold}" in str(error.value)
    (tmp_path / "rams").write_text(json.dumps({"doc_key": "x", "predictions": []}))
    (tmp_path / "raid").write_text(json.dumps(RAID))
    with pytest.raises(LoadError, match="doc_key: 'x' is not in"):
        load_corpus(f"rams:{tmp_path}/rams?texts={tmp_path}/raid", predictions=True)


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        ({**CLUSTERS, "doc_key": "other"}, "document 'b' is not in"),
        ({**CLUSTERS, "clusters": [["b-T9"]]}, r"clusters\[0\]: unknown id 'b-T9'"),
        ({"doc_key": "b"}, "clusters"),
    ],
)
def test_coreference_of_other_documents_or_entities_is_an_error(tmp_path, clusters, message):
    (tmp_path / "a").write_text(json.dumps(BOMB))
    (tmp_path / "coref").write_text(json.dumps(clusters))

    with pytest.raises(LoadError, match=message):
        load_corpus(f"wikievents:{tmp_path}/a", coref=tmp_path / "coref")


def test_names_of_docred_that_differ_from_their_tokens_are_counted(tmp_path):
    (tmp_path / "a").write_text(
        json.dumps(changed(ADA, "vertexSet", 1, 0, "name", value="Lon don"))
    )
    (tmp_path / "b").write_text(json.dumps(changed(ADA, "vertexSet", 1, 0, "name", value="Paris")))

    assert not load_corpus(f"docred:{tmp_path}/a").conversion
    report = load_corpus(f"docred:{tmp_path}/b").conversion
    assert report.repaired == {"names that differ from the tokens of their mention": 1}


def test_repeated_mentions_of_docred_are_refused_or_dropped_with_their_relations_kept(tmp_path):
    twice = changed(ADA, "vertexSet", 1, value=ADA["vertexSet"][1] * 2)
    (tmp_path / "a").write_text(json.dumps(twice))
    with pytest.raises(LoadError, match="duplicate"):
        load_corpus(f"docred:{tmp_path}/a")

    corpus = load_corpus(f"docred:{tmp_path}/a", duplicates="drop")

    assert [entity.id for entity in corpus[0].entities] == ["0.0", "0.1", "1.0"]
    assert corpus[0].relations == (Relation("P551", "0.1", "1.0"),)
    assert corpus.conversion.dropped == {"duplicates": 1}


def test_documents_without_annotations_and_with_empty_lists_differ(tmp_path):
    (tmp_path / "a").write_text(json.dumps({**ADA, "labels": []}))
    (tmp_path / "b").write_text(json.dumps({k: v for k, v in ADA.items() if k != "labels"}))
    (tmp_path / "c").write_text(json.dumps({k: v for k, v in BREACH.items() if k != "cyberevent"}))
    (tmp_path / "d").write_text(json.dumps({**PARIS, "events": []}))

    assert load_corpus(f"docred:{tmp_path}/a")[0].relations == ()
    assert load_corpus(f"docred:{tmp_path}/b")[0].relations is None
    assert load_corpus(f"casie:{tmp_path}/c")[0].events is None
    assert load_corpus(f"maven:{tmp_path}/d")[0].events == ()


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_is_no_list_of_predicted_relations(tmp_path, content):
    (tmp_path / "gold").write_text(json.dumps(ADA))
    (tmp_path / "predicted").write_text(content)
    location = f"docred:{tmp_path}/predicted?texts={tmp_path}/gold"

    with pytest.raises(LoadError, match=r"predicted: no JSON; without relations, write \[\]"):
        load_corpus(location, predictions=True)
    (tmp_path / "predicted").write_text("[]")
    assert load_corpus(location, predictions=True)[0].relations == ()
