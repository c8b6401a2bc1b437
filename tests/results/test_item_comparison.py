"""Which items only one of two systems has right, and what kinds of error contribute."""

import json
import random
from collections import Counter
from fractions import Fraction
from itertools import product
from math import fsum

import pytest
from helpers.cli import run_evalkit
from helpers.error_corpora import document_of
from helpers.error_reference import analyze, key, losses, random_component
from helpers.perturbed import perturbed
from helpers.random_documents import SCHEMA, make_gold, make_prediction

from evalkit import Corpus, Document, Entity, InputError, Unplaced, compare, score, score_spans
from evalkit.analysis.error_items import hash_surface
from evalkit.analysis.item_changes import compare_document

GOLD_KINDS = ("correct", "label", "boundary", "label+boundary", "missed")


def random_documents(n, seed):
    """(gold, predicted by a, predicted by b) of documents; the systems have much in common."""
    draw = random.Random(seed)
    documents = []
    for _ in range(n):
        gold, a = random_component(draw)
        b = [span for span in a if draw.random() < 0.7]
        for span in [*random_component(draw)[1], *gold]:
            if draw.random() < 0.4 and span not in b:
                b.append(span)
        documents.append((gold, a, b))
    return documents


def corpora_of(documents, order=None):
    """Gold and both systems as corpora, with the documents in an order."""
    sides = []
    for side, name in enumerate(("gold", "a", "b")):
        numbered = [document_of(f"d{n}", each[side]) for n, each in enumerate(documents)]
        sides.append(Corpus([numbered[n] for n in order or range(len(numbered))], name=name))
    return sides


def compare_documents(documents, **options):
    gold, a, b = corpora_of(documents)
    return compare(a=a, b=b, gold=gold, metrics="ner", **options)


def reference_changes(gold, a, b):
    """The kinds of each gold item, and the status of each wrong prediction without a gold item, of
    one document, from the reference.
    """
    analyses = [analyze(gold, predicted) for predicted in (a, b)]
    kinds = [
        {item.gold: item.kind for item in analysis.items if item.gold is not None}
        for analysis in analyses
    ]
    pairs = Counter((kinds[0][n], kinds[1][n]) for n in range(len(gold)))
    single, wrong = [], []
    for analysis in analyses:
        items = [item for item in analysis.items if item.predicted is not None]
        wrong_keys = {key(analysis.predicted[i.predicted]) for i in items if i.kind != "correct"}
        wrong.append(wrong_keys)
        single.append({key(analysis.predicted[i.predicted]) for i in items if i.gold is None})
    statuses = Counter(
        {
            "new": len(single[0] - wrong[1]),
            "gone": len(single[1] - wrong[0]),
            "in both": len((single[0] & wrong[1]) | (single[1] & wrong[0])),
        }
    )
    return pairs, statuses


def test_items_are_those_of_plain_loops():
    documents = random_documents(400, 1)
    pairs, statuses = Counter(), Counter()
    for document in documents:
        document_pairs, document_statuses = reference_changes(*document)
        pairs += document_pairs
        statuses += document_statuses

    (compared,) = compare_documents(documents).compare_items()

    right = [kind == "correct" for kind in GOLD_KINDS]
    expected = dict.fromkeys(("won", "lost", "both", "neither"), 0)
    for (kind_a, right_a), (kind_b, right_b) in product(zip(GOLD_KINDS, right), repeat=2):
        name = {(1, 0): "won", (0, 1): "lost", (1, 1): "both", (0, 0): "neither"}[right_a, right_b]
        expected[name] += pairs[kind_a, kind_b]
    assert dict(compared.kinds) == dict(pairs)
    assert dict(compared.statuses) == {**expected, **statuses}
    assert min(compared.statuses.values()) > 20


