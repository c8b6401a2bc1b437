"""Where other scorers go wrong, or another way: each case with our stand and the reason.

The numbers of the others were obtained by running them: seqeval 1.2.2, SeqScore 0.9.0, nervaluate
1.2.1 (and 0.3.1), spaCy 3.8.18, neleval 3.1.1, FairEval a6172f2, eval4ner 0.1.0, TextEE 25d5dca,
DyGIE++ b55dec4, the OneIE scorer, Citron 1937f2c. They stand here as facts beside ours;
tests/evaluation/test_agreement_with_scorers.py runs those that can be installed.
"""

import pytest

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    LoadError,
    Span,
    Unplaced,
    score,
    score_spans,
    score_tags,
)

TEXT = "x" * 60


def f1(gold, said, metric="ner"):
    return score_spans([gold], [said], metric)[metric].micro.f1


def spans(*items):
    """Token offsets with the last token included, as the tables of others have them, made
    half-open.
    """
    return [(first, last + 1, label) for label, first, last in items]


# Case, tagging, gold, prediction, ours as begin or conlleval, ours as discard, what the others
# print
TAGS = [
    ("T1", "IOB2", "B-PER I-PER O", "I-PER I-PER O", 1.0, 0.0, "seqeval 1.0, its strict mode 0.0"),
    (
        "T2",
        "IOB2",
        "B-PER I-PER O",
        "B-PER I-LOC O",
        0.0,
        0.0,
        "ExplainaBoard 1.0: it ignores the change of type",
    ),
    ("T3", "IOB2", "B-PER B-LOC I-LOC O", "B-PER I-LOC I-LOC O", 1.0, 2 / 3, "ExplainaBoard 0.0"),
    (
        "T4",
        "IOB2",
        "O O O B-LOC",
        "I-PER I-PER O B-LOC",
        2 / 3,
        1.0,
        "seqeval .667, its strict mode 1.0: the invalid prediction is free",
    ),
    (
        "T5",
        "BILOU",
        "U-PER U-PER O",
        "B-PER L-PER O",
        0.0,
        0.0,
        "seqeval 1.0: it does not know U and L, and merges two spans",
    ),
    (
        "T6",
        "BIOES",
        "B-MISC E-MISC B-MISC E-MISC",
        "B-MISC I-MISC I-MISC E-MISC",
        0.0,
        0.0,
        "conlleval.pl 1.0: it does not end a span at E before B",
    ),
]


@pytest.mark.parametrize(("case", "tagging", "gold", "said", "begun", "discarded", "others"), TAGS)
def test_improper_tags_are_never_repaired_in_silence(
    case, tagging, gold, said, begun, discarded, others
):
    for repair, expected in (("begin", begun), ("conlleval", begun), ("discard", discarded)):
        assert score_tags([gold.split()], [said.split()], tagging=tagging, repair=repair)[
            "ner"
        ].micro.f1 == pytest.approx(expected), others


def test_t7_another_tagging_is_refused_and_not_guessed():
    """seqeval prints 1.0 for IOB2 tags that are given as IOBES."""
    with pytest.raises(
        ValueError,
        match=(
            "'B-PER' is followed by 'O', which is invalid BIOES: I-PER or E-PER is expected"
            " after it"
        ),
    ):
        score_tags(
            ["S-PER O B-LOC E-LOC".split()], ["B-PER O B-LOC I-LOC".split()], tagging="BIOES"
        )


def test_e_one_prediction_over_two_gold_items_answers_one():
    """nervaluate 0.3.1 and spaneval print a type F1 of 1.0: two correct from one prediction."""
    gold, said = spans(("PER", 0, 1), ("PER", 3, 4)), spans(("PER", 0, 4))

    assert f1(gold, said, "entities/type") == pytest.approx(2 / 3)
    assert f1(gold, said, "entities/partial") == pytest.approx(1 / 3)


def test_f_two_predictions_in_one_gold_item_answer_it_once():
    """spaneval and eval4ner print 1.0."""
    assert f1(
        spans(("ORG", 0, 4)), spans(("ORG", 0, 1), ("ORG", 3, 4)), "entities/type"
    ) == pytest.approx(2 / 3)


