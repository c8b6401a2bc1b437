"""Conversion of a language model's answer to a document: annotations with quotes become annotations
with offsets.

An item that is malformed, or whose quote is not in the text, becomes `Unplaced` with the reason and
is scored as a wrong prediction:

    event            without trigger: one trigger, its realis and each of its arguments
    attribution      source or cue not in the text: that part; content not in the text: every part,
                     and the whole

Where a quote occurs several times and its context does not distinguish them, an argument takes the
occurrence nearest to its trigger, in the trigger's sentence if there is one, and a source or
content the one nearest to its cue. All occurrences are stored as `choices`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.data.document import Argument, Attribution, Document, Entity, Event, Span, Unplaced
from evalkit.data.grounding import Grounding, Quote, count_outcomes, ground_quotes
from evalkit.data.text import sentences
from evalkit.models.llm_json import DuplicateKeys
from evalkit.models.malformed_answers import UNLABELED, note_malformed

Range = tuple[int, int]

MAX_CHOICES = 200_000  # pairs of offsets that one document stores as `choices`
NOT_IN_TEXT, NO_QUOTE = "not in the text", "its quote is not a string"
TRIGGER_UNPLACED = "its trigger is unplaced"
CONTENT_UNPLACED = "its content is unplaced"
EXPECTED = (
    '{"label": "PER", "quote": "Ada", "context": "Ada met"}, with the keys that the prompt names'
)


@dataclass(eq=False)
class GroundedQuote:
    """A quote of the answer, and the range where it was found."""

    quote: Quote
    grounding: Grounding = field(default_factory=lambda: Grounding("absent"))
    range: Range = (0, 0)

    @property
    def is_absent(self) -> bool:
        """Whether the quote is not in the text."""
        return self.grounding.match_type == "absent"

    @property
    def span(self) -> Span:
        """The span of the range."""
        return Span(*self.range)


class NearestPlacement:
    """Moves ambiguous quotes of one text to the candidate nearest to an anchor; equal quotes of one
    group to different ones, as long as there are enough.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._sentences: list[Range] | None = None  # split when an answer needs them
        self._taken: dict[tuple[Any, str], set[Range]] = {}

    def move(self, quote: GroundedQuote, anchor: Range) -> None:
        """Move an ambiguous quote to the candidate nearest to its anchor that no equal one has."""
        candidates = quote.grounding.candidates
        if len(candidates) < 2:
            return
        taken = self._taken.setdefault((quote.quote.group, quote.quote.text), set())
        if len(taken) >= len(candidates):
            return
        first, last = self._sentence_at(anchor[0])
        in_sentence = candidates[
            bisect_left(candidates, (first, 0)) : bisect_left(candidates, (last, 0))
        ]
        for pool in (in_sentence, candidates):
            for candidate in _nearest_first(pool, anchor):
                if candidate not in taken:
                    taken.add(candidate)
                    quote.range = candidate
                    return

    def _sentence_at(self, position: int) -> Range:
        """The sentence at a position."""
        if self._sentences is None:
            self._sentences = sentences(self.text)
        index = bisect_right(self._sentences, (position, len(self.text)))
        return self._sentences[index - 1] if index else (0, 0)


def _nearest_first(ranges: Sequence[Range], anchor: Range) -> Iterator[Range]:
    """Sorted ranges, the nearest to an anchor first; at equal distance the one before it."""
    after = bisect_left(ranges, anchor)
    before = after - 1
    while before >= 0 or after < len(ranges):
        left = anchor[0] - ranges[before][1] if before >= 0 else None
        right = ranges[after][0] - anchor[1] if after < len(ranges) else None
        if right is None or (left is not None and left <= right):
            yield ranges[before]
            before -= 1
        else:
            yield ranges[after]
            after += 1


def limit_candidates(quote: GroundedQuote, max_count: int) -> Sequence[Range]:
    """The candidates of a quote, at most `max_count`, among them its own range."""
    candidates = quote.grounding.candidates
    if len(candidates) <= max_count:
        return candidates
    first = max(0, min(bisect_left(candidates, quote.range), len(candidates) - max_count))
    return candidates[first : first + max_count]


