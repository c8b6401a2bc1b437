"""The format conllu: tags of entities in the column MISC of treebanks."""

import gzip
import random
from itertools import chain

import conllu
import pytest
from helpers import any_text
from helpers.cli import run_evalkit
from helpers.profiles import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from evalkit import Corpus, Document, Entity, Event, InputError, LoadError, Span, load_corpus, score
from evalkit.data.taggings import JOINED, TAG_FORMATS

FEW = settings(max_examples=examples(60), deadline=None)
# In the form of NorNE and DaNE: all words have the key `name`
NORNE = """# newdoc id = avis-01
# sent_id = 004
# text = Ada Byron bor i Oslo.
1	Ada	Ada	PROPN	_	Gender=Fem	3	nsubj	_	name=B-PER
2	Byron	Byron	PROPN	_	_	1	flat:name	_	name=I-PER
3	bor	bo	VERB	_	_	0	root	_	name=O
4	i	i	ADP	_	_	5	case	_	name=O
5	Oslo	Oslo	PROPN	_	_	3	obl	_	SpaceAfter=No|name=B-GPE_LOC
6	.	$.	PUNCT	_	_	3	punct	_	name=O

# sent_id = 005
# text = Bo sov.
1	Bo	Bo	PROPN	_	_	2	nsubj	_	name=B-PER
2	sov	sova	VERB	_	_	0	root	_	name=O|SpaceAfter=No
3	.	$.	PUNCT	_	_	2	punct	_	name=O

# newdoc id = avis-02
# text = Regn
1	Regn	regn	NOUN	_	_	0	root	_	name=O

"""
# In the form of the Estonian treebank: words outside have no key; an empty node, other keys
ESTONIAN = """# sent_id = aja_1
1	Aino	Aino	PROPN	S	_	2	nsubj	2:nsubj	NE=B-Per
2	sõitis	sõitma	VERB	V	_	0	root	0:root	_
2.1	_	sõitma	VERB	V	_	_	_	0:root	_
3	Tartusse	Tartu	PROPN	S	_	2	obl	2:obl	NE=B-Loc|SpaceAfter=No|Root=tartu
4	.	.	PUNCT	Z	_	2	punct	2:punct	_

# sent_id = aja_2
1	Vihma	vihm	NOUN	S	_	2	nsubj	2:nsubj	_
2	sajab	sadama	VERB	V	_	0	root	0:root	_

"""


def load(tmp_path, content, **options):
    path = tmp_path / "f.conllu"
    path.write_text(content, encoding="utf-8")
    return load_corpus(path, **options)


def row(number, form, misc="_"):
    return "\t".join([str(number), form, *["_"] * 7, misc]) + "\n"


def surfaces(corpus):
    return [
        [(entity.label, document.text[entity.start : entity.end]) for entity in document.entities]
        for document in corpus
    ]


def test_documents_texts_and_entities_of_a_treebank_are_read(tmp_path):
    corpus = load(tmp_path, NORNE)

    assert list(corpus) == [
        Document(
            "avis-01",
            "Ada Byron bor i Oslo.\nBo sov.",
            [Entity("PER", 0, 9), Entity("GPE_LOC", 16, 20), Entity("PER", 22, 24)],
        ),
        Document("avis-02", "Regn", []),
    ]
    assert corpus.conversion.dropped == {
        "columns other than ID, FORM and MISC": 5,
        "comments": 2,  # sent_id
    }


def test_words_without_the_key_are_outside(tmp_path):
    corpus = load(tmp_path, ESTONIAN)

    assert list(corpus) == [
        Document("aja_1", "Aino sõitis Tartusse.", [Entity("Per", 0, 4), Entity("Loc", 12, 20)]),
        Document("aja_2", "Vihma sajab", []),
    ]
    assert corpus.conversion.dropped == {
        "columns other than ID, FORM and MISC": 6,
        "empty nodes": 1,
        "further values of MISC": 1,
    }
    assert corpus.read_options["documents"] == "sentence"


