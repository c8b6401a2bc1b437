"""Divides documents into tokens with tags, for formats with a token on each line: conll, conllu and
conll2012.

The writing options `tagging`, `tokenizer`, `split_tokens` and `align_with` are those of conll.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from evalkit.data.document import LAYERS, Attributes, Document
from evalkit.data.taggings import check_tagging
from evalkit.data.text import Range
from evalkit.errors import InputError, quoted_repr
from evalkit.formats.conll_tags import spell_tags
from evalkit.formats.conversion import ConversionReport, skip_unannotated
from evalkit.formats.token_spans import LabelledSpan, TokenLayout, flat_entities


class TaggedToken(NamedTuple):
    """A token: its range in the text, and its tag."""

    start: int
    end: int
    tag: str


class DocumentTagger:
    """Divides documents into sentences of tagged tokens, and counts what tags cannot represent."""

    def __init__(
        self,
        conversion: ConversionReport,
        tagging: str,
        tokenizer: str,
        *,
        split_tokens: bool,
        align_with: Iterable[Document],
        reserved: str = "",
        holds_attributes: Callable[[Attributes], bool] = lambda _: False,
    ) -> None:
        """`reserved`: characters that no label can have in the format. `holds_attributes`: whether
        the format holds the attributes of an entity.

        Raises UnknownNameError for an unknown tagging.
        """
        check_tagging(tagging)
        self._conversion = conversion
        self._tagging = tagging
        self._tokenizer = tokenizer
        self._split_tokens = split_tokens
        self._reserved = set(reserved)
        self._holds_attributes = holds_attributes
        self._align_with = {document.id: document for document in align_with}

    def iter_tagged(
        self, documents: Iterable[Document], *, cut: str = ""
    ) -> Iterator[tuple[Document, list[list[TaggedToken]]]]:
        """Yields each document with its sentences. Failed documents, and those whose entities were
        not annotated, are skipped and counted.

        cut: a string that is never one token, such as a document mark. Raises InputError for a
        document whose text differs in `align_with`, and at the end if no document was annotated.
        """
        for document in skip_unannotated(documents, self._conversion):
            where = f"document {quoted_repr(document.id)}"
            if document.failure is not None:
                self._conversion.skipped.add("documents that failed", where)
                continue
            self._count_unsupported(document, where)
            yield document, self._tag(document, where, cut)

    def _tag(self, document: Document, where: str, cut: str) -> list[list[TaggedToken]]:
        ranges, entities = self._tokenize(document, cut)
        spelled = spell_tags(ranges, entities, self._tagging)
        if spelled.joined:
            self._conversion.add(
                "borders between neighboring entities of one label, which"
                f" {self._tagging} tags do not have",
                where,
                spelled.joined,
            )
        tags = iter(spelled.tags)
        return [
            [TaggedToken(start, end, next(tags)) for start, end in sentence] for sentence in ranges
        ]

    def _tokenize(
        self, document: Document, cut: str
    ) -> tuple[list[list[Range]], list[LabelledSpan]]:
        """The token ranges of each sentence, and the entities that tags can represent."""
        text = document.text
        layout = TokenLayout(text, self._tokenizer)
        split = self._split_tokens
        entities = flat_entities(document, layout, self._conversion, split_tokens=split)
        aligned = list(entities)
        other = self._align_with.get(document.id)
        if other is not None:
            if other.text != text:
                raise InputError(
                    f"document {quoted_repr(document.id)}: its text differs from the one in"
                    " align_with; expected the same documents with other annotations"
                )
            aligned += flat_entities(other, layout, ConversionReport(), split_tokens=split)
        return layout.sentences(aligned, _find_cuts(text, cut)), self._writable(document, entities)

    def _writable(self, document: Document, entities: list[LabelledSpan]) -> list[LabelledSpan]:
        """The entities whose labels the format can hold; the others are counted as dropped."""
        kept: list[LabelledSpan] = []
        for entity in entities:
            if self._reserved.intersection(entity[2]):
                name = f"entities whose label holds one of {' '.join(sorted(self._reserved))}"
                location = f"document {quoted_repr(document.id)}, {entity[0]} to {entity[1]}"
                self._conversion.add(name, location)
            else:
                kept.append(entity)
        return kept

    def _count_unsupported(self, document: Document, where: str) -> None:
        """Counts the annotations and fields of a document that the format cannot represent."""
        add = self._conversion.add
        for name in ("events", "attributions", "relations", "zones", "unplaced"):
            items = getattr(document, name)
            kind = "unplaced items" if name == "unplaced" else name
            for index in range(len(items or ())):
                add(kind, f"{where}, {name}[{index}]")
            if items == () and name in LAYERS:
                add(f"empty layers of {name}", where)
        if document.meta is not None:
            add("meta", where)
        for index, entity in enumerate(document.entities or ()):
            location = f"{where}, entities[{index}]"
            if entity.id is not None:
                add("ids of entities", location)
            if entity.score is not None:
                add("scores of entities", location)
            if entity.attributes is not None and not self._holds_attributes(entity.attributes):
                add("attributes of entities", location)


def _find_cuts(text: str, cut: str) -> list[int]:
    """The positions after the first character of each occurrence of a string."""
    positions: list[int] = []
    start = text.find(cut) if cut else -1
    while start >= 0:
        positions.append(start + 1)
        start = text.find(cut, start + len(cut))
    return positions
