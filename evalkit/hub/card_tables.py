"""How many of each are there, and what does each mean? A corpus in, the tables of its card out.

A table has keys (what is counted, in its first columns), a definition where the schema gives one,
and counts in its last columns; the checker compares those with the corpus. Labels may hold
anything, and are escaped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.corpus import Corpus
from evalkit.data.document import ATTRIBUTION_PARTS, LAYERS, Document
from evalkit.data.schema import Schema
from evalkit.errors import escape_controls
from evalkit.formats.hf_tables import CONFIGS

NONE = "*none*"  # no label can look like this, since the stars of labels are escaped
ROW_MEANING = {
    "documents": "a document, with all its marks",
    "entities": "an entity",
    "events": "an event",
    "event_arguments": "an argument of an event",
    "attributions": "an attribution",
}
_MARKDOWN = re.compile(r"[\\`*\[\]<>|~$&#!{}]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


@dataclass(frozen=True)
class CardTable:
    """A table under its own heading; `keys` and `counts` say how many of the first and of the last
    columns are which.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: int = 1
    counts: int = 1

    @property
    def markdown(self) -> str:
        """The table as Markdown; where it has no rows, a sentence that says so."""
        if not self.rows:
            return "None is declared and none was found."
        sides = [":---"] * (len(self.columns) - self.counts) + ["---:"] * self.counts
        return "\n".join(f"| {' | '.join(row)} |" for row in (self.columns, sides, *self.rows))

    def numbers(self) -> dict[tuple[str, ...], tuple[str, ...]]:
        """The counts of each key."""
        return {row[: self.keys]: row[len(row) - self.counts :] for row in self.rows}


def escape_markdown(text: str) -> str:
    r"""Text that Markdown shows as it is, on one line: its signs are escaped, and what cannot be
    seen is written as in JSON.

    >>> print(escape_markdown("A|B\n<b>`x`"), escape_markdown("WORK_OF_ART"))
    A\|B\\n\<b\>\`x\` WORK_OF_ART
    """
    seen = "".join(_visible(c) for c in text)
    edge = re.sub(r"^ | $", r"\\u0020", seen)
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", edge)


def code_span(text: str) -> str:
    r"""Text as a Markdown code span, which no backtick or line end in it closes.

    >>> print(code_span("evalkit run"), code_span("a`b\n"))
    `evalkit run` ``a`b\n``
    """
    shown = escape_controls(text)
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _visible(c: str) -> str:
    if c == "\\":
        return "\\\\"
    if c.isprintable():
        return c
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(c, f"\\u{ord(c):04x}")


def tables(corpus: Corpus, *, with_text: bool) -> list[CardTable]:
    """All tables of a card, in order.

    Without text no definition of a zone is shown: they may name words of the page.
    """
    schema = corpus.schema or Schema()
    events = [event for document in corpus for event in document.events or ()]
    attributions = [
        attribution for document in corpus for attribution in document.attributions or ()
    ]
    return [
        _configs(corpus),
        CardTable(
            "Texts",
            ("What", "Count"),
            (
                ("documents", str(len(corpus))),
                ("characters (code points)", str(sum(len(d.text) for d in corpus))),
            ),
        ),
        _counted(
            "Entity labels",
            ("Label",),
            _named(schema.labels),
            _count_names(e.label for d in corpus for e in d.entities or ()),
        ),
        _counted(
            "Event types",
            ("Type",),
            _named({name: of.definition for name, of in schema.events.items()}),
            _count_names(e.label for e in events),
        ),
        _counted(
            "Roles of arguments",
            ("Type", "Role"),
            {
                (name, role): said
                for name, of in schema.events.items()
                for role, said in of.roles.items()
            },
            Counter((e.label, a.role) for e in events for a in e.arguments),
        ),
        _counted(
            "Realis of events",
            ("Realis",),
            _named(schema.realis),
            _count_names(e.realis for e in events),
        ),
        _counted(
            "Attribution types",
            ("Type",),
            _named(schema.attributions.types),
            _count_names(a.label for a in attributions),
        ),
        _counted(
            "Parts of attributions",
            ("Part",),
            _named(dict.fromkeys(ATTRIBUTION_PARTS, "") | schema.attributions.parts),
            _count_names(
                p for a in attributions for p in ATTRIBUTION_PARTS if getattr(a, p) is not None
            ),
        ),
        _attributes(corpus, schema),
        _zones(corpus, schema, with_text=with_text),
    ]