@pytest.mark.parametrize("key", ["name", "NE", "NER", "ner"])
def test_the_keys_of_treebanks_are_detected(tmp_path, key):
    corpus = load(tmp_path, row(1, "Ada", f"{key}=B-PER") + row(2, "ran", "SpaceAfter=No"))

    assert list(corpus) == [Document("sentence-1", "Ada ran", [Entity("PER", 0, 3)])]


def test_another_key_is_named_by_the_option(tmp_path):
    content = row(1, "Ada", "Ent=B-PER|name=B-X") + row(2, "ran", "Ent=I-PER")

    corpus = load(tmp_path, content, misc_key="Ent")

    assert corpus.documents[0].entities == (Entity("PER", 0, 7),)
    assert corpus.conversion.dropped == {"further values of MISC": 1}
    assert corpus.read_options["misc_key"] == "Ent"
    with pytest.raises(InputError, match="no word has this key in MISC; the keys are Ent, name"):
        load(tmp_path, content, misc_key="NER")
    with pytest.raises(InputError, match="MISC has no keys"):
        load(tmp_path, row(1, "Ada"), misc_key="NER")


def test_several_keys_of_tags_are_refused(tmp_path):
    content = row(1, "Ada", "NER=B-PER|name=B-PER")

    with pytest.raises(InputError, match=r'MISC, name, NER; choose one, such as misc_key="name"'):
        load(tmp_path, content)
    assert surfaces(load(tmp_path, content, misc_key="NER")) == [[("PER", "Ada")]]


def test_a_treebank_without_tags_was_not_annotated(tmp_path):
    corpus = load(tmp_path, row(1, "Ada", "Entity=(e1-person)") + row(2, "ran"))

    assert list(corpus) == [Document("sentence-1", "Ada ran")]
    assert corpus.conversion.dropped == {"further values of MISC": 1}
    with pytest.raises(InputError, match="entities were not annotated"):
        corpus.save(tmp_path / "out.conllu")


def test_entities_of_words_are_those_of_their_multiword_token(tmp_path):
    content = (
        row("1-2", "al")
        + row(1, "a", "NER=O")
        + row(2, "el", "NER=B-LOC")
        + row(3, "Cairo", "NER=I-LOC")
        + row("4-5", "verlo", "SpaceAfter=No")
        + row(4, "ver", "NER=B-X")
        + row(5, "lo", "NER=I-X")
        + row(6, ".", "NER=O")
    )

    corpus = load(tmp_path, content)

    assert list(corpus) == [
        Document("sentence-1", "al Cairo verlo.", [Entity("LOC", 0, 8), Entity("X", 9, 14)])
    ]
    extended = "entities of some words of a multiword token, extended to all of it"
    assert corpus.conversion.repaired == {extended: 1}


def test_the_tag_of_a_multiword_token_counts_instead_of_those_of_its_words(tmp_path):
    content = (
        row("1-2", "du", "ner=B-LOC")
        + row(1, "de")
        + row(2, "le", "ner=O")
        + row(3, "Mans", "ner=I-LOC")
    )

    corpus = load(tmp_path, content)

    assert list(corpus) == [Document("sentence-1", "du Mans", [Entity("LOC", 0, 7)])]
    assert corpus.conversion.dropped == {"tags of words in a multiword token that has a tag": 1}


def test_a_tag_of_an_empty_node_is_counted(tmp_path):
    corpus = load(tmp_path, row(1, "Ada", "NER=O") + row("1.1", "met", "NER=B-X"))

    assert corpus.conversion.dropped == {"empty nodes with a tag of an entity": 1}


