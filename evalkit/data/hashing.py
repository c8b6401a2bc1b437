"""Keys of annotations for digests of a corpus."""

from __future__ import annotations

import msgspec

# Annotations that differ only in these fields are the same annotation, repeated
_IGNORED_FIELDS = ("id", "score", "text")


def annotation_key(annotation: msgspec.Struct) -> bytes:
    """All fields of an annotation but id and score, as bytes that can be hashed."""
    plain = {k: v for k, v in msgspec.to_builtins(annotation).items() if k not in _IGNORED_FIELDS}
    for argument in plain.get("arguments", ()):
        argument.pop("score", None)
    if "arguments" in plain:
        plain["arguments"] = sorted(
            msgspec.json.encode(a, order="sorted") for a in plain["arguments"]
        )
    return msgspec.json.encode(plain, order="sorted")
