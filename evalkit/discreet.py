"""What must not be written down? Keys, tokens and passwords, wherever they turn up.

Two rules: an argument whose name says that it is a secret is shown as [hidden]; and the value of any environment variable whose
name says so is replaced wherever it stands in what evalkit writes, be it in an endpoint's error message that echoes the key.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "[hidden]"
SHORTEST = 8  # characters: a shorter value would turn up by chance
_SECRET = re.compile(r"(?:^|_)(?:api_?key|key|token|secret|password|passwd|passphrase|auth|authorization|credentials?)$", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a name says that its value is a secret.

    >>> [is_secret(name) for name in ("api_key", "HF_TOKEN", "max_tokens", "keyword", "tokenizer")]
    [True, True, False, False, False]
    """
    return bool(_SECRET.search(name))


def secrets() -> list[str]:
    """The secrets in the environment, in every form in which they are sent, the longest first."""
    forms = {form for name, value in os.environ.items() if is_secret(name) and len(value) >= SHORTEST for form in _forms(value)}
    return sorted(forms, key=lambda form: (-len(form), form))


def hidden(value: Any) -> Any:
    """Plain values (dicts, lists, texts, numbers) without their secrets: the same where there are none."""
    return _hidden(value, secrets())


def _hidden(value: Any, known: list[str]) -> Any:
    if isinstance(value, str):
        for secret in known:
            value = value.replace(secret, HIDDEN)
        return value
    if isinstance(value, Mapping):
        return {_hidden(name, known): HIDDEN if is_secret(str(name)) and isinstance(of, str) else _hidden(of, known) for name, of in value.items()}
    if isinstance(value, (list, tuple)):
        return [_hidden(item, known) for item in value]
    return value


def _forms(value: str) -> Iterator[str]:
    yield value
    yield quote(value, safe="")
    yield base64.b64encode(value.encode()).decode()