def test_the_text_may_have_spaces_in_words_and_other_spaces_between_them(tmp_path):
    content = "# text = 10 000\u00a0 km\n" + row(1, "10 000", "NER=B-N") + row(2, "km")

    assert list(load(tmp_path, content)) == [
        Document("sentence-1", "10 000\u00a0 km", [Entity("N", 0, 6)])
    ]
    assert load(tmp_path, content, text="tokens")[0].text == "10 000 km"


def test_a_text_with_other_words_is_an_error_that_names_the_option(tmp_path):
    content = "# text = Ada ran\n" + row(1, "Ada", "NER=B-PER") + row(2, "sat")

    with pytest.raises(LoadError, match=r'f.conllu:2: the words differ from # text: .*"tokens"'):
        load(tmp_path, content)
    assert load(tmp_path, content, text="tokens")[0].text == "Ada sat"


@pytest.mark.parametrize(
    ("documents", "ids"),
    [
        (None, ["avis-01", "avis-02"]),
        ("sentence", ["004", "005", "avis-02/1"]),
        ("file", ["doc-1"]),
        (2, ["avis-01/1", "avis-02/1"]),
    ],
)
def test_documents_may_be_other_than_those_of_the_file(tmp_path, documents, ids):
    corpus = load(tmp_path, NORNE, documents=documents)

    assert corpus.ids == ids
    assert sum(len(document.entities) for document in corpus) == 3
    assert [*chain.from_iterable(surfaces(corpus))] == [
        ("PER", "Ada Byron"),
        ("GPE_LOC", "Oslo"),
        ("PER", "Bo"),
    ]


def test_sentences_are_numbered_where_ids_are_not_wanted(tmp_path):
    assert load(tmp_path, ESTONIAN, ids="number").ids == ["sentence-1", "sentence-2"]


ERRORS = {
    "columns": ("1\tAda\tB-PER\n", "f.conllu:1: 3 columns: .* expected 10 columns"),
    "two spaces in a word": (row(1, "A  da"), "f.conllu:1: 11 columns"),
    "a number": (row("x", "Ada"), "f.conllu:1: .*Failed parsing field 'id': 'x' is not a valid"),
    "no number": (row("_", "Ada"), "f.conllu:1: the word has no number"),
    "a gap": (row(1, "Ada") + row(3, "ran"), "f.conllu:2: the word has the number 3, expected 2"),
    "a tag": (row(1, "#", "NER=PER"), "f.conllu:1: invalid IOB2 tag 'PER'.*tagging=\"bare\""),
    "an empty tag": (row(1, "Ada", "NER="), "f.conllu:1: invalid IOB2 tag ''"),
    "a transition": (row(1, "Ada", "NER=I-PER"), "f.conllu:1: 'I-PER' begins the sentence"),
    "bytes": ("# text = \udcff\n" + row(1, "Ada"), "f.conllu:1: not UTF-8"),
    "a text": ("# doc_text = x\n" + row(1, "Ada"), "f.conllu:1: invalid text"),
    "words of a text": ('# doc_text = "Bo"\n' + row(1, "Ada"), "the words differ from the text"),
}


@pytest.mark.parametrize(("content", "message"), ERRORS.values(), ids=ERRORS)
def test_an_invalid_file_is_refused_with_the_line(tmp_path, content, message):
    (tmp_path / "f.conllu").write_bytes(content.encode("utf-8", "surrogateescape"))

    with pytest.raises(LoadError, match=message):
        load_corpus(tmp_path / "f.conllu")


def test_one_error_of_a_sentence_is_no_error_of_the_words_after_it(tmp_path):
    content = row(1, "Ada") + "2\tran\n" + row(3, "off") + "\n" + row(1, "Bo") + row(2, "ran")

    with pytest.raises(LoadError) as error:
        load(tmp_path, content)

    assert len(error.value.errors) == 1
    assert load(tmp_path, content, on_error="skip").ids == ["sentence-2"]


