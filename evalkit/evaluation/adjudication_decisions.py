"""Applying the decisions of an adjudication: which items enter gold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from evalkit.data.annotation_items import AnnotationItem, parse_item
from evalkit.data.document import LAYERS, Document
from evalkit.data.duplicates import find_duplicates
from evalkit.data.item_documents import build_document
from evalkit.data.schema import Schema
from evalkit.errors import (
    DocumentError,
    InputError,
    LoadError,
    UnknownNameError,
    quoted_repr,
    spell_option,
)
from evalkit.evaluation.disagreement_clusters import (
    MAJORITY,
    Cluster,
    SplitDocument,
    encode_choice,
    encode_items,
)
from evalkit.formats.conversion import ExampleCounts
from evalkit.results.adjudication_lines import ALL, AUTOMATIC, NONE, AdjudicationLine
from evalkit.results.adjudication_report import ADJUDICATOR, UNDECIDED, DecidedLine

MAX_NAMED = 20  # undecided or stale lines that a message names
ERROR = "error"
DUPLICATES = "duplicates, which are not read as gold without the option duplicates=drop"


class AdjudicatedDocuments(NamedTuple):
    """The documents of gold, the decisions, and counts of what gold could not keep."""

    documents: list[Document]
    decisions: tuple[DecidedLine, ...]
    problems: ExampleCounts


def refuse_stale(stale: Sequence[AdjudicationLine], source: str) -> None:
    """Raises InputError for decisions that fit no cluster."""
    if not stale:
        return
    count = len(stale)
    overrides = ""
    if any(line.is_override for line in stale):
        overrides = (
            "; the options of an override are items that all annotators have, the same in each"
        )
    raise InputError(
        f"{source}: {count} {'decision fits' if count == 1 else 'decisions fit'} no cluster of"
        f" disagreement of these annotations: {_name_lines(stale)}{overrides};"
        f" {spell_option('previous', source)} makes a new file with the decisions that fit, and"
        " lists the others"
    )


def _name_lines(lines: Sequence[AdjudicationLine]) -> str:
    named = ", ".join(f"{line.id} ({line.describe()})" for line in lines[:MAX_NAMED])
    return f"{named} and {len(lines) - MAX_NAMED} more" if len(lines) > MAX_NAMED else named


def is_applicable(
    line: AdjudicationLine,
    documents: Mapping[str, SplitDocument],
    bases: Mapping[str, Document],
) -> bool:
    """Whether all annotators have the items that an override takes out."""
    if line.document not in documents or line.layer not in LAYERS:
        return False
    agreed = documents[line.document].agreed[line.layer]
    if agreed is None:
        return False
    try:
        removed = read_override(line, bases[line.document].text)
    except DocumentError:
        return False
    remaining = [item.key for item in agreed]
    for item in removed:
        if item.key not in remaining:
            return False
        remaining.remove(item.key)
    return True


def read_override(line: AdjudicationLine, text: str) -> list[AnnotationItem]:
    """The items that an override takes out. Raises DocumentError if its options differ."""
    options = []
    for items in line.options.values():
        if items is not None:
            options.append([parse_item(line.layer, item, text) for item in items])
    keys = [sorted(item.key for item in items) for items in options]
    if any(each != keys[0] for each in keys):
        raise DocumentError(
            "an override repeats items that all annotators have, the same in each option",
            field="options",
        )
    return options[0] if options else []


class DecisionApplier:
    """Applies decisions, and collects the errors of all lines.

    documents: the agreed items and the clusters of each document. bases: the documents without
    annotations. source: of the decisions, for messages. positions: of
    the lines by id, such as todo.jsonl:3. undecided: what becomes of clusters
    without a decision; see `Adjudication.apply`.
    """

    def __init__(
        self,
        documents: Mapping[str, SplitDocument],
        bases: Mapping[str, Document],
        source: str,
        positions: Mapping[str, str],
        undecided: str,
    ) -> None:
        self._documents = documents
        self._bases = bases
        self._source = source
        self._positions = positions
        self._undecided = undecided
        self._clusters = {c.id: c for split in documents.values() for c in split.clusters}
        self._errors: list[str] = []
        self._open: list[AdjudicationLine] = []
        self._decided: list[DecidedLine] = []

    def apply(
        self, lines: Iterable[AdjudicationLine], schema: Schema | None
    ) -> AdjudicatedDocuments:
        """The documents of the agreed items and the decisions. schema: gives the order of roles.

        Raises InputError for clusters without a decision; see `choose` for others.
        """
        chosen = self.choose(lines)
        if self._open:
            self._refuse_undecided()
        return self._build(chosen, schema)

    def choose(
        self, lines: Iterable[AdjudicationLine]
    ) -> dict[tuple[str, str], list[AnnotationItem]]:
        """The agreed items and those of decisions, by document and layer.

        Raises LoadError for invalid decisions.
        """
        chosen: dict[tuple[str, str], list[AnnotationItem]] = {}
        for id, split in self._documents.items():
            for layer, agreed in split.agreed.items():
                chosen[id, layer] = list(agreed or ())
        for line in lines:
            items = self._read_decision(line)
            if items is None:
                continue
            target = chosen[line.document, line.layer]
            if line.is_override:
                self._take_out(line, target)
            target += items
        if self._errors:
            raise LoadError(self._errors)
        return chosen

    def _take_out(self, line: AdjudicationLine, items: list[AnnotationItem]) -> None:
        """Removes the items of an override from those of its document and layer."""
        for removed in read_override(line, self._bases[line.document].text):
            found = next((n for n, item in enumerate(items) if item.key == removed.key), None)
            if found is None:
                self._add_error(line, "options: another override takes these items out as well")
                return
            del items[found]

    def _build(
        self, chosen: Mapping[tuple[str, str], list[AnnotationItem]], schema: Schema | None
    ) -> AdjudicatedDocuments:
        roles = {}
        if schema is not None:
            for label, event in schema.events.items():
                roles[label] = list(event.roles)
        problems = ExampleCounts()
        documents = []
        for id, base in self._bases.items():
            agreed = self._documents[id].agreed
            items: dict[str, list[AnnotationItem] | None] = {}
            for layer in LAYERS:
                items[layer] = None if agreed[layer] is None else chosen[id, layer]
            built = build_document(base, items, roles)
            documents.append(built.document)
            for what, where in built.problems:
                problems.add(what, where)
            for duplicate in find_duplicates(built.document):
                problems.add(DUPLICATES, str(duplicate))
        return AdjudicatedDocuments(documents, tuple(self._decided), problems)

    def _read_decision(self, line: AdjudicationLine) -> list[AnnotationItem] | None:
        """The items of a decision; None if there is none, or it is invalid."""
        decision = line.decision
        cluster = self._clusters.get(line.id)
        by = ADJUDICATOR
        if line.note.startswith(AUTOMATIC):
            by = line.note.partition(";")[0]
        if decision is None and cluster is not None and self._undecided != ERROR:
            decision = self._choose_default(cluster)
            by = f"{UNDECIDED}{self._undecided}"
        if decision is None:
            self._open.append(line)
            return None
        if isinstance(decision, str):
            items = self._choose(line, cluster, decision)
        else:
            items = self._parse_items(line, decision)
        if items is not None:
            text = self._bases[line.document].text
            encoded = tuple(encode_items(items, text))
            self._decided.append(DecidedLine(line, decision, by, encoded))
        return items

    def _choose_default(self, cluster: Cluster) -> Any:
        """The decision about a cluster without one; None if there is none."""
        if self._undecided == MAJORITY:
            text = self._bases[cluster.document_id].text
            return encode_choice(cluster, cluster.apply_rule(MAJORITY), text)
        return None if cluster.decide(self._undecided) is None else self._undecided

    def _choose(
        self, line: AdjudicationLine, cluster: Cluster | None, decision: str
    ) -> list[AnnotationItem] | None:
        """The items of a decision that is a name."""
        if cluster is None:
            if decision == NONE:
                return []
            self._add_error(
                line,
                f"decision: an override has a list of items, or {quoted_repr(NONE)}, not"
                f" {quoted_repr(decision)}",
            )
            return None
        items = cluster.decide(decision)
        if items is not None:
            return items
        if decision in cluster.options:
            self._add_error(
                line,
                f"decision: {quoted_repr(decision)} did not annotate the {line.layer} of document"
                f" {quoted_repr(line.document)}; choose another option",
            )
        else:
            known = (*cluster.options, ALL, NONE, "a list of items")
            self._add_error(line, str(UnknownNameError("decision", decision, known)))
        return None

    def _parse_items(
        self, line: AdjudicationLine, values: Sequence[dict[str, Any]]
    ) -> list[AnnotationItem] | None:
        """The items of a decision that is a list."""
        text = self._bases[line.document].text
        items = []
        for n, value in enumerate(values):
            try:
                items.append(parse_item(line.layer, value, text))
            except DocumentError as error:
                self._add_error(line, f"decision[{n}]: {error}")
                return None
        return items

    def _add_error(self, line: AdjudicationLine, problem: str) -> None:
        position = self._positions.get(line.id, self._source)
        self._errors.append(f"{position}: line {quoted_repr(line.id)}: {problem}")

    def _refuse_undecided(self) -> None:
        count = len(self._open)
        remedy = (
            f"decide {'it' if count == 1 else 'them'}, or give {spell_option('undecided', NONE)}"
        )
        if self._undecided != ERROR:
            remedy += f" ({quoted_repr(self._undecided)} decides nothing there)"
        raise InputError(
            f"{self._source}: {count} {'line has' if count == 1 else 'lines have'} no decision:"
            f" {_name_lines(self._open)}; {remedy}"
        )
