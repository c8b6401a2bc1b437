"""Writing the lines of a brat file; brat_lines.py describes them.

An id of brat's own form, T or E and a number without leading zeros, is kept. Other ids are numbered
after the greatest, and a note has the original id. Annotations without an id are numbered, too, and
one note lists them:

    #1  evalkit T7  id: "Ada"
    #2  evalkit T1  no id: T1-T6 E1-E4
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from evalkit.data.document import Argument, Attribution, Document, Event, span_fragments
from evalkit.errors import InputError, quoted_repr, spell_option
from evalkit.formats.brat_lines import NOTE, merge_across_line_ends, split_at_line_ends
from evalkit.formats.brat_reader import LABEL, PARENT, PARTS, REALIS, BratTypes, split_role_number
from evalkit.formats.conversion import ConversionReport

_OWN = re.compile(r"[TE](0|[1-9][0-9]{0,7})")


class BratWriter:
    """The lines of a document. What they cannot hold is counted."""

    def __init__(self, document: Document, conversion: ConversionReport, terms: BratTypes) -> None:
        """Choose the ids of all annotations that lines can hold."""
        self._document, self._conversion, self._terms = document, conversion, terms
        self._where = f"document {quoted_repr(document.id)}"
        self._lines: list[str] = []
        self._attributes = 0
        self._seen: set[Any] = set()
        held = {
            layer: [
                (n, annotation)
                for n, annotation in enumerate(getattr(document, layer) or ())
                if self._holds(layer, n, annotation)
            ]
            for layer in ("entities", "events", "attributions")
        }
        self._entities, self._frames = (
            held["entities"],
            [("events", *one) for one in held["events"]]
            + [("attributions", *one) for one in held["attributions"]],
        )
        self._ids: list[tuple[str, str | None]] = []  # in brat, and what it was
        self._spans = _IdAllocator("T", [annotation.id for _, annotation in self._entities])
        self._events = _IdAllocator("E", [annotation.id for _, _, annotation in self._frames])
        self._entity_ids = [
            self._allocate_id(self._spans, annotation.id) for _, annotation in self._entities
        ]
        self._frame_ids = [
            self._allocate_id(self._events, annotation.id) for _, _, annotation in self._frames
        ]
        self._refs: dict[str, tuple[str, Any]] = {
            annotation.id: (id, annotation)
            for (_, annotation), id in zip(self._entities, self._entity_ids)
            if annotation.id is not None
        }
        self._refs |= {
            annotation.id: (id, annotation)
            for (_, _, annotation), id in zip(self._frames, self._frame_ids)
            if annotation.id is not None
        }

    def text(self) -> str:
        """All lines.

        Raises InputError, naming the annotation, where one would be read as something else.
        """
        for (index, entity), id in zip(self._entities, self._entity_ids):
            where = self._at("entities", index)
            self._bound(id, entity.label, entity, where)
            self._write_attributes(id, entity.attributes, where)
            self._count_score_loss(entity, where)
        for (layer, index, annotation), id in zip(self._frames, self._frame_ids):
            where = self._at(layer, index)
            self._lines.append(
                self._event(id, annotation, where)
                if layer == "events"
                else self._attribution(id, annotation, where)
            )
            self._write_attributes(
                id,
                annotation.attributes,
                where,
                own_name=REALIS if layer == "events" else LABEL,
                own_value=annotation.realis if layer == "events" else annotation.label,
            )
            self._count_score_loss(annotation, where)
        self._count_other_fields()
        return "".join(
            f"{line}\n"
            for line in [
                *self._lines,
                *(f"#{n}\t{note}" for n, note in enumerate(self._notes(), start=1)),
            ]
        )

    def _allocate_id(self, numbers: _IdAllocator, id: str | None) -> str:
        given = numbers.of(id)
        self._ids.append((given, id))
        return given

    def _notes(self) -> Iterator[str]:
        yield from (
            f"{NOTE} {given}\tid: {json.dumps(id)}"
            for given, id in self._ids
            if id is not None and id != given
        )
        unnamed = [given for given, id in self._ids if id is None]
        of_kind = [[given for given in unnamed if given[0] == kind] for kind in "TE"]
        if unnamed:
            yield (
                f"{NOTE} {self._ids[0][0]}\tno id:"
                f" {' '.join(f'{some[0]}-{some[-1]}' for some in of_kind if some)}"
            )

    def _at(self, layer: str, index: int) -> str:
        return f"{self._where}, {layer}[{index}]"

    def _holds(self, layer: str, index: int, annotation: Any) -> bool:
        """Whether there are lines for an annotation."""
        needed = {
            "entities": [annotation],
            "events": [getattr(annotation, "trigger", None)],
            "attributions": [
                getattr(annotation, "cue", None),
                getattr(annotation, "content", None),
            ],
        }[layer]
        if None in needed:
            self._conversion.add("attributions without a cue", self._at(layer, index))
            return False
        return all(
            self._is_quotable(span, self._at(layer, index)) for span in needed
        ) and self._is_new((layer, *self._identity(annotation)), self._at(layer, index))

    def _is_new(self, key: Any, where: str) -> bool:
        """Whether no annotation before is the same once it is cut at line ends: two that are cannot
        be distinguished, and would be refused when they are read.
        """
        if key in self._seen:
            self._conversion.add(
                "annotations that equal another without the line ends at their edges", where
            )
            return False
        self._seen.add(key)
        return True

    def _identity(self, annotation: Any) -> Iterator[Any]:
        """What an annotation is when it is read again."""
        for name in ("label", "role", "realis", "parent", "ref"):
            yield getattr(annotation, name, None)
        yield json.dumps(getattr(annotation, "attributes", None), sort_keys=True, default=str)
        parts = [
            getattr(annotation, name, None)
            for name in ("trigger", "cue", "content", "source", "source_name")
        ]
        for span in parts if any(parts) else [annotation]:
            yield (
                None
                if span is None
                else merge_across_line_ends(
                    self._document.text,
                    split_at_line_ends(self._document.text, span_fragments(span)),
                )
            )
        yield tuple(
            sorted(
                str(tuple(self._identity(argument)))
                for argument in getattr(annotation, "arguments", ())
            )
        )

    def _is_quotable(self, span: Any, where: str) -> bool:
        if any(True for _ in _pieces(self._document.text, span)):
            return True
        self._conversion.add("annotations of nothing but line ends", where)
        return False

    def _bound(self, id: str, label: str, span: Any, where: str) -> str:
        """Write a text-bound annotation."""
        text, result = self._document.text, tuple(_pieces(self._document.text, span))
        if merge_across_line_ends(text, result) != span_fragments(span):
            self._conversion.add(
                "line ends at which an annotation begins, ends or is interrupted", where
            )
        offsets = ";".join(f"{start} {end}" for start, end in result)
        self._lines.append(
            f"{id}\t{_check_name(label, where)}"
            f" {offsets}\t{' '.join(text[start:end] for start, end in result)}"
        )
        return id

    def _event(self, id: str, event: Event, where: str) -> str:
        if event.label == self._terms.attribution:
            raise InputError(
                f"{where}.label: {quoted_repr(event.label)} is what attributions are called in"
                f" brat; {spell_option('attribution', 'NAME', of='format')} calls them otherwise"
            )
        trigger = self._bound(
            self._spans.next(), _check_name(event.label, where, colon=False), event.trigger, where
        )
        line, seen = [f"{event.label}:{trigger}"], dict[str, int]()
        for n, argument in enumerate(event.arguments):
            position = f"{where}.arguments[{n}]"
            self._count_score_loss(argument, position)
            if self._is_new(("arguments", id, *self._identity(argument)), position) and (
                target := self._target(argument, position)
            ):
                seen[argument.role] = seen.get(argument.role, 0) + 1
                line.append(f"{self._role(argument.role, seen[argument.role], position)}:{target}")
        return f"{id}\t{' '.join(line)}"

    def _role(self, role: str, number: int, where: str) -> str:
        """A role as it is written the first, second, … time in an event."""
        _check_name(role, where, "role", colon=False)
        if not self._terms.numbered:
            return role
        written = role if number == 1 else f"{role}{number}"
        if split_role_number(written) != (role, number):
            raise InputError(
                f"{where}.role: {quoted_repr(written)} would be read as a"
                f" {split_role_number(written)[0]}, since brat numbers roles; use"
                f" {spell_option('roles', 'exact', of='format')}"
            )
        return written

    def _target(self, argument: Argument, where: str) -> str:
        """What an argument points at: the entity or event that it is, if it stands there, else a
        annotation of its own.
        """
        if argument.ref is not None:
            id, annotation = self._refs.get(argument.ref, ("", None))
            if annotation is not None and span_fragments(
                annotation.trigger if isinstance(annotation, Event) else annotation
            ) == span_fragments(argument):
                if getattr(annotation, "label", None) == self._terms.argument and not isinstance(
                    annotation, Event
                ):
                    raise InputError(
                        f"{where}.ref: {quoted_repr(annotation.label)} is what arguments that are"
                        " no entity are called in brat;"
                        f" {spell_option('argument', 'NAME', of='format')} calls them otherwise"
                    )
                return id
            self._conversion.add("references to what stands elsewhere, or is left out", where)
        return (
            self._bound(self._spans.next(), self._terms.argument, argument, where)
            if self._is_quotable(argument, where)
            else ""
        )

    def _attribution(self, id: str, attribution: Attribution, where: str) -> str:
        type_name = self._terms.attribution
        cue = self._bound(self._spans.next(), type_name, attribution.cue, f"{where}.cue")
        line = [f"{type_name}:{cue}"]
        for role, part in PARTS.items():
            span = getattr(attribution, part)
            if span is not None and self._is_quotable(span, f"{where}.{part}"):
                line.append(
                    f"{role}:{self._bound(self._spans.next(), role, span, f'{where}.{part}')}"
                )
        if attribution.parent in self._refs:
            line.append(f"{PARENT}:{self._refs[attribution.parent][0]}")
        elif attribution.parent is not None:
            self._conversion.add(
                "references to what stands elsewhere, or is left out", f"{where}.parent"
            )
        return f"{id}\t{' '.join(line)}"

    def _write_attributes(
        self,
        id: str,
        attributes: Mapping[str, Any] | None,
        where: str,
        own_name: str = "",
        own_value: str | None = None,
    ) -> None:
        """Write the attributes of an annotation, and its realis or label, which is one in brat."""
        if attributes == {}:
            self._conversion.add("empty attributes", where)
        if own_value is not None:
            self._write_attribute(id, own_name, own_value, where)
        for name, value in (attributes or {}).items():
            if name == own_name:
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
        """Count what a document holds beside its annotations."""
        for name, many in (
            ("zones", self._document.zones),
            ("unplaced items", self._document.unplaced),
        ):
            for index in range(len(many)):
                self._conversion.add(name, f"{self._where}, {name.removesuffix(' items')}[{index}]")
        if self._document.meta is not None:
            self._conversion.add("meta", self._where)


class _IdAllocator:
    """Ids of one kind: those that are brat's own already, and others after the greatest."""

    def __init__(self, kind: str, ids: Iterable[str | None]) -> None:
        self._kind = kind
        self._own = {id for id in ids if id is not None and id[:1] == kind and _OWN.fullmatch(id)}
        self._last = max((int(id[1:]) for id in self._own), default=0)

    def of(self, id: str | None) -> str:
        """The id, if it is brat's own, else a new one."""
        return id if id is not None and id in self._own else self.next()

    def next(self) -> str:
        """A new id."""
        self._last += 1
        return f"{self._kind}{self._last}"


def _pieces(text: str, span: Any) -> Iterator[tuple[int, int]]:
    yield from split_at_line_ends(text, span_fragments(span))


def _check_name(name: str, where: str, field: str = "label", *, colon: bool = True) -> str:
    """A type or role. Raises InputError where it holds what parts it from others in a line."""
    if not _is_plain(name, "" if colon else ":") or any(character.isspace() for character in name):
        what = "white space" if colon else "white space or a colon"
        raise InputError(
            f"{where}.{field}: {quoted_repr(name)} holds {what}, which brat cannot; map it to"
            " another with `map_labels`"
        )
    return name


def _is_plain(text: str, without: str = "") -> bool:
    """Whether a text can stand in a line: not empty, one line, one column, and without these
    characters.
    """
    if not text or any(character in text for character in "\t\r\n" + without):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
