"""Exceptions, and how messages are written.

    EvalkitError                 base class of all errors of evalkit                   exit code
      InputError                 a file, a value or an option that cannot be used             2
        LoadError                an invalid file, with file:line                              2
        DocumentError            an annotation that does not fit its text                     2
        UnknownNameError         an unknown name, with the known ones                         2
      WriteError                 a file that could not be written; the old one is unchanged   3
      MissingDependencyError     a package or an extra that is not installed                  3
      ModelError                 a model that cannot be used, such as an endpoint that
                                 refuses the key                                              3
      HubError                   a request that the Hugging Face Hub refused                  3
      WorkerError                worker processes that were killed                            3
      PartialRunError            a run that ended before its last document                    4
      InterruptedRunError        a run that was interrupted                                 130

A message has a line for each error: where it is, what is wrong, and how to fix it.
"""

from __future__ import annotations

import difflib
import inspect
import json
import re
import shlex
import sys
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

MAX_REPORTED_ERRORS = 20
MANY_ALIKE = 5  # this many errors of one kind are counted instead of listed
MAX_KNOWN_NAMES = 100  # known names in the message of an unknown name
# Unicode categories of characters that are written as escapes
_CONTROLS = ("Cc", "Cf", "Cs", "Zl", "Zp")


class EvalkitError(Exception):
    """Base class of all errors of evalkit."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """The error as pickle keeps it: as it is, since subclasses build the message from others
        than `args`.
        """
        return _restore_error, (type(self), self.args, self.__dict__)


def _restore_error(
    error_type: type[EvalkitError], args: tuple[Any, ...], fields: Mapping[str, Any]
) -> EvalkitError:
    """An error from another process."""
    error = error_type.__new__(error_type, *args)
    error.__dict__.update(fields)
    return error


class InputError(EvalkitError, ValueError):
    """A file, a value or an option that cannot be used."""

    exit_code = 2


class LoadError(InputError):
    """An invalid file.

    `errors` has a line for each of the first twenty errors, `omitted` is the number of the others,
    and `advice` has lines on how to fix errors of one kind. In the message, errors that differ only
    in location, numbers and quoted text are counted after the first of them, and advice that ends
    several errors is given once, below them.
    """

    def __init__(self, errors: Iterable[str], *, more: int = 0, advice: Iterable[str] = ()) -> None:
        """Keep the first twenty errors."""
        listed = list(errors)
        self.errors = listed[:MAX_REPORTED_ERRORS]
        self.omitted = more + len(listed) - len(self.errors)
        self.advice = list(advice)
        super().__init__()

    def __str__(self) -> str:
        """The message. It is built when it is shown, since many documents may have errors."""
        if len(self.errors) == 1 and not self.omitted:
            return "; ".join([*self.errors, *self.advice])
        problems, shared = _share_advice(self.errors)
        tail = [f"and {self.omitted} more"] if self.omitted else []
        return "\n".join([*_count_repeated(problems), *tail, *shared, *self.advice])

    @property
    def faults(self) -> list[str]:
        """Deprecated name of `errors`."""
        warn_deprecated("LoadError.faults is deprecated: use LoadError.errors")
        return self.errors

    @property
    def more(self) -> int:
        """Deprecated name of `omitted`."""
        warn_deprecated("LoadError.more is deprecated: use LoadError.omitted")
        return self.omitted


def _share_advice(errors: list[str]) -> tuple[list[str], list[str]]:
    """The errors without the advice that several of them end with, and that advice.

    Advice is the text after a semicolon.
    """
    counts: Counter[str] = Counter()
    for error in errors:
        counts.update(_endings(error))
    problems: list[str] = []
    advice: dict[str, None] = {}
    for error in errors:
        shared = [ending for ending in _endings(error) if counts[ending] > 1]
        if shared:
            problems.append(error.removesuffix(f"; {shared[0]}"))
            advice[f"to fix: {shared[0]}"] = None
        else:
            problems.append(error)
    return problems, list(advice)


def _count_repeated(problems: list[str]) -> list[str]:
    """The problems; of each frequent kind only the first, with the number of the others and the
    location of the last.
    """
    kinds: dict[str, list[str]] = {}
    for problem in problems:
        kinds.setdefault(re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "…", problem), []).append(problem)
    lines = []
    for alike in kinds.values():
        if len(alike) < MANY_ALIKE:
            lines += alike
            continue
        location = re.match(r"(.*?:\d+)(?=:)", alike[-1])
        last = f", the last at {location[1]}" if location else ""
        lines.append(f"{alike[0]} ({len(alike) - 1} more of this kind{last})")
    return lines


def _endings(error: str) -> list[str]:
    """The texts after each semicolon of an error outside of quotes, the longest first.

    Endings with a number are left out, since they may be specific to the error.
    """
    endings = []
    for match in re.finditer("; ", error):
        ending = error[match.end() :]
        is_quoted = ending.count("'") % 2 == 1 or ending.count('"') % 2 == 1
        if not is_quoted and not re.search(r"\d", ending):
            endings.append(ending)
    return endings


class DocumentError(InputError):
    """An annotation that does not fit its text.

    `layer`, `index` and `field` are its location: entities, 3, "end" is entities[3].end.
    """

    def __init__(
        self,
        problem: str,
        *,
        document: str = "",
        layer: str = "",
        index: int | None = None,
        field: str = "",
    ) -> None:
        """Make a message of the location, as far as it is known, and the problem."""
        self.message = problem
        self.document = document
        self.layer = layer
        self.index = index
        self.field = field
        super().__init__(f"{self.location}: {problem}" if self.location else problem)

    @property
    def location(self) -> str:
        """For instance "document 'd1', entities[3].end"."""
        item = self.layer if self.index is None else f"{self.layer}[{self.index}]"
        path = ".".join(part for part in (item, self.field) if part)
        document = f"document {quoted_repr(self.document)}" if self.document else ""
        return ", ".join(part for part in (document, path) if part)


class UnknownNameError(InputError, LookupError):
    """An unknown name.

    >>> print(UnknownNameError("layer", "entity", ["entities", "triggers"]))
    unknown layer 'entity'; expected one of: entities, triggers; did you mean 'entities'?
    """

    def __init__(
        self,
        kind: str,
        name: object,
        known: Iterable[str],
        *,
        within: str = "",
        synonyms: Mapping[str, str] | None = None,
    ) -> None:
        """Make a message with the known names and the one that is most similar.

        kind: the kind of name, such as "layer". within: the text or option that has the name.
        synonyms: known names by other names in use, in capitals.
        """
        names = list(known)
        synonym = (synonyms or {}).get(str(name).upper())
        similar = [synonym] if synonym else difflib.get_close_matches(str(name), names, n=1)
        if not similar:
            # "spcy" means "spacy:NAME"
            prefixes = {known_name.partition(":")[0]: known_name for known_name in names}
            matches = difflib.get_close_matches(str(name), prefixes, n=1)
            similar = [prefixes[match] for match in matches]
        listed = [shorten(known_name) for known_name in names[:MAX_KNOWN_NAMES]]
        if len(names) > MAX_KNOWN_NAMES:
            listed.append(f"and {len(names) - MAX_KNOWN_NAMES:,} more")
        location = f" in {within!r}" if within else ""
        hint = f"; did you mean {similar[0]!r}?" if similar else ""
        super().__init__(
            f"unknown {kind} {quoted_repr(name)}{location}; expected one of:"
            f" {', '.join(listed) or 'none'}{hint}"
        )


class WriteError(EvalkitError):
    """A file that could not be written, such as on a full disk.

    The old file is unchanged.
    """

    exit_code = 3


class MissingDependencyError(EvalkitError, ImportError):
    """A package, or an extra of evalkit, that is not installed."""

    exit_code = 3


class ModelError(EvalkitError):
    """A model that cannot be used. It ends the run; earlier answers are kept.

    notes: run metadata of each document whose request was in progress (see RUN_METADATA_KEY in
    evalkit.models.registry), and its id.
    """

    exit_code = 3

    def __init__(self, message: str, notes: Iterable[Mapping[str, Any]] = ()) -> None:
        """Keep the notes."""
        super().__init__(message)
        self.notes = list(notes)


class WorkerError(EvalkitError):
    """Worker processes that were killed, such as for lack of memory."""

    exit_code = 3


class PartialRunError(EvalkitError):
    """A run that ended before its last document: it was interrupted, or failed too often."""

    exit_code = 4


class InterruptedRunError(EvalkitError):
    """A run that was interrupted before requests in progress were answered."""

    exit_code = 130


def duplicate_id_problem(id: str, first_use: str) -> str:
    """The message about an id that occurs twice. first_use: the location of the first occurrence.

    >>> duplicate_id_problem("T1", "entities[0]")
    "duplicate id 'T1': already used by entities[0]; expected unique ids"
    """
    return f"duplicate id {quoted_repr(id)}: already used by {first_use}; expected unique ids"


def past_end_problem(offset: int, length: int, unit: str = "") -> str:
    """The message about an offset past the end of a text.

    >>> past_end_problem(99, 10)
    '99 is past the end of the text (length 10)'
    """
    measure = f"{length} {unit}" if unit else f"{length}"
    return f"{offset} is past the end of the text (length {measure})"


def quoted_repr(value: object, max_length: int = 80) -> str:
    """The repr of a value for messages, cut to `max_length` characters.

    >>> quoted_repr("a" * 100, max_length=10)
    "'aaaaaaaa…"
    """
    if isinstance(value, (str, bytes)):
        value = value[: max_length + 1]  # faster than cutting the repr of a long string
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return shorten(text, max_length)


def shorten(text: str, most: int = 80) -> str:
    """A text cut to at most `most` characters, of which the last is then an ellipsis.

    >>> shorten("a" * 100, most=10)
    'aaaaaaaaa…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def to_one_line(value: object, max_length: int | None = None) -> str:
    r"""A text or an error as one line of printable characters, cut to `max_length`; for an error
    without a message, the name of its type.

    >>> to_one_line("no such\n  file"), to_one_line(KeyError())
    ('no such file', 'KeyError')
    """
    text = str(value)
    if max_length is not None:
        text = text[: max_length * 10]  # faster than converting a long text
    printable = "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(printable.split())
    if not line and isinstance(value, BaseException):
        line = type(value).__name__
    return line if max_length is None else shorten(line, max_length)