@dataclass(frozen=True)
class GroundedAnswer:
    """The annotated document, with a note if all items are malformed, and `grounding`: how its
    quotes were found (JSON values only).
    """

    document: Document
    grounding: dict[str, Any]


def ground_answer(document: Document, lists: dict[str, list[Any]]) -> GroundedAnswer:
    """The document with the annotations of an answer, given as the list of each layer. Annotations
    that are not in the text are in `unplaced`.
    """
    return _AnswerGrounder(document, lists).ground()


@dataclass
class _QuotedEvent:
    """An event of the answer."""

    label: str
    trigger: GroundedQuote
    realis: str | None
    arguments: list[tuple[str, GroundedQuote]]


class _AnswerGrounder:
    """Grounds one answer: all quotes are collected, then found together, then made into
    annotations.
    """

    def __init__(self, document: Document, lists: dict[str, list[Any]]) -> None:
        self.document, self.lists = document, lists
        self.unplaced: list[Unplaced] = []
        self.malformed: list[tuple[Any, str]] = []
        self.quotes: list[GroundedQuote] = []
        self.choices: list[tuple[str, int, str, GroundedQuote]] = []
        self.nearest = NearestPlacement(document.text)

    def ground(self) -> GroundedAnswer:
        """The document with the annotations of the answer, and how its quotes were found."""
        entities = [self._read_entity(item) for item in self.lists.get("entities", ())]
        events = [
            self._read_event(index, item) for index, item in enumerate(self.lists.get("events", ()))
        ]
        attributions = [
            self._read_attribution(index, item)
            for index, item in enumerate(self.lists.get("attributions", ()))
        ]
        groundings = ground_quotes(self.document.text, [quote.quote for quote in self.quotes])
        for quote, grounding in zip(self.quotes, groundings):
            quote.grounding, quote.range = grounding, (grounding.start, grounding.end)
        layers: dict[str, Any] = {}
        if "entities" in self.lists:
            layers["entities"] = tuple(self._entities(filter(None, entities)))
        if "events" in self.lists:
            layers["events"] = tuple(self._events(filter(None, events)))
        if "attributions" in self.lists:
            layers["attributions"] = tuple(self._attributions(filter(None, attributions)))
        annotated = Document(
            self.document.id, self.document.text, **layers, unplaced=tuple(self.unplaced)
        )
        if self.malformed and not self.quotes:
            annotated = note_malformed(annotated, *self.malformed[0], EXPECTED)
        return GroundedAnswer(annotated, self._grounding())

    # Reading the items: their labels and quotes. A malformed item is added to `unplaced`.

    def _read_entity(self, item: Any) -> tuple[str, GroundedQuote] | None:
        """The label and quote of an entity; None for a malformed one."""
        label = _name(item, "label")
        quote = self._add_quote(item, ("entities", label, ""))
        if quote is None:
            self._add_malformed("entities", label, _problem(item, "label", NO_QUOTE), item)
            return None
        return label, quote

    def _read_event(self, index: int, item: Any) -> _QuotedEvent | None:
        """The event of an item; None for one without a trigger."""
        label, fields = _name(item, "type"), _as_dict(item)
        trigger = self._add_quote(fields.get("trigger"), ("triggers", label, ""))
        arguments = []
        for argument in _as_list(fields.get("arguments")):
            if trigger is None:
                self._add_unplaced("arguments", _name(argument, "role"), TRIGGER_UNPLACED, argument)
                continue
            read = self._read_argument(index, argument)
            if read is not None:
                arguments.append(read)
        realis = self._read_realis(fields.get("realis"))
        if trigger is None:
            if realis is not None:
                self._add_unplaced("realis", realis, TRIGGER_UNPLACED, None)
            problem = _problem(item, "type", "no trigger")
            self._add_malformed("triggers", label, problem, fields.get("trigger"))
            return None
        return _QuotedEvent(label, trigger, realis, arguments)

    def _read_argument(self, event_index: int, item: Any) -> tuple[str, GroundedQuote] | None:
        """The role and quote of an argument; None for a malformed one."""
        role = _name(item, "role")
        quote = self._add_quote(item, ("arguments", role, event_index))
        if quote is None:
            self._add_malformed("arguments", role, _problem(item, "role", NO_QUOTE), item)
            return None
        return role, quote

    def _read_realis(self, value: Any) -> str | None:
        """A realis value; None without one, and for one that is not a string."""
        if value is None or (isinstance(value, str) and value):
            return value
        self._add_malformed("realis", UNLABELED, "its realis is not a string", None)
        return None

    def _read_attribution(
        self, index: int, item: Any
    ) -> tuple[str | None, dict[str, GroundedQuote]] | None:
        """The type of an attribution and the quotes of its parts; None without content."""
        fields = _as_dict(item)
        parts: dict[str, Any] = {}
        problems: dict[str, str] = {}
        for part in ("source", "cue", "content"):
            value = fields.get(part)
            if value is None:
                continue
            if isinstance(_as_dict(value).get("quote"), str):
                parts[part] = value
            else:
                problems[part] = NO_QUOTE
        if fields.get("content") is None:
            problems["content"] = _problem(item, "", "no content")
        for part, problem in problems.items():
            self._add_malformed("attributions", part, problem, fields.get(part))
        if "content" in problems:
            self._add_contentless({part: value["quote"] for part, value in parts.items()})
            return None
        quotes = {}
        for part, value in parts.items():
            # Equal cues take successive occurrences; a source or content may be shared.
            group = ("attributions", part, "" if part == "cue" else index)
            quote = self._add_quote(value, group)
            if quote is not None:
                quotes[part] = quote
        label = fields.get("type")
        return label if isinstance(label, str) and label else None, quotes

    def _add_quote(self, item: Any, group: tuple[Any, ...]) -> GroundedQuote | None:
        """The quote of an item; None for an item without quote or label."""
        fields = _as_dict(item)
        quote, context = fields.get("quote"), fields.get("context")
        if not isinstance(quote, str) or group[1] == UNLABELED:
            return None
        context = context if isinstance(context, str) else ""
        self.quotes.append(GroundedQuote(Quote(quote, context, group)))
        return self.quotes[-1]

    def _add_malformed(self, layer: str, label: str, reason: str, item: Any) -> None:
        """Add a malformed item to `unplaced`, with the reason."""
        self.malformed.append((item, reason))
        self._add_unplaced(layer, label, reason, item)

    def _add_unplaced(self, layer: str, label: str, reason: str, item: Any) -> None:
        """Add an item to `unplaced`, with its quote and the reason."""
        quote = _as_dict(item).get("quote")
        self.unplaced.append(
            Unplaced(layer, label, reason, quote if isinstance(quote, str) else None)
        )

    def _add_contentless(self, quotes: dict[str, str]) -> None:
        """Add the parts of an attribution whose content is unplaced, and the attribution."""
        for part, quote in quotes.items():
            self.unplaced.append(Unplaced("attributions", part, CONTENT_UNPLACED, quote))
        self.unplaced.append(Unplaced("attribution-relations", "attribution", CONTENT_UNPLACED))

    # Annotations from the quotes that were found.

    def _entities(self, items: Iterator[tuple[str, GroundedQuote]]) -> Iterator[Entity]:
        """The entities whose quotes are in the text."""
        index = 0
        for label, quote in items:
            if quote.is_absent:
                self._add_absent("entities", label, quote)
                continue
            self._note_choices("entities", index, "", quote)
            index += 1
            yield Entity(label, *quote.range)

    def _events(self, events: Iterator[_QuotedEvent]) -> Iterator[Event]:
        """The events whose triggers are in the text."""
        index = 0
        for event in events:
            if event.trigger.is_absent:
                self._add_absent_event(event)
                continue
            self._note_choices("events", index, "trigger", event.trigger)
            arguments = tuple(self._arguments(index, event))
            yield Event(event.label, event.trigger.span, arguments, realis=event.realis)
            index += 1

    def _arguments(self, event_index: int, event: _QuotedEvent) -> Iterator[Argument]:
        """The arguments whose quotes are in the text."""
        index = 0
        for role, quote in event.arguments:
            if quote.is_absent:
                self._add_absent("arguments", role, quote)
                continue
            self.nearest.move(quote, event.trigger.range)
            self._note_choices("events", event_index, f"arguments[{index}]", quote)
            index += 1
            yield Argument(role, *quote.range)

    def _attributions(
        self, attributions: Iterator[tuple[str | None, dict[str, GroundedQuote]]]
    ) -> Iterator[Attribution]:
        """The attributions whose contents are in the text."""
        index = 0
        for label, quotes in attributions:
            present = {}
            for part, quote in quotes.items():
                if quote.is_absent:
                    self._add_absent("attributions", part, quote)
                else:
                    present[part] = quote
            if "content" not in present:
                self._add_contentless({part: quote.quote.text for part, quote in present.items()})
                continue
            for part, quote in present.items():
                if part != "cue" and "cue" in present:
                    self.nearest.move(quote, present["cue"].range)
                self._note_choices("attributions", index, part, quote)
            index += 1
            spans = {part: quote.span for part, quote in present.items()}
            yield Attribution(spans.get("cue"), spans["content"], spans.get("source"), label)

    def _add_absent(self, layer: str, label: str, quote: GroundedQuote) -> None:
        """Add a quote that is not in the text to `unplaced`."""
        self.unplaced.append(Unplaced(layer, label, NOT_IN_TEXT, quote.quote.text))

    def _add_absent_event(self, event: _QuotedEvent) -> None:
        """Add an event whose trigger is not in the text to `unplaced`, with its arguments."""
        self._add_absent("triggers", event.label, event.trigger)
        if event.realis is not None:
            self.unplaced.append(Unplaced("realis", event.realis, TRIGGER_UNPLACED))
        for role, quote in event.arguments:
            self.unplaced.append(Unplaced("arguments", role, TRIGGER_UNPLACED, quote.quote.text))

    def _note_choices(self, layer: str, index: int, field: str, quote: GroundedQuote) -> None:
        """Store the candidates of an ambiguous quote as choices."""
        if len(quote.grounding.candidates) > 1:
            self.choices.append((layer, index, field, quote))

    def _grounding(self) -> dict[str, Any]:
        """How the quotes were found, as JSON values."""
        max_candidates = max(2, MAX_CHOICES // max(len(self.choices), 1))
        choices = []
        for layer, index, field_path, quote in self.choices:
            ranges = [list(candidate) for candidate in limit_candidates(quote, max_candidates)]
            choices.append([layer, index, field_path, ranges])
        return {
            **count_outcomes(quote.grounding for quote in self.quotes),
            "unparsable": len(self.malformed),
            "choices": choices,
        }


def _as_dict(item: Any) -> dict[str, Any]:
    """An object as it is; any other value as an empty one."""
    return item if isinstance(item, dict) else {}


def _as_list(value: Any) -> list[Any]:
    """A list as it is; None as an empty one; another value as its only item."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _name(item: Any, key: str) -> str:
    """The label, type or role of an item."""
    name = _as_dict(item).get(key)
    return name if isinstance(name, str) and name else UNLABELED


def _problem(item: Any, name_key: str, otherwise: str) -> str:
    """Why an item is malformed; `otherwise` for an object that has a name."""
    if isinstance(item, DuplicateKeys):
        return "a duplicate key in it"
    if not isinstance(item, dict):
        return "not an object"
    if name_key and _name(item, name_key) == UNLABELED:
        return f"no {name_key}"
    return otherwise
