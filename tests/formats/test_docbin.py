"""What is written for spaCy comes back, spaCy sees what it can and counts the same; what others
wrote is read, and nothing damaged gets through.
"""

import random
import zlib

import msgspec
import pytest
import spacy
from helpers.any_text import corpora, documents
from helpers.cli import run_evalkit
from helpers.marked import corpus
from helpers.profiles import examples
from hypothesis import given, settings
from spacy.scorer import Scorer
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    LoadError,
    Unplaced,
    Zone,
    load_corpus,
    score,
)
from evalkit import Span as Place

EVERY = {"layers": ("entities", "events", "attributions"), "broken": True}
ADA = "[Ada|PER] met [Bo|PER] in [Oslo|LOC]"


def by_spacy(path, vocab=None):
    """The documents of a file, as spaCy reads them without evalkit."""
    return list(DocBin().from_disk(path).get_docs(vocab or spacy.blank("xx").vocab))


def spacy_examples(said, gold):
    """Pairs for spaCy's Scorer, which needs both sides to share a vocabulary."""
    vocab = spacy.blank("xx").vocab
    return [
        Example(ours, theirs)
        for ours, theirs in zip(by_spacy(said, vocab), by_spacy(gold, vocab), strict=True)
    ]


def saved(path, *docs, data=True):
    """A file as spaCy writes it."""
    DocBin(docs=docs, store_user_data=data).to_disk(path)
    return path


def spans(marks):
    return [(mark.start_char, mark.end_char, mark.label_) for mark in marks]


@pytest.fixture
def english():
    return spacy.blank("en")


# What evalkit wrote


@given(given=corpora(**EVERY))
@settings(max_examples=examples(80), deadline=None)
@pytest.mark.slow
def test_every_corpus_comes_back(given, tmp_path_factory):
    path = tmp_path_factory.mktemp("docbin") / "a.spacy"

    Corpus(given).save(path)

    assert list(load_corpus(path, predictions=True)) == given


@given(document=documents(**EVERY))
@settings(max_examples=examples(80), deadline=None)
@pytest.mark.slow
def test_spacy_has_the_text_to_the_character_and_every_mark_that_is_whole(
    document, tmp_path_factory
):
    path = tmp_path_factory.mktemp("docbin") / "a.spacy"

    Corpus([document]).save(path)

    doc = by_spacy(path)[0]
    assert doc.text == document.text
    assert spans(doc.spans["entities"]) == [
        (e.start, e.end, e.label) for e in document.entities if not e.fragments
    ]
    assert spans(doc.spans["triggers"]) == [
        (e.trigger.start, e.trigger.end, e.label)
        for e in document.events
        if not e.trigger.fragments
    ]


def test_the_bundled_corpus_comes_back_with_nothing_lost(tmp_path):
    losses = load_corpus().save(tmp_path / "news.spacy")

    found = load_corpus(tmp_path / "news.spacy")
    assert found == load_corpus()
    assert not losses
    assert not found.conversion


def test_what_spacy_has_no_place_for_comes_back(tmp_path):
    document = Document(
        "a/b: 1",
        "Ada met Bo.",
        (
            Entity("PER", 0, 3, id="T1", score=0.5, attributes={"sure": True}),
            Entity("PER", 0, 10, fragments=((0, 3), (8, 10))),
        ),
        (
            Event(
                "Meet", Place(4, 7), (Argument("Agent", 0, 3, ref="T1"),), id="E1", realis="ACTUAL"
            ),
        ),
        (Attribution(None, Place(0, 11), Place(0, 3), id="A1"),),
        zones=(Zone("body", 0, 11),),
        meta={"language": "en", "n": [1, None]},
        unplaced=(Unplaced("entities", "PER", "not in the text", "Zoe"),),
    )

    Corpus([document]).save(tmp_path / "a.spacy")

    assert load_corpus(tmp_path / "a.spacy")[0] == document


@pytest.mark.parametrize(
    "document",
    [
        Document("d", ""),
        Document("d", "", ()),
        Document("d", "Ada"),
        Document("d", "Ada", ()),
        Document("d", "Ada", None, (), ()),
        Document("d", "Ada", failure="timed out"),
    ],
    ids=["no text", "no text, annotated", "not annotated", "nothing found", "no events", "failed"],
)
def test_missing_empty_and_failed_are_three_things(document, tmp_path):
    Corpus([document]).save(tmp_path / "a.spacy")
    assert list(load_corpus(tmp_path / "a.spacy")) == [document]


