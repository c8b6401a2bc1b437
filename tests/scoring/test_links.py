"""The layer of links: the worked example, and equality with plain loops on random documents."""

import itertools
import json
import random

import pytest
from helpers.cli import run_evalkit
from helpers.links import SCHEMES, TEXT, count_by_plain_loops, random_corpora

from evalkit import Corpus, Document, Entity, InputError, Scores, compare, load_corpus, score
from evalkit.errors import UnknownNameError
from evalkit.evaluation import document_counter
from evalkit.evaluation.verify import find_differences

METRICS = [f"links/{scheme}" for scheme in SCHEMES]
NIL_POLICIES = ("string", "one")
LETTER = "Ada Lovelace wrote to Charles Babbage of the Royal Society of London in 1843."


def make_corpus(*links, name="corpus", text=LETTER):
    """A corpus of one document, with an entity for each (start, end, link)."""
    entities = [Entity("X", start, end, attributes={"link": link}) for start, end, link in links]
    return Corpus([Document("letter", text, entities)], name=name)


GOLD = make_corpus((0, 12, "Q7259"), (22, 37, "Q46633"), (45, 68, "Q123885"), (72, 76, "NIL1"))
PREDICTED = make_corpus((0, 12, "Q7259"), (22, 37, "Q999"), (45, 58, "Q123885"), (72, 76, "NIL7"))


def micro(scores, metric):
    row = scores[metric].micro
    return row.tp, row.predicted, row.gold


@pytest.mark.parametrize(
    ("nil", "expected"),
    [
        ("string", {"strict": (1, 4, 4), "type": (2, 4, 4), "mention-free": (2, 4, 4)}),
        ("one", {"strict": (2, 4, 4), "type": (3, 4, 4), "mention-free": (3, 4, 4)}),
    ],
)
def test_the_worked_example(nil, expected):
    scores = score(GOLD, PREDICTED, ["entities/exact", *METRICS], nil=nil)
    for scheme, counts in expected.items():
        assert micro(scores, f"links/{scheme}") == counts
    assert micro(scores, "links/in-kb") == (1, 3, 3)
    assert micro(scores, "entities/exact") == (3, 4, 4)
    assert "Set aside, gold links that are NIL: 1 (links/in-kb)" in str(scores)
    for metric in METRICS:
        assert scores[metric].signature_fields["nil"] == nil
    assert "nil" not in scores["entities/exact"].signature_fields


def test_the_label_of_an_entity_does_not_count():
    gold = Corpus([Document("d", TEXT, [Entity("A", 0, 3, attributes={"link": "Q1"})])])
    other = Corpus([Document("d", TEXT, [Entity("B", 0, 3, attributes={"link": "Q1"})])])
    scores = score(gold, other, METRICS)
    assert {micro(scores, metric) for metric in METRICS} == {(1, 1, 1)}
    assert not any("label in common" in warning for warning in scores.warnings)


@pytest.mark.parametrize(
    ("gold", "predicted", "string", "one"),
    [
        (None, None, 1, 1),
        (None, "NIL", 0, 1),
        ("NIL1", "NIL1", 1, 1),
        ("NIL1", "NIL2", 0, 1),
        ("NIL", "Q1", 0, 0),
        ("nil", "NIL", 0, 0),
        ("Q1", "q1", 0, 0),
        ("", "", 1, 1),
        ("", None, 0, 0),
    ],
)
def test_the_policy_decides_which_nil_are_equal(gold, predicted, string, one):
    sides = make_corpus((0, 3, gold)), make_corpus((0, 3, predicted))
    for policy, tp in (("string", string), ("one", one)):
        assert micro(score(*sides, "links", nil=policy), "links/strict")[0] == tp


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("nil", NIL_POLICIES)
def test_counts_are_those_of_plain_loops(count, nil):
    gold, predicted = random_corpora(count, count)
    scores = score(gold, predicted, METRICS, nil=nil, boot=0)
    for scheme in SCHEMES:
        counts = micro(scores, f"links/{scheme}")
        assert counts == count_by_plain_loops(gold, predicted, scheme, nil)
        assert 0 < counts[0] < min(counts[1:])