def escape_surrogates(text: str) -> str:
    r"""The text with lone surrogates, which no file or terminal can encode, written as escapes.

    >>> print(escape_surrogates("caf\udce9"))
    caf\udce9
    """
    return text.encode("utf-8", "backslashreplace").decode()


def escape_controls(text: str, *, keep: str = "") -> str:
    r"""A text with control, format and bidirectional characters as escapes, since they could redraw
    a screen or reorder a line.

    Escapes the Unicode categories Cc, Cf, Cs, Zl and Zp, except for the characters in `keep`. All
    texts that evalkit shows pass through this function.

    >>> print(escape_controls("role \x1b[31mEVIL\u202e"))
    role \x1b[31mEVIL\u202e
    """
    controls = [c for c in set(text) if c not in keep and unicodedata.category(c) in _CONTROLS]
    escapes = {ord(c): ascii(c)[1:-1] for c in controls}
    return text.translate(escapes) if escapes else text


def escape_controls_in_json(text: str) -> str:
    r"""A JSON document with control characters as \uXXXX escapes, which has the same values.

    Line ends and indentation are kept.

    >>> print(escape_controls_in_json('{"a": "\u202e"}'))
    {"a": "\u202e"}
    """
    if text.isascii() and "\x7f" not in text:  # JSON escapes the others of ASCII already
        return text
    unusual = set(re.findall(r"[^\n\r\t -~]", text))
    controls = [c for c in unusual if unicodedata.category(c) in _CONTROLS]
    escapes = {ord(c): "\\u007f" if c == "\x7f" else json.dumps(c)[1:-1] for c in controls}
    return text.translate(escapes) if escapes else text


