"""The layer of speakers: whose contents are, against plain loops on random documents."""

import json
import random

import pytest
from helpers.cli import run_evalkit
from helpers.links import largest_matching
from helpers.surfaces import normalize_answer

from evalkit import (
    Attribution,
    Corpus,
    Document,
    InputError,
    LoadError,
    Schema,
    Scores,
    Span,
    Zone,
    load_corpus,
    score,
)
from evalkit.data.schema import ZoneSchema
from evalkit.evaluation.verify import find_differences

METRICS = ["speakers/strict", "speakers/type"]
# Names of one to three words that are equal under one normalization and differ under another
TEXT = "Ada ada the Ada Bo Bo. BO  Cy\nCy Cy"
NAMES = ((0, 3), (4, 7), (8, 15), (12, 15), (16, 18), (19, 22), (19, 21), (23, 25), (8, 11))
NAMES += ((27, 32), (30, 35), (27, 29))
ZONES = Schema(zones={"body": ZoneSchema(), "byline": ZoneSchema(primary=())})
STORY = '"Go," said Ada. "No," she said. "Well," Bo said, "yes."'
GO, NO, WELL, YES = Span(0, 5), Span(16, 21), Span(32, 39), Span(49, 55)
ADA, SHE, BO = Span(11, 14), Span(22, 25), Span(40, 42)


def make_corpus(*contents, text=STORY, **fields):
    """A corpus of one document, with an attribution for each (content, source name)."""
    attributions = [
        Attribution(cue=None, content=content, source_name=name) for content, name in contents
    ]
    return Corpus([Document("story", text, attributions=attributions, **fields)])


def random_attributions(draw, *, distinct):
    attributions, seen = [], set()
    for _ in range(draw.randint(0, 6)):
        start = draw.randrange(0, 28, 4)
        end = start + draw.choice((3, 4, 8))
        fragments = ((start, start + 1), (end - 1, end)) if draw.random() < 0.1 else ()
        name = Span(*draw.choice(NAMES)) if draw.random() < 0.85 else None
        cue = Span(0, 3) if draw.random() < 0.2 else None
        key = (start, end, bool(fragments), cue is None)
        if distinct and key in seen:
            continue
        seen.add(key)
        attributes = None
        if draw.random() < 0.3:
            attributes = {"speaker": draw.choice(("Ada", "BO", "the Ada", "", 7, None))}
        attributions.append(
            Attribution(cue, Span(start, end, fragments), source_name=name, attributes=attributes)
        )
    return attributions


def random_corpora(seed, count, *, zones=False, distinct=False):
    """Gold without duplicates, and predictions that have half of gold's contents."""
    draw = random.Random(seed)
    gold, predicted = [], []
    for number in range(count):
        border = draw.randrange(4, 30, 4)
        parts = (Zone("byline", 0, border), Zone("body", border, len(TEXT))) if zones else ()
        attributions = random_attributions(draw, distinct=True)
        other = [each for each in attributions if draw.random() < 0.6]
        if not distinct:
            other += random_attributions(draw, distinct=False)
        draw.shuffle(other)
        gold.append(Document(f"d{number}", TEXT, attributions=attributions, zones=parts))
        predicted.append(Document(f"d{number}", TEXT, attributions=other, zones=parts))
    schema = ZONES if zones else Schema()
    return Corpus(gold, schema=schema, name="gold"), Corpus(predicted, name="predicted")


NORMALIZE = {
    "verbatim": lambda name: name,
    "casefold": lambda name: " ".join(name.casefold().split()),
    "squad": normalize_answer,
}


def items_of(document, first_scored, normalization):
    """The distinct (characters of the content, name) of a document."""
    items = []
    for each in document.attributions:
        name = (each.attributes or {}).get("speaker")
        if each.source_name is not None:
            name = document.text[each.source_name.start : each.source_name.end]
        if not isinstance(name, str):
            continue
        name = NORMALIZE[normalization](name)
        pieces = each.content.fragments or ((each.content.start, each.content.end),)
        characters = frozenset(n for start, end in pieces for n in range(start, end))
        if name and max(characters) >= first_scored and (characters, name) not in items:
            items.append((characters, name))
    return items


