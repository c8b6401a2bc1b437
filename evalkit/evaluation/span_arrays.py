"""Reads tags and bare spans of both sides into arrays, and reports what is not a tag or a span."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from evalkit.data.batch import Vocabulary, pack_int64
from evalkit.data.compiled import core
from evalkit.data.tags import TaggedSpans
from evalkit.errors import InputError, escape_surrogates, quoted_repr
from evalkit.scoring.columns import Ints

MAX_OFFSET = 2**62  # sums and differences of offsets must fit into 64 bits
Triple = tuple[int, int, str]  # start, end, label
BareSpan = Triple | Mapping[str, Any]
# Keys of the label of a span in a dict: those of transformers and of Presidio, too
LABEL_KEYS = ("label", "entity_group", "entity_type")


def check_equal_length(gold: Sequence[Any], predicted: Sequence[Any], what: str) -> None:
    """Raise InputError if a side is no list of lists, or both have different lengths."""
    for side in (gold, predicted):
        if (
            isinstance(side, (str, bytes))
            or not hasattr(side, "__len__")
            or (len(side) and isinstance(side[0], str))
        ):
            raise InputError(
                f"invalid value {quoted_repr(side)}: expected a list of {what},"
                " one for each document"
            )
    if len(gold) != len(predicted):
        raise InputError(
            f"{len(gold)} {what} of gold, {len(predicted)} predicted: each must have its"
            " counterpart"
        )


def check_equal_tag_counts(gold: Ints, predicted: Ints, first: int) -> None:
    """Raise InputError if two sequences have different numbers of tags. first: the number of the
    first sequence.
    """
    for n in np.flatnonzero(gold != predicted)[:1]:
        raise InputError(
            f"sequence {first + n}: {gold[n]} tags of gold, {predicted[n]} predicted; both sides"
            " need one tag for each token: tokenize them alike, or align the tokens and compare"
            " spans of characters with score_spans"
        )


SpanArrays = tuple[Ints, Ints, Ints, Ints]  # document, start, end, label


def tagged_span_arrays(side: TaggedSpans) -> SpanArrays:
    """The spans of tags as arrays."""
    return side.sequence, side.start, side.end, side.label


def build_span_arrays(
    documents: Sequence[Sequence[BareSpan]], labels: Vocabulary, name: str, first: int
) -> SpanArrays:
    """The spans of some documents as arrays. name: the side, for messages; first: the number of the
    first document. Raises InputError for what is not a span.
    """
    if core is not None:
        read = core.read_spans(documents, labels, labels.__getitem__, MAX_OFFSET)
        if read is not None:
            counts, *columns = read
            start, end, label = (np.frombuffer(values, np.int64) for values in columns)
            return np.repeat(np.arange(len(counts), dtype=np.int64), counts), start, end, label
    flat: list[Any] = list(chain.from_iterable(documents))
    if any(isinstance(span, Mapping) for span in flat):
        flat = [_triple_of(span) if isinstance(span, Mapping) else span for span in flat]
    document = np.repeat(
        np.arange(len(documents), dtype=np.int64),
        np.fromiter(map(len, documents), np.int64, len(documents)),
    )
    try:
        start, end, label = _to_columns(flat, labels)
        is_valid = (start >= 0) & (start < end) & (end < MAX_OFFSET)
    except (TypeError, ValueError, struct.error):
        is_valid = np.array([_is_span(span) for span in flat], bool)
    if not is_valid.all():
        n = int(np.flatnonzero(~is_valid)[0])
        raise InputError(
            f"{name}, document {first + document[n]}: invalid span {quoted_repr(flat[n])}: expected"
            " (start, end, label) with 0 <= start < end < 2**62"
        )
    return document, start, end, label


def _to_columns(flat: Sequence[Triple], labels: Vocabulary) -> tuple[Ints, Ints, Ints]:
    """Starts, ends and codes of labels.

    Raises TypeError, ValueError or struct.error for what is not a span of whole numbers.
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
    label = next((span[key] for key in LABEL_KEYS if key in span), None)
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
    # Raises UnicodeEncodeError, a ValueError, for a lone surrogate, which no result file can hold.
    label.encode()
    return label
