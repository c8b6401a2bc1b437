"""Collects the errors of a run block by block: counts, breakdowns, and the examples that are shown.

Examples are chosen deterministically, whatever the order of the documents: where predictions have
scores, those with the highest score come first, as confident errors are the most informative.
Otherwise they are spread evenly over documents: first one of each document, then a second one, in
the order of a 64-bit hash of document, offsets and labels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from evalkit.analysis.attached_errors import classify_outcomes
from evalkit.analysis.breakdowns import BreakdownCounter, Bucket
from evalkit.analysis.error_counts import ErrorCounter, ErrorCounts
from evalkit.analysis.error_items import (
    ErrorBlock,
    ErrorItem,
    ErrorView,
    item_fragments,
    item_offsets,
    with_sentence,
)
from evalkit.analysis.error_kinds import (
    ALL_KINDS,
    DUPLICATE,
    NONE,
    UNPLACED,
    BlockErrors,
    classify_block,
    detail_codes,
)
from evalkit.analysis.features import TrainingSurfaces
from evalkit.analysis.span_pairing import CORRECT
from evalkit.data.batch import Vocabulary
from evalkit.scoring.columns import Ints, group_starts, hash_columns
from evalkit.scoring.counting import Block
from evalkit.scoring.matching import Matches
from evalkit.scoring.metrics import Metric
from evalkit.stats.randomization import UInt64s, unit_keys

MAX_EXAMPLES = 50  # of each kind that are kept, unless more are requested


@dataclass(frozen=True)
class ErrorRequest:
    """What to find out beside the counts.

    metric: the one that breakdowns are made under. features: those to break down by.
    shown_features: those of them that the report shows in full; of all features it shows the worst
    buckets. train: a training corpus, for the features that need it. examples: how many of each
    kind to keep.
    """

    metric: Metric
    features: tuple[str, ...] = ()
    shown_features: tuple[str, ...] = ()
    train: Any = None
    ignore_case: bool = False
    examples: int = MAX_EXAMPLES

    @property
    def layer(self) -> str:
        """The layer of the metric."""
        return self.metric.layer


@dataclass(frozen=True)
class ErrorSummary:
    """What was collected. examples: those of each kind, in the order in which they are shown."""

    counts: ErrorCounts
    breakdowns: dict[str, list[Bucket]] = field(default_factory=dict)
    examples: dict[str, list[ErrorItem]] = field(default_factory=dict)


# How an example is ranked: without a score after those with one, then by negative score, then by
# its number among those of its document, then by hash.
_Rank = tuple[bool, float, int, int]


class _Example(NamedTuple):
    """An example, its rank, and the text of its document."""

    rank: _Rank
    item: ErrorItem
    text: str | None


class ErrorCollector:
    """Collects the errors of blocks of documents."""

    def __init__(
        self,
        request: ErrorRequest,
        labels: Vocabulary,
        training: TrainingSurfaces | None = None,
    ) -> None:
        """labels: those of the run. training: the surface forms of the training corpus."""
        self._request, self._labels = request, labels
        self._details = detail_codes()
        self._counter = ErrorCounter(labels, self._details)
        self._breakdowns = BreakdownCounter(
            request.features, training, ignore_case=request.ignore_case
        )
        self._examples: dict[int, list[_Example]] = {}

    def add(self, source: ErrorBlock) -> None:
        """Add a block."""
        errors = self._classify(source)
        self._counter.add(errors, source.block.layout.units)
        if self._request.features:
            self._add_breakdowns(source)
        if self._request.examples:
            self._add_examples(source, errors)

    def iter_items(self, source: ErrorBlock) -> Iterator[ErrorItem]:
        """All errors of a block in the order of the text; correct items are left out."""
        errors = self._classify(source)
        view = ErrorView(source, errors, list(self._details))
        wrong = np.flatnonzero(errors.kind != CORRECT)
        for row in view.text_order(wrong).tolist():
            yield view.item(row)

    def iter_all_items(self, source: ErrorBlock) -> Iterator[ErrorItem]:
        """All items of a block in the order of the text, correct ones too, without context."""
        errors = self._classify(source)
        view = ErrorView(source, errors, list(self._details))
        for row in view.text_order(np.arange(len(errors))).tolist():
            yield view.item(row, with_context=False, with_sentence=False)

    def summary(self) -> ErrorSummary:
        """What was collected so far."""
        return ErrorSummary(
            self._counter.counts(self._request.layer),
            self._breakdowns.breakdowns() if self._request.features else {},
            {
                ALL_KINDS[kind]: [with_sentence(each.item, each.text) for each in examples]
                for kind, examples in sorted(self._examples.items())
            },
        )

    def _classify(self, source: ErrorBlock) -> BlockErrors:
        reasons = [unplaced.reason for unplaced in source.unplaced]
        if source.outcomes is not None:
            return classify_outcomes(
                source.block, source.outcomes, self._details, reasons, source.failures
            )
        return classify_block(source.block, self._details, reasons, source.failures)

    def _add_breakdowns(self, source: ErrorBlock) -> None:
        scheme = self._request.metric.scheme
        if source.lenient is None:
            matches = source.block.match(scheme, wrong=False)
        else:  # other items count than under strict
            reduced = source.lenient.reduce(scheme)
            source, matches = replace(source, block=reduced.block), reduced.matches
        self._breakdowns.add(source, _find_credits(source.block, matches))

    def _add_examples(self, source: ErrorBlock, errors: BlockErrors) -> None:
        scores = _predicted_scores(source, errors)
        hashes = _hash_errors(source, errors)
        view = ErrorView(source, errors, list(self._details))
        for kind in range(CORRECT + 1, len(ALL_KINDS)):
            rows = np.flatnonzero(errors.kind == kind)
            if not len(rows):
                continue
            by_document = rows[np.lexsort((hashes[rows], errors.document[rows]))]
            turns = _rank_in_groups(errors.document[by_document])
            unscored = np.isnan(scores[by_document])
            negative = np.where(unscored, 0.0, -scores[by_document])
            order = np.lexsort((hashes[by_document], turns, negative, unscored))
            best = order[: self._request.examples]
            known = self._examples.setdefault(kind, [])
            is_full = len(known) == self._request.examples
            last_rank = known[-1].rank if is_full else None
            for n in best.tolist():
                row = int(by_document[n])
                rank = (bool(unscored[n]), float(negative[n]), int(turns[n]), int(hashes[row]))
                if last_rank is None or rank < last_rank:
                    text = source.texts[errors.document[row]] if source.texts else None
                    known.append(_Example(rank, view.item(row, with_sentence=False), text))
            known.sort(key=lambda example: example.rank)
            del known[self._request.examples :]


def _find_credits(block: Block, matches: Matches) -> tuple[Ints, Ints]:
    """The doubled credit of each item of both sides."""
    gold = np.zeros(len(block.gold.columns), np.int64)
    predicted = np.zeros(len(block.predicted.columns), np.int64)
    for pairs, credit in ((matches.correct, 2), (matches.partial, 1)):
        gold[pairs.gold] = credit
        predicted[pairs.predicted] = credit
    return gold, predicted


def _rank_in_groups(sorted_groups: Ints) -> Ints:
    """The number of each row in its group, from 0 on."""
    positions = np.arange(len(sorted_groups))
    start = np.maximum.accumulate(np.where(group_starts(sorted_groups), positions, 0))
    ranks: Ints = positions - start
    return ranks


def _predicted_scores(source: ErrorBlock, errors: BlockErrors) -> np.ndarray:
    """The score of each row's predicted item; NaN where there is none."""
    scores = np.full(len(errors), np.nan)
    if source.scores is None:
        return scores
    of_items = np.array(
        [np.nan if score is None else score for score in source.scores[1]], np.float64
    )
    predicted = source.block.predicted
    is_duplicate, is_unplaced = errors.kind == DUPLICATE, errors.kind == UNPLACED
    is_matched = (errors.predicted != NONE) & ~is_duplicate & ~is_unplaced
    scores[is_matched] = of_items[predicted.rows[errors.predicted[is_matched]]]
    scores[is_duplicate] = of_items[predicted.copies_rows[errors.predicted[is_duplicate]]]
    return scores