def test_kinds_contribute_their_loss_in_b_minus_their_loss_in_a():
    documents = random_documents(300, 2)
    comparison = compare_documents(documents)
    analyses = [[analyze(each[0], each[side]) for each in documents] for side in (1, 2)]
    counts = [Counter(item.kind for each in side for item in each.items) for side in analyses]
    loss_a, loss_b = losses(counts[0]), losses(counts[1])

    (split,) = comparison.by("kind").differences

    assert {part.part: part.exact for part in split.parts} == {
        kind: loss_b.get(kind, 0) - loss_a.get(kind, 0) for kind in {*loss_a, *loss_b}
    }
    assert {part.part: part.n_a for part in split.parts} == {
        part.part: counts[0][part.part] for part in split.parts
    }
    total = fsum(part.contribution for part in split.parts)
    assert total == pytest.approx(comparison.rows()[0]["difference"], abs=1e-15)


def test_kinds_of_several_runs_contribute_their_mean():
    documents = random_documents(60, 3)
    gold, a, b = corpora_of(documents)

    comparison = compare(a=[a, b, b], b=[b, a], gold=gold, metrics="ner")

    (split,) = comparison.by("kind").differences
    assert split.difference == pytest.approx(comparison.rows()[0]["difference"], abs=1e-15)
    (one,) = compare(a=a, b=b, gold=gold, metrics="ner").by("kind").differences
    # two thirds of b and one of a, minus one half of each
    expected = {part.part: part.exact * Fraction(-1, 6) for part in one.parts}
    assert {part.part: part.exact for part in split.parts} == expected


def test_swapping_the_systems_swaps_won_and_lost_and_negates_kinds():
    gold, a, b = corpora_of(random_documents(150, 4))
    one = compare(a=a, b=b, gold=gold, metrics="ner")
    other = compare(b=b, a=a, gold=gold, metrics="ner")

    (items,), (swapped,) = one.compare_items(), other.compare_items()

    names = {"won": "lost", "lost": "won", "new": "gone", "gone": "new"}
    assert {names.get(k, k): n for k, n in items.statuses.items()} == swapped.statuses
    assert {(b, a): n for (a, b), n in items.kinds.items()} == swapped.kinds
    assert items.p == swapped.p
    kinds = {row["part"]: row["contribution"] for row in one.by("kind").rows()}
    assert {row["part"]: -row["contribution"] for row in other.by("kind").rows()} == kinds


def test_the_order_of_documents_does_not_matter():
    documents = random_documents(80, 5)
    order = list(range(80))
    random.Random(1).shuffle(order)
    gold, a, b = corpora_of(documents)
    other_gold, other_a, other_b = corpora_of(documents, order)
    expected = compare(a=a, b=b, gold=gold, metrics="ner")

    # The second system is scored on the documents in another order than the first.
    mixed = compare(a=score(gold, a, "ner"), b=score(other_gold, other_b, "ner"))
    shuffled = compare(a=other_a, b=other_b, gold=other_gold, metrics="ner")

    assert mixed.items() == expected.items()
    assert mixed.compare_items() == expected.compare_items()
    assert shuffled.compare_items() == expected.compare_items()
    in_order = sorted(shuffled.items(), key=lambda change: int(change.document[1:]))
    assert in_order == expected.items()


def test_rows_and_columns_of_the_matrix_are_the_kinds_of_each_system():
    gold, a, b = corpora_of(random_documents(100, 6))
    scores_a, scores_b = score(gold, a, "ner"), score(gold, b, "ner")

    (items,) = compare(a=scores_a, b=scores_b).compare_items()

    for position, scores in enumerate((scores_a, scores_b)):
        counts = scores.errors().counts
        for kind in GOLD_KINDS:
            n = sum(n for kinds, n in items.kinds.items() if kinds[position] == kind)
            assert n == counts[kind]
    assert items.statuses["won"] - items.statuses["lost"] == (
        scores_a["ner"].micro.tp - scores_b["ner"].micro.tp
    )


def test_won_against_lost_is_a_sign_flip_over_documents():
    documents = random_documents(12, 7)
    (items,) = compare_documents(documents).compare_items()
    differences = []
    for gold, a, b in documents:
        right = [{key for key in side if key in gold} for side in (map(tuple, a), map(tuple, b))]
        differences.append(len(right[0]) - len(right[1]))
    observed = abs(sum(differences))

    flips = [
        abs(sum(sign * d for sign, d in zip(signs, differences, strict=True))) >= observed
        for signs in product((1, -1), repeat=len(differences))
    ]

    assert items.exact
    assert items.p == pytest.approx(sum(flips) / len(flips))
    assert items.differing_units == sum(d != 0 for d in differences)


