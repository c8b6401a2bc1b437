"""Random corpora whose predictions are like their gold: Hypothesis strategies.

A prediction is made from gold by keeping, dropping, shifting, relabelling, repeating, splitting and
merging what is there, and by inventing a little; independent random spans would hardly ever match.
"""

from hypothesis import strategies as st

from evalkit import Corpus, Document, Entity

LENGTH = 24
LABELS = ["A", "B", "C"]
SCHEMES = ["strict", "exact", "partial", "type", "characters"]


@st.composite
def spans(draw, fragments=True):
    pieces = draw(st.sampled_from([1, 1, 1, 2])) if fragments else 1
    cuts = sorted(
        draw(
            st.lists(st.integers(0, LENGTH), min_size=2 * pieces, max_size=2 * pieces, unique=True)
        )
    )
    return tuple(zip(cuts[::2], cuts[1::2], strict=True))


@st.composite
def sides(draw, most=5, fragments=True):
    """Gold and prediction of a document, as lists of (label, ranges); each is there once on a side."""  # noqa: E501
    gold = draw(
        st.lists(st.tuples(st.sampled_from(LABELS), spans(fragments)), max_size=most, unique=True)
    )
    said = []
    for label, ranges in gold:
        fate = draw(
            st.sampled_from(
                ["keep", "keep", "keep", "drop", "shift", "relabel", "split", "merge", "twice"]
            )
        )
        said += altered(draw, fate, label, ranges)
    said += draw(st.lists(st.tuples(st.sampled_from(LABELS), spans(fragments)), max_size=2))
    return gold, list(dict.fromkeys(said))[: most + 1]


def altered(draw, fate, label, ranges):
    (start, _), (_, end) = ranges[0], ranges[-1]
    if fate == "keep":
        return [(label, ranges)]
    if fate == "shift":
        return [(label, ((max(start - 1, 0), end),))]
    if fate == "relabel":
        return [(draw(st.sampled_from(LABELS)), ranges)]
    if fate == "split" and end - start > 1:
        return [(label, ((start, start + 1),)), (label, ((start + 1, end),))]
    if fate == "merge":
        return [(label, ((start, min(end + 3, LENGTH)),))]
    if fate == "twice":
        return [(label, ranges), (draw(st.sampled_from(LABELS)), ranges)]
    return []


def document(id, items, length=LENGTH, **more):
    return Document(
        id,
        "x" * length,
        [
            Entity(label, r[0][0], r[-1][1], fragments=r if len(r) > 1 else ())
            for label, r in map(joined, items)
        ],
        **more,
    )


def joined(item):
    """Fragments that touch are one: the same in the oracle's items as in the library's."""
    label, ranges = item
    out = []
    for start, end in ranges:
        if out and out[-1][1] == start:
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return label, tuple(out)


def once(items):
    return list(dict.fromkeys(map(joined, items)))


@st.composite
def corpora(draw, most_documents=4, most=5, fragments=True):
    """A list of (gold items, predicted items), one a document."""
    return [
        (once(g), once(p))
        for g, p in draw(st.lists(sides(most, fragments), min_size=1, max_size=most_documents))
    ]


def both(pairs, length=LENGTH):
    return tuple(
        Corpus([document(f"d{n}", pair[side], length) for n, pair in enumerate(pairs)], name="c")
        for side in (0, 1)
    )