def print_line(line: str) -> None:
    """Print a line on stdout, with control characters as escapes."""
    print(escape_controls(line, keep="\n"), flush=True)


def print_notice(line: str) -> None:
    """Print a line that is not a result on stderr, with control characters as escapes."""
    print(escape_controls(line, keep="\n"), file=sys.stderr)


_on_command_line = False
_NO_VALUE = object()


def use_command_line_spelling(*, on: bool = True) -> None:
    """Write options in messages as on the command line (`on`), or as Python keyword arguments."""
    global _on_command_line  # noqa: PLW0603 - a process has one command line, or none
    _on_command_line = on
    _print_deprecation.cache_clear()


def is_command_line_spelling() -> bool:
    """Whether messages write options as on the command line."""
    return _on_command_line


def warn_deprecated(message: str) -> None:
    """Warn of a former name: one line on stderr on the command line, a DeprecationWarning at the
    caller's line in Python.
    """
    if _on_command_line:
        _print_deprecation(message)
        return
    stacklevel = 1
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals["__name__"].startswith("evalkit."):
        frame = frame.f_back
        stacklevel += 1
    warnings.warn(message, DeprecationWarning, stacklevel=stacklevel)


@cache
def _print_deprecation(message: str) -> None:
    print_notice(f"evalkit: {message}")


