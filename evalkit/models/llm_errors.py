"""Classification of the answers of an endpoint: an answer is used, the request is repeated, the
document fails, or the run stops.

    repeated          no connection, timeouts, 408, 409, 425, 429, 5xx; at 200: a body that is not
                      JSON, an `error` object
    document failed   400, 413, 422; more than 4 MB; at 200: no choices, no content, a refusal, a
                      content filter, a tool call
    run stopped       401, 402, 403, 404 and other 4xx, redirects, quota used up, an unknown host, a
                      bad certificate; no connection at the first document, after its retries

An `error` object at 200 is treated as the status that its code stands for. A web page at 200 is
requested again and stops the run if it stays: it is a proxy's login page, or base_url lacks its
/v1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, NoReturn

import msgspec

from evalkit.errors import to_one_line
from evalkit.models.llm_http import EndpointError, HttpAnswer

MAX_WAIT = 60.0  # seconds
MAX_MESSAGE_LENGTH = 200  # characters of what an endpoint writes about an error
STATUS_BY_CODE = {
    "insufficient_quota": 402,
    "billing_hard_limit_reached": 402,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "overloaded_error": 529,
    "context_length_exceeded": 400,
    "invalid_request_error": 400,
    "content_policy_violation": 400,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_denied": 403,
    "model_not_found": 404,
    "timeout": 408,
    "server_error": 500,
    "internal_error": 500,
}
# Words in the message of an endpoint that does not support a response format
_FORMAT_WORDS = (
    "response_format",
    "json_schema",
    "json_object",
    "guided_json",
    "structured output",
)
_WEB_PAGE = "a web page instead of JSON: a login page, or base_url lacks its /v1"


class RetryableError(Exception):
    """The request may be repeated, `after` so many seconds if they are given.

    If the error stays, the document fails or, where `is_fatal`, the run stops.
    """

    def __init__(
        self, kind: str, detail: str = "", after: float | None = None, *, is_fatal: bool = False
    ) -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind, self.after, self.is_fatal = kind, after, is_fatal


class DocumentFailedError(Exception):
    """The document cannot be annotated. Documents that fail for one reason have one `kind`."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind or message


class RunFailedError(Exception):
    """No document can be annotated."""


class UnsupportedResponseFormatError(Exception):
    """The endpoint does not support the response_format of the request."""


class Content(NamedTuple):
    """The text of a completion, and why the model stopped."""

    text: str
    finish_reason: str | None


def build_exception(
    error: EndpointError, *, is_reached: bool = True
) -> RetryableError | DocumentFailedError | RunFailedError:
    """The exception for a request without an answer.

    is_reached: whether the endpoint has answered before; if not, a refused connection stops the
    run.
    """
    if error.kind in ("size", "encoding"):
        return DocumentFailedError(str(error))
    if error.kind in ("name", "certificate"):
        return RunFailedError(str(error))
    detail = "" if str(error) == error.kind else str(error)
    return RetryableError(error.kind, detail, is_fatal=error.is_unreachable and not is_reached)


def extract_completion(answer: HttpAnswer, redact: Callable[[Any], Any]) -> dict[str, Any]:
    """The completion in an answer; `redact` removes secrets from a JSON value.

    Raises RetryableError, DocumentFailedError, RunFailedError or UnsupportedResponseFormatError.
    """
    body = _decode_json(answer.body, redact)
    if answer.status != 200:
        _raise_for_status(answer.status, body, answer)
    if isinstance(body, dict) and body.get("error") and not body.get("choices"):
        _raise_for_status(_status_of(body["error"]), body, answer)
    if isinstance(body, dict):
        return body
    if answer.body.lstrip()[:1] == b"<" or "html" in answer.headers.get("content-type", ""):
        raise RetryableError("web page", _WEB_PAGE, is_fatal=True)
    if not answer.body.strip():
        raise RetryableError("no JSON", "an empty body")
    raise RetryableError("no JSON", "a body that is cut or not a JSON object")


