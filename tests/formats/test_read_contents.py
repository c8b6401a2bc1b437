"""A corpus of which nothing was read is not called valid, and what was read is said: documents, and
annotations of each layer and label.
"""

import json

import pytest
from helpers.cli import run_evalkit

from evalkit import Corpus, Document, Entity, InputError, Scores, load_corpus, score
from evalkit.formats.recognition import recognize
from evalkit.scoring.span_edges import SpanEdges

PRODIGY = {"text": "Ada ran.", "spans": [{"start": 0, "end": 3, "label": "PER"}]}
DOCCANO = {"id": 1, "text": "Ada ran.", "label": [[0, 3, "PER"]]}
NATIVE = {"id": "d1", "text": "Ada ran.", "entities": [{"start": 0, "end": 3, "label": "PER"}]}
RECORDS = {
    "prodigy": PRODIGY,
    "doccano": DOCCANO,
    "jsonl": NATIVE,
    "labelstudio": {"data": {"text": "Ada"}, "annotations": [{"result": []}]},
    "textee": {"doc_id": "d", "tokens": ["Ada"], "entity_mentions": [{"id": "1"}]},
    "dygie": {"doc_key": "d", "sentences": [["Ada"]], "ner": [[[0, 0, "PER"]]]},
    "dygie without entities": {"sentences": [["Ada"]], "relations": [[[0, 0, 0, 0, "IS"]]]},
    "langextract": {"extractions": [{"extraction_class": "PER", "extraction_text": "Ada"}]},
    "gliner2-json": {"text": "Ada", "entities": {"PER": ["Ada"]}},
    "gliner2-json training data": {"input": "Ada", "output": {"entities": {"PER": ["Ada"]}}},
    "universal-ner": {"conversations": [{"from": "human", "value": "Text: Ada"}]},
    "universal-ner with roles": {"messages": [{"role": "user", "content": "Text: Ada"}]},
    "instruct-uie": {"sentence": "Ada", "entities": [{"name": "Ada", "type": "PER"}]},
    "instruct-uie predictions": {"Task": "NER", "Instance": {"label": "None"}},
    "spert": {"tokens": ["Ada"], "entities": [{"type": "PER", "start": 0, "end": 1}]},
    "gliner-json": {"tokenized_text": ["Ada"], "ner": [[0, 0, "PER"]]},
    "bioc": {"documents": [{"id": "d", "passages": []}]},
    "bioc of PubTator 3": {"PubTator3": [{"id": "d", "passages": []}]},
    "bioc without a collection": {"id": "d", "passages": [{"offset": 0, "text": "Ada"}]},
    "bigbio": {"document_id": "d", "passages": [{"text": ["Ada"]}]},
    "maven": {"id": "d", "content": [{"sentence": "Ada ran.", "tokens": ["Ada"]}], "events": [{}]},
    "maven test data": {"content": [{"tokens": ["Ada"]}], "candidates": [{"trigger_word": "Ada"}]},
    "maven of MAVEN-ERE": {"tokens": [["Ada"]], "sentences": ["Ada"], "events": [], "TIMEX": []},
    "maven test data of MAVEN-ERE": {
        "tokens": [["Ada"]],
        "sentences": ["Ada"],
        "event_mentions": [{"id": "m1"}],
    },
    "maven of MAVEN-Arg": {
        "document": "Ada ran.",
        "events": [{"type": "Motion", "mention": [{"offset": [4, 7]}]}],
    },
    "rams": {"doc_key": "d", "sentences": [["Ada"]], "evt_triggers": [[0, 0, [["A", 1.0]]]]},
    "rams predictions": {"doc_key": "d", "predictions": [[[0, 0], [0, 0, "agent", 1.0]]]},
    "wikievents": {
        "tokens": ["Ada"],
        "sentences": [[[["Ada", 0, 3]], "Ada"]],
        "entity_mentions": [{"id": "1"}],
    },
    "wikievents without entities": {
        "sentences": [[[["Ada", 0, 3]], "Ada"]],
        "event_mentions": [{"id": "1"}],
    },
    "casie": {"content": "Ada", "cyberevent": {"hopper": []}},
    "docred": {"title": "Ada", "sents": [["Ada"]], "vertexSet": [[{"name": "Ada"}]]},
    "docred predictions": {"title": "Ada", "h_idx": 0, "t_idx": 1, "r": "P1"},
    "spacy-json": ["Ada", {"entities": [[0, 3, "PER"]]}],
    "spacy-json of NER Annotator": {"annotations": [["Ada", {"entities": [[0, 3, "PER"]]}]]},
    "spacy-json of Presidio": {
        "full_text": "Ada",
        "spans": [{"entity_type": "PER", "start_position": 0, "end_position": 3}],
    },
    "spacy-json of Dataturks": {
        "content": "Ada",
        "annotation": [{"label": ["PER"], "points": [{"start": 0, "end": 2}]}],
    },
    "": {"text": "Ada", "annotation": [{"label": "PER", "from": 0, "to": 3}]},
}
# A file of which nothing is read: the location, the content, and what the message names
NOTHING_READ = {
    "an empty file": ("a.jsonl", "", "a.jsonl: no documents"),
    "an empty CoNLL file": ("conll:a.conll", "", "a.conll: no documents"),
    "-DOCSTART- lines alone": (
        "a.conll",
        "-DOCSTART- -X- O\n\n-DOCSTART- -X- O\n\n",
        "a.conll: no text in any document",
    ),
    "word numbers as tokens": (
        "conll:a.conll?token_column=1",
        "a\t1\tAda\tB-PER\na\t2\tran\tO\n\na\t1\tBob\tB-PER\n",
        "column 1 holds word numbers .* such as .*token_column=2",
    ),
    "Prodigy's keys as doccano": (
        "doccano:a.jsonl",
        json.dumps(PRODIGY),
        "not a doccano file: .* the keys 'text' and 'spans'; read it as prodigy:a.jsonl",
    ),
    "doccano's keys as Prodigy": (
        "prodigy:a.jsonl",
        json.dumps(DOCCANO),
        "not a prodigy file: .*; read it as doccano:a.jsonl",
    ),
    "evalkit's keys as Prodigy": (
        "prodigy:a.jsonl",
        json.dumps(NATIVE),
        "read it as jsonl:a.jsonl",
    ),
    "keys of a format that is not read": (
        "doccano:a.jsonl",
        json.dumps(RECORDS[""]),
        "not a doccano file: .*convert it to a format that `evalkit formats` lists",
    ),
    "any object as a task of Label Studio": (
        "labelstudio:a.json",
        '{"source":"a.txt","params":{"k":1},"items":[]}',
        "not a task of Label Studio: .* keys: source, params, items",
    ),
}