def entity_documents(*sides):
    """A corpus of one document for each side."""
    text = "Ada met Bo in Rome, and Cy in Bonn."
    corpora = []
    for name, entities in zip(("gold", "a", "b"), sides, strict=True):
        document = Document("d", text, [Entity(*entity) for entity in entities])
        corpora.append(Corpus([document], name=name))
    return corpora


def test_a_change_has_the_outcome_of_both_systems_and_its_context():
    gold, a, b = entity_documents(
        [("PER", 0, 3), ("PER", 8, 10), ("LOC", 14, 18)],
        [("PER", 0, 3), ("PER", 8, 10), ("PER", 30, 34)],
        [("ORG", 0, 3), ("PER", 4, 10), ("LOC", 14, 18)],
    )

    changes = compare(a=a, b=b, gold=gold, metrics="ner").items()

    assert [
        (each.status, each.item.text, each.a.kind, each.b.kind, each.a.predicted is None)
        for each in changes
    ] == [
        ("won", "Ada", "correct", "label", False),
        ("won", "Bo", "correct", "boundary", False),
        ("lost", "Rome", "missed", "correct", True),
        ("new", "Bonn", "spurious", None, False),
    ]
    assert changes[1].b.detail == "too long"
    assert changes[1].to_json() == {
        "document": "d",
        "layer": "entities",
        "status": "won",
        "side": "gold",
        "label": "PER",
        "start": 8,
        "end": 10,
        "fragments": [],
        "surface": "Bo",
        "kind_a": "correct",
        "detail_a": None,
        "predicted_a": {
            "label": "PER",
            "start": 8,
            "end": 10,
            "fragments": [],
            "surface": "Bo",
            "score": None,
        },
        "kind_b": "boundary",
        "detail_b": "too long",
        "predicted_b": {
            "label": "PER",
            "start": 4,
            "end": 10,
            "fragments": [],
            "surface": "met Bo",
            "score": None,
        },
        "context": "Ada met Bo in Rome, and Cy in Bonn.",
        "context_start": 0,
        "sentence": 0,
        "zone": None,
    }
    without_text = changes[1].to_json(no_text=True)
    assert "Bo" not in json.dumps(without_text)


def test_a_wrong_prediction_that_is_paired_in_the_other_system_is_in_both():
    gold, a, b = entity_documents(
        [("PER", 0, 10)],
        [("PER", 0, 3), ("PER", 0, 10)],  # "Ada" is spurious beside the right one
        [("PER", 0, 3)],  # "Ada" is too short
    )

    changes = compare(a=a, b=b, gold=gold, metrics="ner").items()

    assert [(each.status, each.a.kind, each.b.kind) for each in changes] == [
        ("in both", "spurious", "boundary"),
        ("won", "correct", "boundary"),
    ]


def test_duplicates_and_unplaced_predictions_are_compared():
    text = "Ada met Bo."
    gold = Corpus([Document("d", text, [Entity("PER", 0, 3)])], name="gold")
    unplaced = Unplaced("entities", "PER", "not in the text", "Eve")
    a = Document("d", text, [Entity("PER", 0, 3), Entity("PER", 0, 3)], unplaced=[unplaced])
    b = Document("d", text, [Entity("PER", 0, 3)], unplaced=[unplaced, unplaced])
    systems = {"a": Corpus([a], name="a"), "b": Corpus([b], name="b")}

    comparison = compare(**systems, gold=gold, metrics="ner")

    assert sorted((each.status, each.a.kind, each.b.kind) for each in comparison.items()) == [
        ("gone", None, "unplaced"),
        ("in both", "unplaced", "unplaced"),
        ("new", "duplicate", None),
    ]
    (items,) = comparison.compare_items()
    assert items.statuses == {
        "won": 0,
        "lost": 0,
        "both": 1,
        "neither": 0,
        "new": 1,
        "gone": 1,
        "in both": 1,
    }


