"""Tokens by sentence, for formats whose annotations are ranges of tokens: of the document (RAMS),
or of a sentence (MAVEN, DocRED).
"""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.data.text import Range
from evalkit.errors import InputError, quoted_repr
from evalkit.formats.token_spans import align_tokens, join_tokens


class SentenceTokens:
    """The tokens of a document, its text, and the range of each token in the text."""

    def __init__(
        self, sentences: Sequence[Sequence[str]], texts: Sequence[str] | None = None
    ) -> None:
        """texts: of the sentences, which are joined by line feeds; by default each is its tokens
        joined by spaces.

        Raises InputError if a text does not have the tokens of its sentence in order, with only
        white space between them.
        """
        self.sentences = sentences
        self._starts = [0]  # the number of tokens before each sentence
        for sentence in sentences:
            self._starts.append(self._starts[-1] + len(sentence))
        self.text, self._ranges = join_tokens(sentences)
        if texts is not None:
            self.text, self._ranges = _align_sentences(sentences, texts)

    def find_range(self, first: int, end: int, where: str, sentence: int | None = None) -> Range:
        """The range of tokens in the text. The indices count the tokens of the sentence, or of the
        document, from 0; the end is exclusive.

        Raises InputError for tokens that do not exist.
        """
        before, count = 0, len(self._ranges)
        if sentence is not None:
            if not 0 <= sentence < len(self.sentences):
                raise InputError(
                    f"{where}: no sentence {sentence}: the document has"
                    f" {len(self.sentences)}, counted from 0"
                )
            before, count = self._starts[sentence], len(self.sentences[sentence])
        if not 0 <= first < end <= count:
            owner = "the document" if sentence is None else f"sentence {sentence}"
            raise InputError(
                f"{where}: no tokens {first} to {end - 1}: {owner} has {count}, counted from 0"
            )
        return self._ranges[before + first][0], self._ranges[before + end - 1][1]


def _align_sentences(
    sentences: Sequence[Sequence[str]], texts: Sequence[str]
) -> tuple[str, list[Range]]:
    if len(texts) != len(sentences):
        raise InputError(
            f"{len(texts)} texts of sentences: expected one for each of the {len(sentences)} lists"
            " of tokens"
        )
    ranges: list[Range] = []
    shift = 0
    for number, (tokens, text) in enumerate(zip(sentences, texts)):
        try:
            aligned = align_tokens(_spell_as_in(text, tokens), text)
        except InputError as error:
            raise InputError(f"sentence {number}: {error}") from None
        ranges += [(start + shift, end + shift) for start, end in aligned]
        shift += len(text) + 1
    return "\n".join(texts), ranges


# Tokens of the Penn Treebank that stand for other characters of the text
PENN_TREEBANK = {
    "``": '"',
    "''": '"',
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}


def _spell_as_in(text: str, tokens: Sequence[str]) -> list[str]:
    """The tokens with those of the Penn Treebank replaced that do not occur in the text."""
    spelled = []
    for token in tokens:
        is_replaced = token in PENN_TREEBANK and token not in text
        spelled.append(PENN_TREEBANK[token] if is_replaced else token)
    return spelled


def is_same_surface(first: str, second: str) -> bool:
    """Whether two strings differ in white space only."""
    return "".join(first.split()) == "".join(second.split())


def check_surface(expected: str, text: str, span: Range, where: str) -> None:
    """Raises InputError if the text of a span is another one than expected, white space apart."""
    found = text[slice(*span)]
    if not is_same_surface(expected, found):
        raise InputError(
            f"{where}: {quoted_repr(expected)} is not the text at its offsets: {quoted_repr(found)}"
        )
