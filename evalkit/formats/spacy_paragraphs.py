"""Reads the training data of spaCy 2: JSON documents with paragraphs, sentences and tokens.

    {"id", "paragraphs": [{"raw", "sentences": [{"tokens": [{"orth", "ner"}]}]}]}

A paragraph is a document, as `spacy.training.gold_io` reads it: its text is `raw`, else the tokens
with their `space`, else the tokens joined by spaces; its entities are the BILUO tags in `ner`,
which may run over the border of sentences. A tag "-" is a missing one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from evalkit.data.document import Document, Entity
from evalkit.data.tags import TagReader
from evalkit.data.text import Range
from evalkit.errors import InputError, LoadError, quoted_repr
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.registry import DocumentResults
from evalkit.formats.token_spans import align_tokens
from evalkit.formats.tool_exports import document_id

MISSING = "-"  # the tag of a token that was not annotated
MISSING_TAGS = 'tokens with the tag "-", read as outside of entities'
IGNORED_KEYS = ("brackets", "cats", "links")


class SpacyToken(msgspec.Struct):
    """A token: the keys that are read."""

    orth: str
    space: str | None = None
    ner: str | None = None


class SpacySentence(msgspec.Struct):
    """The tokens of a sentence."""

    tokens: list[SpacyToken]


class SpacyParagraph(msgspec.Struct):
    """A paragraph: the keys that are read."""

    sentences: list[SpacySentence]
    raw: str | None = None
    entities: list[Any] | None = None


def iter_paragraphs(
    example: Mapping[str, Any], position: str, count: int, conversion: ConversionReport
) -> DocumentResults:
    """Yields the document of each paragraph of an example, or a LoadError.

    The id of a document is that of the example; of several paragraphs with their number, from 1.
    count: the number of the example in the file.
    """
    paragraphs = example["paragraphs"]
    id = example.get("id")
    if not isinstance(paragraphs, list) or not isinstance(id, (str, int, type(None))):
        problem = "expected an id, and a list under paragraphs"
        yield position, LoadError([f"{position}: {problem}, got {quoted_repr(example)}"])
        return
    if not paragraphs:
        conversion.skipped.add("empty examples", position)
    name = document_id(id, f"doc-{count}")
    for number, item in enumerate(paragraphs, 1):
        paragraph_id = f"{name}/{number}" if len(paragraphs) > 1 else name
        where = f"{position}: paragraphs[{number - 1}]"
        try:
            paragraph = msgspec.convert(item, SpacyParagraph)
            for key in IGNORED_KEYS:
                if item.get(key):
                    conversion.add(f"values of the key {quoted_repr(key)}", position)
            yield position, _build_document(paragraph_id, paragraph, position, conversion)
        except msgspec.ValidationError as error:
            problem = str(error).replace("`", "'")
            yield position, LoadError([f"{where}: {problem}"])
        except InputError as error:
            yield position, LoadError([f"{where}: {error}"])


def _build_document(
    id: str, paragraph: SpacyParagraph, position: str, conversion: ConversionReport
) -> Document:
    """Returns the document of a paragraph. Raises InputError for tokens that are not those of the
    text, and for invalid tags.
    """
    tokens = [token for sentence in paragraph.sentences for token in sentence.tokens]
    text, ranges = _find_text(tokens, paragraph.raw)
    tags = [token.ner or MISSING for token in tokens]
    missing = tags.count(MISSING)
    if missing == len(tags) and not paragraph.entities:
        return Document(id, text, () if not tags and paragraph.entities is not None else None)
    if missing:
        conversion.repaired.add(MISSING_TAGS, position, missing)
    outside = ["O" if tag == MISSING else tag for tag in tags]
    return Document(id, text, tuple(_iter_entities(outside, ranges)))


def _find_text(tokens: list[SpacyToken], raw: str | None) -> tuple[str, list[Range]]:
    """Returns the text of a paragraph, and the range of each token in it."""
    if raw is not None:
        return raw, align_tokens([token.orth for token in tokens], raw)
    has_spaces = any(token.space is not None for token in tokens)
    ranges: list[Range] = []
    text = ""
    for index, token in enumerate(tokens):
        ranges.append((len(text), len(text) + len(token.orth)))
        text += token.orth
        if has_spaces:
            text += token.space or ""
        elif index + 1 < len(tokens):
            text += " "
    return text, ranges


def _iter_entities(tags: list[str], ranges: list[Range]) -> Iterator[Entity]:
    """Yields the entities of BILUO tags. Raises InputError for invalid tags."""
    reader = TagReader("BILOU", "error")
    try:
        spans = reader.spans(reader.read([tags], "its"), "its")
    except InputError as error:
        # The advice that follows names options that this format does not have.
        problem = str(error).partition(";")[0].removeprefix("its tags: ")
        raise InputError(f"ner: {problem.removeprefix('sequence 0, ')}") from None
    labels = list(reader.labels)
    columns = (spans.start, spans.end, spans.label)
    for start, end, label in zip(*(column.tolist() for column in columns)):
        yield Entity(labels[label], ranges[start][0], ranges[end - 1][1])