def count_by_plain_loops(gold, predicted, normalization="verbatim", *, zones=False):
    """The counts (tp, predicted, gold) of strict and type, and the accuracy (correct, pairs)."""
    strict, overlap, accuracy = [0, 0, 0], [0, 0, 0], [0, 0]
    for one, other in zip(gold.documents, predicted.documents, strict=True):
        border = one.zones[0].end if zones else 0
        sides = [items_of(document, border, normalization) for document in (one, other)]
        for counts in (strict, overlap):
            counts[1] += len(sides[1])
            counts[2] += len(sides[0])
        strict[0] += len(set(sides[0]) & set(sides[1]))
        overlap[0] += largest_matching(*sides, lambda a, b: a[1] == b[1] and a[0] & b[0])
        accuracy[0] += len(set(sides[0]) & set(sides[1]))
        accuracy[1] += largest_matching(*sides, lambda a, b: a[0] == b[0])
    return [tuple(strict), tuple(overlap)], tuple(accuracy)


def micro(scores):
    rows = [scores[metric].micro for metric in METRICS]
    return [(row.tp, row.predicted, row.gold) for row in rows]


def test_a_story():
    gold = make_corpus((GO, ADA), (NO, ADA), (WELL, BO), (YES, BO))
    predicted = make_corpus((GO, ADA), (NO, SHE), (WELL, None), (Span(50, 54), BO))
    scores = score(gold, predicted, METRICS)
    assert micro(scores) == [(1, 3, 4), (2, 3, 4)]
    assert scores["speakers/strict"].accuracy == (1, 2)
    assert scores["speakers/type"].accuracy is None
    report = str(scores)
    assert "strict: same content and speaker; type: contents overlap, same speaker" in report
    assert "accuracy: 0.500 (1 of 2 pairs with equal spans)" in report
    assert scores["speakers/strict"].signature_fields["normalization"] == "verbatim"


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("normalization", list(NORMALIZE))
def test_counts_and_accuracy_are_those_of_plain_loops(count, normalization):
    gold, predicted = random_corpora(count, count)
    scores = score(gold, predicted, METRICS, normalization=normalization, boot=0)
    counts, accuracy = count_by_plain_loops(gold, predicted, normalization)
    assert micro(scores) == counts
    assert scores["speakers/strict"].accuracy == accuracy
    assert 0 < accuracy[0] < accuracy[1] < counts[0][2]


def test_items_outside_the_scored_zones_do_not_count():
    gold, predicted = random_corpora(3, 200, zones=True)
    scores = score(gold, predicted, METRICS, boot=0)
    counts, accuracy = count_by_plain_loops(gold, predicted, zones=True)
    assert micro(scores) == counts
    assert scores["speakers/strict"].accuracy == accuracy
    assert scores["speakers/strict"].counts.set_aside["gold_outside_zones"]


def test_swapped_sides_swap_precision_and_recall():
    gold, predicted = random_corpora(4, 200, distinct=True)
    one, other = (score(*sides, METRICS) for sides in ((gold, predicted), (predicted, gold)))
    assert micro(other) == [(tp, of_gold, found) for tp, found, of_gold in micro(one)]
    assert one["speakers/strict"].accuracy == other["speakers/strict"].accuracy
    for tp, found, of_gold in micro(score(gold, gold, METRICS)):
        assert tp == found == of_gold


def test_order_files_workers_shards_and_saved_results_change_no_number(tmp_path):
    gold, predicted = random_corpora(5, 70)
    for folder in ("gold", "predicted", "whole"):
        (tmp_path / folder).mkdir()
    for name, corpus in (("gold", gold), ("predicted", predicted)):
        Corpus(corpus.documents).save(tmp_path / "whole" / f"{name}.jsonl")
        for number, start in enumerate(range(0, 70, 30)):
            part = Corpus(corpus.documents[start : start + 30])
            part.save(tmp_path / name / f"{number}.jsonl")
    whole = [str(tmp_path / "whole" / f"{name}.jsonl") for name in ("gold", "predicted")]
    shards = [str(tmp_path / name / "*.jsonl") for name in ("gold", "predicted")]
    backwards = [
        Document(each.id, each.text, attributions=each.attributions[::-1])
        for each in predicted.documents[::-1]
    ]
    parts = [
        score(
            Corpus(gold.documents[part], name="gold"),
            Corpus(predicted.documents[part], name="predicted"),
            METRICS,
            boot=0,
        )
        for part in (slice(0, 13), slice(13, None))
    ]
    scores = score(*whole, METRICS, boot=0)
    scores.save(tmp_path / "result.json")
    results = [
        scores,
        Scores.load(tmp_path / "result.json"),
        Scores.merge(parts),
        score(gold, Corpus(backwards), METRICS, boot=0),
        score(*whole, METRICS, boot=0, jobs=2),
        score(*shards, METRICS, boot=0),
        score(load_corpus(whole[0]), load_corpus(whole[1], predictions=True), METRICS, boot=0),
    ]
    counts, accuracy = count_by_plain_loops(gold, predicted)
    for result in results:
        assert micro(result) == counts
        assert result["speakers/strict"].accuracy == accuracy
    assert find_differences(tmp_path / "result.json", *whole) == []


