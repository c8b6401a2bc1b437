"""Items of an answer that have a text and no offsets, such as `{"label": "PER", "text": "Ada"}`.

They are unplaced: their texts count in `surfaces`, and they are wrong in the layers of spans. With
the model option `ground` their texts are searched in the document, as in predictions that are read
with the reading option of that name (see evalkit.data.grounding).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from evalkit.data.grounding import Grounding, Quote, count_outcomes, ground_quotes

QUOTE_WITHOUT_OFFSETS = "without offsets; the model option ground searches them in the text"
GROUNDING = "grounding"  # the key of meta with the outcomes, and the choices of ambiguous quotes


def quote_of(item: object) -> str | None:
    """The text of an item without offsets; None for any other item."""
    if not isinstance(item, Mapping):
        return None
    if item.get("start") is not None or item.get("end") is not None:
        return None
    text = item.get("text")
    return text if isinstance(text, str) else None


class GroundedItems(NamedTuple):
    """The items of an answer after a search.

    items: those that were found with `start` and `end`, and without `text`, from which the text of
    the document may differ in case; all others as they are. groundings: by the index of the item.
    """

    items: list[Any]
    groundings: dict[int, Grounding]

    def describe(self, positions: Mapping[int, int]) -> dict[str, Any]:
        """The outcomes and choices, for `meta`. positions: the index of an item to the index of its
        entity in the document.
        """
        choices = []
        for index, grounding in self.groundings.items():
            if len(grounding.candidates) > 1 and index in positions:
                ranges = [list(place) for place in grounding.candidates]
                choices.append(["entities", positions[index], "", ranges])
        return {**count_outcomes(self.groundings.values()), "unparsable": 0, "choices": choices}


def ground_items(text: str, items: Sequence[Any]) -> GroundedItems:
    """Searches the texts of the items without offsets: equal texts take successive occurrences."""
    quotes = {
        index: quote for index, item in enumerate(items) if (quote := quote_of(item)) is not None
    }
    groundings = ground_quotes(text, [Quote(quote) for quote in quotes.values()])
    placed = list(items)
    for index, grounding in zip(quotes, groundings):
        if grounding.match_type != "absent":
            fields = {key: value for key, value in items[index].items() if key != "text"}
            placed[index] = {**fields, "start": grounding.start, "end": grounding.end}
    return GroundedItems(placed, dict(zip(quotes, groundings)))
