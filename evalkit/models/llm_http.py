"""HTTP requests to an endpoint, with bounds on size, time and redirects; its address and key.

The SDK of openai sends the request; it neither retries nor follows redirects here. The answer is
read as raw bytes: at most 4 MB after decompression, and within one timeout from the connection to
the last byte, even if it arrives slowly.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import ssl
import sys
import threading
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from evalkit.errors import InputError, MissingDependencyError, advise_extra, spell_option
from evalkit.redaction import Redactor

NO_KEY = "none"
OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True)
class EndpointAddress:
    """The address of an endpoint. `shown`: the address without possible secrets."""

    url: str
    shown: str
    query: Mapping[str, str]
    key: str = field(repr=False)
    redactor: Redactor
    is_local: bool

    def endpoint(self, timeout: float) -> Endpoint:
        """A client for the endpoint. Raises MissingDependencyError."""
        try:
            import openai  # noqa: F401 - Endpoint and OpenAIModel need both
            import tenacity  # noqa: F401
        except ImportError as error:
            raise MissingDependencyError(
                f"openai models need {error.name}, which is not installed: {advise_extra('openai')}"
            ) from None
        self.redactor.keep_out_of_logs()
        return Endpoint(self.url, self.query, self.key, timeout, use_proxies=not self.is_local)


def resolve_endpoint(base_url: str | None, key_env: str) -> EndpointAddress:
    """The address of an endpoint with the key, read from the environment variable `key_env`.

    Raises InputError for an address that is not HTTP, or to which a key would be sent unencrypted.
    """
    address = base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI
    url = _parse_address(address)
    host = url.netloc.rpartition("@")[2]
    shown = url._replace(netloc=host, query="", fragment="").geturl().rstrip("/")
    is_local = _is_local(url.hostname or "")
    key = os.environ.get(key_env, "").strip()
    if not key and shown == OPENAI:
        raise InputError(
            f"openai: no key: set {key_env} in the environment, or name an endpoint that needs"
            f" none: {spell_option('base_url', 'URL', of='model')}"
        )
    if key and url.scheme == "http" and not is_local:
        raise InputError(
            f"openai: {shown} would get the key of {key_env} unencrypted: use https, or unset"
            f" {key_env}"
        )
    if not key.isascii() or not key.isprintable():
        raise InputError(f"openai: {key_env}: expected printable ASCII characters")
    query = dict(parse_qsl(url.query))
    redactor = Redactor([key, url.password or "", unquote(url.password or ""), *query.values()])
    full_address = url._replace(query="", fragment="").geturl()
    return EndpointAddress(full_address, shown, query, key or NO_KEY, redactor, is_local)


def _parse_address(address: str) -> SplitResult:
    try:
        url = urlsplit(address)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except (ValueError, AttributeError, TypeError):
        usable = False
    if not usable:
        raise InputError(
            "openai: invalid base_url: expected http:// or https:// and a host, as in"
            f" {spell_option('base_url', 'http://127.0.0.1:8000/v1', of='model')}"
        )
    return url


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


MAX_ANSWER_BYTES = 4_000_000
CONNECT_TIMEOUT = 10.0  # seconds


class HttpAnswer(NamedTuple):
    """An answer: headers by their names in lower case, the body decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class EndpointError(Exception):
    """There was no complete answer.

    `kind` is "timeout", "connection", "name", "certificate", "size" or "encoding".
    `is_unreachable`: no connection was made at all.
    """

    def __init__(self, kind: str, message: str = "", *, is_unreachable: bool = False) -> None:
        super().__init__(message or kind)
        self.kind, self.is_unreachable = kind, is_unreachable


