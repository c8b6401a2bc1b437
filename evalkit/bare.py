"""What if there are no documents? Scores from sequences of tags, and from bare spans.

A sequence, or a list of spans, stands for a document; offsets count tokens, or whatever the caller counts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from evalkit.chunk import Codes, as_bytes
from evalkit.columns import Cells, Coding, Columns, Ints, pack
from evalkit.counting import COUNTS, Block, any_twice, of_columns
from evalkit.counts import Counts
from evalkit.errors import InputError, escape_surrogates, shown
from evalkit.intervals import Resampling, resampling_of
from evalkit.metrics import Metric, named
from evalkit.scores import Scores
from evalkit.tags import Tagged, Tags
from evalkit.version import evalkit_version
from evalkit.zones import Unit, plain_layout

BLOCK = 1024
MOST = 2**62  # where offsets end: what is reckoned from them must still be a number of 64 bits
Triple = tuple[int, int, str]
DEFAULT_TAG_OPTIONS = {"tagging": "IOB2", "repair": "error"}


def score_tags(
    gold_tags: Sequence[Sequence[str]],
    predicted_tags: Sequence[Sequence[str]],
    *,
    tagging: str = "IOB2",
    repair: str = "error",
    metrics: str | Iterable[str | Metric] = "entities/strict",
    boot: int = 1000,
    seed: int = 12345,
    level: float = 0.95,
) -> Scores:
    """Score sequences of tags, a list for each sentence or document, against those of gold.

    tagging: IOB2, IOB1, BIOES or BILOU. repair: what is done with improper tags ("error", "discard", "begin", "conlleval"; see
    tags.py); it stands in the signature, and what was repaired is counted. Metrics are those of entities but characters.
    boot, seed, level: of the intervals, for which sequences are drawn.
    Raises InputError for sequences that do not pair up, for what is no tag, and for improper tags without a repair.

    >>> score_tags([["B-PER", "I-PER", "O"]], [["B-PER", "O", "O"]])["entities/strict"].micro.f1
    0.0
    """
    _refuse_uneven(gold_tags, predicted_tags, "sequences")
    tags = Tags(tagging, repair)
    blocks, improper = [], [0, 0]
    for first in range(0, len(gold_tags), BLOCK):
        here = slice(first, first + BLOCK)
        golden, said = tags.read(gold_tags[here], "gold"), tags.read(predicted_tags[here], "predicted")
        _refuse_lengths(golden.lengths, said.lengths, first)
        sides = [tags.spans(read, side, first) for read, side in ((golden, "gold"), (said, "predicted"))]
        improper = [before + side.improper for before, side in zip(improper, sides)]
        blocks.append((len(golden.lengths), [_tagged(side) for side in sides]))
    aside = {"gold_repaired": improper[0], "predicted_repaired": improper[1]}
    how = resampling_of(len(gold_tags), "documents", boot, seed, level)
    return _scores(blocks, tags.labels, metrics, how, aside, {"tagging": tagging, "repair": repair})


def score_spans(
    gold: Sequence[Sequence[Triple]],
    predicted: Sequence[Sequence[Triple]],
    metrics: str | Iterable[str | Metric] = "entities/strict",
    *,
    boot: int = 1000,
    seed: int = 12345,
    level: float = 0.95,
) -> Scores:
    """Score lists of (start, end, label), one list a document, half-open, against those of gold. Metrics are those of entities.

    boot, seed, level: of the intervals, for which documents are drawn.

    Raises InputError for lists that do not pair up, for what is no span, and for a span that gold holds twice.

    >>> score_spans([[(0, 2, "PER")]], [[(0, 2, "PER"), (5, 6, "ORG")]])["entities/strict"].micro.precision
    0.5
    """
    _refuse_uneven(gold, predicted, "lists of spans")
    labels = Codes()
    blocks = [
        (len(gold[first : first + BLOCK]), [_spans(side[first : first + BLOCK], labels, name, first) for side, name in ((gold, "gold"), (predicted, "predicted"))])
        for first in range(0, len(gold), BLOCK)
    ]
    return _scores(blocks, labels, metrics, resampling_of(len(gold), "documents", boot, seed, level), {}, {})


def _refuse_uneven(gold: Sequence[Any], predicted: Sequence[Any], what: str) -> None:
    for side in (gold, predicted):
        if isinstance(side, (str, bytes)) or not hasattr(side, "__len__") or (len(side) and isinstance(side[0], str)):
            raise InputError(f"{shown(side)}: a list of {what} would do, one for each document")
    if len(gold) != len(predicted):
        raise InputError(f"{len(gold)} {what} of gold, {len(predicted)} predicted: each must have its counterpart")


def _refuse_lengths(gold: Ints, predicted: Ints, first: int) -> None:
    for at in np.flatnonzero(gold != predicted)[:1]:
        raise InputError(f"sequence {first + at}: {gold[at]} tags of gold, {predicted[at]} predicted")


Placed = tuple[Ints, Ints, Ints, Ints]  # document, start, end, label


def _tagged(side: Tagged) -> Placed:
    return side.sequence, side.start, side.end, side.label


def _spans(documents: Sequence[Sequence[Triple]], labels: Codes, name: str, first: int) -> Placed:
    flat = list(chain.from_iterable(documents))
    document = np.repeat(np.arange(len(documents), dtype=np.int64), np.fromiter(map(len, documents), np.int64, len(documents)))
    try:
        start, end, label = _read(flat, labels)
        proper = (start >= 0) & (start < end) & (end < MOST)
    except (TypeError, ValueError, struct.error):
        proper = np.array([_is_span(span) for span in flat], bool)
    if not proper.all():
        at = int(np.flatnonzero(~proper)[0])
        raise InputError(f"{name}, document {first + document[at]}: {shown(flat[at])} is no span: (start, end, label) with 0 <= start < end < 2**62 would do")
    return document, start, end, label


def _read(flat: Sequence[Triple], labels: Codes) -> tuple[Ints, Ints, Ints]:
    """Starts, ends and codes of labels. Raises TypeError, ValueError or struct.error where one is no span of whole numbers."""
    starts, ends, codes = [], [], []  # type: list[int], list[int], list[int]
    known = dict(labels)
    for start, end, name in flat:
        starts.append(start)
        ends.append(end)
        try:
            codes.append(known[name])
        except KeyError:
            known[name] = code = labels[_text(name)]
            codes.append(code)
    columns: Any = tuple(np.frombuffer(as_bytes(values), np.int64) for values in (starts, ends, codes))
    return columns  # type: ignore[no-any-return]


def _is_span(span: Any) -> bool:
    if not isinstance(span, Sequence) or isinstance(span, (str, bytes)) or len(span) != 3:
        return False
    start, end, label = span
    whole = all(isinstance(offset, (int, np.integer)) and not isinstance(offset, bool) for offset in (start, end))
    return whole and 0 <= start < end < MOST and isinstance(label, str) and escape_surrogates(label) == label


def _text(label: Any) -> str:
    if not isinstance(label, str):
        raise TypeError
    label.encode()  # raises UnicodeEncodeError, a ValueError, for a lone surrogate: no result could be saved under it
    return label


def _scores(
    blocks: Sequence[tuple[int, list[Placed]]], labels: Codes, metrics: Any, how: Resampling, aside: dict[str, int], signed: dict[str, str]
) -> Scores:
    """Count each block under each metric."""
    wanted = named(metrics)
    for metric in wanted:
        if metric.layer != "entities" or (metric.scheme == "characters" and signed):
            raise InputError(f"{metric}: bare spans and tags are entities, and tags have no characters; entities/strict, exact, partial or type would do")
    units = tuple(Unit(str(at)) for at in range(how.documents))
    sure = {"units": how.units, "level": str(how.level), "boot": str(how.boot), "seed": str(how.seed)}

    def counts(*, muc: bool) -> list[Counts]:
        cells, copies = _cells(blocks, labels, wanted, muc=muc)
        return [_counts(metric, cells[str(metric)], labels, units, {**aside, "duplicate": copies}, signed, sure, muc=muc) for metric in wanted]

    about = {
        "model": "predictions",
        "corpus": {"name": "gold", "documents": how.documents},
        "options": {"metrics": [str(metric) for metric in wanted], **signed},
        "versions": {"evalkit": evalkit_version(), "numpy": np.__version__},
        "failures": {}, "unplaced": {}, "layers": {"gold": ["entities"], "predicted": ["entities"], "missing_layers": {}, "has_failures": False}, "unscored_documents": [], "missing_documents": 0, "unmapped_labels": {}, "unused_labels": [],
    }  # fmt: skip
    return Scores(counts(muc=False), how, about=about, recount=lambda: counts(muc=True))


def _cells(blocks: Sequence[tuple[int, list[Placed]]], labels: Codes, metrics: Sequence[Metric], *, muc: bool) -> tuple[dict[str, list[Cells]], int]:
    """The cells of all blocks under each metric, and how many predicted spans are copies."""
    cells: dict[str, list[Cells]] = {str(metric): [] for metric in metrics}
    copies, first = 0, 0
    for n, (gold, predicted) in blocks:
        block = _block(n, gold, predicted, labels, first)
        copies += len(block.predicted.copies)
        for metric in metrics:
            cells[str(metric)].append(block.cells(metric.scheme, wrong=muc))
            cells[str(metric)][-1][0] += first
        first += n
    return cells, copies


def _counts(
    metric: Metric, cells: list[Cells], labels: Codes, units: tuple[Unit, ...], aside: dict[str, int], signed: dict[str, str], sure: dict[str, str], *, muc: bool
) -> Counts:
    found = np.concatenate([*cells, np.zeros((2 + len(COUNTS), 0), np.int32)], axis=1)
    ranks = labels.ranks()
    label = ranks[found[1]] if len(ranks) else found[1]
    fields = {
        "evalkit": evalkit_version(),
        "docs": f"{len(units)}/{len(units)}",
        "metric": str(metric),
        "macro": "union",
        "duplicates": "error",
        **sure,
        **_read_field(signed),
    }
    return Counts(str(metric), tuple(sorted(labels)), units, found[0], label, found[2:], fields, aside, muc, len(units))


def _read_field(options: dict[str, str]) -> dict[str, str]:
    """The signature's field for reading options that differ from their defaults; no field where none does."""
    changed = "+".join(f"{name}={value}" for name, value in options.items() if value != DEFAULT_TAG_OPTIONS[name])
    return {"read": f"gold={changed},predicted={changed}"} if changed else {}


