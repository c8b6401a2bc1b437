"""Where an item counts, worked by hand.

Every layer under every scheme is compared with the oracle in test_definitions.py.
"""

import pytest

from evalkit import Corpus, Document, Entity, Schema, Zone, score
from evalkit.data.schema import ZoneSchema

TEXT = "Ada’s (big) plan, U.S. x-y. “Bo” ran to Rome’s gate"
SCHEMA = Schema(zones={"in": ZoneSchema(), "out": ZoneSchema(primary=())})


def test_a_predicted_item_that_answers_counts_in_the_zone_of_what_it_answers():
    zones = (Zone("in", 0, 12), Zone("in", 12, 20), Zone("out", 20, 30))
    gold = Corpus([Document("d", TEXT, [Entity("A", 13, 18)], zones=zones)], schema=SCHEMA)
    said = Corpus(
        [
            Document(
                "d",
                TEXT,
                [Entity("A", 10, 18), Entity("B", 2, 4), Entity("B", 21, 25)],
                zones=zones,
            )
        ],
        schema=SCHEMA,
    )

    by_zone = dict(
        score(gold, said, "entities/type", zones=["in", "out"])["entities/type"].by_zone()
    )

    assert {zone: (row.tp, row.gold, row.predicted) for zone, row in by_zone.items()} == {
        "in": (1, 1, 2),
        "out": (0, 0, 1),
        "": (0, 0, 0),
    }


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        ((Zone("in", 0, 20), Zone("out", 5, 10)), 15),
        ((Zone("out", 0, 20), Zone("in", 5, 10)), 5),
        ((Zone("in", 0, 5), Zone("in", 5, 9)), 9),
    ],
)
def test_where_zones_overlap_a_character_belongs_to_the_one_that_starts_later(zones, expected):
    both = Corpus([Document("d", TEXT, [Entity("A", 0, 30)], zones=zones)], schema=SCHEMA)

    assert score(both, both, "entities/characters")["entities/characters"].micro.gold == expected