def test_entities_that_were_not_annotated_are_missing_for_spacy_and_none_are_none(tmp_path):
    Corpus([Document("a", "Ada met Bo"), Document("b", "Ada met Bo", ())]).save(
        tmp_path / "a.spacy"
    )

    missing, none = by_spacy(tmp_path / "a.spacy")
    assert not missing.has_annotation("ENT_IOB")
    assert "entities" not in missing.spans
    assert none.has_annotation("ENT_IOB")
    assert not none.ents


def test_no_documents_are_a_file_too(tmp_path):
    Corpus([]).save(tmp_path / "a.spacy")
    assert list(load_corpus(tmp_path / "a.spacy")) == []


def test_tokens_are_spacys_own_where_no_mark_cuts_them(tmp_path, english):
    text = "Mr. O'Neil's  plan (1998):\n it's  fine. "
    Corpus([Document("d", text, (), meta={"language": "en"})]).save(tmp_path / "a.spacy")

    assert [token.text_with_ws for token in by_spacy(tmp_path / "a.spacy")[0]] == [
        token.text_with_ws for token in english(text)
    ]


def test_tokens_are_cut_where_a_mark_begins_or_ends_even_at_a_space(tmp_path):
    entities = (Entity("A", 0, 4), Entity("B", 6, 8))
    Corpus([Document("d", "Ada metBo", entities)]).save(tmp_path / "a.spacy")

    doc = by_spacy(tmp_path / "a.spacy")[0]
    assert [token.text_with_ws for token in doc] == ["Ada", " ", "me", "tB", "o"]
    assert spans(doc.ents) == [(0, 4, "A"), (6, 8, "B")]


def test_of_entities_that_overlap_the_longest_is_in_ents_and_all_are_in_the_span_group(tmp_path):
    document = Document(
        "d", "New York Times", (Entity("GPE", 0, 8), Entity("ORG", 0, 14), Entity("X", 0, 14))
    )

    losses = Corpus([document]).save(tmp_path / "a.spacy")

    doc = by_spacy(tmp_path / "a.spacy")[0]
    assert spans(doc.ents) == [(0, 14, "ORG")]
    assert spans(doc.spans["entities"]) == [(0, 8, "GPE"), (0, 14, "ORG"), (0, 14, "X")]
    assert list(losses.lines()) == [
        "2 entities that overlap another, in doc.ents (document 'd', entities[0], document 'd',"
        " entities[2])"
    ]


def test_discontinuous_marks_are_counted_since_spacy_has_no_place_for_them(tmp_path):
    broken = {"start": 0, "end": 9, "fragments": ((0, 3), (8, 9))}

    losses = Corpus(
        [Document("d", "Ada met B", (Entity("PER", **broken),), (Event("E", Place(**broken)),))]
    ).save(tmp_path / "a.spacy")

    assert losses.counts == {
        "discontinuous entities, in doc.ents and doc.spans": 1,
        "discontinuous triggers, in doc.ents and doc.spans": 1,
    }


def test_the_id_and_the_numbers_of_a_knowledge_base_stand_where_spacy_looks(tmp_path):
    Corpus(
        [
            Document(
                "d7",
                "Ada",
                (Entity("PER", 0, 3, attributes={"kb_id": "Q7259", "ent_id": "lovelace"}),),
            )
        ]
    ).save(tmp_path / "a.spacy")

    doc = by_spacy(tmp_path / "a.spacy")[0]
    assert (doc.user_data["id"], doc.ents[0].kb_id_, doc.ents[0].ent_id_) == (
        "d7",
        "Q7259",
        "lovelace",
    )


# Options of writing


@pytest.mark.parametrize(
    ("alignment_mode", "seen", "what"),
    [
        (
            "strict",
            [(8, 10)],
            "entities that do not align to spaCy's tokens, in doc.ents and doc.spans",
        ),
        (
            "expand",
            [(0, 3), (8, 10)],
            (
                "own offsets of entities that do not align to spaCy's tokens, in doc.ents and"
                " doc.spans"
            ),
        ),
        (
            "contract",
            [(8, 10)],
            "entities that do not align to spaCy's tokens, in doc.ents and doc.spans",
        ),
    ],
)
def test_what_does_not_align_is_counted_where_tokens_are_not_split(
    alignment_mode, seen, what, tmp_path
):
    document = Document("d", "Ada met Bo", (Entity("PER", 1, 3), Entity("PER", 8, 10)))

    losses = Corpus([document]).save(tmp_path / f"a.spacy?alignment_mode={alignment_mode}")

    assert [place[:2] for place in spans(by_spacy(tmp_path / "a.spacy")[0].ents)] == seen
    assert list(losses.lines()) == [f"1 {what} (document 'd', entities[0])"]
    assert load_corpus(tmp_path / "a.spacy")[0] == document


