"""Models that run as a program, in any language: documents as JSONL on its stdin, predictions as
JSONL on its stdout.

The program is started once, without a shell, in the working folder. It reads documents without
annotations, `{"id": …, "text": …}` on a line each, and writes a line for each document in evalkit's
own format, in any order; `text` may be left out, and `{"id": …, "failure": "reason"}` reports a
failure. It may answer one by one, or everything at the end. Its stderr is forwarded.

An entity may have a text and no offsets, `{"label": "PER", "text": "Ada"}`: it is unplaced, and its
text counts in the layer of surfaces. Invalid parts of an answer become `Unplaced`. A line that is
not an answer fails the document whose id it starts with, and is shown on stderr if it has none. A
second answer for a document fails the document, or ends the run with ModelError if the first has
been returned. Documents without an answer fail with the program's exit status as the reason.

- `timeout`: seconds without output after which the program is ended, with all processes that it
  started. The document that was awaited fails, and the program is started again for the others. The
  timeout includes loading before the first answer, and all the work of a program that answers at
  the end.
- `ground`: whether to search the texts of entities without offsets in the document.
"""

from __future__ import annotations

import hashlib
import math
import re
import shlex
import shutil
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from evalkit.data.document import Document
from evalkit.errors import InputError, ModelError, print_notice, quoted_repr, spell_option
from evalkit.formats.reading_options import parse_bool
from evalkit.models.exec_answers import LEFT_OUT, build_document, decode_line
from evalkit.models.exec_process import EXIT_TIMEOUT, ModelProcess, ProcessTimeoutError
from evalkit.models.registry import Model
from evalkit.redaction import redact, redact_values, secret_option_values

MAX_WARNINGS = 3  # lines of a kind that are shown; the others are counted
SUCCESS = "ended with exit status 0"
_SHELL_OPERATORS = frozenset("| || & && ; > >> < 2>".split())
_LEADING_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*("(?:[^"\\]|\\.)*")')


def load(command: str, *, timeout: float | None = None, ground: bool | str = False) -> Model:
    """A model from a command.

    Raises InputError for a command that cannot be run, and for an invalid value of an option.
    """
    is_grounded = parse_bool("ground", ground)
    argv = _parse_command(command)
    is_valid = timeout is None or (type(timeout) in (int, float) and 0 < timeout < math.inf)
    if not is_valid:
        option = spell_option("timeout", timeout, of="model")
        raise InputError(f"exec: {option}: expected a number of seconds > 0")
    secrets = tuple(secret_option_values(argv))
    name = f"exec:{redact_values(command, secrets)}"
    settings: dict[str, object] = {
        "command": [redact_values(word, secrets) for word in argv],
        "files (sha256)": _file_digests(argv),
    }
    if is_grounded:
        settings["ground"] = True
    return Model(
        name,
        lambda documents: _predict(name, argv, documents, timeout, ground=is_grounded),
        batch_size=0,
        settings=settings,
        secrets=secrets,
        streams=True,
    )


def _parse_command(command: str) -> list[str]:
    """The program and its arguments. Raises InputError for a command that cannot be run."""
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise InputError(f"exec:{command}: {error}") from None
    if not argv or not argv[0]:
        raise InputError(
            "exec: write a command after the colon, as in exec:./model.py or exec:'python model.py"
            " --fast'"
        )
    operators = _SHELL_OPERATORS.intersection(argv)
    if operators:
        raise InputError(
            f'exec:{command}: {min(operators)} needs a shell, and none is used: write exec:"sh -c'
            " '…'\""
        )
    if shutil.which(argv[0]) is None:
        raise InputError(f"exec:{command}: {_command_error(argv[0])}")
    return argv


def _command_error(program: str) -> str:
    """The message for a program that cannot be run, with how to fix it."""
    if Path(program).is_dir():
        return f"{program} is a folder"
    has_folder = "/" in program
    if not Path(program).is_file():
        return f"no program {quoted_repr(program)} {'there' if has_folder else 'on the PATH'}"
    if not has_folder:
        return (
            f"no program {quoted_repr(program)} on the PATH; for the file in the working folder,"
            f" write ./{program}"
        )
    return (
        f"{program} is not executable: use chmod +x {program}, or name its interpreter, as in"
        f" python {program}"
    )


def _file_digests(argv: Sequence[str]) -> dict[str, str]:
    """The digests of the program's own files: the program, if its path is given, and the first file
    among its arguments, its script.
    """
    files = [argv[0]] if "/" in argv[0] else []
    for before, word in pairwise(argv):
        # The value of an option may be a log, which is another file at the next start.
        if not before.startswith("--") and Path(word).is_file():
            files.append(word)
            break
    return {file: _digest(Path(file)) for file in files}


