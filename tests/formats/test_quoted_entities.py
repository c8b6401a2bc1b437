"""Entities without offsets in JSONL: unplaced items, or searched in the text with ground=true."""

import json
import random

import pytest
from helpers.cli import run_evalkit

from evalkit import Corpus, Document, Entity, load_corpus, score
from evalkit.errors import InputError, LoadError

TEXT = "Japan beat Syria. Japan won."
GOLD = [("LOC", 0, 5), ("LOC", 11, 16), ("ORG", 18, 23)]
QUOTES = [("LOC", "Japan"), ("LOC", "Syria"), ("ORG", "Japan")]


def write_lines(path, *documents):
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return str(path)


def gold_line(id="1", text=TEXT, entities=GOLD):
    spans = [{"label": label, "start": start, "end": end} for label, start, end in entities]
    return {"id": id, "text": text, "entities": spans}


def quoted_line(document="1", text=TEXT, quotes=QUOTES, **fields):
    entities = [{"label": label, "text": quote, **fields} for label, quote in quotes]
    return {"id": document, "text": text, "entities": entities}


@pytest.fixture
def files(tmp_path):
    gold = write_lines(tmp_path / "g.jsonl", gold_line())
    return gold, write_lines(tmp_path / "p.jsonl", quoted_line())


def micro(gold, predicted, metric):
    row = score(gold, predicted, metric, boot=0)[metric].micro
    return row.tp, row.predicted, row.gold


def test_quotes_are_the_items_of_surfaces_and_wrong_in_layers_of_spans(files):
    gold, predicted = files
    assert micro(gold, predicted, "surfaces/strict") == (3, 3, 3)
    assert micro(gold, predicted, "entities/strict") == (0, 3, 3)


def test_quotes_that_are_searched_take_successive_occurrences(files):
    gold, predicted = files
    assert micro(gold, f"{predicted}?ground=true", "entities/strict") == (3, 3, 3)
    corpus = load_corpus(predicted, ground=True)
    assert [(e.label, e.start, e.end) for e in corpus.documents[0].entities] == GOLD


def test_files_and_corpora_in_memory_have_the_same_scores(files):
    gold, predicted = files
    for location in (predicted, f"{predicted}?ground=true"):
        in_memory = score(load_corpus(gold), load_corpus(location, predictions=True), boot=0)
        from_files = score(gold, location, boot=0)
        for metric in from_files:
            assert in_memory[metric].micro == from_files[metric].micro


def test_what_was_searched_is_counted_and_is_in_the_signature(tmp_path, files):
    gold, _ = files
    quotes = [*QUOTES, ("LOC", "Mars")]
    predicted = write_lines(tmp_path / "q.jsonl", quoted_line(quotes=quotes))
    scores = score(gold, f"{predicted}?ground=true", "entities/strict", boot=0)
    assert scores.metadata.unplaced == {"not in the text": 1}
    assert "read:predicted=ground:true" in scores["entities/strict"].signature
    counts = load_corpus(predicted, ground=True).conversion.counts
    assert counts == {
        "entities without offsets that were found in the text": 3,
        "entities without offsets that are not in the text (unplaced)": 1,
    }


def test_a_quote_that_occurs_more_often_than_it_was_given_is_ambiguous(tmp_path, files):
    gold, _ = files
    predicted = write_lines(tmp_path / "q.jsonl", quoted_line(quotes=[("ORG", "Japan")]))
    scores = score(gold, f"{predicted}?ground=true", "entities/strict", boot=0)
    ambiguity = scores.metadata.ambiguity
    assert scores["entities/strict"].micro.tp == 0
    assert (ambiguity["entities/strict"].worst, ambiguity["entities/strict"].best) == (0, 1)


def test_fields_of_entities_that_are_found_are_kept(tmp_path):
    line = quoted_line(quotes=[("ORG", "japan")], score=0.5, attributes={"a": 1}, id="e")
    corpus = load_corpus(write_lines(tmp_path / "q.jsonl", line), ground=True)
    assert corpus.documents[0].entities == (
        Entity("ORG", 0, 5, id="e", score=0.5, attributes={"a": 1}),
    )


@pytest.mark.parametrize("field", [{"score": 0.5}, {"attributes": {"a": 1}}])
def test_fields_that_would_be_dropped_are_refused_with_the_option_that_keeps_them(tmp_path, field):
    predicted = write_lines(tmp_path / "q.jsonl", quoted_line(quotes=QUOTES[:1], **field))
    with pytest.raises(LoadError, match=rf":1: .*entities\[0\].*{next(iter(field))}.*ground=True"):
        load_corpus(predicted, predictions=True)