def test_contracting_moves_a_mark_inwards(tmp_path):
    losses = Corpus([Document("d", "Ada met Bo", (Entity("X", 1, 10),))]).save(
        tmp_path / "a.spacy", alignment_mode="contract"
    )

    assert spans(by_spacy(tmp_path / "a.spacy")[0].ents) == [(4, 10, "X")]
    assert losses.counts == {
        "own offsets of entities that do not align to spaCy's tokens, in doc.ents and doc.spans": 1
    }


def test_the_language_makes_the_tokens(tmp_path):
    given = Corpus([Document("d", "I don't", ())])

    given.save(tmp_path / "en.spacy", lang="en")
    given.save(tmp_path / "xx.spacy")

    assert [token.text for token in by_spacy(tmp_path / "en.spacy")[0]] == ["I", "do", "n't"]
    assert [token.text for token in by_spacy(tmp_path / "xx.spacy")[0]] == ["I", "don't"]


def test_a_language_that_spacy_does_not_know_is_no_reason_to_refuse_what_a_document_says_of_itself(
    tmp_path,
):
    Corpus(
        [
            Document("d", "Ada", (), meta={"language": "tlh"}),
            Document("e", "Ada", (), meta={"language": 7}),
        ]
    ).save(tmp_path / "a.spacy")
    assert load_corpus(tmp_path / "a.spacy").ids == ["d", "e"]


@pytest.mark.parametrize("lang", ["tlh", "en_GB", "../x", ""])
def test_a_language_that_was_asked_for_must_have_a_tokenizer(lang, tmp_path):
    with pytest.raises(
        InputError,
        match=r"^lang: '.*': spaCy has no tokenizer for this language \(.*\); use lang=.xx.$",
    ):
        corpus("x").save(tmp_path / "a.spacy", lang=lang)


def test_a_way_to_align_that_is_none_is_refused(tmp_path):
    with pytest.raises(
        InputError,
        match="unknown alignment mode 'exact'; expected one of: split, strict, expand, contract",
    ):
        corpus("x").save(tmp_path / "a.spacy", alignment_mode="exact")


def test_the_corpus_beside_may_be_a_path(tmp_path):
    corpus("[Ada|X] met").save(tmp_path / "gold.jsonl")

    Corpus([Document("d0", "Ada met", (Entity("X", 0, 2),))]).save(
        f"{tmp_path}/a.spacy?align_with={tmp_path}/gold.jsonl"
    )

    assert [token.text for token in by_spacy(tmp_path / "a.spacy")[0]] == ["Ad", "a", "met"]


def test_the_corpus_beside_must_be_readable(tmp_path):
    (tmp_path / "gold.jsonl").write_text("{")

    with pytest.raises(LoadError, match=r"gold\.jsonl:1: not JSON"):
        corpus("x").save(tmp_path / "a.spacy", align_with=tmp_path / "gold.jsonl")


def test_the_corpus_beside_must_have_the_same_text(tmp_path):
    with pytest.raises(
        InputError, match="document 'd0': its text differs from the one in align_with"
    ):
        corpus("x").save(tmp_path / "a.spacy", align_with=corpus("y"))


def test_long_runs_without_a_space_take_no_longer_than_others(tmp_path):
    Corpus([Document("d", "(" * 100_000, (Entity("X", 70_000, 70_001),))]).save(
        tmp_path / "a.spacy"
    )
    assert by_spacy(tmp_path / "a.spacy")[0].text == "(" * 100_000


# spaCy's own Scorer


def assert_same_scores(gold, said, folder):
    gold.save(folder / "gold.spacy", align_with=said)
    said.save(folder / "said.spacy", align_with=gold)

    theirs = Scorer.score_spans(
        spacy_examples(folder / "said.spacy", folder / "gold.spacy"), "ents"
    )

    ours = score(gold, said, ["entities/strict"], boot=0)["entities/strict"].micro
    # What is 0/0 for evalkit is 0 or None for spaCy.
    assert (theirs["ents_p"] or 0, theirs["ents_r"] or 0) == (
        pytest.approx(ours.precision or 0),
        pytest.approx(ours.recall or 0),
    )


