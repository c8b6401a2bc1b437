"""CoNLL-U: Universal Dependencies treebanks with the tags of named entities in the column MISC.

    # newdoc id = d1
    # sent_id = s1
    # text = Ada ran.
    1	Ada	Ada	PROPN	_	_	2	nsubj	_	name=B-PER
    2	ran	run	VERB	_	_	0	root	_	SpaceAfter=No|name=O
    3	.	.	PUNCT	_	_	2	punct	_	name=O

(Source: universaldependencies.org/format.html.) Columns, comments and word numbers are parsed by
the Python package conllu (6.0; the extra `conllu`), to which two or more spaces are a tab.

**Tags.** They are under one key of MISC. Treebanks and tools have different keys: `name` (NorNE,
DaNE), `NE` (Estonian EDT), `NER` (Slovene SSJ, CLASSLA), `ner` (Stanza); spaCy reads `name` and
`NE`. The key is detected; if a file has several, `misc_key` names the one to read. A word without
the key is outside. In a file without such a key, entities were not annotated. The column of tags of
the Universal NER project (files .iob2) is read by the format `conll`. `Entity=(e1-person` of GUM
and CorefUD is not read.

**Documents.** The lines from a comment `# newdoc` to the next, with the id `# newdoc id`, or
"doc-N". The reading option `documents` is that of conll: docstart, sentence, file or a number of
sentences. By default, it is sentence in a file without `# newdoc`. The id of a sentence is its
`# sent_id`, or "sentence-N", where N is its number in the file.

**Text.** The text of a sentence is that of `# text`, in which the words must occur in order, or its
words, separated by a space unless a word has `SpaceAfter=No`. Sentences are joined by line feeds.
The comment `# doc_text` (JSON), before the first word of a document, has the text where it is
another.

**Multiword tokens** (`1-2`) are the tokens of the text, and their words have the tags. An entity of
some of these words is extended to the token, which is counted. Where the token itself has a tag, as
in files of Stanza, it is read instead of those of its words. Empty nodes (`8.1`) are not read.

**Reading options**

- `misc_key`: the key of the tags in MISC.
- `tagging`, `repair`: as in conll.
- `documents`: docstart, sentence, file or a number of sentences.
- `ids`: sent_id or number: the id of a sentence that is a document.
- `text`: given, or tokens: `# text` and `# doc_text` are ignored, and words are joined.

Dropped in reading: other columns, other keys of MISC, other comments and empty nodes.

**Writing options**

- `misc_key`: the key of the tags; name by default. All words have it.
- `tagging`, `tokenizer`, `split_tokens`, `align_with`: as in conll.

Each document begins with `# newdoc id`; an id that a comment cannot hold is written as JSON. Each
word has a number, its form and MISC; the other columns are `_`, heads too, so that validators of
Universal Dependencies refuse the file. Dropped: what conll drops, and entities with `|` in their
label.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from conllu.models import Metadata, Token, TokenList
from conllu.parser import DEFAULT_FIELDS
from msgspec.structs import replace

from evalkit.data.document import Document
from evalkit.errors import InputError, UnknownNameError, quoted_repr, spell_option
from evalkit.files import open_input, open_rereadable_input, write_atomically
from evalkit.formats.conll_division import ConllDocument
from evalkit.formats.conll_documents import detect_documents, parse_documents, quote_id
from evalkit.formats.conll_reader import ConllReader
from evalkit.formats.conllu_parser import SPACE_AFTER, TAG_KEYS, ConlluParser, find_misc_keys
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.reading_options import parse_bool
from evalkit.formats.registry import DocumentResults, iter_documents
from evalkit.formats.tagged_tokens import DocumentTagger, TaggedToken
from evalkit.formats.token_records import check_text_option

IDS = ("sent_id", "number")
REREAD_SENTENCES = "1000"  # sentences of each draft, where a file is read again for its tags only


def read(
    path: Path,
    conversion: ConversionReport,
    *,
    misc_key: str | None = None,
    tagging: str = "IOB2",
    repair: str = "error",
    documents: str | int | None = None,
    ids: str = "sent_id",
    text: str = "given",
) -> DocumentResults:
    """Yields (file:line, Document or LoadError) for each document.

    The module docstring describes the options. Raises UnknownNameError for an unknown value of an
    option, and InputError for a key that no word has, or several keys of tags.
    """
    if ids not in IDS:
        raise UnknownNameError("ids", ids, IDS)
    check_text_option(text)
    with open_rereadable_input(path) as file:
        key = _choose_key(path, find_misc_keys(file), misc_key)
        if misc_key is None and key is not None:
            conversion.detected.add(f"tags of entities under {key} in MISC", str(path))
        file.seek(0)
        if documents is None:
            division = detect_documents(file, lambda _: True)
            file.seek(0)
        else:
            division = parse_documents(documents)
        conversion.effective_options["documents"] = division

        def parser(report: ConversionReport, documents: str) -> ConlluParser:
            return ConlluParser(
                path,
                report,
                key,
                documents,
                has_sentence_ids=ids == "sent_id",
                has_given_text=text == "given",
            )

        def reread() -> Iterator[ConllDocument]:
            with open_input(path) as again:
                yield from parser(ConversionReport(), REREAD_SENTENCES).drafts(again)

        reader = ConllReader(
            path, conversion, tagging, repair, None, reread, advises_comments=False
        )
        drafts = parser(conversion, division).drafts(file)
        for position, result in reader.documents(drafts):
            if key is None and isinstance(result, Document):
                yield position, replace(result, entities=None)
            else:
                yield position, result


def _choose_key(path: Path, keys: set[str], misc_key: str | None) -> str | None:
    """The key of the tags in MISC; None if the file has no known one.

    Raises InputError if the file lacks the given key, or has several known ones.
    """
    if misc_key is not None:
        if misc_key not in keys:
            has = f"the keys are {', '.join(sorted(keys)[:20])}" if keys else "MISC has no keys"
            option = spell_option("misc_key", misc_key, of="format")
            raise InputError(f"{path}: {option}: no word has this key in MISC; {has}")
        return misc_key
    known = [key for key in TAG_KEYS if key in keys]
    if len(known) > 1:
        raise InputError(
            f"{path}: words have tags under several keys of MISC, {', '.join(known)}; choose one,"
            f" such as {spell_option('misc_key', known[0], of='format')}"
        )
    return known[0] if known else None


def write(
    documents: Iterable[Document],
    path: Path,
    conversion: ConversionReport,
    *,
    misc_key: str = "name",
    tagging: str = "IOB2",
    tokenizer: str = "words",
    split_tokens: bool | str = True,
    align_with: Any = None,
) -> None:
    """Writes the words of the documents with the tags of their entities in MISC.

    The module docstring describes the options. `align_with` is a corpus, documents, or the path of
    a corpus. Documents whose entities were not annotated are counted as skipped. Raises
    UnknownNameError for an unknown value of an option, and InputError for a document whose text
    differs in `align_with`, or if no document was annotated.
    """
    if not misc_key.isprintable() or not misc_key or set(misc_key) & set("=|# ") or misc_key == "_":
        raise InputError(
            f"invalid misc_key {quoted_repr(misc_key)}: expected a key of MISC, such as name,"
            " without spaces, = and |"
        )
    tagger = DocumentTagger(
        conversion,
        tagging,
        tokenizer,
        split_tokens=parse_bool("split_tokens", split_tokens),
        align_with=iter_documents(align_with),
        reserved="|",
    )
    blocks: list[str] = []
    for document, sentences in tagger.iter_tagged(documents):
        blocks += _document_blocks(document, sentences, misc_key)
    write_atomically(path, "".join(blocks))


def _document_blocks(
    document: Document, sentences: list[list[TaggedToken]], misc_key: str
) -> list[str]:
    """The lines of each sentence of a document."""
    token_lists = [_token_list(document.text, sentence, misc_key) for sentence in sentences]
    metadata = {"newdoc id": quote_id(document.id)}
    if "\n".join(tokens.metadata["text"] for tokens in token_lists) != document.text:
        metadata["doc_text"] = json.dumps(document.text)
    if not token_lists:
        token_lists.append(TokenList([], Metadata()))
    token_lists[0].metadata = Metadata({**metadata, **token_lists[0].metadata})
    return [tokens.serialize() for tokens in token_lists]


def _token_list(text: str, sentence: list[TaggedToken], misc_key: str) -> TokenList:
    """The words of a sentence. Their text has a space where the document has any white space."""
    tokens: list[Token] = []
    parts: list[str] = []
    for index, (start, end, tag) in enumerate(sentence):
        misc: dict[str, str] = {}
        parts.append(text[start:end])
        is_last = index + 1 == len(sentence)
        if not is_last and sentence[index + 1].start == end:
            misc[SPACE_AFTER] = "No"
        elif not is_last:
            parts.append(" ")
        values = dict.fromkeys(DEFAULT_FIELDS, "_")
        misc[misc_key] = tag
        tokens.append(Token({**values, "id": index + 1, "form": text[start:end], "misc": misc}))
    return TokenList(tokens, Metadata({"text": "".join(parts)}))