def test_a_an_overlap_is_half_in_partial():
    """neleval weighs the overlap and prints .8; FairEval counts ½ TP and ½ FN and prints .667."""
    assert f1(spans(("PER", 0, 2)), spans(("PER", 0, 1)), "entities/partial") == 0.5


def test_one_shared_unit_is_an_overlap_however_long_the_spans_are():
    """nervaluate finds nothing under one percent of the gold span."""
    assert f1([(0, 200, "PER")], [(199, 260, "PER")], "entities/partial") == 0.5


def test_touching_spans_do_not_overlap():
    """nervaluate, fed half-open offsets, prints a type F1 of 1.0 for the disjoint [0,5) and [5,9)."""  # noqa: E501
    assert f1([(0, 5, "PER")], [(5, 9, "PER")], "entities/type") == 0.0


def test_k_the_order_of_predictions_does_not_matter():
    """nervaluate 1.2.1 prints a strict F1 of .4 in four of six orders of the input, .8 in two."""
    from itertools import permutations

    gold, said = (
        spans(("PER", 0, 2), ("PER", 3, 4)),
        spans(("PER", 2, 3), ("PER", 0, 2), ("PER", 3, 4)),
    )

    assert {f1(gold, list(order)) for order in permutations(said)} == {0.8}


def test_l_the_matching_is_the_largest_there_is():
    """nervaluate prints .5 or 1.0 by the order of the input, openmed .5."""
    assert (
        f1(
            spans(("PER", 2, 8), ("PER", 9, 10)),
            spans(("PER", 4, 10), ("PER", 2, 3)),
            "entities/type",
        )
        == 1.0
    )


def test_g_nested_gold_is_matched_by_its_own_span():
    """nervaluate 1.0 prints 0.0, spaCy's ents raise E1010, spaneval raises."""
    assert f1(spans(("ORG", 0, 4), ("LOC", 2, 3)), spans(("LOC", 2, 3))) == pytest.approx(2 / 3)


def test_duplicates_are_wrong_each():
    """nervaluate 0.3.1 and DWIE print .80 (two correct of one), spaCy, GLiNER and neleval .667
    (they drop the copy in silence), OneIE 1.0.
    """
    assert f1(spans(("PER", 0, 1), ("LOC", 4, 5)), spans(("PER", 0, 1), ("PER", 0, 1))) == 0.5


def test_a_label_that_gold_lacks_is_wrong():
    """HIPE, OmniEvent and the by-type micro line of neleval print 1.0."""
    assert f1(spans(("PER", 0, 1)), spans(("PER", 0, 1), ("MISC", 4, 5))) == pytest.approx(2 / 3)


def test_macro_is_over_the_labels_that_either_side_has():
    """As in seqeval 1.2.2 and scikit-learn; sklearn_crfsuite and others take the labels of gold and
    print 1.0.
    """
    scores = score_spans([spans(("PER", 0, 1))], [spans(("PER", 0, 1), ("MISC", 4, 5))])

    assert scores["ner"].macro.f1 == 0.5
    assert "macro: mean over 2 labels, 1 of them only predicted (F1 0)" in str(scores)


@pytest.mark.parametrize(
    ("gold", "said", "expected"),
    [
        ([], [], (None, None, None)),
        ([], [(0, 2, "A")], (0.0, None, 0.0)),
        ([(0, 2, "A")], [], (None, 0.0, 0.0)),
    ],
)
def test_nothing_to_divide_by_is_undefined(gold, said, expected):
    """seqeval prints 0, nan, or raises; anafora, openmed and eval4ner print 1.0 for nothing against
    nothing; nervaluate prints 0.
    """
    micro = score_spans([gold], [said])["ner"].micro

    assert (micro.precision, micro.recall, micro.f1) == expected