def test_spacy_scores_what_was_written_as_evalkit_does(tmp_path):
    gold = corpus(
        ADA, "[Ada Lovelace|PER] wrote to [Babbage|PER]", "nothing here", "[IBM|ORG] and [IBM|ORG]"
    )
    said = corpus(
        "[Ada|PER] met [Bo|ORG] in [Oslo|LOC]",
        "[Ada|PER] Lovelace wrote to [Babbage|PER]",
        "[nothing|X] here",
        "IBM and [I|ORG]BM",
    )

    assert_same_scores(gold, said, tmp_path)

    counts = score(gold, said, ["entities/strict"], boot=0)["entities/strict"].micro
    assert (counts.tp, counts.predicted, counts.gold) == (3, 7, 7)


def test_spacy_scores_each_label_as_evalkit_does(tmp_path):
    gold, said = corpus(ADA), corpus("[Ada|PER] met [Bo|LOC] in [Oslo|LOC]")
    gold.save(tmp_path / "gold.spacy")
    said.save(tmp_path / "said.spacy")

    theirs = Scorer.score_spans(
        spacy_examples(tmp_path / "said.spacy", tmp_path / "gold.spacy"), "ents"
    )

    assert theirs["ents_per_type"] == {
        "PER": {"p": 1, "r": 0.5, "f": pytest.approx(2 / 3)},
        "LOC": {"p": 0.5, "r": 1, "f": pytest.approx(2 / 3)},
    }


def test_spacy_scores_the_bundled_corpus_as_evalkit_does(tmp_path):
    gold = load_corpus()
    flat = sorted(gold[0].entities, key=lambda entity: (entity.start, -entity.end))
    apart = [
        entity
        for n, entity in enumerate(flat)
        if all(earlier.end <= entity.start for earlier in flat[:n])
    ]
    moved = [
        msgspec.structs.replace(
            entity,
            start=entity.start + 1 if n % 3 == 0 else entity.start,
            end=max(entity.end, entity.start + 2),
        )
        for n, entity in enumerate(apart)
    ]
    wrong = [
        msgspec.structs.replace(entity, label="X" if n % 5 == 0 else entity.label)
        for n, entity in enumerate(moved)
    ]

    assert len(apart) > 50
    assert_same_scores(
        Corpus([msgspec.structs.replace(gold[0], entities=tuple(apart), events=None)]),
        Corpus([Document(gold[0].id, gold[0].text, tuple(wrong))]),
        tmp_path,
    )


@given(document=documents(flat=True), other=documents(flat=True))
@settings(max_examples=examples(60), deadline=None)
@pytest.mark.slow
def test_spacy_scores_any_flat_entities_as_evalkit_does(document, other, tmp_path_factory):
    kept = tuple(entity for entity in other.entities if entity.end <= len(document.text))
    gold, said = Corpus([document]), Corpus([Document(document.id, document.text, kept)])

    assert_same_scores(gold, said, tmp_path_factory.mktemp("scores"))


# What others wrote


def test_entities_of_spacy_are_read_with_their_ids_and_numbers(tmp_path, english):
    doc = english("Ada met Bo")
    doc.ents = [Span(doc, 0, 1, "PER", kb_id="Q1", span_id="ada"), Span(doc, 2, 3, "PER")]

    found = load_corpus(saved(tmp_path / "a.spacy", doc))

    assert list(found) == [
        Document(
            "doc-1",
            "Ada met Bo",
            (
                Entity("PER", 0, 3, attributes={"kb_id": "Q1", "ent_id": "ada"}),
                Entity("PER", 8, 10),
            ),
        )
    ]
    assert not found.conversion


def test_documents_without_entities_were_annotated_or_not(tmp_path, english):
    none = english("Ada")
    none.ents = []

    assert [
        document.entities
        for document in load_corpus(saved(tmp_path / "a.spacy", english("Ada"), none))
    ] == [None, ()]


def test_ids_are_those_of_the_user_data_or_numbers(tmp_path, english):
    named, numbered = english("a"), english("b")
    named.user_data["id"] = "x7"
    numbered.user_data["id"] = 7

    assert load_corpus(saved(tmp_path / "a.spacy", named, english("c"), numbered)).ids == [
        "x7",
        "doc-2",
        "doc-3",
    ]