def _raise_for_status(status: int, body: Any, answer: HttpAnswer) -> NoReturn:
    """Raise the exception for a status, with the message of the endpoint."""
    message = f"{status}: {extract_error_message(body, answer.body)}".rstrip(": ")
    if status in (400, 422) and any(word in message for word in _FORMAT_WORDS):
        raise UnsupportedResponseFormatError(message)
    if 300 <= status < 400:
        location = answer.headers.get("location", "nowhere")[:200]
        raise RunFailedError(
            f"{status}: a redirect to {location}; use it as base_url if you trust it"
        )
    if status in (400, 413, 422):
        raise DocumentFailedError(message)
    if isinstance(body, dict) and _status_of(body.get("error")) == 402:
        raise RunFailedError(message)
    if status in (408, 409, 425, 429) or status >= 500 or status < 300:
        _raise_retryable(str(status), message, parse_retry_after(answer.headers))
    raise RunFailedError(message)


def _raise_retryable(kind: str, message: str, after: float | None) -> NoReturn:
    if after is not None and after > MAX_WAIT:
        raise DocumentFailedError(
            f"{kind}: asks to wait for {after:,.0f} seconds, more than {MAX_WAIT:.0f}", kind
        )
    raise RetryableError(kind, message.partition(": ")[2], after)


def _status_of(error: Any) -> int:
    """The status that an error object stands for; 500 where it names none."""
    if not isinstance(error, dict):
        return 500
    for key in ("code", "type", "status"):
        code = error.get(key)
        if isinstance(code, str) and code in STATUS_BY_CODE:
            return STATUS_BY_CODE[code]
        if not isinstance(code, (int, str)) or not str(code).isdecimal():
            continue
        if 400 <= int(str(code)[:4]) < 600:
            return int(code)
    return 500


def extract_error_message(body: Any, raw_body: bytes) -> str:
    """The message of an error, as one line of at most 200 characters."""
    error = body.get("error", body) if isinstance(body, dict) else None
    message = error.get("message", error.get("detail")) if isinstance(error, dict) else error
    if not isinstance(message, str):
        message = raw_body[:2000].decode(errors="replace")
    return to_one_line(message, MAX_MESSAGE_LENGTH)


def _decode_json(body: bytes, redact: Callable[[Any], Any]) -> Any:
    """A JSON body without secrets; None where it is not JSON."""
    try:
        return redact(msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf")))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def parse_retry_after(
    headers: Mapping[str, str], now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
) -> float | None:
    """The seconds to wait by the headers retry-after-ms or Retry-After (seconds or a date); None
    without these.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        return None if math.isnan(seconds) else max(seconds, 0.0)
    try:
        date = parsedate_to_datetime(headers["retry-after"])
    except (KeyError, ValueError, TypeError, IndexError, OverflowError):
        return None
    return max((date.replace(tzinfo=date.tzinfo or timezone.utc) - now()).total_seconds(), 0.0)


def extract_content(completion: Mapping[str, Any]) -> Content:
    """The text of a completion. Raises DocumentFailedError where there is none, or a refusal."""
    choices = completion.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise DocumentFailedError("no choices in the answer")
    finish_reason = choice.get("finish_reason")
    if finish_reason == "content_filter":
        raise DocumentFailedError("a content filter removed the answer")
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        reason = to_one_line(refusal, MAX_MESSAGE_LENGTH)
        raise DocumentFailedError(f"refused: {reason}", "refused")
    text = _join_parts(message.get("content"))
    if not isinstance(text, str) or not text.strip():
        if message.get("tool_calls") or message.get("function_call"):
            raise DocumentFailedError("a tool call instead of an answer")
        raise DocumentFailedError("no content in the answer")
    return Content(text, finish_reason if isinstance(finish_reason, str) else None)


def _join_parts(content: Any) -> Any:
    """The text of a content that is given in parts; any other content as it is."""
    if not isinstance(content, list):
        return content
    texts = [part.get("text") for part in content if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def extract_usage(
    completion: Mapping[str, Any], input_price: float | None, output_price: float | None
) -> dict[str, int | float]:
    """The tokens of a completion and its cost, as the endpoint reports it or by the prices of a
    million tokens.
    """
    reported = completion.get("usage")
    if not isinstance(reported, dict):
        return {}
    usage: dict[str, int | float] = {}
    for name in ("prompt_tokens", "completion_tokens"):
        if type(reported.get(name)) is int and reported[name] >= 0:
            usage[name] = reported[name]
    cost: Any = reported.get("cost")
    if type(cost) in (int, float) and 0 <= cost < math.inf:
        usage["cost"] = cost
    elif len(usage) == 2 and input_price is not None and output_price is not None:
        input_cost = usage["prompt_tokens"] * input_price
        output_cost = usage["completion_tokens"] * output_price
        usage["cost"] = (input_cost + output_cost) / 1_000_000
    return usage
