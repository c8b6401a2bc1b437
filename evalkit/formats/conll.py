"""CoNLL columns: one token a line, with BIO tags; from two columns to CoNLL-2003's four.

A line holds the columns of one token, separated by runs of spaces and tabs, as many on each line as
on the first. No other space separates. By default the first column is the token and the last the
tag. A line of spaces and tabs alone ends a sentence; a line ends at \\n or \\r\\n. These lines
begin a document:

    -DOCSTART-                   optionally followed by the id: `-DOCSTART- (d1) O`, `-DOCSTART- d1`
    #begin document (d1)         `#begin document (d1); part 000` has the id "d1; part 000"
    # newdoc id = d1, # id = d1  with comments=true

A document without an id is "doc-N", the Nth of the file. The first dash of a tag separates prefix
and label; see evalkit/data/tags.py.

**Text.** The format has none. Without `texts` it is rebuilt: the tokens of a sentence joined by a
space, sentences joined by a line feed. It can also be given, by `texts` or by a line `# doc_text =
"…"` (JSON) before the first token of the document. Then the tokens must occur in it in order, with
nothing but white space between them, and offsets count its characters.

**Reading options**

- `tagging`: IOB2, IOB1, BIOES or BILOU. A file with I- tags alone ("IO") is read as IOB1. Nothing
  is guessed; the error names a tagging that would fit.
- `repair`: how invalid tags are read: error, discard, begin, conlleval.
- `token_column`, `tag_column`: numbers of the columns, from 0, or from the end if negative.
- `separator`: any, tab (each tab separates, and tokens may hold spaces) or space.
- `comments`: true skips lines that begin with #, and counts them as dropped.
- `texts`: a folder with ID.txt for each document, or the file of the only document.

Dropped in reading: further columns, comments, byte order marks. Repaired tags are counted.

**Writing options**

- `tagging`, `separator` (tab, space): as for reading.
- `embed_text`: true adds the line `# doc_text`, which other readers may take for a token.
- `tokenizer`: words (tokens and sentences of evalkit/data/text.py, with punctuation at the edges
  of words as separate tokens) or whitespace (tokens are separated by white space, sentences are
  lines; rebuilt texts come back as they were).
- `split_tokens`: true splits tokens where an entity begins or ends inside one; false drops such
  entities.
- `align_with`: another corpus of the same documents, such as gold, at whose entities tokens are
split
  too, so that both files have the same tokens.

A sentence does not end inside an entity, and a `-DOCSTART-` in the text is split into two tokens.
Of overlapping entities the longest is kept, of equally long ones the first. White space at the
edges of an entity is dropped. With embed_text=true ids, texts and the entities that are not dropped
come back in the order of the text; without it, ids do, and texts that equal the rebuilt ones.
Failed documents are dropped and counted. A document whose entities were not annotated is refused,
since O would mean that it has none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from evalkit.data.document import LAYERS, Document
from evalkit.data.text import Range
from evalkit.errors import InputError, LoadError, UnknownNameError, quoted_repr, spell_option
from evalkit.files import write_atomically
from evalkit.formats.conll_lines import (
    DOC_TEXT_PREFIX,
    DOCSTART,
    RANGE,
    ConllColumns,
    ConllDocument,
    ConllParser,
)
from evalkit.formats.conll_reader import TAG_LETTERS, ConllReader
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.reading_options import parse_bool
from evalkit.formats.registry import DocumentResults, iter_documents
from evalkit.formats.token_spans import LabelledSpan, TokenLayout, flat_entities

SEPARATORS = {"tab": "\t", "space": " "}


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    tagging: str = "IOB2",
    repair: str = "error",
    token_column: int | str = 0,
    tag_column: int | str = -1,
    separator: str = "any",
    comments: bool | str = False,
    texts: str | Path | None = None,
) -> DocumentResults:
    """Each document, or a LoadError, with its file:line. See the options above.

    Raises UnknownNameError for a value that an option does not have, InputError for one that is no
    column.
    """
    columns = ConllColumns(
        _column("token_column", token_column),
        _column("tag_column", tag_column),
        separator,
        comments=parse_bool("comments", comments),
    )
    reader = ConllReader(
        path,
        conversion,
        tagging,
        repair,
        texts,
        lambda: ConllParser(path, ConversionReport(), columns),
    )
    rows = ConllParser(path, conversion, columns)
    numbers = WordNumbers()
    for draft in rows.drafts():
        numbers.take(draft)
        yield draft.position, reader.document(draft)
    if rows.has_further_columns and numbers.are_all:
        problem = (
            f"column {columns.token} holds word numbers (1, 2, 3, …) in every sentence, and no"
            " tokens"
        )
        remedy = spell_option("token_column", columns.token + 1, of="format")
        yield (
            str(path),
            LoadError([f"{path}: {problem}; name the column of the tokens, such as {remedy}"]),
        )


class WordNumbers:
    """Whether all tokens of a file are the numbers of the words in their sentences, as CoNLL-U has
    them: 1, 2-3, 2, 3, 3.1 and so on.
    """

    def __init__(self) -> None:
        self._sentences, self._words, self._others = 0, 0, 0

    def take(self, draft: ConllDocument) -> None:
        """Look at the sentences of a document."""
        for first, last in pairwise([*draft.starts, len(draft.tokens)]):
            if self._others:
                return
            words = [token for token in draft.tokens[first:last] if not RANGE.fullmatch(token)]
            expected = [str(number) for number in range(1, len(words) + 1)]
            self._others += words != expected
            self._sentences += 1
            self._words += len(words)

    @property
    def are_all(self) -> bool:
        """Whether they are. One number alone may be a word."""
        return not self._others and self._words > 1


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
    """Writes the entities of documents as tags of their tokens. See the options above.

    align_with: a corpus, documents, or the path of a corpus. Raises UnknownNameError for an invalid
    value of an option, InputError for a document whose entities were not annotated, or that has
    another text in `align_with`.
    """
    writer = Writer(
        conversion,
        tagging,
        separator,
        tokenizer,
        embed_text=parse_bool("embed_text", embed_text),
        split_tokens=parse_bool("split_tokens", split_tokens),
        align_with=iter_documents(align_with),
    )
    blocks = [writer.block(document) for document in documents]
    write_atomically(path, "".join(blocks))


class Writer:
    """Makes lines of documents."""

    def __init__(
        self,
        conversion: ConversionReport,
        tagging: str,
        separator: str,
        tokenizer: str,
        *,
        embed_text: bool,
        split_tokens: bool,
        align_with: Iterable[Document],
    ) -> None:
        """Raises UnknownNameError for an invalid value of an option."""
        if tagging not in TAG_LETTERS:
            raise UnknownNameError("tagging", tagging, TAG_LETTERS)
        if separator not in SEPARATORS:
            raise UnknownNameError("separator", separator, SEPARATORS)
        self._conversion = conversion
        self._tagging = tagging
        self._separator = SEPARATORS[separator]
        self._tokenizer = tokenizer
        self._embed_text = embed_text
        self._split_tokens = split_tokens
        self._align_with = {document.id: document for document in align_with}

    def block(self, document: Document) -> str:
        """The lines of a document, which end in an empty one; none for one that failed."""
        where, text = f"document {quoted_repr(document.id)}", document.text
        if document.failure is not None:
            self._conversion.skipped.add("documents that failed", where)
            return ""
        if document.entities is None:
            raise InputError(
                f"{where}: its entities were not annotated, and tags of O would say that there are"
                " none; give it entities=[] if that is so"
            )
        _count_unsupported(document, self._conversion)
        sentences, entities = self._lay_out(document)
        if (
            not self._embed_text
            and "\n".join(" ".join(text[a:b] for a, b in sentence) for sentence in sentences)
            != text
        ):
            self._conversion.add(
                "texts of which the tokens alone are written (?embed_text=true keeps them)", where
            )
        tags = iter(_tags(sentences, entities, TAG_LETTERS[self._tagging]))
        rows = (
            "".join(f"{text[a:b]}{self._separator}{next(tags)}\n" for a, b in sentence)
            for sentence in sentences
        )
        return "\n".join([self._header_lines(document), *rows, ""])

    def _header_lines(self, document: Document) -> str:
        id = (
            document.id
            if document.id.isprintable() and not document.id.startswith('"')
            else json.dumps(document.id)
        )
        line = f"-DOCSTART- ({id}){self._separator}O\n"
        return (
            f"{line}{DOC_TEXT_PREFIX}{json.dumps(document.text, ensure_ascii=False)}\n"
            if self._embed_text
            else line
        )

    def _lay_out(self, document: Document) -> tuple[list[list[Range]], list[LabelledSpan]]:
        """The tokens, sentence by sentence, and the entities that they can hold."""
        text = document.text
        layout = TokenLayout(text, self._tokenizer)
        split = self._split_tokens
        entities = flat_entities(document, layout, self._conversion, split_tokens=split)
        aligned = list(entities)
        other = self._align_with.get(document.id)
        if other is not None:
            if other.text != text:
                raise InputError(
                    f"document {quoted_repr(document.id)} has another text in the corpus of"
                    " align_with: expected the same documents with other annotations"
                )
            aligned += flat_entities(other, layout, ConversionReport(), split_tokens=split)
        markup = [match.start() + 1 for match in re.finditer(DOCSTART, text)]
        return layout.sentences(aligned, markup), entities


def _count_unsupported(document: Document, conversion: ConversionReport) -> None:
    """Count what a document holds and tags cannot."""
    where = f"document {quoted_repr(document.id)}"
    for name in ("events", "attributions", "zones", "unplaced"):
        many = getattr(document, name)
        for index in range(len(many or ())):
            conversion.add(
                "unplaced items" if name == "unplaced" else name, f"{where}, {name}[{index}]"
            )
        if many == () and name in LAYERS:
            conversion.add(f"empty layers of {name}", where)
    if document.meta is not None:
        conversion.add("meta", where)
    for index, entity in enumerate(document.entities or ()):
        for name in ("id", "score", "attributes"):
            if getattr(entity, name) is not None:
                conversion.add(f"{name.rstrip('s')}s of entities", f"{where}, entities[{index}]")


def _tags(sentences: list[list[Range]], entities: list[LabelledSpan], letters: str) -> list[str]:
    """The tag of each token. Each entity begins and ends with one."""
    tokens = list(chain.from_iterable(sentences))
    starts, ends = (
        {start: n for n, (start, _) in enumerate(tokens)},
        {end: n for n, (_, end) in enumerate(tokens)},
    )
    begins = {sentence[0][0] for sentence in sentences}
    tags = ["O"] * len(tokens)
    for start, end, label in entities:
        first, last = starts[start], ends[end]
        begin, inside, close, single = tuple(letters)
        if letters == TAG_LETTERS["IOB1"] and start not in begins and tags[first - 1][2:] == label:
            begin = single = "B"
        letters_of_entity = single
        if last > first:
            letters_of_entity = begin + inside * (last - first - 1) + close
        tags[first : last + 1] = [f"{letter}-{label}" for letter in letters_of_entity]
    return tags
