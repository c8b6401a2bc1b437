"""What does an endpoint answer to one request, where neither its size, nor its time, nor a redirect
gets out of hand?

The SDK of openai sends the request; it neither retries nor follows redirects here. What comes back
is read as raw bytes: at most 4 MB of them after decompression, and all within one time, from the
connection to the last byte, however slowly it drips.

Where is an endpoint, and which key may it get?
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
    """Where the endpoint is. `shown`: its address without what might be a secret."""

    url: str
    shown: str
    query: Mapping[str, str]
    key: str = field(repr=False)
    secrets: Redactor
    local: bool

    def endpoint(self, timeout: float) -> Endpoint:
        """A client for it. Raises MissingPackage."""
        try:
            import openai  # noqa: F401 - asking.py and Asker need both
            import tenacity  # noqa: F401
        except ImportError as error:
            raise MissingDependencyError(
                f"openai models need {error.name}, which is not installed: {advise_extra('openai')}"
            ) from None
        self.secrets.keep_out_of_logs()
        return Endpoint(self.url, self.query, self.key, timeout, proxied=not self.local)


def resolve_endpoint(base_url: str | None, key_env: str) -> EndpointAddress:
    """The address and the key.

    Raises InputError for an address that is no http, or that would send a key in the clear.
    """
    address = base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI
    url = _split(address)
    bare = (
        url._replace(netloc=url.netloc.rpartition("@")[2], query="", fragment="")
        .geturl()
        .rstrip("/")
    )
    local, key = _is_local(url.hostname or ""), os.environ.get(key_env, "").strip()
    if not key and bare == OPENAI:
        raise InputError(
            f"openai: no key: set {key_env} in the environment, or name an endpoint that needs"
            f" none: {spell_option('base_url', 'URL', of='model')}"
        )
    if key and url.scheme == "http" and not local:
        raise InputError(
            f"openai: {bare} would get the key of {key_env} in the clear: https would do, or unset"
            f" {key_env}"
        )
    if not key.isascii() or not key.isprintable():
        raise InputError(f"openai: {key_env} holds a character that no key can hold")
    query = dict(parse_qsl(url.query))
    secrets = Redactor([key, url.password or "", unquote(url.password or ""), *query.values()])
    return EndpointAddress(
        url._replace(query="", fragment="").geturl(), bare, query, key or NO_KEY, secrets, local
    )


def _split(address: str) -> SplitResult:
    try:
        url = urlsplit(address)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except (ValueError, AttributeError, TypeError):
        usable = False
    if not usable:
        raise InputError(
            "openai: base_url is no address: http:// or https:// and a host would do, as in"
            f" {spell_option('base_url', 'http://127.0.0.1:8000/v1', of='model')}"
        )
    return url


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


MOST_BYTES = 4_000_000
CONNECTING = 10.0  # seconds


class HttpAnswer(NamedTuple):
    """What came back: headers by their names in lower case, the body decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class EndpointError(Exception):
    """No answer came, or none to its end.

    `kind` is "timeout", "connection", "name", "certificate", "size" or "encoding".

    `unreachable`: no connection was made at all.
    """

    def __init__(self, kind: str, said: str = "", *, unreachable: bool = False) -> None:
        super().__init__(said or kind)
        self.kind, self.unreachable = kind, unreachable


