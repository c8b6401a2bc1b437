"""A language model behind any OpenAI-compatible endpoint: OpenAI, vLLM, Ollama, llama.cpp, LM
Studio, OpenRouter and others.

    -m openai:NAME -a base_url=http://127.0.0.1:8000/v1

It is asked for quotes (llm_prompt.py), and evalkit finds where they are in the text
(llm_grounding.py). llm_errors.py lists what follows from each kind of answer of the endpoint: it is
taken, requested again with growing waits, the document failed, or the run stopped. Twenty documents
that fail in a row for the same reason stop the run as well.

The key is read from the environment alone (OPENAI_API_KEY, or what `api_key_env` names) and is
written nowhere: where an endpoint echoes it, "[key]" is shown. Proxies are those of the
environment, except for an endpoint on this machine.

- `base_url`: the address of the endpoint. Default: the environment's, else OpenAI's.
- `labels`: entity labels, or labels with their definitions, instead of the schema's.
- `layers`: which of the schema's layers are asked for.
- `timeout`: seconds for one request.
- `retries`, `backoff`: the number of retries, and seconds before the first, doubled each time, up
  to 60 s.
- `temperature`, `seed`, `max_tokens`: sent where they are not None.
- `price_in`, `price_out`: prices of a million tokens, for the cost of the run.
- `structure`: how JSON is requested: schema (by a JSON Schema), object (as any object) or text (by
  the prompt alone); auto takes the first that the endpoint supports.
- `prompt`: a file with a template (llm_prompt.py).
- `api_key_env`: the environment variable with the key. `api_key` itself is refused.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from evalkit.data.document import Document
from evalkit.data.schema import Schema
from evalkit.errors import InputError, ModelError, UnknownNameError, print_notice, spell_option
from evalkit.models.llm_errors import (
    LONGEST_WAIT,
    DocumentFailed,
    RetryRequest,
    RunFailed,
    UnsupportedResponseFormat,
    completion,
    content,
    exception_for,
    one_line,
    usage,
)
from evalkit.models.llm_grounding import ground_answer
from evalkit.models.llm_http import Endpoint, EndpointError, resolve_endpoint
from evalkit.models.llm_json import Unreadable, extract_layers
from evalkit.models.llm_prompt import (
    TEMPLATE,
    Prompt,
    answer_schema,
    build_prompt,
    load_template,
    task_from_schema,
)
from evalkit.models.registry import RUN_METADATA_KEY, Model
from evalkit.redaction import Redactor

MAX_CONSECUTIVE_FAILURES = 20
SHORTEST_ANNOUNCED, ANNOUNCED_EVERY = (
    1.0,
    5.0,
)  # seconds: waits that are said on stderr, and how often at most
RESPONSE_FORMATS = {
    "auto": ("schema", "object", "text"),
    "schema": ("schema",),
    "object": ("object",),
    "text": ("text",),
}


def load(
    what: str,
    *,
    base_url: str | None = None,
    labels: str | Sequence[str] | Mapping[str, str] | None = None,
    layers: str | Sequence[str] | None = None,
    timeout: float = 120,
    retries: int = 5,
    backoff: float = 1.0,
    temperature: float | None = 0,
    seed: int | None = None,
    max_tokens: int | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    structure: str = "auto",
    prompt: str | None = None,
    api_key_env: str = "OPENAI_API_KEY",
    api_key: object = None,
) -> Model:
    """A model behind an endpoint; see the module for the options. Loading sends nothing.

    Raises InputError for what cannot be, MissingPackage where openai or tenacity is not installed.
    """
    if api_key is not None:
        raise InputError(
            "openai: a key is taken from the environment alone, so that it is written nowhere: set"
            f" {api_key_env}"
        )
    if not what:
        raise InputError("openai: name a model after the colon, as in openai:gpt-4.1-mini")
    _check(
        timeout=(timeout, 0.001),
        retries=(retries, 0),
        backoff=(backoff, 0),
        temperature=(temperature, 0),
        max_tokens=(max_tokens, 1),
        price_in=(price_in, 0),
        price_out=(price_out, 0),
        seed=(seed, -math.inf),
    )
    if structure not in RESPONSE_FORMATS:
        raise UnknownNameError("structure", structure, RESPONSE_FORMATS)
    place = resolve_endpoint(base_url, api_key_env)
    sent = {"temperature": temperature, "seed": seed, "max_tokens": max_tokens}
    manner = EndpointSettings(
        what,
        place.shown,
        place.endpoint(timeout),
        place.secrets,
        {name: value for name, value in sent.items() if value is not None},
        RESPONSE_FORMATS[structure],
        retries,
        backoff,
        price_in,
        price_out,
    )
    named = _named(labels)
    asked = layers.split(",") if isinstance(layers, str) else layers
    template = TEMPLATE if prompt is None else load_template(prompt)

    def suited(schema: Schema | None) -> Model:
        task = task_from_schema(schema, named, asked)
        asker = OpenAIModel(
            manner,
            build_prompt(task, template, prompt or "prompt"),
            answer_schema(task),
            task.layers,
        )
        settings = {
            "model": what,
            "base_url": place.shown,
            "prompt_sha256": asker.prompt.sha256(asker.schema),
            "labels": list(task.labels),
            "layers": list(task.layers),
            **sent,
            "structure": structure,
        }
        return Model(
            f"openai:{what}",
            asker.answer,
            batch_size=1,
            settings=settings,
            with_schema=suited,
            is_io_bound=True,
            packages=("openai",),
            streams=True,
        )

    return (
        suited(None)
        if named
        else Model(
            f"openai:{what}",
            _unsuited,
            1,
            settings={"model": what, "base_url": place.shown},
            with_schema=suited,
            is_io_bound=True,
            packages=("openai",),
        )
    )


def _unsuited(_documents: Sequence[Document]) -> Iterator[Document]:
    task_from_schema(None)  # says what is missing
    return iter(())


def _check(**numbers: tuple[Any, float]) -> None:
    for name, (value, least) in numbers.items():
        optional = name not in ("timeout", "retries", "backoff")
        whole = name in ("retries", "max_tokens", "seed")
        if value is None and optional:
            continue
        right = (
            isinstance(value, int if whole else (int, float))
            and not isinstance(value, bool)
            and least <= value < math.inf
        )
        if not right:
            number = "an integer" if whole else "a number"
            bound = "" if math.isinf(least) else f" >= {least}"
            option = spell_option(name, value, of="model")
            raise InputError(f"openai: {option}: expected {number}{bound}")


def _named(labels: Any) -> dict[str, str] | None:
    """The labels and what they mean."""
    if labels is None:
        return None
    each = [name.strip() for name in labels.split(",")] if isinstance(labels, str) else labels
    found = dict(each) if isinstance(each, Mapping) else dict.fromkeys(each, "")
    if (
        not found
        or not all(isinstance(text, str) for pair in found.items() for text in pair)
        or "" in found
    ):
        raise InputError(
            f"openai: {spell_option('labels', labels, of='model')}: names with commas, a list of"
            " names, or names with what they mean would do"
        )
    return found


@dataclass(frozen=True)
class EndpointSettings:
    """How an endpoint is asked, whatever is asked."""

    model: str
    address: str
    endpoint: Endpoint
    secrets: Redactor
    sent: Mapping[str, Any]
    structures: tuple[str, ...]
    retries: int
    backoff: float
    price_in: float | None
    price_out: float | None


@dataclass
class RequestLog:
    """What asking about one document took, and what came of it."""

    started: float = field(default_factory=time.monotonic)
    requests: int = 0
    retries: list[str] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)

    def noted(self) -> dict[str, Any]:
        """All of it, as the meta of an answer."""
        return {**self.meta, RUN_METADATA_KEY: self._notes()}

    def log_entry(self, document: Document) -> dict[str, Any]:
        """What asking took, for a document that has no answer."""
        return {"id": document.id, **self._notes()}

    def _notes(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "retries": self.retries,
            "seconds": round(time.monotonic() - self.started, 3),
        }


class OpenAIModel:
    """Asks about documents, from several threads at once; what these share is how JSON is asked
    for, and how many failed in a row.
    """

    def __init__(
        self,
        manner: EndpointSettings,
        prompt: Prompt,
        schema: Mapping[str, Any],
        layers: tuple[str, ...],
    ) -> None:
        self.manner, self.prompt, self.schema, self.layers = manner, prompt, schema, layers
        self._lock = threading.Lock()
        self._level = 0  # in manner.structures
        self._row: tuple[str, int] = ("", 0)
        self._reached = False  # whether the endpoint has ever answered
        self._announced = -math.inf  # when a wait was last announced

    def answer(self, documents: Sequence[Document]) -> Iterator[Document]:
        """Each document as the model marks it, or with its failure.

        Raises ModelError where no document will be answered.
        """
        return map(self._answered, documents)

    def _answered(self, document: Document) -> Document:
        asked = RequestLog()
        try:
            said = self._completion(document.text, asked)
        except RunFailed as stop:
            raise ModelError(self._told(stop), [asked.log_entry(document)]) from None
        except RetryRequest as again:
            if again.fatal:
                raise ModelError(
                    f"{self._told(again)}{self._at_address(asked)}", [asked.log_entry(document)]
                ) from None
            return self._failed(document, asked, again, again.kind)
        except DocumentFailed as failed:
            return self._failed(document, asked, failed, failed.kind)
        self._count_consecutive_failures("", "")
        try:
            return self._marked(document, said, asked)
        except (DocumentFailed, Unreadable) as failed:
            return msgspec.structs.replace(
                document,
                failure=one_line(self.manner.secrets.redact(str(failed))),
                meta=asked.noted(),
            )

    def _marked(self, document: Document, said: Mapping[str, Any], asked: RequestLog) -> Document:
        """The document with what a completion says. Raises Failed or Unreadable."""
        asked.meta["usage"] = usage(said, self.manner.price_in, self.manner.price_out)
        text, ended = content(said)
        asked.meta |= {"answer": text, "finish_reason": ended}
        try:
            lists = self.manner.secrets.redact_json(extract_layers(text, self.layers))
        except Unreadable as error:
            raise DocumentFailed(
                f"{error} (finish_reason {one_line(ended or 'none', 40)})"
                if ended != "stop"
                else str(error)
            ) from None
        found = ground_answer(document, lists)
        asked.meta["grounding"] = found.grounding
        return msgspec.structs.replace(
            found.document, meta={**(found.document.meta or {}), **asked.noted()}
        )

    def _failed(
        self, document: Document, asked: RequestLog, error: Exception, kind: str
    ) -> Document:
        tries = f" ({asked.requests} requests)" if asked.requests > 1 else ""
        told = one_line(self.manner.secrets.redact(str(error))) + tries
        try:
            self._count_consecutive_failures(kind, told)
        except ModelError as stop:
            stop.notes.append(asked.log_entry(document))
            raise
        return msgspec.structs.replace(document, failure=told, meta=asked.noted())

    def _count_consecutive_failures(self, kind: str, told: str) -> None:
        """Count documents that fail for the same reason one after the other.

        Raises ModelError at the twentieth.
        """
        with self._lock:
            self._row = (kind, self._row[1] + 1 if kind == self._row[0] else 1)
            if kind and self._row[1] >= MAX_CONSECUTIVE_FAILURES:
                raise ModelError(
                    f"openai:{self.manner.model}: {MAX_CONSECUTIVE_FAILURES} documents in a row"
                    f" failed: {told}"
                )

    def _at_address(self, asked: RequestLog) -> str:
        """Which address gave no answer; empty if it has answered before."""
        requests = f"{asked.requests} request{'s' * (asked.requests != 1)}"
        return (
            ""
            if self._reached
            else (
                f" (no answer from {self.manner.address} to {requests}; is the server running, and"
                " the address right?)"
            )
        )

    def _told(self, error: Exception) -> str:
        return (
            f"openai:{self.manner.model}: {one_line(self.manner.secrets.redact(str(error)), 300)}"
        )

    def _completion(self, text: str, asked: RequestLog) -> dict[str, Any]:
        """The completion about a text. Raises Again, Failed or Stopped."""
        while True:
            level = self._level
            try:
                said = self._with_retries(lambda level=level: self._once(text, level, asked), asked)  # type: ignore[misc]
            except UnsupportedResponseFormat as error:
                if level + 1 >= len(self.manner.structures):
                    raise DocumentFailed(str(error)) from None
                asked.retries.append("response_format")
                with self._lock:
                    self._level = max(self._level, level + 1)
            else:
                asked.meta["structure"] = self.manner.structures[level]
                return said

    def _with_retries(
        self, once: Callable[[], dict[str, Any]], asked: RequestLog
    ) -> dict[str, Any]:
        import tenacity

        jittered = tenacity.wait_exponential(
            multiplier=self.manner.backoff, max=LONGEST_WAIT
        ) + tenacity.wait_random(0, self.manner.backoff)

        def seconds(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            after = error.after if isinstance(error, RetryRequest) else None
            return min(float(jittered(state)), LONGEST_WAIT) if after is None else after

        def note(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            asked.retries.append(error.kind if isinstance(error, RetryRequest) else "")
            self._announce(
                error, state.next_action.sleep if state.next_action else 0.0, asked.requests
            )

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RetryRequest),
            stop=tenacity.stop_after_attempt(self.manner.retries + 1),
            wait=seconds,
            before_sleep=note,
            reraise=True,
        )
        return retrying(once)

    def _announce(self, error: BaseException | None, seconds: float, requests: int) -> None:
        """Say on stderr that a request is waited with, how long and why; of waits that fall
        together, say so once.
        """
        with self._lock:
            now = time.monotonic()
            if seconds < SHORTEST_ANNOUNCED or now < self._announced + ANNOUNCED_EVERY:
                return
            self._announced = now
        why = one_line(self.manner.secrets.redact(str(error)), 100)
        print_notice(
            f"openai:{self.manner.model}: {why}; waits {seconds:.0f} s, then sends request"
            f" {requests + 1} of at most {self.manner.retries + 1}"
        )

    def _once(self, text: str, level: int, asked: RequestLog) -> dict[str, Any]:
        """One request. Raises Again, Failed, Stopped or Unknown."""
        secrets = self.manner.secrets
        asked.requests += 1
        wish = {
            "model": self.manner.model,
            "messages": self.prompt.of(text),
            **self.manner.sent,
            **self._format(level),
        }
        try:
            answer = self.manner.endpoint.ask(**wish)
        except EndpointError as broken:
            raise exception_for(broken, reached=self._reached) from None
        self._reached = True
        body = secrets.redact(answer.body.decode("utf-8", "surrogateescape")).encode(
            "utf-8", "surrogateescape"
        )
        return completion(
            answer._replace(body=body, headers=secrets.redact_json(dict(answer.headers))),
            secrets.redact_json,
        )

    def _format(self, level: int) -> dict[str, Any]:
        structure = self.manner.structures[level]
        if structure == "schema":
            return {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "annotations", "strict": True, "schema": self.schema},
                }
            }
        return {"response_format": {"type": "json_object"}} if structure == "object" else {}
