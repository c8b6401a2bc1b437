"""Error analysis of gold with alternatives, optional items and ignore regions."""

from itertools import product

import msgspec
import pytest
from helpers.lenient_gold import characters, forms_of, random_corpora

from evalkit import Corpus, Document, Entity, Span, Zone, compare, fix_errors, score
from evalkit.evaluation.pr_curves import curves

TEXT = "Ada Lovelace wrote to Charles Babbage of the Royal Society of London in 1843."
KINDS = ("label", "boundary", "label+boundary")


def one_document(entities, zones=()):
    return Corpus([Document("d", TEXT, entities, zones=zones)], "corpus")


def describe(analysis):
    """(kind, detail, surface of gold, predicted surface) of each error."""
    return [
        (
            item.kind,
            item.detail,
            item.gold and item.gold.text,
            item.predicted and item.predicted.text,
        )
        for item in analysis.items
    ]


def test_what_gold_accepts_is_no_error():
    gold = [
        Entity("PER", 0, 12, alternatives=[Span(4, 12)]),
        Entity("ORG", 45, 68, optional=True),
        Entity("DATE", 72, 76, optional=True),
    ]
    predicted = [Entity("PER", 4, 12), Entity("ORG", 45, 68), Entity("PER", 22, 37)]
    zones = [Zone("ignore", 20, 40)]
    analysis = score(one_document(gold, zones), one_document(predicted)).errors("entities")
    assert describe(analysis) == []
    counts = analysis.error_counts
    assert (counts.gold, counts.predicted, counts.correct) == (1, 1, 1)


def test_the_boundary_is_that_of_the_nearest_alternative():
    gold = [Entity("PER", 0, 37, alternatives=[Span(4, 12)])]
    for predicted, detail in (
        (Entity("PER", 0, 12), "too long"),
        (Entity("PER", 5, 12), "too short"),
        (Entity("PER", 2, 10), "shifted"),
        (Entity("PER", 0, 36), "too short"),  # nearer to the whole
    ):
        analysis = score(one_document(gold), one_document([predicted])).errors("entities")
        assert [(item.kind, item.detail) for item in analysis.items] == [("boundary", detail)]


def test_the_label_is_wrong_if_it_is_that_of_no_form():
    gold = [Entity("PER", 0, 12, alternatives=[Entity("WRITER", 4, 12)])]
    for predicted, expected in (
        (Entity("WRITER", 4, 12), []),
        (Entity("ORG", 4, 12), [("label", "")]),
        (Entity("WRITER", 0, 12), [("label", "")]),
        (Entity("ORG", 4, 11), [("label+boundary", "too short")]),
    ):
        analysis = score(one_document(gold), one_document([predicted])).errors("entities")
        assert [(item.kind, item.detail) for item in analysis.items] == expected


def compare_forms(forms, predicted):
    """((kind, distance, -shared characters), detail) of the form that fits best; None without."""
    best = None
    label, ranges = predicted.label, predicted.fragments or ((predicted.start, predicted.end),)
    for form in forms:
        one, other = characters(form.ranges), characters(ranges)
        shared = len(one & other)
        if not shared:
            continue
        distance = abs(form.ranges[0][0] - ranges[0][0]) + abs(form.ranges[-1][1] - ranges[-1][1])
        if form.ranges == ranges:
            kind, detail = "label", ""
        else:
            kind = "boundary" if form.label == label else "label+boundary"
            detail = "shifted"
            if one <= other:
                detail = "too long"
            elif other <= one:
                detail = "too short"
        order = ("", "too short", "too long", "shifted").index(detail)
        rank = (KINDS.index(kind), distance, -shared, order, detail)
        best = rank if best is None else min(rank, best)
    return best and (best[:3], best[4])


def best_vector(gold, predicted):
    """The greatest vector of any one-to-one pairing, by trying all."""
    best = (0, 0, 0, 0, 0)
    for partners in product([None, *range(len(predicted))], repeat=len(gold)):
        used = [m for m in partners if m is not None]
        if len(set(used)) < len(used):
            continue
        vector = [0, 0, 0, 0, 0]
        for forms, m in zip(gold, partners):
            if m is None:
                continue
            compared = compare_forms(forms, predicted[m])
            if compared is None:
                break
            (kind, distance, negative_shared), _ = compared
            vector[kind] += 1
            vector[3] -= negative_shared
            vector[4] -= distance
        else:
            best = max(best, tuple(vector))
    return best