def test_gold_items_that_a_label_map_makes_equal_are_counted_one_by_one():
    gold, a, b = entity_documents(
        [("PER", 0, 3), ("ORG", 0, 3)],
        [("PER", 0, 3)],
        [("PER", 0, 3), ("ORG", 0, 3)],
    )
    label_map = {"PER": "X", "ORG": "X"}

    comparison = compare(a=a, b=b, gold=gold, metrics="ner", options={"label_map": label_map})

    scores = comparison.systems
    (items,) = comparison.compare_items()
    assert items.statuses["won"] - items.statuses["lost"] == (
        scores["a"]["ner"].micro.tp - scores["b"]["ner"].micro.tp
    )
    assert sum(items.statuses[name] for name in ("won", "lost", "both", "neither")) == (
        scores["a"]["ner"].micro.gold
    )


def test_kinds_and_items_fit_the_counts_in_all_layers():
    layers = ("entities", "triggers", "arguments", "realis", "attributions", "tokens")
    layers += ("attached-arguments", "attached-attributions")
    draw = random.Random(1)
    gold = [make_gold(draw, f"d{n}") for n in range(60)]
    a, b = ([make_prediction(draw, document) for document in gold] for _ in range(2))
    corpora = [Corpus(side, name="corpus", schema=SCHEMA) for side in (gold, a, b)]
    metrics = ",".join(f"{layer}/strict" for layer in layers)

    comparison = compare(a=corpora[1], b=corpora[2], gold=corpora[0], metrics=metrics)

    splits, items = comparison.by("kind").differences, comparison.compare_items()
    assert [each.layer for each in items] == list(layers)
    for split, row, compared in zip(splits, comparison.rows(), items, strict=True):
        assert split.difference == pytest.approx(row["difference"], abs=1e-15)
        a, b = (scores[row["metric"]].micro for scores in comparison.systems.values())
        statuses = compared.statuses
        assert statuses["won"] + statuses["both"] == a.tp
        assert statuses["lost"] + statuses["both"] == b.tp
        assert sum(compared.kinds.values()) == a.gold


def test_a_document_without_errors_has_no_changes():
    assert compare_document([], []) == []


def test_a_single_document_is_tested_over_its_sentences():
    gold, a = perturbed(1, 3, sentences=40)

    (items,) = compare(a=a, b=gold, gold=gold, metrics="ner").compare_items()

    assert items.unit == "sentence"
    assert items.differing_units > 10
    assert items.p < 0.01


def test_bare_spans_are_compared_without_text():
    gold = [[(0, 2, "A"), (4, 6, "B")]]
    a = score_spans(gold, [[(0, 2, "A")]], boot=0)
    b = score_spans(gold, [[(4, 6, "B")]], boot=0)

    changes = compare(a=a, b=b).items()

    assert [(each.status, each.context) for each in changes] == [("won", None), ("lost", None)]


def test_kinds_and_items_of_saved_results_and_other_metrics_are_refused(tmp_path):
    gold, a, b = corpora_of(random_documents(5, 1))
    score(gold, a, "ner").save(tmp_path / "a.json")
    score(gold, b, "ner").save(tmp_path / "b.json")

    saved = compare(a=tmp_path / "a.json", b=tmp_path / "b.json")
    exact = compare(a=a, b=b, gold=gold, metrics="entities/exact")
    runs = compare(a=[a, a], b=b, gold=gold, metrics="ner")

    with pytest.raises(InputError, match="a: .*only counts.*give predictions, and gold="):
        saved.items()
    with pytest.raises(InputError, match="entities/exact: errors have kinds under strict"):
        exact.by("kind")
    with pytest.raises(InputError, match="a: items are compared between single runs"):
        runs.items()
    with pytest.raises(InputError, match="macro F1 is a mean over labels"):
        compare(a=a, b=b, gold=gold, metrics="ner", average="macro").by("kind")


