"""Documents are read and packed without most of spaCy: with the same outcome and the same bytes."""

import random
import zlib
from itertools import product

import msgspec
import numpy as np
import pytest
import spacy
from helpers.marked import corpus
from helpers.quick import choose_quick
from spacy.attrs import IDS
from spacy.tokens import Doc, DocBin, Span

from evalkit import Argument, Corpus, Document, Entity, Event, LoadError, load_corpus
from evalkit import Span as Place
from evalkit.formats import docbin_file

RICH = Document(
    "rich",
    "Ada met Bob in Oslo .",
    [Entity("PER", 0, 3, attributes={"kb_id": "Q7259"}), Entity("LOC", 15, 19, "T1")],
    [Event("Meet", Place(4, 7), [Argument("Who", 0, 3), Argument("Where", 15, 19)])],
    meta={"language": "en"},
)


def outcome(path, **options):
    """What loading a file comes to: documents and counts, or the error."""
    try:
        loaded = load_corpus(path, **options)
    except LoadError as error:
        return str(error), error.errors
    return loaded.documents, loaded.conversion.to_json(), loaded.conversion.dropped.examples


def assert_same_outcome(path, monkeypatch, **options):
    with monkeypatch.context() as patch:
        patch.setattr(docbin_file, "read_plain_doc", lambda *_: None)
        by_spacy = outcome(path, **options)
    assert outcome(path, **options) == by_spacy


def column(content, name):
    """The column of an attribute in the table of tokens, which can be changed."""
    table = np.frombuffer(content["tokens"], np.uint64).copy()
    content["tokens"] = table
    return table.reshape(-1, len(content["attrs"]))[:, content["attrs"].index(IDS[name])]


def with_value(name, value, token=0):
    def change(content):
        column(content, name)[token] = value
        content["tokens"] = content["tokens"].tobytes()

    return change


def with_flipped_byte(name, position):
    def change(content):
        packed = bytearray(content[name][0])
        packed[position] ^= 1
        content[name][0] = bytes(packed)

    return change


CHANGES = {
    "none": lambda content: None,
    "inside without a begin": with_value("ENT_IOB", 1, token=1),
    "missing": with_value("ENT_IOB", 0, token=1),
    "invalid": with_value("ENT_IOB", 4),
    "begin without a label": with_value("ENT_TYPE", 0),
    "unknown label": with_value("ENT_TYPE", 12345),
    "unknown word": with_value("ORTH", 12345),
    "empty word": with_value("ORTH", 0),
    "symbol of spaCy as a word": with_value("ORTH", IDS["LEMMA"]),
    "unknown id": with_value("ENT_KB_ID", 12345),
    "no spaces": lambda content: content["flags"][0].update(has_unknown_spaces=True),
    "string that is left out": lambda content: content["strings"].remove("PER"),
    "no span groups": lambda content: content.pop("span_groups"),
    "no user data": lambda content: content.pop("user_data"),
    "damaged span": with_flipped_byte("span_groups", 60),
    "damaged span offsets": with_flipped_byte("span_groups", 90),
    "damaged group": with_flipped_byte("span_groups", 3),
    "damaged user data": with_flipped_byte("user_data", 1),
}


@pytest.mark.parametrize(
    ("change", "options"),
    choose_quick(product(CHANGES, [{}, {"entities": "ents"}, {"entities": "entities"}]), 27),
)
def test_a_changed_file_has_the_same_outcome_with_and_without_spacy(
    tmp_path, monkeypatch, change, options
):
    path = tmp_path / "a.spacy"
    Corpus([RICH, Document("empty", ""), Document("no entities", "Ada left", [])]).save(path)
    content = msgspec.msgpack.decode(zlib.decompress(path.read_bytes()))
    CHANGES[change](content)
    path.write_bytes(zlib.compress(msgspec.msgpack.encode(content)))

    assert_same_outcome(path, monkeypatch, **options)


@pytest.mark.parametrize("seed", choose_quick(range(20), 5))
def test_files_of_spacy_have_the_same_outcome_with_and_without_it(tmp_path, monkeypatch, seed):
    draw = random.Random(seed)
    vocab = spacy.blank("xx").vocab
    docs = []
    for _ in range(3):
        words = draw.choices(["Ada", " ", "\n", "café", ".", "😀"], k=draw.randint(1, 8))
        doc = Doc(vocab, words=words, spaces=[draw.random() < 0.5 for _ in words])
        first = draw.randrange(len(words))
        span = Span(doc, first, draw.randint(first + 1, len(words)), "PER", kb_id="Q1")
        doc.set_ents([span], default=draw.choice(["outside", "missing", "unmodified"]))
        doc.spans["sc"] = [span, span]
        doc.spans["entities"] = []
        docs.append(doc)
    path = tmp_path / "a.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(path)

    for options in ({}, {"entities": "sc"}, {"triggers": "sc"}):
        assert_same_outcome(path, monkeypatch, **options)


def test_the_bytes_are_those_of_spacys_docbin(tmp_path):
    path = tmp_path / "a.spacy"
    documents = [RICH, Document("empty", ""), Document("none", "Ada left", [])]
    Corpus([*documents, *corpus("[Ada|PER] met [Bo|PER] in [Oslo|LOC]")]).save(path)

    packed = DocBin(store_user_data=True)
    for doc in DocBin(store_user_data=True).from_disk(path).get_docs(spacy.blank("xx").vocab):
        packed.add(doc)

    assert packed.to_bytes() == path.read_bytes()