@pytest.mark.parametrize("nil", NIL_POLICIES)
def test_items_outside_the_scored_zones_do_not_count(nil):
    gold, predicted = random_corpora(3, 200, zones=True)
    scores = score(gold, predicted, METRICS, nil=nil, boot=0)
    for scheme in SCHEMES:
        counts = micro(scores, f"links/{scheme}")
        assert counts == count_by_plain_loops(gold, predicted, scheme, nil, zones=True)
    assert scores["links/strict"].counts.set_aside["gold_outside_zones"]


@pytest.mark.parametrize("nil", NIL_POLICIES)
def test_swapped_sides_swap_precision_and_recall(nil):
    gold, predicted = random_corpora(4, 200, distinct=True)
    one, other = (
        score(*sides, METRICS, nil=nil) for sides in ((gold, predicted), (predicted, gold))
    )
    for metric in METRICS:
        tp, n_predicted, n_gold = micro(one, metric)
        assert micro(other, metric) == (tp, n_gold, n_predicted)
        itself = micro(score(gold, gold, METRICS, nil=nil, boot=0), metric)
        assert len(set(itself)) == 1


def test_order_files_blocks_workers_and_shards_change_no_number(tmp_path, monkeypatch):
    gold, predicted = random_corpora(5, 70)
    expected = score(gold, predicted, METRICS, boot=0)
    counts = [micro(expected, metric) for metric in METRICS]
    draw = random.Random(1)
    shuffled = [
        Document(each.id, each.text, draw.sample(each.entities, len(each.entities)))
        for each in predicted.documents
    ]
    draw.shuffle(shuffled)
    results = [score(gold, Corpus(shuffled), METRICS, boot=0)]
    for folder in ("gold", "predicted", "whole"):
        (tmp_path / folder).mkdir()
    for name, corpus in (("gold", gold), ("predicted", predicted)):
        Corpus(corpus.documents).save(tmp_path / "whole" / f"{name}.jsonl")
        for number, start in enumerate(range(0, 70, 30)):
            part = Corpus(corpus.documents[start : start + 30])
            part.save(tmp_path / name / f"{number}.jsonl")
    whole = [str(tmp_path / "whole" / f"{name}.jsonl") for name in ("gold", "predicted")]
    results += [score(*whole, METRICS, boot=0), score(*whole, METRICS, boot=0, jobs=2)]
    shards = [str(tmp_path / name / "*.jsonl") for name in ("gold", "predicted")]
    results.append(score(*shards, METRICS, boot=0))
    loaded = load_corpus(whole[0]), load_corpus(whole[1], predictions=True)
    results.append(score(*loaded, METRICS, boot=0))
    monkeypatch.setattr(document_counter, "BLOCK_DOCUMENTS", 7)
    results.append(score(*whole, METRICS, boot=0))
    for result in results:
        assert [micro(result, metric) for metric in METRICS] == counts
    digests = {
        result["links/strict"].signature_fields["corpus"].partition("@")[2]
        for result in results[1:]  # gold in memory has a schema
    }
    assert len(digests) == 1


