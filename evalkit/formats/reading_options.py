"""Replaces former names of format options, checks options, and writes them into signatures.

These are options of all formats:

    duplicates   "error" refuses annotations that are duplicates, "drop" keeps the first of them. By
                 default, they are refused in gold and kept in predictions.
    trim         true removes white space and punctuation at the edges of spans.
    on_error     "raise" refuses a file with an error, "skip" leaves out the documents with errors.
    encoding     of the text files, by its name in Python, such as latin-1.

All other options are keyword parameters of the `read` and `write` functions of a format.

OPTION_ALIASES has the former names. They are replaced when a CorpusLocation is created, so that
readers, writers, signatures and help only use the present names.
"""

from __future__ import annotations

import codecs
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.errors import InputError, UnknownNameError, spell_option, warn_deprecated
from evalkit.files.encodings import normalize_encoding
from evalkit.files.inputs import UTF8

DUPLICATES = ("error", "drop")
ON_ERROR = ("raise", "skip")
# The options of all formats, with their defaults
# “ ” ‘ ’ – — … in cp1252, beside ASCII; in latin-1 these bytes are control characters
PUNCTUATION_OF_WINDOWS = re.compile(rb"(?:^|[\x00-\x7f])[\x85\x91-\x97](?:[\x00-\x7f]|$)")
LATIN1 = "latin-1"
# Byte order marks, longer ones first, and the encodings that read them
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SHARED_OPTIONS = {"duplicates": "error", "trim": False, "on_error": "raise", "encoding": UTF8}
OFFSET_FORMATS = (
    "jsonl",
    "brat",
    "prodigy",
    "doccano",
    "labelstudio",
    "bigbio",
    "pdnc",
    "quotes",
    "pubtator",
    "spans",
    "bioc",
)
# Options of readers that convert offsets
OFFSETS = ("offset_unit", "end_offset", "newlines", "first_offset", "unicode_form")
# Options that are not in the signature: the folder of the texts, the annotator, which is part of
# the corpus name, and the names under which a table has columns of one meaning
WITHOUT_EFFECT = (
    "texts",
    "annotator",
    "document_column",
    "sentence_column",
    "start_column",
    "end_column",
    "text_column",
    "document_text_column",
)
# Options that can change a score on the side of gold only: predictions have the documents of gold
GOLD_OPTIONS = ("documents",)
# Options that name a file, of which the signature has the name without the folder
FILE_OPTIONS = ("typesystem", "coref")
# Values that are not in the signature, of options whose default depends on the file
USUAL_VALUES = {"documents": "docstart", "comments": "false"}
_ESCAPES = str.maketrans({character: f"%{ord(character):02X}" for character in "%,+=:|"})


@dataclass(frozen=True)
class OptionAlias:
    """A former name of an option.

    `formats`: formats with this alias (empty: all). `is_permanent`: accepted without a warning.
    `values`: present values by former ones.
    """

    alias: str
    name: str
    formats: tuple[str, ...] = ()
    is_permanent: bool = False
    values: Mapping[str, str] = field(default_factory=dict)


OPTION_ALIASES = (
    OptionAlias("repeats", "duplicates", is_permanent=True),
    OptionAlias("errors", "on_error", is_permanent=True),
    OptionAlias("edges", "trim", values={"trim": "true"}),
    OptionAlias("offsets", "offset_unit", OFFSET_FORMATS, is_permanent=True),
    OptionAlias("ends", "end_offset", OFFSET_FORMATS, is_permanent=True),
    OptionAlias("first", "first_offset", OFFSET_FORMATS),
    OptionAlias("form", "unicode_form", OFFSET_FORMATS),
    OptionAlias("form", "file_format", ("cas",)),
    OptionAlias("token", "token_column", ("conll", "hf", "tokens"), is_permanent=True),
    OptionAlias("tag", "tag_column", ("conll", "hf", "tokens"), is_permanent=True),
    OptionAlias("tokens", "token_column", ("hf",)),
    OptionAlias("tags", "tag_column", ("hf",)),
    OptionAlias("tokens", "tokenizer", ("conll",), values={"spaces": "whitespace"}),
    OptionAlias("text", "embed_text", ("conll",), values={"inline": "true", "plain": "false"}),
    OptionAlias("cut", "split_tokens", ("conll",)),
    OptionAlias("sentences", "documents", ("conll",)),
    OptionAlias("align", "alignment_mode", ("docbin",), values={"cut": "split"}),
    OptionAlias("beside", "align_with", ("conll", "docbin")),
    OptionAlias("answers", "annotation_source", ("labelstudio",)),
    OptionAlias(
        "predicted", "annotation_source", ("dygie",), values={"true": "predicted", "false": "gold"}
    ),
    OptionAlias("text", "text_field", ("labelstudio",)),
)


