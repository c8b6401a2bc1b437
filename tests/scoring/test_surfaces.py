"""Surfaces: the published examples, and equality with plain loops on random documents."""

import json
import random

import pytest
from helpers.cli import run_evalkit
from helpers.surfaces import count_strings, random_corpora

from evalkit import Corpus, Document, Entity, InputError, Unplaced, Zone, compare, score
from evalkit.evaluation.verify import find_differences

TEXT = "Mary met Mary in Paris. Paris was wet."
GOLD = [
    Entity("PER", 0, 4),
    Entity("PER", 9, 13),
    Entity("LOC", 17, 22),
    Entity("LOC", 24, 29),
]
METRICS = ["surfaces/strict", "surfaces/multiset"]


def make_corpus(entities, *, text=TEXT, quotes=(), **fields):
    """A corpus of one document; quotes: (label, string) of entities without offsets."""
    unplaced = [Unplaced("entities", label, "not found", quote) for label, quote in quotes]
    return Corpus([Document("d", text, entities, unplaced=unplaced, **fields)])


def counts_of(row):
    return row.tp, row.predicted, row.gold


def test_one_prediction_has_three_scores():
    predicted = make_corpus([GOLD[0], GOLD[2]], quotes=[("LOC", "Berlin")])

    scores = score(make_corpus(GOLD), predicted, ["entities/strict", *METRICS])

    assert counts_of(scores["entities/strict"].micro) == (2, 3, 4)
    assert counts_of(scores["surfaces/strict"].micro) == (2, 3, 2)
    assert round(scores["surfaces/strict"].micro.precision, 6) == 0.666667
    assert scores["surfaces/strict"].micro.recall == 1
    assert scores["surfaces/strict"].micro.f1 == pytest.approx(0.8)
    assert counts_of(scores["surfaces/multiset"].micro) == (2, 3, 4)
    assert "without offsets: repeated mentions count once" in scores.render()


def test_a_quote_matches_the_string_of_an_entity():
    predicted = make_corpus([], quotes=[("PER", "Mary"), ("LOC", "Mary"), ("LOC", "Paris")])

    scores = score(make_corpus(GOLD), predicted, ["entities/strict", *METRICS])

    assert counts_of(scores["entities/strict"].micro) == (0, 3, 4)
    assert counts_of(scores["surfaces/strict"].micro) == (2, 3, 2)
    kinds = {pair.kind for pair in scores.pairs("surfaces/strict")}
    assert kinds == {"correct", "spurious"}


@pytest.mark.parametrize(
    ("normalization", "gold", "quote", "matches"),
    [
        ("verbatim", "Bank", "bank", False),
        ("verbatim", "the  Bank", "the Bank", False),
        ("casefold", "the  Bank", "The bank", True),
        ("folded", "Straße", "STRASSE", True),
        ("casefold", "U.S.", "US", False),
        ("squad", "the U.S.", "us", True),
        ("squad", "A Bank", "bank", True),
        ("squad", "theatre", "atre", False),
        ("squad", "“Bank”", "Bank", False),
    ],
)
def test_normalization_decides_which_strings_are_equal(normalization, gold, quote, matches):
    side = make_corpus([Entity("X", 0, len(gold))], text=gold)
    predicted = make_corpus([], text=gold, quotes=[("X", quote)])

    scores = score(side, predicted, "surfaces", normalization=normalization)

    assert scores["surfaces/strict"].micro.tp == int(matches)
    known = "casefold" if normalization == "folded" else normalization
    assert f"|normalization:{known}|" in scores["surfaces/strict"].signature


def test_strings_that_are_empty_after_normalization_are_no_items_and_are_counted():
    text = "The ... end"
    gold = make_corpus([Entity("X", 0, 3), Entity("X", 4, 7), Entity("X", 8, 11)], text=text)
    predicted = make_corpus([Entity("X", 8, 11)], text=text, quotes=[("X", "!"), ("X", "")])

    scores = score(gold, predicted, "surfaces", normalization="squad")

    assert counts_of(scores["surfaces/strict"].micro) == (1, 1, 1)
    report = scores.render()
    assert "gold items whose string is empty after normalization: 2" in report
    assert "predicted items whose string is empty after normalization: 2" in report


