"""What a format keeps of a corpus, in plain loops: the annotations before writing, those that are
read back, and those that the writer counted as dropped.
"""

import random
from collections import Counter
from importlib import import_module
from itertools import pairwise

from evalkit import (
    Argument,
    Attribution,
    Corpus,
    Document,
    Entity,
    Event,
    Relation,
    Span,
    Unplaced,
    Zone,
    load_corpus,
)
from evalkit.formats.registry import FORMATS, module_name

FOLDERS = ("directory", "brat", "cas", "webanno")
LAYERS = ("entities", "events", "attributions", "relations")
# What a writer counts and does not drop: a part of an annotation, a space at its edge, or its place
# in doc.ents, which spaCy has beside doc.spans
PARTS = (
    "written without it",
    "in doc.ents",
    "that were annotated, in a corpus without labels",
    "that were not annotated",
)
# Formats that count annotations whatever their layer; brat counts parts of attributions, too
OF_ALL_LAYERS = ("brat", "webanno")
# What a format refuses to write, as its documentation says: a part of the message
REFUSED = {
    "directory": "which a folder cannot hold: save as .jsonl",
    "pubtator": "since '|' separates columns; rename it",
}


def list_written_formats():
    """The formats that are written, and whose package is installed."""
    names = [name for name in FORMATS if not FORMATS[name].missing and name != "hf"]
    return [name for name in names if hasattr(import_module(module_name(name)), "write")]


def write_and_read(name, documents, folder):
    """The counts of writing documents in a format, and the documents that are read back."""
    suffix = "" if name in FOLDERS else (FORMATS[name].suffixes or (".x",))[0]
    path = folder / f"c{suffix}"
    counts = Corpus(documents).save(f"{name}:{path}").counts
    return dict(counts), list(load_corpus(f"{name}:{path}", predictions=True))


def find_problems(name, documents, counts, back):
    """Lines about annotations that were lost and not counted, counted and not lost, or made up.

    documents: those that are written, without failed ones.
    """
    problems = []
    if len(back) != len(documents):
        problems.append(f"{len(documents)} documents written, {len(back)} read")
    has_other_ids = any(name.startswith("ids of documents") for name in counts)
    if not has_other_ids and sorted_ids(documents) != sorted_ids(back):
        problems.append("other ids of documents, which were not counted")
    lost = {}
    for layer in LAYERS:
        lost[layer] = count_annotations(documents, layer) - count_annotations(back, layer)
    counted = {layer: count_dropped(counts, layer) for layer in LAYERS}
    counted["entities"] += counts.get("unplaced items", 0)
    if name in OF_ALL_LAYERS:
        most = sum(counted.values()) + count_dropped(counts, "annotations")
        least = max(lost.values(), default=0)
        if not 0 <= least <= sum(lost.values()) <= most:
            problems.append(f"{lost} lost, at most {most} counted")
    elif lost != counted:
        problems.append(f"{lost} lost, {counted} counted")
    for made_up in (entity_surfaces(back) - entity_surfaces(documents)).items():
        problems.append(f"an entity that was not written: {made_up}")
    if name == "jsonl" and back != list(documents):
        problems.append("jsonl loses something")
    return problems


def sorted_ids(documents):
    """The ids, sorted, since those of a folder are read in the order of the file names."""
    return sorted(document.id for document in documents)


def count_annotations(documents, layer):
    """The number of annotations of a layer; entities without offsets are entities, too."""
    count = 0
    for document in documents:
        count += len(getattr(document, layer) or ())
        if layer == "entities":
            count += len([item for item in document.unplaced if item.layer == layer])
    return count


def count_dropped(counts, layer):
    """The sum of the counts of whole annotations of a layer, such as "discontinuous entities" or
    "triggers of events of white space alone", and not "ids of entities".
    """
    total = 0
    for name, count in counts.items():
        words = name.replace(",", "").split()
        is_of_layer = layer in words[:2] or words[:3] == ["triggers", "of", layer]
        if is_of_layer and not any(part in name for part in PARTS):
            total += count
    return total


