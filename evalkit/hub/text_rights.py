"""Whether the texts of a corpus are published: by the rights that it declares, or on request.

A document declares its rights in `rights` of its line in corpus.jsonl (`meta.rights` in JSONL):
"cleared", or a sentence that begins with it, means that the text may be published. Texts are sent
if the rights in all of them are cleared and the card names a license.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from evalkit.corpus import Corpus
from evalkit.errors import quoted_repr, spell_option
from evalkit.hub.card_source import is_filled
from evalkit.results.wording import pluralize

_CLEARED = re.compile(r"cleared\b", re.IGNORECASE)


class TextDecision(NamedTuple):
    """Whether the texts are sent, and a sentence that says why."""

    with_text: bool
    reason: str


def decide_texts(corpus: Corpus, license: object, *, requested: bool | None = None) -> TextDecision:
    """Whether the texts of a corpus are published.

    license: the field of the card's metadata. requested: overrides what the corpus declares.
    """
    uncleared = [document.id for document in corpus if not is_cleared(document.meta)]
    if requested is not None:
        option = spell_option("with_text", True) if requested else "--without-text"
        warning = ""
        if requested and uncleared:
            warning = (
                f"; their rights are not declared as cleared in {len(uncleared):,} of"
                f" {pluralize(len(corpus), 'document')}"
            )
        verb = "sent" if requested else "not sent"
        return TextDecision(requested, f"texts: {verb}, as requested ({option}){warning}")
    if uncleared:
        return TextDecision(
            False,
            f"texts: not sent; their rights are not declared as cleared in {len(uncleared):,} of"
            f" {pluralize(len(corpus), 'document')}, such as {quoted_repr(uncleared[0])} (rights"
            " in corpus.jsonl, meta.rights in JSONL)",
        )
    if not is_filled(license) or license in ("unknown", ["unknown"]):
        return TextDecision(False, "texts: not sent; the card names no license")
    return TextDecision(
        True, f"texts: sent; their rights are declared as cleared, under the license {license}"
    )


def is_cleared(meta: dict[str, Any] | None) -> bool:
    """Whether the metadata of a document declares the rights in its text as cleared."""
    rights = (meta or {}).get("rights")
    return isinstance(rights, str) and bool(_CLEARED.match(rights.strip()))
