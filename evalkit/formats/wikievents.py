"""WikiEvents: a document as JSON on each line, with indices of its tokens, and coreference.

    {"doc_id", "tokens": [token], "text", "sentences": [[[[token, start, end]], text]],
     "entity_mentions": [{"id", "sent_idx", "start", "end", "entity_type", "mention_type", "text"}],
     "event_mentions": [{"id", "event_type", "trigger": {"start", "end", "text", "sent_idx"},
     "arguments": [{"entity_id", "role", "text"}]}]}

Indices count the tokens of the document from 0, `end` is one past the last. (Source: the data of
raspberryice/gen-arg at 16d8f90, S. Li et al. 2021.) The layout is that of the format textee but for
the sentences. A second file has the coreference of the same documents, one on each line:

    {"doc_key", "clusters": [[id of an entity]], "informative_mentions": [text]}

**Reading options**

- `coref`: the file with the coreference: mentions of one cluster get the same attribute `entity`,
  the id of its first mention. Mentions in no cluster have no such attribute. A document that the
  file does not have is an error; so is an unknown id.
- `text`: given: the tokens must occur in `text` in order, with nothing but white space between;
  tokens: the text is the tokens joined by a space.

The `text` of an annotation must be that of its tokens, white space apart. An argument's `ref` is
the entity that it names. Without `entity_mentions`, entities were not annotated; so for
`event_mentions` and events. Dropped: informative mentions, mention types, relations, other keys.

This format is only read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from evalkit.data.document import Document, Entity
from evalkit.errors import InputError, LoadError, quoted_repr
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.json_records import iter_records
from evalkit.formats.registry import DocumentResults
from evalkit.formats.textee import Window, read_windows
from evalkit.formats.token_records import check_text_option


class WikiEventsRecord(Window):
    """A line. The sentences are those of the tokens and of the text."""

    sentences: Any = None


class CoreferenceRecord(msgspec.Struct):
    """A line of the file with the coreference."""

    doc_key: str
    clusters: list[list[str]]
    informative_mentions: list[Any] | None = None


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    coref: str | Path | None = None,
    text: str = "given",
) -> DocumentResults:
    """Yields the file:line of each document with the document, or a LoadError.

    Raises UnknownNameError for an unknown value of `text`, and the first error of `coref`.
    """
    check_text_option(text)
    clusters = None if coref is None else _read_clusters(Path(coref), conversion)
    records = iter_records(path, WikiEventsRecord, conversion)
    for position, document in read_windows(records, conversion, windows="apart", text=text):
        if clusters is None or isinstance(document, InputError):
            yield position, document
            continue
        try:
            yield position, _with_clusters(document, clusters, str(coref))
        except InputError as error:
            yield position, LoadError([f"{position}: {error}"])


def _read_clusters(path: Path, conversion: ConversionReport) -> dict[str, list[list[str]]]:
    """The clusters of each document. Raises the first error of the file."""
    clusters = {}
    for position, record in iter_records(path, CoreferenceRecord, conversion):
        if isinstance(record, LoadError):
            raise record
        if count := len(record.informative_mentions or ()):
            conversion.add("informative mentions", position, count)
        clusters[record.doc_key] = record.clusters
    return clusters


def _with_clusters(
    document: Document, clusters: dict[str, list[list[str]]], source: str
) -> Document:
    """The document whose entities have the attribute `entity` of their cluster.

    Raises InputError for a document without clusters, and for an id of no entity.
    """
    if document.id not in clusters:
        raise InputError(f"document {quoted_repr(document.id)} is not in {source}")
    referents: dict[str, str] = {}
    ids = {entity.id for entity in document.entities or ()}
    for n, cluster in enumerate(clusters[document.id]):
        for id in cluster:
            if id not in ids:
                raise InputError(
                    f"{source}, document {quoted_repr(document.id)}, clusters[{n}]: unknown id"
                    f" {quoted_repr(id)}: expected an entity of the document"
                )
            referents[id] = cluster[0]
    entities: list[Entity] = []
    for entity in document.entities or ():
        if entity.id in referents:
            entities.append(replace(entity, attributes={"entity": referents[entity.id]}))
        else:
            entities.append(entity)
    if document.entities is None:
        return document
    return replace(document, entities=tuple(entities))
