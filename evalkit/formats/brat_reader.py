"""Builds a document from the parsed lines of a brat file; brat.py describes the rules."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

from evalkit.data.document import (
    LAYERS,
    Argument,
    Attribution,
    Document,
    Entity,
    Event,
    Fragments,
    Relation,
    Span,
)
from evalkit.errors import DocumentError, LoadError, quoted_repr
from evalkit.formats.brat_lines import BratEvent, BratParser, BratRelation, TextBound

# The fields of an Attribution by role; the T lines at which these roles point have the role as type
PARTS = {
    "Source": "source",
    "Content": "content",
    "SourceName": "source_name",
}
PARENT = "Parent"  # role of an attribution
LABEL = "Label"  # A line of an attribution
REALIS = "Realis"  # A line of an event
# The roles of the head and the tail of a relation; where a line has others, attributes with these
# names hold them
RELATION_ROLES = ("Arg1", "Arg2")


class BratTypes(NamedTuple):
    """The brat types with a special meaning.

    `attributions`: types of the events that are attributions; where there are several, the type is
    the label. `argument`: type of the T lines that are arguments and not entities. `numbered`:
    whether brat numbered equal roles of an event.
    """

    attributions: tuple[str, ...] = ("Attribution",)
    argument: str = "Argument"
    numbered: bool = True

    @property
    def attribution(self) -> str:
        """The type with which attributions are written."""
        return self.attributions[0]


def split_role_number(role: str) -> tuple[str, int]:
    """Returns a role without the number that brat adds to equal roles, and that number.

    brat writes a second Theme as Theme2; it never writes Theme0 or Theme1.

    >>> split_role_number("Theme2"), split_role_number("ARG1")
    (('Theme', 2), ('ARG1', 1))
    """
    name = role.rstrip("0123456789")
    number = role[len(name) :]
    if not name or not number or number[0] == "0" or number == "1" or len(number) > 9:
        return role, 1
    return name, int(number)


class BratDocument:
    """Builds the layers of a document from parsed lines."""

    def __init__(self, parser: BratParser, terms: BratTypes) -> None:
        """`parser` must have read a file without errors."""
        self._parser, self._terms = parser, terms
        self._triggers = {frame.trigger for frame in parser.frames.values()}
        self._lines: dict[str, list[int]] = {layer: [] for layer in LAYERS}

    def to_document(self, id: str, text: str, layers: set[str]) -> Document | LoadError:
        """Returns the document with the given layers, or a LoadError with all its errors."""
        annotations = {
            "entities": tuple(self._entities()),
            "events": tuple(self._events()),
            "attributions": tuple(self._attributions()),
            "relations": tuple(self._relations()),
        }
        attributed = {*self._entity_ids, *self._parser.frames, *self._relation_ids}
        for target in self._attributes:
            if target not in attributed:
                self._parser.count_dropped(
                    "attributes of annotations that are not entities, events, attributions or"
                    " relations",
                    self._first[target],
                    len(self._attributes[target]),
                )
        if self._parser.errors:
            return LoadError(self._parser.errors)
        try:
            annotated: dict[str, Any] = {
                layer: items for layer, items in annotations.items() if layer in layers
            }
            return Document(id, text, **annotated)
        except DocumentError as error:
            line = 1
            if error.layer in self._lines and error.index is not None:
                line = self._lines[error.layer][error.index]
            return LoadError([f"{self._parser.locate(line)}: {error}"])

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
        event = self._parser.frames.get(target)
        is_event = event is not None and event.label not in self._terms.attributions
        if target in self._entity_ids or is_event:
            return Argument(role, start, end, fragments, self._name(target))
        if event is not None or target in self._triggers:
            self._parser.count_dropped("references to triggers and attributions", frame.line)
        return Argument(role, start, end, fragments)

    def _attributions(self) -> Iterator[Attribution]:
        for frame in self._frames(attributions=True):
            parts, parent = self._parts(frame)
            if "content" not in parts:
                self._parser.add_error(
                    frame.line,
                    frame.id,
                    "no Content: expected a role Content:ID after"
                    f" {quoted_repr(f'{frame.label}:{frame.trigger}')}",
                )
                continue
            self._lines["attributions"].append(frame.line)
            attributes = dict(self._attributes.get(frame.id, {}))
            label = frame.label if len(self._terms.attributions) > 1 else None
            if isinstance(attributes.get(LABEL), str):
                label = attributes.pop(LABEL)
            yield Attribution(
                self._span(frame.trigger),
                id=self._name(frame.id),
                label=label,
                parent=parent,
                attributes=attributes or None,
                **parts,  # type: ignore[arg-type]
            )

    def _parts(self, frame: BratEvent) -> tuple[dict[str, Span], str | None]:
        """Returns the spans of an attribution by field name, and the id of its parent."""
        parts: dict[str, Span] = {}
        parent = None
        for role, target in self._roles(frame):
            event = self._parser.frames.get(target)
            is_attribution = event is not None and event.label in self._terms.attributions
            if role in PARTS and PARTS[role] not in parts:
                parts[PARTS[role]] = self._span(target)
            elif role == PARENT and parent is None and is_attribution:
                parent = self._name(target)
            else:
                self._parser.count_dropped("further roles of attributions", frame.line)
        return parts, parent

    def _relations(self) -> Iterator[Relation]:
        for line in self._parser.relations.values():
            if line.id not in self._relation_ids:
                what = "relations of annotations that are not entities or events"
                if len(line.arguments) > 2:
                    what = "relations of more than two annotations"
                self._parser.count_dropped(what, line.line)
                continue
            (head_role, head), (tail_role, tail) = line.arguments
            if (tail_role, head_role) == RELATION_ROLES:
                head, tail = tail, head
                head_role, tail_role = tail_role, head_role
            self._lines["relations"].append(line.line)
            attributes = dict(self._attributes.get(line.id, {}))
            for name, role in zip(RELATION_ROLES, (head_role, tail_role)):
                if role != name and name in attributes:
                    self._parser.count_dropped("roles of relations", line.line)
                elif role != name:
                    attributes[name] = role
            # An entity or event that is an argument keeps its id, so these are no None
            head_id, tail_id = str(self._name(head)), str(self._name(tail))
            yield Relation(
                line.label, head_id, tail_id, self._name(line.id), attributes=attributes or None
            )

    def _is_relation(self, line: BratRelation) -> bool:
        """Whether a relation has two arguments, each of them an entity or an event."""
        for _, target in line.arguments:
            frame = self._parser.frames.get(target)
            is_event = frame is not None and frame.label not in self._terms.attributions
            if not is_event and target not in self._entity_ids:
                return False
        return len(line.arguments) == 2

    def _frames(self, *, attributions: bool) -> Iterator[BratEvent]:
        for frame in self._parser.frames.values():
            if (frame.label in self._terms.attributions) == attributions:
                if self._parser.bounds[frame.trigger].label != frame.label:
                    self._parser.count_dropped(
                        "types of triggers that differ from those of their events", frame.line
                    )
                yield frame

    def _roles(self, frame: BratEvent) -> Iterator[tuple[str, str]]:
        """Yields (role, target) with roles without brat's numbers.

        Numbers that are not consecutive from 2 are counted as dropped.
        """
        seen: dict[str, int] = {}
        for role, target in frame.arguments:
            name, number = split_role_number(role) if self._terms.numbered else (role, 1)
            seen[name] = seen.get(name, 0) + 1
            if name != role and number != seen[name]:
                self._parser.count_dropped("numbers of roles (?roles=exact keeps them)", frame.line)
            yield name, target

    def _name(self, id: str) -> str | None:
        """Returns the original id of an annotation.

        None if it had none when it was written, and no event or relation refers to it.
        """
        if id in self._parser.names:
            return self._parser.names[id]
        if id not in self._targets and self._parser.is_generated_id(id):
            return None
        return id

    def _bound(self, id: str) -> TextBound:
        """Returns the T line with an id, or that of the trigger of the event with the id."""
        frame = self._parser.frames.get(id)
        return self._parser.bounds[frame.trigger if frame else id]

    def _span(self, id: str) -> Span:
        return Span(*_edges_and_fragments(self._bound(id).ranges))

    @cached_property
    def _targets(self) -> set[str]:
        targets: set[str] = set()
        for frame in self._parser.frames.values():
            targets.update(target for _, target in frame.arguments)
        for relation in self._parser.relations.values():
            targets.update(target for _, target in relation.arguments)
        return targets

    @cached_property
    def _relation_ids(self) -> set[str]:
        """The ids of R lines that a Document can hold."""
        return {line.id for line in self._parser.relations.values() if self._is_relation(line)}

    @cached_property
    def _entity_ids(self) -> set[str]:
        """The ids of T lines that are entities: not triggers, and not spans that are written only
        as an argument or as a part of an attribution.
        """
        parts: set[str] = set()
        for frame in self._parser.frames.values():
            is_attribution = frame.label in self._terms.attributions
            types = set(PARTS) if is_attribution else {self._terms.argument}
            for _, target in frame.arguments:
                bound = self._parser.bounds.get(target)
                if bound is not None and bound.label in types:
                    parts.add(target)
        return self._parser.bounds.keys() - self._triggers - parts

    @cached_property
    def _first(self) -> dict[str, int]:
        """The line of the first attribute of each annotation, by id."""
        return {attribute.target: attribute.line for attribute in reversed(self._parser.attributes)}

    @cached_property
    def _attributes(self) -> dict[str, dict[str, Any]]:
        """The attributes of each annotation, by id. Two with the same name are an error."""
        result: dict[str, dict[str, Any]] = {}
        for line, id, name, target, value in self._parser.attributes:
            attributes = result.setdefault(target, {})
            if name in attributes:
                self._parser.add_error(line, id, f"duplicate {name} of {target}; delete one")
            attributes[name] = value
        return result


def _edges_and_fragments(ranges: Fragments) -> tuple[int, int, Fragments]:
    return ranges[0][0], ranges[-1][1], ranges if len(ranges) > 1 else ()
