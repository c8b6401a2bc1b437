"""CoNLL files: one token per line with a BIO tag, in two or more columns.

(Sources: the shared tasks CoNLL-2002 and CoNLL-2003, GermEval 2014 and HIPE-2022, whose files
differ in columns, comments and document marks.) A line holds the columns of one token, separated by
runs of spaces and tabs, as many on each line as on the first. No other space separates. By default
the first column is the token and the last the tag. A line of spaces and tabs alone ends a sentence;
a line ends at \\n or \\r\\n. These lines begin a document:

    -DOCSTART-                   optionally followed by the id: `-DOCSTART- (d1) O`, `-DOCSTART- d1`
    #begin document (d1)         `#begin document (d1); part 000` has the id "d1; part 000"
    # newdoc id = d1             in a comment; also `# id = d1` and `# document_id = d1` (HIPE)

A line that begins with `# ` or `#KEY =`, and has another number of columns than the rows, is a
comment. A first row with the names of the columns (TOKEN, NE-COARSE-LIT; word, tag) is skipped. If
column 0 counts the tokens (1, 2, … in every sentence of a file with three columns or more, as in
GermEval), the tokens are in column 1, and rows of CoNLL-U such as 2-3 and 3.1 are skipped if they
have no tag. The report says so. spaCy's files with a sentence on each line
(`Ada|NNP|B-PER ran|VBD|O`) are read, too; their columns are those between the bars.

A document without an id gets the id "doc-N", where N is its number in the file. The first dash of a
tag separates the prefix from the label. Tags that are a prefix alone, such as the B and I of data
with one label (BioBERT's), have the label `entity`, which the report says.

**Documents.** The reading option `documents` is what is read as a document:

- docstart: the lines from one of these marks to the next.
- sentence: each sentence. In a document with an id, such as "d1", its id is "d1/1", "d1/2" and so
  on; otherwise it is "sentence-N", where N is the number of the sentence in the file.
- file: all sentences of the file, as the document "doc-1". Document marks are dropped and counted.
- a number, such as 10: as many sentences of a marked document, or of a file without marks; the last
  document may have fewer. Ids are like those of sentences, with "doc-N" instead of "sentence-N".

By default it is docstart if the file has a document mark. Without marks it is sentence, or file if
the text of the document is given. Values other than docstart are in the signature. If documents are
sentences, intervals and p-values assume that sentences are independent of each other.

**Text.** The format does not store the text. Without `texts` it is rebuilt: the tokens of a
sentence are joined by spaces, and sentences by line feeds. The original text can be given with
`texts`, or by a line `# doc_text = "…"` (JSON) before the first token of the document. The tokens
must then occur in it in order, separated by white space only, and offsets refer to it. The text of
a document that is a sentence or a number of sentences is always rebuilt. Where the rebuilt texts of
gold and predictions differ, documents with equally many tokens are aligned by the positions of
tokens if most of these differ by case and the like only; the report counts them.

**Reading options**

- `tagging`: IOB2, IOB1, IOE2, IOE1, IO (I- alone), BIOES, BILOU, BMES, bare (labels without prefix)
  or suffix (PER-B). The tagging is never guessed; if tags are invalid, the error names the taggings
  that fit the file.
- `repair`: what is done with invalid tags: error, discard, begin or conlleval.
- `token_column`, `tag_column`: column numbers, counted from 0, or from the end if negative; by
  default the first column, or the second if the first counts the tokens, and the last. Several
  columns of tags (`tag_column=2+3`; GermEval, HIPE, LitBank) are read into one layer of nested
  entities; one that several columns have is read once, and counted. The report names columns of
  tags that are not read.
- `documents`: docstart, sentence, file or a number of sentences, as described above.
- `separator`: any, tab (every tab separates columns, and tokens may contain spaces) or space.
- `comments`: true skips all lines that begin with #, false none; by default, those that have
  another number of columns than the rows, as described above.
- `texts`: a folder with a file ID.txt for each document, or the text file of the only document.

Dropped in reading: further columns, comments, byte order marks, and the given texts and the marks
of documents that are divided or joined. Repaired tags are counted.

**Writing options**

- `tagging`, `separator` (tab, space): as for reading.
- `embed_text`: true adds the line `# doc_text`, which other readers may take for a token.
- `tokenizer`: words (evalkit's own tokens and sentences, with punctuation at the edges of words as
  separate tokens) or whitespace (tokens are separated by white space and sentences are lines, so
  that rebuilt texts are restored exactly).
- `split_tokens`: true splits tokens where an entity begins or ends inside one; false drops such
  entities.
- `align_with`: another corpus of the same documents, such as gold. Tokens are split at its entities
  too, so that both files have the same tokens.

Each document begins with a line `-DOCSTART- (ID)`, and a `-DOCSTART-` in the text is split into two
tokens. A sentence does not end inside an entity. Of overlapping entities the longest is kept, of
equally long ones the first. IO and bare tags do not separate neighboring entities of one label,
which is counted. White space at the edges of an entity is dropped. With embed_text=true
a file that is read back has the same ids and texts, and the kept entities in text order; without
it, the text is restored only if it equals the rebuilt one. Failed documents are dropped and
counted, and so are documents whose entities were not annotated, since O tags would mean that they
have none; if no document was annotated, writing is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

from evalkit.data.document import Document
from evalkit.errors import InputError, LoadError, UnknownNameError, quoted_repr, spell_option
from evalkit.files import open_input, open_rereadable_input, write_atomically
from evalkit.formats.conll_division import ConllDocument
from evalkit.formats.conll_documents import (
    DOC_TEXT_PREFIX,
    DOCSTART,
    check_division_has_texts,
    detect_documents,
    parse_documents,
    quote_id,
)
from evalkit.formats.conll_layout import read_layout
from evalkit.formats.conll_lines import ConllColumns, ConllParser
from evalkit.formats.conll_reader import ConllReader
from evalkit.formats.conll_rows import RANGE
from evalkit.formats.conll_tag_columns import find_tag_columns
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.merged_passes import merge_passes
from evalkit.formats.reading_options import parse_bool
from evalkit.formats.registry import DocumentResults, iter_documents
from evalkit.formats.tagged_tokens import DocumentTagger

SEPARATORS = {"tab": "\t", "space": " "}
REREAD_SENTENCES = "1000"  # sentences of each draft, where a file is read again for its tags only


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    tagging: str = "IOB2",
    repair: str = "error",
    token_column: int | str = 0,
    tag_column: int | str = -1,
    documents: str | int | None = None,
    separator: str = "any",
    comments: bool | str | None = None,
    texts: str | Path | None = None,
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each document.

    The module docstring describes the options. Raises UnknownNameError for an unknown value of an
    option, and InputError for an invalid column number or an invalid value of `documents`.
    """
    tag_columns = _tag_columns(tag_column)
    if len(tag_columns) > 1 and not path.is_file():
        raise InputError(
            f"{path}: {spell_option('tag_column', tag_column, of='format')}: the file is read once"
            " for each column of tags: expected a file, not a pipe"
        )
    passes: list[tuple[ConversionReport, DocumentResults]] = []
    for column in tag_columns:
        columns = ConllColumns(
            _column("token_column", token_column),
            column,
            separator,
            comments=_parse_comments(comments),
            other_tags=tuple(other for other in tag_columns if other != column),
        )
        report = ConversionReport() if passes else conversion
        passes.append(
            (report, _read_tags(path, report, columns, tagging, repair, documents, texts))
        )
    if len(passes) == 1:
        yield from passes[0][1]
        return
    yield from merge_passes([results for _, results in passes], conversion)
    for report, _ in passes[1:]:
        for name, count in report.repaired.items():
            conversion.repaired.add(name, report.repaired.examples[name][0], count)


