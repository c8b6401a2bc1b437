"""CoNLL-2012 files, as of OntoNotes: entities and coreference in columns of brackets.

    #begin document (bc/cnn/00/cnn_0003); part 000
    bc/cnn/00/cnn_0003  0  0  Ada    NNP  (TOP(S(NP*  -    -   -  spk  (PERSON*  (ARG0*  (0
    bc/cnn/00/cnn_0003  0  1  Byron  NNP          *)  -    -   -  spk        *)      *)  0)
    bc/cnn/00/cnn_0003  0  2  ran    VBD   (VP*)))  run  01   1  spk         *    (V*)   -

    #end document

The columns are the document, the part, the number of the word, the word, its part of speech, the
parse, the predicate's lemma, its frame, the sense of the word, the speaker, the named entities, one
column for each predicate of the sentence, and coreference. Spaces and tabs separate them. (Source:
the data page of the CoNLL-2012 shared task, conll.cemantix.org/2012/data.html.) All rows of a
sentence have the same number of columns.

**Entities.** `(LABEL*` begins an entity, `*)` ends the last one that began, `(LABEL)` is one of one
word. They may be nested, and lie within a sentence. `-` in all rows of a document means that its
entities were not annotated.

**Coreference.** `(12` begins a mention of the chain 12, `12)` ends it, `|` separates several. An
entity with the words of a mention has the attribute `entity` with the chain, which
`arguments/coref` uses. Other mentions, such as pronouns, are counted as dropped.

**Documents and text.** A document is a part: the id of `#begin document (d1); part 000` is
"d1; part 000", as in the format conll. The reading option `documents` and the text, which is the
tokens joined by spaces, are as in conll, too. Words are read as they are, such as `-LRB-` and `/.`.
Files without words ([WORD] in their place) are refused.

**Reading options**

- `token_column`, `tag_column`: the columns of words and entities, from 0; 3 and 10 by default.
- `documents`: docstart, sentence, file or a number of sentences.

Dropped in reading: parts of speech, parses, predicates with their arguments, senses, speakers,
comments, and brackets of coreference without a counterpart.

**Writing options**

- `embed_text`: true adds the line `# doc_text` with the text, which other readers skip as a
  comment.
- `tokenizer`, `split_tokens`, `align_with`: as in conll.

Columns that are not written have `-`, that of the parse `*`. The attribute `entity` is written as
coreference if it is a number. Dropped: what conll drops, and entities with a bracket or an asterisk
in their label.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from evalkit.data.document import Attributes, Document
from evalkit.data.text import Range
from evalkit.errors import InputError, quoted_repr
from evalkit.files import open_rereadable_input, write_atomically
from evalkit.formats.conll2012_reader import END_MARK, BracketColumns, BracketReader
from evalkit.formats.conll_documents import (
    DOC_TEXT_PREFIX,
    detect_documents,
    parse_documents,
    quote_id,
)
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.reading_options import parse_bool
from evalkit.formats.registry import DocumentResults, iter_documents
from evalkit.formats.tagged_tokens import DocumentTagger, TaggedToken
from evalkit.formats.token_spans import LabelledSpan, join_tokens

_CHAIN = re.compile("[0-9]+")
_PART = re.compile(r"(.*\S); part ([0-9]+)")


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    token_column: int | str = 3,
    tag_column: int | str = 10,
    documents: str | int | None = None,
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each document.

    The module docstring describes the options. Raises InputError for an invalid value of one.
    """
    columns = BracketColumns(
        _parse_column("token_column", token_column), _parse_column("tag_column", tag_column)
    )
    with open_rereadable_input(path) as file:
        if documents is None:
            division = detect_documents(file, lambda _: False)
            file.seek(0)
        else:
            division = parse_documents(documents)
        conversion.effective_options["documents"] = division
        yield from BracketReader(path, conversion, columns, division).documents(file)