def test_span_groups_are_entities_and_triggers_where_asked(tmp_path, english):
    doc = english("Ada met Bo")
    doc.spans["sc"] = [Span(doc, 0, 3, "X"), Span(doc, 0, 1, "PER")]
    doc.spans["events"] = [Span(doc, 1, 2, "Meet")]
    path = saved(tmp_path / "a.spacy", doc, english("Bo"))

    found = load_corpus(path, entities="sc", triggers="events")

    assert found[0] == Document(
        "doc-1",
        "Ada met Bo",
        (Entity("X", 0, 10), Entity("PER", 0, 3)),
        (Event("Meet", Place(4, 7)),),
    )
    assert (found[1].entities, found[1].events) == (None, None)
    assert load_corpus(path).conversion.counts == {
        "spans of the group 'sc'": 2,
        "spans of the group 'events'": 1,
    }


def test_a_span_group_that_no_document_has_is_a_mistake_in_its_name(tmp_path, english):
    doc = english("Ada")
    doc.spans["sc"] = []

    with pytest.raises(
        LoadError, match=r"a\.spacy: unknown span group 'cs'; expected one of: ents, sc"
    ):
        load_corpus(saved(tmp_path / "a.spacy", doc), entities="cs")


def test_what_a_document_cannot_hold_is_counted(tmp_path, english):
    full = Doc(
        english.vocab,
        ["Ada", "sings", "."],
        tags=["NNP", "VBZ", "."],
        pos=["PROPN", "VERB", "PUNCT"],
        lemmas=["Ada", "sing", "."],
        heads=[1, 1, 1],
        deps=["nsubj", "ROOT", "punct"],
        ents=["B-PER", "O", "O"],
        morphs=["", "Tense=Pres", ""],
    )
    full.cats["news"] = 1.0
    full.user_data["source"] = "web"
    full.user_data["._.", "seen", None, None] = True
    full.spans["sc"] = [Span(full, 1, 1, "empty")]

    losses = load_corpus(saved(tmp_path / "a.spacy", full), triggers="sc").conversion

    assert losses.counts == {
        "spaces between words that are not known, read as one each": 2,
        "tags of tokens": 3,
        "parts of speech": 3,
        "morphological features": 1,
        "lemmas": 3,
        "dependencies": 3,
        "text categories": 1,
        "items of user data": 2,
        "spans of no tokens": 1,
    }


def test_sentences_and_entities_that_are_partly_missing_are_counted(tmp_path, english):
    doc = english("Ada sings. Bo hums.")
    english.add_pipe("sentencizer")(doc)
    doc.set_ents([Span(doc, 0, 1, "PER")], missing=[doc[3:]], default="outside")

    assert load_corpus(saved(tmp_path / "a.spacy", doc)).conversion.counts == {
        "starts of sentences": 1,
        "tokens whose entities are missing, read as outside": 3,
    }


def test_files_without_user_data_are_read(tmp_path, english):
    assert load_corpus(saved(tmp_path / "a.spacy", english("Ada"), data=False))[0].text == "Ada"


def test_an_entity_without_a_label_is_refused(tmp_path, english):
    doc = english("Ada met")
    doc.spans["sc"] = [Span(doc, 0, 1)]

    with pytest.raises(
        LoadError, match=r"a\.spacy:1: label: invalid label '': expected a non-empty string"
    ):
        load_corpus(saved(tmp_path / "a.spacy", doc), entities="sc")


# Records of evalkit that belong to another annotation


def test_a_pipeline_that_sets_other_entities_is_believed_and_the_record_is_not(tmp_path):
    load_corpus().save(tmp_path / "gold.spacy")
    doc = by_spacy(tmp_path / "gold.spacy")[0]
    doc.ents = [Span(doc, 0, 2, "ORG")]

    found = load_corpus(saved(tmp_path / "said.spacy", doc))

    assert [(entity.label, entity.start) for entity in found[0].entities] == [("ORG", 0)]
    assert (found[0].id, found[0].events, found[0].attributions) == (
        load_corpus()[0].id,
        None,
        None,
    )
    assert found.conversion.counts["annotations of evalkit's record, replaced by the spans"] > 90


