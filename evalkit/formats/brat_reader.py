"""The document that the lines of a brat file make.

brat_lines.py parses the lines; brat.py describes the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

from evalkit.data.document import Argument, Attribution, Document, Entity, Event, Fragments, Span
from evalkit.errors import DocumentError, LoadError, quoted_repr
from evalkit.formats.brat_lines import BratEvent, BratParser, TextBound

PARTS = {
    "Source": "source",
    "Content": "content",
    "SourceName": "source_name",
}  # roles of attributions, and the types of their annotations
PARENT, LABEL, REALIS = "Parent", "Label", "Realis"


class BratTypes(NamedTuple):
    """The types of events that are attributions, and of annotations that are arguments and no
    entities; whether roles are numbered.
    """

    attribution: str = "Attribution"
    argument: str = "Argument"
    numbered: bool = True


def split_role_number(role: str) -> tuple[str, int]:
    """A role as it was before brat numbered it, and its number: brat writes a second Theme as
    Theme2, and no Theme0 or Theme1.

    >>> split_role_number("Theme2"), split_role_number("ARG1")
    (('Theme', 2), ('ARG1', 1))
    """
    name = role.rstrip("0123456789")
    number = role[len(name) :]
    if not name or not number or number[0] == "0" or number == "1" or len(number) > 9:
        return role, 1
    return name, int(number)


class BratDocument:
    """The document that annotations make, layer by layer."""

    def __init__(self, parser: BratParser, terms: BratTypes) -> None:
        """The parser must be without errors."""
        self._parser, self._terms = parser, terms
        self._triggers = {frame.trigger for frame in parser.frames.values()}
        self._lines: dict[str, list[int]] = {"entities": [], "events": [], "attributions": []}

    def to_document(self, id: str, text: str, layers: set[str]) -> Document | LoadError:
        """The document with these layers, or all that is wrong with it."""
        result = {
            "entities": tuple(self._entities()),
            "events": tuple(self._events()),
            "attributions": tuple(self._attributions()),
        }
        for target in self._attributes:
            if target not in self._parser.frames and target not in self._entity_ids:
                self._parser.count_dropped(
                    "attributes of what is no entity, event or attribution",
                    self._first[target],
                    len(self._attributes[target]),
                )
        if self._parser.errors:
            return LoadError(self._parser.errors)
        try:
            given: dict[str, Any] = {
                layer: annotations for layer, annotations in result.items() if layer in layers
            }
            return Document(id, text, **given)
        except DocumentError as error:
            line = (
                self._lines[error.layer][error.index]
                if error.layer in self._lines and error.index is not None
                else 1
            )
            return LoadError([f"{self._parser.path}:{line}: {error}"])

    def _entities(self) -> Iterator[Entity]:
        for bound in self._parser.bounds.values():
            if bound.id in self._entity_ids:
                self._lines["entities"].append(bound.line)
                start, end, fragments = _edges_and_fragments(bound.ranges)
                yield Entity(
                    bound.label,
                    start,
                    end,
                    self._name(bound.id),
                    fragments,
                    attributes=self._attributes.get(bound.id),
                )

    def _events(self) -> Iterator[Event]:
        for frame in self._frames(attributions=False):
            self._lines["events"].append(frame.line)
            attributes = dict(self._attributes.get(frame.id, {}))
            realis = attributes.pop(REALIS) if isinstance(attributes.get(REALIS), str) else None
            arguments = tuple(
                self._argument(frame, role, target) for role, target in self._roles(frame)
            )
            yield Event(
                frame.label,
                self._span(frame.trigger),
                arguments,
                self._name(frame.id),
                realis,
                attributes=attributes or None,
            )

    def _argument(self, frame: BratEvent, role: str, target: str) -> Argument:
        start, end, fragments = _edges_and_fragments(self._bound(target).ranges)
        of = self._parser.frames.get(target)
        if target in self._entity_ids or (of and of.label != self._terms.attribution):
            return Argument(role, start, end, fragments, self._name(target))
        if of or target in self._triggers:
            self._parser.count_dropped("references to triggers and attributions", frame.line)
        return Argument(role, start, end, fragments)

    def _attributions(self) -> Iterator[Attribution]:
        for frame in self._frames(attributions=True):
            parts, parent = self._parts(frame)
            if "content" not in parts:
                self._parser.add_error(
                    frame.line,
                    frame.id,
                    "has no Content: expected a role Content:ID after"
                    f" {quoted_repr(f'{frame.label}:{frame.trigger}')}",
                )
                continue
            self._lines["attributions"].append(frame.line)
            attributes = dict(self._attributes.get(frame.id, {}))
            label = attributes.pop(LABEL) if isinstance(attributes.get(LABEL), str) else None
            yield Attribution(
                self._span(frame.trigger),
                id=self._name(frame.id),
                label=label,
                parent=parent,
                attributes=attributes or None,
                **parts,  # type: ignore[arg-type]
            )

    def _parts(self, frame: BratEvent) -> tuple[dict[str, Span], str | None]:
        """The parts of an attribution, and its parent."""
        parts: dict[str, Span] = {}
        parent = None
        for role, target in self._roles(frame):
            of = self._parser.frames.get(target)
            if role in PARTS and PARTS[role] not in parts:
                parts[PARTS[role]] = self._span(target)
            elif role == PARENT and parent is None and of and of.label == self._terms.attribution:
                parent = self._name(target)
            else:
                self._parser.count_dropped("further roles of attributions", frame.line)
        return parts, parent

    def _frames(self, *, attributions: bool) -> Iterator[BratEvent]:
        for frame in self._parser.frames.values():
            if (frame.label == self._terms.attribution) == attributions:
                if self._parser.bounds[frame.trigger].label != frame.label:
                    self._parser.count_dropped(
                        "types of triggers that are not those of their events", frame.line
                    )
                yield frame

    def _roles(self, frame: BratEvent) -> Iterator[tuple[str, str]]:
        """The roles without their numbers, counted as lost where they do more than count."""
        seen: dict[str, int] = {}
        for role, target in frame.arguments:
            name, number = split_role_number(role) if self._terms.numbered else (role, 1)
            seen[name] = seen.get(name, 0) + 1
            if name != role and number != seen[name]:
                self._parser.count_dropped("numbers of roles (?roles=exact keeps them)", frame.line)
            yield name, target

    def _name(self, id: str) -> str | None:
        """The id of an annotation; none where the annotation had none, and nothing needs it."""
        if id in self._parser.names:
            return self._parser.names[id]
        return (
            None
            if self._parser.unnamed and id not in self._targets and self._parser.is_generated_id(id)
            else id
        )

    def _bound(self, id: str) -> TextBound:
        """The annotation with an id, or the trigger of the event with it."""
        frame = self._parser.frames.get(id)
        return self._parser.bounds[frame.trigger if frame else id]

    def _span(self, id: str) -> Span:
        return Span(*_edges_and_fragments(self._bound(id).ranges))

    @cached_property
    def _targets(self) -> set[str]:
        return {target for frame in self._parser.frames.values() for _, target in frame.arguments}

    @cached_property
    def _entity_ids(self) -> set[str]:
        """Marks that are neither triggers, nor there for the sake of an argument or a part of an
        attribution alone.
        """
        parts: set[str] = set()
        for frame in self._parser.frames.values():
            types = set(PARTS) if frame.label == self._terms.attribution else {self._terms.argument}
            parts.update(
                target
                for _, target in frame.arguments
                if target in self._parser.bounds and self._parser.bounds[target].label in types
            )
        return self._parser.bounds.keys() - self._triggers - parts

    @cached_property
    def _first(self) -> dict[str, int]:
        """The line of the first attribute of each annotation."""
        return {attribute.target: attribute.line for attribute in reversed(self._parser.attributes)}

    @cached_property
    def _attributes(self) -> dict[str, dict[str, Any]]:
        """The attributes of each annotation. A second one of a name is a error."""
        result: dict[str, dict[str, Any]] = {}
        for line, id, name, target, value in self._parser.attributes:
            of = result.setdefault(target, {})
            if name in of:
                self._parser.add_error(line, id, f"{target} has a {name} already; delete one")
            of[name] = value
        return result


def _edges_and_fragments(ranges: Fragments) -> tuple[int, int, Fragments]:
    return ranges[0][0], ranges[-1][1], ranges if len(ranges) > 1 else ()
