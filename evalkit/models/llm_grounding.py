"""What did a language model say?

The JSON of an answer in; the document with its marks, and how they were found, out.

An item that is malformed, or whose quote is not in the text, becomes `Unplaced` with the reason and
stays in the score as predicted:

    event            without trigger: one trigger, its realis and each of its arguments
    attribution      source or cue not in the text: that part; content not in the text: every part,
                     and the whole

Where words stand several times and the context does not say which are meant, an argument takes the
place nearest to its trigger, in the trigger's sentence if there is one, and a source or content
does so by its cue. All places stay on record as `choices`.

Which of several places is meant, where neither the quote nor its context says?

The one nearest to what it belongs to.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.data.document import Argument, Attribution, Document, Entity, Event, Span, Unplaced
from evalkit.data.text import sentences
from evalkit.models.grounding import Grounding, Quote, count_outcomes, ground_quotes
from evalkit.models.llm_json import DuplicateKeys
from evalkit.models.malformed_answers import note_malformed
from evalkit.models.python_function import UNLABELLED

Range = tuple[int, int]


@dataclass(eq=False)
class GroundedQuote:
    """A quote of the answer, and where it was found."""

    quote: Quote
    found: Grounding = field(default_factory=lambda: Grounding("absent"))
    at: Range = (0, 0)

    @property
    def absent(self) -> bool:
        """Whether it is nowhere in the text."""
        return self.found.match_type == "absent"

    @property
    def span(self) -> Span:
        """Where it stands."""
        return Span(*self.at)


class NearestPlacement:
    """Moves marks of one text; equal marks of one group never to the same place, as long as there
    are others.
    """

    def __init__(self, text: str) -> None:
        """Split nothing yet: few answers need sentences."""
        self.text = text
        self._sentences: list[Range] | None = None
        self._taken: dict[tuple[Any, str], set[Range]] = {}

    def move(self, mark: GroundedQuote, anchor: Range) -> None:
        """Move a mark that may stand in several places to the one nearest to its anchor that no
        equal one has.
        """
        places = mark.found.candidates
        if len(places) < 2:
            return
        taken = self._taken.setdefault((mark.quote.group, mark.quote.text), set())
        if len(taken) >= len(places):
            return
        first, last = self._sentence(anchor[0])
        inside = places[bisect_left(places, (first, 0)) : bisect_left(places, (last, 0))]
        for pool in (inside, places):
            for place in _outwards(pool, anchor):
                if place not in taken:
                    taken.add(place)
                    mark.at = place
                    return

    def _sentence(self, position: int) -> Range:
        if self._sentences is None:
            self._sentences = sentences(self.text)
        at = bisect_right(self._sentences, (position, len(self.text)))
        return self._sentences[at - 1] if at else (0, 0)


def _outwards(places: Sequence[Range], anchor: Range) -> Iterator[Range]:
    """Places in order, the nearest to an anchor first; of two as near, the one before it."""
    after = bisect_left(places, anchor)
    before = after - 1
    while before >= 0 or after < len(places):
        left = anchor[0] - places[before][1] if before >= 0 else None
        right = places[after][0] - anchor[1] if after < len(places) else None
        if right is None or (left is not None and left <= right):
            yield places[before]
            before -= 1
        else:
            yield places[after]
            after += 1


def limit_candidates(mark: GroundedQuote, most: int) -> Sequence[Range]:
    """The places of a mark, at most so many, among them the one that it has."""
    places = mark.found.candidates
    if len(places) <= most:
        return places
    first = max(0, min(bisect_left(places, mark.at), len(places) - most))
    return places[first : first + most]


MOST_CHOICES = 200_000  # pairs of offsets that one document keeps as `choices`
NOT_IN_TEXT, NO_QUOTE, NO_OBJECT = "not in the text", "its quote is no text", "not an object"
EXPECTED = (
    '{"label": "PER", "quote": "Ada", "context": "Ada met"}, with the keys that the prompt names'
)
UNPLACED_REASONS = {
    "trigger": "its trigger has no place in the text",
    "content": "its content has no place in the text",
}


@dataclass(frozen=True)
class GroundedAnswer:
    """The document as it was answered, with a note if all items are malformed, and `grounding`: how
    its quotes were found (JSON values alone).
    """

    document: Document
    grounding: dict[str, Any]


def ground_answer(document: Document, lists: dict[str, list[Any]]) -> GroundedAnswer:
    """The document with the marks of an answer. What has no place in the text is in `unplaced`."""
    return _AnswerGrounder(document, lists).said()


class _AnswerGrounder:
    """One answer on its way into one document: first all quotes are gathered, then found together,
    then marks made of them.
    """

    def __init__(self, document: Document, lists: dict[str, list[Any]]) -> None:
        self.document, self.lists = document, lists
        self.unplaced: list[Unplaced] = []
        self.unparsable = 0
        self.malformed: list[tuple[Any, str]] = []
        self.marks: list[GroundedQuote] = []
        self.choices: list[tuple[str, int, str, GroundedQuote]] = []
        self.nearest = NearestPlacement(document.text)

    def said(self) -> GroundedAnswer:
        entities = [self._entity(item) for item in self.lists.get("entities", ())]
        events = [self._event(n, item) for n, item in enumerate(self.lists.get("events", ()))]
        attributions = [
            self._attribution(n, item) for n, item in enumerate(self.lists.get("attributions", ()))
        ]
        for mark, found in zip(
            self.marks, ground_quotes(self.document.text, [mark.quote for mark in self.marks])
        ):
            mark.found, mark.at = found, (found.start, found.end)
        layers: dict[str, Any] = {}
        if "entities" in self.lists:
            layers["entities"] = tuple(self._entities(filter(None, entities)))
        if "events" in self.lists:
            layers["events"] = tuple(self._events(filter(None, events)))
        if "attributions" in self.lists:
            layers["attributions"] = tuple(self._attributions(filter(None, attributions)))
        answered = Document(
            self.document.id, self.document.text, **layers, unplaced=tuple(self.unplaced)
        )
        if self.malformed and not self.marks:
            answered = note_malformed(answered, *self.malformed[0], EXPECTED)
        return GroundedAnswer(answered, self._grounding())

    # What an item says: its names and its quotes. What is malformed is noted, and nothing made of
    # it.

    def _entity(self, item: Any) -> tuple[str, GroundedQuote] | None:
        label = self._name(item, "label")
        mark = self._mark(item, ("entities", label, ""))
        problem = _problem(item, "label", label, mark, NO_QUOTE)
        if problem or not mark:
            self._add_unplaced("entities", label, problem, item, malformed=True)
            return None
        return label, mark

    def _event(
        self, n: int, item: Any
    ) -> tuple[str, GroundedQuote, str | None, list[tuple[str, GroundedQuote]]] | None:
        label, told = self._name(item, "type"), _dict(item)
        mark = self._mark(told.get("trigger"), ("triggers", label, ""))
        problem = _problem(item, "type", label, mark, "no trigger")
        arguments = [
            found
            for each in self._list(told)
            if (found := self._argument(n, each, lost=bool(problem)))
        ]
        realis = self._realis(told.get("realis"))
        if problem or not mark:
            if realis is not None:
                self._add_unplaced("realis", realis, UNPLACED_REASONS["trigger"], None)
            self._add_unplaced("triggers", label, problem, told.get("trigger"), malformed=True)
            return None
        return label, mark, realis, arguments

    def _list(self, told: dict[str, Any]) -> list[Any]:
        arguments = told.get("arguments")
        return (
            arguments if isinstance(arguments, list) else [] if arguments is None else [arguments]
        )

    def _argument(self, n: int, item: Any, *, lost: bool) -> tuple[str, GroundedQuote] | None:
        role = self._name(item, "role")
        quote = None if lost else self._mark(item, ("arguments", role, n))
        problem = (
            UNPLACED_REASONS["trigger"] if lost else _problem(item, "role", role, quote, NO_QUOTE)
        )
        if problem or not quote:
            self._add_unplaced("arguments", role, problem, item, malformed=not lost)
            return None
        return role, quote

    def _realis(self, value: Any) -> str | None:
        if value is None or (isinstance(value, str) and value):
            return value
        self._add_unplaced("realis", UNLABELLED, "its realis is no text", None, malformed=True)
        return None

    def _attribution(self, n: int, item: Any) -> tuple[str | None, dict[str, GroundedQuote]] | None:
        told = _dict(item)
        parts: dict[str, Any] = {
            part: told[part] for part in ("source", "cue", "content") if told.get(part) is not None
        }
        faults = {
            part: NO_QUOTE
            for part, said in parts.items()
            if not isinstance(_dict(said).get("quote"), str)
        }
        if "content" not in parts:
            faults["content"] = _problem(item) or "no content"
        for part, fault in faults.items():
            self._add_unplaced("attributions", part, fault, parts.get(part), malformed=True)
        whole = {part: said for part, said in parts.items() if part not in faults}
        if "content" in faults:
            self._add_contentless({part: said["quote"] for part, said in whole.items()})
            return None
        kind = told.get("type")
        marks = {
            part: self._mark(said, ("attributions", part, "" if part == "cue" else n))
            for part, said in whole.items()
        }
        return kind if isinstance(kind, str) and kind else None, {
            part: mark for part, mark in marks.items() if mark
        }

    def _add_contentless(self, quotes: dict[str, str]) -> None:
        self.unplaced += [
            Unplaced("attributions", part, UNPLACED_REASONS["content"], quote)
            for part, quote in quotes.items()
        ]
        self.unplaced.append(
            Unplaced("attribution-relations", "attribution", UNPLACED_REASONS["content"])
        )

    def _name(self, item: Any, key: str) -> str:
        name = _dict(item).get(key)
        return name if isinstance(name, str) and name else UNLABELLED

    def _mark(self, item: Any, group: tuple[Any, ...]) -> GroundedQuote | None:
        told = _dict(item)
        quote, context = told.get("quote"), told.get("context")
        if not isinstance(quote, str) or group[1] == UNLABELLED:
            return None
        self.marks.append(
            GroundedQuote(Quote(quote, context if isinstance(context, str) else "", group))
        )
        return self.marks[-1]

    def _add_unplaced(
        self, layer: str, label: str, reason: str, item: Any, *, malformed: bool = False
    ) -> None:
        quote = _dict(item).get("quote")
        self.unparsable += malformed
        if malformed:
            self.malformed.append((item, reason))
        self.unplaced.append(
            Unplaced(layer, label, reason or NOT_IN_TEXT, quote if isinstance(quote, str) else None)
        )

    # Marks, of what was found.

    def _entities(self, each: Iterator[tuple[str, GroundedQuote]]) -> Iterator[Entity]:
        index = 0
        for label, mark in each:
            if mark.absent:
                self._absent("entities", label, mark)
                continue
            self._note("entities", index, "", mark)
            index += 1
            yield Entity(label, *mark.at)

    def _events(self, each: Iterator[Any]) -> Iterator[Event]:
        index = 0
        for label, trigger, realis, arguments in each:
            if trigger.absent:
                self._absent("triggers", label, trigger)
                self.unplaced += (
                    [Unplaced("realis", realis, UNPLACED_REASONS["trigger"])]
                    if realis is not None
                    else []
                )
                self.unplaced += [
                    Unplaced("arguments", role, UNPLACED_REASONS["trigger"], mark.quote.text)
                    for role, mark in arguments
                ]
                continue
            self._note("events", index, "trigger", trigger)
            yield Event(
                label,
                trigger.span,
                tuple(self._arguments(index, trigger, arguments)),
                realis=realis,
            )
            index += 1

    def _arguments(
        self, index: int, trigger: GroundedQuote, each: Sequence[tuple[str, GroundedQuote]]
    ) -> Iterator[Argument]:
        n = 0
        for role, mark in each:
            if mark.absent:
                self._absent("arguments", role, mark)
                continue
            self.nearest.move(mark, trigger.at)
            self._note("events", index, f"arguments[{n}]", mark)
            n += 1
            yield Argument(role, *mark.at)

    def _attributions(
        self, each: Iterator[tuple[str | None, dict[str, GroundedQuote]]]
    ) -> Iterator[Attribution]:
        index = 0
        for kind, marks in each:
            there = {part: mark for part, mark in marks.items() if not mark.absent}
            for part, mark in marks.items():
                if mark.absent:
                    self._absent("attributions", part, mark)
            if "content" not in there:
                self._add_contentless({part: mark.quote.text for part, mark in there.items()})
                continue
            for part, mark in there.items():
                if part != "cue" and "cue" in there:
                    self.nearest.move(mark, there["cue"].at)
                self._note("attributions", index, part, mark)
            index += 1
            spans = {part: mark.span for part, mark in there.items()}
            yield Attribution(spans.get("cue"), spans["content"], spans.get("source"), kind)

    def _absent(self, layer: str, label: str, mark: GroundedQuote) -> None:
        self.unplaced.append(Unplaced(layer, label, NOT_IN_TEXT, mark.quote.text))

    # What is kept of how it was found.

    def _note(self, layer: str, index: int, field: str, mark: GroundedQuote) -> None:
        if len(mark.found.candidates) > 1:
            self.choices.append((layer, index, field, mark))

    def _grounding(self) -> dict[str, Any]:
        each = max(2, MOST_CHOICES // max(len(self.choices), 1))
        choices = [
            [layer, index, field, [list(place) for place in limit_candidates(mark, each)]]
            for layer, index, field, mark in self.choices
        ]
        return {
            **count_outcomes(mark.found for mark in self.marks),
            "unparsable": self.unparsable,
            "choices": choices,
        }


def _dict(item: Any) -> dict[str, Any]:
    return item if isinstance(item, dict) else {}


def _problem(
    item: Any, key: str = "", name: str = "", mark: GroundedQuote | None = None, quoteless: str = ""
) -> str:
    """What is wrong with an item; nothing, if it is well-formed."""
    if isinstance(item, DuplicateKeys):
        return "a key stands twice in it"
    if not isinstance(item, dict):
        return NO_OBJECT
    if name == UNLABELLED:
        return f"no {key}"
    return "" if mark else quoteless