def evalkit(*arguments, **options):
    return run_evalkit(*arguments, **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTHING_READ)
def test_what_nothing_is_read_of_is_refused_by_every_command(tmp_path, name):
    location, content, message = NOTHING_READ[name]
    (tmp_path / location.rpartition(":")[2].partition("?")[0]).write_text(content)

    for command in (
        ["validate", location],
        ["convert", location, "out.jsonl"],
        ["score", location, location],
    ):
        done = evalkit(*command, cwd=tmp_path)
        assert (done.returncode, done.stdout, "bug" in done.stderr) == (2, "", False)
        if not (command[0] == "score" and message.endswith("no documents")):
            with pytest.raises(InputError, match=message):
                raise InputError(done.stderr)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("format", RECORDS)
def test_formats_are_recognized_by_their_first_record(tmp_path, format):
    for content in (
        json.dumps(RECORDS[format]) + "\n" + json.dumps(RECORDS[format]),
        json.dumps([RECORDS[format]], indent=1),
        json.dumps(RECORDS[format], indent=1),
    ):
        (tmp_path / "a").write_text(content)
        assert recognize(tmp_path / "a")[0] == format.partition(" ")[0]


@pytest.mark.parametrize(
    "content",
    ["", "1", "[]", "{}", '{"text": "Ada"}', "Ada O", '{"text": 1, "spans": 2}', "{", "\udcff"],
)
def test_other_content_is_not_recognized(tmp_path, content):
    (tmp_path / "a").write_bytes(content.encode("utf-8", "surrogateescape"))

    assert recognize(tmp_path / "a") is None


