"""TextEE and OneIE: a window of a document as JSON on each line, with indices of its tokens.

    {"doc_id", "wnd_id", "tokens", "text", "entity_mentions": [{"id", "text", "entity_type",
    "start", "end"}],
     "event_mentions": [{"id", "event_type", "trigger": {"text", "start", "end"}, "arguments":
     [{"entity_id", "role", "text"}]}], "relation_mentions"}

(Source: ej0cl6/TextEE at f64dfda.) Indices count the tokens of the window from 0, `end` is one past
the last; an argument is an entity. OneIE calls `text` and `wnd_id` `sentence` and `sent_id`.

**Reading options**

- `text`: given: the tokens must occur in the text of the window in order, with nothing but white
  space between; tokens (and windows without a text): the text is the tokens joined by a space.
- `windows`: joined: consecutive lines with one doc_id are one document, their texts joined by a
  line feed; apart: each is a document, its id the wnd_id.

The `text` of an annotation must be that of its tokens, white space apart. An argument's `ref` is
the entity that it names. Mentions without an entity_type, as in GENEVA, are arguments only; if no
mention of a document has one, its entities were not annotated. Dropped: relations, mention types,
other keys.

**Writing.** A line is a document, and wnd_id is doc_id. Annotations without an id get a generated
one that begins with ~ and is dropped in reading. Two keys are evalkit's, and other readers skip
them: `layers` names the layers that were annotated, and an argument has `ref` where it differs from
the entity's id. Dropped: discontinuous spans, refs to dropped annotations, realis, scores,
attributes, attributions, zones, meta, failed documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.document import Argument, Document, Entity, Event, Span
from evalkit.data.text import Range
from evalkit.errors import InputError, LoadError, UnknownNameError, quoted_repr, spell_option
from evalkit.files import replace_file
from evalkit.formats.conversion import ConversionReport, drop_indistinguishable
from evalkit.formats.entity_refs import ARGUMENT, EntityReferences, is_generated_argument, public_id
from evalkit.formats.json_records import count_unsupported, iter_records, skip_failed
from evalkit.formats.registry import DocumentResults
from evalkit.formats.sentence_tokens import is_same_surface
from evalkit.formats.token_spans import TokenIndex, align_tokens, join_tokens

SUPPORTED_FIELDS = {"entities", "entities.id", "events", "events.id", "arguments.ref"}
WINDOWS = ("joined", "apart")
TEXTS = ("given", "tokens")
OptionalRef = str | None | msgspec.UnsetType


class Mention(msgspec.Struct):
    """An item of entity_mentions: an entity. `sent_idx`, of WikiEvents, is not used."""

    id: str
    start: int
    end: int
    entity_type: str | None = None
    text: str | None = None
    mention_type: str | None = None
    sent_idx: Any = None


class TexteeTrigger(msgspec.Struct):
    """The trigger of an event."""

    start: int
    end: int
    text: str | None = None
    sent_idx: Any = None


class TextEEArgument(msgspec.Struct):
    """An argument of an event."""

    entity_id: str
    role: str
    text: str | None = None
    ref: OptionalRef = msgspec.UNSET


class TextEEEvent(msgspec.Struct):
    """An item of event_mentions: an event."""

    id: str
    event_type: str
    trigger: TexteeTrigger
    arguments: list[TextEEArgument] = []


class Window(msgspec.Struct):
    """A line: a window of a document. `pieces` to `sentence_starts` are not used."""

    doc_id: str
    tokens: list[str]
    wnd_id: str | None = None
    sent_id: str | None = None
    text: str | None = None
    sentence: str | None = None
    entity_mentions: list[Mention] | None = None
    event_mentions: list[TextEEEvent] | None = None
    layers: list[str] | None = None
    pieces: Any = None
    piece_idxs: Any = None
    token_lens: Any = None
    sentence_starts: Any = None


def read(
    path: Path, conversion: ConversionReport, *, windows: str = "joined", text: str = "given"
) -> DocumentResults:
    """Yields the file:line of the first window of each document with the document or LoadError."""
    for option, value, known in (("windows", windows, WINDOWS), ("text", text, TEXTS)):
        if value not in known:
            raise UnknownNameError("value", value, known, within=option)
    records = iter_records(path, Window, conversion)
    yield from read_windows(records, conversion, windows=windows, text=text)


def read_windows(
    records: Iterable[tuple[str, Window | LoadError]],
    conversion: ConversionReport,
    *,
    windows: str,
    text: str,
) -> DocumentResults:
    """Yields the position of the first window of each document with the document, or a LoadError.

    windows, text: the reading options.
    """
    is_joined = windows == "joined"
    group: list[WindowReader] = []
    group_id: str | None = None
    is_lacking = False  # whether a window of the group has an error
    after_unreadable = False  # whether a line before, whose document is not known, is one of it
    for position, record in records:
        id = None if isinstance(record, LoadError) else record.doc_id
        if not is_joined or (id is not None and id != group_id):
            yield from _join_group(group, windows, is_lacking=is_lacking)
            group, group_id, is_lacking = [], id, after_unreadable
        window: WindowReader | LoadError
        if isinstance(record, LoadError):
            window = record
        else:
            window = _read_window(position, record, conversion, rebuild=text == "tokens")
        after_unreadable = is_joined and id is None
        if isinstance(window, LoadError):
            yield position, window
            is_lacking = is_joined
        else:
            group.append(window)
    yield from _join_group(group, windows, is_lacking=is_lacking)


def _join_group(readings: list[WindowReader], windows: str, *, is_lacking: bool) -> DocumentResults:
    """Yields the document of some windows; for one that lacks a window, whose error is given by
    itself, an error without message.
    """
    if readings and is_lacking:
        yield readings[0].position, LoadError([])
    elif readings:
        yield join_windows(readings, windows)


def _read_window(
    position: str, window: Window, conversion: ConversionReport, *, rebuild: bool
) -> WindowReader | LoadError:
    for n, mention in enumerate(window.entity_mentions or ()):
        where = f"{position}: entity_mentions[{n}]"
        if mention.mention_type not in (None, "", "UNK"):
            conversion.add("mention types", where)
        if mention.entity_type is None:
            conversion.add("mentions without entity type, which are arguments only", where)
    try:
        return WindowReader(position, window, rebuild=rebuild)
    except InputError as error:
        return LoadError([f"{position}: {error}"])


def join_windows(readings: list[WindowReader], windows: str) -> tuple[str, Document | InputError]:
    """Returns the position of the first window, and the document of all windows or a LoadError."""
    first = readings[0]
    shift = 0
    annotations: dict[str, Any] = {}
    try:
        for reading in readings:
            for layer, window_annotations in reading.annotations(shift).items():
                annotations.setdefault(layer, []).extend(window_annotations)
            shift += len(reading.text) + 1
        id = first.window.doc_id
        if windows == "apart":
            id = first.window.wnd_id or first.window.sent_id or first.window.doc_id
        text = "\n".join(reading.text for reading in readings)
        return first.position, Document(id, text, **annotations)
    except InputError as error:
        hint = ""
        if len(readings) > 1:
            hint = (
                f"; the document was joined from {len(readings)} windows; use"
                f" {spell_option('windows', 'apart', of='format')} to read each as a document"
            )
        return first.position, LoadError([f"{first.position}: {error}{hint}"])


class WindowReader:
    """A window with its text and the range of each token."""

    def __init__(self, position: str, window: Window, *, rebuild: bool) -> None:
        """Aligns the tokens with the text. Raises InputError if the text does not contain them."""
        self.position, self.window = position, window
        self._untyped = {
            mention.id for mention in window.entity_mentions or () if mention.entity_type is None
        }
        text = window.text if window.text is not None else window.sentence
        if text is None or rebuild:
            self.text, self.positions = join_tokens([window.tokens])
            return
        try:
            self.text, self.positions = text, align_tokens(window.tokens, text)
        except InputError as error:
            raise InputError(
                f"{error}; {spell_option('text', 'tokens', of='format')} rebuilds the text from the"
                " tokens"
            ) from None

    def annotations(self, shift: int) -> dict[str, list[Any]]:
        """Returns a list of annotations for each layer that was annotated.

        `shift` is the offset of the window in the document.
        """
        mentions = self.window.entity_mentions or []
        spans = {
            mention.id: Span(*self._range(mention, f"entity_mentions[{n}]", shift))
            for n, mention in enumerate(mentions)
        }
        entities = []
        for mention in mentions:
            if mention.entity_type is not None and not is_generated_argument(mention.id):
                span = spans[mention.id]
                id = public_id(mention.id)
                entities.append(Entity(mention.entity_type, span.start, span.end, id=id))
        events = [
            self._event(event, n, spans, shift)
            for n, event in enumerate(self.window.event_mentions or ())
        ]
        layers = self._layers()
        annotations: dict[str, list[Any]] = {}
        if "entities" in layers:
            annotations["entities"] = entities
        if "events" in layers:
            annotations["events"] = events
        return annotations

    def _layers(self) -> list[str]:
        """Returns the annotated layers: those of the key `layers`, else those with a key."""
        if self.window.layers is not None:
            return self.window.layers
        layers = []
        if self._has_entities():
            layers.append("entities")
        if self.window.event_mentions is not None:
            layers.append("events")
        return layers

    def _has_entities(self) -> bool:
        """Whether the window has a list of entities, and not only mentions without type, which are
        the arguments of its events.
        """
        mentions = self.window.entity_mentions
        if not mentions:
            return mentions is not None
        return any(mention.entity_type is not None for mention in mentions)

    def _event(self, event: TextEEEvent, n: int, spans: dict[str, Span], shift: int) -> Event:
        where = f"event_mentions[{n}]"
        arguments = []
        for m, part in enumerate(event.arguments):
            if part.entity_id not in spans:
                raise InputError(
                    f"{where}.arguments[{m}].entity_id: unknown id {quoted_repr(part.entity_id)}:"
                    " expected an entity of this line"
                )
            span = spans[part.entity_id]
            ref = public_id(part.entity_id) if part.ref is msgspec.UNSET else part.ref
            if part.entity_id in self._untyped:
                ref = None
            arguments.append(Argument(part.role, span.start, span.end, ref=ref))
        trigger = Span(*self._range(event.trigger, f"{where}.trigger", shift))
        return Event(event.event_type, trigger, tuple(arguments), id=public_id(event.id))

    def _range(self, annotation: Mention | TexteeTrigger, where: str, shift: int) -> Range:
        """Returns the range of an annotation; raises InputError if its text differs."""
        tokens = self.window.tokens
        if not 0 <= annotation.start < annotation.end <= len(tokens):
            raise InputError(
                f"{where}: invalid tokens {annotation.start} to {annotation.end}: expected start <"
                f" end <= {len(tokens)}, from 0, the end exclusive"
            )
        covered = tokens[annotation.start : annotation.end]
        if annotation.text is not None and not is_same_surface(annotation.text, "".join(covered)):
            surface = quoted_repr(" ".join(covered))
            raise InputError(
                f"{where}.text: {quoted_repr(annotation.text)} is not the text of tokens"
                f" {annotation.start} to {annotation.end}: {surface}"
            )
        start, _ = self.positions[annotation.start]
        _, end = self.positions[annotation.end - 1]
        return start + shift, end + shift


def write(documents: Iterable[Document], path: Path, conversion: ConversionReport) -> None:
    """Writes a document on each line."""
    with replace_file(path) as file:
        for document in drop_indistinguishable(documents, conversion, trimmed=True):
            if skip_failed(document, conversion):
                count_unsupported(document, conversion, SUPPORTED_FIELDS)
                file.write(msgspec.json.encode(line(document, conversion)) + b"\n")


def line(document: Document, conversion: ConversionReport) -> dict[str, Any]:
    """Returns a document as a record of TextEE."""
    tokens = TokenIndex(document, conversion)
    links = EntityReferences(document, conversion, tokens.find_token_range)
    entities = []
    for n, entity in enumerate(document.entities or ()):
        token_range = tokens.token_range(entity, "entities", f"entities[{n}]")
        if token_range:
            id = links.add(entity, "T", entity)
            entities.append(_mention(id, entity.label, token_range, tokens))
    events = []
    for n, event in enumerate(document.events or ()):
        if event.trigger is None:
            tokens.count_dropped("events without a trigger", f"events[{n}]")
            continue
        trigger = tokens.token_range(event.trigger, "triggers of events", f"events[{n}].trigger")
        if trigger:
            item: dict[str, Any] = {
                "id": links.add(event, "E"),
                "event_type": event.label,
                "trigger": _surface(trigger, tokens),
            }
            events.append((n, event, item))
    # An argument can refer to any event, so all events get their ids first.
    for n, event, item in events:
        item["arguments"] = list(_arguments(event, n, tokens, links))
    helpers = [_mention(id, ARGUMENT, position, tokens) for position, id in links.helpers.items()]
    return {
        "doc_id": document.id,
        "wnd_id": document.id,
        "text": document.text,
        "tokens": [document.text[start:end] for start, end in tokens.tokens],
        "entity_mentions": entities + helpers,
        "relation_mentions": [],
        "event_mentions": [item for _, _, item in events],
        "layers": [
            layer for layer in ("entities", "events") if getattr(document, layer) is not None
        ],
    }


def _arguments(
    event: Event, n: int, tokens: TokenIndex, links: EntityReferences
) -> Iterator[dict[str, Any]]:
    for m, argument in enumerate(event.arguments):
        where = f"events[{n}].arguments[{m}]"
        token_range = tokens.token_range(argument, "arguments", where)
        if not token_range:
            continue
        id, ref = links.reference_for(argument), argument.ref
        if ref is not None and (public_id(ref) is None or ref not in links.ids):
            tokens.count_dropped("refs to dropped annotations", where)
            ref = None
        surface = _surface(token_range, tokens)["text"]
        item: dict[str, Any] = {"entity_id": id, "role": argument.role, "text": surface}
        if ref != public_id(id):
            item["ref"] = ref
        yield item


def _mention(id: str, label: str, token_range: Range, tokens: TokenIndex) -> dict[str, Any]:
    return {"id": id, "entity_type": label, "mention_type": "UNK", **_surface(token_range, tokens)}


def _surface(token_range: Range, tokens: TokenIndex) -> dict[str, Any]:
    """Returns the text of a range of tokens, and its start and end (exclusive) in tokens."""
    first, last = token_range
    start, _ = tokens.tokens[first]
    _, end = tokens.tokens[last]
    return {"text": tokens.document.text[start:end], "start": first, "end": last + 1}