class _Refused(Exception):
    """An answer other than 200, raised before the SDK reads its body without bounds."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Endpoint:
    """An OpenAI-compatible endpoint. Several threads may ask it at once."""

    def __init__(
        self, base_url: str, query: Mapping[str, str], key: str, timeout: float, *, proxied: bool
    ) -> None:
        """Make the client; nothing is sent. proxied: whether the proxies of the environment are
        used.
        """
        import openai

        self._timeout = timeout
        self._here = threading.local()
        # Each request has a connection of its own: one that has lain idle may be gone, which would
        # look like a failure.
        http = openai.DefaultHttpxClient(
            follow_redirects=False,
            trust_env=proxied,
            timeout=openai.Timeout(timeout, connect=min(timeout, CONNECTING)),
            limits=_without_keepalive(),
            event_hooks={"request": [self._watch], "response": [_only_200]},
        )
        self._client = openai.OpenAI(
            base_url=base_url,
            default_query=dict(query),
            api_key=key,
            max_retries=0,
            http_client=http,
            timeout=timeout,
        )

    def ask(self, **wish: Any) -> HttpAnswer:
        """The answer to a chat completion. Raises Broken."""
        with self._in_time() as line:
            try:
                create: Any = self._client.chat.completions.with_streaming_response.create
                with create(**wish, extra_headers={"Accept-Encoding": "gzip"}) as response:
                    return _read(response.http_response)
            except (
                Exception
            ) as error:  # whatever the SDK and its transport raise is about this one request
                return _classify_error(error, late=line.late)

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[_Connection]:
        line = self._here.line = _Connection()
        timer = threading.Timer(self._timeout, line.cut)
        timer.daemon = True
        timer.start()
        try:
            yield line
        finally:
            timer.cancel()

    def _watch(self, request: Any) -> None:
        request.extensions = {**request.extensions, "trace": self._here.line.trace}


class _Connection:
    """The connection of one request, which another thread may cut."""

    def __init__(self) -> None:
        self.late = False
        self._socket: socket.socket | None = None

    def trace(self, name: str, info: Mapping[str, Any]) -> None:
        stream: Any = info.get("return_value")
        if name.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = stream.get_extra_info("socket")
            if self.late:
                self.cut()

    def cut(self) -> None:
        self.late = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _without_keepalive() -> Any:
    """Limits of the transport that the installed SDK uses: that is httpx2, or httpx."""
    import openai

    transport = next(
        kind.__module__.partition(".")[0]
        for kind in openai.DefaultHttpxClient.__mro__
        if kind.__name__ == "Client"
    )
    return sys.modules[transport].Limits(max_connections=None, max_keepalive_connections=0)


def _only_200(response: Any) -> None:
    if response.status_code == 200:
        return
    try:
        answer = _read(response)
    except Exception:  # what an error says is cut off, or too much; its status says enough
        answer = HttpAnswer(response.status_code, _names(response.headers), b"")
    raise _Refused(answer)


def _names(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _read(response: Any) -> HttpAnswer:
    headers = _names(response.headers)
    body = bytearray()
    for piece in _decompressed(
        response.iter_raw(), headers.get("content-encoding", "").strip().lower()
    ):
        body += piece
        if len(body) > MOST_BYTES:
            raise EndpointError("size", f"an answer of more than {MOST_BYTES:,} bytes")
    return HttpAnswer(response.status_code, headers, bytes(body))


def _decompressed(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    if encoding in ("", "identity"):
        yield from pieces
        return
    if encoding not in ("gzip", "x-gzip"):
        raise EndpointError(
            "encoding", f"an answer in an encoding that was not asked for: {encoding[:40]}"
        )
    gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
    for piece in pieces:
        yield gzip.decompress(
            piece, MOST_BYTES + 1
        )  # no more is ever made of it: the cap ends the reading
    if not gzip.eof:
        raise EndpointError("connection", "an answer that is cut off")


def _classify_error(error: BaseException, *, late: bool) -> HttpAnswer:
    """The answer that an exception carries; else raises what happened as Broken."""
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, _Refused):
            return link.answer
        if isinstance(link, EndpointError):
            raise link from None
    unreachable = any(type(link).__name__ in ("ConnectError", "ConnectTimeout") for link in chain)
    if late or any("Timeout" in type(link).__name__ for link in chain):
        raise EndpointError("timeout", unreachable=unreachable) from None
    if any(isinstance(link, socket.gaierror) and link.errno != socket.EAI_AGAIN for link in chain):
        raise EndpointError("name", str(chain[-1])) from None
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain):
        raise EndpointError("certificate", str(chain[-1])) from None
    raise EndpointError(
        "connection", f"{type(chain[-1]).__name__}: {chain[-1]}", unreachable=unreachable
    ) from None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what caused it, the first cause last."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__
