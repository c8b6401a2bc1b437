"""Finding and dropping duplicate annotations; `document.duplicate_key` defines them.

Gold with duplicates is an error, unless it is loaded with duplicates="drop", which keeps the first
of them. Predictions keep duplicates, which are scored as wrong, unless they are loaded so, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from evalkit.data.document import LAYERS, Document, Event, duplicate_key
from evalkit.errors import DocumentError, spell_option

AGREEMENT = {
    "entities": "same label and span",
    "events": "same label, trigger, realis and arguments",
    "attributions": "same source, cue and content",
    "arguments": "same role and span",
}


def advise_dropping() -> str:
    """How duplicates can be dropped, for the end of a message that names them."""
    return (
        f"to count each of them once, load with {spell_option('duplicates', 'drop', of='format')}"
    )


def find_duplicates(document: Document) -> Iterator[DocumentError]:
    """An error for each annotation that is a duplicate of an earlier one, and each argument that is
    one of another of its event.
    """
    for layer in LAYERS:
        for index, first in _find_pairs(getattr(document, layer) or ()):
            problem = f"duplicate of {layer}[{first}] ({AGREEMENT[layer]})"
            yield DocumentError(problem, document=document.id, layer=layer, index=index)
    for index, event in enumerate(document.events or ()):
        for number, first in _find_pairs(event.arguments):
            problem = f"duplicate of arguments[{first}] ({AGREEMENT['arguments']})"
            yield DocumentError(
                problem,
                document=document.id,
                layer="events",
                index=index,
                field=f"arguments[{number}]",
            )


def _find_pairs(annotations: Iterable[Any]) -> Iterator[tuple[int, int]]:
    """The index of each duplicate, and that of the first annotation that it equals."""
    firsts: dict[Any, int] = {}
    for index, annotation in enumerate(annotations):
        first = firsts.setdefault(duplicate_key(annotation), index)
        if first != index:
            yield index, first


def drop_duplicates(document: Document) -> Document:
    """The document with the first of all duplicates alone; what referred to another refers to that
    one.

    Of an argument that is dropped the reference is kept if the first has none. Documents without
    duplicates come back as they are.
    """
    if next(find_duplicates(document), None) is None:
        return document
    kept_ids: dict[str, str] = {}  # of annotations that are dropped: the id of the one that stays
    layers: dict[str, Any] = {}
    for layer in LAYERS:
        annotations = getattr(document, layer)
        if annotations:
            kept = {duplicate_key(annotation): annotation for annotation in reversed(annotations)}
            firsts = _with_ids(kept, annotations)
            for annotation in annotations:
                if (
                    annotation.id is not None
                    and annotation.id != firsts[duplicate_key(annotation)].id
                ):
                    kept_ids[annotation.id] = firsts[duplicate_key(annotation)].id
            layers[layer] = [firsts[key] for key in dict.fromkeys(map(duplicate_key, annotations))]
    if "events" in layers:
        layers["events"] = [
            replace(event, arguments=_distinct_arguments(event, kept_ids))
            for event in layers["events"]
        ]
    if "attributions" in layers:
        layers["attributions"] = _replace_parents(layers["attributions"], kept_ids)
    return replace(document, **{layer: tuple(annotations) for layer, annotations in layers.items()})


def _with_ids(firsts: dict[Any, Any], annotations: Iterable[Any]) -> dict[Any, Any]:
    """The annotations that stay; one without an id takes that of its first duplicate with one, so
    that references find it.
    """
    result = dict(firsts)
    for annotation in annotations:
        key = duplicate_key(annotation)
        if result[key].id is None and annotation.id is not None:
            result[key] = replace(result[key], id=annotation.id)
    return result


def _replace_parents(attributions: Iterable[Any], kept_ids: dict[str, str]) -> list[Any]:
    """The attributions with the parents that stay; without a parent where it would make an
    attribution its own ancestor.
    """
    result = [replace(each, parent=kept_ids.get(each.parent, each.parent)) for each in attributions]
    parents = {each.id: each.parent for each in result if each.id is not None}
    for index, each in enumerate(result):
        ancestor, steps = each.parent, 0
        while ancestor is not None and ancestor != each.id and steps <= len(parents):
            ancestor, steps = parents[ancestor], steps + 1
        if ancestor is not None and ancestor == each.id:
            result[index] = replace(each, parent=None)
            parents[each.id] = None
    return result


def _distinct_arguments(event: Event, kept_ids: dict[str, str]) -> tuple[Any, ...]:
    distinct: dict[Any, Any] = {}
    for argument in event.arguments:
        ref = kept_ids.get(argument.ref, argument.ref) if argument.ref is not None else None
        first = distinct.setdefault(duplicate_key(argument), replace(argument, ref=ref))
        if first.ref is None and ref is not None:
            distinct[duplicate_key(argument)] = replace(first, ref=ref)
    return tuple(distinct.values())