def test_a_name_that_is_empty_after_normalization_is_no_item():
    text = 'The said "Go".'
    side = make_corpus((Span(9, 13), Span(0, 3)), text=text)
    scores = score(side, side, "speakers", normalization="squad")
    assert scores["speakers/strict"].micro.gold == 0
    assert "gold items whose string is empty after normalization: 1 (speakers)" in str(scores)
    assert not any("source_name" in warning for warning in scores.warnings)


def test_the_attribute_speaker_is_the_name_where_there_is_no_source_name():
    gold, predicted = (
        Corpus(
            [
                Document(
                    "story",
                    STORY,
                    attributions=[
                        Attribution(None, content, source_name=name, attributes=attributes)
                        for content, name, attributes in contents
                    ],
                )
            ]
        )
        for contents in (
            [(GO, ADA, {"speaker": "Bo"}), (NO, None, {"speaker": "Ada"}), (WELL, BO, None)],
            [(GO, None, {"speaker": "Ada"}), (NO, ADA, None), (YES, None, {"speaker": ""})],
        )
    )

    row = score(gold, predicted, METRICS, boot=0)["speakers/strict"].micro

    assert (row.tp, row.predicted, row.gold) == (2, 2, 3)


def test_contents_without_a_speaker_are_a_warning():
    named, plain = make_corpus((GO, ADA)), make_corpus((GO, None))
    expected = "speakers: no attribution of {} has a source_name or the attribute 'speaker'"
    assert expected.format("gold or of the prediction") in score(plain, plain, METRICS).warnings
    assert expected.format("the prediction") in score(named, plain, METRICS).warnings
    assert not any("source_name" in each for each in score(named, named, METRICS).warnings)


def test_a_predicted_duplicate_counts_once_and_gold_with_one_is_refused():
    gold, predicted = make_corpus((GO, ADA)), make_corpus((GO, ADA), (GO, ADA))
    assert micro(score(gold, predicted, METRICS)) == [(1, 1, 1), (1, 1, 1)]
    with pytest.raises(LoadError, match="duplicate of attributions"):
        score(predicted, gold, METRICS)


def test_corpora_that_differ_in_the_speaker_have_other_digests():
    digests = {
        score(make_corpus((NO, name)), make_corpus((NO, ADA)), "speakers")[
            "speakers/strict"
        ].signature_fields["corpus"]
        for name in (ADA, SHE)
    }
    assert len(digests) == 2


def test_pairs_agree_with_the_counts():
    gold, predicted = random_corpora(9, 60)
    scores = score(gold, predicted, METRICS, boot=0)
    for metric, (tp, found, of_gold) in zip(METRICS, micro(scores), strict=True):
        kinds = [pair.kind for pair in scores.pairs(metric)]
        wrong = kinds.count("incorrect")
        assert kinds.count("correct") == tp
        assert tp + wrong + kinds.count("missing") == of_gold
        assert tp + wrong + kinds.count("spurious") == found


def test_what_does_not_fit_is_refused():
    side = make_corpus((GO, ADA))
    with pytest.raises(InputError, match="offers no exact"):
        score(side, side, "speakers/exact")
    with pytest.raises(InputError, match="errors of speakers are not analyzed"):
        score(side, side, "speakers").errors("speakers")
    with pytest.raises(InputError, match="surfaces and speakers only"):
        score(side, side, "attributions/strict", normalization="squad")
    with pytest.raises(InputError, match="compares offsets"):
        score(side, side, "speakers", match_texts=False)


def test_sentences_are_units_on_request():
    side = make_corpus((GO, ADA), (NO, SHE))
    assert micro(score(side, side, METRICS, units="sentences")) == [(2, 2, 2)] * 2


def test_the_command_line_scores_speakers(tmp_path):
    make_corpus((GO, ADA)).save(tmp_path / "gold.jsonl")
    make_corpus((GO, SHE)).save(tmp_path / "predicted.jsonl")
    sides = [str(tmp_path / f"{name}.jsonl") for name in ("gold", "predicted")]
    options = ["--metrics", "speakers", "--normalization", "casefold", "--format", "json"]
    data = json.loads(run_evalkit("score", *sides, *options).stdout)
    assert data["accuracy"] == {"speakers/strict": {"correct": 0, "pairs": 1}}
    assert data["signature"]["speakers/strict"]["normalization"] == "casefold"
