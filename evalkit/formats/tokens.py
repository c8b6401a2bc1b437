"""Tables of tokens in CSV and TSV files: a token with a BIO tag in each row.

    Sentence #,Word,POS,Tag
    Sentence: 1,Thousands,NNS,O
    ,of,IN,O
    ,demonstrators,NNS,O
    Sentence: 2,Iran,NNP,B-gpe

The first row has the names of the columns. Needed are those of the token (token, word, form) and
the tag (tag, label, ner, ner_tag); a column of sentences (sentence, sentence_id, "Sentence #") and
one of documents (document, doc_id, filename) are optional. Names are compared whatever their case.
Where a name is not the first of these, the report says what was read as what. An empty cell in the
columns of sentences and documents repeats the cell above, so that ids may be in the first row of a
sentence alone, as in ner_dataset.csv of Kaggle (which is in latin-1: `encoding=latin-1`). A
sentence begins where the value of its column changes, where a document begins, and after an empty
line. Columns are separated by commas, tabs or semicolons, as the header is. Cells are quoted as
the module csv of Python and pandas do. (Sources: RFC 4180; ner_dataset.csv of the Annotated Corpus
for Named Entity Recognition on Kaggle, and the columns of Simple Transformers: sentence_id, words,
labels.)

**Documents.** The reading option `documents` is what is read as a document:

- docstart: the rows of one value in the column of documents. This is the default where there is
  such a column.
- sentence: each sentence. Its id is "d1/1", "d1/2" and so on in the document "d1"; without
  documents, it is the value in the column of sentences, or "sentence-N" if there is no such column.
- file: all sentences of the file, as the document "doc-1".
- a number, such as 10: as many sentences of a document, or of a file without documents, with ids
  like those of sentences and "doc-N" instead of "sentence-N".

Values other than docstart are in the signature. If documents are sentences, intervals and p-values
assume that sentences are independent of each other.

**Text.** Without `texts`, the text is rebuilt: the tokens of a sentence are joined by spaces, and
sentences by line feeds. With `texts`, tokens must occur in the text in order, separated by white
space only.

**Reading options**

- `token_column`, `tag_column`, `sentence_column`, `document_column`: the names of columns that are
  not found by their names. Several columns of tags (`tag_column=coarse+fine`) are read into one
  layer of nested entities; one that several columns have is read once, and counted.
- `tagging`, `repair`: how tags are read, as for conll.
- `documents`: see above.
- `separator`: comma, tab or semicolon; by default the one that divides the header into the most
  columns.
- `quotes`: false reads quotes as ordinary characters, as in many TSV files.
- `texts`: a folder with a file ID.txt for each document, or the text file of the only document.

Dropped in reading: other columns, a byte order mark. Repaired tags are counted.

**Writing**: the columns document, sentence (its number in the document), token and tag. The
options `tagging`, `tokenizer`, `split_tokens` and `align_with` are those of conll; `separator` is
comma, tab or semicolon, by default tab in a .tsv file and comma in all others. What tags cannot
represent is dropped as by conll; texts that differ from the rebuilt ones are counted, and can be
given with `texts`. A document without tokens has a row without token and tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.data.document import Document
from evalkit.errors import InputError, quoted_repr, spell_option
from evalkit.formats.conll import REREAD_SENTENCES
from evalkit.formats.conll_division import ConllDocument
from evalkit.formats.conll_documents import check_division_has_texts, parse_documents
from evalkit.formats.conll_reader import ConllReader
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.csv_tables import CsvTable, open_csv_table, write_csv_table
from evalkit.formats.merged_passes import merge_passes
from evalkit.formats.reading_options import parse_bool
from evalkit.formats.registry import DocumentResults, iter_documents
from evalkit.formats.tagged_tokens import DocumentTagger, TaggedToken
from evalkit.formats.token_table import TokenTableColumns, TokenTableParser

WRITTEN = ("document", "sentence", "token", "tag")


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    tagging: str = "IOB2",
    repair: str = "error",
    token_column: str | None = None,
    tag_column: str | None = None,
    sentence_column: str | None = None,
    document_column: str | None = None,
    documents: str | int | None = None,
    separator: str | None = None,
    quotes: bool | str = True,
    texts: str | Path | None = None,
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each document.

    The module docstring describes the options. Raises UnknownNameError for an unknown value of an
    option, and InputError for missing columns or an invalid value of `documents`.
    """
    source = _Source(path, separator, quotes=parse_bool("quotes", quotes))
    named = {"token": token_column, "sentence": sentence_column, "document": document_column}
    given = {column: name for column, name in named.items() if name is not None}
    division = None if documents is None else parse_documents(documents)
    tag_names = [] if tag_column is None else source.split_tag_names(tag_column)
    passes: list[tuple[ConversionReport, DocumentResults]] = []
    for columns in [{**given, "tag": name} for name in tag_names] or [given]:
        report = ConversionReport() if passes else conversion
        results = source.read_tags(report, columns, tag_names, tagging, repair, division, texts)
        passes.append((report, results))
    if len(passes) == 1:
        yield from passes[0][1]
        return
    yield from merge_passes([results for _, results in passes], conversion)
    for report, _ in passes[1:]:
        for name, count in report.repaired.items():
            conversion.repaired.add(name, report.repaired.examples[name][0], count)