def _block(n: int, gold: Placed, predicted: Placed, labels: Codes, first: int) -> Block:
    lengths = np.zeros(n, np.int64)
    for document, _, end, _ in (gold, predicted):
        np.maximum.at(lengths, document, end)
    offsets = np.concatenate([[0], np.cumsum(lengths + 1)[:-1]]).astype(np.int64) if n else lengths
    golden, said = (_columns(side, offsets) for side in (gold, predicted))
    for at in _twice(golden)[:1]:
        number, label = int(golden.document[at]), list(labels)[golden.label[at]]
        begins, ends = (int(column[at] - offsets[number]) for column in (golden.start, golden.end))
        raise InputError(f"gold, document {first + number}: ({begins}, {ends}, {label!r}) stands twice; delete one")
    repeated = _twice(said)
    kept = np.ones(len(said), bool)
    kept[repeated] = False
    own = said.take(kept) if len(repeated) else said
    return of_columns(golden, own, said.take(repeated), plain_layout([str(first + at) for at in range(n)], offsets), Coding(labels))


def _columns(side: Placed, offsets: Ints) -> Columns:
    document, start, end, label = side
    shift, none = offsets[document], np.zeros(len(document), np.int64)
    return Columns(document, label, none, start + shift, end + shift, none)


def _twice(columns: Columns) -> Ints:
    """The rows that repeat an earlier one."""
    packed = pack(columns.start, columns.end, columns.label)
    if not any_twice(packed):
        return np.zeros(0, np.int64)
    order = packed.order()
    return np.sort(order[1:][packed.key[order][1:] == packed.key[order][:-1]])
