"""Keys of annotations for digests of a corpus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from evalkit.data.document import Event, argument_fragments, iter_arguments

# Annotations that differ only in these fields are duplicates
_IGNORED_FIELDS = ("id", "score", "text")


def annotation_key(annotation: msgspec.Struct) -> bytes:
    """The fields of an annotation except id, score and text, as bytes that can be hashed."""
    fields = msgspec.to_builtins(annotation)
    for name in _IGNORED_FIELDS:
        fields.pop(name, None)
    if "arguments" in fields:
        arguments = []
        for argument in fields["arguments"]:
            argument.pop("score", None)
            arguments.append(msgspec.json.encode(argument, order="sorted"))
        fields["arguments"] = sorted(arguments)
    return msgspec.json.encode(fields, order="sorted")


def annotation_keys(document: Any, layer: str) -> Iterator[bytes]:
    """The key of each annotation of a layer. That of a relation has the label and the span of its
    arguments in place of their ids.
    """
    annotations = getattr(document, layer) or ()
    if layer != "relations":
        yield from map(annotation_key, annotations)
        return
    for relation, arguments in zip(annotations, iter_arguments(document)):
        head, tail = (
            [_layer_of(argument), argument.label, argument_fragments(argument)]
            for argument in arguments
        )
        fields = {
            "label": relation.label,
            "head": head,
            "tail": tail,
            "attributes": relation.attributes,
        }
        yield msgspec.json.encode(fields, order="sorted")


def _layer_of(argument: Any) -> str:
    return "events" if isinstance(argument, Event) else "entities"
