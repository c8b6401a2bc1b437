"""Acceptable alternatives of gold entities: other spans, or other labels, that are as right.

An alternative is a Span, which has the label of its entity, or an Entity with a label of its own.
Within a document all entities and alternatives differ, so that a prediction equals at most one of
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import force_setattr, replace

from evalkit.errors import DocumentError, quoted_repr

Fragments = tuple[tuple[int, int], ...]
# Fields of an entity that an alternative does not have
_OWN_FIELDS = ("id", "score", "attributes", "alternatives", "optional")
NO_ALTERNATIVES: tuple[Any, ...] = ()
# Class attributes of decoded lines of entities without marks
UNMARKED = {"alternatives": NO_ALTERNATIVES, "optional": False}
IGNORE = "ignore"  # the label of zones in which unmatched predictions are set aside


class AlternativeLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """An alternative as it is in a JSONL file; `text` is redundant."""

    start: int
    end: int
    label: str | None = None
    fragments: Fragments = ()
    text: str | None = None


def coerce_alternatives(entity: Any, span_class: type) -> None:
    """Makes the alternatives of an entity a tuple of spans and entities, from any iterable of these
    or of AlternativeLine. span_class: the class of spans.

    Raises DocumentError, with the index, for an item of another type, and for an entity with other
    fields than label, start, end and fragments.
    """
    values = entity.alternatives
    if values is NO_ALTERNATIVES:
        return
    is_list = isinstance(values, Iterable) and not isinstance(values, (str, bytes, dict))
    if not is_list:
        raise DocumentError(f"expected a list, got {quoted_repr(values)}", field="alternatives")
    alternatives = []
    for index, value in enumerate(values):
        field = f"alternatives[{index}]"
        if isinstance(value, AlternativeLine):
            alternatives.append(_build_alternative(value, type(entity), span_class, field))
        elif type(value) not in (span_class, type(entity)):
            raise DocumentError(f"expected Span or Entity, got {quoted_repr(value)}", field=field)
        elif any(getattr(value, name, None) for name in _OWN_FIELDS):
            raise DocumentError(
                "an alternative has label, start, end and fragments only: remove its other fields",
                field=field,
            )
        else:
            alternatives.append(value)
    force_setattr(entity, "alternatives", tuple(alternatives))


def _build_alternative(
    line: AlternativeLine, entity_class: type, span_class: type, field: str
) -> Any:
    try:
        if line.label is None:
            return span_class(line.start, line.end, line.fragments)
        return entity_class(line.label, line.start, line.end, fragments=line.fragments)
    except DocumentError as error:
        raise DocumentError(error.message, field=f"{field}.{error.field}") from None


def check_optional(entity: Any) -> None:
    """Raises DocumentError if `optional` is not a bool."""
    if not isinstance(entity.optional, bool):
        raise DocumentError(
            f"expected true or false, got {quoted_repr(entity.optional)}", field="optional"
        )


def check_alternatives(entities: Sequence[Any]) -> None:
    """Raises DocumentError for an alternative that equals its entity, another entity of the
    document, or another alternative.
    """
    if not any(entity.alternatives for entity in entities):
        return
    owners: dict[Any, str] = {}
    for index, entity in enumerate(entities):
        owners.setdefault(_key(entity.label, entity), f"entities[{index}]")
    for index, number, key in _iter_keys(entities):
        name = f"alternatives[{number}]"
        owner = owners.setdefault(key, f"entities[{index}].{name}")
        if owner != f"entities[{index}].{name}":
            what = "its entity" if owner == f"entities[{index}]" else owner
            raise DocumentError(
                f"equals {what} (same label and span): each alternative must differ from all"
                " entities and alternatives of the document; delete one of the two",
                layer="entities",
                index=index,
                field=name,
            )


def drop_equal_alternatives(entities: Iterable[Any]) -> tuple[Any, ...]:
    """The entities without alternatives that equal an entity or an earlier alternative, as a label
    map can make them.
    """
    kept = list(entities)
    if not any(entity.alternatives for entity in kept):
        return tuple(kept)
    seen = {_key(entity.label, entity) for entity in kept}
    for index, entity in enumerate(kept):
        distinct = []
        for alternative in entity.alternatives:
            key = _key(label_of(alternative, entity), alternative)
            if key not in seen:
                seen.add(key)
                distinct.append(alternative)
        if len(distinct) < len(entity.alternatives):
            kept[index] = replace(entity, alternatives=tuple(distinct))
    return tuple(kept)


def label_of(alternative: Any, entity: Any) -> str:
    """The label of an alternative: its own, or that of its entity."""
    label: str = getattr(alternative, "label", None) or entity.label
    return label


def _iter_keys(entities: Sequence[Any]) -> Iterator[tuple[int, int, Any]]:
    """Yields (index of the entity, number of the alternative, key) of each alternative."""
    for index, entity in enumerate(entities):
        for number, alternative in enumerate(entity.alternatives):
            yield index, number, _key(label_of(alternative, entity), alternative)


def _key(label: str, span: Any) -> tuple[str, Fragments]:
    return label, span.fragments or ((span.start, span.end),)


@dataclass
class GoldMarks:
    """How often documents have what only gold may have: alternatives, and entities that have any;
    optional entities; ignore regions.
    """

    alternatives: int = 0
    entities_with_alternatives: int = 0
    optional: int = 0
    ignore_regions: int = 0

    def add(self, document: Any) -> None:
        """Count a document."""
        for entity in document.entities or ():
            self.alternatives += len(entity.alternatives)
            self.entities_with_alternatives += bool(entity.alternatives)
            self.optional += entity.optional
        for zone in document.zones:
            self.ignore_regions += zone.label == IGNORE

    def describe(self) -> str:
        """The numbers in words; "" if there are none."""
        parts = []
        if self.alternatives:
            owners = _count(self.entities_with_alternatives, "entity", "entities")
            parts.append(f"{_count(self.alternatives, 'alternative')} of {owners}")
        if self.optional:
            parts.append(_count(self.optional, "optional entity", "optional entities"))
        if self.ignore_regions:
            parts.append(_count(self.ignore_regions, "ignore region"))
        return ", ".join(parts)


def _count(number: int, singular: str, plural: str = "") -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