def test_an_entity_without_offsets_and_quote_is_wrong():
    predicted = make_corpus(GOLD, quotes=[("PER", None)])

    scores = score(make_corpus(GOLD), predicted, METRICS)

    assert counts_of(scores["surfaces/strict"].micro) == (2, 3, 2)
    assert counts_of(scores["surfaces/multiset"].micro) == (4, 5, 4)


def test_the_fragments_of_a_discontinuous_span_are_joined_by_a_space():
    gold = make_corpus([Entity("X", 0, 22, fragments=((0, 4), (17, 22)))])
    predicted = make_corpus([], quotes=[("X", "Mary Paris")])

    assert score(gold, predicted, "surfaces")["surfaces/strict"].micro.f1 == 1


def test_a_string_that_gold_has_only_outside_the_scored_zones_is_set_aside():
    text = "Ada Bo. Bo met Cy."
    zones = (Zone("byline", 0, 7), Zone("body", 7, 18))
    gold = [Entity("P", 0, 3), Entity("P", 4, 6), Entity("P", 8, 10), Entity("P", 15, 17)]
    quotes = [("P", "Ada"), ("Q", "Ada"), ("P", "Bo"), ("P", "Di")]

    scores = score(
        make_corpus(gold, text=text, zones=zones),
        make_corpus([], text=text, quotes=quotes),
        "surfaces",
        zones=["body"],
    )

    assert counts_of(scores["surfaces/strict"].micro) == (1, 2, 2)
    assert "predicted items outside the scored zones: 2" in scores.render()


@pytest.mark.parametrize("zones", [False, True])
@pytest.mark.parametrize("normalization", ["verbatim", "casefold", "squad"])
@pytest.mark.parametrize("documents", [300, pytest.param(10_000, marks=pytest.mark.slow)], ids=str)
def test_random_documents_score_as_in_plain_loops(documents, normalization, zones):
    gold, predicted = random_corpora(documents, documents, zones=zones)

    scores = score(gold, predicted, METRICS, boot=0, normalization=normalization)

    for metric in METRICS:
        by_document = dict(scores[metric].by_document())
        for mine, theirs in zip(gold, predicted):
            repeats = metric.endswith("multiset")
            expected = count_strings(mine, theirs, normalization, repeats=repeats)
            row = by_document.get(mine.id)
            assert expected == ((0, 0, 0) if row is None else counts_of(row)), (metric, mine.id)


def test_sides_can_be_exchanged():
    gold, predicted = random_corpora(6, 200)
    predicted = Corpus(
        [Document(d.id, d.text, list(dict.fromkeys(d.entities))) for d in predicted],
        schema=gold.schema,
    )
    forward, back = score(gold, predicted, METRICS), score(predicted, gold, METRICS)

    for metric in METRICS:
        row, other = forward[metric].micro, back[metric].micro
        assert (row.precision, row.recall) == (other.recall, other.precision)


