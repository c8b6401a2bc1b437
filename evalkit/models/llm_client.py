"""The client of language models: sends the request for each document, repeats it where that may
help, and counts failures.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from evalkit.data.document import Document
from evalkit.errors import ModelError, print_notice, to_one_line
from evalkit.models.llm_answers import ANSWER, FINISH_REASON, AnswerParser, attach_meta
from evalkit.models.llm_errors import (
    MAX_WAIT,
    DocumentFailedError,
    RetryableError,
    RunFailedError,
    UnsupportedResponseFormatError,
    build_exception,
    extract_completion,
    extract_content,
    extract_usage,
)
from evalkit.models.llm_http import Endpoint, EndpointError
from evalkit.models.llm_json import UnreadableAnswerError
from evalkit.models.llm_log import RequestLog
from evalkit.models.llm_prompt import Prompt
from evalkit.redaction import Redactor

MAX_CONSECUTIVE_FAILURES = 20
# Seconds: waits that are announced on stderr, and the time between two announcements
MIN_ANNOUNCED_WAIT, ANNOUNCEMENT_INTERVAL = 1.0, 5.0


@dataclass(frozen=True)
class EndpointSettings:
    """The endpoint, and how requests are sent to it."""

    model: str
    address: str
    endpoint: Endpoint
    redactor: Redactor
    sampling: Mapping[str, Any]
    response_formats: tuple[str, ...]
    max_retries: int
    backoff: float
    input_price: float | None
    output_price: float | None


class OpenAIModel:
    """Sends requests, from several threads at once. These share the response format that the
    endpoint supports, and the count of consecutive failures.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        prompt: Prompt,
        schema: Mapping[str, Any],
        layers: tuple[str, ...],
    ) -> None:
        self.settings, self.prompt, self.schema = settings, prompt, schema
        self.parser = AnswerParser(layers, settings.redactor)
        self._lock = threading.Lock()
        self._format_index = 0  # in settings.response_formats
        self._failures: tuple[str, int] = ("", 0)  # the last kind, and how many in a row
        self._is_reached = False  # whether the endpoint has ever answered
        self._last_announcement = -math.inf

    def predict(self, documents: Sequence[Document]) -> Iterator[Document]:
        """Each document with the model's annotations or its failure.

        Raises ModelError if no document can be annotated.
        """
        return map(self._predict_one, documents)

    def messages(self, document: Document) -> list[dict[str, str]]:
        """The messages of the request for a document."""
        return self.prompt.messages_for(document.text)

    def _predict_one(self, document: Document) -> Document:
        """The document with the model's annotations, or with its failure."""
        log = RequestLog()
        try:
            completion = self._request_completion(document.text, log)
        except RunFailedError as error:
            raise ModelError(self._message(error), [log.to_log_entry(document)]) from None
        except RetryableError as error:
            if error.is_fatal:
                message = self._message(error) + self._unreachable_hint(log)
                raise ModelError(message, [log.to_log_entry(document)]) from None
            return self._fail_document(document, log, error, error.kind)
        except DocumentFailedError as error:
            return self._fail_document(document, log, error, error.kind)
        self._count_consecutive_failures("", "")
        try:
            return self._annotate(document, completion, log)
        except (DocumentFailedError, UnreadableAnswerError) as error:
            failure = self.parser.describe(error)
            return msgspec.structs.replace(document, failure=failure, meta=log.to_meta())

    def _annotate(
        self, document: Document, completion: Mapping[str, Any], log: RequestLog
    ) -> Document:
        """The document with the annotations of a completion.

        Raises DocumentFailedError or UnreadableAnswerError.
        """
        log.meta["usage"] = extract_usage(
            completion, self.settings.input_price, self.settings.output_price
        )
        text, finish_reason = extract_content(completion)
        log.meta |= {ANSWER: text, FINISH_REASON: finish_reason}
        grounded = self.parser.parse(document, text, finish_reason)
        return attach_meta(grounded, log.to_meta())

    def _fail_document(
        self, document: Document, log: RequestLog, error: Exception, kind: str
    ) -> Document:
        failure = self.parser.describe(error)
        if log.requests > 1:
            failure += f" ({log.requests} requests)"
        try:
            self._count_consecutive_failures(kind, failure)
        except ModelError as stop:
            stop.notes.append(log.to_log_entry(document))
            raise
        return msgspec.structs.replace(document, failure=failure, meta=log.to_meta())

    def _count_consecutive_failures(self, kind: str, failure: str) -> None:
        """Count documents that fail for the same reason one after the other; no kind is a success.

        Raises ModelError at the twentieth.
        """
        with self._lock:
            last_kind, count = self._failures
            count = count + 1 if kind == last_kind else 1
            self._failures = (kind, count)
            if kind and count >= MAX_CONSECUTIVE_FAILURES:
                raise ModelError(
                    f"openai:{self.settings.model}: {MAX_CONSECUTIVE_FAILURES} documents in a row"
                    f" failed: {failure}"
                )

    def _unreachable_hint(self, log: RequestLog) -> str:
        """The address, for a message; empty if it has answered before."""
        if self._is_reached:
            return ""
        requests = "1 request" if log.requests == 1 else f"{log.requests} requests"
        return (
            f" (no answer from {self.settings.address} to {requests}; is the server running, and"
            " the address right?)"
        )

    def _message(self, error: Exception) -> str:
        text = to_one_line(self.settings.redactor.redact(str(error)), 300)
        return f"openai:{self.settings.model}: {text}"

    def _request_completion(self, text: str, log: RequestLog) -> dict[str, Any]:
        """The completion for a text, in the first response format that the endpoint supports.

        Raises RetryableError, DocumentFailedError or RunFailedError.
        """
        formats = self.settings.response_formats
        while True:
            index = self._format_index
            try:
                completion = self._request_with_retries(text, formats[index], log)
            except UnsupportedResponseFormatError as error:
                if index + 1 >= len(formats):
                    raise DocumentFailedError(str(error)) from None
                log.retries.append("response_format")
                with self._lock:
                    self._format_index = max(self._format_index, index + 1)
            else:
                log.meta["response_format"] = formats[index]
                return completion

    def _request_with_retries(
        self, text: str, response_format: str, log: RequestLog
    ) -> dict[str, Any]:
        import tenacity

        backoff = self.settings.backoff
        growing_wait = tenacity.wait_exponential(
            multiplier=backoff, max=MAX_WAIT
        ) + tenacity.wait_random(0, backoff)

        def wait_seconds(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            if isinstance(error, RetryableError) and error.after is not None:
                return error.after
            return min(float(growing_wait(state)), MAX_WAIT)

        def log_retry(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            log.retries.append(error.kind if isinstance(error, RetryableError) else "")
            seconds = state.next_action.sleep if state.next_action else 0.0
            self._announce_wait(error, seconds, log.requests)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RetryableError),
            stop=tenacity.stop_after_attempt(self.settings.max_retries + 1),
            wait=wait_seconds,
            before_sleep=log_retry,
            reraise=True,
        )
        return retrying(self._request_once, text, response_format, log)

    def _announce_wait(self, error: BaseException | None, seconds: float, requests: int) -> None:
        """Print on stderr how long a request waits and why; waits at the same time are announced
        once.
        """
        with self._lock:
            now = time.monotonic()
            is_recent = now < self._last_announcement + ANNOUNCEMENT_INTERVAL
            if seconds < MIN_ANNOUNCED_WAIT or is_recent:
                return
            self._last_announcement = now
        reason = to_one_line(self.settings.redactor.redact(str(error)), 100)
        print_notice(
            f"openai:{self.settings.model}: {reason}; waits {seconds:.0f} s, then sends request"
            f" {requests + 1} of at most {self.settings.max_retries + 1}"
        )

    def _request_once(self, text: str, response_format: str, log: RequestLog) -> dict[str, Any]:
        """The completion for a text, by one request.

        Raises RetryableError, DocumentFailedError, RunFailedError or
        UnsupportedResponseFormatError.
        """
        redactor = self.settings.redactor
        request = {
            "model": self.settings.model,
            "messages": self.prompt.messages_for(text),
            **self.settings.sampling,
            **self._format_parameter(response_format),
        }
        sample = log.start_request(request, redactor)
        try:
            answer = self.settings.endpoint.request(**request)
        except EndpointError as error:
            sample.add_error(error)
            raise build_exception(error, is_reached=self._is_reached) from None
        self._is_reached = True
        sample.add_answer(answer)
        # Undecodable bytes survive the conversion to a string and back.
        body = redactor.redact(answer.body.decode("utf-8", "surrogateescape"))
        redacted = answer._replace(
            body=body.encode("utf-8", "surrogateescape"),
            headers=redactor.redact_json(dict(answer.headers)),
        )
        return extract_completion(redacted, redactor.redact_json)

    def _format_parameter(self, response_format: str) -> dict[str, Any]:
        """The parameter `response_format` of a request; none for "text"."""
        if response_format == "schema":
            json_schema = {"name": "annotations", "strict": True, "schema": self.schema}
            return {"response_format": {"type": "json_schema", "json_schema": json_schema}}
        if response_format == "object":
            return {"response_format": {"type": "json_object"}}
        return {}
