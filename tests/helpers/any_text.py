"""Random documents in texts that break what is careless: astral and combining characters, line ends
of all kinds, spaces that are none.
"""

from hypothesis import strategies as st
from msgspec.structs import replace

from evalkit import Argument, Attribution, Document, Entity, Event, Relation, Span

PIECES = [
    "Ada",
    "met",
    "Bo",
    "in",
    "Öst",
    "O\u0308st",
    "𝒜da",
    "👩‍👩‍👧",
    "né",
    "e\u0301",
    "東京",
    "a-b",
    "it's",
    "“Ja”",
    ".",
    ",",
    "\u200b",
    "שלום",
    "O",
    "B-PER",
    "#",
    "1998",
]
GAPS = [" ", " ", " ", "  ", "\n", "\n\n", "\r\n", "\t", "\u00a0", "\u2028", "\u3000", ""]
PLAIN_GAPS = [" ", " ", " ", "\n"]
ARGUMENT_IDS = {"entities": "T", "events": "event "}  # before their number
LABELS = ["PER", "ORG", "WORK_OF_ART", "Conflict.Attack"]


@st.composite
def texts(draw, gaps=GAPS):
    """A text of a few pieces, which may begin or end with a gap."""
    parts = draw(
        st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(gaps)), min_size=1, max_size=12)
    )
    return draw(st.sampled_from(["", "", *gaps])) + "".join(piece + gap for piece, gap in parts)


@st.composite
def spans(draw, text, *, broken=False):
    """Offsets of a stretch of the text; with `broken`, now and then in two fragments."""
    start = draw(st.integers(0, len(text) - 1))
    end = draw(st.integers(start + 1, min(len(text), start + 12)))
    if broken and end + 1 < len(text) and draw(st.booleans()):
        later = draw(st.integers(end + 1, len(text) - 1))
        last = draw(st.integers(later + 1, len(text)))
        return {"start": start, "end": last, "fragments": ((start, end), (later, last))}
    return {"start": start, "end": end}


def _apart(marks):
    """Those that touch no earlier one."""
    kept = []
    for mark in sorted(marks, key=lambda m: (m["start"], m["end"])):
        if not kept or kept[-1]["end"] <= mark["start"]:
            kept.append(mark)
    return kept


@st.composite
def documents(
    draw, *, id="d0", layers=("entities",), flat=False, broken=False, gaps=GAPS, labels=LABELS
):
    """A document with random marks in some layers. flat: entities that share no character. broken:
    discontinuous ones too.
    """
    text = draw(texts(gaps))
    found = draw(st.lists(spans(text, broken=broken), max_size=6))
    found = _apart(found) if flat else found
    entities = {
        (m["start"], m["end"], m.get("fragments", ()), draw(st.sampled_from(labels))) for m in found
    }
    given = {
        "entities": tuple(Entity(label, a, b, fragments=f) for a, b, f, label in sorted(entities))
    }
    if "events" in layers:
        triggers = {(m["start"], m["end"]) for m in draw(st.lists(spans(text), max_size=3))}
        given["events"] = tuple(
            Event(
                draw(st.sampled_from(labels)),
                Span(a, b),
                tuple(draw(arguments(text))),
                realis=draw(st.sampled_from([None, "ACTUAL", "OTHER"])),
            )
            for a, b in sorted(triggers)
        )
    if "attributions" in layers:
        cues = {(m["start"], m["end"]) for m in draw(st.lists(spans(text), max_size=2))}
        given["attributions"] = tuple(
            Attribution(
                Span(a, b),
                Span(**draw(spans(text))),
                draw(st.none() | spans(text).map(lambda m: Span(**m))),
                label=draw(st.sampled_from([None, "assertion"])),
            )
            for a, b in sorted(cues)
        )
    if "relations" in layers:
        candidates = []
        for layer in ("entities", "events"):
            if layer in layers:
                candidates += [(layer, number) for number in range(len(given[layer]))]
        label, argument = st.sampled_from(["knows", "Works-for"]), st.sampled_from(candidates)
        choices = st.lists(st.tuples(label, argument, argument), max_size=3)
        chosen = draw(choices) if candidates else []
        for name, number in {argument for _, *pair in chosen for argument in pair}:
            annotations = list(given[name])
            annotations[number] = replace(annotations[number], id=f"{ARGUMENT_IDS[name]}{number}")
            given[name] = tuple(annotations)
        distinct = {}
        for label, head, tail in chosen:
            first, second = (given[name][number] for name, number in (head, tail))
            relation = Relation(label, first.id, second.id)
            distinct[label, describe(first), describe(second)] = relation
        given["relations"] = tuple(distinct.values())
    return Document(id, text, **{layer: given[layer] for layer in layers})


def describe(annotation):
    """What distinguishes an argument of a relation from others."""
    span = annotation.trigger if isinstance(annotation, Event) else annotation
    return type(annotation), annotation.label, span.start, span.end, span.fragments


@st.composite
def arguments(draw, text):
    """Arguments of an event, each once."""
    found = {
        (draw(st.sampled_from(["Agent", "Place"])), m["start"], m["end"])
        for m in draw(st.lists(spans(text), max_size=2))
    }
    return [Argument(*one) for one in sorted(found)]


@st.composite
def corpora(draw, most=3, **options):
    """A few documents with ids of their own."""
    return [draw(documents(id=f"d{n}", **options)) for n in range(draw(st.integers(1, most)))]
