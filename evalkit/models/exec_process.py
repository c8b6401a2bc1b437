"""What does a program say?

Lines go in and lines come out, at the same time, and it is ended with all that it started.

Three pipes would block for ever if they were served one after the other: one thread feeds stdin,
one passes stderr on, and stdout is read where it is waited for. A program that is not read waits.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from typing import IO, Any, cast

from evalkit.errors import InputError, quoted_repr

MOST_BYTES = 64_000_000  # in a line
STDERR_TAIL_BYTES = 4_000  # bytes of stderr that are kept for messages
EXIT_TIMEOUT = 10.0  # seconds that a program may take to end, once it has said everything
TERMINATE_TIMEOUT = 3.0  # seconds between asking it to end and ending it
POLL_INTERVAL = 0.5  # seconds between looks at whether it still runs


class ProcessTimeout(Exception):
    """A program from which no further line is to be expected, and why.

    `begun`: what it has said of one.
    """

    def __init__(self, why: str, begun: bytes = b"") -> None:
        self.begun = begun
        super().__init__(why)


class ModelProcess:
    """A program that runs, from its start to `end`."""

    def __init__(self, argv: Sequence[str], lines: Iterable[bytes]) -> None:
        """Start it, and begin to tell it the lines.

        Raises InputError where it cannot be started.
        """
        pipe = subprocess.PIPE
        # Python holds back what it prints to a pipe, unless it is told not to.
        environment = {"PYTHONUNBUFFERED": "1", **os.environ}
        try:
            # In a session of its own, so that all that it starts can be ended with it.
            self._process = subprocess.Popen(  # noqa: S603
                argv, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
            )
        except OSError as error:
            raise InputError(
                f"{argv[0]}: cannot be started: {error.strerror}; does its first line name what"
                " runs it, as in #!/usr/bin/env python3?"
            ) from None
        self._out = cast("IO[bytes]", self._process.stdout)
        self._silent = False  # whether its output has come to its end
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._read, self._searched, self._tail = bytearray(), 0, bytearray()
        self._threads = [
            _started(_tell, self._process.stdin, lines),
            _started(_forward_stderr, self._process.stderr, self._tail),
        ]

    def line(self, seconds: float | None) -> bytes | None:
        """Its next line, None at the end.

        Raises Stuck after so many seconds of silence, and for a line that is too long.
        """
        while (end := self._read.find(b"\n", self._searched)) < 0:
            self._searched = len(self._read)
            if self._searched > MOST_BYTES:
                raise ProcessTimeout(
                    f"a line of more than {MOST_BYTES:,} bytes", bytes(self._read[:1000])
                )
            chunk = self._chunk(seconds)
            self._read += chunk
            if not chunk:
                rest = bytes(self._read)
                self._read.clear()
                return rest or None
        line = bytes(self._read[:end])
        del self._read[: end + 1]
        self._searched = 0
        return line

    def _chunk(self, seconds: float | None) -> bytes:
        """What it says next, empty at the end: it has closed its output, or is gone and what it
        left behind says nothing.
        """
        began = time.monotonic()
        while True:
            gone = self._process.poll() is not None
            left = (
                POLL_INTERVAL
                if seconds is None
                else min(POLL_INTERVAL, began + seconds - time.monotonic())
            )
            if self._selector.select(max(left, 0)):
                chunk = os.read(self._out.fileno(), 65_536)
                self._silent = not chunk
                return chunk
            if gone:
                return b""
            if left <= 0:
                raise ProcessTimeout(f"no answer within {seconds:g} s")

    def ended(self) -> str:
        """How it ended, such as "ended with exit status 1"; waits a few seconds for it to."""
        try:
            status = self._process.wait(EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            return "closed its output and ran on"
        return (
            f"was ended by {_signal(-status)}" if status < 0 else f"ended with exit status {status}"
        )

    def stderr_tail(self) -> str:
        """The last line that it wrote to stderr, quoted; empty if there is none."""
        self._threads[1].join(POLL_INTERVAL)
        lines = self._tail.decode(errors="replace").split("\n")
        return next(
            (quoted_repr(line.strip(), 300) for line in reversed(lines) if line.strip()), ""
        )

    def end(self) -> None:
        """End it, and what it has started: asked first, then not."""
        if self._is_left():
            for sign in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(TERMINATE_TIMEOUT)
        for thread in self._threads:
            thread.join(POLL_INTERVAL)
        self._selector.close()
        self._out.close()

    def _is_left(self) -> bool:
        """Whether it still runs, or something that it has started holds its output open."""
        if self._process.poll() is None or not self._silent:
            return True
        self._threads[1].join(POLL_INTERVAL)
        return self._threads[1].is_alive()


def _started(work: Any, *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def _tell(stdin: IO[bytes], lines: Iterable[bytes]) -> None:
    """Tell a program the lines; one that stops to listen is told no more, and what it has not heard
    it cannot answer.
    """
    with contextlib.suppress(OSError):
        for line in lines:
            stdin.write(line + b"\n")
            stdin.flush()
    with contextlib.suppress(OSError):
        stdin.close()


def _forward_stderr(stderr: IO[bytes], tail: bytearray) -> None:
    """Pass on what a program says on stderr, and keep the last of it."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while chunk := os.read(stderr.fileno(), 65_536):
        tail += chunk
        del tail[:-STDERR_TAIL_BYTES]
        with contextlib.suppress(
            OSError, ValueError, AttributeError
        ):  # our own stderr may be closed, or none
            sys.stderr.write(decoder.decode(chunk))
            sys.stderr.flush()
    stderr.close()


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
