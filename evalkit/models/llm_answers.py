"""From the answer of a language model to an annotated document.

An answer is parsed when it arrives, and can be parsed again when it is stored: the `meta` of a
prediction holds its text (`answer`) and why the model stopped (`finish_reason`). Parsing depends on
the requested layers and the text of the document, on nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from evalkit.data.document import Document
from evalkit.errors import to_one_line
from evalkit.models.llm_errors import MAX_MESSAGE_LENGTH, DocumentFailedError
from evalkit.models.llm_grounding import GroundedAnswer, ground_answer
from evalkit.models.llm_json import UnreadableAnswerError, extract_layers
from evalkit.redaction import Redactor

ANSWER, FINISH_REASON, GROUNDING = "answer", "finish_reason", "grounding"
# The settings of a model that parsing depends on
PARSE_SETTINGS = ("layers",)


class AnswerParser:
    """Parses answers; the secrets of the endpoint are redacted in what is read from them."""

    def __init__(self, layers: tuple[str, ...], redactor: Redactor) -> None:
        self.layers, self._redactor = layers, redactor

    def parse(self, document: Document, answer: str, finish_reason: str | None) -> GroundedAnswer:
        """The document with the annotations of an answer.

        Raises DocumentFailedError or UnreadableAnswerError.
        """
        try:
            lists = self._redactor.redact_json(extract_layers(answer, self.layers))
        except UnreadableAnswerError as error:
            if finish_reason == "stop":
                raise
            reason = to_one_line(finish_reason or "none", 40)
            raise DocumentFailedError(f"{error} (finish_reason {reason})") from None
        return ground_answer(document, lists)

    def parse_stored(self, document: Document, meta: Mapping[str, Any]) -> Document | None:
        """The document with the annotations of the answer that the `meta` of its prediction holds,
        or with its failure; None where no answer is stored.
        """
        answer, finish_reason = meta.get(ANSWER), meta.get(FINISH_REASON)
        if not isinstance(answer, str):
            return None
        kept = {name: value for name, value in meta.items() if name != GROUNDING}
        try:
            grounded = self.parse(
                document, answer, finish_reason if isinstance(finish_reason, str) else None
            )
        except (DocumentFailedError, UnreadableAnswerError) as error:
            return msgspec.structs.replace(document, failure=self.describe(error), meta=kept)
        return attach_meta(grounded, kept)

    def describe(self, error: Exception) -> str:
        """The failure of a document, on one line."""
        return to_one_line(self._redactor.redact(str(error)), MAX_MESSAGE_LENGTH)


def attach_meta(grounded: GroundedAnswer, meta: Mapping[str, Any]) -> Document:
    """The annotated document of an answer with `meta`, and how its quotes were found."""
    note = grounded.document.meta or {}
    return msgspec.structs.replace(
        grounded.document, meta={**note, **meta, GROUNDING: grounded.grounding}
    )