@pytest.mark.parametrize("documents", [300, pytest.param(3_000, marks=pytest.mark.slow)], ids=str)
def test_pairs_equal_the_best_of_all_pairings(documents):
    gold, predicted = random_corpora(21, documents, plain=0.1)
    scores = score(gold, predicted, "entities/strict", boot=0)
    left = {document.id: ([], []) for document in gold}
    entities = {document.id: document.entities for document in gold}
    for pair in scores.pairs("entities/strict"):
        if pair.kind in ("incorrect", "missing") and pair.gold is not None:
            (entity,) = [
                each
                for each in entities[pair.document]
                if (each.label, each.start, each.end, each.fragments) == pair.gold[:4]
            ]
            left[pair.document][0].append(forms_of(entity))
        if pair.kind in ("incorrect", "spurious") and pair.predicted is not None:
            left[pair.document][1].append(pair.predicted)
    items = {document.id: [] for document in gold}
    for item in scores.errors("entities").items:
        items[item.document].append(item)
    for id, (remaining, predictions) in left.items():
        if len(remaining) * len(predictions) > 20:
            continue
        vector = [0, 0, 0, 0, 0]
        for item in items[id]:
            if item.kind not in KINDS:
                continue
            (entity,) = [
                each
                for each in entities[id]
                if (each.label, each.start, each.end, each.fragments) == item.gold[:4]
            ]
            (kind, distance, negative_shared), detail = compare_forms(
                forms_of(entity), item.predicted
            )
            assert (KINDS[kind], detail) == (item.kind, item.detail)
            vector[kind] += 1
            vector[3] -= negative_shared
            vector[4] -= distance
        assert tuple(vector) == best_vector(remaining, predictions)


def test_counts_are_those_of_strict():
    gold, predicted = random_corpora(22, 300, plain=0.3)
    scores = score(gold, predicted, "entities/strict")
    counts = scores.errors("entities").error_counts
    micro = scores["entities/strict"].micro
    assert (counts.gold, counts.predicted, counts.correct) == (
        micro.gold,
        micro.predicted,
        micro.tp,
    )
    for label in scores["entities/strict"].labels:
        row = scores["entities/strict"][label]
        assert counts.sum_where(lambda cell: not cell.is_predicted, label) == row.gold
        assert counts.sum_where(lambda cell: cell.is_predicted, label) == row.predicted


def test_plain_documents_have_the_same_errors_either_way():
    gold, predicted = random_corpora(23, 300, plain=1.0)
    documents = []
    for each in gold:
        zone = Zone("ignore", len(each.text), len(each.text) + 1)
        documents.append(msgspec.structs.replace(each, text=each.text + " ", zones=[zone]))
    answers = [msgspec.structs.replace(each, text=each.text + " ") for each in predicted]
    one = score(gold, predicted).errors("entities")
    other = score(Corpus(documents), Corpus(answers)).errors("entities")
    assert list(map(_without_context, one.items)) == list(map(_without_context, other.items))
    assert one.error_counts.pieces == other.error_counts.pieces
    assert one.error_counts.pairs == other.error_counts.pairs


def _without_context(item):
    return item._replace(context=None)


def test_errors_are_in_the_order_of_the_documents():
    gold, predicted = random_corpora(24, 100, plain=0.5)
    order = {id: number for number, id in enumerate(gold.ids)}
    found = [order[item.document] for item in score(gold, predicted).errors("entities").items]
    assert found == sorted(found)
    assert len(set(found)) > 50


