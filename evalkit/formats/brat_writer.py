"""Which lines say in brat what a document holds?

A document in, its lines out; standoff.py says how they look.

An id that could be brat's own, T or E and a number without leading zeros, is one. Other ids are
numbered after the greatest, and a note says what they were; marks without an id are numbered, too,
and one note says which they are:

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
from evalkit.formats.conversion import Losses

_OWN = re.compile(r"[TE](0|[1-9][0-9]{0,7})")


class BratWriter:
    """The lines of a document. What they cannot hold is counted."""

    def __init__(self, document: Document, losses: Losses, terms: BratTypes) -> None:
        """Choose the ids of all marks that lines can hold."""
        self._document, self._losses, self._terms = document, losses, terms
        self._where = f"document {quoted_repr(document.id)}"
        self._lines: list[str] = []
        self._attributes = 0
        self._seen: set[Any] = set()
        held = {
            layer: [
                (n, mark)
                for n, mark in enumerate(getattr(document, layer) or ())
                if self._holds(layer, n, mark)
            ]
            for layer in ("entities", "events", "attributions")
        }
        self._entities, self._frames = (
            held["entities"],
            [("events", *one) for one in held["events"]]
            + [("attributions", *one) for one in held["attributions"]],
        )
        self._ids: list[tuple[str, str | None]] = []  # in brat, and what it was
        self._spans = _IdAllocator("T", [mark.id for _, mark in self._entities])
        self._events = _IdAllocator("E", [mark.id for _, _, mark in self._frames])
        self._entity_ids = [self._numbered(self._spans, mark.id) for _, mark in self._entities]
        self._frame_ids = [self._numbered(self._events, mark.id) for _, _, mark in self._frames]
        self._refs: dict[str, tuple[str, Any]] = {
            mark.id: (id, mark)
            for (_, mark), id in zip(self._entities, self._entity_ids)
            if mark.id is not None
        }
        self._refs |= {
            mark.id: (id, mark)
            for (_, _, mark), id in zip(self._frames, self._frame_ids)
            if mark.id is not None
        }

    def text(self) -> str:
        """All lines.

        Raises InputError, naming the mark, where one would be read as something else.
        """
        for (index, entity), id in zip(self._entities, self._entity_ids):
            where = self._at("entities", index)
            self._bound(id, entity.label, entity, where)
            self._write_attributes(id, entity.attributes, where)
            self._count_score_loss(entity, where)
        for (layer, index, mark), id in zip(self._frames, self._frame_ids):
            where = self._at(layer, index)
            self._lines.append(
                self._event(id, mark, where)
                if layer == "events"
                else self._attribution(id, mark, where)
            )
            self._write_attributes(
                id,
                mark.attributes,
                where,
                own=REALIS if layer == "events" else LABEL,
                value=mark.realis if layer == "events" else mark.label,
            )
            self._count_score_loss(mark, where)
        self._aside()
        return "".join(
            f"{line}\n"
            for line in [
                *self._lines,
                *(f"#{n}\t{note}" for n, note in enumerate(self._notes(), start=1)),
            ]
        )

    def _numbered(self, numbers: _IdAllocator, id: str | None) -> str:
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

    def _holds(self, layer: str, index: int, mark: Any) -> bool:
        """Whether there are lines for a mark."""
        needed = {
            "entities": [mark],
            "events": [getattr(mark, "trigger", None)],
            "attributions": [getattr(mark, "cue", None), getattr(mark, "content", None)],
        }[layer]
        if None in needed:
            self._losses.add("attributions without a cue", self._at(layer, index))
            return False
        return all(self._quotable(span, self._at(layer, index)) for span in needed) and self._new(
            (layer, *self._identity(mark)), self._at(layer, index)
        )

    def _new(self, key: Any, where: str) -> bool:
        """Whether no mark before is the same once it is cut at line ends: two that are cannot be
        told apart, and would be refused when they are read.
        """
        if key in self._seen:
            self._losses.add("marks that equal another without the line ends at their edges", where)
            return False
        self._seen.add(key)
        return True

    def _identity(self, mark: Any) -> Iterator[Any]:
        """What a mark is when it is read again."""
        for name in ("label", "role", "realis", "parent", "ref"):
            yield getattr(mark, name, None)
        yield json.dumps(getattr(mark, "attributes", None), sort_keys=True, default=str)
        parts = [
            getattr(mark, name, None)
            for name in ("trigger", "cue", "content", "source", "source_name")
        ]
        for span in parts if any(parts) else [mark]:
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
                str(tuple(self._identity(argument))) for argument in getattr(mark, "arguments", ())
            )
        )

    def _quotable(self, span: Any, where: str) -> bool:
        if any(True for _ in _pieces(self._document.text, span)):
            return True
        self._losses.add("marks of nothing but line ends", where)
        return False

    def _bound(self, id: str, label: str, span: Any, where: str) -> str:
        """Write a text-bound mark."""
        text, found = self._document.text, tuple(_pieces(self._document.text, span))
        if merge_across_line_ends(text, found) != span_fragments(span):
            self._losses.add("line ends at which a mark begins, ends or is interrupted", where)
        offsets = ";".join(f"{start} {end}" for start, end in found)
        self._lines.append(
            f"{id}\t{_typed(label, where)}"
            f" {offsets}\t{' '.join(text[start:end] for start, end in found)}"
        )
        return id

    def _event(self, id: str, event: Event, where: str) -> str:
        if event.label == self._terms.attribution:
            raise InputError(
                f"{where}.label: {quoted_repr(event.label)} is what attributions are called in"
                f" brat; {spell_option('attribution', 'NAME', of='format')} calls them otherwise"
            )
        trigger = self._bound(
            self._spans.next(), _typed(event.label, where, colon=False), event.trigger, where
        )
        line, seen = [f"{event.label}:{trigger}"], dict[str, int]()
        for n, argument in enumerate(event.arguments):
            place = f"{where}.arguments[{n}]"
            self._count_score_loss(argument, place)
            if self._new(("arguments", id, *self._identity(argument)), place) and (
                target := self._target(argument, place)
            ):
                seen[argument.role] = seen.get(argument.role, 0) + 1
                line.append(f"{self._role(argument.role, seen[argument.role], place)}:{target}")
        return f"{id}\t{' '.join(line)}"

    def _role(self, role: str, number: int, where: str) -> str:
        """A role as it is written the first, second, … time in an event."""
        _typed(role, where, "role", colon=False)
        if not self._terms.numbered:
            return role
        written = role if number == 1 else f"{role}{number}"
        if split_role_number(written) != (role, number):
            raise InputError(
                f"{where}.role: {quoted_repr(written)} would be read as a"
                f" {split_role_number(written)[0]}, since brat numbers roles;"
                f" {spell_option('roles', 'exact', of='format')} would do"
            )
        return written

    def _target(self, argument: Argument, where: str) -> str:
        """What an argument points at: the entity or event that it is, if it stands there, else a
        mark of its own.
        """
        if argument.ref is not None:
            id, mark = self._refs.get(argument.ref, ("", None))
            if mark is not None and span_fragments(
                mark.trigger if isinstance(mark, Event) else mark
            ) == span_fragments(argument):
                if getattr(mark, "label", None) == self._terms.argument and not isinstance(
                    mark, Event
                ):
                    raise InputError(
                        f"{where}.ref: {quoted_repr(mark.label)} is what arguments that are no"
                        " entity are called in brat;"
                        f" {spell_option('argument', 'NAME', of='format')} calls them otherwise"
                    )
                return id
            self._losses.add("references to what stands elsewhere, or is left out", where)
        return (
            self._bound(self._spans.next(), self._terms.argument, argument, where)
            if self._quotable(argument, where)
            else ""
        )

    def _attribution(self, id: str, attribution: Attribution, where: str) -> str:
        type_name = self._terms.attribution
        cue = self._bound(self._spans.next(), type_name, attribution.cue, f"{where}.cue")
        line = [f"{type_name}:{cue}"]
        for role, part in PARTS.items():
            span = getattr(attribution, part)
            if span is not None and self._quotable(span, f"{where}.{part}"):
                line.append(
                    f"{role}:{self._bound(self._spans.next(), role, span, f'{where}.{part}')}"
                )
        if attribution.parent in self._refs:
            line.append(f"{PARENT}:{self._refs[attribution.parent][0]}")
        elif attribution.parent is not None:
            self._losses.add(
                "references to what stands elsewhere, or is left out", f"{where}.parent"
            )
        return f"{id}\t{' '.join(line)}"

    def _write_attributes(
        self,
        id: str,
        attributes: Mapping[str, Any] | None,
        where: str,
        own: str = "",
        value: str | None = None,
    ) -> None:
        """Write the attributes of a mark, and its realis or label, which is one in brat."""
        if attributes == {}:
            self._losses.add("empty attributes", where)
        named = [(name, said, name != own) for name, said in (attributes or {}).items()]
        for name, said, apart in [*([(own, value, True)] if value is not None else []), *named]:
            text = said if isinstance(said, str) else json.dumps(said, default=str)
            if not (apart and _plain(name, " ") and _plain(text)):
                self._losses.add(
                    "attributes that brat cannot hold",
                    f"{where}.{name}" if name.isidentifier() else where,
                )
                continue
            if not isinstance(said, str) and said is not True:
                self._losses.add(
                    "attributes that are no text, and are written as such", f"{where}.{name}"
                )
            self._attributes += 1
            self._lines.append(
                f"A{self._attributes}\t{name} {id}{'' if said is True else f' {text}'}"
            )

    def _count_score_loss(self, mark: Any, where: str) -> None:
        if mark.score is not None:
            self._losses.add("scores", where)

    def _aside(self) -> None:
        """Count what a document holds beside its marks."""
        for name, many in (
            ("zones", self._document.zones),
            ("unplaced items", self._document.unplaced),
        ):
            for index in range(len(many)):
                self._losses.add(name, f"{self._where}, {name.removesuffix(' items')}[{index}]")
        if self._document.meta is not None:
            self._losses.add("meta", self._where)


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


def _typed(name: str, where: str, field: str = "label", *, colon: bool = True) -> str:
    """A type or role. Raises InputError where it holds what parts it from others in a line."""
    if not _plain(name, "" if colon else ":") or any(character.isspace() for character in name):
        what = "white space" if colon else "white space or a colon"
        raise InputError(
            f"{where}.{field}: {quoted_repr(name)} holds {what}, which brat cannot; map it to"
            " another with `map_labels`"
        )
    return name


def _plain(text: str, without: str = "") -> bool:
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
