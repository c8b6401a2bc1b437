"""Builds documents from the records of a BioC file; bioc.py describes the format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from evalkit.data.document import (
    Argument,
    Attributes,
    Document,
    Entity,
    Event,
    Relation,
    Span,
    Zone,
    span_fragments,
)
from evalkit.errors import DocumentError, InputError, LoadError, quoted_repr, spell_option
from evalkit.formats import offsets as units
from evalkit.formats.bioc_file import (
    BiocAnnotation,
    BiocDocument,
    BiocPassage,
    BiocRelation,
    Infons,
)
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.entity_refs import is_generated_argument, public_id
from evalkit.formats.pubtator_mentions import ARGUMENT_LINKS, LINK, NIL, find_first_mentions

MAX_GAP = 1_000_000  # characters between passages
TRIGGER = "trigger"  # role of the trigger of an event
ROLES = ("head", "tail")
ROLE_ATTRIBUTES = ("head_role", "tail_role")
# Infons with the label of a relation or event, whose infon `type` is then Relation or Event
RELATION_LABELS = ("relation type", "event type", "relation")
# The infons with the concepts of a relation without nodes
CONCEPT_KEYS = (("entity1", "entity2"), ("role1", "role2"), ("Chemical", "Disease"))


class ReadingOptions(NamedTuple):
    """The options of the reader."""

    feature: str
    link: str
    check_text: bool
    counted: units.OffsetConvention


class _Mention(NamedTuple):
    """An annotation with a span, its infons but for the label, and where it is in the record."""

    id: str | None
    label: str
    span: Span
    infons: Infons
    where: str


def iter_unchecked(record: BiocDocument) -> Iterator[units.SurfaceCheck]:
    """Yields text, start, end and surface form of each annotation with one location, unchecked."""
    pieces: list[str] = []
    end = 0
    for passage in record.passages:
        for offset, text, filler in _iter_texts(passage):
            gap = min(max(offset - end, 0), MAX_GAP)
            pieces += [filler * gap, text]
            end = offset + len(text)
    joined = "".join(pieces)
    for _, annotation in _iter_annotations(record):
        if annotation.text and len(annotation.locations) == 1:
            (location,) = annotation.locations
            yield joined, location.offset, location.offset + location.length, annotation.text


def _iter_texts(passage: BiocPassage) -> Iterator[tuple[int, str, str]]:
    """Yields the offset of each text of a passage, the text, and the character with which a gap
    before it is filled.
    """
    if passage.text or not passage.sentences:  # bioc's reader of XML gives a passage the text ""
        yield passage.offset, passage.text or "", "\n"
        return
    for number, sentence in enumerate(passage.sentences):
        yield sentence.offset, sentence.text or "", " " if number else "\n"


def _iter_annotations(record: BiocDocument) -> Iterator[tuple[str, BiocAnnotation]]:
    """Yields each annotation with its path in the record."""
    for where, part in _iter_parts(record):
        for number, annotation in enumerate(part.annotations):
            yield f"{where}annotations[{number}]", annotation


def _iter_parts(record: BiocDocument) -> Iterator[tuple[str, Any]]:
    """Yields passages, sentences and the document, which have annotations and relations, each with
    its path.
    """
    for n, passage in enumerate(record.passages):
        yield f"passages[{n}].", passage
        for m, sentence in enumerate(passage.sentences):
            yield f"passages[{n}].sentences[{m}].", sentence
    yield "", record


class BiocReader:
    """Builds the document of a record."""

    def __init__(
        self,
        record: BiocDocument,
        position: str,
        conversion: ConversionReport,
        options: ReadingOptions,
    ) -> None:
        """Joins the text. Raises InputError if passages overlap or are too far apart."""
        self._record, self._position = record, position
        self._conversion, self._options = conversion, options
        self._zones: list[Zone] = []
        self._text = self._join_text()
        self._offsets = options.counted.converter_for(self._text)

    def document(self) -> Document:
        """Returns the document. Raises LoadError with all invalid annotations."""
        mentions = self._read_mentions()
        plain_relations, events = self._split_relations()
        triggers = {self._trigger_of(event) for _, event in events}
        entities = [mention for mention in mentions if mention.id not in triggers]
        by_id = {mention.id: mention for mention in mentions if mention.id is not None}
        annotated_events = self._read_events(events, by_id)
        places = {mention.id: mention.span for mention in entities if mention.id is not None}
        for event in annotated_events:
            if event.id is not None and event.trigger is not None:
                places.setdefault(event.id, event.trigger)
        relations = list(self._read_relations(plain_relations, places, entities))
        named: set[str | None] = set()
        for relation in relations:
            named.update((relation.head, relation.tail))
        return Document(
            str(self._record.id),
            self._text,
            tuple(self._iter_entities(entities, named)),
            tuple(_with_public_id(event, named) for event in annotated_events),
            relations=tuple(relations),
            zones=tuple(self._zones),
            meta=self._record.infons or None,
        )

    def _count(self, name: str, where: str) -> None:
        self._conversion.add(name, f"{self._position}: {where}")

    # Text

    def _join_text(self) -> str:
        counted = self._options.counted
        pieces: list[str] = []
        length = 0
        previous_end = int(counted.first_offset)  # in the units of the file
        for n, passage in enumerate(self._record.passages):
            start: int | None = None
            for offset, text, filler in _iter_texts(passage):
                gap = offset - previous_end
                if not 0 <= gap <= MAX_GAP:
                    raise InputError(
                        f"passages[{n}]: a text starts at {offset}, and the previous one ends at"
                        f" {previous_end}: expected sorted texts; where offsets count bytes, give"
                        f" {spell_option('offset_unit', 'utf-8', of='format')}"
                    )
                pieces += [filler * gap, text]
                start = length + gap if start is None else start
                length += gap + len(text)
                previous_end = offset + _size_of(text, counted)
            infons = passage.infons or {}
            if len(infons) > ("type" in infons):
                self._count("infons of passages", f"passages[{n}]")
            if len(passage.sentences) > 1:
                self._count("boundaries of sentences", f"passages[{n}]")
            if infons.get("type") and start is not None and start < length:
                self._zones.append(Zone(str(infons["type"]), start, length))
        return "".join(pieces)

    # Annotations

    def _read_mentions(self) -> list[_Mention]:
        mentions: list[_Mention] = []
        errors: list[str] = []
        for where, annotation in _iter_annotations(self._record):
            locations = [each for each in annotation.locations if each.length]
            if not locations:
                what = "of no characters" if annotation.locations else "without a location"
                self._count(f"annotations {what}", where)
                continue
            try:
                mentions.append(self._mention(annotation, where))
            except InputError as error:
                field = getattr(error, "field", "")
                message = getattr(error, "message", str(error))
                path = f"{where}.{field}" if field else where
                document = f"document {quoted_repr(str(self._record.id))}"
                errors.append(f"{self._position}: {document}, {path}: {message}")
        if errors:
            raise LoadError(errors)
        return mentions

    def _mention(self, annotation: BiocAnnotation, where: str) -> _Mention:
        infons = annotation.infons or {}
        label = infons.get(self._options.feature)
        if not isinstance(label, str) or not label:
            keys = ", ".join(infons) or "none"
            feature = next(iter(infons), "NAME")
            raise DocumentError(
                f"no label in the infon {quoted_repr(self._options.feature)}; infons: {keys}; name"
                f" the one with the label, as in {spell_option('feature', feature, of='format')}",
                field="infons",
            )
        ranges = []
        for location in annotation.locations:
            if location.length:
                end = location.offset + location.length
                if self._options.counted.end_offset == "inclusive":
                    end -= 1
                ranges.append(self._offsets.span(location.offset, end))
        ranges.sort()
        fragments = tuple(ranges) if len(ranges) > 1 else ()
        span = Span(ranges[0][0], max(end for _, end in ranges), fragments)
        if span.end > len(self._text):
            raise DocumentError(
                f"{span.end} is past the end of the text (length {len(self._text)})", field="end"
            )
        self._check_text(annotation.text, span, where)
        id = None if annotation.id is None else str(annotation.id)
        others = {k: v for k, v in infons.items() if k != self._options.feature}
        return _Mention(id, label, span, others, where)

    def _check_text(self, surface: str | None, span: Span, where: str) -> None:
        if not surface:
            return
        pieces = [self._text[start:end] for start, end in span_fragments(span)]
        candidates = [" ".join(pieces), "".join(pieces), self._text[span.start : span.end]]
        if any(self._options.counted.same(surface, candidate) for candidate in candidates):
            return
        if not self._options.check_text:
            self._count("annotations whose text differs from that at their offsets", where)
            return
        raise DocumentError(
            f"{quoted_repr(surface)} is not the text at {span.start} to {span.end}:"
            f" {quoted_repr(candidates[0])}; where texts are normalized, give"
            f" {spell_option('check_text', 'false', of='format')}",
            field="text",
        )

    def _iter_entities(
        self, mentions: Sequence[_Mention], named: set[str | None]
    ) -> Iterator[Entity]:
        for mention in mentions:
            if mention.id is not None and is_generated_argument(mention.id):
                continue
            span = mention.span
            yield Entity(
                mention.label,
                span.start,
                span.end,
                id=mention.id if mention.id in named else public_id(mention.id),
                fragments=span.fragments,
                attributes=self._attributes(mention.infons, mention.where),
            )

    def _attributes(self, infons: Infons, where: str) -> Attributes | None:
        """The infons that are not the label as attributes."""
        attributes: Attributes = {}
        for name, value in infons.items():
            if name == self._options.link:
                concept = None if value in NIL or value is None else str(value)
                if concept != "":
                    attributes[LINK] = concept
            elif name == LINK and self._options.link in infons:
                self._count(f"infons {LINK!r} beside {self._options.link!r}", where)
            elif value is None or isinstance(value, (str, int, float, bool)):
                attributes[name] = value
            else:
                self._count("infons that are not a string, number or boolean", where)
        return attributes or None

    # Relations and events

    def _split_relations(
        self,
    ) -> tuple[list[tuple[str, BiocRelation]], list[tuple[str, BiocRelation]]]:
        """The relations of the record and its events, each with its path."""
        relations: list[tuple[str, BiocRelation]] = []
        events: list[tuple[str, BiocRelation]] = []
        for where, part in _iter_parts(self._record):
            for number, relation in enumerate(part.relations):
                is_event = self._trigger_of(relation) is not None
                located = f"{where}relations[{number}]", relation
                (events if is_event else relations).append(located)
        return relations, events

    def _trigger_of(self, relation: BiocRelation) -> str | None:
        """The id of the trigger of an event; None for a relation."""
        triggers = []
        for node in relation.nodes:
            if (node.role or "").lower() == TRIGGER:
                triggers.append(str(node.refid))
        return triggers[0] if len(triggers) == 1 else None

    def _read_events(
        self, events: Sequence[tuple[str, BiocRelation]], mentions: dict[str, _Mention]
    ) -> list[Event]:
        triggers: dict[str, Span] = {}  # by the id of the event
        for _, event in events:
            trigger = mentions.get(self._trigger_of(event) or "")
            if trigger is not None and event.id is not None and str(event.id) not in mentions:
                triggers[str(event.id)] = trigger.span
        read = []
        for where, event in events:
            trigger = mentions.get(self._trigger_of(event) or "")
            labeled = self._label_of(event)
            if trigger is None or labeled is None:
                what = "a trigger that is an annotation" if trigger is None else "a label"
                self._count(f"events without {what}", where)
                continue
            id = None if event.id is None else str(event.id)
            if id in mentions:
                self._count("ids of relations that an annotation has", where)
                id = None
            arguments = []
            for number, node in enumerate(event.nodes):
                ref = str(node.refid)
                if ref == self._trigger_of(event) and (node.role or "").lower() == TRIGGER:
                    continue
                span = mentions[ref].span if ref in mentions else triggers.get(ref)
                if span is None or not node.role:
                    self._count("arguments without a role or an annotation", f"{where}[{number}]")
                    continue
                arguments.append(self._argument(node.role, span, ref, events, mentions))
            label_key, label = labeled
            infons = {k: v for k, v in (event.infons or {}).items() if k != label_key}
            attributes = self._attributes(infons, where)
            read.append(Event(label, trigger.span, tuple(arguments), id=id, attributes=attributes))
        return read

    def _argument(
        self,
        role: str,
        span: Span,
        ref: str,
        events: Sequence[tuple[str, BiocRelation]],
        mentions: dict[str, _Mention],
    ) -> Argument:
        """An argument; its ref is that of an entity or event, and not of a trigger."""
        is_trigger = any(self._trigger_of(event) == ref for _, event in events)
        kept = None if ref in mentions and is_trigger else public_id(ref)
        return Argument(role, span.start, span.end, span.fragments, ref=kept)

    def _label_of(self, relation: BiocRelation) -> tuple[str, str] | None:
        """The infon with the label of a relation or event, and the label; None if it has none."""
        infons = relation.infons or {}
        for name in (*RELATION_LABELS, self._options.feature):
            if isinstance(infons.get(name), str) and infons[name]:
                return name, str(infons[name])
        return None

    def _read_relations(
        self,
        relations: Sequence[tuple[str, BiocRelation]],
        places: dict[str, Span],
        entities: Sequence[_Mention],
    ) -> Iterator[Relation]:
        first = self._find_first_mentions(entities)
        known: set[tuple[str, str, str]] = set()
        annotation_ids = {str(each.id) for _, each in _iter_annotations(self._record)}
        for where, relation in relations:
            labeled = self._label_of(relation)
            if labeled is None:
                self._count("relations without a label", where)
                continue
            label_key, label = labeled
            concepts = _concepts_of(relation.infons or {})
            excluded = {label_key}
            if relation.nodes and not (concepts and not _has_places(relation, places)):
                ends = self._node_ends(relation, places, where)
            elif concepts is not None:
                ends = self._concept_ends(concepts, first, where)
                excluded.update(concepts)
            else:
                self._count("relations that do not have two nodes", where)
                continue
            if ends is None:
                continue
            head, tail, attributes = ends
            if concepts is not None and (label, head, tail) in known:
                self._count("relations that equal another between first mentions", where)
                continue
            known.add((label, head, tail))
            infons = {k: v for k, v in (relation.infons or {}).items() if k not in excluded}
            attributes.update(self._attributes(infons, where) or {})
            id = None if relation.id is None else public_id(str(relation.id))
            if id in annotation_ids:
                self._count("ids of relations that an annotation has", where)
                id = None
            yield Relation(label, head, tail, id=id, attributes=attributes or None)

    def _node_ends(
        self, relation: BiocRelation, places: dict[str, Span], where: str
    ) -> tuple[str, str, Attributes] | None:
        """Head, tail and the attributes with their roles; None if they are not read."""
        if len(relation.nodes) != 2:
            self._count("relations that do not have two nodes", where)
            return None
        nodes = list(relation.nodes)
        if [node.role for node in nodes] == list(reversed(ROLES)):
            nodes.reverse()
        if any(str(node.refid) not in places for node in nodes):
            self._count("relations with an argument that is not read", where)
            return None
        attributes: Attributes = {}
        for node, usual_role, name in zip(nodes, ROLES, ROLE_ATTRIBUTES):
            if node.role and node.role != usual_role:
                attributes[name] = node.role
        return str(nodes[0].refid), str(nodes[1].refid), attributes

    def _find_first_mentions(self, entities: Sequence[_Mention]) -> dict[str, _Mention]:
        mentions = [mention for mention in entities if mention.id is not None]
        links = []
        for mention in mentions:
            link = mention.infons.get(self._options.link)
            links.append((mention.span.start, link if isinstance(link, str) else ""))
        return {concept: mentions[n] for concept, n in find_first_mentions(links).items()}

    def _concept_ends(
        self, concepts: dict[str, str], first: dict[str, _Mention], where: str
    ) -> tuple[str, str, Attributes] | None:
        ends = []
        attributes: Attributes = {}
        for concept, name in zip(concepts.values(), ARGUMENT_LINKS):
            known = concept if concept in first else concept.partition("|")[2]
            mention = first.get(known)
            if mention is None:
                self._count("relations with a concept that is not mentioned", where)
                return None
            if mention.infons.get(self._options.link) != known:
                attributes[name] = known
            ends.append(str(mention.id))
        return ends[0], ends[1], attributes


def _concepts_of(infons: Infons) -> dict[str, str] | None:
    """The infons with the concept ids of a relation of concepts, the head first; None for other
    relations.
    """
    for keys in CONCEPT_KEYS:
        values = [infons.get(key) for key in keys]
        # The JSON of PubTator 3 has objects
        ids = [each.get("identifier") if isinstance(each, dict) else each for each in values]
        if all(isinstance(id, str) and id for id in ids):
            return {key: str(id) for key, id in zip(keys, ids)}
    return None


def _has_places(relation: BiocRelation, places: dict[str, Span]) -> bool:
    """Whether two nodes of a relation are annotations. Those of PubTator 3 are not."""
    return len(relation.nodes) == 2 and all(str(node.refid) in places for node in relation.nodes)


def _with_public_id(event: Event, named: set[str | None]) -> Event:
    """The event without a generated id, unless a relation names it."""
    id = event.id if event.id in named else public_id(event.id)
    return Event(event.label, event.trigger, event.arguments, id=id, attributes=event.attributes)


def _size_of(text: str, counted: units.OffsetConvention) -> int:
    """The length of a text in the units of the file."""
    widths = units.widths_of(text, counted)
    return len(text) if widths is None else int(widths.sum())