def _parse_column(name: str, value: int | str) -> int:
    if re.fullmatch("[0-9]{1,4}", str(value)):
        return int(value)
    raise InputError(f"invalid {name} {quoted_repr(value)}: expected a number from 0")


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    *,
    tokenizer: str = "words",
    embed_text: bool | str = False,
    split_tokens: bool | str = True,
    align_with: Any = None,
) -> None:
    """Writes the words of the documents with their entities as brackets.

    The module docstring describes the options. `align_with` is a corpus, documents, or the path of
    a corpus. Raises UnknownNameError for an unknown value of an option, and InputError for a
    document whose text differs in `align_with`, and if no document was annotated.
    """
    tagger = DocumentTagger(
        conversion,
        "IOB2",
        tokenizer,
        split_tokens=parse_bool("split_tokens", split_tokens),
        align_with=iter_documents(align_with),
        reserved="()*",
        holds_attributes=_is_chain,
    )
    embeds_text = parse_bool("embed_text", embed_text)
    lines: list[str] = []
    for document, sentences in tagger.iter_tagged(documents):
        name, part = _split_part(document.id)
        lines.append(_begin_line(document.id))
        if embeds_text:
            lines.append(f"{DOC_TEXT_PREFIX}{json.dumps(document.text, ensure_ascii=False)}")
        chains = _chains_of(document)
        for sentence in sentences:
            lines += _sentence_rows(document.text, sentence, f"{name}\t{part}", chains)
            lines.append("")
        lines += [END_MARK, ""]
        tokens = [[document.text[each.start : each.end] for each in row] for row in sentences]
        if not embeds_text and join_tokens(tokens)[0] != document.text:
            conversion.add(
                "texts of which the tokens alone are written (?embed_text=true keeps them)",
                f"document {quoted_repr(document.id)}",
            )
    write_atomically(path, "".join(f"{line}\n" for line in lines))


def _is_chain(attributes: Attributes) -> bool:
    """Whether attributes are the number of a chain of coreference alone."""
    chain = attributes.get("entity")
    return len(attributes) == 1 and isinstance(chain, str) and _CHAIN.fullmatch(chain) is not None


def _chains_of(document: Document) -> dict[LabelledSpan, str]:
    """The chains of the entities, by their spans without white space at the edges, and labels."""
    chains: dict[LabelledSpan, str] = {}
    for entity in document.entities or ():
        if entity.attributes is None or not _is_chain(entity.attributes):
            continue
        surface = document.text[entity.start : entity.end]
        start = entity.start + len(surface) - len(surface.lstrip())
        end = start + len(surface.strip())
        chains.setdefault((start, end, entity.label), str(entity.attributes["entity"]))
    return chains


def _split_part(id: str) -> tuple[str, str]:
    """The columns of the document and of the part, which readers take from the begin line."""
    match = _PART.fullmatch(id)
    name, part = match.groups() if match else (id, "0")
    return re.sub(r"^[#-]|\s", "_", name), str(int(part))


def _begin_line(id: str) -> str:
    match = _PART.fullmatch(id)
    if match and id.isprintable():
        return f"#begin document ({quote_id(match[1])}); part {match[2]}"
    return f"#begin document ({quote_id(id)})"


def _sentence_rows(
    text: str, sentence: list[TaggedToken], columns: str, chains: dict[LabelledSpan, str]
) -> Iterator[str]:
    """Yields the row of each token. `columns`: the first ones."""
    named = ["*"] * len(sentence)
    coreference = ["-"] * len(sentence)
    for first, last in _entity_ranges(sentence):
        label = sentence[first].tag[2:]
        chain = chains.get((sentence[first].start, sentence[last].end, label))
        if first == last:
            named[first] = f"({label})"
        else:
            named[first], named[last] = f"({label}*", "*)"
        if chain is not None and first == last:
            coreference[first] = f"({chain})"
        elif chain is not None:
            coreference[first], coreference[last] = f"({chain}", f"{chain})"
    for index, token in enumerate(sentence):
        word = text[token.start : token.end]
        cells = f"{columns}\t{index}\t{word}\t-\t*\t-\t-\t-\t-"
        yield f"{cells}\t{named[index]}\t{coreference[index]}"


def _entity_ranges(sentence: list[TaggedToken]) -> Iterator[Range]:
    """Yields the indices of the first and the last token of each entity."""
    first = 0
    for index, token in enumerate(sentence):
        if token.tag.startswith("B-"):
            first = index
        is_last = index + 1 == len(sentence) or not sentence[index + 1].tag.startswith("I-")
        if token.tag != "O" and is_last:
            yield first, index
