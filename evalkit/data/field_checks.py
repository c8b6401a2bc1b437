"""Checks and conversions of the fields of annotations and documents, made when they are created."""

from __future__ import annotations

import math
import operator
from typing import Any

from msgspec.structs import force_setattr

from evalkit.errors import DocumentError, quoted_repr

Fragments = tuple[tuple[int, int], ...]


def validate_offsets(annotation: Any) -> None:
    """Makes the offsets plain integers. Raises DocumentError for impossible offsets."""
    start, end = annotation.start, annotation.end
    if type(start) is not int or type(end) is not int:
        start, end = _as_int(annotation, "start"), _as_int(annotation, "end")
    if not 0 <= start < end:
        if start < 0:
            raise DocumentError(f"{start} is before the text: offsets count from 0", field="start")
        problem = (
            f"{end} is not after the start, {start}: a span is half-open and holds at least one"
            " character"
        )
        raise DocumentError(problem, field="end")
    if fragments := getattr(annotation, "fragments", ()):
        force_setattr(annotation, "fragments", _merge_adjacent(fragments, start, end))


def _as_int(annotation: Any, field: str) -> int:
    value = getattr(annotation, field)
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise DocumentError(
            f"invalid offset {quoted_repr(value)}: expected a whole number", field=field
        ) from None
    force_setattr(annotation, field, number)
    return number


def _merge_adjacent(fragments: Any, start: int, end: int) -> Fragments:
    """The fragments with adjacent ones joined; an empty tuple if the span is contiguous."""
    joined: list[tuple[int, int]] = []
    for first, last in _as_pairs(fragments):
        previous_end = joined[-1][1] if joined else start
        if not previous_end <= first < last <= end:
            raise DocumentError(
                f"{quoted_repr(fragments)} are not in order, or empty, or outside {start} to {end}",
                field="fragments",
            )
        if joined and joined[-1][1] == first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    if (joined[0][0], joined[-1][1]) != (start, end):
        raise DocumentError(
            f"{quoted_repr(fragments)} do not reach from {start} to {end}", field="fragments"
        )
    return tuple(joined) if len(joined) > 1 else ()


def _as_pairs(fragments: Any) -> list[tuple[int, int]]:
    try:
        pairs = []
        for first, last in fragments:
            if isinstance(first, bool) or isinstance(last, bool):
                raise TypeError
            pairs.append((operator.index(first), operator.index(last)))
    except (TypeError, ValueError):
        raise DocumentError(
            f"invalid fragments {quoted_repr(fragments)}: expected (start, end) pairs of whole"
            " numbers",
            field="fragments",
        ) from None
    return pairs


def check_inside(field: str, inner: Fragments, outer: Fragments) -> None:
    """Raises DocumentError unless each range of `inner` lies within one of `outer`."""
    for start, end in inner:
        if not any(first <= start and end <= last for first, last in outer):
            raise DocumentError(
                f"{start} to {end} is not within {outer[0][0]} to {outer[-1][1]}: expected a part"
                " of the argument",
                field=field,
            )


def check_label(field: str, label: object, annotation: Any) -> None:
    """Raises DocumentError unless a label or role is a non-empty string; makes it a plain str."""
    if type(label) is str and label and label.isascii():
        return
    problem = ""
    if not isinstance(label, str) or not label:
        problem = "expected a non-empty string"
    elif find_lone_surrogate(label) is not None:
        problem = "it holds a lone surrogate, which no file can store"
    if problem:
        raise DocumentError(f"invalid {field} {quoted_repr(label)}: {problem}", field=field)
    force_setattr(annotation, field, str(label))


def require_type(field: str, value: object, kind: type) -> None:
    """Raises DocumentError for a value of another type."""
    if not isinstance(value, kind):
        raise DocumentError(f"expected {kind.__name__}, got {quoted_repr(value)}", field=field)


def find_lone_surrogate(text: str) -> int | None:
    """The position of the first lone surrogate, which no file can store; None without one."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def check_score(annotation: Any) -> None:
    """Makes the score a float. Raises DocumentError unless it is a finite number or None."""
    if annotation.score is None:
        return
    if type(annotation.score) is float and math.isfinite(annotation.score):
        return
    try:
        score = float(annotation.score)
    except (TypeError, ValueError, OverflowError):
        score = math.nan
    if not math.isfinite(score):
        raise DocumentError(
            f"invalid score {quoted_repr(annotation.score)}: expected a finite number",
            field="score",
        )
    force_setattr(annotation, "score", score)


def check_text(text: object) -> None:
    """Raises DocumentError for a text that is not a string, or that no file can store."""
    if not isinstance(text, str):
        raise DocumentError(f"invalid text {quoted_repr(text)}: expected a string", field="text")
    position = find_lone_surrogate(text)
    if position is not None:
        raise DocumentError(
            f"a lone surrogate at {position}: the text was decoded incorrectly", field="text"
        )


def coerce_tuple(annotation: Any, field: str, kind: type, *, optional: bool = False) -> None:
    """Makes the items of a field a tuple. Raises DocumentError for an item of another type.

    optional: None stays None; otherwise it becomes an empty tuple.
    """
    value = getattr(annotation, field)
    if value is None and optional:
        return
    if type(value) is not tuple:
        try:
            if isinstance(value, (str, bytes, dict)):
                raise TypeError
            value = () if value is None else tuple(value)
        except TypeError:
            raise DocumentError(f"expected a list, got {quoted_repr(value)}", field=field) from None
        force_setattr(annotation, field, value)
    for index, item in enumerate(value):
        if type(item) is not kind:
            raise DocumentError(
                f"expected {kind.__name__}, got {quoted_repr(item)}", field=f"{field}[{index}]"
            )