def test_results_that_were_saved_with_their_errors_have_contributions_of_kinds(tmp_path):
    gold, a, b = corpora_of(random_documents(30, 1))
    scores = {"a": score(gold, a, "ner"), "b": score(gold, b, "ner")}
    for name, each in scores.items():
        each.errors()
        each.save(tmp_path / f"{name}.json")

    saved = compare(a=tmp_path / "a.json", b=tmp_path / "b.json")

    assert saved.by("kind").rows() == compare(**scores).by("kind").rows()
    assert "Contributions by kind" in saved.to_html()
    with pytest.raises(InputError, match="a: errors of entities need the documents"):
        saved.items()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("items")
    gold, a = perturbed(1100, 3, sentences=1)  # more than a block
    _, b = perturbed(1100, 5, sentences=1)
    draw = random.Random(2)
    shared = []
    for one, other in zip(a, b, strict=True):
        entities = [e for e in one.entities if draw.random() < 0.8] or other.entities
        shared.append(Document(one.id, one.text, entities))
    gold.save(folder / "gold.jsonl")
    a.save(folder / "a.jsonl")
    Corpus(shared, name="b").save(folder / "b.jsonl")
    return folder


def test_the_command_saves_items_of_streamed_files(files):
    arguments = ("compare", "a.jsonl", "b.jsonl", "--gold", "gold.jsonl", "--by", "kind")

    done = run_evalkit(*arguments, "--save-items", "items.jsonl", "--format", "json", cwd=files)

    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (files / "items.jsonl").read_text().splitlines()]
    paths = {name: files / f"{name}.jsonl" for name in ("a", "b")}
    comparison = compare(**paths, gold=files / "gold.jsonl", metrics="ner")
    assert [{k: v for k, v in line.items() if k not in "ab"} for line in lines] == [
        change.to_json() for change in comparison.items()
    ]
    assert {(line["a"], line["b"]) for line in lines} == {("a", "b")}
    (items,) = json.loads(done.stdout)["items"]
    statuses = Counter(line["status"] for line in lines)
    assert statuses["won"] == items["won"] > 50
    assert statuses["gone"] == items["gone"]


def test_without_text_the_items_and_the_page_have_no_text(files):
    arguments = ("compare", "a.jsonl", "b.jsonl", "--gold", "gold.jsonl", "--no-text")

    done = run_evalkit(
        *arguments, "--save-items", "hashes.jsonl", "--report", "hashes.html", cwd=files
    )

    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (files / "hashes.jsonl").read_text().splitlines()]
    comparison = compare(
        a=files / "a.jsonl", b=files / "b.jsonl", gold=files / "gold.jsonl", metrics="ner"
    )
    for line, change in zip(lines, comparison.items(), strict=True):
        assert line["surface"] is None
        assert line["context"] is None
        assert line["surface_hash"] == hash_surface(change.item.text)
    page = (files / "hashes.html").read_text(encoding="utf-8")
    assert "This page contains no text of the corpus." in page


def test_the_command_prints_the_matrix_and_the_test(files):
    done = run_evalkit(
        *("compare", "a.jsonl", "b.jsonl", "--gold", "gold.jsonl", "--by", "kind"), cwd=files
    )

    assert done.returncode == 0, done.stderr
    assert "Contributions by kind, entities/strict: a – b" in done.stdout
    assert "Gold items by kind, entities/strict: a (rows) and b (columns)" in done.stdout
    assert "won against lost: p" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--by", "items"), "--by items: items are saved with --save-items FILE"),
        (("--by", "kinds"), "did you mean 'kind'?"),
        (("--save-items", "gold.jsonl"), "--save-items gold.jsonl: the command reads or writes"),
        (("--save-items", "it.csv"), "--save-items it.csv: expected a name that ends in .jsonl"),
    ],
)
def test_other_requests_are_refused(files, arguments, message):
    done = run_evalkit(
        "compare", "a.jsonl", "b.jsonl", "--gold", "gold.jsonl", *arguments, cwd=files
    )

    assert done.returncode == 2
    assert message in done.stderr
