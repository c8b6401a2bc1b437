"""Which lines of a CoNLL file are a document: document marks, and the option `documents`.

The values of the option are `docstart` (a document begins at each mark), `sentence`, `file`, and a
number of sentences per document. conll.py describes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

import msgspec

from evalkit.errors import InputError, quoted_repr, spell_option

DOCSTART = "-DOCSTART-"
DOC_TEXT_PREFIX = "# doc_text = "
_DOCSTART_LINE = re.compile(r"-DOCSTART-(?:[ \t]+(?:\((.*)\)(?:[ \t].*)?|([^ \t]+)|.*))?[ \t]*")
_BEGIN_LINE = re.compile(r"#begin document(?= |$)(?: +\((.*)\);?)? *(.*)")
_NEWDOC_COMMENT = re.compile(r"# *newdoc(?: +id *= *(.+))?|# *(?:(?:\w+:)?document_)?id *= *(.+)")
_NO_ID = ("O", "_", "-", "-X-", DOCSTART)  # placeholders after -DOCSTART- that are not ids
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class DocumentMark(NamedTuple):
    """A line at which a document begins.

    `id` is "" if the line has none. `is_comment`: a comment, which may also name a document that
    has begun.
    """

    id: str
    is_comment: bool = False


def parse_mark(line: str, *, comments: bool) -> DocumentMark | None:
    """Returns the document mark that a line is, or None. `comments`: whether lines that begin with
    # are comments.
    """
    if match := _DOCSTART_LINE.fullmatch(line):
        id_in_brackets, bare_id = match.groups()
        if id_in_brackets:
            return DocumentMark(_unquote(id_in_brackets))
        return DocumentMark("" if bare_id is None or bare_id in _NO_ID else bare_id)
    if match := _BEGIN_LINE.fullmatch(line):
        id_parts = [part for part in (_unquote(match[1] or ""), match[2]) if part]
        return DocumentMark("; ".join(id_parts))
    if comments and (match := _NEWDOC_COMMENT.fullmatch(line)):
        return DocumentMark(_unquote(match[1] or match[2] or ""), is_comment=True)
    return None


def quote_id(id: str) -> str:
    """The id as it is written in a document mark: a JSON string if a line cannot hold it as it is.

    >>> quote_id("d1"), quote_id("d\\n1")
    ('d1', '"d\\\\n1"')
    """
    return json.dumps(id) if not id.isprintable() or id.startswith('"') or id != id.strip() else id


def _unquote(id: str) -> str:
    """The id of a mark, decoded if it is a JSON string."""
    try:
        return msgspec.json.decode(id, type=str) if id.startswith('"') else id
    except msgspec.MsgspecError:
        return id


def parse_documents(value: object) -> str:
    """Returns the value of the option `documents`: "docstart", "sentence", "file" or a number.

    Documents of one sentence are "sentence". Raises InputError for any other value.
    """
    text = str(value)
    if text in ("docstart", "sentence", "file"):
        return text
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text):
        raise InputError(
            f"invalid documents {quoted_repr(value)}: expected docstart, sentence, file, or the"
            " number of sentences of a document, such as 10"
        )
    return "sentence" if int(text) == 1 else str(int(text))


def check_division_has_texts(division: str) -> None:
    """Raises InputError if the texts of documents under a value of `documents` cannot be given."""
    if division not in ("docstart", "file"):
        raise InputError(
            f"{spell_option('documents', division, of='format')} and"
            f" {spell_option('texts', of='format')} cannot be combined: the text of a document that"
            " is a part of a file is its tokens, joined by spaces; leave out one of the two"
        )


def count_sentences_per_document(documents: str) -> int | None:
    """Returns the largest number of sentences of a document; None if there is no limit."""
    if documents in ("docstart", "file"):
        return None
    return 1 if documents == "sentence" else int(documents)


def detect_documents(file: BinaryIO, is_comment: Callable[[str], bool]) -> str:
    """Returns the value of `documents` for a file, at its start, that is read without the option.

    `is_comment`: whether a line that begins with # is a comment.

    It is "docstart" if the file has a document mark. Without marks it is "file" if the text of the
    document is given before the first token, and "sentence" otherwise.
    """
    has_rows = False
    has_text = False
    if file.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
        file.seek(0)
    for raw in file:
        if raw[:1] not in (b"-", b"#"):
            has_rows = has_rows or bool(raw.strip(b" \t\r\n"))
            continue
        line = raw.removesuffix(b"\n").removesuffix(b"\r").decode(errors="replace")
        comments = line.startswith("#") and is_comment(line)
        if parse_mark(line, comments=comments) is not None:
            return "docstart"
        if line.startswith(DOC_TEXT_PREFIX):
            has_text = has_text or not has_rows
        elif not comments:
            has_rows = True
    return "file" if has_text else "sentence"
