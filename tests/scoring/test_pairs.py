"""Who answers whom: every item is in one pair, in the order of the text."""

import pytest

from evalkit import Argument, Corpus, Document, Entity, Event, InputError, Span, Unplaced, score

TEXT = "Ada Lovelace met Bo and Cy in Rome"


def pairs(gold, said, metric, **more):
    return score(
        Corpus([Document("d", TEXT, gold)]), Corpus([Document("d", TEXT, said, **more)]), metric
    ).pairs(metric)


def told(found):
    return [
        (
            p.kind,
            p.gold and (p.gold.label, p.gold.text),
            p.predicted and (p.predicted.label, p.predicted.text),
        )
        for p in found
    ]


GOLD = [Entity("PER", 0, 12), Entity("PER", 17, 19), Entity("PER", 24, 26), Entity("LOC", 30, 34)]
SAID = [
    Entity("PER", 4, 12),
    Entity("PER", 17, 19),
    Entity("PER", 17, 19, id="again"),
    Entity("ORG", 30, 34),
    Entity("ORG", 20, 23),
]


def test_each_kind_is_told_in_the_order_of_the_text():
    found = pairs(
        GOLD, SAID, "entities/strict", unplaced=[Unplaced("entities", "PER", "absent", "Di")]
    )

    assert told(found) == [
        ("unplaced", None, ("PER", "")),
        ("incorrect", ("PER", "Ada Lovelace"), ("PER", "Lovelace")),
        ("correct", ("PER", "Bo"), ("PER", "Bo")),
        ("duplicate", None, ("PER", "Bo")),
        ("spurious", None, ("ORG", "and")),
        ("missing", ("PER", "Cy"), None),
        ("incorrect", ("LOC", "Rome"), ("ORG", "Rome")),
    ]


def test_what_has_no_place_has_no_offsets():
    (found,) = pairs([], [], "ner", unplaced=[Unplaced("entities", "PER", "absent", "Di")])

    assert found == ("d", "unplaced", None, ("PER", -1, -1, (), "", None, ()))


def test_pairs_of_one_place_stand_in_the_order_of_their_labels():
    gold, said = [Entity(label, 0, 3) for label in "CAB"], [Entity(label, 4, 12) for label in "CAB"]

    found = pairs(gold, said, "entities/strict")

    assert [(p.kind, (p.gold or p.predicted).label) for p in found] == [
        *(("missing", label) for label in "ABC"),
        *(("spurious", label) for label in "ABC"),
    ]


@pytest.mark.parametrize(
    ("scheme", "first", "last"),
    [
        ("exact", "incorrect", "correct"),
        ("partial", "partial", "correct"),
        ("type", "correct", "incorrect"),
    ],
)
def test_the_kind_is_that_of_the_scheme(scheme, first, last):
    kinds = {(p.gold.text): p.kind for p in pairs(GOLD, SAID, f"entities/{scheme}") if p.gold}

    assert kinds == {"Ada Lovelace": first, "Bo": "correct", "Cy": "missing", "Rome": last}


def test_of_one_span_equal_labels_answer_each_other_first_and_then_by_name():
    gold, said = [Entity(label, 0, 3) for label in "BCA"], [Entity(label, 0, 3) for label in "DCE"]

    found = pairs(gold, said, "entities/exact")

    assert [(p.gold.label, p.predicted.label) for p in found] == [
        ("A", "D"),
        ("B", "E"),
        ("C", "C"),
    ]


def test_fragments_and_offsets_are_those_of_the_document():
    broken = Entity("PER", 0, 19, fragments=((0, 3), (17, 19)))
    documents = [Document("a", TEXT, []), Document("b", TEXT, [broken])]

    (found,) = score(Corpus(documents), Corpus(documents), "ner").pairs("ner")

    assert found.document == "b"
    assert (
        found.gold
        == found.predicted
        == ("PER", 0, 19, ((0, 3), (17, 19)), "Ada Lovelace met Bo", None, ())
    )


def test_layers_that_are_sets_show_each_item_once():
    events = [
        Event("Meet", Span(13, 16), [Argument("Who", 0, 12)]),
        Event("Greet", Span(13, 16), [Argument("Who", 0, 12)]),
    ]
    both = Corpus([Document("d", TEXT, events=events)])

    assert told(score(both, both, "tri-i").pairs("tri-i")) == [
        ("correct", ("Greet", "met"), ("Greet", "met"))
    ]
    assert len(score(both, both, "arg-c").pairs("arg-c")) == 2


def test_characters_make_no_pairs():
    with pytest.raises(
        InputError, match="entities/characters: characters are compared as sets and make no pairs"
    ):
        pairs(GOLD, SAID, "entities/characters")
