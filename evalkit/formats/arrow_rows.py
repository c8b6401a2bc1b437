"""Reads a document from a row of Arrow columns, and describes what is invalid in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from evalkit.data.document import LAYERS, Document
from evalkit.errors import InputError, LoadError, quoted_repr
from evalkit.formats import hf
from evalkit.formats.hf_withheld import Texts, digest_errors, sha256

Columns = dict[str, Any]  # a column of each name, under the types of `DocumentColumns.kinds`


def document_or_error(
    columns: Columns, index: int, position: str, texts: Texts | None
) -> Document | LoadError:
    """Returns the document of a row, or its error with its position.

    texts: looks up the text of a row that has only its sha256.
    """
    try:
        row = row_of(columns, index)
        document = document_of_row(row, texts)
    except msgspec.ValidationError as error:
        return LoadError([f"{position}: {_describe_invalid(error)}"])
    except UnicodeDecodeError as error:
        return LoadError([f"{position}: not UTF-8: {error.reason} at byte {error.start}"])
    except (InputError, json.JSONDecodeError, RecursionError) as error:
        return LoadError([f"{position}: {error}"])
    if row.get("text") is None:
        errors = [f"{position}: {error}" for error in digest_errors(row, document)]
        if errors:
            return LoadError(errors)
    return document


def row_of(columns: Columns, index: int) -> dict[str, Any]:
    """Returns a row of converted columns as Python values."""
    return {name: column[index].as_py() for name, column in columns.items()}


def document_of_row(row: Mapping[str, Any], texts: Texts | None = None) -> Document:
    """Returns the document of a row of converted columns.

    Raises InputError or ValidationError for invalid values.
    """
    checked = dict(row)
    for name in ("id", "text" if texts is None else "sha256"):
        if checked.get(name) is None:
            raise InputError(f"{name}: null: expected a string")
    layers = checked["layers"]
    if layers is None:
        layers = [layer for layer in LAYERS if checked[layer] is not None]
    for layer in layers:
        if layer not in LAYERS:
            expected = ", ".join(LAYERS)
            raise InputError(f"layers: {quoted_repr(layer)}: expected one of: {expected}")
    for layer in LAYERS:
        if checked[layer] and layer not in layers:
            raise InputError(
                f"{layer}: {len(checked[layer])} annotations, but the column 'layers' does not"
                f" name {layer}: add it, or remove the annotations"
            )
    checked["layers"] = layers
    if checked["sha256"] is None:
        checked["sha256"] = sha256(checked["text"])
    return hf.document_of(checked, texts)


def _describe_invalid(error: msgspec.ValidationError) -> str:
    """The message about an invalid value: its path, and what was expected.

    Null values are left out before rows are converted, so that a missing field is one that is null.
    """
    message = str(error).replace("`", "'")
    problem, _, path = message.partition(" - at '$")
    path = path.strip(".'")
    missing = re.fullmatch(r"Object missing required field '(\w+)'", problem)
    if missing:
        field = ".".join(part for part in (path, missing[1]) if part)
        return f"{field}: null: expected a value"
    return f"{path}: {problem}" if path else problem