def entity_surfaces(documents):
    """The labels and texts of all entities, without white space."""
    surfaces = Counter()
    for document in documents:
        for entity in document.entities or ():
            ranges = entity.fragments or ((entity.start, entity.end),)
            text = "".join(document.text[start:end] for start, end in ranges)
            surfaces[entity.label, "".join(text.split())] += 1
        for item in document.unplaced:
            if item.layer == "entities":
                surfaces[item.label, "".join((item.quote or "").split())] += 1
    return surfaces


TEXTS = {
    "plain": "Ada met Bo in Rome. Bo ran home.",
    "non-BMP": "𝒜da met 👩‍👩‍👧 in 東京. 🎉 Bo ran e\u0301n home.",
    "CRLF": "Ada met\r\nBo in Rome.\r\n\r\nBo ran home.\r\n",
}
ODD_IDS = ("../x", "a b", "ü/ß", "Doc", "doc", "con", "#1", 'q"uote', "1|t|x", "-DOCSTART-")


def random_ranges(draw, text, ranges=1):
    """Ranges of a text that do not touch, each without white space at its edges."""
    while True:
        borders = sorted(draw.sample(range(len(text) + 1), 2 * ranges))
        pairs = list(zip(borders[::2], borders[1::2]))
        apart = all(first[1] < second[0] for first, second in pairwise(pairs))
        if apart and all(text[a:b] == text[a:b].strip() for a, b in pairs):
            return pairs


def random_entities(draw, text, kind):
    """Distinct entities: nested at random, discontinuous, or side by side."""
    entities = {}
    for number in range(5):
        ranges = random_ranges(draw, text, 2 if kind == "discontinuous" and number % 2 else 1)
        label = draw.choice(("PER", "LOC"))
        is_apart = all(
            ranges[0][0] >= old[-1][1] or ranges[-1][1] <= old[0][0] for _, old in entities
        )
        if kind in ("nested", "discontinuous") or is_apart:
            fragments = tuple(ranges) if len(ranges) > 1 else ()
            entities[label, tuple(ranges)] = Entity(
                label, ranges[0][0], ranges[-1][1], id=f"T{number + 1}", fragments=fragments
            )
    return list(entities.values())


def random_document(draw, id, kind):
    """A document of a kind of CORPORA."""
    text = TEXTS.get(kind, TEXTS["plain"])
    if kind == "empty":
        return Document(id, draw.choice(("", text)), [])
    entities = random_entities(draw, text, kind)
    layers = {}
    if kind == "events":
        trigger = random_ranges(draw, text)[0]
        arguments = [Argument("Agent", *random_ranges(draw, text)[0])]
        layers["events"] = [Event("Meet", Span(*trigger), arguments, id="E1")]
    if kind == "relations" and len(entities) > 1:
        layers["relations"] = [Relation("knows", entities[0].id, entities[1].id, id="R1")]
    if kind == "attributions":
        spans = [Span(*random_ranges(draw, text)[0]) for _ in range(3)]
        layers["attributions"] = [Attribution(*spans, label="vague")]
    if kind == "zones":
        layers["zones"] = [Zone("lead", 0, 7)]
        layers["meta"] = {"source": "x"}
    if kind == "unplaced":
        layers["unplaced"] = [Unplaced("entities", "PER", "not in the text", quote="Eve")]
    return Document(id, text, entities, **layers)


CORPORA = (
    "nested",
    "discontinuous",
    "events",
    "relations",
    "attributions",
    "zones",
    "unplaced",
    "empty",
    "non-BMP",
    "CRLF",
)


def build_corpora(seed):
    """Ten random corpora by kind; every second document has an odd id, and the first is plain."""
    draw = random.Random(seed)
    corpora = {}
    for kind in CORPORA:
        documents = [random_document(draw, "d0", "plain")]
        for number in range(1, 6):
            id = ODD_IDS[draw.randrange(len(ODD_IDS))] if number % 2 else f"d{number}"
            if id not in {document.id for document in documents}:
                documents.append(random_document(draw, id, kind))
        corpora[kind] = documents
    return corpora