@pytest.mark.parametrize(
    ("entity", "problem"),
    [
        ({"label": "A"}, "no 'start' and 'end', and no 'text'"),
        ({"label": "", "text": "Japan"}, "invalid label ''"),
        ({"label": "A", "start": 0, "text": "Japan"}, "no 'end' beside 'start'"),
        ({"label": "A", "end": 5, "text": "Japan"}, "no 'start' beside 'end'"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"ground": True}, {"offset_unit": "utf-8"}])
def test_an_entity_without_label_offsets_or_text_is_refused_with_its_place(
    tmp_path, entity, problem, options
):
    line = {"id": "1", "text": TEXT, "entities": [entity]}
    path = write_lines(tmp_path / "q.jsonl", line)
    with pytest.raises(LoadError, match=rf":1: .*entities\[0\].*{problem}"):
        load_corpus(path, predictions=True, **options)
    if not options:  # the reader of files that are scored batch by batch
        with pytest.raises(LoadError, match=rf":1: .*entities\[0\].*{problem}"):
            score(write_lines(tmp_path / "g.jsonl", gold_line()), path, boot=0)


def test_gold_needs_offsets_and_the_message_names_the_option(files):
    gold, quoted = files
    with pytest.raises(InputError, match="gold has entities without offsets.*ground=True"):
        score(quoted, gold, boot=0)
    assert micro(f"{quoted}?ground=true", gold, "entities/strict") == (3, 3, 3)
    result = run_evalkit("score", quoted, gold)
    assert result.returncode == 2
    assert "ground=true" in result.stderr


def test_meta_of_the_file_is_kept_and_its_grounding_is_not_overwritten(tmp_path):
    line = {**quoted_line(), "meta": {"source": "x"}}
    corpus = load_corpus(write_lines(tmp_path / "a.jsonl", line), ground=True)
    assert corpus.documents[0].meta["source"] == "x"
    line["meta"] = {"grounding": {}}
    with pytest.raises(LoadError, match=r":1: .*meta.*rename"):
        load_corpus(write_lines(tmp_path / "b.jsonl", line), ground=True)


def test_documents_that_were_saved_and_read_again_are_equal(tmp_path, files):
    _, predicted = files
    for location in (predicted, f"{predicted}?ground=true"):
        corpus = load_corpus(location, predictions=True)
        corpus.save(tmp_path / "again.jsonl")
        assert load_corpus(tmp_path / "again.jsonl", predictions=True).documents == corpus.documents


def place_by_plain_loops(text, quotes):
    """The spans of quotes in text of lower-case words: the n-th equal quote takes the n-th
    occurrence, and the last one if there are fewer.
    """
    words, position = [], 0
    for word in text.split(" "):
        words.append((word, position, position + len(word)))
        position += len(word) + 1
    spans, given = [], {}
    for label, quote in quotes:
        occurrences = [(start, end) for word, start, end in words if word == quote]
        number = given.get(quote, 0)
        given[quote] = number + 1
        if occurrences:
            spans.append((label, *occurrences[min(number, len(occurrences) - 1)]))
    return spans


def test_random_quotes_are_placed_as_by_plain_loops(tmp_path):
    rng = random.Random(5)
    lines, expected = [], []
    for n in range(300):
        words = [rng.choice("abcde") for _ in range(rng.randint(1, 8))]
        quotes = [(rng.choice("XY"), rng.choice("abcdef")) for _ in range(rng.randint(0, 5))]
        lines.append(quoted_line(str(n), " ".join(words), quotes))
        expected.append(place_by_plain_loops(" ".join(words), quotes))
    corpus = load_corpus(write_lines(tmp_path / "q.jsonl", *lines), predictions=True, ground=True)
    for document, spans in zip(corpus.documents, expected, strict=True):
        assert [(e.label, e.start, e.end) for e in document.entities] == spans
    unplaced = sum(len(document.unplaced) for document in corpus.documents)
    assert unplaced == sum(len(line["entities"]) for line in lines) - sum(map(len, expected))
    assert unplaced > 50


def test_dicts_in_memory_may_lack_offsets_too():
    corpus = Corpus.from_examples([quoted_line()])
    assert [item.quote for item in corpus.documents[0].unplaced] == ["Japan", "Syria", "Japan"]
    gold = Corpus([Document("1", TEXT, (Entity("LOC", 0, 5),))])
    assert score(gold, corpus, "surfaces/strict", boot=0)["surfaces/strict"].micro.tp == 1


def test_a_file_with_quotes_only_has_annotations(tmp_path, files):
    result = run_evalkit("convert", files[1], tmp_path / "out.jsonl", "--predictions")
    assert result.returncode == 0
    assert "no annotations" not in result.stderr
