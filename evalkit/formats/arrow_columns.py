"""Converts the columns of an Arrow table to the types that a corpus has.

Programs write the same values under many Arrow types: strings as dictionaries or views, offsets as
32-bit integers or, where a value is missing, as floats, lists with 64-bit lengths. Each column is
converted to one type. A column of another type, and a value that cannot be converted, is an error
that names the column and, for a value, the row.

A type is written as in `hf_tables.column_types`: a name, a dict of columns, or a list of one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evalkit.errors import InputError, quoted_repr, to_one_line

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
EXPECTED = {"string": "strings", "int64": "whole numbers", "float64": "numbers"}
JSON_COLUMNS = ("meta", "attributes")  # JSON in a string, or a struct
ID_COLUMN = "id"  # a string, or a whole number
_FRAGMENT_NAMES = ("start", "end")  # of the two items of a fragment that is given as a list


class ColumnTypeError(InputError):
    """A column that is missing or has a type that cannot be converted."""


class ColumnValueError(InputError):
    """A value that cannot be converted, with its position in the column."""

    def __init__(self, index: int, column: str, problem: str) -> None:
        """index: the row of the table, or the position in a nested column."""
        self.index, self.column, self.problem = index, column, problem
        super().__init__(f"row {index}: {column}: {problem}")


def convert_column(array: Any, kind: Any, name: str) -> Any:
    """Returns a column under the Arrow type of `kind`. Fields of structs that are not in `kind` are
    left out, and those that are missing are null.

    Raises ColumnTypeError and ColumnValueError.
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), arrow_type(kind))
    if isinstance(kind, list):
        return _convert_list(array, kind[0], name)
    if isinstance(kind, dict):
        return _convert_struct(array, kind, name)
    if kind == "string":
        return _convert_strings(array, name)
    return _convert_numbers(array, kind, name)


def arrow_type(kind: Any) -> Any:
    """Returns the Arrow type of a type of columns."""
    if isinstance(kind, list):
        return pa.large_list(arrow_type(kind[0]))
    if isinstance(kind, dict):
        return pa.struct([(name, arrow_type(inner)) for name, inner in kind.items()])
    return {"string": pa.large_string(), "int64": pa.int64(), "float64": pa.float64()}[kind]


def unread_columns(type: Any, kind: Any, name: str) -> Iterator[str]:
    """Yields the name of each field of an Arrow type that `kind` does not have."""
    if isinstance(kind, list) and _is_list(type):
        yield from unread_columns(type.value_type, kind[0], name)
    elif isinstance(kind, dict) and pa.types.is_struct(type):
        for field in type:
            field_name = f"{name}.{field.name}"
            if field.name in kind:
                yield from unread_columns(field.type, kind[field.name], field_name)
            else:
                yield field_name


def to_integers(array: Any) -> Ints:
    """Returns integers as a numpy array, with any number for null.

    `to_numpy` and `scalar` of pyarrow import pandas where it is installed, which takes longer than
    reading most files.
    """
    values = array if pa.types.is_int64(array.type) else array.cast(pa.int64())
    if not len(values):
        return np.zeros(0, np.int64)
    numbers = np.frombuffer(values.buffers()[1], np.int64)
    return numbers[values.offset : values.offset + len(values)]