def test_s1_s2_s3_s7_characters_are_the_truth():
    """spaCy's ents print 1.0 for U.S. [0:4] against U.S.-based [0:10], and skip predictions over
    tokens without gold.
    """
    assert f1([(0, 10, "GPE")], [(0, 4, "GPE")]) == 0.0
    assert f1([(0, 4, "GPE")], [(0, 10, "GPE")]) == 0.0
    assert score_spans([[(0, 3, "PER")]], [[(0, 3, "PER"), (1, 2, "PER"), (5, 7, "ORG")]])[
        "ner"
    ].micro.precision == pytest.approx(1 / 3)


ROWS = ["tri-i", "tri-c", "arg-i", "arg-c", "arg-c+"]


def event(label, trigger, *arguments):
    return Event(label, Span(*trigger), [Argument(role, *span) for role, span in arguments])


X, Y = (20, 24), (30, 34)
# Case, gold, prediction, (Tri-I, Tri-C, Arg-I, Arg-C, Arg-C+) of TextEE in percent, what the others
# print
EVENTS = [
    (
        "EA1",
        [event("Attack", (0, 3), ("Target", X))],
        [event("Attack", (5, 8), ("Target", X))],
        (0, 0, 100, 100, 0),
        "all three the same",
    ),
    (
        "EA2",
        [event("Attack", (0, 3), ("Target", X))],
        [event("Attack", (0, 3), ("Target", X)), event("Attack", (5, 8), ("Target", X))],
        (66.7, 66.7, 100, 100, 66.7),
        "DyGIE++ a recall of 200 %",
    ),
    (
        "EA3",
        [event("Attack", (0, 3), ("Target", X)), event("Attack", (5, 8), ("Target", X))],
        [event("Attack", (0, 3), ("Target", X))],
        (66.7, 66.7, 100, 100, 66.7),
        "DyGIE++ 66.7 for arguments",
    ),
    (
        "EA5",
        [event("Attack", (0, 3)), event("Die", (0, 3))],
        [event("Attack", (0, 3))],
        (100, 66.7, None, None, None),
        "DyGIE++ 100/0: the last type overwrites the first; OneIE 66.7/66.7",
    ),
    (
        "EA7",
        [event("Attack", (0, 3), ("Target", X))],
        [event("Die", (0, 3), ("Target", X))],
        (100, 0, 0, 0, 0),
        "all three the same",
    ),
    (
        "EA8",
        [event("Attack", (0, 3), ("Target", X), ("Place", X))],
        [event("Attack", (0, 3), ("Target", X))],
        (100, 100, 100, 66.7, 66.7),
        "DyGIE++ 0 for Arg-C, OneIE 66.7 for Arg-I",
    ),
    (
        "EA4",
        [event("Attack", (0, 8))],
        [event("Attack", (0, 4))],
        (0, 0, None, None, None),
        "EvmEval 72.7 by Dice",
    ),
]


@pytest.mark.parametrize(("case", "gold", "said", "expected", "others"), EVENTS)
def test_events_score_as_in_textee(case, gold, said, expected, others):
    scores = score(*(Corpus([Document("d", TEXT, events=side)]) for side in (gold, said)), ROWS)

    found = [scores[row].micro.f1 for row in ROWS]
    assert [None if value is None else round(100 * value, 1) for value in found] == list(
        expected
    ), others


def test_ea9_a_repeated_event_counts_once():
    """TextEE and DyGIE++ print 66.7, as here; OneIE prints 100."""
    gold, said = (
        [event("Attack", (0, 3)), event("Die", (0, 3))],
        [event("Attack", (0, 3)), event("Attack", (0, 3))],
    )

    assert score(*(Corpus([Document("d", TEXT, events=side)]) for side in (gold, said)), ["tri-c"])[
        "tri-c"
    ].micro.f1 == pytest.approx(2 / 3)


def quoted(*attributions):
    return Corpus([Document("d", TEXT, attributions=attributions)])


ATTRIBUTION_METRICS = [
    "attributions/strict",
    "attributions/type",
    "attributions/characters",
    "attached-attributions/strict",
    "attached-attributions/type",
    "attribution-relations/strict",
    "attribution-relations/type",
]


def attribution_f1(gold, said):
    scores = score(gold, said, ATTRIBUTION_METRICS)
    return {metric: scores[metric] for metric in ATTRIBUTION_METRICS}


