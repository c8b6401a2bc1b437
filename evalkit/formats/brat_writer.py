"""Writes a document as the lines of a brat file; brat_lines.py describes the lines.

Ids in brat's form (T, E or R and a number without leading zeros) are kept. Any other id is replaced
by the next free number, and a note has the original id. Annotations without an id get numbers, too,
and one note lists them:

    #1  evalkit T7  id: "Ada"
    #2  evalkit T1  no id: T1-T6 E1-E4
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from evalkit.data.document import (
    Argument,
    Attribution,
    Document,
    Event,
    Fragments,
    Relation,
    span_fragments,
)
from evalkit.errors import InputError, quoted_repr, spell_option
from evalkit.formats.brat_lines import NOTE, merge_across_line_ends, split_at_line_ends
from evalkit.formats.brat_reader import (
    LABEL,
    PARENT,
    PARTS,
    REALIS,
    RELATION_ROLES,
    BratTypes,
    split_role_number,
)
from evalkit.formats.conversion import ConversionReport

_BRAT_ID = re.compile(r"[TER](0|[1-9][0-9]{0,7})")


class BratWriter:
    """Writes the lines of one document, and counts what brat cannot represent."""

    def __init__(self, document: Document, conversion: ConversionReport, terms: BratTypes) -> None:
        """Chooses the ids of all annotations that are written."""
        self._document, self._conversion, self._terms = document, conversion, terms
        self._where = f"document {quoted_repr(document.id)}"
        self._lines: list[str] = []
        self._attributes = 0
        self._seen: set[Any] = set()
        self._entities: list[tuple[int, Any]] = []
        self._frames: list[tuple[str, int, Any]] = []  # with their layer
        for n, annotation in enumerate(document.entities or ()):
            if self._is_representable("entities", n, annotation):
                self._entities.append((n, annotation))
        for layer in ("events", "attributions"):
            for n, annotation in enumerate(getattr(document, layer) or ()):
                if self._is_representable(layer, n, annotation):
                    self._frames.append((layer, n, annotation))
        self._ids: list[tuple[str, str | None]] = []  # the id in brat and the original one
        self._spans = _IdAllocator("T", [annotation.id for _, annotation in self._entities])
        self._events = _IdAllocator("E", [annotation.id for _, _, annotation in self._frames])
        self._entity_ids = [
            self._allocate_id(self._spans, annotation.id) for _, annotation in self._entities
        ]
        self._frame_ids = [
            self._allocate_id(self._events, annotation.id) for _, _, annotation in self._frames
        ]
        # The id in brat and the annotation, by original id
        self._refs: dict[str, tuple[str, Any]] = {}
        for (_, annotation), id in zip(self._entities, self._entity_ids):
            if annotation.id is not None:
                self._refs[annotation.id] = (id, annotation)
        for (_, _, annotation), id in zip(self._frames, self._frame_ids):
            if annotation.id is not None:
                self._refs[annotation.id] = (id, annotation)
        self._relations: list[tuple[int, Relation]] = []
        for n, relation in enumerate(document.relations or ()):
            if relation.head in self._refs and relation.tail in self._refs:
                self._relations.append((n, relation))
            else:
                conversion.add("relations of dropped annotations", self._at("relations", n))
        allocator = _IdAllocator("R", [relation.id for _, relation in self._relations])
        self._relation_ids = [
            self._allocate_id(allocator, relation.id) for _, relation in self._relations
        ]

    def text(self) -> str:
        """Returns all lines.

        Raises InputError, with the annotation, for one that brat would read as something else.
        """
        for (index, entity), id in zip(self._entities, self._entity_ids):
            where = self._at("entities", index)
            self._bound(id, entity.label, entity, where)
            self._write_attributes(id, entity.attributes, where)
            self._count_score_loss(entity, where)
        for (layer, index, annotation), id in zip(self._frames, self._frame_ids):
            where = self._at(layer, index)
            if layer == "events":
                self._lines.append(self._event(id, annotation, where))
                special_name, special_value = REALIS, annotation.realis
            else:
                self._lines.append(self._attribution(id, annotation, where))
                special_name, special_value = LABEL, annotation.label
            self._write_attributes(id, annotation.attributes, where, special_name, special_value)
            self._count_score_loss(annotation, where)
        for (index, relation), id in zip(self._relations, self._relation_ids):
            where = self._at("relations", index)
            self._write_relation(id, relation, where)
            self._count_score_loss(relation, where)
        self._count_other_fields()
        for n, note in enumerate(self._notes(), start=1):
            self._lines.append(f"#{n}\t{note}")
        return "".join(f"{line}\n" for line in self._lines)

    def _allocate_id(self, allocator: _IdAllocator, id: str | None) -> str:
        brat_id = allocator.allocate(id)
        self._ids.append((brat_id, id))
        return brat_id

    def _notes(self) -> Iterator[str]:
        """Yields the notes that hold original ids."""
        for brat_id, id in self._ids:
            if id is not None and id != brat_id:
                yield f"{NOTE} {brat_id}\tid: {json.dumps(id)}"
        ranges = []
        for kind in "TER":
            unnamed = [brat_id for brat_id, id in self._ids if id is None and brat_id[0] == kind]
            if unnamed:
                ranges.append(f"{unnamed[0]}-{unnamed[-1]}")
        if ranges:
            yield f"{NOTE} {self._ids[0][0]}\tno id: {' '.join(ranges)}"

    def _at(self, layer: str, index: int) -> str:
        return f"{self._where}, {layer}[{index}]"

    def _is_representable(self, layer: str, index: int, annotation: Any) -> bool:
        """Whether an annotation can be written; one that cannot is counted as dropped."""
        where = self._at(layer, index)
        if layer == "entities":
            required_spans = [annotation]
        elif layer == "events":
            required_spans = [annotation.trigger]
        else:
            required_spans = [annotation.cue, annotation.content]
        if None in required_spans:
            name = "events without a trigger" if layer == "events" else "attributions without a cue"
            self._conversion.add(name, where)
            return False
        if not all(self._is_quotable(span, where) for span in required_spans):
            return False
        return self._is_new((layer, *self._identity(annotation)), where)

    def _is_new(self, key: Any, where: str) -> bool:
        """Whether `key` is not that of an earlier annotation.

        Two annotations that differ only in line ends at their edges would be duplicates when read.
        """
        if key in self._seen:
            self._conversion.add(
                "annotations that equal another without the line ends at their edges", where
            )
            return False
        self._seen.add(key)
        return True

    def _identity(self, annotation: Any) -> Iterator[Any]:
        """Yields the values that distinguish an annotation from others when it is read."""
        for name in ("label", "role", "realis", "parent", "ref"):
            yield getattr(annotation, name, None)
        yield json.dumps(getattr(annotation, "attributes", None), sort_keys=True, default=str)
        parts = [
            getattr(annotation, name, None)
            for name in ("trigger", "cue", "content", "source", "source_name")
        ]
        text = self._document.text
        for span in parts if any(parts) else [annotation]:
            yield None if span is None else merge_across_line_ends(text, _pieces(text, span))
        arguments = getattr(annotation, "arguments", ())
        yield tuple(sorted(str(tuple(self._identity(argument))) for argument in arguments))

    def _is_quotable(self, span: Any, where: str) -> bool:
        """Whether a span covers more than line ends."""
        if _pieces(self._document.text, span):
            return True
        self._conversion.add("annotations of nothing but line ends", where)
        return False

    def _bound(self, id: str, label: str, span: Any, where: str) -> str:
        """Writes a T line, and returns its id."""
        text = self._document.text
        pieces = _pieces(text, span)
        if merge_across_line_ends(text, pieces) != span_fragments(span):
            self._conversion.add(
                "line ends at which an annotation begins, ends or is interrupted", where
            )
        offsets = ";".join(f"{start} {end}" for start, end in pieces)
        surface = " ".join(text[start:end] for start, end in pieces)
        self._lines.append(f"{id}\t{_check_name(label, where)} {offsets}\t{surface}")
        return id

    def _event(self, id: str, event: Event, where: str) -> str:
        if event.label in self._terms.attributions:
            raise InputError(
                f"{where}.label: {quoted_repr(event.label)} is the type of attributions; choose"
                f" another type for them with {spell_option('attribution', 'NAME', of='format')}"
            )
        trigger = self._bound(
            self._spans.next(), _check_name(event.label, where, colon=False), event.trigger, where
        )
        parts = [f"{event.label}:{trigger}"]
        role_counts: dict[str, int] = {}
        for n, argument in enumerate(event.arguments):
            position = f"{where}.arguments[{n}]"
            self._count_score_loss(argument, position)
            if argument.head is not None:
                self._conversion.add("heads of arguments", position)
            if not self._is_new(("arguments", id, *self._identity(argument)), position):
                continue
            target = self._target(argument, position)
            if target:
                number = role_counts.get(argument.role, 0) + 1
                role_counts[argument.role] = number
                parts.append(f"{self._role(argument.role, number, position)}:{target}")
        return f"{id}\t{' '.join(parts)}"

    def _role(self, role: str, number: int, where: str) -> str:
        """Returns the name that brat gives to the `number`-th argument with this role."""
        _check_name(role, where, "role", colon=False)
        if not self._terms.numbered:
            return role
        written = role if number == 1 else f"{role}{number}"
        if split_role_number(written) != (role, number):
            raise InputError(
                f"{where}.role: {quoted_repr(written)} would be read as"
                f" {quoted_repr(split_role_number(written)[0])}, since brat numbers roles; use"
                f" {spell_option('roles', 'exact', of='format')}"
            )
        return written

    def _target(self, argument: Argument, where: str) -> str:
        """Returns the id of the target of an argument; "" if the argument cannot be written.

        The target is the referenced entity or event if it has the same span, else a new T line.
        """
        if argument.ref is not None:
            id, annotation = self._refs.get(argument.ref, ("", None))
            is_event = isinstance(annotation, Event)
            span = annotation.trigger if is_event else annotation
            if span is not None and span_fragments(span) == span_fragments(argument):
                label = getattr(annotation, "label", None)
                if label == self._terms.argument and not is_event:
                    raise InputError(
                        f"{where}.ref: {quoted_repr(label)} is the type of arguments that are not"
                        " entities; choose another type for them with"
                        f" {spell_option('argument', 'NAME', of='format')}"
                    )
                return id
            self._conversion.add("references to other spans or to dropped annotations", where)
        if not self._is_quotable(argument, where):
            return ""
        return self._bound(self._spans.next(), self._terms.argument, argument, where)

    def _attribution(self, id: str, attribution: Attribution, where: str) -> str:
        type_name = self._terms.attribution
        cue = self._bound(self._spans.next(), type_name, attribution.cue, f"{where}.cue")
        line = [f"{type_name}:{cue}"]
        for role, part in PARTS.items():
            span = getattr(attribution, part)
            if span is not None and self._is_quotable(span, f"{where}.{part}"):
                target = self._bound(self._spans.next(), role, span, f"{where}.{part}")
                line.append(f"{role}:{target}")
        if attribution.parent in self._refs:
            line.append(f"{PARENT}:{self._refs[attribution.parent][0]}")
        elif attribution.parent is not None:
            self._conversion.add(
                "references to other spans or to dropped annotations", f"{where}.parent"
            )
        return f"{id}\t{' '.join(line)}"

    def _write_relation(self, id: str, relation: Relation, where: str) -> None:
        """Writes a relation and its attributes; those with the names of its roles are the roles."""
        attributes = relation.attributes
        parts = [_check_name(relation.label, where)]
        for name, argument in zip(RELATION_ROLES, (relation.head, relation.tail)):
            role = (attributes or {}).get(name)
            if attributes and isinstance(role, str) and _is_relation_role(role):
                attributes = {key: attributes[key] for key in attributes if key != name} or None
            else:
                role = name
            parts.append(f"{role}:{self._refs[argument][0]}")
        self._lines.append(f"{id}\t{' '.join(parts)}")
        self._write_attributes(id, attributes, where)

    def _write_attributes(
        self,
        id: str,
        attributes: Mapping[str, Any] | None,
        where: str,
        special_name: str = "",
        special_value: str | None = None,
    ) -> None:
        """Writes the attributes of an annotation; in brat, realis and label are attributes, too."""
        if attributes == {}:
            self._conversion.add("empty attributes", where)
        if special_value is not None:
            self._write_attribute(id, special_name, special_value, where)
        for name, value in (attributes or {}).items():
            if name == special_name:
                self._count_unsupported_attribute(name, where)
            else:
                self._write_attribute(id, name, value, where)

    def _write_attribute(self, id: str, name: str, value: Any, where: str) -> None:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        if not _is_plain(name, " ") or not _is_plain(text):
            self._count_unsupported_attribute(name, where)
            return
        if not isinstance(value, str) and value is not True:
            self._conversion.add("attributes that are not text, written as text", f"{where}.{name}")
        self._attributes += 1
        line = f"A{self._attributes}\t{name} {id}"
        self._lines.append(line if value is True else f"{line} {text}")

    def _count_unsupported_attribute(self, name: str, where: str) -> None:
        location = f"{where}.{name}" if name.isidentifier() else where
        self._conversion.add("attributes that brat cannot hold", location)

    def _count_score_loss(self, annotation: Any, where: str) -> None:
        if annotation.score is not None:
            self._conversion.add("scores", where)

    def _count_other_fields(self) -> None:
        """Counts zones, unplaced items and meta as dropped."""
        for index in range(len(self._document.zones)):
            self._conversion.add("zones", f"{self._where}, zones[{index}]")
        for index in range(len(self._document.unplaced)):
            self._conversion.add("unplaced items", f"{self._where}, unplaced[{index}]")
        if self._document.meta is not None:
            self._conversion.add("meta", self._where)


class _IdAllocator:
    """Allocates ids of one kind: ids in brat's form are kept, others get the next free number."""

    def __init__(self, kind: str, ids: Iterable[str | None]) -> None:
        self._kind = kind
        self._kept: set[str] = set()
        for id in ids:
            if id is not None and id[:1] == kind and _BRAT_ID.fullmatch(id):
                self._kept.add(id)
        self._last = max((int(id[1:]) for id in self._kept), default=0)

    def allocate(self, id: str | None) -> str:
        """Returns the id if it is in brat's form, else a new one."""
        return id if id is not None and id in self._kept else self.next()

    def next(self) -> str:
        """Returns a new id."""
        self._last += 1
        return f"{self._kind}{self._last}"


def _pieces(text: str, span: Any) -> Fragments:
    """Returns the ranges of a span in each line."""
    return split_at_line_ends(text, span_fragments(span))


def _check_name(name: str, where: str, field: str = "label", *, colon: bool = True) -> str:
    """Returns a type or role. Raises InputError if it has white space or, unless `colon`, a colon:
    these separate the fields of a line.
    """
    has_space = any(character.isspace() for character in name)
    if has_space or not _is_plain(name, "" if colon else ":"):
        separators = "white space" if colon else "white space or a colon"
        raise InputError(
            f"{where}.{field}: {quoted_repr(name)}: expected a name without {separators} in"
            " brat; map it to another with `map_labels`"
        )
    return name


def _is_relation_role(text: str) -> bool:
    """Whether a text can be the role of an argument of a relation in place of the usual one."""
    has_space = any(character.isspace() for character in text)
    return text not in RELATION_ROLES and not has_space and _is_plain(text, ":")


def _is_plain(text: str, without: str = "") -> bool:
    """Whether a text can be a field of a line: not empty, and without tabs, line ends, lone
    surrogates and the characters of `without`.
    """
    if not text or any(character in text for character in "\t\r\n" + without):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
