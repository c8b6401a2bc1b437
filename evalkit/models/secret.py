"""How is a key kept out of what an endpoint says, and out of the logs of those who ask it?
discreet.py knows its forms.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from evalkit.discreet import forms_of

HIDDEN = "[key]"
# The loggers of the SDK and of the two that it sends with; what they import later logs under one of
# these names, too.
LOGGERS = (
    "openai",
    "openai._base_client",
    "openai._response",
    "openai._legacy_response",
    "httpx",
    "httpx2",
    *(
        f"{core}.{part}"
        for core in ("httpcore", "httpcore2")
        for part in ("connection", "http11", "http2", "proxy", "socks")
    ),
)


class Secrets:
    """Takes secrets out of whatever is to be written; its repr holds none."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Know the forms of each."""
        self._forms = forms_of(secrets)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secrets) and self._forms == other._forms

    def __hash__(self) -> int:
        return hash(tuple(self._forms))

    def out_of(self, text: str) -> str:
        """The text, with "[key]" wherever a secret stood."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text

    def out_of_all(self, value: Any) -> Any:
        """The same for every text in a JSON value; a lone surrogate, which no file could hold,
        becomes U+FFFD.
        """
        if isinstance(value, str):
            return self.out_of(value.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
        if isinstance(value, list):
            return [self.out_of_all(item) for item in value]
        if isinstance(value, dict):
            return {self.out_of_all(key): self.out_of_all(item) for key, item in value.items()}
        return value

    def keep_out_of_logs(self) -> None:
        """Filter what the SDK and its transport log: a header of an answer may echo the key."""
        for name in LOGGERS:
            logger = logging.getLogger(name)
            if self._forms and _Filter(self) not in logger.filters:
                logger.addFilter(_Filter(self))


class _Filter(logging.Filter):
    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self.secrets = secrets

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Filter) and self.secrets == other.secrets

    def __hash__(self) -> int:
        return hash(self.secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.secrets.out_of(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self.secrets.out_of(
                logging.Formatter().formatException(record.exc_info)
            )
            record.exc_info = None
        return True
