"""The columns of a table that has a token in each row, and the names under which they are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalkit.errors import InputError, spell_option
from evalkit.formats.span_columns import (
    SPAN_COLUMNS,
    check_given_columns,
    check_one_column,
    find_columns,
    list_columns,
)

SENTENCES = ("sentence_id", "sent_id")  # which a table of spans may have for documents
# The columns of a table of tokens, and the names under which they are read. "Sentence #" is that of
# ner_dataset.csv, sentence_idx that of ner.csv.
TOKEN_COLUMNS: dict[str, tuple[str, ...]] = {
    "token": ("token", "tokens", "word", "words", "form", "token_text"),
    "tag": (
        "tag",
        "tags",
        "label",
        "labels",
        "ner_tag",
        "ner_tags",
        "ner",
        "bio",
        "bio_tag",
        "iob",
        "iob_tag",
        "ne",
        "ne_tag",
        "entity",
    ),
    "sentence": (
        "sentence",
        "sentence_#",
        "sentence_id",
        "sent_id",
        "sentence_idx",
        "sentence_number",
        "sent",
        "sent_idx",
    ),
    "document": tuple(name for name in SPAN_COLUMNS["document"][1] if name not in SENTENCES),
}
REQUIRED = ("token", "tag")


def find_token_columns(
    names: Sequence[str], table: str, given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Returns the name in the table of each column of a table of tokens.

    given: names that were given for some columns. Raises InputError for a table without tokens or
    tags, and for two columns of one meaning; UnknownNameError for a given name that the table does
    not have.
    """
    columns = check_given_columns(names, table, given or {})
    for column, aliases in TOKEN_COLUMNS.items():
        if column not in columns:
            present = find_columns(names, aliases, taken=columns.values())
            if column in present:
                present = [column]
            check_one_column(present, table, f"the {column} of a token", column)
            columns.update((column, name) for name in present)
    for column in REQUIRED:
        if column not in columns:
            option = spell_option(f"{column}_column", "NAME", of="format")
            raise InputError(
                f"{table}: no column with the {column} of each token: expected one of:"
                f" {', '.join(TOKEN_COLUMNS[column])}, or name it with {option}; the columns are"
                f" {list_columns(names)}"
            )
    return columns
