"""The sections of a Markdown text: title, level, line and text of each.

A line in a fenced block of code is not a heading. Comments (<!-- -->) are not part of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_OPTIONAL = re.compile(r"\s*\[optional\]$")


class Section(NamedTuple):
    """A heading and the text below it, up to the next heading of any level.

    The text before the first heading is a section without title.
    """

    title: str
    level: int
    line: int
    body: str

    @property
    def words(self) -> str:
        """The body without comments."""
        return without_comments(self.body).strip()


def sections(text: str, *, first_line: int = 1) -> list[Section]:
    """The sections of a text, in order; the first is the text before the first heading.

    first_line: the number of its first line.
    """
    headings = [Section("", 0, first_line, "")]
    bodies: list[list[str]] = [[]]
    for number, line, is_code in _lines(text, first_line):
        heading = None if is_code else _HEADING.match(line)
        if heading:
            title = _OPTIONAL.sub("", heading[2])
            headings.append(Section(title, len(heading[1]), number, ""))
            bodies.append([])
        else:
            bodies[-1].append(line)
    return [
        heading._replace(body="\n".join(body))
        for heading, body in zip(headings, bodies, strict=True)
    ]


def without_comments(text: str) -> str:
    """A text whose comments are blank; its lines keep their numbers."""
    return _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)


def _lines(text: str, first_line: int) -> Iterator[tuple[int, str, bool]]:
    """Each line with its number, and whether it is code."""
    fence = ""
    for number, line in enumerate(text.split("\n"), start=first_line):
        match = _FENCE.match(line)
        if match and not fence:
            fence = match[1]
            yield number, line, True
        elif match and match[1].startswith(fence) and not match[2].strip():
            fence = ""
            yield number, line, True
        else:
            yield number, line, bool(fence)