def to_mask(array: Any) -> Mask:
    """Returns truth values without null as a numpy array."""
    if not len(array):
        return np.zeros(0, bool)
    bits = np.unpackbits(np.frombuffer(array.buffers()[1], np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(bool)


def from_integers(values: Ints) -> Any:
    """Returns a numpy array as an Arrow array."""
    data = pa.py_buffer(np.ascontiguousarray(values, np.int64))
    return pa.Array.from_buffers(pa.int64(), len(values), [None, data])


def list_lengths(array: Any) -> Ints:
    """Returns the number of items of each list, 0 for null."""
    if array.null_count == len(array):
        return np.zeros(len(array), np.int64)
    lengths = to_integers(pc.list_value_length(array))
    return np.where(to_mask(array.is_valid()), lengths, 0) if array.null_count else lengths


def check_column_type(type: Any, kind: Any, name: str) -> None:
    """Raises ColumnTypeError for an Arrow type that `convert_column` does not convert."""
    if isinstance(type, pa.BaseExtensionType):
        type = type.storage_type
    convert_column(pa.nulls(0, type), kind, name)


def _is_list(type: Any) -> bool:
    return bool(
        pa.types.is_list(type)
        or pa.types.is_large_list(type)
        or pa.types.is_fixed_size_list(type)
        or pa.types.is_list_view(type)
        or pa.types.is_large_list_view(type)
    )


def _wrong_type(array: Any, expected: str, name: str) -> ColumnTypeError:
    type_name = to_one_line(array.type, 100)
    return ColumnTypeError(f"column {quoted_repr(name)}: expected {expected}, got {type_name}")


def _convert_list(array: Any, kind: Any, name: str) -> Any:
    if not _is_list(array.type):
        raise _wrong_type(array, "lists", name)
    lengths = list_lengths(array)
    offsets = np.zeros(len(array) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    items = array.flatten()
    try:
        if isinstance(kind, dict) and tuple(kind) == _FRAGMENT_NAMES and _is_list(items.type):
            values = _convert_pairs(items, kind, name)
        else:
            values = convert_column(items, kind, name)
    except ColumnValueError as error:
        row = int(np.searchsorted(offsets, error.index, side="right")) - 1
        raise ColumnValueError(row, error.column, error.problem) from None
    mask = array.is_null() if array.null_count else None
    return pa.LargeListArray.from_arrays(from_integers(offsets), values, mask=mask)


def has_only_empty_lists(array: Any) -> bool:
    """Whether an array has lists, and none of them has an item."""
    return _is_list(array.type) and not len(array.flatten())


def empty_lists(array: Any, kind: Any) -> Any:
    """Returns a column of lists without items under the Arrow type of `kind`."""
    offsets = from_integers(np.zeros(len(array) + 1, np.int64))
    mask = array.is_null() if array.null_count else None
    return pa.LargeListArray.from_arrays(offsets, pa.nulls(0, arrow_type(kind[0])), mask=mask)


def _convert_pairs(items: Any, kind: Mapping[str, Any], name: str) -> Any:
    """Returns fragments that are given as lists of two numbers, as structs."""
    lengths = list_lengths(items)
    wrong = np.flatnonzero(lengths != len(kind))
    if len(wrong):
        value = items[int(wrong[0])].as_py()
        problem = f"{quoted_repr(value)}: expected a start and an end"
        raise ColumnValueError(int(wrong[0]), name, problem)
    numbers = convert_column(items.flatten(), "int64", name)
    even = from_integers(np.arange(0, len(numbers), 2))
    odd = from_integers(np.arange(1, len(numbers), 2))
    parts = [numbers.take(even), numbers.take(odd)]
    return pa.StructArray.from_arrays(parts, list(_FRAGMENT_NAMES))


def _convert_struct(array: Any, kind: Mapping[str, Any], name: str) -> Any:
    if not pa.types.is_struct(array.type):
        raise _wrong_type(array, f"structs with {', '.join(kind)}", name)
    children = dict(zip((field.name for field in array.type), array.flatten()))
    converted = []
    for field, inner in kind.items():
        if field in children:
            converted.append(convert_column(children[field], inner, f"{name}.{field}"))
        else:
            converted.append(pa.nulls(len(array), arrow_type(inner)))
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays(converted, list(kind), mask=mask)


def _convert_strings(array: Any, name: str) -> Any:
    """Returns a column of strings. A dictionary of strings stays one, since it is faster."""
    type = array.type
    if pa.types.is_dictionary(type) and _is_string(type.value_type):
        return array
    if pa.types.is_string(type) or pa.types.is_large_string(type):
        return array
    if pa.types.is_string_view(type):
        return array.cast(pa.large_string())
    if name.rpartition(".")[2] in JSON_COLUMNS and (
        pa.types.is_struct(type) or pa.types.is_map(type)
    ):
        return pa.array([_encode_json(value) for value in array.to_pylist()], pa.large_string())
    if name == ID_COLUMN and pa.types.is_integer(type):
        return array.cast(pa.string())
    raise _wrong_type(array, EXPECTED["string"], name)


def _is_string(type: Any) -> bool:
    return bool(pa.types.is_string(type) or pa.types.is_large_string(type))


def _encode_json(value: Any) -> str | None:
    """Returns a struct or map as JSON. A struct has all keys that occur in the column, so that
    those that are null are left out.
    """
    if value is None:
        return None
    pairs = value if isinstance(value, list) else value.items()
    plain = {key: item for key, item in pairs if item is not None}
    return json.dumps(plain, ensure_ascii=False, default=str) if plain else None


def _convert_numbers(array: Any, kind: str, name: str) -> Any:
    type = array.type
    if type == arrow_type(kind):
        return array
    if not (pa.types.is_integer(type) or pa.types.is_floating(type)):
        raise _wrong_type(array, EXPECTED[kind], name)
    if kind == "int64" and pa.types.is_floating(type):
        # A program that has no missing integers writes a column with a missing value as floats.
        array = pc.if_else(pc.is_nan(array), pa.nulls(len(array), type), array)
    try:
        return array.cast(arrow_type(kind))
    except pa.ArrowInvalid:
        for index, value in enumerate(array.to_pylist()):
            is_whole = value is None or float(value).is_integer()
            if not is_whole or not -(2**63) <= (value or 0) < 2**63:
                problem = f"{quoted_repr(value)}: expected a whole number"
                raise ColumnValueError(index, name, problem) from None
        raise
