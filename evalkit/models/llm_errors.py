"""What follows from an answer of an endpoint: is it taken, asked for again, is this document lost,
or is the run at its end?

    asked for again   no connection, timeouts, 408, 409, 425, 429, 5xx; at 200: a body that is no
                      JSON, an `error` object
    document failed   400, 413, 422; more than 4 MB; at 200: no choices, no content, a refusal, a
                      content filter, a tool call
    run stopped       401, 402, 403, 404 and other 4xx, redirects, quota used up, an unknown host, a
                      bad certificate; no connection at the first document, after its retries

An `error` object at 200 is what its code says. A web page at 200 is asked for again, and ends the
run if it stays: it is a proxy's login page, or base_url lacks its /v1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, NoReturn

import msgspec

from evalkit.models.llm_http import EndpointError, HttpAnswer

LONGEST_WAIT = 60.0  # seconds
CODES = {
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
_PAGE = "a web page instead of JSON: a login page, or base_url lacks its /v1"


class RetryRequest(Exception):
    """To be asked for again, after so many seconds if it says so.

    If it stays, the document is lost, or (`stops`) the run ends.
    """

    def __init__(
        self, kind: str, said: str = "", after: float | None = None, *, stops: bool = False
    ) -> None:
        super().__init__(f"{kind}: {said}" if said else kind)
        self.kind, self.after, self.fatal = kind, after, stops


class DocumentFailed(Exception):
    """The document is lost. `kind` is equal where it is lost for the same reason."""

    def __init__(self, said: str, kind: str = "") -> None:
        super().__init__(said)
        self.kind = kind or said


class RunFailed(Exception):
    """No document will be answered."""


class UnsupportedResponseFormat(Exception):
    """The endpoint does not know the response_format that was asked for."""


class Content(NamedTuple):
    """What the model said, and why it ended."""

    text: str
    finish_reason: str | None


def exception_for(
    error: EndpointError, *, reached: bool = True
) -> RetryRequest | DocumentFailed | RunFailed:
    """What follows from an answer that did not come. reached: whether the endpoint has answered
    before; if not, a refused connection ends the run.
    """
    if error.kind in ("size", "encoding"):
        return DocumentFailed(str(error))
    if error.kind in ("name", "certificate"):
        return RunFailed(str(error))
    return RetryRequest(
        error.kind,
        "" if str(error) == error.kind else str(error),
        stops=error.unreachable and not reached,
    )


def completion(answer: HttpAnswer, clean: Callable[[Any], Any]) -> dict[str, Any]:
    """The completion in an answer; `clean` takes secrets out of a JSON value.

    Raises Again, Failed, Stopped or Unknown.
    """
    said = _json(answer.body, clean)
    if answer.status != 200:
        _refused(answer.status, said, answer)
    if isinstance(said, dict) and said.get("error") and not said.get("choices"):
        _refused(_code(said["error"]), said, answer)
    if isinstance(said, dict):
        return said
    if answer.body.lstrip()[:1] == b"<" or "html" in answer.headers.get("content-type", ""):
        raise RetryRequest("web page", _PAGE, stops=True)
    raise RetryRequest(
        "no JSON",
        "an empty body" if not answer.body.strip() else "a body that is cut or no JSON object",
    )


def _refused(status: int, said: Any, answer: HttpAnswer) -> NoReturn:
    """Raise what a status means, with the words of the endpoint."""
    words = f"{status}: {error_message(said, answer.body)}".rstrip(": ")
    if status in (400, 422) and any(
        word in words
        for word in (
            "response_format",
            "json_schema",
            "json_object",
            "guided_json",
            "structured output",
        )
    ):
        raise UnsupportedResponseFormat(words)
    if 300 <= status < 400:
        raise RunFailed(
            f"{status}: a redirect to {answer.headers.get('location', 'nowhere')[:200]}; give it as"
            " base_url if you trust it"
        )
    if status in (400, 413, 422):
        raise DocumentFailed(words)
    if _code(said.get("error") if isinstance(said, dict) else None) == 402:
        raise RunFailed(words)
    if status in (408, 409, 425, 429) or status >= 500 or status < 300:
        _again(str(status), words, retry_after(answer.headers))
    raise RunFailed(words)


def _again(kind: str, words: str, after: float | None) -> NoReturn:
    if after is not None and after > LONGEST_WAIT:
        raise DocumentFailed(
            f"{kind}: asks to wait for {after:,.0f} seconds, more than {LONGEST_WAIT:.0f}", kind
        )
    raise RetryRequest(kind, words.partition(": ")[2], after)


def _code(error: Any) -> int:
    """The status that an error object means; 500 where it does not say."""
    told = [error.get(key) for key in ("code", "type", "status")] if isinstance(error, dict) else []
    for code in told:
        if isinstance(code, str) and code in CODES:
            return CODES[code]
        if (
            isinstance(code, (int, str))
            and str(code).isdecimal()
            and 400 <= int(str(code)[:4]) < 600
        ):
            return int(code)
    return 500


def error_message(said: Any, body: bytes) -> str:
    """What an error says, in one line of at most 200 characters."""
    error = said.get("error", said) if isinstance(said, dict) else None
    told = error.get("message", error.get("detail")) if isinstance(error, dict) else error
    text = told if isinstance(told, str) else body[:2000].decode(errors="replace")
    return one_line(text)


def one_line(text: str, most: int = 200) -> str:
    """A text as one line of printable characters, cut to so many."""
    line = " ".join(
        "".join(sign if sign.isprintable() else " " for sign in text[: most * 10]).split()
    )
    return line if len(line) <= most else line[: most - 1] + "…"


def _json(body: bytes, clean: Callable[[Any], Any]) -> Any:
    try:
        return clean(msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf")))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def retry_after(
    headers: Mapping[str, str], now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
) -> float | None:
    """The seconds that an answer asks to wait, by retry-after-ms or Retry-After (seconds or a
    date); None if it does not say.
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