def test_results_are_saved_merged_and_verified(tmp_path):
    gold, predicted = random_corpora(6, 40)
    for name, corpus in (("gold", gold), ("predicted", predicted)):
        Corpus(corpus.documents).save(tmp_path / f"{name}.jsonl")
    sides = [str(tmp_path / f"{name}.jsonl") for name in ("gold", "predicted")]
    whole = score(*sides, METRICS, nil="one")
    whole.save(tmp_path / "result.json")
    loaded = Scores.load(tmp_path / "result.json")
    assert [loaded[metric].micro for metric in METRICS] == [
        whole[metric].micro for metric in METRICS
    ]
    assert find_differences(tmp_path / "result.json", *sides) == []
    parts = [
        score(
            Corpus(gold.documents[part], name="gold"),
            Corpus(predicted.documents[part], name="predicted"),
            METRICS,
            nil="one",
        )
        for part in (slice(0, 13), slice(13, None))
    ]
    merged = Scores.merge(parts)
    assert [micro(merged, metric) for metric in METRICS] == [
        micro(whole, metric) for metric in METRICS
    ]
    first = Corpus(gold.documents[:13], name="gold")
    other = score(first, Corpus(predicted.documents[:13], name="predicted"), METRICS)
    with pytest.raises(InputError, match="nil"):
        Scores.merge([other, parts[1]])


def test_systems_are_compared_under_one_policy_only():
    gold, predicted = random_corpora(7, 40)
    one = compare(a=predicted, b=gold, gold=gold, metrics="links/strict", options={"nil": "one"})
    assert one.differences[0].f1_a < one.differences[0].f1_b == 1
    results = [score(gold, predicted, "links", nil=policy) for policy in NIL_POLICIES]
    with pytest.raises(InputError, match="nil"):
        compare(*results)


def test_corpora_that_differ_in_links_have_other_digests():
    other = make_corpus((0, 12, "Q1"))
    digests = {
        score(gold, other, "links")["links/strict"].signature_fields["corpus"]
        for gold in (make_corpus((0, 12, "Q7259")), make_corpus((0, 12, None)), other)
    }
    assert len(digests) == 3


def test_labels_and_label_maps_are_those_of_entities():
    gold, predicted = random_corpora(8, 100)
    kept = score(gold, predicted, METRICS, labels=["A"], boot=0)
    only_a = [
        Corpus(
            [
                Document(each.id, each.text, [e for e in each.entities if e.label == "A"])
                for each in corpus.documents
            ]
        )
        for corpus in (gold, predicted)
    ]
    expected = score(*only_a, METRICS, boot=0)
    for metric in METRICS:
        assert micro(kept, metric) == micro(expected, metric)
        assert kept[metric].labels == ("link",)
    assert kept["links/strict"].counts.set_aside["gold_dropped"]
    unused = score(gold, predicted, METRICS, label_map={"C": "D"}, boot=0).metadata.unused_labels
    assert unused == ["C"]


def test_a_predicted_duplicate_is_wrong_and_counts_once_among_ids():
    entities = [Entity("X", 0, 12, attributes={"link": "Q7259"})] * 2
    entities.append(Entity("Y", 0, 12, attributes={"link": "Q7259"}))  # no duplicate
    predicted = Corpus([Document("letter", LETTER, entities)])
    scores = score(GOLD, predicted, METRICS)
    assert micro(scores, "links/strict") == (1, 2, 4)
    assert scores["links/strict"].counts.set_aside["duplicate"] == 1
    assert scores["links/strict"].counts.set_aside["predicted_merged"] == 1
    assert micro(scores, "links/in-kb") == (1, 2, 3)
    assert micro(scores, "links/mention-free") == (1, 1, 4)


def test_pairs_agree_with_the_counts():
    gold, predicted = random_corpora(9, 60)
    scores = score(gold, predicted, METRICS, boot=0)
    for metric in METRICS:
        kinds = [pair.kind for pair in scores.pairs(metric)]
        tp, n_predicted, n_gold = micro(scores, metric)
        assert kinds.count("correct") == tp
        wrong = kinds.count("incorrect")
        assert tp + wrong + kinds.count("missing") == n_gold
        assert tp + wrong + kinds.count("spurious") + kinds.count("duplicate") == n_predicted


