"""What if there are no documents? Scores from sequences of tags, and from bare spans.

A sequence, or a list of spans, stands for a document; offsets count tokens, or whatever the caller
counts.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from evalkit.data.batch import Vocabulary, pack_int64
from evalkit.data.label_maps import (
    LabelMapOption,
    LabelMapping,
    LabelsOption,
    resolve_label_mapping,
)
from evalkit.data.tags import TaggedSpans, TagReader
from evalkit.errors import InputError, escape_surrogates, quoted_repr
from evalkit.formats.reading_options import signature_field
from evalkit.results.scores import Scores
from evalkit.scoring.columns import (
    DROPPED_LABEL,
    Cells,
    Ints,
    ItemArrays,
    SharedEncoding,
    combine_keys,
)
from evalkit.scoring.counting import COUNTS, Block, block_from_arrays, has_duplicates
from evalkit.scoring.counts import Counts
from evalkit.scoring.metrics import Metric, parse_metrics
from evalkit.scoring.pairs import ItemPair, pairs_of_spans
from evalkit.scoring.zones import CountUnit, document_layout
from evalkit.stats.intervals import Resampling, make_resampling
from evalkit.version import evalkit_version

BLOCK = 1024
MAX_OFFSET = (
    2**62
)  # where offsets end: what is reckoned from them must still be a number of 64 bits
Triple = tuple[int, int, str]
DEFAULT_TAG_OPTIONS = {"tagging": "IOB2", "repair": "error"}
BareSpan = Triple | Mapping[str, Any]


def score_tags(
    gold_tags: Sequence[Sequence[str]],
    predicted_tags: Sequence[Sequence[str]],
    *,
    tagging: str = "IOB2",
    repair: str = "error",
    metrics: str | Iterable[str | Metric] = "entities/strict",
    labels: LabelsOption = None,
    label_map: LabelMapOption = None,
    boot: int = 1000,
    seed: int = 12345,
    level: float = 0.95,
) -> Scores:
    """Score sequences of tags, one for each sentence or document, against those of gold.

    - `tagging`: IOB2, IOB1, BIOES or BILOU.
    - `repair`: how invalid tags are read: "error", "discard", "begin" or "conlleval". Named in
      the signature, and repairs are counted.
    - `metrics`: those of entities, except characters, and those of tokens.
    - `labels`: a list of labels to score.
    - `label_map`: a map such as {"person": "PER", "*": None}, or a pair (gold, predicted).
    - `boot`, `seed`, `level`: of the intervals; sequences are the resampling units.

    Raises InputError for sequences of different numbers or lengths, for what is not a tag, and for
    invalid tags without a repair.

    >>> score_tags([["B-PER", "I-PER", "O"]], [["B-PER", "O", "O"]])["entities/strict"].micro.f1
    0.0
    """
    _check_equal_length(gold_tags, predicted_tags, "sequences")
    tags = TagReader(tagging, repair)
    blocks, improper = [], [0, 0]
    for first in range(0, len(gold_tags), BLOCK):
        here = slice(first, first + BLOCK)
        golden, said = (
            tags.read(gold_tags[here], "gold"),
            tags.read(predicted_tags[here], "predicted"),
        )
        _refuse_lengths(golden.lengths, said.lengths, first)
        sides = [
            tags.spans(read, side, first) for read, side in ((golden, "gold"), (said, "predicted"))
        ]
        improper = [before + side.improper for before, side in zip(improper, sides)]
        blocks.append((len(golden.lengths), [_tagged(side) for side in sides]))
    aside = {"gold_repaired": improper[0], "predicted_repaired": improper[1]}
    how = make_resampling(len(gold_tags), "documents", boot, seed, level)
    mapping = resolve_label_mapping(labels, label_map, None)
    return _scores(
        blocks, tags.labels, mapping, metrics, how, aside, {"tagging": tagging, "repair": repair}
    )


def score_spans(
    gold: Sequence[Sequence[BareSpan]],
    predicted: Sequence[Sequence[BareSpan]],
    metrics: str | Iterable[str | Metric] = "entities/strict",
    *,
    labels: LabelsOption = None,
    label_map: LabelMapOption = None,
    boot: int = 1000,
    seed: int = 12345,
    level: float = 0.95,
) -> Scores:
    """Score lists of (start, end, label), one for each document, against those of gold.

    Ends are exclusive. A span may be a dict with start, end and label (or entity_group, as in
    transformers); other keys are ignored.

    - `metrics`: those of entities.
    - `labels`: a list of labels to score.
    - `label_map`: a map such as {"person": "PER", "*": None}, or a pair (gold, predicted).
    - `boot`, `seed`, `level`: of the intervals; documents are the resampling units.

    Raises InputError for different numbers of documents, for what is not a span, and for duplicate
    spans in gold.

    >>> scores = score_spans([[(0, 2, "PER")]], [[(0, 2, "PER"), (5, 6, "ORG")]])
    >>> scores["entities/strict"].micro.precision
    0.5
    """
    _check_equal_length(gold, predicted, "lists of spans")
    mapping, read = resolve_label_mapping(labels, label_map, None), Vocabulary()
    blocks = [
        (
            len(gold[first : first + BLOCK]),
            [
                _spans(side[first : first + BLOCK], read, name, first)
                for side, name in ((gold, "gold"), (predicted, "predicted"))
            ],
        )
        for first in range(0, len(gold), BLOCK)
    ]
    return _scores(
        blocks,
        read,
        mapping,
        metrics,
        make_resampling(len(gold), "documents", boot, seed, level),
        {},
        {},
    )


def _check_equal_length(gold: Sequence[Any], predicted: Sequence[Any], what: str) -> None:
    for side in (gold, predicted):
        if (
            isinstance(side, (str, bytes))
            or not hasattr(side, "__len__")
            or (len(side) and isinstance(side[0], str))
        ):
            raise InputError(
                f"{quoted_repr(side)}: a list of {what} would do, one for each document"
            )
    if len(gold) != len(predicted):
        raise InputError(
            f"{len(gold)} {what} of gold, {len(predicted)} predicted: each must have its"
            " counterpart"
        )


def _refuse_lengths(gold: Ints, predicted: Ints, first: int) -> None:
    for at in np.flatnonzero(gold != predicted)[:1]:
        raise InputError(
            f"sequence {first + at}: {gold[at]} tags of gold, {predicted[at]} predicted; both sides"
            " need one tag for each token: tokenize them alike, or align the tokens and compare"
            " spans of characters with score_spans"
        )


SpanArrays = tuple[Ints, Ints, Ints, Ints]  # document, start, end, label


def _tagged(side: TaggedSpans) -> SpanArrays:
    return side.sequence, side.start, side.end, side.label


def _spans(
    documents: Sequence[Sequence[BareSpan]], labels: Vocabulary, name: str, first: int
) -> SpanArrays:
    flat: list[Any] = list(chain.from_iterable(documents))
    if any(isinstance(span, Mapping) for span in flat):
        flat = [_triple_of(span) if isinstance(span, Mapping) else span for span in flat]
    document = np.repeat(
        np.arange(len(documents), dtype=np.int64),
        np.fromiter(map(len, documents), np.int64, len(documents)),
    )
    try:
        start, end, label = _read(flat, labels)
        proper = (start >= 0) & (start < end) & (end < MAX_OFFSET)
    except (TypeError, ValueError, struct.error):
        proper = np.array([_is_span(span) for span in flat], bool)
    if not proper.all():
        at = int(np.flatnonzero(~proper)[0])
        raise InputError(
            f"{name}, document {first + document[at]}: {quoted_repr(flat[at])} is no span: (start,"
            " end, label) with 0 <= start < end < 2**62 would do"
        )
    return document, start, end, label


def _read(flat: Sequence[Triple], labels: Vocabulary) -> tuple[Ints, Ints, Ints]:
    """Starts, ends and codes of labels.

    Raises TypeError, ValueError or struct.error where one is no span of whole numbers.
    """
    starts, ends, codes = [], [], []  # type: list[int], list[int], list[int]
    known = dict(labels)
    for start, end, name in flat:
        starts.append(start)
        ends.append(end)
        try:
            codes.append(known[name])
        except KeyError:
            known[name] = code = labels[_require_str(name)]
            codes.append(code)
    columns: Any = tuple(
        np.frombuffer(pack_int64(values), np.int64) for values in (starts, ends, codes)
    )
    return columns  # type: ignore[no-any-return]


def _triple_of(span: Mapping[str, Any]) -> Any:
    """A span that is given as a dict; the dict itself where it has no start, end and label."""
    label = span.get("label", span.get("entity_group"))
    return (
        (span["start"], span["end"], label)
        if label is not None and "start" in span and "end" in span
        else span
    )


def _is_span(span: Any) -> bool:
    if not isinstance(span, Sequence) or isinstance(span, (str, bytes)) or len(span) != 3:
        return False
    start, end, label = span
    whole = all(
        isinstance(offset, (int, np.integer)) and not isinstance(offset, bool)
        for offset in (start, end)
    )
    return (
        whole
        and 0 <= start < end < MAX_OFFSET
        and isinstance(label, str)
        and escape_surrogates(label) == label
    )


def _require_str(label: Any) -> str:
    if not isinstance(label, str):
        raise TypeError
    # Raises UnicodeEncodeError, a ValueError, for a lone surrogate: no result could be saved under
    # it
    label.encode()
    return label


Blocks = Sequence[tuple[int, list[SpanArrays]]]


@dataclass(frozen=True)
class SpanLabels:
    """The labels that were read, and those that are compared.

    `codes`: of gold and of the prediction, the compared code of each label that was read; DROPPED
    where a map or a list drops it.
    """

    read: Vocabulary
    compared: Vocabulary
    codes: tuple[Ints, Ints]


def _map_labels(blocks: Blocks, read: Vocabulary, mapping: LabelMapping) -> SpanLabels:
    """Apply the label maps to the labels that each side has."""
    compared, codes = Vocabulary(), []
    names = list(read)
    for side, maps in enumerate((mapping.gold, mapping.predicted)):
        code_of = np.full(len(names), DROPPED_LABEL, np.int64)
        found = [np.unique(placed[side][3]) for _, placed in blocks]
        for code in np.unique(np.concatenate([*found, np.zeros(0, np.int64)])).tolist():
            label = names[code]
            new = maps["entities"].get(label) if "entities" in maps else label
            if new is not None:
                code_of[code] = compared[new]
        codes.append(code_of)
    return SpanLabels(read, compared, (codes[0], codes[1]))


def _scores(
    blocks: Blocks,
    read: Vocabulary,
    mapping: LabelMapping,
    metrics: Any,
    resampling: Resampling,
    aside: dict[str, int],
    signature_fields: dict[str, str],
) -> Scores:
    """Count each block under each metric."""
    wanted = parse_metrics(metrics)
    for metric in wanted:
        _validate_metric(metric, from_tags=bool(signature_fields))
    labels = _map_labels(blocks, read, mapping)
    units = tuple(CountUnit(str(at)) for at in range(resampling.documents))
    sure = {
        "units": resampling.units,
        "level": str(resampling.level),
        "boot": str(resampling.boot),
        "seed": str(resampling.seed),
    }

    def counts(*, muc: bool) -> list[Counts]:
        found: list[Counts] = []
        for layer in dict.fromkeys(metric.layer for metric in wanted):
            of_layer = [metric for metric in wanted if metric.layer == layer]
            cells, more = _cells(blocks, labels, of_layer, muc=muc)
            found += [
                _counts(
                    metric,
                    cells[str(metric)],
                    labels.compared,
                    units,
                    {**aside, **more},
                    mapping.signature_fields(),
                    signature_fields,
                    sure,
                    muc=muc,
                )
                for metric in of_layer
            ]
        return sorted(found, key=lambda counts: wanted.index(Metric.parse(counts.metric)))

    def pairs(metric: Metric) -> Iterator[ItemPair]:
        _validate_metric(metric, from_tags=bool(signature_fields))
        for first, (n, placed) in _numbered(blocks):
            block = _block(n, placed, labels, first, metric.layer)[0]
            yield from pairs_of_spans(block, metric, _reach(n, placed).tolist(), labels.compared)

    about = {
        "model": "predictions",
        "corpus": {"name": "gold", "documents": resampling.documents},
        "options": {
            "metrics": [str(metric) for metric in wanted],
            **mapping.options(),
            **signature_fields,
        },
        "versions": {"evalkit": evalkit_version(), "numpy": np.__version__},
        "failures": {},
        "unplaced": {},
        "layers": {
            "gold": ["entities"],
            "predicted": ["entities"],
            "missing_layers": {},
            "has_failures": False,
        },
        "unscored_documents": [],
        "missing_documents": 0,
        "unmapped_labels": mapping.unmapped_labels(),
        "unused_labels": mapping.unused_labels(["entities"]),
    }
    return Scores(
        counts(muc=False), resampling, about=about, pairs=pairs, recount=lambda: counts(muc=True)
    )


def _validate_metric(metric: Metric, *, from_tags: bool) -> None:
    """Raise InputError for a metric that tags, or bare spans, do not have."""
    if from_tags and (metric.layer not in ("entities", "tokens") or metric.scheme == "characters"):
        raise InputError(
            f"{metric}: tags are entities and tokens, and have no characters; entities/strict,"
            " exact, partial or type, or tokens/strict or exact would do"
        )
    if not from_tags and metric.layer != "entities":
        raise InputError(
            f"{metric}: bare spans are entities; entities/strict, exact, partial, type or"
            " characters would do"
        )


def _numbered(blocks: Blocks) -> Iterator[tuple[int, tuple[int, list[SpanArrays]]]]:
    """Each block with the number of its first document."""
    first = 0
    for block in blocks:
        yield first, block
        first += block[0]


def _cells(
    blocks: Blocks, labels: SpanLabels, metrics: Sequence[Metric], *, muc: bool
) -> tuple[dict[str, list[Cells]], Counter[str]]:
    """The cells of all blocks under each metric of one layer, and how many spans are copies, or
    dropped.
    """
    cells: dict[str, list[Cells]] = {str(metric): [] for metric in metrics}
    aside: Counter[str] = Counter({"duplicate": 0})
    for first, (n, placed) in _numbered(blocks):
        block, more = _block(n, placed, labels, first, metrics[0].layer)
        aside.update(more)
        for metric in metrics:
            cells[str(metric)].append(block.count_cells(metric.scheme, wrong=muc))
            cells[str(metric)][-1][0] += first
    return cells, aside


def _counts(
    metric: Metric,
    cells: list[Cells],
    labels: Vocabulary,
    units: tuple[CountUnit, ...],
    aside: dict[str, int],
    label_fields: dict[str, str],
    signed: dict[str, str],
    resampling_fields: dict[str, str],
    *,
    muc: bool,
) -> Counts:
    found = np.concatenate([*cells, np.zeros((2 + len(COUNTS), 0), np.int32)], axis=1)
    ranks = labels.sorted_positions()
    label = ranks[found[1]] if len(ranks) else found[1]
    read_options = {
        name: value for name, value in signed.items() if value != DEFAULT_TAG_OPTIONS[name]
    }
    fields = {
        "evalkit": evalkit_version(),
        "docs": f"{len(units)}/{len(units)}",
        "metric": str(metric),
        "macro": "union",
        **label_fields,
        "duplicates": "error",
        **resampling_fields,
        **({"read": signature_field(read_options, read_options)} if read_options else {}),
    }
    return Counts(
        str(metric),
        tuple(sorted(labels)),
        units,
        found[0],
        label,
        found[2:],
        fields,
        aside,
        muc,
        len(units),
    )


def _reach(n: int, placed: Sequence[SpanArrays]) -> Ints:
    """How far the spans of each document reach."""
    lengths = np.zeros(n, np.int64)
    for document, _, end, _ in placed:
        np.maximum.at(lengths, document, end)
    return lengths


def _block(
    n: int, placed: Sequence[SpanArrays], labels: SpanLabels, first: int, layer: str
) -> tuple[Block, dict[str, int]]:
    """A block of a layer, and how many spans are copies or dropped.

    What is a copy is decided before labels are mapped.
    """
    lengths = _reach(n, placed)
    offsets = np.concatenate([[0], np.cumsum(lengths + 1)[:-1]]).astype(np.int64) if n else lengths
    golden, said = (_columns(side, offsets) for side in placed)
    for at in _duplicate_rows(golden)[:1]:
        number, label = int(golden.document[at]), list(labels.read)[golden.label[at]]
        begins, ends = (int(column[at] - offsets[number]) for column in (golden.start, golden.end))
        raise InputError(
            f"gold, document {first + number}: ({begins}, {ends}, {quoted_repr(label)}) stands"
            " twice; delete one"
        )
    repeated = _duplicate_rows(said)
    kept = np.ones(len(said), bool)
    kept[repeated] = False
    own = said.take(kept) if len(repeated) else said
    gold_codes, said_codes = labels.codes
    sides = [
        _relabel(side, codes)
        for side, codes in (
            (golden, gold_codes),
            (own, said_codes),
            (said.take(repeated), said_codes),
        )
    ]
    if layer == "tokens":
        sides = [_split_into_tokens(side) for side in sides]
    layout = document_layout([str(first + at) for at in range(n)], offsets)
    aside = {"duplicate": len(sides[2])}
    if any((codes == DROPPED_LABEL).any() for codes in labels.codes):
        aside |= {
            "gold_dropped": int((gold_codes[golden.label] == DROPPED_LABEL).sum()),
            "predicted_dropped": int((said_codes[said.label] == DROPPED_LABEL).sum()),
        }
    return (
        block_from_arrays(sides[0], sides[1], sides[2], layout, SharedEncoding(labels.compared)),
        aside,
    )


def _relabel(columns: ItemArrays, codes: Ints) -> ItemArrays:
    """The rows under the labels that are compared, without those that are dropped."""
    label = codes[columns.label]
    kept = label != DROPPED_LABEL
    return (
        replace(columns, label=label)
        if kept.all()
        else replace(columns.take(kept), label=label[kept])
    )


def _split_into_tokens(columns: ItemArrays) -> ItemArrays:
    """A row for each token of a span of tokens."""
    lengths = columns.end - columns.start
    rows = np.repeat(np.arange(len(columns), dtype=np.int64), lengths)
    nth = np.arange(len(rows), dtype=np.int64) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    split = columns.take(rows)
    return replace(split, start=split.start + nth, end=split.start + nth + 1)


def _columns(side: SpanArrays, offsets: Ints) -> ItemArrays:
    document, start, end, label = side
    shift, none = offsets[document], np.zeros(len(document), np.int64)
    return ItemArrays(document, label, none, start + shift, end + shift, none)


def _duplicate_rows(columns: ItemArrays) -> Ints:
    """The rows that repeat an earlier one."""
    packed = combine_keys(columns.start, columns.end, columns.label)
    if not has_duplicates(packed):
        return np.zeros(0, np.int64)
    order = packed.order()
    return np.sort(order[1:][packed.key[order][1:] == packed.key[order][:-1]])
