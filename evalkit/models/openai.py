"""A language model behind any OpenAI-compatible endpoint: OpenAI, vLLM, Ollama, llama.cpp, LM
Studio, OpenRouter and others.

    -m openai:NAME -a base_url=http://127.0.0.1:8000/v1

The model is prompted for quotes, and evalkit finds them in the text. Depending on what the endpoint
answers, the answer is used, the request is repeated after growing waits, the document fails, or the
run stops. The run also stops after twenty documents in a row that failed for the same reason.

The key is read from the environment only (OPENAI_API_KEY, or the variable that `api_key_env` names)
and is never written: where an endpoint echoes it, "[key]" is shown. Proxies are those of the
environment, except for an endpoint on this machine.

- `base_url`: the address of the endpoint. Default: the environment's, else OpenAI's.
- `labels`: entity labels, or labels with their definitions, instead of the schema's.
- `layers`: the layers of the schema to prompt for.
- `timeout`: seconds for one request.
- `max_retries`, `backoff`: the number of retries, and seconds before the first, doubled each time,
  up to 60 s.
- `temperature`, `seed`, `max_tokens`: sent where they are not None.
- `input_price`, `output_price`: prices of a million tokens, for the cost of the run.
- `response_format`: how JSON is requested: schema (by a JSON Schema), object (as any object) or
  text (by the prompt alone); auto takes the first that the endpoint supports.
- `prompt`: a file with a prompt template: a text that holds {{task}} and {{text}} once each.
- `api_key_env`: the environment variable that holds the key.
"""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from evalkit.data.document import Document
from evalkit.data.schema import Schema
from evalkit.errors import (
    InputError,
    ModelError,
    UnknownNameError,
    print_notice,
    spell_option,
    to_one_line,
)
from evalkit.models.llm_errors import (
    MAX_MESSAGE_LENGTH,
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
from evalkit.models.llm_grounding import ground_answer
from evalkit.models.llm_http import Endpoint, EndpointError, resolve_endpoint
from evalkit.models.llm_json import UnreadableAnswerError, extract_layers
from evalkit.models.llm_prompt import (
    TEMPLATE,
    Prompt,
    build_answer_schema,
    build_prompt,
    build_task,
    load_template,
)
from evalkit.models.registry import RUN_METADATA_KEY, Model
from evalkit.redaction import Redactor

MAX_CONSECUTIVE_FAILURES = 20
# Seconds: waits that are announced on stderr, and the time between two announcements
MIN_ANNOUNCED_WAIT, ANNOUNCEMENT_INTERVAL = 1.0, 5.0
RESPONSE_FORMATS = {
    "auto": ("schema", "object", "text"),
    "schema": ("schema",),
    "object": ("object",),
    "text": ("text",),
}
_INTEGERS = ("max_retries", "max_tokens", "seed")
_REQUIRED = ("timeout", "max_retries", "backoff")


def load(
    name: str,
    *,
    base_url: str | None = None,
    labels: str | Sequence[str] | Mapping[str, str] | None = None,
    layers: str | Sequence[str] | None = None,
    timeout: float = 120,
    max_retries: int = 5,
    backoff: float = 1.0,
    temperature: float | None = 0,
    seed: int | None = None,
    max_tokens: int | None = None,
    input_price: float | None = None,
    output_price: float | None = None,
    response_format: str = "auto",
    prompt: str | None = None,
    api_key_env: str = "OPENAI_API_KEY",
) -> Model:
    """A model behind an endpoint; the module's docstring describes the options. Nothing is sent.

    Raises InputError for invalid options, MissingDependencyError where openai or tenacity is not
    installed.
    """
    if not name:
        raise InputError("openai: name a model after the colon, as in openai:gpt-4.1-mini")
    _validate_numbers(
        timeout=(timeout, 0.001),
        max_retries=(max_retries, 0),
        backoff=(backoff, 0),
        temperature=(temperature, 0),
        max_tokens=(max_tokens, 1),
        input_price=(input_price, 0),
        output_price=(output_price, 0),
        seed=(seed, -math.inf),
    )
    if response_format not in RESPONSE_FORMATS:
        raise UnknownNameError("response_format", response_format, RESPONSE_FORMATS)
    address = resolve_endpoint(base_url, api_key_env)
    sampling = {"temperature": temperature, "seed": seed, "max_tokens": max_tokens}
    endpoint_settings = EndpointSettings(
        model=name,
        address=address.shown,
        endpoint=address.endpoint(timeout),
        redactor=address.redactor,
        sampling={option: value for option, value in sampling.items() if value is not None},
        response_formats=RESPONSE_FORMATS[response_format],
        max_retries=max_retries,
        backoff=backoff,
        input_price=input_price,
        output_price=output_price,
    )
    definitions = _label_definitions(labels)
    requested_layers = layers.split(",") if isinstance(layers, str) else layers
    template = TEMPLATE if prompt is None else load_template(prompt)
    build_model = functools.partial(
        Model,
        f"openai:{name}",
        batch_size=1,
        is_io_bound=True,
        packages=("openai",),
        streams=True,
    )

    def with_schema(schema: Schema | None) -> Model:
        task = build_task(schema, definitions, requested_layers)
        model = OpenAIModel(
            endpoint_settings,
            build_prompt(task, template, prompt or "prompt"),
            build_answer_schema(task),
            task.layers,
        )
        settings = {
            "model": name,
            "base_url": address.shown,
            "prompt_sha256": model.prompt.sha256(model.schema),
            "labels": list(task.labels),
            "layers": list(task.layers),
            **sampling,
            "response_format": response_format,
        }
        return build_model(
            model.predict, settings=settings, with_schema=with_schema, messages=model.messages
        )

    if definitions:
        return with_schema(None)
    settings = {"model": name, "base_url": address.shown}
    return build_model(_refuse_without_schema, settings=settings, with_schema=with_schema)


def _refuse_without_schema(_documents: Sequence[Document]) -> Iterator[Document]:
    build_task(None)  # raises InputError that names what is missing
    return iter(())


def _validate_numbers(**numbers: tuple[Any, float]) -> None:
    """Raise InputError for an option that is not a number, or below its minimum."""
    for name, (value, minimum) in numbers.items():
        if value is None and name not in _REQUIRED:
            continue
        number_type = int if name in _INTEGERS else (int, float)
        is_number = isinstance(value, number_type) and not isinstance(value, bool)
        if is_number and minimum <= value < math.inf:
            continue
        expected = "an integer" if name in _INTEGERS else "a number"
        bound = "" if math.isinf(minimum) else f" >= {minimum}"
        option = spell_option(name, value, of="model")
        raise InputError(f"openai: {option}: expected {expected}{bound}")


def _label_definitions(labels: Any) -> dict[str, str] | None:
    """The definition of each label, which may be empty; None without labels."""
    if labels is None:
        return None
    if isinstance(labels, Mapping):
        definitions = dict(labels)
    elif isinstance(labels, str):
        definitions = dict.fromkeys((name.strip() for name in labels.split(",")), "")
    else:
        definitions = dict.fromkeys(labels, "")
    texts = [*definitions, *definitions.values()]
    if not definitions or "" in definitions or not all(isinstance(text, str) for text in texts):
        raise InputError(
            f"openai: {spell_option('labels', labels, of='model')}: expected names separated by"
            " commas, a list of names, or a mapping of names to definitions"
        )
    return definitions


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


@dataclass
class RequestLog:
    """The requests for one document, and what is stored of the answer."""

    started: float = field(default_factory=time.monotonic)
    requests: int = 0
    retries: list[str] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)

    def to_meta(self) -> dict[str, Any]:
        """The whole log, as the `meta` of a predicted document."""
        return {**self.meta, RUN_METADATA_KEY: self._counts()}

    def to_log_entry(self, document: Document) -> dict[str, Any]:
        """The log entry of a document without an answer."""
        return {"id": document.id, **self._counts()}

    def _counts(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "retries": self.retries,
            "seconds": round(time.monotonic() - self.started, 3),
        }


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
        self.settings, self.prompt, self.schema, self.layers = settings, prompt, schema, layers
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
            failure = to_one_line(self.settings.redactor.redact(str(error)), MAX_MESSAGE_LENGTH)
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
        log.meta |= {"answer": text, "finish_reason": finish_reason}
        try:
            lists = self.settings.redactor.redact_json(extract_layers(text, self.layers))
        except UnreadableAnswerError as error:
            if finish_reason == "stop":
                raise
            reason = to_one_line(finish_reason or "none", 40)
            raise DocumentFailedError(f"{error} (finish_reason {reason})") from None
        grounded = ground_answer(document, lists)
        log.meta["grounding"] = grounded.grounding
        meta = {**(grounded.document.meta or {}), **log.to_meta()}
        return msgspec.structs.replace(grounded.document, meta=meta)

    def _fail_document(
        self, document: Document, log: RequestLog, error: Exception, kind: str
    ) -> Document:
        failure = to_one_line(self.settings.redactor.redact(str(error)), MAX_MESSAGE_LENGTH)
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
        log.requests += 1
        request = {
            "model": self.settings.model,
            "messages": self.prompt.messages_for(text),
            **self.settings.sampling,
            **self._format_parameter(response_format),
        }
        try:
            answer = self.settings.endpoint.request(**request)
        except EndpointError as error:
            raise build_exception(error, is_reached=self._is_reached) from None
        self._is_reached = True
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