def _read_tags(
    path: Path,
    conversion: ConversionReport,
    columns: ConllColumns,
    tagging: str,
    repair: str,
    documents: str | int | None,
    texts: str | Path | None,
) -> DocumentResults:
    """Yields each document with the entities of one column of tags."""
    with open_rereadable_input(path) as file:
        columns = _fit_columns(file, path, conversion, columns)
        tag_columns = find_tag_columns(file, columns)
        file.seek(0)
        columns = replace(columns, further_tags=tag_columns.further)
        division = _choose_division(file, documents, texts, columns.is_comment)
        conversion.effective_options["documents"] = division
        reader = ConllReader(
            path,
            conversion,
            tagging,
            repair,
            texts,
            lambda: _reread_drafts(path, columns),
            column_hint=tag_columns.advise(),
        )
        parser = ConllParser(path, conversion, columns, division)
        word_numbers = WordNumberDetector()
        yield from reader.documents(word_numbers.inspect(parser.drafts(file)))
    has_other_numbers = columns.layout.counts_tokens or columns.layout.is_joined
    if parser.has_further_columns and word_numbers.is_detected and not has_other_numbers:
        problem = (
            f"column {columns.token} holds word numbers (1, 2, 3, …) in every sentence, and no"
            " tokens"
        )
        remedy = spell_option("token_column", columns.token + 1, of="format")
        yield (
            str(path),
            LoadError([f"{path}: {problem}; name the column of the tokens, such as {remedy}"]),
        )


