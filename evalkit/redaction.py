"""Redaction of keys, tokens and passwords in everything that evalkit writes.

Two rules: an argument with the name of a secret is shown as [hidden]; and the value of such an
argument, or of an environment variable with such a name, is replaced wherever it occurs, for
example in an error message of an endpoint that repeats the key. Keep secrets in the environment:
other users of a computer can read the command line of a process.

`Redactor` replaces the key of an endpoint in answers and in the logs of HTTP clients.
"""

from __future__ import annotations

import base64
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

REDACTED_KEY = "[key]"
# The loggers of the SDK and of its HTTP clients, including those of modules that they import later
LOGGERS = (
    "openai",
    "openai._base_client",
    "openai._response",
    "openai._legacy_response",
    "httpx",
    "httpx2",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.http2",
    "httpcore2.proxy",
    "httpcore2.socks",
)


class Redactor:
    """Replaces secrets in text and JSON values; its repr does not contain them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Computes the encoded forms of each secret."""
        values = list(secrets)
        self._forms = encoded_forms(values)
        self._escaped = _escaped_pattern(values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Redactor) and self._forms == other._forms

    def __hash__(self) -> int:
        return hash(tuple(self._forms))

    def redact(self, text: str) -> str:
        """The text with each secret replaced by "[key]", also where JSON escapes its characters.

        >>> Redactor(["sk-12345"]).redact(r'{"quote": "\\u0073k-12345"}')
        '{"quote": "[key]"}'
        """
        for form in self._forms:
            text = text.replace(form, REDACTED_KEY)
        if self._escaped is not None and "\\" in text:
            text = self._escaped.sub(REDACTED_KEY, text)
        return text

    def redact_json(self, value: Any) -> Any:
        """The JSON value with secrets replaced in all strings; lone surrogates, which cannot be
        stored in a file, are replaced by U+FFFD.
        """
        if isinstance(value, str):
            return self.redact(value.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
        if isinstance(value, list):
            return [self.redact_json(item) for item in value]
        if isinstance(value, dict):
            return {self.redact_json(key): self.redact_json(item) for key, item in value.items()}
        return value

    def keep_out_of_logs(self) -> None:
        """Redact the logs of the SDK and its HTTP clients: response headers may repeat the key."""
        for name in LOGGERS:
            logger = logging.getLogger(name)
            if self._forms and _Filter(self) not in logger.filters:
                logger.addFilter(_Filter(self))


def _escaped_pattern(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """Matches the secrets with any of their characters escaped as in JSON, also several times, as
    in an answer that is JSON within a string; None where there are no secrets.
    """
    patterns = [
        "".join(map(_escaped_character, secret))
        for secret in secrets
        if len(secret) >= MIN_SECRET_LENGTH
    ]
    return re.compile("|".join(patterns)) if patterns else None


def _escaped_character(character: str) -> str:
    """An expression for a character, or its escape behind up to eight backslashes."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    codes = [f"u(?i:{units[n : n + 4]})" for n in range(0, len(units), 4)]
    escape = "".join(rf"\\{{1,8}}{code}" for code in codes)
    return rf"(?:\\{{0,8}}{re.escape(character)}|{escape})"


class _Filter(logging.Filter):
    def __init__(self, secrets: Redactor) -> None:
        super().__init__()
        self.secrets = secrets

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Filter) and self.secrets == other.secrets

    def __hash__(self) -> int:
        return hash(self.secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.secrets.redact(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self.secrets.redact(
                logging.Formatter().formatException(record.exc_info)
            )
            record.exc_info = None
        return True


REDACTED = "[hidden]"
MIN_SECRET_LENGTH = 8  # characters: shorter values occur by chance
# Only unambiguous names of arguments: a model's `key` or `sep_token` is a setting, which results
# must show.
_ARGUMENT = re.compile(
    r"(?:.*[_-])?(?:api[_-]?key|(?:access|auth|api|hf|bearer|secret)[_-]?token|token|secret(?:[_-]?key)?|passw(?:or)?d|passphrase|pw|bearer|authorization|credentials?)",
    re.IGNORECASE,
)
_NOT_SECRET_NAMES = re.compile(
    r".*(?:sep|pad|start|end|bos|eos|cls|mask|unk|stop|special|trigger|first|last)[_-]token",
    re.IGNORECASE,
)
_VARIABLE = re.compile(
    r"(?:^|_)(?:key|token|secret|password|passwd|passphrase|auth|authorization|credentials?)$",
    re.IGNORECASE,
)


def is_secret(name: str) -> bool:
    """Whether an argument with this name is a secret.

    >>> names = "api_key", "hf_token", "Authorization", "key", "max_tokens", "tokenizer"
    >>> [is_secret(name) for name in names]
    [True, True, True, False, False, False]
    """
    return bool(_ARGUMENT.fullmatch(name)) and not _NOT_SECRET_NAMES.fullmatch(name)


def environment_secrets(extra: Iterable[str] = ()) -> list[str]:
    """The encoded forms of the secrets in the environment and of `extra`, the longest first."""
    secrets = [value for name, value in os.environ.items() if _VARIABLE.search(name)]
    return encoded_forms([*secrets, *extra])


def encoded_forms(values: Iterable[str]) -> list[str]:
    """All encodings of the secrets, the longest first, since one may contain another.

    Short values are ignored: servers that need no key are given words such as "none" or "EMPTY".
    """
    forms: set[str] = set()
    for value in values:
        if len(value) >= MIN_SECRET_LENGTH:
            forms.update(_forms(value))
    return sorted(forms, key=lambda form: (-len(form), form))


def redact(value: Any, more: Iterable[str] = ()) -> Any:
    """A JSON value with the secrets of the environment and `more` replaced by "[hidden]"."""
    return _redact(value, environment_secrets(more))


def secret_option_values(argv: Sequence[str]) -> list[str]:
    """The values of the options of a command that are secrets by their names.

    >>> secret_option_values(["model", "--api-key", "abc", "--token=def", "--size", "3"])
    ['abc', 'def']
    """
    values: list[str] = []
    for n, word in enumerate(argv):
        name, equals, value = word.lstrip("-").partition("=")
        if word.startswith("-") and is_secret(name):
            values += [value] if equals else argv[n + 1 : n + 2]
    return values


def redact_values(text: str, values: Iterable[str]) -> str:
    """A text with these values, even short ones, replaced by "[hidden]"."""
    for value in sorted(filter(None, values), key=len, reverse=True):
        text = text.replace(value, REDACTED)
    return text


def _redact(value: Any, known: list[str]) -> Any:
    if isinstance(value, str):
        for secret in known:
            value = value.replace(secret, REDACTED)
        return value
    if isinstance(value, Mapping):
        redacted = {}
        for name, item in value.items():
            is_hidden = is_secret(str(name)) and isinstance(item, str)
            redacted[_redact(name, known)] = REDACTED if is_hidden else _redact(item, known)
        return redacted
    if isinstance(value, (list, tuple)):
        return [_redact(item, known) for item in value]
    return value


def _forms(secret: str) -> set[str]:
    """A secret unchanged, quoted, escaped, and in base64 at each of the three alignments."""
    raw = secret.encode()
    coded: set[str] = set()
    for shift in range(3):
        padded = base64.b64encode(b"\0" * shift + raw).decode()
        coded.add(padded[_first_base64_char(shift) : _last_base64_char(shift, raw)])
    safe = {form.replace("+", "-").replace("/", "_") for form in coded}
    plain = {
        secret,
        base64.b64encode(raw).decode(),
        repr(secret)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        secret.encode("unicode_escape").decode(),
    }
    return plain | {form for form in coded | safe if len(form) >= MIN_SECRET_LENGTH}


def _first_base64_char(shift: int) -> int:
    """The index of the first base64 character that depends on the secret alone."""
    return -(-shift * 8 // 6)


def _last_base64_char(shift: int, raw: bytes) -> int:
    """The index after the last base64 character that depends on the secret alone."""
    return (shift + len(raw)) * 8 // 6