def replace_option_aliases(format_name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options of a format under their present names.

    Warns of each former name that is not permanent. Raises InputError for an option that is given
    under two names.
    """
    renamed: dict[str, Any] = {}
    for given, value in options.items():
        alias = _find_alias(format_name, given)
        name = given if alias is None else alias.name
        if name in renamed or (alias is not None and name in options):
            raise InputError(
                f"the option {name} is given twice, also under its former name"
                f" {given if alias is not None else _other_name(format_name, name, options)}; give"
                " one of them"
            )
        renamed[name] = value
        if alias is not None:
            renamed[name] = alias.values.get(_format_value(value), value)
            if not alias.is_permanent:
                warn_deprecated(
                    f"the option {given} of {format_name} is deprecated: write"
                    f" {spell_option(name, renamed[name], of='format')}"
                )
    return renamed


def _find_alias(format_name: str, option: str) -> OptionAlias | None:
    for alias in OPTION_ALIASES:
        if alias.alias == option and (not alias.formats or format_name in alias.formats):
            return alias
    return None


def _other_name(format_name: str, name: str, options: Mapping[str, Any]) -> str:
    for option in options:
        alias = _find_alias(format_name, option)
        if alias is not None and alias.name == name:
            return option
    return name


class SplitOptions(NamedTuple):
    """The options of a location: those that all formats have, and those of the format."""

    duplicates: str | None
    trim: bool
    skips_errors: bool
    encoding: str
    own: dict[str, Any]


def split_options(options: Mapping[str, Any]) -> SplitOptions:
    """Separates the options of all formats from those of one.

    Raises UnknownNameError or InputError for an invalid value of one of all formats.
    """
    own = dict(options)
    duplicates = own.pop("duplicates", None)
    if duplicates is not None and duplicates not in DUPLICATES:
        raise UnknownNameError("value", duplicates, DUPLICATES, within="duplicates=")
    trim = parse_bool("trim=", own.pop("trim", SHARED_OPTIONS["trim"]))
    on_error = own.pop("on_error", SHARED_OPTIONS["on_error"])
    if on_error not in ON_ERROR:
        raise UnknownNameError("value", on_error, ON_ERROR, within="on_error=")
    encoding = normalize_encoding(own.pop("encoding", UTF8))
    return SplitOptions(duplicates, trim, on_error == "skip", encoding, own)


def advise_encoding(data: bytes) -> str:
    """The end of a message about a text file that is not UTF-8. data: its first bytes, or the line
    in question; a byte order mark, or zero bytes, show UTF-16 and UTF-32, and the quotation marks
    and dashes of Windows cp1252.

    >>> advise_encoding("“Zoë”".encode("cp1252"))
    'save the file as UTF-8, or name its encoding, as in encoding="cp1252"'
    """
    encoding = guess_encoding(data)
    if encoding == LATIN1 and PUNCTUATION_OF_WINDOWS.search(data):
        encoding = "cp1252"
    option = spell_option("encoding", encoding, of="format")
    return f"save the file as UTF-8, or name its encoding, as in {option}"


def guess_encoding(data: bytes) -> str:
    """The encoding that a byte order mark or zero bytes show; else latin-1, a frequent one.

    >>> guess_encoding("Ada".encode("utf-16-le")), guess_encoding("Zoë".encode("latin-1"))
    ('utf-16-le', 'latin-1')
    """
    for marks, encoding in BYTE_ORDER_MARKS:
        if data.startswith(marks):
            return encoding
    if len(data) > 1 and data[0] == 0 != data[1]:
        return "utf-16-be"
    if len(data) > 1 and data[0] != 0 == data[1]:
        return "utf-16-le"
    return LATIN1


def own_options(read: Callable[..., Any]) -> dict[str, Any]:
    """Returns the defaults of a reader's or writer's options, by name."""
    parameters = inspect.signature(read).parameters.values()
    return {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def parse_bool(name: str, value: object) -> bool:
    """Returns the value of an option that is a bool, or the string "true" or "false".

    Raises UnknownNameError for anything else.
    """
    text = str(value).lower()
    if text not in ("true", "false"):
        raise UnknownNameError("value", value, ("true", "false"), within=name)
    return text == "true"


def changed_options(read: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, str]:
    """Returns the options that differ from their defaults and can change a score.

    Names are sorted, values are written as in signatures.
    """
    shared = split_options(options)
    defaults = own_options(read)
    changed: dict[str, str] = {}
    for name, value in shared.own.items():
        usual_value = USUAL_VALUES.get(name, defaults.get(name))
        if name not in WITHOUT_EFFECT and _format_value(value) != _format_value(usual_value):
            changed[name] = _format_value(Path(value) if name in FILE_OPTIONS else value)
    if shared.duplicates is not None:
        changed["duplicates"] = shared.duplicates
    if shared.trim:
        changed["trim"] = "true"
    if shared.skips_errors:
        changed["on_error"] = "skip"
    if shared.encoding != UTF8:
        changed["encoding"] = shared.encoding
    return dict(sorted(changed.items()))


def signature_field(gold: Mapping[str, str], predicted: Mapping[str, str]) -> str:
    """Returns the field `read` of a signature, such as "gold=repair:begin+tagging:IOB1"; "" if both
    sides are read with the default options.

    Options of predictions that only matter for gold are left out, so that predictions for the same
    gold can be compared whatever format they were read from.
    """
    predicted = {name: value for name, value in predicted.items() if name not in GOLD_OPTIONS}
    sides = []
    for side, options in (("gold", gold), ("predicted", predicted)):
        if options:
            written = "+".join(f"{name}:{value}" for name, value in sorted(options.items()))
            sides.append(f"{side}={written}")
    return ",".join(sides)


def _format_value(value: object) -> str:
    """Returns a value as it is written in a location.

    A path is written as its last part, a bool as `true` or `false`, None as "".
    """
    if value is None:
        return ""
    if isinstance(value, Path):
        value = value.name
    if isinstance(value, (list, tuple, set, frozenset)):
        value = ",".join(sorted(map(str, value)))
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.translate(_ESCAPES)
