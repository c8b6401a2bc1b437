"""What is stored of an answer: the predicted document, and what its requests took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from evalkit.corpus import Corpus
from evalkit.data.document import Document
from evalkit.models.registry import RUN_METADATA_KEY, SAMPLES_METADATA_KEY
from evalkit.redaction import redact, redact_values


class StoredAnswer(NamedTuple):
    """A predicted document, without secrets.

    notes: requests, retries and seconds, for the log. samples: its requests with their responses.
    """

    document: Document
    notes: Mapping[str, Any] | None = None
    samples: Sequence[Any] = ()


def separate_metadata(document: Document, corpus: Corpus, secrets: Sequence[str]) -> StoredAnswer:
    """What is stored of a model's answer; the document gets the zones of that of the corpus."""
    zones = corpus[document.id].zones
    if document.meta is None and document.failure is None and document.zones == zones:
        return StoredAnswer(document)
    meta = dict(document.meta or {})
    notes, samples = meta.pop(RUN_METADATA_KEY, None), meta.pop(SAMPLES_METADATA_KEY, None)
    failure = document.failure
    if failure is not None:
        failure = _to_single_line(redact_values(redact(failure), secrets))
    stored = replace(
        document, zones=zones, meta=redact(meta, secrets) if meta else None, failure=failure
    )
    return StoredAnswer(
        stored,
        redact(notes, secrets) if isinstance(notes, Mapping) else None,
        redact(samples, secrets) if isinstance(samples, list) else (),
    )


def _to_single_line(text: str) -> str:
    """A reason as it can be written: on one line, and without lone surrogates."""
    return " ".join(text.encode("utf-8", "backslashreplace").decode().split()) or "no reason given"