def test_numbers_are_tokens_where_a_sentence_does_not_count_words(tmp_path):
    (tmp_path / "a.conll").write_text("1\tX\tB-CARD\n2\tX\tO\n\n3\tX\tO\n")

    assert load_corpus(tmp_path / "a.conll", documents="file")[0].text == "1 2\n3"


def test_a_corpus_without_annotations_is_valid_with_a_warning(tmp_path):
    Corpus([Document("d1", "Ada", ())]).save(tmp_path / "a.jsonl")

    done = evalkit("validate", tmp_path / "a.jsonl")

    assert (done.returncode, done.stderr) == (
        0,
        f"{tmp_path}/a.jsonl: warning: no annotations were read in any of 1 document\n",
    )


def test_validate_and_convert_say_what_was_read(tmp_path):
    Corpus(
        [
            Document(
                "d1",
                "Ada met Bob.",
                [Entity("PER", 0, 3), Entity("PER", 8, 11), Entity("A", 0, 11)],
            )
        ]
    ).save(tmp_path / "a.jsonl")

    assert evalkit("validate", tmp_path / "a.jsonl").stdout.splitlines()[1:] == [
        "  entities: PER 2, A 1"
    ]
    assert (
        evalkit("convert", tmp_path / "a.jsonl", tmp_path / "b.jsonl").stdout
        == f"{tmp_path}/b.jsonl: 1 document (read: 3 entities)\n"
    )


EDGES = {
    "Ada": 0,
    " Ada": 1,
    "Ada ": 1,
    "Ada,": 1,
    "\tAda": 1,
    "U.S.": 0,
    '"Ada"': 0,
    "(AI)": 0,
    "Ada\u00a0": 1,
    "💩 ": 1,
    "💩": 0,
}


@pytest.mark.parametrize("surface", EDGES)
def test_entities_with_white_space_or_punctuation_at_an_edge_are_counted(surface):
    edges = SpanEdges()
    edges.take(
        [
            Document("d0", "💩 x", [Entity("X", 0, 1)]),
            Document("d1", f"💩{surface}.", [Entity("X", 1, 1 + len(surface))]),
        ]
    )

    assert (edges.entities, edges.with_edges) == (2, EDGES[surface])
    assert edges.example == (("d1", 1, 1 + len(surface)) if EDGES[surface] else None)


def test_such_edges_are_in_validate_report_result_and_python(tmp_path):
    gold = Corpus(
        [
            Document(f"d{n}", "Ada met Bob.", [Entity("PER", 0, 4), Entity("PER", 8, 11)])
            for n in range(70)
        ],
        "gold",
    )
    said = Corpus(
        [
            Document(f"d{n}", "Ada met Bob.", [Entity("PER", 0, 3), Entity("PER", 8, 11)])
            for n in range(70)
        ],
        "said",
    )
    gold.save(tmp_path / "gold.jsonl")
    said.save(tmp_path / "said.jsonl")
    message = (
        "gold: 70 of 140 entities begin or end with white space or punctuation, such as 0–4 of"
        " document 'd0'; the reading option trim removes them"
    )

    for sides in ((gold, said), (tmp_path / "gold.jsonl", tmp_path / "said.jsonl")):
        scores = score(*sides, "entities/strict", boot=0)
        assert message in scores.warnings
        assert scores.metadata.span_edges == {
            "gold": SpanEdges(entities=140, with_edges=70, example=("d0", 0, 4)),
            "predicted": SpanEdges(entities=140, with_edges=0),
        }
        assert Scores.from_json(scores.to_json()).warnings == scores.warnings
        assert message in str(scores)
    done = evalkit("validate", tmp_path / "gold.jsonl")
    assert (done.returncode, "such as 'Ada ' 0–4 of document 'd0'" in done.stderr) == (0, True)
    parts = [
        score(gold[:30], said[:30], "entities/strict", boot=0),
        score(gold[30:], said[30:], "entities/strict", boot=0),
    ]
    assert message in Scores.merge(parts).warnings