def test_a_record_on_another_text_is_not_believed(tmp_path, english):
    corpus(ADA).save(tmp_path / "a.spacy")
    doc = english("Something else")
    doc.user_data = by_spacy(tmp_path / "a.spacy")[0].user_data

    found = load_corpus(saved(tmp_path / "b.spacy", doc))

    assert list(found) == [Document("d0", "Something else")]
    assert found.conversion.counts == {"annotations of evalkit's record, replaced by the spans": 3}


def test_spans_can_be_asked_for_where_there_is_a_record(tmp_path):
    Corpus(
        [Document("d", "New York Times", (Entity("GPE", 0, 8), Entity("ORG", 0, 14, id="T1")))]
    ).save(tmp_path / "a.spacy")

    assert load_corpus(tmp_path / "a.spacy?entities=ents")[0].entities == (Entity("ORG", 0, 14),)
    assert load_corpus(tmp_path / "a.spacy?entities=entities")[0].entities == (
        Entity("GPE", 0, 8),
        Entity("ORG", 0, 14),
    )


@pytest.mark.parametrize(
    "record", [7, "no JSON", "{}", '{"state": 1, "document": {}}', "[" * 100_000]
)
def test_a_record_that_is_none_is_refused(record, tmp_path, english):
    doc = english("Ada")
    doc.user_data["evalkit"] = record

    with pytest.raises(
        LoadError,
        match=r"a\.spacy:1: user_data\['evalkit'\]: .* is not a record of evalkit; delete the key$",
    ):
        load_corpus(saved(tmp_path / "a.spacy", doc))


def test_a_record_that_was_changed_by_hand_is_checked(tmp_path):
    corpus(ADA).save(tmp_path / "a.spacy")
    doc = by_spacy(tmp_path / "a.spacy")[0]
    doc.user_data["evalkit"] = doc.user_data["evalkit"].replace('"end":3', '"end":99')

    with pytest.raises(
        LoadError,
        match=(
            r"a\.spacy:1: user_data\['evalkit'\]: document 'd0', entities\[0\]\.end: 99 is past"
            r" the end .*; entities=.ents. reads the spans alone"
        ),
    ):
        load_corpus(saved(tmp_path / "a.spacy", doc))


# Files that are none, or damaged


def unpacked(path):
    return zlib.decompress(path.read_bytes())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty, not a DocBin"),
        (b"\x80\x04\x95pickle", r"not a DocBin: it begins with b'\\x80.*' and cannot be unpacked"),
        (b"PK\x03\x04", "compressed with zip: unpack it, and read the file or folder in it"),
        (zlib.compress(b"x" * 1000)[:10], "truncated: the compressed data are incomplete"),
        (zlib.compress(b"\x80") + b"more", "4 bytes after the end of the DocBin"),
        (
            zlib.compress(b""),
            "not a DocBin: Input data was truncated; spaCy's DocBin.to_disk writes one",
        ),
        (zlib.compress(b"\x80"), "not a DocBin: Object missing required field 'attrs'"),
        (zlib.compress(b"\x07"), "not a DocBin: Expected 'object', got 'int'"),
        (zlib.compress(b"\x91" * 100_000), "not a DocBin: Expected 'object', got 'array'"),
        (
            zlib.compress(bytes(70_000_000)),
            "unpacks from 6.,... bytes to more than 64 MB: the file is damaged or malicious",
        ),
    ],
    ids=[
        "empty",
        "pickle",
        "zip",
        "truncated",
        "followed",
        "nothing",
        "no fields",
        "a number",
        "deep",
        "bomb",
    ],
)
def test_what_is_no_docbin_is_refused_in_one_line(data, message, tmp_path):
    (tmp_path / "a.spacy").write_bytes(data)

    with pytest.raises(InputError, match=rf"^\S+a\.spacy: {message}[^\n]*$"):
        load_corpus(tmp_path / "a.spacy")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"attrs": []}, r"a\.spacy: not a DocBin: the token arrays do not match"),
        ({"tokens": b"1234567"}, r"a\.spacy: not a DocBin: the token arrays do not match"),
        (
            {"lengths": b"\xff\xff\xff\xff"},
            r"a\.spacy: not a DocBin: expected -1 tokens in all documents, but found 5",
        ),
        (
            {"lengths": b"\x09\x00\x00\x00"},
            r"a\.spacy: not a DocBin: expected 9 tokens in all documents, but found 5",
        ),
        ({"cats": []}, r"a\.spacy: not a DocBin: 1 documents, but cats for 0"),
        (
            {"strings": ["Ada"]},
            (
                r"a\.spacy:1: damaged: spaCy cannot read it: KeyError: .*Can't retrieve string for"
                r" hash"
            ),
        ),
        ({"span_groups": [b"\x81"]}, r"a\.spacy:1: damaged: spaCy cannot read it"),
        ({"user_data": [b"\xc1"]}, r"a\.spacy:1: damaged: spaCy cannot read it"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_parts_that_do_not_go_together_are_refused(changed, message, tmp_path):
    corpus(ADA).save(tmp_path / "a.spacy")
    message_before = msgspec.msgpack.decode(unpacked(tmp_path / "a.spacy"))
    (tmp_path / "a.spacy").write_bytes(
        zlib.compress(msgspec.msgpack.encode({**message_before, **changed}))
    )

    with pytest.raises(LoadError, match=message):
        load_corpus(tmp_path / "a.spacy")


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (24, "spaCy cannot read it: IndexError: .* start 77 and end 1 for Doc of length 5"),
        (32, r"spans\['entities'\]\[0\]: characters 77 to 3, but its tokens are at 0 to 3"),
    ],
    ids=["tokens", "characters"],
)
def test_spans_that_are_not_where_they_say_are_refused(at, message, tmp_path):
    corpus("[Ada|PER] met Bo in Oslo").save(tmp_path / "a.spacy")
    found = msgspec.msgpack.decode(unpacked(tmp_path / "a.spacy"))
    groups = bytearray(found["span_groups"][0])
    begin = groups.index((0).to_bytes(16, "big")) + at
    groups[begin : begin + 4] = (77).to_bytes(4, "big")
    (tmp_path / "a.spacy").write_bytes(
        zlib.compress(msgspec.msgpack.encode({**found, "span_groups": [bytes(groups)]}))
    )

    with pytest.raises(LoadError, match=rf"a\.spacy:1: damaged: {message}"):
        load_corpus(tmp_path / "a.spacy")