def test_links_that_no_entity_has_are_a_warning():
    plain = Corpus([Document("letter", LETTER, [Entity("X", 0, 3)])])
    expected = "links: no entity of {} has the attribute 'link'"
    assert expected.format("gold or of the prediction") in score(plain, plain, METRICS).warnings
    assert expected.format("the prediction") in score(GOLD, plain, METRICS).warnings
    assert not any("no entity" in each for each in score(GOLD, PREDICTED, METRICS).warnings)
    only_nil = make_corpus((0, 3, None))
    assert not any("no entity" in w for w in score(only_nil, only_nil, "links/in-kb").warnings)


@pytest.mark.parametrize("link", [7259, True, ["Q1"], 1.5])
def test_a_link_that_is_no_string_is_refused(link):
    with pytest.raises(InputError, match=r"'letter', entities\[1\].attributes: invalid link"):
        score(GOLD, make_corpus((0, 3, "Q1"), (4, 6, link)), "links")


def test_options_that_do_not_fit_are_refused():
    for metric in ("entities/strict", "entities:link/strict"):
        with pytest.raises(InputError, match='nil="one": applies to links only'):
            score(GOLD, GOLD, metric, nil="one")
    with pytest.raises(UnknownNameError, match="string, one"):
        score(GOLD, GOLD, "links", nil="cluster")
    with pytest.raises(InputError, match="mention-free compares strings"):
        score(GOLD, GOLD, "links/mention-free", units="sentences")
    with pytest.raises(InputError, match="such as links/in-kb"):
        score(GOLD, GOLD, "in-kb")
    with pytest.raises(InputError, match="offers no exact"):
        score(GOLD, GOLD, "links/exact")
    with pytest.raises(InputError, match="offers no in-kb"):
        score(GOLD, GOLD, "entities/in-kb")
    with pytest.raises(InputError, match="errors of links are not analyzed"):
        score(GOLD, PREDICTED, "links").errors("links")


def test_sentences_are_units_on_request():
    metrics = ["links/strict", "links/type", "links/in-kb"]
    scores = score(GOLD, PREDICTED, metrics, units="sentences")
    assert [micro(scores, metric)[0] for metric in metrics] == [1, 2, 1]


def test_the_command_line_takes_the_policy(tmp_path):
    for name, corpus in (("gold", GOLD), ("predicted", PREDICTED)):
        corpus.save(tmp_path / f"{name}.jsonl")
    sides = [str(tmp_path / f"{name}.jsonl") for name in ("gold", "predicted")]
    for nil, tp in (("string", 1), ("one", 2)):
        result = run_evalkit(
            "score", *sides, "--metrics", "links", "--nil", nil, "--format", "json"
        )
        rows = json.loads(result.stdout)["rows"]
        assert [row["tp"] for row in rows if row["average"] == "micro"] == [tp]
    refused = run_evalkit("score", *sides, "--metrics", "links", "--nil", "all")
    assert refused.returncode == 2
    assert "--nil" in refused.stderr


def test_a_discontinuous_entity_is_another_span():
    whole = make_corpus((0, 12, "Q7259"))
    entity = Entity("X", 0, 12, fragments=((0, 3), (4, 12)), attributes={"link": "Q7259"})
    broken = Corpus([Document("letter", LETTER, [entity])])
    scores = score(whole, broken, METRICS)
    tps = {metric: micro(scores, metric)[0] for metric in METRICS}
    assert tps == dict(zip(METRICS, (0, 1, 1, 0), strict=True))


def test_every_pair_of_schemes_and_policies_is_ordered():
    """The larger the set of pairs that a metric allows, the more are correct."""
    gold, predicted = random_corpora(10, 100)
    tps = {
        (scheme, nil): micro(score(gold, predicted, METRICS, nil=nil, boot=0), f"links/{scheme}")[0]
        for scheme, nil in itertools.product(SCHEMES, NIL_POLICIES)
    }
    for nil in NIL_POLICIES:
        assert tps["in-kb", nil] <= tps["strict", nil] <= tps["type", nil]
    assert tps["in-kb", "string"] == tps["in-kb", "one"]
    assert tps["strict", "string"] <= tps["strict", "one"]