def test_unknown_values_of_options_are_refused(tmp_path):
    for options in ({"ids": "x"}, {"text": "x"}, {"documents": "x"}, {"tagging": "x"}):
        with pytest.raises(InputError):
            load(tmp_path, NORNE, **options)
    for key in ("", "_", "a=b", "a|b", "a b"):
        with pytest.raises(InputError, match="invalid misc_key"):
            Corpus([Document("d", "Ada", [])]).save(tmp_path / "o.conllu", misc_key=key)


def test_compressed_files_and_line_ends_of_windows_are_read(tmp_path):
    path = tmp_path / "f.conllu.gz"
    path.write_bytes(gzip.compress(NORNE.replace("\n", "\r\n").encode()))

    assert list(load_corpus(path)) == list(load(tmp_path, NORNE))


def test_two_treebanks_are_scored(tmp_path):
    (tmp_path / "g.conllu").write_text(NORNE, encoding="utf-8")
    predicted = NORNE.replace("name=B-GPE_LOC", "name=O").replace("name=", "NER=")
    (tmp_path / "p.conllu").write_text(predicted, encoding="utf-8")

    scores = score(tmp_path / "g.conllu", tmp_path / "p.conllu", "ner", boot=0)

    assert (scores["ner"].micro.tp, scores["ner"].micro.fn) == (2, 1)


def test_the_command_line_reads_and_converts(tmp_path):
    (tmp_path / "g.conllu").write_text(NORNE, encoding="utf-8")

    done = run_evalkit("convert", tmp_path / "g.conllu", f"{tmp_path}/o.conllu?misc_key=NER")

    assert done.returncode == 0
    sentences = conllu.parse((tmp_path / "o.conllu").read_text(encoding="utf-8"))
    assert [[word["misc"]["NER"] for word in sentence] for sentence in sentences] == [
        ["B-PER", "I-PER", "O", "O", "B-GPE_LOC", "O"],
        ["B-PER", "O", "O"],
        ["O"],
    ]


def random_treebank(draw):
    """Lines of sentences, and the tags of the words of each."""
    content, tags = "", []
    for sentence in range(draw.randint(1, 6)):
        if draw.random() < 0.3:
            content += f"# newdoc id = d{sentence}\n"
        words, number = [], 1
        while number <= draw.randint(1, 8):
            if draw.random() < 0.2:
                content += row(f"{number}-{number + 1}", "du")
                size = 2
            else:
                size = 1
            for _ in range(size):
                tag = draw.choice(["O", "B-A", "B-B", *(["I-A"] if words[-1:] == ["B-A"] else [])])
                words.append(tag)
                content += row(number, "x" * draw.randint(1, 3), f"NER={tag}")
                number += 1
            if draw.random() < 0.1:
                content += row(f"{number - 1}.1", "_")
        tags.append(words)
        content += "\n"
    return content, tags


@pytest.mark.parametrize("seed", range(examples(30)))
def test_random_treebanks_have_the_words_of_conllu_and_the_entities_of_seqeval(tmp_path, seed):
    content, tags = random_treebank(random.Random(seed))

    corpus = load(tmp_path, content, documents="sentence", duplicates="drop")

    parsed = conllu.parse(content)
    assert len(corpus) == len(parsed)
    for document, sentence, words in zip(corpus, parsed, tags, strict=True):
        tokens, covered = [], 0  # those of the text
        for token in sentence:
            if isinstance(token["id"], tuple):
                if token["id"][1] == "-":
                    tokens.append((token["form"], token["id"][0], token["id"][2]))
                    covered = token["id"][2]
            elif token["id"] > covered:
                tokens.append((token["form"], token["id"], token["id"]))
        assert document.text == " ".join(form for form, _, _ in tokens)
        starts, ends, position = {}, {}, 0  # of the words, by number
        for form, first, last in tokens:
            for number in range(first, last + 1):
                starts[number], ends[number] = position, position + len(form)
            position += len(form) + 1
        expected = {
            (label, starts[first + 1], ends[last + 1]) for label, first, last in get_entities(words)
        }
        assert {(e.label, e.start, e.end) for e in document.entities} == expected


