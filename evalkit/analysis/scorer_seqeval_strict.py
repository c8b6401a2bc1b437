"""seqeval 1.2.2 with mode="strict" and a scheme: chunks with invalid tags are dropped.

A chunk begins, goes on and ends where the scheme has a pattern for the tag and the one before it; a
chunk at whose end there is none is dropped, on both sides. A prediction that is dropped costs
nothing. Patterns that are missing drop valid tags, too: under IOE1 all chunks that end in E before
O or another type, under IOB1 a chunk of B before B of another type. A tag whose first letter the
scheme does not have stops seqeval. (Source: seqeval/scheme.py of 1.2.2, run.)

Options: `scheme` is IOB2, IOB1, IOE1, IOE2, IOBES or BILOU. Without a scheme, mode="strict" is the
default mode: the scorer `seqeval`.

Rows: those of `classification_report`: each type, and the micro, macro and weighted average.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from evalkit.analysis.scorer_options import parse_choice
from evalkit.analysis.scorer_rules import WITH_ZERO, ScorerMeasure, ScorerRules
from evalkit.analysis.scorer_seqeval import report_rows
from evalkit.analysis.scorer_tags import OUTSIDE, TO_TAGS, Chunk, read_chunks
from evalkit.errors import InputError, quoted_repr, spell_option


class TagPatterns(NamedTuple):
    """The patterns of a scheme, each of three characters: the prefix of the tag before (? for any),
    the prefix of the tag, and = for the same type, ! for another, * for any.

    tagging: evalkit's name. prefixes: the letters of the scheme.
    """

    tagging: str
    prefixes: str
    starts: str
    inside: str
    ends: str


SCHEMES = {
    "IOB2": TagPatterns("IOB2", "IOB", "?B*", "BI= II=", "IO* II! IB* BO* BI! BB*"),
    "IOB1": TagPatterns("IOB1", "IOB", "OI* II! BI* IB= BB=", "BI= II=", "II! IO* IB* BO* BI! BB="),
    "IOE1": TagPatterns("IOE1", "IOE", "OI* II! EI* EE=", "II= IE=", "II! IO* IE! EI= EE="),
    "IOE2": TagPatterns("IOE2", "IOE", "OI* OE* EI* EE* II! IE!", "IE= II=", "E?*"),
    "IOBES": TagPatterns("BIOES", "IOBES", "?B* ?S*", "BI= BE= II= IE=", "S?* E?*"),
    "BILOU": TagPatterns("BILOU", "BILOU", "?B* ?U*", "BI= BL= II= IL=", "U?* L?*"),
}


def build_rules(*, scheme: str = "IOB2") -> ScorerRules:
    """The rules of seqeval under a scheme."""
    parse_choice("scheme", scheme, SCHEMES)

    def read_strict_chunks(tags: Sequence[str]) -> Iterator[Chunk]:
        return iter_chunks(tags, scheme)

    read = read_chunks(
        read_strict_chunks,
        f"reads the tags under the scheme {scheme}, and drops items that are invalid under it",
    )
    measure = ScorerMeasure("micro avg", "entities/strict", (*TO_TAGS, read, WITH_ZERO))
    return ScorerRules((measure,), report_rows, tagging=SCHEMES[scheme].tagging)


def iter_chunks(tags: Sequence[str], name: str) -> Iterator[Chunk]:
    """The chunks of a sequence of tags under a scheme. Raises InputError for an unknown prefix."""
    scheme = SCHEMES[name]
    parts = [_split_tag(tag, position, name) for position, tag in enumerate(tags)]
    parts.append((OUTSIDE, "_"))
    position, before = 0, parts[-1]
    while position < len(parts):
        first = position
        position += 1
        if not _has_pattern(scheme.starts, before, parts[first]):
            before = parts[first]
            continue
        while _has_pattern(scheme.inside, parts[position - 1], parts[position]):
            position += 1
        before = parts[position - 1]
        if _has_pattern(scheme.ends, before, parts[position]):
            yield first, position, before[1]


def _split_tag(tag: str, position: int, name: str) -> tuple[str, str]:
    """The prefix and the type of a tag."""
    prefixes = SCHEMES[name].prefixes
    if not tag or tag[0] not in prefixes:
        raise InputError(
            f"token {position}: seqeval stops at the tag {quoted_repr(tag)}, whose first letter is"
            f" none of {name}: expected one of {', '.join(prefixes)}; choose another scheme,"
            f" as in {spell_option('scheme', 'IOBES', of='scorer')}"
        )
    return tag[0], tag[1:].strip("-") or "_"


def _has_pattern(patterns: str, before: tuple[str, str], now: tuple[str, str]) -> bool:
    relation = "=" if before[1] == now[1] else "!"
    return any(
        pattern[0] in ("?", before[0])
        and pattern[1] in ("?", now[0])
        and pattern[2] in ("*", relation)
        for pattern in patterns.split()
    )
