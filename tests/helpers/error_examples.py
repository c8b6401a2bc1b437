"""Worked examples of error analysis, by hand: pairs with kinds and details, counts, losses, gains.

An item is (start, end, label); a line of an analysis is (kind, detail, gold item, predicted item).
Ratios are rounded to six decimals.
"""

from typing import NamedTuple

ROYAL_SOCIETY = "Ada Lovelace wrote to Charles Babbage of the Royal Society of London in 1843."


class SpanExample(NamedTuple):
    name: str
    text: str
    gold: list
    predicted: list
    items: list
    f1: float
    losses: dict
    gains: dict
    without_false_positives: float
    without_false_negatives: float


SPAN_EXAMPLES = [
    SpanExample(
        "one of each kind",
        ROYAL_SOCIETY,
        [(0, 12, "PER"), (22, 37, "PER"), (45, 68, "ORG"), (72, 76, "DATE")],
        [(4, 12, "PER"), (22, 37, "ORG"), (45, 58, "ORG"), (62, 68, "LOC")],
        [
            ("boundary", "too short", (0, 12, "PER"), (4, 12, "PER")),
            ("label", None, (22, 37, "PER"), (22, 37, "ORG")),
            ("boundary", "too short", (45, 68, "ORG"), (45, 58, "ORG")),
            ("spurious", "split", None, (62, 68, "LOC")),
            ("missed", None, (72, 76, "DATE"), None),
        ],
        0.0,
        {"label": 0.25, "boundary": 0.5, "missed": 0.125, "spurious": 0.125},
        {"label": 0.25, "boundary": 0.5, "missed": 0.222222, "spurious": 0.0},
        0.0,
        0.666667,
    ),
    SpanExample(
        "of two gold items under one prediction the one that shares more is paired",
        "xxxxxxxxxxxx",
        [(0, 6, "A"), (6, 10, "A")],
        [(2, 8, "A")],
        [
            ("boundary", "shifted", (0, 6, "A"), (2, 8, "A")),
            ("missed", "merged", (6, 10, "A"), None),
        ],
        0.0,
        {"boundary": 0.666667, "missed": 0.333333},
        {"boundary": 0.666667, "missed": 0.5},
        0.0,
        0.8,
    ),
    SpanExample(
        "of the pairings with one boundary error the one with another pair is taken",
        "xxxxxxxxxx",
        [(0, 4, "A"), (3, 8, "A")],
        [(2, 6, "A"), (0, 2, "B")],
        [
            ("label+boundary", "too short", (0, 4, "A"), (0, 2, "B")),
            ("boundary", "shifted", (3, 8, "A"), (2, 6, "A")),
        ],
        0.0,
        {"boundary": 0.5, "label+boundary": 0.5},
        {"boundary": 0.5, "label+boundary": 0.5},
        0.0,
        0.666667,
    ),
    SpanExample(
        "touching items do not overlap",
        "xxxxxxxxxx",
        [(0, 5, "A")],
        [(5, 9, "A")],
        [("missed", None, (0, 5, "A"), None), ("spurious", None, None, (5, 9, "A"))],
        0.0,
        {"missed": 0.5, "spurious": 0.5},
        {"missed": 0.666667, "spurious": 0.0},
        0.0,
        0.666667,
    ),
    SpanExample(
        "an inner item in a correct outer one is nested, not merged",
        "xxxxxxxxxxxx",
        [(0, 10, "ORG"), (3, 6, "LOC")],
        [(0, 10, "ORG")],
        [
            ("correct", None, (0, 10, "ORG"), (0, 10, "ORG")),
            ("missed", "nested", (3, 6, "LOC"), None),
        ],
        0.666667,
        {"missed": 0.333333},
        {"missed": 0.333333},
        0.0,
        0.333333,
    ),
    SpanExample(
        "two labels on one span, two other labels predicted",
        "xxxxxx",
        [(0, 4, "A"), (0, 4, "B")],
        [(0, 4, "C"), (0, 4, "D")],
        [
            ("label", None, (0, 4, "A"), (0, 4, "C")),
            ("label", None, (0, 4, "B"), (0, 4, "D")),
        ],
        0.0,
        {"label": 1.0},
        {"label": 1.0},
        0.0,
        0.666667,
    ),
]


class CountExample(NamedTuple):
    name: str
    counts: dict
    gold: int
    predicted: int
    f1: float
    losses: dict
    gains: dict
    without_false_positives: float
    without_false_negatives: float


COUNT_EXAMPLES = [
    CountExample(
        "every kind but unplaced",
        {
            "correct": 60,
            "label": 10,
            "boundary": 8,
            "label+boundary": 2,
            "missed": 20,
            "spurious": 15,
            "duplicate": 5,
        },
        100,
        100,
        0.6,
        {
            "label": 0.1,
            "boundary": 0.08,
            "label+boundary": 0.02,
            "missed": 0.1,
            "spurious": 0.075,
            "duplicate": 0.025,
        },
        {
            "label": 0.1,
            "boundary": 0.08,
            "label+boundary": 0.02,
            "missed": 0.127273,
            "spurious": 0.048649,
            "duplicate": 0.015385,
        },
        0.15,
        0.233333,
    ),
    CountExample(
        "nothing predicted", {"missed": 7}, 7, 0, 0.0, {"missed": 1.0}, {"missed": 1.0}, 0.0, 1.0
    ),
    CountExample("no error", {"correct": 4}, 4, 4, 1.0, {}, {}, 0.0, 0.0),
]