def loaded_or_faults(path):
    try:
        return list(load_corpus(path))
    except LoadError as error:
        return error.errors


@pytest.mark.slow
def test_no_damage_is_more_than_a_line_for_each_document(tmp_path):
    corpus(ADA, "no", "[東京|LOC] x").save(tmp_path / "a.spacy")
    whole, chance = unpacked(tmp_path / "a.spacy"), random.Random(7)
    places = [(chance.randrange(len(whole)), chance.randrange(256)) for _ in range(300)]
    outcomes = []

    for at, value in places:
        (tmp_path / "a.spacy").write_bytes(
            zlib.compress(whole[:at] + bytes([value]) + whole[at + 1 :])
        )
        outcomes += loaded_or_faults(tmp_path / "a.spacy")

    assert all(
        isinstance(found, Document)
        or (found.startswith(f"{tmp_path}/a.spacy:") and "\n" not in found)
        for found in outcomes
    )
    assert {type(found) for found in outcomes} == {Document, str}


def test_a_pickle_inside_the_user_data_is_not_opened(tmp_path, english):
    doc = english("Ada")
    doc.user_data["x"] = (
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94."
    )

    assert load_corpus(saved(tmp_path / "a.spacy", doc)).conversion.counts == {
        "items of user data": 1
    }


# The command line


def run(*arguments, folder):
    return run_evalkit(*arguments, cwd=folder)


@pytest.mark.slow
def test_the_command_line_converts_there_and_back(tmp_path):
    there = run("convert", "evalkit-news", "a.spacy", folder=tmp_path)
    back = run("convert", "a.spacy", "b.jsonl", folder=tmp_path)

    assert (there.returncode, there.stdout, there.stderr) == (
        0,
        "a.spacy: 1 document (read: 61 entities, 26 events, 5 attributions)\n",
        "",
    )
    assert (back.returncode, back.stdout, back.stderr) == (
        0,
        "b.jsonl: 1 document (read: 61 entities, 26 events, 5 attributions)\n",
        "",
    )
    assert list(load_corpus(tmp_path / "b.jsonl")) == list(load_corpus())


def test_the_command_line_says_what_is_damaged_and_ends_with_2(tmp_path):
    (tmp_path / "a.spacy").write_bytes(b"no")

    done = run("validate", "a.spacy", folder=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "a.spacy: not a DocBin: it begins with b'no' and cannot be unpacked" in done.stderr
    assert "Traceback" not in done.stderr
