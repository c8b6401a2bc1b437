"""The inputs of `emulate`: documents with evalkit's items, and the tags if the input has tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from evalkit.analysis.scorer_rules import SIDES, ScorerDocument, ScorerItem
from evalkit.corpus import Corpus, CorpusSource, resolve_location, to_corpus
from evalkit.data import text
from evalkit.data.tags import TagReader
from evalkit.errors import InputError, LoadError
from evalkit.evaluation.corpus_scores import score
from evalkit.evaluation.emulated_layers import build_items, is_annotated
from evalkit.evaluation.span_scores import score_tags
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.gold_marks import drop_gold_marks
from evalkit.formats.registry import CorpusLocation
from evalkit.results.scores import Scores

TAG_REPAIR = "begin"  # how evalkit's own items are read from invalid tags


@dataclass(frozen=True)
class EmulatedInputs:
    """What scorers are given.

    documents: of both sides. items: evalkit's items of each side by layer; see `build_items`.
    score: returns evalkit's scores of some metrics. list_annotated: returns the numbers of the
    documents whose gold has a layer. has_tags: whether the input is tags.
    """

    documents: Sequence[ScorerDocument]
    items: Callable[[str, str], Sequence[ScorerItem]]
    score: Callable[[str], Scores]
    list_annotated: Callable[[str], Sequence[int]]
    has_tags: bool
    gold: Corpus | None = None
    predicted: Corpus | None = None

    @property
    def has_gold_strings(self) -> bool:
        """Whether gold has entities without offsets, which only metrics of strings compare."""
        return any(document.unplaced for document in self.gold or ())


def open_emulated_inputs(
    gold: Any, predicted: Any, *, needs_tokens: bool, tagging: str = "IOB2"
) -> EmulatedInputs:
    """The inputs of both sides: sequences of tags, CoNLL files, or corpora.

    needs_tokens: whether the scorer compares words. tagging: of the tags, for evalkit's own items.
    Raises InputError for sides that do not fit each other.
    """
    if _are_tags(gold) and _are_tags(predicted):
        return _open_tags(_tag_documents(gold, predicted), tagging)
    if needs_tokens:
        files = [_tag_file(side) for side in (gold, predicted)]
        if files[0] is not None and files[1] is not None:
            return _open_tags(list(_join_tag_files(files[0], files[1])), tagging)
    return _open_corpora(gold, predicted, needs_tokens=needs_tokens)


def _are_tags(value: object) -> bool:
    """Whether a value is a list of lists of tags."""
    if not isinstance(value, (list, tuple)) or not value:
        return False
    return all(
        isinstance(row, (list, tuple)) and all(isinstance(tag, str) for tag in row) for row in value
    )


def _tag_documents(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> list[ScorerDocument]:
    """A document for each sequence of tags, whose tokens have no words."""
    if len(gold) != len(predicted):
        raise InputError(
            f"{len(gold)} sequences of gold tags, {len(predicted)} of predicted ones: expected as"
            " many"
        )
    documents = []
    for number, (gold_row, predicted_row) in enumerate(zip(gold, predicted)):
        if len(gold_row) != len(predicted_row):
            raise InputError(
                f"sequence {number}: {len(gold_row)} gold tags, {len(predicted_row)} predicted"
                " ones: expected as many"
            )
        words = [f"word{index}" for index in range(len(gold_row))]
        documents.append(
            ScorerDocument(
                str(number), " ".join(words), _ranges(words), (0,), gold_row, predicted_row
            )
        )
    return documents


def _ranges(words: Sequence[str]) -> list[tuple[int, int]]:
    """The ranges of words that are joined by a space."""
    ends = accumulate(len(word) + 1 for word in words)
    return [(end - 1 - len(word), end - 1) for word, end in zip(words, ends)]


def _tag_file(source: object) -> CorpusLocation | None:
    """The location of a CoNLL file with one column of tags; None for anything else."""
    if not isinstance(source, (str, Path, CorpusLocation)):
        return None
    location = resolve_location(source)
    has_columns = "+" in str(location.options.get("tag_column", ""))
    if location.format_name != "conll" or "texts" in location.options or has_columns:
        return None
    return location


def _join_tag_files(gold: CorpusLocation, predicted: CorpusLocation) -> Iterator[ScorerDocument]:
    """The documents of two CoNLL files, in the order of gold."""
    sides = [_read_tag_file(location) for location in (gold, predicted)]
    predictions = {draft.id: draft for draft in sides[1]}
    for draft in sides[0]:
        other = predictions.pop(draft.id, None)
        tags = ["O"] * len(draft.tags) if other is None else other.tags
        if len(tags) != len(draft.tags):
            raise InputError(
                f"document {draft.id!r}: {len(draft.tags)} gold tags, {len(tags)} predicted ones:"
                " expected as many"
            )
        yield ScorerDocument(
            draft.id,
            " ".join(draft.tokens),
            _ranges(draft.tokens),
            tuple(draft.starts) or (0,),
            draft.tags,
            tags,
        )
    if predictions:
        raise InputError(
            f"{predicted.path}: documents that gold does not have: {', '.join(predictions)}"
        )


def _read_tag_file(location: CorpusLocation) -> list[Any]:
    options = dict(location.options)
    for name in ("tagging", "repair", "duplicates", "trim", "on_error", "encoding"):
        options.pop(name, None)
    drafts = list(location.module.iter_tagged(location.path, **options))
    errors = [error for draft in drafts for error in draft.errors]
    if errors:
        raise LoadError(errors)
    return drafts


def _open_tags(documents: list[ScorerDocument], tagging: str) -> EmulatedInputs:
    """Inputs from tags: evalkit's items are those of the repaired tags."""
    sequences = {side: list(_split_sequences(documents, side)) for side in SIDES}
    items = {side: list(_items_of_tags(documents, side, tagging)) for side in SIDES}

    def score_them(metric: str) -> Scores:
        return score_tags(
            sequences["gold"],
            sequences["predicted"],
            tagging=tagging,
            repair=TAG_REPAIR,
            metrics=metric,
            boot=0,
        )

    def items_of(side: str, layer: str) -> Sequence[ScorerItem]:
        if layer != "entities":
            raise InputError(f"tags have no {layer}: expected corpora")
        return items[side]

    def list_annotated(_layer: str) -> Sequence[int]:
        return range(len(documents))

    return EmulatedInputs(documents, items_of, score_them, list_annotated, has_tags=True)