def test_ct1_precision_and_recall_are_not_exchanged():
    """Citron prints a precision of 1.0 and a recall of .615 for a content predicted twice as long;
    right is the other way round.
    """
    scores = attribution_f1(
        quoted(Attribution(Span(4, 8), Span(10, 18), Span(0, 3))),
        quoted(Attribution(Span(4, 8), Span(10, 26), Span(0, 3))),
    )
    content = scores["attributions/characters"]["content"]

    assert (content.precision, content.recall) == (0.5, 1.0)


def test_ct3_a_perfect_prediction_of_nested_quotes_scores_one():
    """Citron prints 1.82."""
    nested = quoted(
        Attribution(Span(4, 8), Span(10, 40), Span(0, 3), id="A1"),
        Attribution(Span(14, 18), Span(20, 40), Span(10, 13), id="A2", parent="A1"),
    )

    assert {found.micro.f1 for found in attribution_f1(nested, nested).values()} == {1.0}


def test_ct2_a_duplicate_raises_no_recall():
    """Citron prints a recall of 1.111."""
    one = Attribution(Span(4, 8), Span(10, 18), Span(0, 3))
    scores = attribution_f1(quoted(one), quoted(one, one))

    for metric in (
        "attributions/strict",
        "attribution-relations/strict",
        "attached-attributions/strict",
    ):
        assert (scores[metric].micro.recall, scores[metric].micro.precision) == (1.0, 0.5)


def test_ct4_a_wrong_cue_spoils_what_is_attached_to_it_and_nothing_else():
    scores = attribution_f1(
        quoted(Attribution(Span(4, 8), Span(10, 18), Span(0, 3))),
        quoted(Attribution(Span(50, 54), Span(10, 18), Span(0, 3))),
    )

    assert (
        scores["attributions/strict"]["source"].f1
        == scores["attributions/strict"]["content"].f1
        == 1.0
    )
    assert (
        scores["attached-attributions/strict"].micro.tp,
        scores["attribution-relations/type"].micro.tp,
    ) == (0, 0)
    assert (
        scores["attached-attributions/strict"].micro.gold,
        scores["attached-attributions/strict"].micro.predicted,
    ) == (3, 3)


def test_ct5_ct6_the_order_does_not_matter_and_no_source_equals_only_no_source():
    implied, named = (
        Attribution(Span(4, 8), Span(10, 18)),
        Attribution(Span(24, 28), Span(30, 38), Span(20, 23)),
    )
    swapped = (
        Attribution(Span(4, 8), Span(10, 18), Span(0, 3)),
        Attribution(Span(24, 28), Span(30, 38)),
    )

    assert (
        attribution_f1(quoted(implied, named), quoted(named, implied))[
            "attribution-relations/strict"
        ].micro.f1
        == 1.0
    )
    wrong = attribution_f1(quoted(implied, named), quoted(*swapped))
    assert (
        wrong["attribution-relations/strict"].micro.tp,
        wrong["attribution-relations/type"].micro.tp,
    ) == (0, 0)


def test_attributions_are_attached_to_one_cue_each():
    """Two predicted attributions on one gold cue: one of them is paired, all parts of the other are
    spurious.
    """
    gold = quoted(Attribution(Span(4, 8), Span(10, 18), Span(0, 3)))
    said = quoted(
        Attribution(Span(4, 8), Span(10, 18), Span(0, 3)),
        Attribution(Span(5, 7), Span(30, 38), Span(0, 3)),
    )

    found = score(gold, said, ["attached-attributions/strict"])["attached-attributions/strict"]

    assert (found.micro.tp, found.micro.gold, found.micro.predicted) == (3, 3, 6)


ONE, TWO, FAR = (
    Attribution(Span(*cue), Span(*content))
    for cue, content in (((0, 4), (10, 18)), ((0, 4), (20, 28)), ((40, 44), (46, 50)))
)
ATTACHED = "attached-attributions/strict"


