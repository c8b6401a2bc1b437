"""Reads brat files that have only contiguous entities, several times faster than line by line.

The lines are matched by one regular expression. A file that may have anything else, or an error, is
not read here but by BratParser.
"""

from __future__ import annotations

import re

from evalkit.data.document import Entity

_ENTITY_LINE = re.compile(
    r"^(T([0-9]{1,9}))\t([^ \t\n]+) ([0-9]{1,15}) ([0-9]{1,15})\t(.*)$", re.MULTILINE
)
# The note with the ids of annotations that had none, which BratWriter writes
_UNNAMED_NOTE = re.compile(r"#[^\t]*\tevalkit [^\t]*\tno id: T([0-9]{1,9})-T([0-9]{1,9})")


def read_plain_entities(data: bytes, text: str) -> list[Entity] | None:
    """The entities of an .ann file whose offsets are those of a Document; None if it may have
    other annotations, or errors.
    """
    try:
        content = data.decode()
    except UnicodeDecodeError:
        return None
    lines = _ENTITY_LINE.findall(content)
    first_unnamed, last_unnamed = 1, 0
    for line in content.split("\n"):
        if line and line[0] != "T":
            note = _UNNAMED_NOTE.fullmatch(line)
            if note is None or first_unnamed <= last_unnamed:
                return None
            first_unnamed, last_unnamed = int(note[1]), int(note[2])
    are_all_matched = content.count("\nT") + content.startswith("T") == len(lines)
    if not are_all_matched or "\r" in content or len({line[0] for line in lines}) < len(lines):
        return None
    length = len(text)
    entities = []
    for id, number, label, start_digits, end_digits, surface in lines:
        start, end = int(start_digits), int(end_digits)
        if text[start:end] != surface or not start < end <= length:
            return None
        is_unnamed = first_unnamed <= int(number) <= last_unnamed
        entities.append(Entity(label, start, end, None if is_unnamed else id))
    return entities