def spell_option(name: str, value: object = _NO_VALUE, *, of: str = "command") -> str:
    """An option as it is written on the command line or in Python, with its value if it is given.

    of: "command" for an option of a command or a function, "format" for one of a format, "model"
    for one of a model, "scorer" for one of an emulated scorer.

    >>> rows = ("missing", "empty", "option"), ("tagging", "IOB1", "format"), ("timeout", 5, "model")
    >>> print(*(spell_option(name, value, of=of) for name, value, of in rows))
    missing="empty" tagging="IOB1" timeout=5
    >>> use_command_line_spelling()
    >>> rows = ("missing", "empty", "option"), ("tagging", "IOB1", "format"), ("timeout", 5, "model")
    >>> print(*(spell_option(name, value, of=of) for name, value, of in rows))
    --missing empty FILE?tagging=IOB1 -a timeout=5
    >>> use_command_line_spelling(on=False)
    """  # noqa: E501
    if not _on_command_line:
        quoted = "" if value is _NO_VALUE else _quote(value)
        return f"{name}={quoted}"
    typed = "" if value is _NO_VALUE else _type(value)
    if of in ("format", "scorer"):
        return f"{'FILE' if of == 'format' else 'SCORER'}?{name}={typed}"
    if of == "model":
        return f"-a {name}={typed}"
    flag = f"--{name.replace('_', '-')}"
    if value is False:
        return f"--no{flag[1:]}"
    return flag if value is _NO_VALUE or value is True else f"{flag} {typed}"


def _quote(value: object) -> str:
    """A value as it is written in Python, in double quotes."""
    text = quoted_repr(value)
    return text if '"' in text or "\\" in text else text.replace("'", '"')


def _type(value: object) -> str:
    """A value as it is typed in a shell, in quotes if it needs them."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = value
    elif isinstance(value, (list, dict)):
        text = json.dumps(value)
    else:
        text = quoted_repr(value)
    needs_quotes = re.fullmatch(r"[\w./:+,@%=-]+", text) is None
    return shorten(shlex.quote(text) if needs_quotes else text)


def advise_extra(extra: str) -> str:
    """The command that installs an extra of evalkit.

    The package is not on the package index, so it is installed from a checkout.

    >>> advise_extra("hf")
    "pip install '.[hf]' in a checkout of evalkit"
    """
    return f"pip install '.[{extra}]' in a checkout of evalkit"
