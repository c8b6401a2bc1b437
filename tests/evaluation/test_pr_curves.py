"""Predictions that carry scores have a curve, a best threshold, and can be cut at one."""

import json
import random

import pytest
from helpers.quick import choose_quick
from sklearn.metrics import average_precision_score

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    InputError,
    Relation,
    Span,
    Unplaced,
    score,
)
from evalkit.evaluation.pr_curves import curves
from evalkit.evaluation.thresholds import (
    count_filtered,
    filter_by_score,
    parse_thresholds,
    threshold_messages,
)

TEXT = "x" * 100


def scored(*entities):
    return Corpus(
        [
            Document(
                "d", TEXT, [Entity(label, at, at + 2, score=value) for label, at, value in entities]
            )
        ],
        name="model",
    )


def gold(*entities):
    return Corpus(
        [Document("d", TEXT, [Entity(label, at, at + 2) for label, at in entities])], name="gold"
    )


def test_the_curve_of_a_label_is_worked_out_by_hand():
    found = curves(
        gold(("A", 0), ("A", 10), ("A", 20)), scored(("A", 0, 0.9), ("A", 50, 0.8), ("A", 10, 0.7))
    )

    curve = found.curves[0]
    assert (curve.label, curve.thresholds) == ("A", (0.7, 0.8, 0.9))
    assert curve.precision == pytest.approx((2 / 3, 1 / 2, 1))
    assert curve.recall == pytest.approx((2 / 3, 1 / 3, 1 / 3))
    assert curve.average_precision == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3)
    assert (curve.best_threshold, curve.best_f1) == (0.7, pytest.approx(2 / 3))


@pytest.mark.parametrize("seed", range(5))
def test_each_threshold_of_the_curve_is_a_score_of_its_own(seed):
    draw = random.Random(seed)
    right = gold(*(("AB"[at % 2], at) for at in range(0, 60, 3)))
    said = scored(
        *(
            (draw.choice("AB"), at + draw.choice([0, 0, 0, 1]), round(draw.random(), 1))
            for at in range(0, 90, 3)
        )
    )

    found = curves(right, said)

    for curve in found.curves:
        for threshold, precision, recall in zip(
            curve.thresholds, curve.precision, curve.recall, strict=True
        ):
            scores = score(right, filter_by_score(said, threshold), "ner", boot=0)["ner"]
            row = scores.micro if curve.label is None else scores[curve.label]
            assert (precision, recall) == pytest.approx((row.precision, row.recall))
        best = [
            score(right, filter_by_score(said, t), "ner", boot=0)["ner"] for t in curve.thresholds
        ]
        assert curve.best_f1 == pytest.approx(
            max((s.micro if curve.label is None else s[curve.label]).f1 for s in best)
        )


def test_average_precision_is_sklearns_where_all_gold_was_predicted():
    right = gold(("A", 0), ("A", 10), ("A", 20))
    said = scored(("A", 0, 0.9), ("A", 50, 0.8), ("A", 10, 0.7), ("A", 60, 0.5), ("A", 20, 0.3))

    found = curves(right, said)

    assert found.curves[0].average_precision == pytest.approx(
        average_precision_score([1, 0, 1, 0, 1], [0.9, 0.8, 0.7, 0.5, 0.3])
    )


@pytest.mark.parametrize("seed", range(20))
def test_average_precision_is_sklearns_on_random_data(seed):
    draw = random.Random(seed)
    places = range(0, 98, 2)
    gold_places = draw.sample(places, draw.randint(1, 30))
    predicted = {at: draw.randint(0, 8) / 8 for at in draw.sample(places, draw.randint(1, 40))}

    curve = curves(
        gold(*(("A", at) for at in gold_places)),
        scored(*(("A", at, value) for at, value in predicted.items())),
    ).curves[-1]

    right = [at in gold_places for at in predicted]
    # scikit-learn knows only predicted items: its recall is of the gold items that were predicted
    # at all.
    expected = (
        average_precision_score(right, list(predicted.values())) * sum(right) / len(gold_places)
        if any(right)
        else 0.0
    )
    assert curve.average_precision == pytest.approx(expected)


def drawn_areas(found, monkeypatch, path):
    """The area under each line that `draw` draws, by the steps of its drawstyle."""
    import numpy as np
    from matplotlib.cbook import STEP_LOOKUP_MAP
    from matplotlib.figure import Figure

    figures = []
    savefig = Figure.savefig
    monkeypatch.setattr(
        Figure,
        "savefig",
        lambda self, *args, **options: (figures.append(self), savefig(self, *args, **options))[1],
    )
    found.plot(path)
    areas = []
    for line in figures[0].axes[0].lines:
        x, y = STEP_LOOKUP_MAP[line.get_drawstyle()](line.get_xdata(), line.get_ydata())
        areas.append(float(np.sum(np.diff(x) * (np.array(y)[1:] + np.array(y)[:-1]) / 2)))
    return areas


