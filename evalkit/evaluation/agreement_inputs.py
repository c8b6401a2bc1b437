"""The annotators whose agreement is measured: their corpora, with the same texts and zones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from evalkit.corpus import Corpus, CorpusSource, load_corpus, resolve_location, to_corpus
from evalkit.data.document import LAYERS, Document, Zone
from evalkit.data.duplicates import drop_duplicates
from evalkit.data.schema import Schema
from evalkit.errors import InputError, escape_surrogates, quoted_repr
from evalkit.formats.reading_options import own_options
from evalkit.formats.registry import parse_location
from evalkit.results.wording import unique_name


class Annotator(NamedTuple):
    """An annotator, or a model, with all documents that were read."""

    name: str
    corpus: Corpus


@dataclass
class PreparedAnnotators:
    """The annotations that are compared.

    documents: an annotator to the documents by id that it annotated; without those on which a model
    failed, without duplicates and items that have no place in the text. All annotators have the
    same texts and zones. ids: of all documents, in the order in which they were read. duplicates,
    unplaced, failures: an annotator to how many annotations, and documents, were left out.
    are_models: whether every annotator has what only models have.
    """

    documents: dict[str, dict[str, Document]] = field(default_factory=dict)
    ids: dict[str, None] = field(default_factory=dict)
    schema: Schema | None = None
    read_options: dict[str, dict[str, str]] = field(default_factory=dict)
    duplicates: dict[str, int] = field(default_factory=dict)
    unplaced: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    are_models: bool = True

    @property
    def names(self) -> list[str]:
        """The annotators."""
        return list(self.documents)

    def ids_with_layer(self, layer: str, names: Iterable[str]) -> list[str]:
        """The documents that all of these annotators annotated in a layer of documents."""
        sides = [self.documents[name] for name in names]
        common = []
        for id in self.ids:
            found = [side.get(id) for side in sides]
            if all(each is not None and getattr(each, layer) is not None for each in found):
                common.append(id)
        return common

    def shared_ids(self, layer: str) -> list[str]:
        """The documents that two annotators or more annotated in a layer of documents."""
        counts = dict.fromkeys(self.ids, 0)
        for side in self.documents.values():
            for id, document in side.items():
                counts[id] += getattr(document, layer) is not None
        return [id for id, count in counts.items() if count > 1]

    def select_documents(self, name: str, ids: Iterable[str]) -> Corpus:
        """Some documents of an annotator."""
        return Corpus([self.documents[name][id] for id in ids], name, self.schema)

    def has_layer(self, layer: str) -> bool:
        """Whether two annotators have a document that both annotated in a layer of documents."""
        return bool(self.shared_ids(layer))


def load_annotators(sources: Sequence[tuple[str | None, CorpusSource]]) -> list[Annotator]:
    """The annotators of some sources, given as pairs of name and corpus; None stands for the name
    of the corpus.

    A single source is a file with several annotators: labelstudio, prodigy, cas or webanno. Raises
    InputError for fewer than two annotators.
    """
    if len(sources) == 1:
        sources = _split_annotators(*sources[0])
    if len(sources) < 2:
        raise InputError(
            f"{len(sources)} annotators: expected two or more, or one file with several annotators"
        )
    corpora = [to_corpus(source, predictions=True) for _, source in sources]
    own_names = [name or corpus.name for (name, _), corpus in zip(sources, corpora)]
    annotators: dict[str, Annotator] = {}
    for (name, source), own_name, corpus in zip(sources, own_names, corpora):
        chosen = own_name
        if name is None and own_names.count(own_name) > 1:
            chosen = _name_of_folder(source, [other for _, other in sources]) or own_name
        unique = unique_name(escape_surrogates(chosen), annotators)
        annotators[unique] = Annotator(unique, corpus)
    return list(annotators.values())


def _name_of_folder(source: CorpusSource, sources: Iterable[CorpusSource]) -> str:
    """The name of the folder in which one of some corpora is; "" if another is in a folder of that
    name, too.
    """
    name = _folder_of(source)
    return name if [_folder_of(each) for each in sources].count(name) == 1 else ""


def _folder_of(source: CorpusSource) -> str:
    if isinstance(source, (str, Path)):
        return parse_location(source).path.resolve().parent.name
    return ""


def _split_annotators(
    name: str | None, source: CorpusSource
) -> list[tuple[str | None, CorpusSource]]:
    """Each annotator of a file with several, by name."""
    if not isinstance(source, (str, Path)):
        raise InputError("one corpus: expected two or more annotators, or a file with several")
    location = resolve_location(source)
    list_annotators = getattr(location.module, "list_annotators", None)
    if list_annotators is None:
        raise InputError(
            f"{location.path}: the format {location.format_name} has one annotator: expected two"
            " or more corpora, or one of labelstudio, prodigy, cas or webanno"
        )
    if name is not None:
        raise InputError(
            f"{name}={source}: a single file is split into its annotators, which have names in it:"
            " leave out the name, or give the annotations of others beside it"
        )
    if "annotator" in location.options:
        raise InputError(
            f"{source}: the annotations of one annotator: give those of another beside them, or"
            " leave out the option annotator to compare all annotators of the file"
        )
    wanted = own_options(list_annotators)
    options = {name: value for name, value in location.options.items() if name in wanted}
    names = list_annotators(location.path, **options)
    if len(names) < 2:
        known = f": {quoted_repr(names[0])}" if names else ""
        raise InputError(
            f"{location.path}: {len(names)} annotators{known}; expected two or more in a single"
            " file, or more than one file"
        )
    split: list[tuple[str | None, CorpusSource]] = []
    for annotator in names:
        selected = replace_fields(location, options={**location.options, "annotator": annotator})
        split.append((annotator, load_corpus(selected, predictions=True)))
    return split


def prepare_annotators(annotators: Sequence[Annotator]) -> PreparedAnnotators:
    """The annotations that are compared. Raises InputError for documents with other texts or zones
    than another annotator has.
    """
    prepared = PreparedAnnotators()
    first: dict[str, tuple[str, Document]] = {}
    zones: dict[str, tuple[str, tuple[Zone, ...]]] = {}
    for name, corpus in annotators:
        for kept in ("duplicates", "unplaced", "failures"):
            getattr(prepared, kept)[name] = 0
        prepared.schema = prepared.schema or corpus.schema
        prepared.read_options[name] = {
            option: value for option, value in corpus.read_options.items() if option != "duplicates"
        }
        has_model_output = False
        documents: dict[str, Document] = {}
        for document in corpus:
            has_model_output |= _has_model_output(document)
            if document.failure is not None:
                prepared.failures[name] += 1
                continue
            other, known = first.setdefault(document.id, (name, document))
            if known.text != document.text:
                raise InputError(
                    f"{name}: document {quoted_repr(document.id)} has another text than that of"
                    f" {other}: {_describe_difference(known.text, document.text)}; expected"
                    " annotations of the same texts"
                )
            if document.zones:
                other, known_zones = zones.setdefault(document.id, (name, document.zones))
                if set(known_zones) != set(document.zones):
                    raise InputError(
                        f"{name}: document {quoted_repr(document.id)} has other zones than that of"
                        f" {other}: expected the same zones, or zones of one annotator only"
                    )
            if all(getattr(document, layer) is None for layer in LAYERS):
                continue  # a text that this annotator did not annotate
            distinct = drop_duplicates(document)
            prepared.duplicates[name] += _count_annotations(document) - _count_annotations(distinct)
            prepared.unplaced[name] += len(document.unplaced)
            documents[document.id] = replace(distinct, unplaced=())
        prepared.documents[name] = documents
        prepared.ids.update(dict.fromkeys(documents))
        prepared.are_models &= has_model_output
    for side in prepared.documents.values():
        for id, document in side.items():
            _, known_zones = zones.get(id, ("", ()))
            if document.zones != known_zones:
                side[id] = replace(document, zones=known_zones)
    return prepared


def _has_model_output(document: Document) -> bool:
    """Whether a document has what only models have: a failure, a score, a quote without place."""
    if document.failure is not None or document.unplaced:
        return True
    for layer in LAYERS:
        if any(annotation.score is not None for annotation in getattr(document, layer) or ()):
            return True
    return False


def _count_annotations(document: Document) -> int:
    """The number of annotations, and of the arguments of events."""
    arguments = sum(len(event.arguments) for event in document.events or ())
    return arguments + sum(len(getattr(document, layer) or ()) for layer in LAYERS)


def _describe_difference(expected: str, text: str) -> str:
    """Where two texts differ first."""
    pairs = enumerate(zip(expected, text))
    position = next((n for n, (a, b) in pairs if a != b), min(len(expected), len(text)))
    return (
        f"they differ from character {position} on"
        f" ({quoted_repr(expected[position : position + 20])},"
        f" {quoted_repr(text[position : position + 20])})"
    )
