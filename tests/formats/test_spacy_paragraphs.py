"""The training data of spaCy 2 are read as spaCy reads them."""

import json

import pytest
import spacy
import srsly
from helpers import any_text
from helpers.profiles import examples
from hypothesis import given, settings
from spacy.tokens import Doc
from spacy.training import biluo_tags_to_offsets
from spacy.training.gold_io import docs_to_json, read_json_file

from evalkit import Document, Entity, LoadError, load_corpus
from evalkit.formats.recognition import recognize

TOKENS = [
    {"id": 0, "orth": "Ada", "tag": "NNP", "ner": "B-PER"},
    {"id": 1, "orth": "Byron", "ner": "L-PER"},
    {"id": 2, "orth": "ran", "ner": "O"},
]


def write(path, *documents):
    path.write_text(json.dumps(list(documents)))
    return path


def paragraph(*sentences, **keys):
    return {"sentences": [{"tokens": tokens, "brackets": []} for tokens in sentences], **keys}


def test_each_paragraph_is_a_document(tmp_path):
    no = [{"orth": "No", "ner": "O"}]
    path = write(
        tmp_path / "train.json",
        {"id": 0, "paragraphs": [paragraph(TOKENS, raw="Ada  Byron\nran"), paragraph(no)]},
        {"id": "x", "paragraphs": [paragraph(TOKENS, no)]},
        {"paragraphs": [paragraph([{"orth": "No", "tag": "UH"}])]},
    )

    corpus = load_corpus(path)

    assert list(corpus) == [
        Document("0/1", "Ada  Byron\nran", [Entity("PER", 0, 10)]),
        Document("0/2", "No", []),
        Document("x", "Ada Byron ran No", [Entity("PER", 0, 9)]),
        Document("doc-3", "No"),
    ]
    assert corpus.conversion.detected == {"format spacy-json": 1}
    assert recognize(path) == ("spacy-json", ("paragraphs",))


def test_a_file_of_one_object_and_one_of_lines_are_read(tmp_path):
    example = {"id": 1, "paragraphs": [paragraph(TOKENS)]}
    (tmp_path / "a.json").write_text(json.dumps(example, indent=1))
    (tmp_path / "b.jsonl").write_text(json.dumps(example) + "\n" + json.dumps({**example, "id": 2}))

    assert load_corpus(f"spacy-json:{tmp_path}/a.json").ids == ["1"]
    assert load_corpus(f"spacy-json:{tmp_path}/b.jsonl").ids == ["1", "2"]


@settings(deadline=None, max_examples=examples(40))
@given(any_text.corpora(flat=True))
def test_what_spacy_writes_has_the_entities_that_spacy_reads(tmp_path_factory, corpus):
    path = tmp_path_factory.mktemp("spacy") / "train.json"
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer")
    docs = []
    for document in corpus:
        doc = nlp(document.text)
        spans = [doc.char_span(e.start, e.end, e.label) for e in document.entities]
        doc.ents = [span for span in spans if span is not None and span.text.strip()]
        docs.append(doc)
    srsly.write_json(path, [docs_to_json(docs, 3)])

    read = load_corpus(path)

    expected = []
    for example in read_json_file(path):
        words, spaces = (example["token_annotation"][key] for key in ("words", "spaces"))
        doc = Doc(nlp.vocab, words=words, spaces=[bool(space) for space in spaces])
        offsets = biluo_tags_to_offsets(doc, example["doc_annotation"]["entities"])
        expected.append((example["text"], offsets))
    assert [
        (document.text, [(e.start, e.end, e.label) for e in document.entities]) for document in read
    ] == expected


def test_missing_tags_and_other_keys_are_counted(tmp_path):
    tokens = [{**TOKENS[0], "ner": "U-PER"}, {"orth": "ran", "ner": "-"}]
    cats = [{"label": "NEWS", "value": 1.0}]
    path = write(tmp_path / "a.json", {"id": 0, "paragraphs": [paragraph(tokens, cats=cats)]})

    conversion = load_corpus(path).conversion

    assert conversion.repaired == {'tokens with the tag "-", read as outside of entities': 1}
    assert conversion.dropped == {"values of the key 'cats'": 1}


INVALID = {
    "another text": (
        paragraph(TOKENS, raw="Ada ran"),
        "expected token 1, 'Byron', next in the text",
    ),
    "no tag": (paragraph([{"orth": "Ada", "ner": "PER"}]), "invalid BILOU tag 'PER'"),
    "no begin": (paragraph([{"orth": "Ada", "ner": "L-PER"}]), "'L-PER'"),
    "no token": ({"sentences": [{"tokens": [{"ner": "O"}]}]}, "missing required field 'orth'"),
    "no sentences": ({"raw": "Ada"}, "missing required field 'sentences'"),
}


@pytest.mark.parametrize(("wrong", "message"), INVALID.values(), ids=INVALID)
def test_an_invalid_paragraph_is_an_error_with_its_number(tmp_path, wrong, message):
    path = write(tmp_path / "a.json", {"id": 0, "paragraphs": [paragraph(TOKENS), wrong]})

    with pytest.raises(LoadError, match=rf"a.json:1: paragraphs\[1\]: .*{message}"):
        load_corpus(f"spacy-json:{path}")
    assert load_corpus(f"spacy-json:{path}", on_error="skip").ids == ["0/1"]
