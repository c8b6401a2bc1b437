"""Packs spaCy documents into the bytes of a DocBin.

The bytes are those of spacy.tokens.DocBin (spaCy 3.8), which looks up nine attributes of each token
by name and takes most of the time of writing a file.
"""

from __future__ import annotations

import zlib
from typing import Any

import msgspec
import numpy as np

from evalkit.formats.docbin_plain import PACKED_SPAN

VERSION = "0.1"  # of the format


class DocBinPacker:
    """The documents of a file whose tokens have no attributes but words and entities."""

    def __init__(self, vocab: Any) -> None:
        """`vocab` is the vocabulary of all documents."""
        from spacy.tokens import DocBin

        self._vocab = vocab
        self._attributes = DocBin().attrs
        self._norms: dict[str, str] = {}  # by word
        self._strings: set[str] = set()
        self._tokens: list[Any] = []
        self._spaces: list[Any] = []
        self._span_groups: list[bytes] = []
        self._user_data: list[bytes] = []

    def add(self, doc: Any, words: list[str]) -> None:
        """Adds a document with these words."""
        self._tokens.append(doc.to_array(self._attributes))
        self._spaces.append(doc.to_array("SPACY").astype(bool))
        for word in words:
            if word not in self._norms:
                self._norms[word] = self._vocab[word].norm_
        if words:
            self._strings.add("")  # the attributes that the tokens do not have
        spans = list(doc.ents)
        packed_groups: dict[bytes, list[str]] = {}
        for name, group in doc.spans.items():
            packed_groups.setdefault(_pack_group(name, group), []).append(name)
            spans += group
        for span in spans:
            self._strings.update((span.label_, span.kb_id_, span.id_))
        self._span_groups.append(msgspec.msgpack.encode(packed_groups or []))
        self._user_data.append(msgspec.msgpack.encode(doc.user_data))

    def to_bytes(self) -> bytes:
        """The bytes of the file."""
        strings = self._strings.union(self._norms, self._norms.values())
        content = {
            "version": VERSION,
            "attrs": self._attributes,
            "tokens": b"".join(tokens.tobytes() for tokens in self._tokens),
            "spaces": b"".join(spaces.tobytes() for spaces in self._spaces),
            "lengths": np.array([len(tokens) for tokens in self._tokens], np.int32).tobytes(),
            "strings": sorted(strings),
            "cats": [{} for _ in self._tokens],
            "flags": [{"has_unknown_spaces": False} for _ in self._tokens],
            "span_groups": self._span_groups,
            "user_data": self._user_data,
        }
        return zlib.compress(msgspec.msgpack.encode(content))


def _pack_group(name: str, group: Any) -> bytes:
    """The bytes of a span group, as spaCy's SpanGroup.to_bytes makes them."""
    spans = []
    for span in group:
        numbers = (span.id, span.kb_id, span.label)
        positions = (span.start, span.end, span.start_char, span.end_char)
        spans.append(PACKED_SPAN.pack(*numbers, *positions))
    return msgspec.msgpack.encode({"name": name, "attrs": {}, "spans": spans})
