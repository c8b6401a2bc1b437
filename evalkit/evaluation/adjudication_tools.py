"""Adjudication in an annotation tool: what is written for it, and gold from what comes back.

brat: a folder with one set of annotations, in which undecided items have prefixes; see
`prefixed_documents`. evalkit-adjudication.json in it names the annotators.

Label Studio: a task for each document, with an annotation by each annotator and one of the settled
items; see `evalkit.formats.labelstudio_adjudication`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from evalkit.corpus import Corpus, load_corpus
from evalkit.data.annotation_items import AnnotationItem
from evalkit.data.document import LAYERS, Document
from evalkit.data.item_documents import build_document
from evalkit.data.json_keys import check_duplicate_keys
from evalkit.errors import InputError, LoadError, quoted_repr, spell_option, to_one_line
from evalkit.evaluation.adjudication import Adjudication, adjudicate_corpora
from evalkit.evaluation.adjudication_decisions import ERROR, DecisionApplier
from evalkit.evaluation.prefixed_documents import (
    build_prefixed_document,
    check_prefixes,
    find_prefixes,
    read_version,
    remove_leftovers,
)
from evalkit.files import read_input, write_atomically
from evalkit.formats.brat_reader import PARTS, BratTypes
from evalkit.formats.conversion import ConversionReport
from evalkit.formats.labelstudio_adjudication import (
    AdjudicationTask,
    read_tasks,
    select_held,
    write_tasks,
)
from evalkit.formats.registry import CorpusLocation, parse_location
from evalkit.results.wording import join_some, pluralize

MANIFEST = "evalkit-adjudication.json"
MAX_NAMED = 20  # annotations with a prefix that a message names


class _Manifest(msgspec.Struct, omit_defaults=True):
    """What a folder does not show: the annotators, the layers that somebody annotated, and labels
    of entities that are types of arguments, too.
    """

    annotators: list[str]
    layers: list[str] = []
    entity_labels: list[str] = []


def add_prefixes(adjudication: Adjudication) -> Corpus:
    """The settled items, and the others with the name of their annotator before the label."""
    everything = itertools.chain.from_iterable(adjudication.corpora.values())
    check_prefixes(adjudication.annotators, everything)
    chosen = _settle(adjudication)
    undecided = {line.id for line in adjudication.undecided}
    documents = []
    for id, base in adjudication.bases.items():
        split = adjudication.splits[id]
        settled = {}
        for layer in LAYERS:
            settled[layer] = None if split.agreed[layer] is None else chosen[id, layer]
        versions = {}
        for name, corpus in adjudication.corpora.items():
            if id in corpus and corpus[id].failure is None:
                versions[name] = corpus[id]
        clusters = [cluster for cluster in split.clusters if cluster.id in undecided]
        documents.append(build_prefixed_document(base, settled, clusters, versions))
    return Corpus(documents, "adjudication", adjudication.schema)


def holds_tasks(location: CorpusLocation) -> bool:
    """Whether a place holds an adjudication that was written for a tool, with decisions perhaps."""
    if location.path.is_dir():
        return (location.path / MANIFEST).exists()
    if not location.path.is_file() or location.path.suffix != ".json":
        return False
    try:
        return any(True for _ in read_tasks(location.path, ConversionReport()))
    except (LoadError, InputError):
        return False


def save_for_brat(adjudication: Adjudication, location: CorpusLocation) -> ConversionReport:
    """Writes a brat folder. Raises InputError if it holds an adjudication already."""
    manifest = location.path / MANIFEST
    if manifest.exists():
        raise InputError(
            f"{location.path}: holds an adjudication, which would be overwritten; name another"
            " folder"
        )
    corpus = add_prefixes(adjudication)
    losses = corpus.save(f"brat:{location.path}", **location.options)
    layers = [layer for layer in LAYERS if any(getattr(each, layer) is not None for each in corpus)]
    labels = {
        entity.label
        for annotated in adjudication.corpora.values()
        for document in annotated
        for entity in document.entities or ()
    }
    ambiguous = labels.intersection(_part_types(location))
    content = _Manifest(list(adjudication.annotators), layers, sorted(ambiguous))
    write_atomically(manifest, msgspec.json.encode(content) + b"\n")
    return losses


def _part_types(location: CorpusLocation) -> set[str]:
    """The types of T lines that are written only for an event or an attribution."""
    return {*PARTS, str(location.options.get("argument", BratTypes().argument))}


def load_from_brat(source: str, *, undecided: str = ERROR) -> Adjudication:
    """The adjudication of what is left in a brat folder: each annotator has the annotations without
    prefix and their own.

    Arguments of deleted events are left out and counted: brat deletes an event without them.
    Raises InputError for annotations with a prefix, unless `undecided` says what becomes of them.
    """
    location = parse_location(source)
    manifest = _read_manifest(location.path / MANIFEST)
    names = manifest.annotators
    corpus = _load_folder(location, manifest)
    if undecided == ERROR:
        _refuse_prefixes(corpus, names, source)
    versions = {}
    for name in names:
        documents: list[Document] = [read_version(each, name, names) for each in corpus]
        versions[name] = Corpus(documents, name, corpus.schema, corpus.conversion)
    return adjudicate_corpora(versions)


def _load_folder(location: CorpusLocation, manifest: _Manifest) -> Corpus:
    """The annotations in a folder, in all layers that somebody annotated, without what brat leaves
    behind.
    """
    given = location.options.get("layers", ())
    layers = [*manifest.layers, *(given.split(",") if isinstance(given, str) else given)]
    options = {**location.options, "layers": layers}
    corpus = load_corpus(replace_fields(location, options=options), predictions=True)
    types = _part_types(location) - set(manifest.entity_labels)
    documents = []
    for document in corpus:
        kept = remove_leftovers(document, types)
        count = len(document.entities or ()) - len(kept.entities or ())
        if count:
            what = "arguments of events, or parts of attributions, that were deleted"
            corpus.conversion.add(what, f"document {quoted_repr(document.id)}", count)
        documents.append(kept)
    return corpus.with_documents(documents)


def save_for_label_studio(adjudication: Adjudication, location: CorpusLocation) -> ConversionReport:
    """Writes the tasks of Label Studio. What it cannot hold, such as events and attributes, is left
    out and counted.

    Raises InputError if the file exists.
    """
    if location.path.exists():
        raise InputError(
            f"{location.path}: exists, and may hold decisions that would be overwritten; name"
            " another file"
        )
    losses = ConversionReport()
    held = {}
    for name, corpus in adjudication.corpora.items():
        held[name] = Corpus(select_held(corpus, losses), name, corpus.schema)
    earlier = [line for line in adjudication.lines if line.decision is not None]
    current = adjudicate_corpora(held, previous=earlier)
    for line in current.stale:
        losses.add("decisions about what Label Studio cannot hold", line.describe())
    settled = _settle(current)
    undecided = {line.document for line in current.undecided}
    tasks = []
    for id, split in current.splits.items():
        layers = {
            layer: settled[id, layer] if split.agreed[layer] is not None else None
            for layer in LAYERS
        }
        document = build_document(current.bases[id], layers).document
        versions = {name: corpus[id] for name, corpus in held.items() if id in corpus}
        tasks.append(AdjudicationTask(versions, document, id not in undecided))
    write_tasks(tasks, location.path, losses)
    return losses


def load_from_label_studio(source: str, *, undecided: str = ERROR) -> Adjudication:
    """The adjudication of the tasks of Label Studio: each annotator has the annotation that is
    marked as ground truth, and in tasks without one their own.

    Raises InputError for tasks without one, unless `undecided` says what becomes of them.
    """
    location = parse_location(source)
    conversion = ConversionReport()
    tasks = list(read_tasks(location.path, conversion))
    if not tasks:
        raise InputError(
            f"{source}: no tasks; expected the JSON export of the tasks that evalkit adjudicate"
            " wrote"
        )
    open_tasks = []
    for task in tasks:
        if task.settled is None:
            open_tasks.append(quoted_repr(next(iter(task.versions.values())).id))
    if open_tasks and undecided == ERROR:
        raise InputError(
            f"{source}: {pluralize(len(open_tasks), 'task')} without an annotation that is marked"
            f" as ground truth: documents {join_some(open_tasks, MAX_NAMED)}; mark one, or give"
            f" {spell_option('undecided', 'none')}"
        )
    names = list(dict.fromkeys(name for task in tasks for name in task.versions))
    has_relations = any(
        document.relations
        for task in tasks
        for document in (*task.versions.values(), *filter(None, [task.settled]))
    )
    versions = {}
    for name in names:
        documents = []
        for task in tasks:
            document = task.settled or task.versions.get(name)
            if document is not None:
                if has_relations and document.entities is not None:
                    document = replace(document, relations=document.relations or ())
                documents.append(document)
        versions[name] = Corpus(documents, name, conversion=conversion)
    return adjudicate_corpora(versions)


class AdjudicationTool(NamedTuple):
    """How an adjudication is written for a tool, and read back."""

    save: Callable[[Adjudication, CorpusLocation], ConversionReport]
    load: Callable[..., Adjudication]


TOOLS = {
    "brat": AdjudicationTool(save_for_brat, load_from_brat),
    "labelstudio": AdjudicationTool(save_for_label_studio, load_from_label_studio),
}


def _settle(adjudication: Adjudication) -> dict[tuple[str, str], list[AnnotationItem]]:
    """The agreed items and those of decisions, by document and layer."""
    applier = DecisionApplier(adjudication.splits, adjudication.bases, "decisions", {}, ERROR)
    return applier.choose(adjudication.lines)


def _read_manifest(path: Path) -> _Manifest:
    if not path.exists():
        raise InputError(
            f"{path.parent}: no {path.name}; expected a folder that evalkit adjudicate A B -o"
            f" brat:{path.parent} wrote"
        )
    data = read_input(path)
    try:
        manifest = msgspec.json.decode(data, type=_Manifest)
        check_duplicate_keys(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise LoadError(
            [f'{path}: {to_one_line(error)}; expected {{"annotators": ["NAME", "NAME"]}}']
        ) from None
    return manifest


def _refuse_prefixes(corpus: Corpus, names: list[str], source: str) -> None:
    """Raises InputError, with the annotations, if some still have a prefix."""
    open_annotations = []
    for document in corpus:
        for place, (name, label) in find_prefixes(document, names).items():
            layer, _, index = place.rstrip("]").partition("[")
            id = getattr(document, layer)[int(index)].id
            open_annotations.append(f"{document.id} {id} {quoted_repr(f'{name}.{label}')}")
    if not open_annotations:
        return
    count = len(open_annotations)
    more = f" and {count - MAX_NAMED} more" if count > MAX_NAMED else ""
    raise InputError(
        f"{source}: {pluralize(count, 'annotation')} with the prefix of an annotator:"
        f" {', '.join(open_annotations[:MAX_NAMED])}{more}; remove the prefix of those that gold is"
        f" to have and delete the others, or give {spell_option('undecided', 'none')}"
    )