@pytest.mark.parametrize(
    ("gold", "said", "tp", "in_gold", "in_said"),
    [
        ((ONE, TWO), (ONE, TWO), 4, 4, 4),
        ((ONE, TWO), (TWO, ONE), 4, 4, 4),
        ((ONE, TWO), (TWO,), 2, 4, 2),
        ((ONE, TWO), (ONE,), 2, 4, 2),
        ((TWO,), (ONE, TWO), 2, 2, 4),
        ((ONE, TWO), (FAR,), 0, 4, 2),
        ((FAR,), (ONE, TWO), 0, 2, 4),
    ],
)
def test_attributions_that_share_a_cue_are_attached_each_to_its_own(
    gold, said, tp, in_gold, in_said
):
    micro = score(quoted(*gold), quoted(*said), ATTACHED)[ATTACHED].micro

    assert (micro.tp, micro.found, micro.gold, micro.predicted) == (tp, tp, in_gold, in_said)


def test_attributions_that_are_equal_but_for_their_type_are_duplicates():
    said, believed = (
        Attribution(Span(0, 4), Span(10, 18), label=label) for label in ("assertion", "belief")
    )

    micro = score(quoted(said), quoted(believed, said), ATTACHED)[ATTACHED].micro

    assert (micro.tp, micro.gold, micro.predicted) == (2, 2, 4)
    with pytest.raises(LoadError, match=r"attributions\[1\]"):
        score(quoted(said, believed), quoted(believed, said), ATTACHED)


def test_llm_answers_that_are_not_in_the_text_are_wrong():
    """GoLLIE drops them before it scores: five predictions, two of them invented, print P 1.0 and F
    .857 instead of .60 and .667.
    """
    gold = Corpus([Document("d", TEXT, [Entity("A", n, n + 1) for n in (0, 2, 4, 6)])])
    said = Corpus(
        [
            Document(
                "d",
                TEXT,
                [Entity("A", n, n + 1) for n in (0, 2, 4)],
                unplaced=[Unplaced("entities", "A", "absent", q) for q in ("Bo", "Cy")],
            )
        ]
    )

    micro = score(gold, said)["ner"].micro

    assert (micro.precision, micro.recall, round(micro.f1, 3)) == (0.6, 0.75, 0.667)
    for metric in ("entities/exact", "entities/partial", "entities/type"):
        assert score(gold, said, metric)[metric].micro.predicted == 5


def test_a_document_that_failed_stays_in_the_denominator():
    """evalscope prints 1.0 for one good and one failed sample."""
    gold = Corpus([Document(id, TEXT, [Entity("A", 0, 1)]) for id in "ab"])
    said = Corpus(
        [Document("a", TEXT, [Entity("A", 0, 1)]), Document("b", TEXT, failure="time out")]
    )

    assert score(gold, said)["ner"].micro.f1 == pytest.approx(2 / 3)


def test_realis_and_tokens_are_layers_like_others():
    document = Document(
        "d",
        "Ada Lovelace’s well-known plan",
        [Entity("PER", 0, 12)],
        [Event("X", Span(15, 25), realis="OTHER"), Event("Y", Span(26, 30))],
    )
    said = Document(
        "d", document.text, [Entity("PER", 4, 14)], [Event("X", Span(15, 25), realis="ACTUAL")]
    )

    scores = score(
        Corpus([document]), Corpus([said]), ["realis", "realis/exact", "tokens", "tokens/exact"]
    )

    assert (
        scores["realis"].micro.gold,
        scores["realis"].micro.tp,
        scores["realis/exact"].micro.tp,
    ) == (1, 0, 1)
    assert (
        scores["tokens"].micro.gold,
        scores["tokens"].micro.predicted,
        scores["tokens"].micro.tp,
    ) == (2, 2, 1)


@pytest.mark.parametrize(
    "metric",
    [
        "tokens/type",
        "tokens/characters",
        "attribution-relations/exact",
        "attribution-relations/partial",
    ],
)
def test_what_a_layer_does_not_offer_is_refused_with_what_it_does(metric):
    with pytest.raises(
        ValueError,
        match=f"{metric.split('/')[0]} offers no {metric.split('/')[1]}; it offers strict, ",
    ):
        score(quoted(), quoted(), metric)