def _fit_columns(
    file: BinaryIO, path: Path, conversion: ConversionReport, columns: ConllColumns
) -> ConllColumns:
    """The columns with the layout of an open file, and the column of tokens that it shows."""
    layout = read_layout(file, columns.separator)
    file.seek(0)
    if layout.is_joined:
        conversion.detected.add("a sentence on each line, as TOKEN|TAG TOKEN|TAG", str(path))
    if layout.counts_tokens and columns.token == 0:
        conversion.effective_options |= {"token_column": "1"}
        conversion.detected.add("column 0 counts the tokens, which are in column 1", str(path))
        return replace(columns, layout=layout, token=1)
    return replace(columns, layout=layout)


def iter_tagged(
    path: Path,
    *,
    token_column: int | str = 0,
    tag_column: int | str = -1,
    documents: str | int | None = None,
    separator: str = "any",
    comments: bool | str | None = None,
) -> Iterator[ConllDocument]:
    """Yields the tokens and the tags of each document as they are in the file, valid or not, for
    scorers that read tags. The options are those of `read`.
    """
    columns = ConllColumns(
        _column("token_column", token_column),
        _column("tag_column", tag_column),
        separator,
        comments=_parse_comments(comments),
    )
    conversion = ConversionReport()
    with open_rereadable_input(path) as file:
        columns = _fit_columns(file, path, conversion, columns)
        division = _choose_division(file, documents, None, columns.is_comment)
        yield from ConllParser(path, conversion, columns, division).drafts(file)


def _parse_comments(value: object) -> bool | None:
    """The option `comments`; None if it is not given."""
    return None if value is None else parse_bool("comments", value)


def _choose_division(
    file: BinaryIO,
    documents: str | int | None,
    texts: str | Path | None,
    is_comment: Callable[[str], bool],
) -> str:
    """The option `documents`, or its default for an open file.

    Raises InputError for an invalid value, and if `texts` cannot have the texts of the documents.
    """
    if documents is None:
        division = detect_documents(file, is_comment)
        file.seek(0)
        return "file" if texts is not None and division == "sentence" else division
    division = parse_documents(documents)
    if texts is not None:
        check_division_has_texts(division)
    return division


def _reread_drafts(path: Path, columns: ConllColumns) -> Iterator[ConllDocument]:
    """Yields the sentences of a file, with many of them in a document."""
    with open_input(path) as file:
        yield from ConllParser(path, ConversionReport(), columns, REREAD_SENTENCES).drafts(file)


