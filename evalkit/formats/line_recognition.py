"""Recognizes the format of a text file by its first lines, and that of a table by its header."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from evalkit.errors import InputError
from evalkit.formats.conll_header import is_header
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.csv_tables import CsvTable
from evalkit.formats.span_columns import find_span_columns
from evalkit.formats.token_columns import find_token_columns

MAX_LINES = 100  # that are looked at
# The columns of tables of quotations that no others have
QUOTATION_COLUMNS = (("pdnc", ("quoteByteSpans", "speaker")), ("quotes", ("quote", "speaker")))
LITBANK_LINE = re.compile(rb"(QUOTE|MENTION)\t\S+\t\d+\t\d+\t\d+\t\d+\t")
# The format of a text file, and how its first line that is not blank begins
LINE_SIGNS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("pubtator", re.compile(rb"[^|\s{\[]+\|t\|")),
    ("webanno", re.compile(rb"#FORMAT=WebAnno TSV 3")),
    (
        "bioc",
        re.compile(rb"(<\?xml[^>]*>\s*)?(<!DOCTYPE\s+collection[^>]*>\s*)?<collection[\s>]"),
    ),
    ("litbank", LITBANK_LINE),
)
# A text and its entities in a list of spaCy's examples in Python; JSON has no parentheses
PYTHON_EXAMPLE = re.compile(rb"""["']\s*,\s*\{\s*["']entities["']\s*:\s*\[\s*\(""")
TAG = re.compile(rb"O|[BI]|[BIESLUM]-\S+")
BRACKETS = re.compile(rb"(\([^()*]+)*\*?\)*")  # of an entity in CoNLL-2012
FIRST_WORDS = (b"1", b"1-2", b"0.1")  # of a sentence in CoNLL-U
LINE_FORMATS = frozenset(
    [
        *(format for format, _ in LINE_SIGNS),
        *(format for format, _ in QUOTATION_COLUMNS),
        "conll",
        "conll2012",
        "conllu",
        "spans",
        "tokens",
    ]
)


def recognize_text(path: Path, head: bytes) -> tuple[str, tuple[str, ...]] | None:
    """Returns the format of a text file by its first bytes, and two columns if it is a table; None
    if it is not recognized.
    """
    format = _recognize_lines(head)
    if format is not None:
        return format, ()
    return _recognize_table(path, head) or _recognize_header(head)


def _recognize_lines(head: bytes) -> str | None:
    """The format of a text file by its first line, or by the tags in its last column."""
    lines = _first_lines(head)
    for format, pattern in LINE_SIGNS:
        if pattern.match(head.lstrip()):
            return format
    if PYTHON_EXAMPLE.search(head):
        return "spacy-json"
    if _are_tagged_tokens(lines, has_header=False):
        return "conll"
    rows = [line.split() for line in lines if line.strip() and not line.startswith(b"#")]
    if rows and all(len(row) > 11 and BRACKETS.fullmatch(row[10]) for row in rows):
        return "conll2012"
    rows = [line.split(b"\t") for line in lines if line.strip() and not line.startswith(b"#")]
    if rows and rows[0][0] in FIRST_WORDS and all(len(row) == 10 for row in rows):
        return "conllu"
    return None


def _first_lines(head: bytes) -> list[bytes]:
    return head.lstrip().splitlines()[:MAX_LINES]


def _are_tagged_tokens(lines: Sequence[bytes], *, has_header: bool) -> bool:
    """Whether the last column of all lines has tags; below a header, the last or another one.

    A tag with a label is needed, or O and B: a text has lines that end with a letter, too.
    """
    rows = [line.split() for line in lines if line.strip()]
    rows = [row for row in rows if not row[0].startswith((b"#", b"-DOCSTART-"))]
    columns = [-1]
    if has_header:
        if not rows or not is_header([cell.decode(errors="replace") for cell in rows[0]]):
            return False
        columns += range(1, len(rows.pop(0)))
    if not rows or min(map(len, rows)) < max(2, len(columns)):
        return False
    for column in columns:
        tags = {row[column] for row in rows}
        has_labels = any(b"-" in tag for tag in tags) or {b"O", b"B"} <= tags
        if has_labels and all(map(TAG.fullmatch, tags)):
            return True
    return False


def _recognize_table(path: Path, head: bytes) -> tuple[str, tuple[str, ...]] | None:
    """The format of a table of spans, tokens or quotations, by its header, and two of its columns.

    Tokens and tags alone that are separated by tabs may be those of a CoNLL file.
    """
    try:
        table = CsvTable(path, BytesIO(head), ConversionReport(), None, quotes=True)
    except InputError:
        return None
    for format, names in QUOTATION_COLUMNS:
        if set(names) <= set(table.header):
            return format, names
    with suppress(InputError):
        columns = find_span_columns(table.header, str(path))
        return "spans", (columns["document"], columns["label"])
    with suppress(InputError):
        columns = find_token_columns(table.header, str(path))
        if table.separator != "tab" or len(columns) > 2:
            return "tokens", (columns["token"], columns["tag"])
    return None


def _recognize_header(head: bytes) -> tuple[str, tuple[str, ...]] | None:
    """The format conll for a file whose columns have names, such as that of HIPE."""
    if _are_tagged_tokens(_first_lines(head), has_header=True):
        return "conll", ()
    return None