def _split_sequences(documents: Sequence[ScorerDocument], side: str) -> Iterator[Sequence[str]]:
    for document in documents:
        tags = document.tags(side) or ()
        borders = [*document.sequences, len(tags)]
        for first, end in pairwise(borders):
            yield tags[first:end]


def _items_of_tags(
    documents: Sequence[ScorerDocument], side: str, tagging: str
) -> Iterator[ScorerItem]:
    reader = TagReader(tagging, TAG_REPAIR)
    source = 0
    for number, document in enumerate(documents):
        sequences = list(_split_sequences([document], side))
        spans = reader.spans(reader.read(sequences, side), side)
        labels = list(reader.labels)
        rows = zip(*(column.tolist() for column in (spans.sequence, spans.start, spans.end)))
        for (sequence, first, end), label in zip(rows, spans.label.tolist()):
            shift = document.sequences[sequence]
            start = document.tokens[shift + first][0]
            stop = document.tokens[shift + end - 1][1]
            words = document.text[start:stop]
            key = ((start, stop),)
            yield ScorerItem(number, labels[label], key, source, start, stop, words)
            source += 1


def _open_corpora(
    gold: CorpusSource, predicted: CorpusSource, *, needs_tokens: bool
) -> EmulatedInputs:
    gold_corpus = to_corpus(gold, "gold")
    gold_corpus = gold_corpus.with_documents(drop_gold_marks(gold_corpus, ConversionReport()))
    predicted_corpus = to_corpus(predicted, "predicted", predictions=True)
    documents = [
        ScorerDocument(
            document.id,
            document.text,
            text.tokens(document.text) if needs_tokens else (),
        )
        for document in gold_corpus
    ]

    def score_them(metric: str) -> Scores:
        return score(gold_corpus, predicted_corpus, metric, zones="all", boot=0, plain_gold=True)

    def items_of(side: str, layer: str) -> Sequence[ScorerItem]:
        corpus = gold_corpus if side == "gold" else predicted_corpus
        rows = []
        for number, document in enumerate(gold_corpus):
            if is_annotated(document, layer) and document.id in corpus:
                rows += list(build_items(corpus[document.id], layer, number))
        return [item._replace(source=source) for source, item in enumerate(rows)]

    def list_annotated(layer: str) -> Sequence[int]:
        return [n for n, document in enumerate(gold_corpus) if is_annotated(document, layer)]

    return EmulatedInputs(
        documents,
        items_of,
        score_them,
        list_annotated,
        has_tags=False,
        gold=gold_corpus,
        predicted=predicted_corpus,
    )