@pytest.mark.parametrize("seed", choose_quick(range(5), 2))
def test_the_area_under_a_drawn_curve_is_its_average_precision(seed, monkeypatch, tmp_path):
    draw = random.Random(seed)
    right = gold(*((draw.choice("AB"), at) for at in range(0, 60, 2)))
    said = scored(*((draw.choice("AB"), at, draw.randint(0, 8) / 8) for at in range(0, 90, 2)))
    found = curves(right, said)

    assert drawn_areas(found, monkeypatch, tmp_path / "c.svg") == pytest.approx(
        [curve.average_precision for curve in found.curves if curve.average_precision is not None]
    )


@pytest.mark.parametrize(
    ("right", "said", "lines"),
    [
        ([("A", 0), ("B", 9)], [("A", 0, 0.9)], 3),
        ([("A", 0), ("B", 9)], [], 3),
        ([("A", 0)], [("A", 5, 0.9)], 2),
        ([], [("A", 5, 0.9)], 0),
        ([], [], 0),
    ],
    ids=["a gold label without prediction", "no prediction", "nothing right", "no gold", "nothing"],
)
def test_a_picture_is_drawn_whatever_is_missing(right, said, lines, monkeypatch, tmp_path):
    assert (
        len(drawn_areas(curves(gold(*right), scored(*said)), monkeypatch, tmp_path / "c.png"))
        == lines
    )
    assert (tmp_path / "c.png").stat().st_size > 1000


def test_copies_and_what_has_no_place_count_as_wrong():
    document = scored(("A", 0, 0.9), ("A", 0, 0.8))[0]
    said = Corpus(
        [Document("d", TEXT, document.entities, unplaced=[Unplaced("entities", "A", "absent")])]
    )

    curve = curves(gold(("A", 0)), said).curves[0]

    assert (curve.predicted, curve.precision) == (3, pytest.approx((1 / 3, 1 / 2)))


@pytest.mark.parametrize(
    "layer",
    [
        "triggers",
        "arguments",
        "attached-arguments",
        "realis",
        "attributions",
        "attribution-relations",
        "tokens",
    ],
)
def test_every_layer_knows_the_scores_of_its_items(layer):
    def document(first, second):
        return Document(
            "d",
            "ab cd ef gh",
            [Entity("A", 0, 2, score=first), Entity("A", 3, 5, score=second)],
            [
                Event("E", Span(0, 2), [Argument("R", 3, 5, score=first)], realis="X", score=first),
                Event(
                    "F", Span(6, 8), [Argument("R", 3, 5, score=second)], realis="X", score=second
                ),
            ],
            [
                Attribution(Span(0, 2), Span(3, 5), score=first),
                Attribution(Span(6, 8), Span(9, 11), Span(0, 2), score=second),
            ],
        )

    found = curves(Corpus([document(None, None)]), Corpus([document(0.9, 0.4)]), f"{layer}/strict")

    assert found.curves[-1].thresholds == (0.4, 0.9)
    assert found.curves[-1].average_precision == 1.0


def test_a_label_that_was_never_right_has_no_best_threshold():
    found = curves(gold(("A", 0)), scored(("A", 5, 0.9), ("B", 9, 0.1)))

    assert [(c.label, c.average_precision, c.best_threshold) for c in found.curves] == [
        ("A", 0.0, None),
        ("B", None, None),
        (None, 0.0, None),
    ]
    assert "–" in str(found)


def test_predictions_without_scores_are_refused():
    with pytest.raises(InputError, match="document 'd': 'xx' at 0 was predicted without a score"):
        curves(gold(("A", 0)), scored(("A", 0, None)))


@pytest.mark.parametrize("metric", ["entities/type", "relations/boundaries", "links/in-kb"])
def test_curves_of_other_schemes_are_refused(metric):
    layer = metric.partition("/")[0]
    message = (
        f"{metric}: curves have one scheme, strict, under which no match depends on the other"
        f" predictions; use {layer}/strict"
    )
    with pytest.raises(InputError, match=message):
        curves(gold(("A", 0)), scored(("A", 0, 0.5)), metric)


def test_curves_have_formats_and_pictures(tmp_path):
    found = curves(gold(("A", 0), ("$B", 9)), scored(("A", 0, 0.9), ("A", 5, 0.3), ("$B", 9, 0.5)))

    found.plot(tmp_path / "c.png")
    found.plot(tmp_path / "c.svg")

    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    assert (
        b"average precision" in (tmp_path / "c.svg").read_bytes()
        or (tmp_path / "c.svg").stat().st_size > 5000
    )
    assert json.loads(found.render("json"))["curves"][-1]["thresholds"] == [0.3, 0.5, 0.9]
    assert "average\\_precision" in found.render("latex") or "average precision" in found.render(
        "latex"
    )
    with pytest.raises(InputError, match="unknown format 'pdf'"):
        found.render("pdf")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.5", 0.5),
        ("PER=0.7,ORG=0.4", {"PER": 0.7, "ORG": 0.4}),
        ("a=b=0.1", {"a=b": 0.1}),
        ("PER=0.5, LOC=0.9", {"PER": 0.5, "LOC": 0.9}),
    ],
)
def test_thresholds_are_read(text, expected):
    assert parse_thresholds(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "high", "PER=", "nan", "0.5,PER=0.3", "PER=inf", "0.5,0.6", "PER=0.5,PER=0.9", "=0.5"],
)
def test_what_is_no_threshold_is_refused(text):
    with pytest.raises(InputError, match="expected a number, or LABEL=NUMBER,LABEL=NUMBER"):
        parse_thresholds(text)


