"""The requests for one document: their number, their retries, and each of them with its response.

A request with its response is a sample: `request` is what was sent, `response` the body that came
back (its JSON value; text where it is not JSON, or nested too deeply), `status` its HTTP status, or
`error` why there was none. Headers, which hold the key, are not part of it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import msgspec

from evalkit.data.document import Document
from evalkit.models.llm_http import HttpAnswer
from evalkit.models.registry import RUN_METADATA_KEY, SAMPLES_METADATA_KEY
from evalkit.redaction import Redactor

MAX_RESPONSE_DEPTH = 64  # of the JSON of a response: more is stored as text


@dataclass
class RequestLog:
    """The requests for one document, and what is stored of the answer."""

    started: float = field(default_factory=time.monotonic)
    requests: int = 0
    retries: list[str] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)

    def start_request(self, request: Mapping[str, Any], redactor: Redactor) -> Sample:
        """Count a request, and start its sample."""
        self.requests += 1
        sample = Sample(redactor)
        self.samples.append(sample.content)
        sample.content["request"] = redactor.redact_json(dict(request))
        return sample

    def to_meta(self) -> dict[str, Any]:
        """The whole log, as the `meta` of a predicted document."""
        return {
            **self.meta,
            RUN_METADATA_KEY: self._counts(),
            SAMPLES_METADATA_KEY: self.samples,
        }

    def to_log_entry(self, document: Document) -> dict[str, Any]:
        """The log entry of a document without an answer."""
        return {"id": document.id, **self._counts(), SAMPLES_METADATA_KEY: self.samples}

    def _counts(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "retries": self.retries,
            "seconds": round(time.monotonic() - self.started, 3),
        }


class Sample:
    """A request and its response, without the secrets of the endpoint."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._started = time.monotonic()
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        self.content: dict[str, Any] = {"time": now}

    def add_answer(self, answer: HttpAnswer) -> None:
        """Add the status and the body of an answer."""
        self._add_seconds()
        self.content["status"] = answer.status
        self.content["response"] = self._decode(answer.body)

    def add_error(self, error: Exception) -> None:
        """Add the reason why there is no answer."""
        self._add_seconds()
        self.content["error"] = self._redactor.redact_json(str(error))

    def _add_seconds(self) -> None:
        self.content["seconds"] = round(time.monotonic() - self._started, 3)

    def _decode(self, body: bytes) -> Any:
        """The JSON of a body, redacted after decoding: escapes would hide a key. Else its text."""
        try:
            value = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
            if not _is_nested_deeper(value, MAX_RESPONSE_DEPTH):
                return self._redactor.redact_json(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        return self._redactor.redact_json(body.decode("utf-8", "replace"))


def _is_nested_deeper(value: Any, depth: int) -> bool:
    """Whether lists and objects are nested more than `depth` deep."""
    if isinstance(value, dict):
        children = list(value.values())
    elif isinstance(value, list):
        children = value
    else:
        return False
    return depth == 0 or any(_is_nested_deeper(child, depth - 1) for child in children)
