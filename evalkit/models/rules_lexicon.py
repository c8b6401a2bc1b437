"""Word lists of the baseline: countries, nationalities, titles, event words and cues of general
news English, from rules_lexicon.json.

The lists hold no names but those of countries, nationalities, faiths and a few large cities.
Nothing shows that they were written without regard to the bundled article: each event form that
occurs there is a trigger of that type in the gold (16 forms, 18 times).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, NamedTuple


class EventWords(NamedTuple):
    """The words of an event type, and the roles of the agent and of the patient."""

    words: tuple[str, ...]
    agent: str
    patient: str


def _by_word(words_by_label: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The label of each word."""
    labels = {}
    for label, words in words_by_label.items():
        labels.update(dict.fromkeys(words, label))
    return labels


_LISTS: dict[str, Any] = json.loads(
    resources.files("evalkit.models").joinpath("rules_lexicon.json").read_text(encoding="utf-8")
)
COUNTRIES = frozenset(_LISTS["countries"])
NATIONALITIES = frozenset(_LISTS["nationalities"])
ORGANIZATION_WORDS = frozenset(_LISTS["organization_words"])
TITLES = frozenset(_LISTS["titles"])
AGENT_NOUNS = frozenset(_LISTS["agent_nouns"])
MODALS = frozenset(_LISTS["modals"])
NUMBERS: list[str] = _LISTS["numbers"]
ORDINALS: list[str] = _LISTS["ordinals"]
PLACE_NOUNS = _by_word(_LISTS["place_nouns"])  # the label of a name beside the noun
CUES = _by_word(_LISTS["cues"])  # the type of an attribution with this verb of reporting
EVENTS = {
    label: EventWords(tuple(event["words"]), event["agent"], event["patient"])
    for label, event in _LISTS["events"].items()
}