@FEW
@given(
    any_text.corpora(flat=True),
    st.sampled_from([tagging for tagging in TAG_FORMATS if tagging not in JOINED]),
    st.sampled_from(["words", "whitespace"]),
)
def test_every_corpus_comes_back_but_for_white_space_at_edges_of_entities(
    tmp_path_factory, documents, tagging, tokenizer
):
    path = tmp_path_factory.mktemp("conllu") / "f.conllu"
    losses = Corpus(documents).save(path, tagging=tagging, tokenizer=tokenizer)

    again = load_corpus(path, tagging=tagging)

    held = [(e, d.text[e.start : e.end].strip(), d.text) for d in documents for e in d.entities]
    assert [(d.id, d.text) for d in again] == [(d.id, d.text) for d in documents]
    assert [(e.label, d.text[e.start : e.end]) for d in again for e in d.entities] == [
        (e.label, surface) for e, surface, _ in held if surface
    ]
    assert sum(losses.counts.values()) == sum(
        surface != text[e.start : e.end] for e, surface, text in held
    )
    assert not again.conversion
    assert list(again) == documents or losses


@FEW
@given(any_text.corpora(broken=True), st.sampled_from(TAG_FORMATS), st.booleans())
def test_all_entities_come_back_or_are_counted(tmp_path_factory, documents, tagging, split_tokens):
    path = tmp_path_factory.mktemp("conllu") / "f.conllu"
    losses = Corpus(documents).save(path, tagging=tagging, split_tokens=split_tokens)

    again = load_corpus(path, tagging=tagging)

    left_out = sum(count for name, count in losses.counts.items() if "without it" not in name)
    assert sum(len(d.entities) for d in again) + left_out == sum(len(d.entities) for d in documents)
    assert not Corpus(again).save(path, tagging=tagging)
    assert load_corpus(path, tagging=tagging) == again


@FEW
@given(any_text.corpora(flat=True))
def test_the_package_conllu_reads_what_is_written(tmp_path_factory, documents):
    path = tmp_path_factory.mktemp("conllu") / "f.conllu"
    Corpus(documents).save(path)

    sentences = conllu.parse(path.read_bytes().decode())

    ids = [s.metadata["newdoc id"] for s in sentences if "newdoc id" in s.metadata]
    assert ids == [document.id for document in documents]
    words = [word["form"] for sentence in sentences for word in sentence]
    assert "".join(words) == "".join("".join(d.text.split()) for d in documents)
    for sentence in sentences:
        joined = "".join(
            word["form"] + ("" if (word["misc"] or {}).get("SpaceAfter") == "No" else " ")
            for word in sentence
        )
        assert joined.strip() == sentence.metadata.get("text", "")


@pytest.mark.parametrize("id", ["a b", " a", '"a"', "a\nb", "a\u2028b", "\\", "1"])
def test_any_id_comes_back(tmp_path, id):
    documents = [Document(id, "Ada ran.", [Entity("PER", 0, 3)]), Document(f"{id}2", "", [])]

    Corpus(documents).save(tmp_path / "f.conllu")

    assert list(load_corpus(tmp_path / "f.conllu")) == documents


def test_what_misc_cannot_hold_is_counted(tmp_path):
    entity = Entity("A|B", 0, 3, id="T1", score=0.5)
    document = Document("d", "Ada ran", [entity, Entity("C=D", 4, 7)], [Event("E", Span(4, 7))])

    losses = Corpus([document]).save(tmp_path / "f.conllu")

    assert losses.dropped == {
        "entities whose label holds one of |": 1,
        "events": 1,
        "ids of entities": 1,
        "scores of entities": 1,
    }
    assert load_corpus(tmp_path / "f.conllu")[0] == Document("d", "Ada ran", [Entity("C=D", 4, 7)])
