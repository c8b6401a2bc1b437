"""A loopback endpoint that answers chat completions, and misbehaves as a test requires: for each
document, so many behaviours in turn.

A document is known by its marker, "DOC-" and a word, in its text. Other requests are answered
well. `requests` counts them by marker.
"""

import gzip
import json
import re
import socket
import struct
import threading
from collections import Counter
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Endpoint:
    """Serves while it is entered.

    `answer(text)`: the answer to a text without replies.
    """

    def __init__(self, answer=None, **behaviours):
        self.answer = answer or (lambda text: {"entities": []})
        self.replies = {marker: list(each) for marker, each in behaviours.items()}
        self.requests, self.bodies, self.headers = Counter(), [], []
        self.released = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    @property
    def total(self):
        return sum(self.requests.values())

    def behaviour(self, body, headers):
        """The next reply for the document of a request."""
        text = body["messages"][-1]["content"]
        marker = (re.findall(r"DOC-(\w+)", text) or [""])[-1]
        with self._lock:
            self.requests[marker] += 1
            self.bodies.append(body)
            self.headers.append(headers)
            replies = self.replies.get(marker)
            return replies.pop(0) if replies else completion(json.dumps(self.answer(text)))

    def _handler(self):
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.endpoint, self.close_connection = endpoint, True
                try:
                    endpoint.behaviour(body, self.headers)(self)
                except OSError:
                    self.close_connection = True  # the client has gone, as it may

            def do_GET(self):
                endpoint.requests["GET"] += 1
                reply(200, b"{}")(self)

        return Handler


# ---- behaviours: functions of the handler of a request -------------------------------------------


def reply(status, body=b"", kind="application/json", length=None, **headers):
    """A status, a body, and headers with _ for -."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def behave(handler):
        handler.send_response(status)
        named = {
            "Content-Type": kind,
            "Content-Length": str(len(raw) if length is None else length),
            "Connection": "close",
        }
        for name, value in {
            **named,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(raw)

    return behave


def completion(content, finish="stop", usage=None, **message):
    """A completion that says so."""
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": content, **message},
    }
    tokens = usage or {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return reply(
        200, {"id": "x", "object": "chat.completion", "choices": [choice], "usage": tokens}
    )


def found(*entities, **layers):
    """A completion with entities, each (label, quote), and other layers."""
    return completion(
        json.dumps(
            {
                "entities": [
                    {"label": label, "quote": quote, "context": ""} for label, quote in entities
                ],
                **layers,
            }
        )
    )


def error(status, message="no", code=None, kind=None, at=None, **headers):
    """An error as OpenAI writes it; `at`: under another status."""
    return reply(
        at or status, {"error": {"message": message, "type": kind, "code": code}}, **headers
    )


def too_many(**headers):
    return error(429, "slow down", "rate_limit_exceeded", **headers)


def in_a_second():
    """A date in the past: no wait."""
    return format_datetime(datetime.now(timezone.utc) - timedelta(seconds=5), usegmt=True)


def echo(status):
    """The request's key, in the body (plain, escaped), in headers, and in the reason."""

    def behave(handler):
        key = handler.headers["Authorization"].removeprefix("Bearer ")
        escaped = "".join(f"\\u{ord(sign):04x}" for sign in key)
        body = (
            f'{{"error": {{"message": "{"x" * 190}{key} Incorrect key {key} or {escaped}", "code":'
            " null}}".encode()
        )
        reply(status, body, X_Echo=key, Set_Cookie=f"key={key}")(handler)

    return behave


def echo_in_answer(handler):
    key = handler.headers["Authorization"].removeprefix("Bearer ")
    found(("PER", key), (key, "Ada"))(handler)


def page(status):
    return reply(
        status,
        b"<!doctype html><html><body>Please log in</body></html>",
        "text/html; charset=utf-8",
    )


def cut(handler):
    """Less than was promised."""
    reply(200, b'{"choices": [{"index"', length=5000)(handler)
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def reset(handler):
    """The connection is reset before any answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.rfile = handler.wfile = _Closed()


class _Closed:
    closed = True

    def flush(self):
        pass

    def close(self):
        pass


def dropped(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)


def garbage_in_chunks(handler):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"zz\r\nnot a chunk\r\n")


def garbage(handler):
    handler.wfile.write(b"\x00\x01 this is no HTTP \xff\r\n\r\n")


def hanging(handler):
    handler.endpoint.released.wait(20)


def dripping(handler):
    """A body of which a byte comes now and then, for ever."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while not handler.endpoint.released.wait(0.05):
        handler.wfile.write(b" ")


def dripping_headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not handler.endpoint.released.wait(0.05):
        handler.wfile.write(b"a")


def bomb():
    """A hundred megabytes in a hundred kilobytes, compressed before anything is asked, so that the
    answer comes at once.
    """
    return reply(200, gzip.compress(b" " * 100_000_000, 1), Content_Encoding="gzip")


def zipped(handler):
    body = json.dumps(
        {"choices": [{"message": {"content": '{"entities": []}'}, "finish_reason": "stop"}]}
    ).encode()
    reply(200, gzip.compress(body), Content_Encoding="gzip")(handler)


def redirect(to):
    return reply(307, b"", Location=to)


def deep(n):
    return completion('{"entities": ' + "[" * n + "]" * n + "}")