@pytest.mark.parametrize("metric", ["entities/strict", "entities/type", "entities/partial"])
def test_breakdowns_add_up_to_the_metric(metric):
    gold, predicted = random_corpora(25, 200, plain=0.3)
    scores = score(gold, predicted, [metric])
    analysis = scores.errors("entities", by="length", metric=metric)
    buckets = analysis.by("length")
    micro = scores[metric].micro
    assert sum(bucket.gold for bucket in buckets) == micro.gold
    assert sum(bucket.predicted for bucket in buckets) == micro.predicted


def test_pages_and_comparisons_show_them():
    gold, predicted = random_corpora(26, 30, plain=0.3)
    scores = score(gold, predicted)
    page = scores.to_html(errors=True)
    assert "entities" in page
    _, other = random_corpora(27, 30)
    documents = []
    for mine, text in zip(gold, other, strict=True):
        documents.append(msgspec.structs.replace(text, id=mine.id, text=mine.text))
    comparison = compare(a=predicted, b=Corpus(documents), gold=gold)
    assert comparison.by("kind")


def test_pairs_of_large_components_are_approximate(monkeypatch):
    from evalkit.scoring import lenient_matching

    gold, predicted = random_corpora(28, 100)
    expected = score(gold, predicted).errors("entities").error_counts
    monkeypatch.setattr(lenient_matching, "MAX_KEYED_EDGES", 0)
    analysis = score(gold, predicted).errors("entities")
    for kind in ("correct", *KINDS, "duplicate", "unplaced"):
        assert analysis.error_counts.count_kind(kind) == expected.count_kind(kind)
    assert analysis.error_counts.approximate > 0


def test_what_compares_predictions_with_plain_gold_says_so():
    gold = [Entity("PER", 0, 12, alternatives=[Span(4, 12)]), Entity("ORG", 45, 68, optional=True)]
    predicted = one_document([Entity("PER", 4, 12, score=0.5), Entity("ORG", 45, 68, score=0.9)])
    drawn = curves(one_document(gold), predicted)
    assert drawn.curves[-1].gold == 2
    assert any("plain gold" in warning for warning in drawn.warnings)
    assert not any("plain gold" in each for each in curves(predicted, predicted).warnings)
    fixed = fix_errors(one_document(gold), predicted, "boundary")
    assert (fixed[0].entities[0].start, fixed[0].entities[0].end) == (0, 12)


@pytest.mark.parametrize("plain_gold", [True, False])
def test_errors_and_comparisons_say_that_gold_was_taken_as_plain(plain_gold):
    gold = one_document([Entity("PER", 0, 12, alternatives=[Span(4, 12)])])
    predicted = one_document([Entity("PER", 4, 12)])
    line = "Gold: alternatives, optional items and ignore regions are ignored (plain gold)"

    scores = score(gold, predicted, "entities/strict", plain_gold=plain_gold)
    analysis = scores.errors("entities")
    comparison = compare(a=scores, b=score(gold, gold, "entities/strict", plain_gold=plain_gold))

    for shown in (analysis.render(), analysis.to_html(), comparison.render()):
        assert (line in shown) is plain_gold


def test_documents_are_planned_by_all_items_of_gold():
    gold, predicted = random_corpora(29, 40)
    plain = Corpus(
        [
            msgspec.structs.replace(
                document,
                zones=(),
                entities=[
                    msgspec.structs.replace(entity, alternatives=(), optional=False)
                    for entity in document.entities
                ],
            )
            for document in gold
        ]
    )
    one, other = (each.stats().documents_needed(0.05) for each in (gold, plain))
    assert one == other
    assert gold.stats().documents_needed(0.05, predicted) != plain.stats().documents_needed(
        0.05, predicted
    )


def test_ambiguous_quotes_are_not_measured_against_gold_that_accepts_more():
    text = "Ada met Ada."
    gold = Corpus([Document("d", text, [Entity("PER", 0, 3, optional=True), Entity("PER", 8, 11)])])
    meta = {"grounding": {"choices": [["entities", 0, "", [[0, 3], [8, 11]]]]}}
    predicted = Corpus([Document("d", text, [Entity("PER", 0, 3)], meta=meta)])
    assert not score(gold, predicted, "entities/strict").metadata.ambiguity
    assert score(gold, predicted, "entities/strict", plain_gold=True).metadata.ambiguity