class WordNumberDetector:
    """Detects a CoNLL-U file whose word numbers (1, 2-3, 2, 3, 3.1, …) were read as tokens."""

    def __init__(self) -> None:
        self._has_other_tokens = False
        self._word_count = 0

    def inspect(self, drafts: Iterable[ConllDocument]) -> Iterator[ConllDocument]:
        """Yields each draft after checking its tokens."""
        for draft in drafts:
            if not self._has_other_tokens:
                self._check_tokens(draft)
            yield draft

    def _check_tokens(self, draft: ConllDocument) -> None:
        for first, last in pairwise(draft.borders):
            words = [token for token in draft.tokens[first:last] if not RANGE.fullmatch(token)]
            expected = [str(number) for number in range(1, len(words) + 1)]
            if words != expected:
                self._has_other_tokens = True
                return
            self._word_count += len(words)

    @property
    def is_detected(self) -> bool:
        """Whether all tokens are word numbers. A single number may be an ordinary token."""
        return not self._has_other_tokens and self._word_count > 1


def _tag_columns(value: int | str) -> list[int]:
    """The columns of tags: one, or several, as in 2+3 (in a location, + may arrive as a space)."""
    if not isinstance(value, str):
        return [_column("tag_column", value)]
    return list(dict.fromkeys(_column("tag_column", part) for part in re.split("[+ ]", value)))


def _column(name: str, value: int | str) -> int:
    if re.fullmatch(r"-?[0-9]{1,4}", str(value)):
        return int(value)
    raise InputError(
        f"invalid {name} {quoted_repr(value)}: expected a number from 0, or a negative number to"
        " count from the end"
    )


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    *,
    tagging: str = "IOB2",
    separator: str = "tab",
    tokenizer: str = "words",
    embed_text: bool | str = False,
    split_tokens: bool | str = True,
    align_with: Any = None,
) -> None:
    """Writes the tokens of the documents with their entities as tags.

    The module docstring describes the options. `align_with` is a corpus, documents, or the path of
    a corpus. Documents whose entities were not annotated are counted as skipped. Raises
    UnknownNameError for an unknown value of an option, and InputError for a document whose text
    differs in `align_with`, or if no document was annotated.
    """
    if separator not in SEPARATORS:
        raise UnknownNameError("separator", separator, SEPARATORS)
    tagger = DocumentTagger(
        conversion,
        tagging,
        tokenizer,
        split_tokens=parse_bool("split_tokens", split_tokens),
        align_with=iter_documents(align_with),
    )
    embeds_text = parse_bool("embed_text", embed_text)
    blocks: list[str] = []
    for document, sentences in tagger.iter_tagged(documents, cut=DOCSTART):
        blocks.append(_header_lines(document, SEPARATORS[separator], embeds_text=embeds_text))
        sentence_texts: list[str] = []
        for sentence in sentences:
            words = [document.text[start:end] for start, end, _ in sentence]
            sentence_texts.append(" ".join(words))
            rows = [
                f"{word}{SEPARATORS[separator]}{token.tag}\n"
                for word, token in zip(words, sentence)
            ]
            blocks.append("".join(rows))
        if not embeds_text and "\n".join(sentence_texts) != document.text:
            conversion.add(
                "texts of which the tokens alone are written (?embed_text=true keeps them)",
                f"document {quoted_repr(document.id)}",
            )
    write_atomically(path, "".join(f"{block}\n" for block in blocks))


def _header_lines(document: Document, separator: str, *, embeds_text: bool) -> str:
    lines = f"{DOCSTART} ({quote_id(document.id)}){separator}O\n"
    if embeds_text:
        lines += f"{DOC_TEXT_PREFIX}{json.dumps(document.text, ensure_ascii=False)}\n"
    return lines
