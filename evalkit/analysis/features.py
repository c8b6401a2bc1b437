"""Features of items, by which recall and precision are broken down.

feature           buckets
length            tokens: 1, 2, 3, 4-5, 6-9, 10+
density           gold items in the sentence: 0, 1, 2-3, 4-6, 7+
position          of the sentence: first, then thirds of the rest
sentence-initial  first word of the sentence, or not
zone              zones of gold
frequency         gold items with the surface form: 0, 1, 2-4, 5+
nesting           flat, contains another, inside another, crosses another
score             tenths of the predictions, by their scores
novelty           seen in training with this label, with another label, not seen (Tu & Lignos
2021)
confusable        labels of the surface form in gold: none, one, several (Tu & Lignos 2021)
consistency       share of training items with the surface form that have the label (Fu et al.
2020)
attribute:KEY     values of `attributes[KEY]`
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from evalkit.analysis.error_items import ErrorBlock
from evalkit.analysis.overlaps import find_overlaps, group_shifts, item_ranges
from evalkit.data.batch import EntityArrays
from evalkit.data.document import span_fragments
from evalkit.data.text import sentences, tokens
from evalkit.errors import InputError, UnknownNameError, spell_option
from evalkit.scoring.columns import Ints, ItemArrays
from evalkit.scoring.items import Maps
from evalkit.scoring.layers import get_layer

NO_VALUE = "–"


@dataclass(frozen=True)
class TrainingSurfaces:
    """How often each surface form has each label in a training corpus."""

    labels_of: Mapping[str, Mapping[str, int]]
    ignore_case: bool = False


class ItemSide:
    """The items of one side of a block, with what features are made of."""

    def __init__(self, source: ErrorBlock, columns: ItemArrays, rows: Ints, side: int) -> None:
        """columns, rows: the items, and their rows among all that were read."""
        self.source, self.columns, self.side = source, columns, side
        self._rows = rows
        lengths = np.array(source.lengths, np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths + 1)])
        self.shift = starts[columns.document] if len(columns) else np.zeros(0, np.int64)

    @cached_property
    def surfaces(self) -> list[str]:
        """The surface form of each item; fragments are joined by a space."""
        texts = self.source.texts
        if texts is None:
            raise InputError("surface forms need texts: scores of tags and spans have none")
        columns = self.columns
        starts = (columns.start - self.shift).tolist()
        ends = (columns.end - self.shift).tolist()
        surfaces = [
            texts[document][start:end]
            for document, start, end in zip(columns.document.tolist(), starts, ends)
        ]
        for row in np.flatnonzero(columns.fragments).tolist():
            pieces = self.source.block.coding.pieces[columns.fragments[row]]
            text, shift = texts[columns.document[row]], int(self.shift[row])
            surfaces[row] = " ".join(text[start - shift : end - shift] for start, end in pieces)
        return surfaces

    @property
    def labels(self) -> list[str]:
        """The label of each item."""
        names = self.source.labels
        return [names[code] for code in self.columns.label.tolist()]

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """(document, index of the sentence) of each item."""
        starts_of = self._sentence_starts
        return [
            (document, max(bisect_right(starts_of[document], start) - 1, 0))
            for document, start in zip(
                self.columns.document.tolist(), (self.columns.start - self.shift).tolist()
            )
        ]

    @cached_property
    def _sentence_starts(self) -> dict[int, list[int]]:
        texts = self.source.texts
        if texts is None:
            raise InputError("sentences need texts: scores of tags and spans have none")
        return {
            document: [start for start, _ in sentences(texts[document])]
            for document in np.unique(self.columns.document).tolist()
        }

    @property
    def sentence_counts(self) -> dict[int, int]:
        """The number of sentences of each document that has items."""
        return {document: len(starts) for document, starts in self._sentence_starts.items()}

    @cached_property
    def first_words(self) -> list[bool]:
        """Whether each item begins with the first word of its sentence, or before it."""
        texts = self.source.texts or ()
        starts = (self.columns.start - self.shift).tolist()
        result = []
        for (document, sentence), start in zip(self.sentences, starts):
            first = self._sentence_starts[document][sentence : sentence + 1] or [0]
            result.append(not any(map(str.isalnum, texts[document][first[0] : start])))
        return result

    @property
    def scores(self) -> list[float | None]:
        """The score of each item."""
        if self.source.scores is None:
            return [None] * len(self.columns)
        return [self.source.scores[self.side][row] for row in self._rows.tolist()]

    @property
    def annotations(self) -> list[Any]:
        """The annotation that each item comes from."""
        if self.source.documents is None:
            raise InputError("attributes need documents: scores of tags and spans have none")
        layer = get_layer(self.source.layer)
        of_items: list[Any] = []
        for document in self.source.documents[self.side]:
            annotations = getattr(document, layer.document_layer) or ()
            if layer.owners is not None:
                of_items += [annotations[index] for index in layer.owners(document)]
            elif self.source.layer == "triggers":
                of_items += [event for event in annotations if event.trigger is not None]
            else:
                of_items += annotations
        return [of_items[row] for row in self._rows.tolist()]


def _length(side: ItemSide, context: FeatureContext) -> list[str]:
    known = context.length_buckets
    if side.source.texts is None:  # offsets are tokens
        lengths = (side.columns.end - side.columns.start).tolist()
        return [_length_bucket(length) for length in lengths]
    buckets = []
    for surface in side.surfaces:
        bucket = known.get(surface)
        if bucket is None:
            bucket = known[surface] = _length_bucket(count_tokens(surface))
        buckets.append(bucket)
    return buckets


def count_tokens(surface: str) -> int:
    """The number of tokens of a surface form."""
    words = surface.split()
    # Without punctuation, words are tokens; this is ten times as fast as to find offsets.
    if all(map(str.isalnum, words)):
        return len(words)
    return len(tokens(surface))


def _length_bucket(n: int) -> str:
    return next(name for most, name in _LENGTHS if n <= most)


_LENGTHS = ((1, "1"), (2, "2"), (3, "3"), (5, "4–5"), (9, "6–9"), (float("inf"), "10+"))
_DENSITIES = ((0, "0"), (1, "1"), (3, "2–3"), (6, "4–6"), (float("inf"), "7+"))
FREQUENCIES = ((0, "0"), (1, "1"), (4, "2–4"), (float("inf"), "5+"))


def _density(side: ItemSide, context: FeatureContext) -> list[str]:
    counts = context.gold_items_per_sentence
    return [
        next(name for most, name in _DENSITIES if counts[sentence] <= most)
        for sentence in side.sentences
    ]


_POSITIONS = ("first sentence", "first third", "second third", "last third")


def _position(side: ItemSide, _context: FeatureContext) -> list[str]:
    counts = side.sentence_counts
    buckets = []
    for document, sentence in side.sentences:
        third = 0
        if sentence > 0:
            third = 1 + (sentence - 1) * 3 // (counts[document] - 1)
        buckets.append(_POSITIONS[third])
    return buckets


def _sentence_initial(side: ItemSide, _context: FeatureContext) -> list[str]:
    return ["first word" if is_first else "elsewhere" for is_first in side.first_words]


def _zone(side: ItemSide, _context: FeatureContext) -> list[str]:
    block = side.source.block
    if side.side == 0:
        units = block.gold.unit
    else:
        units = np.concatenate([block.predicted.unit, block.predicted.copies_unit])
    zones = [unit.zone or NO_VALUE for unit in block.layout.units]
    return [zones[unit] for unit in units.tolist()]


_NESTING = ("flat", "contains another", "inside another", "crosses another")


def _nesting(side: ItemSide, _context: FeatureContext) -> list[str]:
    """By the other items of the side; an item with the same span as another is inside it."""
    columns, pieces = side.columns, side.source.block.coding.pieces
    if not len(columns):
        return []
    shifts = group_shifts(columns, columns)
    ranges = item_ranges(columns, np.arange(len(columns), dtype=np.int64), pieces, shifts)
    one, other, shared = find_overlaps(ranges, ranges)
    is_other = one != other
    one, other, shared = one[is_other], other[is_other], shared[is_other]
    lengths = np.bincount(ranges.row, ranges.end - ranges.start).astype(np.int64)
    is_inside, contains = shared == lengths[one], shared == lengths[other]
    level = np.where(is_inside, 2, np.where(contains, 1, 3))
    levels = np.zeros(len(columns), np.int64)
    np.maximum.at(levels, one, level)
    return [_NESTING[level] for level in levels.tolist()]


def _novelty(side: ItemSide, context: FeatureContext) -> list[str]:
    known = context.training.labels_of
    buckets = []
    for surface, label in zip(context.fold(side.surfaces), side.labels):
        labels = known.get(surface)
        if labels is None:
            buckets.append("unseen surface")
        else:
            buckets.append("seen" if label in labels else "unseen type")
    return buckets


_CONSISTENCIES = ("0", "above 0, up to .5", "above .5, below 1", "1")


def _consistency(side: ItemSide, context: FeatureContext) -> list[str]:
    known = context.training.labels_of
    buckets = []
    for surface, label in zip(context.fold(side.surfaces), side.labels):
        labels = known.get(surface, {})
        n, total = labels.get(label, 0), sum(labels.values())
        if not n:
            bucket = 0
        elif n == total:
            bucket = 3
        else:
            bucket = 1 if 2 * n <= total else 2
        buckets.append(_CONSISTENCIES[bucket])
    return buckets


@dataclass(frozen=True)
class Feature:
    """A line of FEATURES.

    buckets: their names in order; () if they are not known before. bucket_items: the bucket of each
    item of a side. is_shared: whether both sides of a pair have the same bucket, so that there is
    an F1.
    """

    buckets: tuple[str, ...]
    bucket_items: Callable[[ItemSide, FeatureContext], list[str]]
    is_shared: bool = False
    needs_training: bool = False


FEATURES: dict[str, Feature] = {
    "length": Feature(tuple(name for _, name in _LENGTHS), _length),
    "density": Feature(tuple(name for _, name in _DENSITIES), _density, is_shared=True),
    "position": Feature(_POSITIONS, _position, is_shared=True),
    "sentence-initial": Feature(("first word", "elsewhere"), _sentence_initial),
    "zone": Feature((), _zone, is_shared=True),
    "nesting": Feature(_NESTING, _nesting),
    "novelty": Feature(("seen", "unseen type", "unseen surface"), _novelty, needs_training=True),
    "consistency": Feature(_CONSISTENCIES, _consistency, needs_training=True),
}
# These are known only when all documents were read: items are counted by surface form or score.
SURFACE_FEATURES = ("frequency", "confusable")
SCORE_FEATURE = "score"
DEFAULT_FEATURES = ("length", "frequency", "nesting", "zone")
TRAINING_FEATURES = ("novelty", "consistency")
FEATURES_WITHOUT_TEXT = ("length", "nesting", "zone", SCORE_FEATURE)
ATTRIBUTE = "attribute:"
ALIASES = {"sentence": "position", "place": "sentence-initial"}
FEATURE_NAMES = (*FEATURES, *SURFACE_FEATURES, SCORE_FEATURE)


def parse_features(names: str | Iterable[str], *, has_training: bool) -> tuple[str, ...]:
    """The features of a list, or of a string with commas; each once.

    Raises UnknownNameError for an unknown one, InputError for one that needs a training corpus.
    """
    given = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
    if not isinstance(given, Iterable) or not all(isinstance(name, str) for name in given):
        raise InputError(
            f"invalid {spell_option('by', names)}: expected names of features such as"
            " length,frequency"
        )
    parsed = []
    for name in given:
        feature = ALIASES.get(name, name)
        is_attribute = feature.startswith(ATTRIBUTE) and len(feature) > len(ATTRIBUTE)
        if not is_attribute and feature not in FEATURE_NAMES:
            known = (*FEATURE_NAMES, f"{ATTRIBUTE}KEY")
            raise UnknownNameError("feature", name, known, within=spell_option("by"))
        if feature in FEATURES and FEATURES[feature].needs_training and not has_training:
            raise InputError(
                f"{spell_option('by')} {feature}: needs a training corpus; name it with"
                f" {spell_option('train', 'CORPUS')}"
            )
        parsed.append(feature)
    return tuple(dict.fromkeys(parsed))


def needs_texts(feature: str) -> bool:
    """Whether a feature cannot be had for tags and bare spans."""
    return feature not in FEATURES_WITHOUT_TEXT


@dataclass
class FeatureContext:
    """What the features of a run share."""

    training: TrainingSurfaces
    ignore_case: bool
    length_buckets: dict[str, str] = field(default_factory=dict)
    gold_items_per_sentence: Counter[tuple[int, int]] = field(default_factory=Counter)

    def fold(self, surfaces: Sequence[str]) -> Sequence[str]:
        """The surface forms as they are compared."""
        return [fold_surface(surface) for surface in surfaces] if self.ignore_case else surfaces


def fold_surface(surface: str) -> str:
    """A surface form without case, and with single spaces.

    >>> fold_surface("NEW\\n York")
    'new york'
    """
    return re.sub(r"\s+", " ", surface).casefold()


def training_surfaces(
    documents: Iterable[Any], layer: str, maps: Maps, *, ignore_case: bool
) -> TrainingSurfaces:
    """The surface forms of a training corpus in a layer, in all zones. maps: the label maps of
    gold, which also hold for the training corpus.

    Raises InputError if no document is annotated in the layer.
    """
    labels_of: dict[str, Counter[str]] = defaultdict(Counter)
    is_annotated = False
    for document in documents:
        if getattr(document, get_layer(layer).document_layer) is None:
            continue
        is_annotated = True
        items = get_layer(layer).items([document], maps)
        if isinstance(items, EntityArrays):
            spans: Sequence[Any] = document.entities or ()
            labels: Sequence[Any] = [span.label for span in spans]
        else:
            spans, labels = items.spans, items.labels
        for span, label in zip(spans, labels):
            if label is None:  # dropped by the label map
                continue
            surface = " ".join(document.text[start:end] for start, end in span_fragments(span))
            labels_of[fold_surface(surface) if ignore_case else surface][label] += 1
    if not is_annotated:
        raise InputError(
            f"{spell_option('train')}: the training corpus has no"
            f" {get_layer(layer).document_layer} in any document; novelty and consistency of"
            f" {layer} need them"
        )
    return TrainingSurfaces(labels_of, ignore_case)


CONFUSABLE = ("not in gold", "one label", "several labels")
BUCKET_NAMES = {
    **{name: feature.buckets for name, feature in FEATURES.items()},
    "frequency": tuple(name for _, name in FREQUENCIES),
    "confusable": CONFUSABLE,
}


def attribute_value(annotation: Any, key: str) -> str:
    """The value of an attribute of an annotation as text; – where it has none."""
    attributes = getattr(annotation, "attributes", None) or {}
    value = attributes.get(key)
    return NO_VALUE if value is None else str(value)