@pytest.mark.slow
@pytest.mark.parametrize("zones", [False, True])
def test_files_shards_orders_and_batches_give_the_same_numbers(tmp_path, zones):
    gold, predicted = random_corpora(5, 150, zones=zones)
    predicted = Corpus(list(predicted), schema=gold.schema, name="predicted")
    options = {"metrics": METRICS, "normalization": "squad"}
    gold.save(tmp_path / "gold.jsonl")
    predicted.save(tmp_path / "predicted.jsonl")
    whole = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", **options)
    assert whole.rows() == score(gold, predicted, **options).rows()
    for side, corpus in (("gold", gold), ("predicted", predicted)):
        (tmp_path / side).mkdir()
        for n in range(3):
            part = Corpus(list(corpus)[n::3], schema=corpus.schema)
            part.save(tmp_path / side / f"{n}.jsonl")
    draw = random.Random(1)
    shuffled = []
    for document in predicted:
        entities, unplaced = list(document.entities), list(document.unplaced)
        draw.shuffle(entities)
        draw.shuffle(unplaced)
        shuffled.append(
            Document(document.id, document.text, entities, zones=document.zones, unplaced=unplaced)
        )
    draw.shuffle(shuffled)
    shuffled = Corpus(shuffled, schema=gold.schema, name="predicted")

    assert score(tmp_path / "gold", tmp_path / "predicted", **options).rows() == whole.rows()
    assert score(gold, shuffled, **options).rows() == whole.rows()
    for metric in METRICS:
        by_zone = dict(whole[metric].by_zone())
        other = dict(score(gold, shuffled, **options)[metric].by_zone())
        assert {zone: counts_of(row) for zone, row in by_zone.items()} == {
            zone: counts_of(row) for zone, row in other.items()
        }
    two = score(tmp_path / "gold.jsonl", tmp_path / "predicted.jsonl", **options, jobs=2)
    assert two.to_json() == whole.to_json()


def test_documents_in_several_blocks_score_as_in_one():
    gold, predicted = random_corpora(7, 1500)

    scores = score(gold, predicted, METRICS, boot=0)

    for metric in METRICS:
        expected = [0, 0, 0]
        for mine, theirs in zip(gold, predicted):
            repeats = metric.endswith("multiset")
            counts = count_strings(mine, theirs, "verbatim", repeats=repeats)
            expected = [sum(each) for each in zip(expected, counts)]
        assert list(counts_of(scores[metric].micro)) == expected


def test_label_maps_rename_and_drop_strings():
    predicted = make_corpus([Entity("person", 0, 4)], quotes=[("place", "Paris"), ("PER", "Mary")])

    scores = score(
        make_corpus(GOLD), predicted, METRICS, label_map=({}, {"person": "PER", "place": None})
    )

    assert counts_of(scores["surfaces/strict"].micro) == (1, 1, 2)
    assert counts_of(scores["surfaces/multiset"].micro) == (2, 2, 4)


def test_a_saved_result_keeps_the_normalization(tmp_path):
    gold, predicted = random_corpora(8, 30)
    scores = score(gold, predicted, "surfaces", normalization="squad")
    scores.save(tmp_path / "result.json")

    options = json.loads((tmp_path / "result.json").read_text())["options"]

    assert options["normalization"] == "squad"
    assert not find_differences(tmp_path / "result.json", gold, predicted)


def test_scores_with_other_normalizations_cannot_be_compared():
    gold, predicted = random_corpora(9, 30)
    one = score(gold, predicted, "surfaces", normalization="squad")
    other = score(gold, predicted, "surfaces")

    with pytest.raises(InputError, match="normalization"):
        compare(a=one, b=other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": "sentences"}, "surfaces/strict compares strings"),
        ({"normalization": "lower"}, "unknown value 'lower'"),
        ({"normalization": ["squad"]}, "unknown value"),
        ({"metrics": "entities", "normalization": "squad"}, "add surfaces/strict"),
        ({"metrics": "surfaces/exact"}, "surfaces offers no exact"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        score(make_corpus(GOLD), make_corpus(GOLD), **{"metrics": "surfaces", **options})


def test_the_command_line_has_the_option(tmp_path):
    make_corpus(GOLD).save(tmp_path / "gold.jsonl")
    make_corpus([], quotes=[("PER", "MARY")]).save(tmp_path / "predicted.jsonl")
    arguments = [str(tmp_path / "gold.jsonl"), str(tmp_path / "predicted.jsonl")]

    folded = run_evalkit(
        "score", *arguments, "--metrics", "surfaces", "--normalization", "casefold"
    )
    refused = run_evalkit("score", *arguments, "--metrics", "surfaces", "--units", "sentences")

    assert "normalization:casefold" in folded.stdout
    assert refused.returncode == 2
    assert "expected --units documents" in refused.stderr