def _configs(corpus: Corpus) -> CardTable:
    counted: dict[str, Callable[[Document], int]] = {
        "documents": lambda _: 1,
        "entities": lambda d: len(d.entities or ()),
        "events": lambda d: len(d.events or ()),
        "event_arguments": lambda d: sum(len(e.arguments) for e in d.events or ()),
        "attributions": lambda d: len(d.attributions or ()),
    }
    layers = dict(zip(CONFIGS, (None, "entities", "events", "events", "attributions"), strict=True))
    annotated = {
        config: sum(layer is None or getattr(d, layer) is not None for d in corpus)
        for config, layer in layers.items()
    }
    rows = tuple(
        (
            config,
            ROW_MEANING[config],
            str(annotated[config]),
            str(sum(map(counted[config], corpus))),
        )
        for config in CONFIGS
    )
    return CardTable(
        "Configs", ("Config", "A row is", "Documents annotated", "Rows"), rows, counts=2
    )


def _counted(
    title: str,
    names: tuple[str, ...],
    declared: Mapping[tuple[Any, ...], str | None],
    found: Mapping[tuple[Any, ...], int],
) -> CardTable:
    """What is declared in its order, then what is only found; the column of definitions is left out
    where there are none.
    """
    others = sorted(found.keys() - declared.keys(), key=lambda key: tuple(str(of) for of in key))
    defined = any(declared.values())
    rows = tuple(
        (
            *(NONE if of is None else escape_markdown(str(of)) for of in key),
            *([_definition(declared.get(key, "not declared in the schema"))] if defined else []),
            str(found.get(key, 0)),
        )
        for key in (*declared, *others)
    )
    return CardTable(
        title, (*names, *(["Definition"] if defined else []), "Count"), rows, keys=len(names)
    )


def _definition(said: str | None) -> str:
    return escape_markdown(said) if said else "–"


def _named(of: Mapping[str, str]) -> dict[tuple[Any, ...], str | None]:
    return {(name,): said for name, said in of.items()}


def _count_names(of: Iterable[Hashable]) -> Counter[tuple[Any, ...]]:
    return Counter((name,) for name in of)


def _attributes(corpus: Corpus, schema: Schema) -> CardTable:
    """The attributes that the schema declares: a definition is that of the value True, a dict has
    one for each value.
    """
    declared = {
        (name, value): said
        for name, of in schema.attributes.items()
        for value, said in (of.items() if isinstance(of, dict) else [("true", str(of))])
    }
    every = Counter(
        (name, "true" if value is True else value) for name, value in _iter_attributes(corpus)
    )
    found = Counter({key: count for key, count in every.items() if key in declared})
    for (name, _), count in ((key, count) for key, count in every.items() if key not in declared):
        found[name, "any"] += (
            # Values that are not declared may be anything, and quote: they are counted by name
            count
        )
    return _counted("Attributes of marks", ("Attribute", "Value"), declared, found)


def _iter_attributes(corpus: Corpus) -> Iterator[tuple[str, Any]]:
    for document in corpus:
        for layer in LAYERS:
            for mark in getattr(document, layer) or ():
                yield from (mark.attributes or {}).items()


def _zones(corpus: Corpus, schema: Schema, *, with_text: bool) -> CardTable:
    every = [zone for document in corpus for zone in document.zones]
    regions, size = Counter(z.label for z in every), Counter[str]()
    for zone in every:
        size[zone.label] += zone.end - zone.start
    rows = []
    for name in (*schema.zones, *sorted(regions.keys() - schema.zones.keys())):
        rule = schema.zones.get(name)
        said = (
            [_definition(rule.definition if rule else "not declared in the schema")]
            if with_text
            else []
        )
        layers = (
            [", ".join(of) or "–" for of in (rule.annotated, rule.primary)] if rule else ["–", "–"]
        )
        rows.append((escape_markdown(name), *said, *layers, str(regions[name]), str(size[name])))
    columns = (
        "Zone",
        *(["Definition"] if with_text else []),
        "Annotated",
        "Scored",
        "Regions",
        "Characters",
    )
    return CardTable("Zones", columns, tuple(rows), counts=2)