def content(said: Mapping[str, Any]) -> Content:
    """What the model said in a completion. Raises Failed where it said nothing, or refused."""
    choices = said.get("choices")
    choice = (
        choices[0]
        if isinstance(choices, list) and choices and isinstance(choices[0], dict)
        else None
    )
    told = choice.get("message") if choice else None
    if choice is None or not isinstance(told, dict):
        raise DocumentFailed("no choices in the answer")
    ended = choice.get("finish_reason")
    text = told.get("content")
    if isinstance(text, list):
        text = "".join(
            part["text"]
            for part in text
            if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    if ended == "content_filter":
        raise DocumentFailed("a content filter took the answer away")
    if isinstance(told.get("refusal"), str) and told["refusal"]:
        raise DocumentFailed(f"refused: {one_line(told['refusal'])}", "refused")
    if not isinstance(text, str) or not text.strip():
        raise DocumentFailed(
            "a tool call instead of an answer"
            if told.get("tool_calls") or told.get("function_call")
            else "no content in the answer"
        )
    return Content(text, ended if isinstance(ended, str) else None)


def usage(
    said: Mapping[str, Any], price_in: float | None, price_out: float | None
) -> dict[str, int | float]:
    """The tokens that a completion took, and its cost: what the endpoint says, else by the prices
    for a million tokens.
    """
    told = said.get("usage")
    told = told if isinstance(told, dict) else {}
    found: dict[str, int | float] = {
        name: told[name]
        for name in ("prompt_tokens", "completion_tokens")
        if type(told.get(name)) is int and told[name] >= 0
    }
    cost = told.get("cost")
    if (
        isinstance(cost, (int, float))
        and not isinstance(cost, bool)
        and math.isfinite(cost)
        and cost >= 0
    ):
        found["cost"] = cost
    elif len(found) == 2 and price_in is not None and price_out is not None:
        found["cost"] = (
            found["prompt_tokens"] * price_in + found["completion_tokens"] * price_out
        ) / 1_000_000
    return found