def _hash_errors(source: ErrorBlock, errors: BlockErrors) -> UInt64s:
    """A hash of each row, from its document's id, its offsets and its labels alone."""
    documents = unit_keys(source.ids, [None] * len(source.ids))
    shifts = np.concatenate([[0], np.cumsum(np.array(source.lengths, np.int64) + 1)])
    start, end = item_offsets(source.block, errors)
    is_placed = start != NONE
    shift = np.where(is_placed, shifts[errors.document], 0)
    labels = np.array([*map(_hash_text, source.labels), 0], np.uint64)
    hashes = hash_columns(
        documents[errors.document],
        start - shift + 1,
        end - shift + 1,
        labels[errors.gold_label],
        labels[errors.predicted_label],
    )
    for shapes in item_fragments(source.block, errors):
        rows = np.flatnonzero(shapes)
        if len(rows):
            pieces = source.block.coding.pieces
            texts = [
                repr([(a - n, b - n) for a, b in pieces[code]])
                for code, n in zip(shapes[rows].tolist(), shift[rows].tolist())
            ]
            hashes[rows] = hash_columns(hashes[rows], _hash_texts(texts))
    unplaced = np.flatnonzero(errors.kind == UNPLACED)
    if len(unplaced):
        quotes = [source.unplaced[n].quote or "" for n in errors.predicted[unplaced].tolist()]
        hashes[unplaced] = hash_columns(hashes[unplaced], _hash_texts(quotes))
    return hashes


def _hash_text(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def _hash_texts(texts: Sequence[str]) -> UInt64s:
    return np.array([_hash_text(text) for text in texts], np.uint64)
