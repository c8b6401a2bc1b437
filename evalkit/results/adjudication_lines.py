"""The lines of an adjudication: clusters of disagreement, and the decisions about them.

A file has one line for each cluster:

    {"id": "0c5f2a9b41de", "document": "d1", "layer": "entities", "start": 0, "end": 7,
     "text": "Ann Lee", "context": "Ann Lee left.", "kind": "boundary",
     "options": {"a": [{"label": "PER", "start": 0, "end": 3, "text": "Ann"}],
                 "b": [{"label": "PER", "start": 0, "end": 7, "text": "Ann Lee"}]},
     "decision": null, "note": ""}

`decision` is to be the name of an annotator, "all" (every item of the options), "none", or a list
of items in the form of the options. An annotator whose option is null did not annotate the layer.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from evalkit.data.json_keys import check_duplicate_keys
from evalkit.errors import LoadError, duplicate_id_problem, quoted_repr
from evalkit.files import read_input, replace_file

OVERRIDE = "override"
ONE_ANNOTATOR = "one annotator"
ALL, NONE = "all", "none"
AUTOMATIC = "automatic: "  # how the note of a decision by a rule begins
RESERVED_NAMES = (ALL, NONE, "majority", "error")
FIELDS_SHOWN = "id, document, layer, start, end, text, context, kind, options, decision, note"


class AdjudicationLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A cluster of disagreement, with the items of each annotator, and the decision about it."""

    id: str
    document: str
    layer: str
    start: int
    end: int
    text: str = ""
    context: str = ""
    kind: str
    options: dict[str, list[dict[str, Any]] | None]
    decision: str | list[dict[str, Any]] | None = None
    note: str = ""

    @property
    def is_override(self) -> bool:
        """Whether the line changes items that all annotators agree on."""
        return self.kind == OVERRIDE

    def describe(self) -> str:
        """The place of the cluster, for messages."""
        covered = f" {quoted_repr(self.text, 40)}" if self.text else ""
        return (
            f"document {quoted_repr(self.document)}, {self.layer} {self.start} to"
            f" {self.end}{covered}"
        )


def encode_lines(lines: Iterable[AdjudicationLine]) -> bytes:
    """The lines of a file."""
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def write_lines(lines: Iterable[AdjudicationLine], path: Path) -> None:
    """Writes a file of lines."""
    with replace_file(path) as file:
        file.write(encode_lines(lines))


def read_lines(path: Path) -> dict[str, AdjudicationLine]:
    """The lines of a file by their place, such as todo.jsonl:3.

    Raises LoadError with the place of each invalid line, and of each id that is not unique.
    """
    lines: dict[str, AdjudicationLine] = {}
    errors: list[str] = []
    numbers: dict[str, int] = {}
    decoder = msgspec.json.Decoder(AdjudicationLine)
    for number, raw in enumerate(read_input(path).removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            line = decoder.decode(raw)
            check_duplicate_keys(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            errors.append(f"{path}:{number}: {_explain(error)}")
            continue
        if line.id in numbers:
            problem = duplicate_id_problem(line.id, f"line {numbers[line.id]}")
            errors.append(f"{path}:{number}: id: {problem}")
        numbers.setdefault(line.id, number)
        lines[f"{path}:{number}"] = line
    if errors:
        raise LoadError(errors)
    return lines


def _explain(error: Exception) -> str:
    message = str(error)
    if "$.decision" in message:
        return (
            f"decision: {message}; expected the name of an annotator, {quoted_repr(ALL)},"
            f" {quoted_repr(NONE)} or a list of items"
        )
    if isinstance(error, msgspec.ValidationError):
        return f"{message}; expected a line of an adjudication, with {FIELDS_SHOWN}"
    return message


def has_decisions(lines: Iterable[AdjudicationLine]) -> bool:
    """Whether something was written into the lines by hand."""
    return any(line.decision is not None or line.note for line in lines)
