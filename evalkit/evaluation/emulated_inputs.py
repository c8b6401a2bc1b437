"""The inputs of `emulate`: documents with evalkit's items, and the tags if the input has tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from evalkit.analysis.scorer_rules import SIDES, ScorerDocument, ScorerItem
from evalkit.corpus import Corpus, CorpusSource, to_corpus
from evalkit.data import text
from evalkit.data.document import Document, Entity
from evalkit.data.taggings import check_tagging
from evalkit.errors import InputError
from evalkit.evaluation.corpus_scores import score
from evalkit.evaluation.emulated_layers import build_items, is_annotated
from evalkit.evaluation.emulated_tags import (
    TAG_REPAIR,
    TagDocuments,
    are_tags,
    items_of_tags,
    iter_sequences,
    open_tag_documents,
)
from evalkit.evaluation.span_scores import score_tags
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.gold_marks import drop_gold_marks


@dataclass(frozen=True)
class EmulatedInputs:
    """What scorers are given.

    documents: of both sides. items: evalkit's items of each side by layer; see `build_items`.
    describe_metric: returns evalkit's signature of a metric. list_annotated: returns the numbers of
    the documents whose gold has a layer. has_tags: whether the input is tags. tagging: of the tags,
    or of those that are made from entities. notes: for the report.
    """

    documents: Sequence[ScorerDocument]
    items: Callable[[str, str], Sequence[ScorerItem]]
    describe_metric: Callable[[str], dict[str, str]]
    list_annotated: Callable[[str], Sequence[int]]
    has_tags: bool
    gold: Corpus | None = None
    predicted: Corpus | None = None
    tagging: str = "IOB2"
    notes: tuple[str, ...] = ()

    @property
    def symmetric(self) -> frozenset[str]:
        """The labels of symmetric relations."""
        return _list_symmetric(self.gold)

    def select(self, numbers: Sequence[int]) -> EmulatedInputs:
        """The inputs with some documents only, by their numbers; items keep their sources."""
        new_number = {number: index for index, number in enumerate(numbers)}
        documents = [self.documents[number] for number in numbers]
        ids = {document.id for document in documents}

        def items_of(side: str, layer: str) -> Sequence[ScorerItem]:
            return [
                item._replace(document=new_number[item.document])
                for item in self.items(side, layer)
                if item.document in new_number
            ]

        def list_annotated(layer: str) -> Sequence[int]:
            annotated = self.list_annotated(layer)
            return [new_number[number] for number in annotated if number in new_number]

        def select_from(corpus: Corpus | None) -> Corpus | None:
            if corpus is None:
                return None
            return corpus.with_documents([document for document in corpus if document.id in ids])

        return replace(
            self,
            documents=documents,
            items=items_of,
            list_annotated=list_annotated,
            gold=select_from(self.gold),
            predicted=select_from(self.predicted),
        )

    @property
    def has_gold_strings(self) -> bool:
        """Whether gold has entities without offsets, which only metrics of strings compare."""
        return any(document.unplaced for document in self.gold or ())


def open_emulated_inputs(
    gold: Any,
    predicted: Any,
    *,
    needs_tokens: bool,
    reads_tags: bool = False,
    tagging: str | None,
    default_tagging: str,
    missing: str = "error",
) -> EmulatedInputs:
    """The inputs of both sides: sequences of tags, CoNLL files, or corpora.

    needs_tokens: whether the scorer compares words. reads_tags: whether the tags of files are taken
    as they are. tagging: of the tags; None for the one that a file names, or else the default,
    which is the scorer's. missing: as for `score`. Raises InputError for sides that do not fit each
    other.
    """
    if needs_tokens or reads_tags or are_tags(gold):
        tags = open_tag_documents(gold, predicted, missing)
        if tags is not None:
            return _open_tags(tags, tagging or tags.tagging or default_tagging)
    if are_tags(gold) != are_tags(predicted):
        raise InputError("expected tags, or else corpora, as gold and as predictions")
    return _open_corpora(
        gold,
        predicted,
        needs_tokens=needs_tokens,
        tagging=tagging or default_tagging,
        missing=missing,
    )


def _open_tags(tags: TagDocuments, tagging: str) -> EmulatedInputs:
    """Inputs from tags: evalkit's items are those of the repaired tags."""
    check_tagging(tagging)
    documents = tags.documents
    items = items_of_tags(documents, tagging)

    def describe_metric(metric: str) -> dict[str, str]:
        scores = score_tags(
            *(list(iter_sequences(documents, side)) for side in SIDES),
            tagging=tagging,
            repair=TAG_REPAIR,
            metrics=metric,
            boot=0,
        )
        fields = scores[metric].signature_fields
        if tags.names is None:
            return fields
        corpora = [
            _to_corpus(documents, items[side], name) for side, name in zip(SIDES, tags.names)
        ]
        return _name_corpora(fields, *corpora)

    def items_of(side: str, layer: str) -> Sequence[ScorerItem]:
        if layer != "entities":
            raise InputError(f"tags have no {layer}: expected corpora")
        return items[side]

    def list_annotated(_layer: str) -> Sequence[int]:
        return range(len(documents))

    return EmulatedInputs(
        documents,
        items_of,
        describe_metric,
        list_annotated,
        has_tags=True,
        tagging=tagging,
        notes=tags.notes,
    )


