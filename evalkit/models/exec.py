"""A program in any language and any environment: documents as JSONL on its stdin, predictions as
JSONL on its stdout.

It is started once, without a shell, in the working folder. It reads bare documents, `{"id": …,
"text": …}` on a line each, and answers with a line for each document in evalkit's own format, in
any order; `text` may be left out, and `{"id": …, "failure": "reason"}` says that it failed. It may
answer one by one, or all at the end. Its stderr is passed on.

What is invalid within an answer becomes `Unplaced` (see exec_answers.py). A line that is not an
answer fails the document that it names, and is shown on stderr where it names none. A second answer
for a document fails the document, or ends the run with ModelError if the first has been handed out.
Documents without an answer fail with the program's exit status as the reason.

- `timeout`: seconds without any output after which the program is ended, with all processes that it
  started. The document that was awaited has failed, and the program is started again for the
  others. It holds for the first answer too, and so for what has to be loaded before it, and for all
  the work of a program that answers at the end.
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
from evalkit.models.exec_answers import LEFT_OUT, decode_line, document_from_answer
from evalkit.models.exec_process import EXIT_TIMEOUT, ModelProcess, ProcessTimeout
from evalkit.models.registry import Model
from evalkit.redaction import redact, redact_values, secret_option_values

MAX_WARNINGS = 3  # lines of a kind that are told one by one
_SHELL = frozenset("| || & && ; > >> < 2>".split())
_NAMES = re.compile(rb'\s*\{\s*"id"\s*:\s*("(?:[^"\\]|\\.)*")')


def load(what: str, *, timeout: float | None = None) -> Model:
    """A model from a command.

    Raises InputError for one that cannot be run, and for a timeout that is no number of seconds
    above 0.
    """
    argv = _argv(what)
    if timeout is not None and not (type(timeout) in (int, float) and 0 < timeout < math.inf):
        raise InputError(
            f"exec: {spell_option('timeout', timeout, of='model')}: a number of seconds above 0"
            " would do"
        )
    secrets = tuple(secret_option_values(argv))
    name = f"exec:{redact_values(what, secrets)}"
    settings = {
        "command": [redact_values(word, secrets) for word in argv],
        "files (sha256)": _digests(argv),
    }
    return Model(
        name,
        lambda documents: _answers(name, argv, documents, timeout),
        batch_size=0,
        settings=settings,
        secrets=secrets,
        streams=True,
    )


def _argv(command: str) -> list[str]:
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise InputError(f"exec:{command}: {error}") from None
    if not argv or not argv[0]:
        raise InputError(
            "exec: write a command after the colon, as in exec:./model.py or exec:'python model.py"
            " --fast'"
        )
    if signs := _SHELL.intersection(argv):
        raise InputError(
            f"exec:{command}: {min(signs)} is for a shell, and none is used: exec:\"sh -c '…'\""
            " would do"
        )
    if shutil.which(argv[0]) is None:
        raise InputError(f"exec:{command}: {_command_error(argv[0])}")
    return argv


def _command_error(program: str) -> str:
    """Why a program cannot be run, and what would do."""
    if Path(program).is_dir():
        return f"{program} is a folder"
    if not Path(program).is_file():
        return f"no program {quoted_repr(program)} {'there' if '/' in program else 'on the PATH'}"
    if "/" not in program:
        return (
            f"no program {quoted_repr(program)} on the PATH; for the file that is here, write"
            f" ./{program}"
        )
    return (
        f"{program} is not executable: chmod +x {program}, or name what runs it, as in python"
        f" {program}"
    )


def _digests(argv: Sequence[str]) -> dict[str, str]:
    """What the program's own files say: the program, if it is named by its path, and the first file
    that it is given, its script.
    """
    named = [argv[0]] if "/" in argv[0] else []
    # What follows an option is its value: a log, say, that is another file at the next start.
    scripts = (
        word
        for before, word in pairwise(argv)
        if not before.startswith("--") and Path(word).is_file()
    )
    return {file: _digest(Path(file)) for file in [*named, *list(scripts)[:1]]}


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:  # what may be run need not be readable
        return "unreadable"


def _answers(
    name: str, argv: Sequence[str], documents: Sequence[Document], timeout: float | None
) -> Iterator[Document]:
    """The documents as the program answers them, in the order of asking, each as soon as it can be
    had.
    """
    answers = _AnswerQueue(name, documents)
    while left := answers.unanswered():
        program = ModelProcess(
            argv,
            (msgspec.json.encode({"id": document.id, "text": document.text}) for document in left),
        )
        try:
            yield from _read_answers(program, answers, timeout)
        except ProcessTimeout as stuck:
            answers.fail_one(_leading_id(stuck.begun), str(stuck))
        finally:
            program.end()
        yield from answers.ready()
    answers.report_suppressed()


def _read_answers(
    program: ModelProcess, answers: _AnswerQueue, timeout: float | None
) -> Iterator[Document]:
    """What the program answers until it ends; then all that it has not answered has failed."""
    number = 0
    try:
        while (line := program.line(timeout if answers.open else EXIT_TIMEOUT)) is not None:
            number += 1
            answers.take(number, line)
            yield from answers.ready()
    except ProcessTimeout:
        if answers.open:
            raise
        answers.close("did not end by itself", "")
        return
    how = program.ended()
    words = program.stderr_tail() if answers.open or how != "ended with exit status 0" else ""
    answers.close(how, words)


class _AnswerQueue:
    """What was asked, what has been answered, and what has been handed out."""

    def __init__(self, name: str, documents: Sequence[Document]) -> None:
        self.name = name
        self.open = {document.id: document for document in documents}
        self._asked = frozenset(self.open)
        self._order = deque(self.open)
        self._given: dict[str, Document] = {}
        self._stray = ""
        self._told: dict[str, int] = {}

    def unanswered(self) -> list[Document]:
        return list(self.open.values())

    def ready(self) -> Iterator[Document]:
        """Hand out what is next in the order of asking, as far as it is there."""
        while self._order and self._order[0] in self._given:
            yield self._given.pop(self._order.popleft())

    def take(self, number: int, line: bytes) -> None:
        """A line that the program has said.

        Raises ModelError where it answers a document again that has been handed out.
        """
        if not line.strip():
            return
        try:
            answer = decode_line(line.removeprefix(b"\xef\xbb\xbf"))
        except InputError as fault:
            self._unreadable(number, line, str(fault))
            return
        id = answer.get("id") if isinstance(answer, Mapping) else None
        if not isinstance(id, str) or id not in self._asked:
            self._pass_over(number, line, "names no document that was asked")
        elif id not in self.open:
            self._again(id, number, line)
        else:
            self._give(id, document_from_answer(self.open[id], answer))

    def fail(self, id: str, reason: str) -> None:
        self._give(id, msgspec.structs.replace(self.open[id], failure=reason))

    def fail_one(self, id: str, reason: str) -> None:
        """Fail this document or, if it is not open, the one that is waited for: the first in the
        order of asking.
        """
        self.fail(
            id if id in self.open else next(id for id in self._order if id in self.open), reason
        )

    def close(self, how: str, words: str) -> None:
        """Fail what is open: the program has ended.

        What it says in dying is told where nothing is.
        """
        reason = "; ".join(
            filter(
                None, [f"no answer: the program {how}", self._stray, words and f"stderr: {words}"]
            )
        )
        if not self.open and how != "ended with exit status 0":
            self._tell(
                "ending", f"the program {how} after its last answer{words and f'; stderr: {words}'}"
            )
        for id in list(self.open):
            self.fail(id, reason)

    def report_suppressed(self) -> None:
        """Say how much more there was of what is told."""
        for kind, number in self._told.items():
            if number > MAX_WARNINGS:
                print_notice(redact(f"{self.name}: {kind}: {number - MAX_WARNINGS} more"))

    def _give(self, id: str, answer: Document) -> None:
        del self.open[id]
        self._given[id] = answer
        if left_out := (answer.meta or {}).get(LEFT_OUT):
            self._tell(
                "left out",
                f"document {quoted_repr(id)}: left out:"
                f" {left_out[0]}{f'; {len(left_out) - 1} more' * (len(left_out) > 1)}",
            )

    def _again(self, id: str, number: int, line: bytes) -> None:
        problem = (
            f"line {number} answers document {quoted_repr(id)} again: one line for a document"
            " would do"
        )
        if id not in self._given:
            raise ModelError(f"{self.name}: {problem}: {_quoted(line)}")
        self._given[id] = Document(id, self._given[id].text, failure=problem)

    def _unreadable(self, number: int, line: bytes, fault: str) -> None:
        id = _leading_id(line)
        if id in self.open:
            self.fail(id, f"line {number} is {fault}: {_quoted(line)}")
        else:
            self._pass_over(number, line, f"is {fault}")

    def _pass_over(self, number: int, line: bytes, why: str) -> None:
        problem = f"line {number} {why}: {_quoted(line)}"
        self._stray = self._stray or problem
        self._tell("lines that are no answers", f"{problem}; what is no answer belongs on stderr")

    def _tell(self, kind: str, message: str) -> None:
        self._told[kind] = self._told.get(kind, 0) + 1
        if self._told[kind] <= MAX_WARNINGS:
            print_notice(redact(f"{self.name}: {message}"))


def _quoted(line: bytes) -> str:
    return quoted_repr(line[:1000].decode(errors="replace").strip())


def _leading_id(line: bytes) -> str:
    """The id with which a line begins that may be cut or broken; empty if it begins otherwise."""
    found = _NAMES.match(line[:1000])
    try:
        return str(msgspec.json.decode(found[1])) if found else ""
    except msgspec.DecodeError:
        return ""
