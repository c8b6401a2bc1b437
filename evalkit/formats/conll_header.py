"""The first row of a file of tokens that has the names of its columns; conll.py describes the
format.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

HEADER_TOKENS = ("token", "tokens", "word", "words", "form")
# Names of columns of tags in use: those of HIPE (NE-COARSE-LIT) and of tables with ner_tags
HEADER_TAGS = re.compile(r"(tags?|labels?|bio|iob2?|ner?([-_].*)?)", re.IGNORECASE)


def is_header(cells: Sequence[str]) -> bool:
    """Whether a row names a column of tokens and one of tags.

    >>> is_header(["TOKEN", "NE-COARSE-LIT", "MISC"]), is_header(["Word", "left"])
    (True, False)
    """
    has_tokens = any(cell.lower() in HEADER_TOKENS for cell in cells)
    return has_tokens and any(map(HEADER_TAGS.fullmatch, cells))
