"""Adjudication: from the annotations of several annotators to gold.

What all annotators have enters gold; each cluster of the other items needs a decision. See
`evalkit.analysis.disagreements` and `evalkit.data.annotation_items` for what is equal, and
`evalkit.results.adjudication_lines` for the lines that hold the decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from evalkit.corpus import Corpus, CorpusSource, to_corpus
from evalkit.data.annotation_items import count_scores, find_items
from evalkit.data.document import LAYERS, Document
from evalkit.data.schema import Schema
from evalkit.errors import InputError, LoadError, UnknownNameError, quoted_repr, spell_option
from evalkit.evaluation.adjudication_decisions import (
    ERROR,
    DecisionApplier,
    is_applicable,
    refuse_stale,
)
from evalkit.evaluation.disagreement_clusters import (
    MAJORITY,
    RULES,
    Cluster,
    SplitDocument,
    encode_choice,
    split_document,
)
from evalkit.formats.conversion import ExampleCounts
from evalkit.results.adjudication_lines import (
    AUTOMATIC,
    NONE,
    RESERVED_NAMES,
    AdjudicationLine,
    read_lines,
)
from evalkit.results.adjudication_report import AdjudicationReport
from evalkit.results.wording import join_some

Decisions = str | Path | Iterable[AdjudicationLine]


@dataclass(frozen=True)
class Adjudication:
    """What annotators agree on, and the clusters of their disagreement.

    lines: one for each cluster, then the overrides of earlier decisions; by document and position.
    stale: earlier lines with a decision or a note that fit no cluster any more. lacking: the
    documents that an annotator did not annotate, by annotator. dropped: what was left out, such as
    scores. bases: the documents without annotations, by id. splits: their agreed items and
    clusters.
    """

    annotators: tuple[str, ...]
    lines: tuple[AdjudicationLine, ...]
    lacking: Mapping[str, tuple[str, ...]]
    dropped: ExampleCounts
    schema: Schema | None = None
    stale: tuple[AdjudicationLine, ...] = ()
    corpora: Mapping[str, Corpus] = field(default_factory=dict, repr=False)
    bases: Mapping[str, Document] = field(default_factory=dict, repr=False)
    splits: Mapping[str, SplitDocument] = field(default_factory=dict, repr=False)

    @property
    def clusters(self) -> dict[str, Cluster]:
        """The clusters by id."""
        return {c.id: c for document in self.splits.values() for c in document.clusters}

    @property
    def undecided(self) -> list[AdjudicationLine]:
        """The lines without a decision."""
        return [line for line in self.lines if line.decision is None]

    def item_counts(self) -> dict[str, dict[str, int]]:
        """For each layer the number of items of each annotator, then `agreed` and `clusters`."""
        counts: dict[str, dict[str, int]] = {}
        for layer in LAYERS:
            annotated = [c for c in self.splits.values() if c.agreed[layer] is not None]
            if not annotated:
                continue
            row = {}
            for name, corpus in self.corpora.items():
                row[name] = sum(len(getattr(document, layer) or ()) for document in corpus)
            row["agreed"] = sum(len(each.agreed[layer] or ()) for each in annotated)
            row["clusters"] = sum(c.layer == layer for each in annotated for c in each.clusters)
            counts[layer] = row
        return counts

    def reuse_decisions(self, previous: Decisions) -> Adjudication:
        """The adjudication with the decisions and notes of earlier lines.

        A line is reused if its cluster is still there: the same items of the same annotators. An
        override is reused if everybody still has the items that it takes out. `stale` has the
        others.
        """
        earlier = {line.id: line for line in _read_decisions(previous).values()}
        lines = []
        for line in self.lines:
            decided = earlier.pop(line.id, line)
            # The rest of an earlier line is what the id stands for, or was changed by mistake.
            lines.append(
                msgspec.structs.replace(line, decision=decided.decision, note=decided.note)
            )
        stale = list(self.stale)
        for line in earlier.values():
            if line.is_override and is_applicable(line, self.splits, self.bases):
                lines.append(line)
            elif line.decision is not None or line.note:
                stale.append(line)
        return replace(self, lines=_sort_lines(lines, self.splits), stale=tuple(stale))

    def resolve(self, rule: str) -> Adjudication:
        """The adjudication with decisions by a rule where it applies and there is none yet: the
        note says so.

        - majority: what more than half of the annotators have, or nothing if more than half have
          nothing.
        - longest, shortest: where each annotator has one item and they differ in the span alone,
          the one with the longest or shortest span, unless several have it.
        """
        if rule not in RULES:
            raise UnknownNameError("rule", rule, RULES, within=spell_option("resolve"))
        clusters = self.clusters
        lines = []
        for undecided in self.lines:
            line = undecided
            if line.decision is None and line.id in clusters:
                cluster = clusters[line.id]
                text = self.bases[line.document].text
                decided = encode_choice(cluster, cluster.apply_rule(rule), text)
                if decided is not None:
                    note = f"{AUTOMATIC}{rule}"
                    note = f"{note}; {line.note}" if line.note else note
                    line = msgspec.structs.replace(line, decision=decided, note=note)
            lines.append(line)
        return replace(self, lines=tuple(lines))

    def apply(
        self,
        decisions: Decisions | None = None,
        *,
        undecided: str = ERROR,
        resolve: str | None = None,
    ) -> AdjudicatedCorpus:
        """The gold of the decisions: the agreed items and those that were chosen.

        - `decisions`: a file of lines, or lines; the adjudication's own by default.
        - `undecided`: what becomes of clusters without a decision: "error", "none", "majority" or
          the name of an annotator.
        - `resolve`: a rule that is tried first; see `resolve`.

        Raises InputError for clusters without a decision, LoadError for invalid decisions and
        those that fit no cluster.
        """
        choices = (ERROR, NONE, MAJORITY, *self.annotators)
        if undecided not in choices:
            raise UnknownNameError("value", undecided, choices, within=spell_option("undecided"))
        source = "decisions" if decisions is None or not _is_path(decisions) else str(decisions)
        positions: dict[str, str] = {}
        current = self
        if decisions is not None:
            lines = _read_decisions(decisions)
            if _is_path(decisions):
                positions = {line.id: position for position, line in lines.items()}
            self._refuse_changed(lines)
            current = replace(self, stale=()).reuse_decisions(lines.values())
        if resolve is not None:
            current = current.resolve(resolve)
        refuse_stale(current.stale, source)
        applier = DecisionApplier(self.splits, self.bases, source, positions, undecided)
        gold = applier.apply(current.lines, self.schema)
        counts = self.item_counts()
        gold_counts = {}
        for layer in counts:
            gold_counts[layer] = sum(len(getattr(each, layer) or ()) for each in gold.documents)
        report = AdjudicationReport(
            annotators=self.annotators,
            documents=len(gold.documents),
            item_counts=counts,
            gold_counts=gold_counts,
            decisions=gold.decisions,
            lacking=self.lacking,
            dropped=tuple(self.dropped.lines()),
            problems=tuple(gold.problems.lines()),
        )
        return AdjudicatedCorpus(Corpus(gold.documents, "gold", self.schema), report)

    def _refuse_changed(self, lines: Mapping[str, AdjudicationLine]) -> None:
        """Raises LoadError for lines that are not those of their cluster any more."""
        own = {line.id: line for line in self.lines}
        errors = []
        for position, line in lines.items():
            if line.id not in own:
                continue
            for name in ("document", "layer", "kind", "options"):
                if getattr(line, name) != getattr(own[line.id], name):
                    verb = "differ" if name == "options" else "differs"
                    errors.append(
                        f"{position}: line {quoted_repr(line.id)}: {name} {verb} from the"
                        " annotations: change nothing but decision and note"
                    )
        if errors:
            raise LoadError(errors)


@dataclass(frozen=True)
class AdjudicatedCorpus:
    """The gold of an adjudication, and the report about its decisions."""

    corpus: Corpus
    report: AdjudicationReport


def adjudicate(
    *,
    previous: Decisions | None = None,
    resolve: str | None = None,
    **annotators: CorpusSource,
) -> Adjudication:
    """Compare annotators and list what needs a decision: `adjudicate(a=…, b=…)`.

    - Each annotator is a corpus, or the path of one. What all have is agreed: the same label, span,
      attributes and arguments, compared as multisets.
    - `previous`: a file of earlier decisions, or lines, which are reused where they still fit.
    - `resolve`: a rule that decides what it can: "majority", "longest" or "shortest".

    `lines` are the clusters of disagreement, `apply` makes gold of their decisions. Raises
    InputError for fewer than two annotators, and where their texts differ.

    >>> from evalkit import Document, Entity
    >>> a = [Document("d", "Ann left", [Entity("PER", 0, 3)])]
    >>> b = [Document("d", "Ann left", [Entity("ORG", 0, 3)])]
    >>> adjudication = adjudicate(a=a, b=b)
    >>> [(line.text, line.kind, line.decision) for line in adjudication.lines]
    [('Ann', 'label', None)]
    >>> adjudication.apply(undecided="a").corpus[0].entities[0].label
    'PER'
    """
    corpora = {}
    for name, source in annotators.items():
        corpora[name] = to_corpus(source, name, predictions=True)
    return adjudicate_corpora(corpora, previous=previous, resolve=resolve)


def adjudicate_corpora(
    corpora: Mapping[str, Corpus],
    *,
    previous: Decisions | None = None,
    resolve: str | None = None,
) -> Adjudication:
    """Compare corpora by the name of their annotator; see `adjudicate`."""
    _check_names(corpora)
    dropped = ExampleCounts()
    documents_by_id: dict[str, dict[str, Document]] = {}
    for name, corpus in corpora.items():
        for document in corpus:
            by_name = documents_by_id.setdefault(document.id, {})
            where = f"{name}, document {quoted_repr(document.id)}"
            if document.failure is not None:
                dropped.add("documents on which a model failed", where)
                continue
            by_name[name] = document
            for what, count in (
                ("scores", count_scores(document)),
                ("items without offsets", len(document.unplaced)),
            ):
                if count:
                    dropped.add(what, where, count)
    _check_texts(documents_by_id)
    bases: dict[str, Document] = {}
    split: dict[str, SplitDocument] = {}
    lines: list[AdjudicationLine] = []
    for id, documents in documents_by_id.items():
        if not documents:
            continue
        bases[id] = _merge_bases(documents, dropped)
        split[id] = split_document(id, find_items(documents), tuple(corpora))
        lines += [cluster.to_line(bases[id].text) for cluster in split[id].clusters]
    lacking = {}
    for name in corpora:
        absent = tuple(id for id, documents in documents_by_id.items() if name not in documents)
        if absent:
            lacking[name] = absent
    adjudication = Adjudication(
        tuple(corpora),
        _sort_lines(lines, split),
        lacking,
        dropped,
        _merge_schemas(corpora, dropped),
        corpora=dict(corpora),
        bases=bases,
        splits=split,
    )
    if previous is not None:
        adjudication = adjudication.reuse_decisions(previous)
    return adjudication if resolve is None else adjudication.resolve(resolve)


def _check_names(corpora: Mapping[str, Corpus]) -> None:
    if len(corpora) < 2:
        raise InputError("adjudicate: expected the annotations of two or more annotators")
    for name in corpora:
        if not name or name in RESERVED_NAMES:
            raise InputError(
                f"invalid name of an annotator {quoted_repr(name)}: the decisions"
                f" {', '.join(RESERVED_NAMES)} have a meaning of their own; name the annotator"
                " otherwise, as NAME=ANNOTATIONS"
            )


def _check_texts(documents_by_id: Mapping[str, Mapping[str, Document]]) -> None:
    """Raises InputError for documents of which the annotators have different texts."""
    differing = []
    for id, documents in documents_by_id.items():
        if len({document.text for document in documents.values()}) > 1:
            differing.append(quoted_repr(id))
    if differing:
        raise InputError(
            f"the texts of {len(differing)} documents differ between annotators:"
            f" {join_some(differing)}; offsets refer to one text, so load the same version of it"
        )


def _merge_bases(documents: Mapping[str, Document], dropped: ExampleCounts) -> Document:
    """A document without annotations, with the zones and the meta that all have."""
    everybody = list(documents.values())
    first = everybody[0]
    where = f"document {quoted_repr(first.id)}"
    zones = tuple(z for z in first.zones if all(z in other.zones for other in everybody[1:]))
    differing = {z for document in everybody for z in document.zones} - set(zones)
    if differing:
        dropped.add("zones that not all have", where, len(differing))
    meta: dict[str, Any] = {}
    keys = {key for document in everybody for key in document.meta or {}}
    for key in sorted(keys):
        values = [(document.meta or {}).get(key) for document in everybody]
        if all(value == values[0] for value in values):
            meta[key] = values[0]
        else:
            dropped.add(f"fields of meta on which they differ: {key}", where)
    return Document(first.id, first.text, zones=zones, meta=meta or None)


def _merge_schemas(corpora: Mapping[str, Corpus], dropped: ExampleCounts) -> Schema | None:
    """The schema that all have who have one; None if these differ."""
    schemas = [corpus.schema for corpus in corpora.values() if corpus.schema is not None]
    if not schemas:
        return None
    if any(schema != schemas[0] for schema in schemas):
        dropped.add("schemas that differ", ", ".join(corpora))
        return None
    return schemas[0]


def _sort_lines(
    lines: Iterable[AdjudicationLine], document_ids: Iterable[str]
) -> tuple[AdjudicationLine, ...]:
    """The lines in the order of documents and positions."""
    ranks = {id: rank for rank, id in enumerate(document_ids)}
    return tuple(sorted(lines, key=lambda line: (ranks[line.document], line.start, line.end)))


def _is_path(decisions: Decisions) -> bool:
    return isinstance(decisions, (str, Path))


def _read_decisions(decisions: Decisions) -> dict[str, AdjudicationLine]:
    """The lines by their place, such as todo.jsonl:3."""
    if isinstance(decisions, (str, Path)):
        return read_lines(Path(decisions))
    return {f"decisions[{n}]": line for n, line in enumerate(decisions)}