def test_what_scores_lower_is_left_out_and_counted():
    said = Corpus(
        [
            Document(
                "d",
                "ab cd ef gh",
                [
                    Entity("A", 0, 2, score=0.9),
                    Entity("B", 3, 5, score=0.4, id="T2"),
                    Entity("A", 6, 8),
                ],
                [
                    Event(
                        "E",
                        Span(0, 2),
                        [Argument("R", 3, 5, score=0.3), Argument("R", 6, 8, ref="T2")],
                        score=0.8,
                    ),
                    Event("E", Span(6, 8), score=0.2),
                ],
                [
                    Attribution(Span(0, 2), Span(3, 5), id="A1", score=0.1),
                    Attribution(Span(6, 8), Span(9, 11), parent="A1"),
                ],
            )
        ],
        name="m",
    )

    kept = filter_by_score(said, 0.5)[0]

    assert [(e.label, e.start) for e in kept.entities] == [("A", 0), ("A", 6)]
    assert [(e.trigger.start, [(a.start, a.ref) for a in e.arguments]) for e in kept.events] == [
        (0, [(6, None)])
    ]
    assert [(a.cue.start, a.parent) for a in kept.attributions] == [(6, None)]
    assert count_filtered(said, 0.5) == 4
    assert filter_by_score(said, {"B": 0.5, "A": 0.95}).name == "m>=A=0.95+B=0.5"
    assert [e.label for e in filter_by_score(said, {"B": 0.5})[0].entities] == ["A", "A"]


@pytest.mark.parametrize("scores", [(0.4, 0.9), (0.9, 0.4)])
def test_of_copies_the_one_of_the_highest_score_is_the_item(scores):
    said = scored(*(("A", 0, value) for value in scores))

    curve = curves(gold(("A", 0)), said).curves[0]

    assert (curve.average_precision, curve.best_threshold, curve.predicted) == (1.0, 0.9, 2)


@pytest.mark.parametrize("scores", [(0.2, 0.9), (0.9, 0.2)])
@pytest.mark.parametrize("metric", ["triggers/strict", "arguments/strict"])
def test_of_items_that_a_layer_makes_equal_the_highest_score_counts(scores, metric):
    def document(values):
        events = [
            Event(
                "E",
                Span(0, 2),
                [Argument("R", 6, 8, score=value), Argument("S", 9 + n, 11, score=value)],
                score=value,
            )
            for n, value in enumerate(values)
        ]
        return Corpus([Document("d", "ab cd ef gh", events=events)])

    found = curves(document((None, None)), document(scores), metric)

    assert found.curves[0].best_threshold == 0.9


def test_attached_parts_have_no_curve():
    with pytest.raises(
        InputError,
        match="attached-attributions/strict: whether cues match depends on the other predictions",
    ):
        curves(gold(("A", 0)), scored(("A", 0, 0.5)), "attached-attributions/strict")


def test_what_a_threshold_does_is_told():
    said = scored(("A", 0, 0.9), ("B", 5, 0.2), ("C", 9, None))

    assert list(threshold_messages(said, {"B": 0.5, "NOPE": 0.1})) == [
        "annotations with a lower score, dropped: 1",
        "annotations without a score, kept: 1",
        "no annotation has the label NOPE",
    ]


def test_a_threshold_counts_dropped_relations_and_what_has_no_place():
    entities = [
        Entity("A", 0, 2, id="T1", score=0.9),
        Entity("A", 3, 5, id="T2", score=0.9),
        Entity("B", 6, 8, id="T3", score=0.1),
    ]
    relations = [
        Relation("near", "T1", "T2", score=0.3),
        Relation("near", "T1", "T3", score=0.8),
        Relation("far", "T2", "T1", score=0.8),
    ]
    said = Corpus(
        [
            Document(
                "d",
                TEXT,
                entities,
                relations=relations,
                unplaced=[Unplaced("entities", "C", "not in the text", "y")],
            )
        ]
    )

    assert [relation.label for relation in filter_by_score(said, 0.5)[0].relations] == ["far"]
    assert count_filtered(said, 0.5) == 3
    assert list(threshold_messages(said, {"near": 0.5, "C": 0.5})) == [
        "annotations with a lower score, dropped: 1",
        "predictions without a valid place in the text, kept: 1",
    ]
