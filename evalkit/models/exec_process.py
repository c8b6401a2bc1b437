"""The process of a program: writes lines to its stdin while others are read from its stdout, and
ends it with all processes that it started.

Three pipes would block for ever if they were served one after the other: one thread writes to
stdin, one forwards stderr, and stdout is read by the caller. A program whose output is not read
waits.
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

MAX_LINE_BYTES = 64_000_000
STDERR_TAIL_BYTES = 4_000  # of stderr, kept for messages
EXIT_TIMEOUT = 10.0  # seconds to exit after the last answer
TERMINATE_TIMEOUT = 3.0  # seconds between SIGTERM and SIGKILL
POLL_INTERVAL = 0.5  # seconds between checks whether it still runs


class ProcessTimeoutError(Exception):
    """A program that wrote no complete line in time, or one that is too long.

    `partial_line`: the start of the incomplete line.
    """

    def __init__(self, message: str, partial_line: bytes = b"") -> None:
        self.partial_line = partial_line
        super().__init__(message)


class ModelProcess:
    """A program that runs, from its start to `end`."""

    def __init__(self, argv: Sequence[str], lines: Iterable[bytes]) -> None:
        """Start the program, and begin to write the lines to its stdin.

        Raises InputError if it cannot be started.
        """
        pipe = subprocess.PIPE
        # By default, Python buffers what it prints to a pipe.
        environment = {"PYTHONUNBUFFERED": "1", **os.environ}
        try:
            # In its own session, so that all processes that it starts can be ended with it.
            self._process = subprocess.Popen(  # noqa: S603
                argv, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
            )
        except OSError as error:
            raise InputError(
                f"{argv[0]}: cannot be started: {error.strerror}; does its first line name an"
                " interpreter, as in #!/usr/bin/env python3?"
            ) from None
        self._stdout = cast("IO[bytes]", self._process.stdout)
        self._is_closed = False  # whether its stdout has ended
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)
        self._buffer, self._stderr = bytearray(), bytearray()
        self._searched = 0  # bytes of the buffer without a line end
        self._threads = [
            _start_thread(_write_lines, self._process.stdin, lines),
            _start_thread(_forward_stderr, self._process.stderr, self._stderr),
        ]

    def read_line(self, seconds: float | None) -> bytes | None:
        """The next line of its stdout; None at the end.

        Raises ProcessTimeoutError after so many seconds without output, and for a line that is too
        long.
        """
        while (end := self._buffer.find(b"\n", self._searched)) < 0:
            self._searched = len(self._buffer)
            if self._searched > MAX_LINE_BYTES:
                raise ProcessTimeoutError(
                    f"a line of more than {MAX_LINE_BYTES:,} bytes", bytes(self._buffer[:1000])
                )
            chunk = self._read_chunk(seconds)
            self._buffer += chunk
            if not chunk:
                rest = bytes(self._buffer)
                self._buffer.clear()
                return rest or None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        return line

    def _read_chunk(self, seconds: float | None) -> bytes:
        """The next bytes of its stdout; empty when stdout is closed, or the program has exited and
        the processes that it left behind write nothing.
        """
        started = time.monotonic()
        while True:
            has_exited = self._process.poll() is not None
            timeout = POLL_INTERVAL
            if seconds is not None:
                timeout = min(POLL_INTERVAL, started + seconds - time.monotonic())
            if self._selector.select(max(timeout, 0)):
                chunk = os.read(self._stdout.fileno(), 65_536)
                self._is_closed = not chunk
                return chunk
            if has_exited:
                return b""
            if timeout <= 0:
                raise ProcessTimeoutError(f"no answer within {seconds:g} s")

    def wait_for_exit(self) -> str:
        """The outcome, such as "ended with exit status 1"; waits some seconds for the exit."""
        try:
            status = self._process.wait(EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            return "closed its output and did not exit"
        if status < 0:
            return f"was ended by {_signal_name(-status)}"
        return f"ended with exit status {status}"

    def stderr_tail(self) -> str:
        """The last line of its stderr, quoted; empty if there is none."""
        self._threads[1].join(POLL_INTERVAL)
        lines = self._stderr.decode(errors="replace").split("\n")
        for line in reversed(lines):
            if line.strip():
                return quoted_repr(line.strip(), 300)
        return ""

    def end(self) -> None:
        """End the program and all processes that it started, with SIGTERM and then SIGKILL."""
        if self._is_running():
            for signal_number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal_number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(TERMINATE_TIMEOUT)
        for thread in self._threads:
            thread.join(POLL_INTERVAL)
        self._selector.close()
        self._stdout.close()

    def _is_running(self) -> bool:
        """Whether the program runs, or a process that it started keeps stdout or stderr open."""
        if self._process.poll() is None or not self._is_closed:
            return True
        self._threads[1].join(POLL_INTERVAL)
        return self._threads[1].is_alive()


def _start_thread(target: Any, *arguments: Any) -> threading.Thread:
    """A started daemon thread."""
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def _write_lines(stdin: IO[bytes], lines: Iterable[bytes]) -> None:
    """Write the lines to a program's stdin, until it closes it."""
    with contextlib.suppress(OSError):
        for line in lines:
            stdin.write(line + b"\n")
            stdin.flush()
    with contextlib.suppress(OSError):
        stdin.close()


def _forward_stderr(stderr: IO[bytes], tail: bytearray) -> None:
    """Forward a program's stderr to our own, and keep the end of it."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while chunk := os.read(stderr.fileno(), 65_536):
        tail += chunk
        del tail[:-STDERR_TAIL_BYTES]
        # Our own stderr may be closed or None.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(decoder.decode(chunk))
            sys.stderr.flush()
    stderr.close()


def _signal_name(number: int) -> str:
    """The name of a signal, or its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
