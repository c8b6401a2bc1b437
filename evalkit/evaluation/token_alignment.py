"""Aligns predictions with gold by the positions of tokens, where both texts are joined tokens.

A tagger may change tokens before it predicts: lower case, -LRB- for a bracket, [UNK] for an unknown
word. The text of its file is then another one than gold's, but the n-th token still is gold's n-th
token. Documents are aligned only if they have equally many tokens, and at least half of those that
are known are equal after normalization: without case, accents and the forms of brackets and quotes
of the Penn Treebank, and with a zero for each digit. Sentences in another order are not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from msgspec.structs import replace

from evalkit.corpus import Corpus
from evalkit.data.document import Document
from evalkit.data.text import Range
from evalkit.errors import quoted_repr, spell_option

ALIGNED_DOCUMENTS = "documents with other tokens than gold's, aligned by their positions"
ALIGNED_TOKENS = "tokens that differ from gold's"
UNKNOWN_WORDS = frozenset(("[UNK]", "<unk>", "<UNK>", "UNK"))
PENN_TOKENS = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
    "``": '"',
    "''": '"',
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "`": "'",
    "/.": ".",
    "/?": "?",
    "/-": "-",
}
_TOKEN = re.compile("[^ \n]+")


def align_predictions(gold: Corpus, predicted: Corpus) -> tuple[Corpus, dict[str, int]]:
    """The predictions, with the texts of gold where these can be aligned, and the numbers of
    documents and tokens that were.
    """
    if not (gold.conversion.has_joined_tokens and predicted.conversion.has_joined_tokens):
        return predicted, {}
    texts = {document.id: document.text for document in gold}
    counts = {ALIGNED_DOCUMENTS: 0, ALIGNED_TOKENS: 0}
    documents: list[Document] = []
    for document in predicted:
        text = texts.get(document.id, document.text)
        aligned = None if text == document.text else _align(document, text)
        if aligned is None:
            documents.append(document)
            continue
        documents.append(aligned)
        counts[ALIGNED_DOCUMENTS] += 1
        counts[ALIGNED_TOKENS] += sum(map(str.__ne__, _split(text), _split(document.text)))
    if not counts[ALIGNED_DOCUMENTS]:
        return predicted, {}
    corpus = Corpus(
        documents,
        predicted.name,
        predicted.schema,
        predicted.conversion,
        predicted.read_options,
    )
    return corpus, counts


def advise_texts(gold: str, other: str, *, have_joined_tokens: bool) -> str:
    """Advice for texts that differ only in white space, as those of files with tokens do, or that
    are joined tokens which cannot be aligned.
    """
    option = spell_option("texts", "DIR", of="format")
    if "".join(gold.split()) == "".join(other.split()):
        return (
            "only the white space differs, as where tokens were joined or tokenized differently:"
            f" read both files with the original texts ({option}), so that tokens are aligned with"
            " them"
        )
    if have_joined_tokens:
        gold_count, other_count = len(_split(gold)), len(_split(other))
        difference = "most tokens differ"
        if gold_count != other_count:
            difference = f"it has {other_count} tokens, and gold {gold_count}"
        return (
            f"{difference}, so that they cannot be aligned by their positions: read both files with"
            f" the original texts ({option})"
        )
    return ""


def describe_difference(gold: str, other: str) -> str:
    """Where two texts begin to differ, with the characters of both."""
    start = 0
    while start < min(len(gold), len(other)) and gold[start] == other[start]:
        start += 1
    return (
        f"from character {start} on, {quoted_repr(other[start : start + 20])} where"
        f" {quoted_repr(gold[start : start + 20])} is expected"
    )


def _align(document: Document, text: str) -> Document | None:
    """The document with another text, whose tokens are at the same positions; None if they are
    too different.
    """
    if not _are_similar(_split(text), _split(document.text)):
        return None
    ranges = [match.span() for match in _TOKEN.finditer(text)]
    own_ranges = [match.span() for match in _TOKEN.finditer(document.text)]
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    for own, other in zip(own_ranges, ranges):
        _add_offsets(starts, ends, own, other)
    entities = None
    if document.entities is not None:
        entities = tuple(
            replace(entity, start=starts[entity.start], end=ends[entity.end])
            for entity in document.entities
        )
    return replace(document, text=text, entities=entities)


def _add_offsets(starts: dict[int, int], ends: dict[int, int], own: Range, other: Range) -> None:
    """Adds where spans begin and end in a token. Inside a token of another length, it is at the
    edge.
    """
    is_as_long = own[1] - own[0] == other[1] - other[0]
    for offset in range(own[1] - own[0]):
        starts[own[0] + offset] = other[0] + (offset if is_as_long else 0)
        ends[own[0] + offset + 1] = other[0] + offset + 1 if is_as_long else other[1]


def _are_similar(gold: Sequence[str], other: Sequence[str]) -> bool:
    """Whether there are equally many tokens, of which at least half are equal after normalization.
    Unknown words are not compared.
    """
    if len(gold) != len(other):
        return False
    compared = [pair for pair in zip(gold, other) if UNKNOWN_WORDS.isdisjoint(pair)]
    equal = sum(_normalize(first) == _normalize(second) for first, second in compared)
    return 2 * equal >= len(compared)


def _normalize(token: str) -> str:
    decomposed = unicodedata.normalize("NFKD", PENN_TOKENS.get(token, token))
    kept = (character for character in decomposed if not unicodedata.combining(character))
    return "".join("0" if character.isdigit() else character for character in kept).casefold()


def _split(text: str) -> list[str]:
    return _TOKEN.findall(text)
