"""Keys of annotations for digests of a corpus."""

from __future__ import annotations

import msgspec

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