def _digest(path: Path) -> str:
    """The SHA-256 of a file, or "unreadable"."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:  # an executable file need not be readable
        return "unreadable"


def _predict(
    name: str,
    argv: Sequence[str],
    documents: Sequence[Document],
    timeout: float | None,
    *,
    ground: bool,
) -> Iterator[Document]:
    """The documents as the program annotates them, in their order, each as soon as it is there."""
    answers = _AnswerQueue(name, documents, ground=ground)
    while answers.open:
        lines = (
            msgspec.json.encode({"id": document.id, "text": document.text})
            for document in list(answers.open.values())
        )
        process = ModelProcess(argv, lines)
        try:
            yield from _read_answers(process, answers, timeout)
        except ProcessTimeoutError as error:
            answers.fail_one(_parse_leading_id(error.partial_line), str(error))
        finally:
            process.end()
        yield from answers.pop_ready()
    answers.report_suppressed()


def _read_answers(
    process: ModelProcess, answers: _AnswerQueue, timeout: float | None
) -> Iterator[Document]:
    """The answers of a program until it ends; then all other documents have failed."""
    number = 0
    try:
        while True:
            line = process.read_line(timeout if answers.open else EXIT_TIMEOUT)
            if line is None:
                break
            number += 1
            answers.add_line(number, line)
            yield from answers.pop_ready()
    except ProcessTimeoutError:
        if answers.open:
            raise
        answers.close("did not exit", "")
        return
    outcome = process.wait_for_exit()
    stderr = process.stderr_tail() if answers.open or outcome != SUCCESS else ""
    answers.close(outcome, stderr)


class _AnswerQueue:
    """The documents that wait for an answer, and the answers that have not been returned."""

    def __init__(self, name: str, documents: Sequence[Document], *, ground: bool) -> None:
        self.name, self._ground = name, ground
        self.open = {document.id: document for document in documents}
        self._ids = frozenset(self.open)
        self._order = deque(self.open)
        self._answers: dict[str, Document] = {}
        self._first_stray_line = ""
        self._warning_counts: dict[str, int] = {}

    def pop_ready(self) -> Iterator[Document]:
        """The next documents in order, as far as they are answered."""
        while self._order and self._order[0] in self._answers:
            yield self._answers.pop(self._order.popleft())

    def add_line(self, number: int, line: bytes) -> None:
        """Take a line of the program's output.

        Raises ModelError for a second answer to a document that has been returned.
        """
        if not line.strip():
            return
        try:
            answer = decode_line(line.removeprefix(b"\xef\xbb\xbf"))
        except InputError as error:
            self._add_unreadable_line(number, line, str(error))
            return
        id = answer.get("id") if isinstance(answer, Mapping) else None
        if not isinstance(id, str) or id not in self._ids:
            self._warn_of_stray_line(number, line, "has no id of a document that was sent")
        elif id not in self.open:
            self._add_second_answer(id, number, line)
        else:
            self._add_answer(id, build_document(self.open[id], answer, ground=self._ground))

    def fail(self, id: str, reason: str) -> None:
        """Answer a document with a failure."""
        self._add_answer(id, msgspec.structs.replace(self.open[id], failure=reason))

    def fail_one(self, id: str, reason: str) -> None:
        """Fail this document or, if it is not open, the first in order that is."""
        if id not in self.open:
            id = next(first for first in self._order if first in self.open)
        self.fail(id, reason)

    def close(self, outcome: str, stderr: str) -> None:
        """Fail all open documents, since the program has ended. `outcome` says how; `stderr` is the
        last line of its stderr.
        """
        reasons = [f"no answer: the program {outcome}"]
        if self._first_stray_line:
            reasons.append(self._first_stray_line)
        if stderr:
            reasons.append(f"stderr: {stderr}")
        if not self.open and outcome != SUCCESS:
            suffix = f"; stderr: {stderr}" if stderr else ""
            self._warn("exit status", f"the program {outcome} after its last answer{suffix}")
        for id in list(self.open):
            self.fail(id, "; ".join(reasons))

    def report_suppressed(self) -> None:
        """Print the number of warnings of each kind that were not shown."""
        for kind, count in self._warning_counts.items():
            if count > MAX_WARNINGS:
                print_notice(redact(f"{self.name}: {kind}: {count - MAX_WARNINGS} more"))

    def _add_answer(self, id: str, answer: Document) -> None:
        """Store an answer; warns of parts that were left out of it."""
        del self.open[id]
        self._answers[id] = answer
        left_out = (answer.meta or {}).get(LEFT_OUT)
        if left_out:
            more = f"; {len(left_out) - 1} more" if len(left_out) > 1 else ""
            self._warn("left out", f"document {quoted_repr(id)}: left out: {left_out[0]}{more}")

    def _add_second_answer(self, id: str, number: int, line: bytes) -> None:
        """Fail a document with two answers. Raises ModelError if the first has been returned."""
        problem = (
            f"line {number} is a second answer for document {quoted_repr(id)}: expected one line"
            " for each document"
        )
        if id not in self._answers:
            raise ModelError(f"{self.name}: {problem}: {_quote(line)}")
        self._answers[id] = Document(id, self._answers[id].text, failure=problem)

    def _add_unreadable_line(self, number: int, line: bytes, problem: str) -> None:
        """Fail the document whose id an unreadable line starts with, or warn of the line."""
        id = _parse_leading_id(line)
        if id in self.open:
            self.fail(id, f"line {number} is {problem}: {_quote(line)}")
        else:
            self._warn_of_stray_line(number, line, f"is {problem}")

    def _warn_of_stray_line(self, number: int, line: bytes, problem: str) -> None:
        """Warn of a line that answers no document."""
        message = f"line {number} {problem}: {_quote(line)}"
        self._first_stray_line = self._first_stray_line or message
        self._warn("lines that are not answers", f"{message}; write other output to stderr")

    def _warn(self, kind: str, message: str) -> None:
        """Print a warning, unless enough of its kind were printed."""
        count = self._warning_counts.get(kind, 0) + 1
        self._warning_counts[kind] = count
        if count <= MAX_WARNINGS:
            print_notice(redact(f"{self.name}: {message}"))


def _quote(line: bytes) -> str:
    """The start of a line, quoted for a message."""
    return quoted_repr(line[:1000].decode(errors="replace").strip())


def _parse_leading_id(line: bytes) -> str:
    """The id at the start of a line that may be cut or invalid; empty if there is none."""
    match = _LEADING_ID.match(line[:1000])
    try:
        return str(msgspec.json.decode(match[1])) if match else ""
    except msgspec.DecodeError:
        return ""