class _StatusError(Exception):
    """An answer other than 200, raised before the SDK reads its body without bounds."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Endpoint:
    """An OpenAI-compatible endpoint. Several threads may send requests at once."""

    def __init__(
        self,
        base_url: str,
        query: Mapping[str, str],
        key: str,
        timeout: float,
        *,
        use_proxies: bool,
    ) -> None:
        """Make the client; nothing is sent. use_proxies: whether the proxies of the environment
        are used.
        """
        import openai

        self._timeout = timeout
        self._thread_state = threading.local()
        # Each request has its own connection: an idle one may have been closed, which would look
        # like a failure.
        http = openai.DefaultHttpxClient(
            follow_redirects=False,
            trust_env=use_proxies,
            timeout=openai.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT)),
            limits=_without_keepalive(),
            event_hooks={"request": [self._trace_connection], "response": [_raise_unless_200]},
        )
        self._client = openai.OpenAI(
            base_url=base_url,
            default_query=dict(query),
            api_key=key,
            max_retries=0,
            http_client=http,
            timeout=timeout,
        )

    def request(self, **parameters: Any) -> HttpAnswer:
        """The answer to a chat completion. Raises EndpointError."""
        with self._time_limit() as connection:
            try:
                create: Any = self._client.chat.completions.with_streaming_response.create
                with create(**parameters, extra_headers={"Accept-Encoding": "gzip"}) as response:
                    return _read_answer(response.http_response)
            # Whatever the SDK and its transport raise is about this one request.
            except Exception as error:
                return _answer_from_error(error, is_late=connection.is_late)

    @contextlib.contextmanager
    def _time_limit(self) -> Iterator[_Connection]:
        """Close the connection of the request after the timeout."""
        connection = self._thread_state.connection = _Connection()
        timer = threading.Timer(self._timeout, connection.close)
        timer.daemon = True
        timer.start()
        try:
            yield connection
        finally:
            timer.cancel()

    def _trace_connection(self, request: Any) -> None:
        trace = self._thread_state.connection.trace
        request.extensions = {**request.extensions, "trace": trace}


class _Connection:
    """The connection of one request, which another thread may close."""

    def __init__(self) -> None:
        self.is_late = False
        self._socket: socket.socket | None = None

    def trace(self, name: str, info: Mapping[str, Any]) -> None:
        """Keep the socket of the connection, and close it if the time is over."""
        stream: Any = info.get("return_value")
        if name.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = stream.get_extra_info("socket")
            if self.is_late:
                self.close()

    def close(self) -> None:
        """Shut the connection down, now or as soon as it is made."""
        self.is_late = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _without_keepalive() -> Any:
    """Limits of the transport that the installed SDK uses: httpx2 or httpx."""
    import openai

    transport = next(
        kind.__module__.partition(".")[0]
        for kind in openai.DefaultHttpxClient.__mro__
        if kind.__name__ == "Client"
    )
    return sys.modules[transport].Limits(max_connections=None, max_keepalive_connections=0)


def _raise_unless_200(response: Any) -> None:
    """Raise _StatusError, with the answer, for a status other than 200."""
    if response.status_code == 200:
        return
    try:
        answer = _read_answer(response)
    except Exception:  # a body that is cut or too long; the status is enough
        answer = HttpAnswer(response.status_code, _lower_names(response.headers), b"")
    raise _StatusError(answer)


def _lower_names(headers: Any) -> dict[str, str]:
    """Headers by their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}


def _read_answer(response: Any) -> HttpAnswer:
    """The answer of a response. Raises EndpointError where it is too large."""
    headers = _lower_names(response.headers)
    encoding = headers.get("content-encoding", "").strip().lower()
    body = bytearray()
    for chunk in _decompress(response.iter_raw(), encoding):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise EndpointError("size", f"an answer of more than {MAX_ANSWER_BYTES:,} bytes")
    return HttpAnswer(response.status_code, headers, bytes(body))


def _decompress(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The decompressed chunks of a body. Raises EndpointError for an unknown encoding."""
    if encoding in ("", "identity"):
        yield from chunks
        return
    if encoding not in ("gzip", "x-gzip"):
        raise EndpointError(
            "encoding", f"an answer in an encoding that was not requested: {encoding[:40]}"
        )
    gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
    for chunk in chunks:
        # At most one byte over the limit is decompressed: then the reader stops.
        yield gzip.decompress(chunk, MAX_ANSWER_BYTES + 1)
    if not gzip.eof:
        raise EndpointError("connection", "an answer that is cut off")


def _answer_from_error(error: BaseException, *, is_late: bool) -> HttpAnswer:
    """The answer that an exception carries. Raises EndpointError where it carries none."""
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, _StatusError):
            return cause.answer
        if isinstance(cause, EndpointError):
            raise cause from None
    names = [type(cause).__name__ for cause in chain]
    is_unreachable = "ConnectError" in names or "ConnectTimeout" in names
    if is_late or any("Timeout" in name for name in names):
        raise EndpointError("timeout", is_unreachable=is_unreachable) from None
    first = chain[-1]
    for cause in chain:
        if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
            raise EndpointError("name", str(first)) from None
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise EndpointError("certificate", str(first)) from None
    raise EndpointError(
        "connection", f"{type(first).__name__}: {first}", is_unreachable=is_unreachable
    ) from None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and its causes, the first cause last."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__