@dataclass(frozen=True)
class _Source:
    """A file, and how its rows are split."""

    path: Path
    separator: str | None
    quotes: bool

    def open(self, conversion: ConversionReport) -> AbstractContextManager[CsvTable]:
        return open_csv_table(self.path, conversion, self.separator, quotes=self.quotes)

    def split_tag_names(self, tag_column: str) -> list[str]:
        """The names of the columns of tags: one, or several, as in a+b (in a location, + may arrive
        as a space).
        """
        with self.open(ConversionReport()) as table:
            if tag_column in table.header:
                return [tag_column]
        return list(dict.fromkeys(re.split("[+ ]", tag_column)))

    def read_tags(
        self,
        conversion: ConversionReport,
        given: Mapping[str, str],
        tag_names: Sequence[str],
        tagging: str,
        repair: str,
        documents: str | None,
        texts: str | Path | None,
    ) -> DocumentResults:
        """Yields each document with the entities of one column of tags."""

        def reread() -> Iterator[ConllDocument]:
            with self.open(ConversionReport()) as table:
                columns = TokenTableColumns.find(table, self.path, given)
                parser = TokenTableParser(self.path, ConversionReport(), columns, REREAD_SENTENCES)
                yield from parser.drafts(table.rows())

        with self.open(conversion) as table:
            columns = TokenTableColumns.find(table, self.path, given, conversion, tag_names)
            division = _choose_division(documents, columns, texts, self.path)
            conversion.effective_options["documents"] = division
            reader = ConllReader(
                self.path, conversion, tagging, repair, texts, reread, advises_comments=False
            )
            parser = TokenTableParser(self.path, conversion, columns, division)
            yield from reader.documents(parser.drafts(table.rows()))


def _choose_division(
    division: str | None, columns: TokenTableColumns, texts: str | Path | None, path: Path
) -> str:
    """The option `documents`, or its default.

    Raises InputError if the table has no documents, or if `texts` cannot have those of its parts.
    """
    if division is None:
        if columns.document is not None:
            return "docstart"
        return "sentence" if texts is None else "file"
    if division == "docstart" and columns.document is None:
        raise InputError(
            f"{path}: no column of documents for"
            f" {spell_option('documents', division, of='format')}; name it with"
            f" {spell_option('document_column', 'NAME', of='format')}"
        )
    if texts is not None:
        check_division_has_texts(division)
    return division


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    *,
    tagging: str = "IOB2",
    separator: str | None = None,
    tokenizer: str = "words",
    split_tokens: bool | str = True,
    align_with: Any = None,
) -> None:
    """Writes a token in each row; see the module docstring. `align_with` is a corpus, documents, or
    the path of a corpus.

    Documents whose entities were not annotated are counted as skipped. Raises UnknownNameError for
    an unknown value of an option, and InputError for a document whose text differs in `align_with`,
    or if no document was annotated.
    """
    tagger = DocumentTagger(
        conversion,
        tagging,
        tokenizer,
        split_tokens=parse_bool("split_tokens", split_tokens),
        align_with=iter_documents(align_with),
    )
    rows = _iter_cells(tagger.iter_tagged(documents), conversion)
    write_csv_table(rows, path, WRITTEN, separator)


def _iter_cells(
    tagged: Iterable[tuple[Document, list[list[TaggedToken]]]], conversion: ConversionReport
) -> Iterator[list[str]]:
    for document, sentences in tagged:
        where = f"document {quoted_repr(document.id)}"
        if not document.id.strip():
            raise InputError(f"{where}: an id of white space is no value in a table of tokens")
        if not sentences:
            yield [document.id, "", "", ""]
        words = [[document.text[start:end] for start, end, _ in tokens] for tokens in sentences]
        for number, (tokens, sentence) in enumerate(zip(sentences, words), 1):
            for token, word in zip(tokens, sentence):
                yield [document.id, str(number), word, token.tag]
        if "\n".join(map(" ".join, words)) != document.text:
            conversion.add("texts of which the tokens alone are written", where)