# Of the first span example: each error counts once, and nothing is correct.
FAIR_EXAMPLE = {"shared": 4, "missed": 1, "precision": 0.0, "recall": 0.0, "f1": 0.0}

# (gold, predicted, tp) of each document; the documents with errors, the largest share first
DOCUMENT_EXAMPLE = {
    "documents": {"d1": (10, 8, 7), "d2": (3, 9, 2), "d3": (5, 5, 5)},
    "f1": 0.7,
    "losses": {"d1": 0.1, "d2": 0.2, "d3": 0.0},
    "order": ["d2", "d1"],
}

# (tp of A, predicted by A, tp of B, predicted by B, gold) of each label
DIFFERENCE_EXAMPLE = {
    "units": {
        "PER": (40, 50, 45, 52, 60),
        "ORG": (20, 30, 18, 40, 50),
        "LOC": (30, 33, 33, 35, 40),
    },
    "f1_a": 0.684411,
    "f1_b": 0.693141,
    "difference": 0.00873,
    "contributions": {"PER": 0.031956, "ORG": -0.040356, "LOC": 0.017131},
}


class EventExample(NamedTuple):
    """Events are (type, trigger, arguments); an argument is (role, start, end). Pairs of arguments
    are (kind, state of the event, needs, gold, predicted), each argument as (type, trigger, role,
    span). scores: (tp, predicted, gold) of each metric, as predicted and with correct triggers.
    """

    name: str
    text: str
    gold: list
    predicted: list
    triggers: list
    arguments: list
    scores: dict
    scores_with_correct_triggers: dict
    losses: dict
    gains: dict


EVENT_EXAMPLE = EventExample(
    "a wrong role, a wrong event type that the argument inherits, an argument of another event",
    "Rebels attacked the town and soldiers fled on Monday.",
    [
        ("Attack", (7, 15), [("Attacker", 0, 6), ("Target", 20, 24)]),
        ("Flee", (38, 42), [("Agent", 29, 37), ("Time", 46, 52)]),
    ],
    [
        ("Attack", (7, 15), [("Attacker", 0, 6), ("Place", 20, 24), ("Time", 46, 52)]),
        ("Die", (38, 42), [("Agent", 29, 37)]),
    ],
    [
        ("correct", None, (7, 15, "Attack"), (7, 15, "Attack")),
        ("label", None, (38, 42, "Flee"), (38, 42, "Die")),
    ],
    [
        (
            "correct",
            "correct",
            (),
            ("Attack", (7, 15), "Attacker", (0, 6)),
            ("Attack", (7, 15), "Attacker", (0, 6)),
        ),
        (
            "role",
            "correct",
            ("role",),
            ("Attack", (7, 15), "Target", (20, 24)),
            ("Attack", (7, 15), "Place", (20, 24)),
        ),
        (
            "event",
            "label",
            ("event",),
            ("Flee", (38, 42), "Agent", (29, 37)),
            ("Die", (38, 42), "Agent", (29, 37)),
        ),
        (
            "attachment",
            None,
            ("attachment",),
            ("Flee", (38, 42), "Time", (46, 52)),
            ("Attack", (7, 15), "Time", (46, 52)),
        ),
    ],
    {
        "tri-i": (2, 2, 2),
        "tri-c": (1, 2, 2),
        "arg-i": (2, 4, 4),
        "arg-c": (1, 4, 4),
        "arg-i+": (2, 4, 4),
        "arg-c+": (1, 4, 4),
    },
    {
        "tri-i": (2, 2, 2),
        "tri-c": (2, 2, 2),
        "arg-i": (3, 4, 4),
        "arg-c": (2, 4, 4),
        "arg-i+": (3, 4, 4),
        "arg-c+": (2, 4, 4),
    },
    {"role": 0.25, "event": 0.25, "attachment": 0.25},
    {"role": 0.25, "event": 0.25, "attachment": 0.25},
)


class AttributionExample(NamedTuple):
    """Attributions are {part: fragments}. pairs: (gold index, predicted index, status of each
    part). attached_elsewhere: (part, predicted index, gold index that has the part).
    """

    name: str
    text: str
    gold: list
    predicted: list
    pairs: list
    missed: list
    spurious: list
    attached_elsewhere: list


ATTRIBUTION_EXAMPLE = AttributionExample(
    "the source of another attribution, a content too short, a missed source and attribution",
    '"We won," said Ada. Bob added that they had lost, according to a memo.',
    [
        {"source": ((15, 18),), "cue": ((10, 14),), "content": ((0, 9),)},
        {"source": ((20, 23),), "cue": ((24, 29),), "content": ((30, 48),)},
        {"source": ((63, 69),), "cue": ((50, 62),), "content": ((20, 48),)},
    ],
    [
        {"source": ((20, 23),), "cue": ((10, 14),), "content": ((1, 7),)},
        {"source": (), "cue": ((24, 29),), "content": ((30, 48),)},
    ],
    [
        (0, 0, {"source": "wrong place", "cue": "correct", "content": "too short"}),
        (1, 1, {"source": "missed", "cue": "correct", "content": "correct"}),
    ],
    [2],
    [],
    [("source", 0, 1)],
)