def _to_corpus(
    documents: Sequence[ScorerDocument], items: Sequence[ScorerItem], name: str
) -> Corpus:
    """A corpus of the documents with the items of one side."""
    entities: list[list[Entity]] = [[] for _ in documents]
    for item in items:
        entities[item.document].append(Entity(str(item.label), item.start or 0, item.end or 0))
    return Corpus(
        [
            Document(document.id, document.text, tuple(own))
            for document, own in zip(documents, entities, strict=True)
        ],
        name,
    )


def _name_corpora(fields: Mapping[str, str], gold: Corpus, predicted: Corpus) -> dict[str, str]:
    """The signature of tags with the digest of gold and the names of both sides."""
    metric = fields["metric"]
    named = score(gold, predicted, metric, zones="all", boot=0)[metric].signature_fields
    after = {name: value for name, value in fields.items() if name not in ("evalkit", "docs")}
    return {
        "evalkit": fields["evalkit"],
        "corpus": named["corpus"],
        "docs": named["docs"],
        **after,
        "model": named["model"],
    }


def _open_corpora(
    gold: CorpusSource, predicted: CorpusSource, *, needs_tokens: bool, tagging: str, missing: str
) -> EmulatedInputs:
    check_tagging(tagging)
    gold_corpus = to_corpus(gold, "gold")
    gold_corpus = gold_corpus.with_documents(drop_gold_marks(gold_corpus, ConversionReport()))
    predicted_corpus = to_corpus(predicted, "predicted", predictions=True)
    documents = [
        ScorerDocument(
            document.id,
            document.text,
            text.tokens(document.text) if needs_tokens else (),
            is_predicted=document.id in predicted_corpus,
        )
        for document in gold_corpus
    ]

    def describe_metric(metric: str) -> dict[str, str]:
        scores = score(
            gold_corpus,
            predicted_corpus,
            metric,
            zones="all",
            missing=missing,
            boot=0,
            plain_gold=True,
        )
        return scores[metric].signature_fields

    @cache
    def items_of(side: str, layer: str) -> Sequence[ScorerItem]:
        corpus = gold_corpus if side == "gold" else predicted_corpus
        symmetric = _list_symmetric(gold_corpus)
        rows = []
        for number, document in enumerate(gold_corpus):
            if is_annotated(document, layer) and document.id in corpus:
                rows += list(build_items(corpus[document.id], layer, number, symmetric))
        return [item._replace(source=source) for source, item in enumerate(rows)]

    def list_annotated(layer: str) -> Sequence[int]:
        return [n for n, document in enumerate(gold_corpus) if is_annotated(document, layer)]

    return EmulatedInputs(
        documents,
        items_of,
        describe_metric,
        list_annotated,
        has_tags=False,
        gold=gold_corpus,
        predicted=predicted_corpus,
        tagging=tagging,
    )


def _list_symmetric(corpus: Corpus | None) -> frozenset[str]:
    """The labels of symmetric relations, from the schema."""
    if corpus is None or corpus.schema is None:
        return frozenset()
    return corpus.schema.symmetric_relations
