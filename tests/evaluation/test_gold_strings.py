"""Gold whose entities have no offsets, for metrics that compare strings."""

import json
import random

import pytest
from helpers.cli import run_evalkit
from helpers.surfaces import count_strings, random_corpora

from evalkit import (
    Corpus,
    Document,
    Entity,
    InputError,
    LoadError,
    Scores,
    Unplaced,
    Zone,
    load_corpus,
    score,
)

METRICS = ["surfaces/strict", "surfaces/multiset"]
TEXT = "Mary met Mary in Paris."


def write_lines(path, *entities, text=TEXT):
    lines = [
        {
            "id": str(number),
            "text": text,
            "entities": [{"label": label, "text": words} for label, words in each],
        }
        for number, each in enumerate(entities)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def files(tmp_path):
    gold = write_lines(tmp_path / "g.jsonl", [("PER", "Mary"), ("PER", "Mary"), ("LOC", "Paris")])
    return gold, write_lines(tmp_path / "p.jsonl", [("PER", "Mary"), ("LOC", "Rome")])


def counts_of(row):
    return row.tp, row.predicted, row.gold


def test_strings_of_gold_are_scored(files):
    gold, predicted = files
    sides = [load_corpus(gold), load_corpus(predicted, predictions=True)]

    for scores in (score(*files, METRICS), score(*sides, METRICS)):
        assert counts_of(scores["surfaces/strict"].micro) == (1, 2, 2)
        assert counts_of(scores["surfaces/multiset"].micro) == (1, 2, 3)
    result = run_evalkit("score", gold, predicted, "--metrics", "surfaces/strict", "--boot", 0)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("metrics", [None, "entities/strict", "surfaces/strict,entities/strict"])
def test_metrics_of_spans_need_offsets_and_the_message_says_what_helps(files, metrics):
    with pytest.raises(
        InputError, match="gold has entities without offsets.*ground=True.*surfaces/strict"
    ):
        score(*files, metrics, boot=0)


def test_gold_that_was_searched_keeps_what_is_not_in_the_text(tmp_path, files):
    gold = write_lines(tmp_path / "g2.jsonl", [("PER", "Mary"), ("LOC", "Rome")])
    scores = score(f"{gold}?ground=true", files[1], "surfaces/strict", boot=0)
    assert counts_of(scores["surfaces/strict"].micro) == (2, 2, 2)


@pytest.mark.parametrize(
    "unplaced",
    [Unplaced("entities", "PER", "no text"), Unplaced("triggers", "Meet", "not found", "met")],
)
def test_other_items_without_a_place_are_refused_in_gold(unplaced):
    gold = Corpus([Document("0", TEXT, [Entity("PER", 0, 4)], unplaced=[unplaced])])
    predicted = Corpus([Document("0", TEXT, [Entity("PER", 0, 4)])])
    with pytest.raises(InputError, match="gold has a failure or unplaced items"):
        score(gold, predicted, "surfaces/strict", boot=0)


def test_the_digest_depends_on_the_strings_of_gold(tmp_path, files):
    results = []
    for number, entities in enumerate(
        ([("PER", "Mary")], [("LOC", "Mary")], [("PER", "Paris")], [("PER", "Mary")] * 2)
    ):
        gold = write_lines(tmp_path / f"gold{number}.jsonl", entities)
        for source in (gold, load_corpus(gold)):
            results.append(score(source, files[1], "surfaces/strict", boot=0).to_json())
    digests = [json.loads(result)["digests"]["documents"] for result in results]
    assert digests[::2] == digests[1::2]
    assert len({json.dumps(each) for each in digests}) == 4


def as_quotes(corpus):
    """The corpus with its entities as strings without offsets."""
    documents = []
    for document in corpus:
        quotes = [
            Unplaced(
                "entities",
                entity.label,
                "no offsets",
                " ".join(
                    document.text[start:end]
                    for start, end in entity.fragments or [(entity.start, entity.end)]
                ),
            )
            for entity in document.entities
        ]
        kept = [item for item in document.unplaced if item.quote is not None]
        documents.append(Document(document.id, document.text, [], unplaced=[*kept, *quotes]))
    return Corpus(documents, name=corpus.name)


@pytest.mark.parametrize("normalization", ["verbatim", "casefold", "squad"])
@pytest.mark.parametrize("documents", [300, pytest.param(10_000, marks=pytest.mark.slow)], ids=str)
def test_random_gold_of_strings_scores_as_in_plain_loops(documents, normalization):
    gold, predicted = map(as_quotes, random_corpora(documents + 1, documents))

    scores = score(gold, predicted, METRICS, boot=0, normalization=normalization)

    for metric in METRICS:
        by_document = dict(scores[metric].by_document())
        for mine, theirs in zip(gold, predicted):
            repeats = metric.endswith("multiset")
            expected = count_strings(mine, theirs, normalization, repeats=repeats)
            row = by_document.get(mine.id)
            assert expected == ((0, 0, 0) if row is None else counts_of(row)), (metric, mine.id)


def test_strings_of_gold_count_as_the_entities_that_they_are_strings_of():
    gold, predicted = random_corpora(7, 200)
    with_offsets = score(gold, predicted, METRICS, boot=0)
    without = score(as_quotes(gold), predicted, METRICS, boot=0)
    for metric in METRICS:
        assert without[metric].micro == with_offsets[metric].micro
        assert without[metric].per_document == with_offsets[metric].per_document


def test_sides_can_be_exchanged():
    gold, predicted = map(as_quotes, random_corpora(8, 200))
    forward, back = score(gold, predicted, METRICS), score(predicted, gold, METRICS)
    for metric in METRICS:
        row, other = forward[metric].micro, back[metric].micro
        assert (row.precision, row.recall) == (other.recall, other.precision)


@pytest.mark.slow
def test_files_orders_shards_and_saved_results_give_the_same_numbers(tmp_path):
    gold, predicted = map(as_quotes, random_corpora(9, 90))
    paths = tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl"
    for path, corpus in zip(paths, (gold, predicted)):
        corpus.save(path)
    whole = score(gold, predicted, METRICS)
    draw = random.Random(1)
    order = list(range(len(gold)))
    draw.shuffle(order)
    shuffled = predicted.with_documents([predicted.documents[n] for n in order])

    from_files = score(*paths, METRICS)

    assert from_files.rows() == whole.rows() == score(gold, shuffled, METRICS).rows()
    assert score(*paths, METRICS, jobs=2).rows() == whole.rows()
    whole.save(tmp_path / "r.json")
    assert Scores.load(tmp_path / "r.json").rows() == whole.rows()
    assert list(from_files.pairs("surfaces/strict")) == list(whole.pairs("surfaces/strict"))


def test_a_string_of_gold_belongs_to_no_zone():
    zones = [Zone("byline", 0, 8), Zone("body", 8, len(TEXT))]
    quote = Unplaced("entities", "PER", "no offsets", "Mary")
    gold = Corpus([Document("0", TEXT, [], unplaced=[quote], zones=zones)])
    predicted = Corpus([Document("0", TEXT, [Entity("PER", 9, 13)])])
    for options in ({}, {"zones": "body"}, {"zones": "all"}):
        row = score(gold, predicted, "surfaces/strict", boot=0, **options)["surfaces/strict"].micro
        assert counts_of(row) == (1, 1, 1)


def write_strings(path, *entities):
    lines = [
        {"id": str(number), "entities": [{"label": label, "text": words} for label, words in each]}
        for number, each in enumerate(entities)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_documents_without_offsets_need_no_text(tmp_path):
    gold = write_strings(tmp_path / "g.jsonl", [("PER", "Mary"), ("LOC", "Paris")], [])
    predicted = write_strings(tmp_path / "p.jsonl", [("PER", "Mary")], [("LOC", "Rome")])
    sides = [load_corpus(gold), load_corpus(predicted, predictions=True)]

    for scores in (score(gold, predicted, METRICS), score(*sides, METRICS)):
        assert counts_of(scores["surfaces/strict"].micro) == (1, 2, 2)
    assert Corpus.from_examples(map(json.loads, gold.read_text().splitlines())).ids == ["0", "1"]
    sides[1].save(tmp_path / "again.jsonl")
    assert load_corpus(tmp_path / "again.jsonl", predictions=True).documents == sides[1].documents


@pytest.mark.parametrize("lacks", ["gold", "predicted"])
def test_texts_on_one_side_only_need_documents_that_are_joined_by_id(tmp_path, lacks):
    strings = [("PER", "Mary"), ("LOC", "Paris")]
    paths = {
        "gold": write_lines(tmp_path / "g.jsonl", strings),
        "predicted": write_lines(tmp_path / "p.jsonl", strings),
    }
    write_strings(paths[lacks], strings)
    with pytest.raises(InputError, match="another text.*match_texts=False"):
        score(*paths.values(), "surfaces/strict", boot=0)
    scores = score(*paths.values(), "surfaces/strict", boot=0, match_texts=False)
    assert counts_of(scores["surfaces/strict"].micro) == (2, 2, 2)


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ({"id": "1"}, {}),
        ({"id": "1", "entities": [{"label": "A", "start": 0, "end": 1}]}, {}),
        ({"id": "1", "entities": [], "zones": [{"label": "z", "start": 0, "end": 1}]}, {}),
        ({"id": "1", "entities": [{"label": "A", "text": "x"}]}, {"ground": True}),
        ({"id": "1"}, {"offset_unit": "utf-8"}),
    ],
)
def test_all_other_documents_need_a_text(tmp_path, line, options):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"id": "0", "text": "x", "entities": []}) + "\n" + json.dumps(line))
    problem = ":2: the line: Object missing required field 'text'"
    with pytest.raises(LoadError, match=problem):
        load_corpus(path, predictions=True, **options)
    gold = tmp_path / "g.jsonl"
    gold.write_text('{"id": "0", "text": "x", "entities": []}\n')
    if not options:
        with pytest.raises(LoadError, match=problem):
            score(gold, path, "surfaces/strict", boot=0)
        with pytest.raises(InputError, match="examples.0.: Object missing required field 'text'"):
            Corpus.from_examples([line])


def test_validate_knows_that_no_text_is_needed(tmp_path):
    path = write_strings(tmp_path / "g.jsonl", [("PER", "Mary")])
    result = run_evalkit("validate", path)
    assert result.returncode == 0
    assert "valid" in result.stdout
