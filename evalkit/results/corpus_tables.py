"""The numbers of one or more corpora as tables: documents and zones, and for each layer its labels
and details.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalkit.errors import shorten
from evalkit.results.corpus_counts import CorpusCounts
from evalkit.results.corpus_differences import CorpusDifferences, LayerDifferences
from evalkit.results.corpus_examples import DEFAULT_EXAMPLES
from evalkit.results.detail_tables import (
    build_detail_tables,
    build_novelty_tables,
    build_structure_tables,
)
from evalkit.results.layer_stats import ANNOTATED_LAYERS, AmbiguousForm, LayerStats
from evalkit.results.length_stats import LengthStats
from evalkit.results.table_cells import (
    ALL_LABELS,
    CSV_AND_JSON,
    MAX_ROWS,
    TableOptions,
    list_forms,
    order_labels,
    room_for_text,
    show_form,
)
from evalkit.results.tables import NumberFormat, Table
from evalkit.results.wording import join_some, pluralize

NO_ZONE = "(outside of zones)"
MAX_LABELS = 3  # of a surface form with several labels
LONGEST_LABEL = 40  # characters of a label in a sentence


@dataclass(frozen=True)
class LayerTables:
    """The tables of a layer: its labels, in the order of `names`, and details."""

    layer: str
    names: tuple[str, ...]
    labels: Table
    details: tuple[Table, ...]


def build_document_tables(
    statistics: Mapping[str, CorpusCounts], numbers: NumberFormat
) -> list[Table]:
    """The tables of documents and zones."""
    tables = [_document_table(statistics)]
    for name, corpus in statistics.items():
        if corpus.document_stats.zones:
            tables.append(_zone_table(name, corpus, numbers, is_only=len(statistics) == 1))
    return tables


def build_layer_tables(
    statistics: Mapping[str, CorpusCounts],
    differences: CorpusDifferences | None,
    options: TableOptions,
) -> list[LayerTables]:
    """The tables of each layer that has annotations."""
    tables = []
    for layer in ANNOTATED_LAYERS:
        layers = {name: each.layers[layer] for name, each in statistics.items()}
        if not any(
            each.total.annotations or each.unplaced or each.without_trigger
            for each in layers.values()
        ):
            continue
        of_layer = differences.layers.get(layer) if differences is not None else None
        if len(layers) == 1:
            labels = _label_table(next(iter(layers.values())), options)
        else:
            labels = _side_by_side_table(layers, of_layer, options)
        details: list[Table] = []
        if differences is not None and of_layer is not None:
            details += build_novelty_tables(differences, of_layer, options)
        details += build_detail_tables(layers, options)
        for name, corpus in statistics.items():
            details += build_structure_tables(
                name, corpus, layer, options, is_only=len(layers) == 1
            )
        names = tuple(order_labels(list(layers.values())))
        tables.append(LayerTables(layer, names, labels, tuple(details)))
    return tables


def _document_table(statistics: Mapping[str, CorpusCounts]) -> Table:
    """Sum, median and range of what documents hold; corpora side by side."""
    lengths: dict[str, dict[str, LengthStats]] = {}
    for name, corpus in statistics.items():
        for unit, each in corpus.document_stats.lengths.items():
            lengths.setdefault(unit, {})[name] = each
    for layer in ANNOTATED_LAYERS:
        for name, corpus in statistics.items():
            counts = corpus.layers[layer]
            if counts.annotated_documents:
                lengths.setdefault(layer, {})[name] = counts.per_document
    rows = []
    for unit, by_corpus in lengths.items():
        for name, each in by_corpus.items():
            title = unit if len(statistics) == 1 else f"{unit}: {name}"
            rows.append((title, f"{each.total:,}", *_length_cells(each)))
    columns = ("number of", "total", "median per document", "least", "most")
    droppable = (("least", "most"), "median per document")
    return Table("Documents", columns, tuple(rows), droppable_columns=droppable)


def _length_cells(lengths: LengthStats) -> tuple[str, str, str]:
    values = (lengths.median, lengths.least, lengths.largest)
    median, least, largest = ("–" if value is None else f"{value:,}" for value in values)
    return median, least, largest


def _zone_table(name: str, corpus: CorpusCounts, numbers: NumberFormat, *, is_only: bool) -> Table:
    rows = []
    zones = corpus.document_stats.zones
    labeled = [zone for zone in zones if zone.label is not None]
    for zone in (*labeled[:MAX_ROWS], *zones[len(labeled) :]):  # text outside of zones is last
        rows.append(
            (
                NO_ZONE if zone.label is None else zone.label,
                "–" if zone.label is None else f"{zone.zones:,}",
                f"{zone.documents:,}",
                f"{zone.characters:,}",
                numbers.format(zone.share),
            )
        )
    title = "Zones" if is_only else f"Zones of {name}"
    more = len(zones) - len(rows)
    return Table(
        title,
        ("zone", "count", "documents", "characters", "share of the text"),
        tuple(rows),
        notes=(f"… and {pluralize(more, 'more zone')}: json has all",) if more else (),
        droppable_columns=("characters", "documents"),
    )


def _label_table(layer: LayerStats, options: TableOptions) -> Table:
    """The labels of one corpus with examples."""
    columns = ["label", "count", "share", "documents"]
    rows = []
    shown = (*layer.labels[: options.max_rows], layer.total)
    for each in shown:
        cells = [ALL_LABELS if each.label is None else each.label]
        cells += [f"{each.annotations:,}", options.numbers.format(each.share)]
        cells.append(f"{each.documents:,}")
        rows.append(cells)
    count = min(options.examples.count, DEFAULT_EXAMPLES)
    if count:
        columns.append("most frequent (count)")
        room = room_for_text(columns[:-1], rows, options.width)
        for cells, each in zip(rows, shown, strict=True):
            cells.append("" if each.label is None else list_forms(layer, each.label, count, room))
    return Table(
        title=ANNOTATED_LAYERS[layer.layer].title,
        columns=tuple(columns),
        rows=tuple(map(tuple, rows)),
        notes=(
            *options.note_hidden(len(layer.labels), "label", CSV_AND_JSON),
            *_layer_notes(layer, options),
        ),
        droppable_columns=("most frequent (count)", "share"),
        first_average=len(rows) - 1,
    )


def _layer_notes(layer: LayerStats, options: TableOptions) -> Iterator[str]:
    """Lines below the labels of a layer: ambiguous surface forms, rare and unused labels."""
    if layer.ambiguous:
        many = len(layer.ambiguous)
        verb = "has" if many == 1 else "have"
        line = f"{pluralize(many, 'surface form')} {verb} two or more labels"
        forms = [_describe_ambiguous(form) for form in layer.ambiguous[: options.examples.count]]
        more = many - len(forms)
        if forms:
            ending = f"; and {more:,} more" if more else ""
            line += f": {'; '.join(forms)}{ending}"
        yield line
    rare = layer.rare_labels
    if rare:
        # In a single document, each label is in a single document.
        is_several = layer.annotated_documents > 1
        where = ", or in one document only" if is_several else ""
        yield f"rare labels (fewer than 10 annotations{where}): {_join_labels(rare)}"
    if layer.unused_labels:
        count = pluralize(len(layer.unused_labels), "label")
        yield f"{count} of the schema without annotation: {_join_labels(layer.unused_labels)}"
    if layer.unplaced:
        yield f"not counted, without offsets: {layer.unplaced:,}"
    if layer.without_trigger:
        yield f"not counted, events without a trigger: {layer.without_trigger:,}"


def _join_labels(labels: Sequence[str]) -> str:
    """The first labels, long ones cut, and how many more there are."""
    return join_some([shorten(label, LONGEST_LABEL) for label in labels])


def _describe_ambiguous(form: AmbiguousForm) -> str:
    labels = [f"{shorten(label, 20)} {count:,}" for label, count in form.labels.items()]
    return f"{show_form(form.surface)} ({join_some(labels, MAX_LABELS)})"


def _side_by_side_table(
    layers: Mapping[str, LayerStats], differences: LayerDifferences | None, options: TableOptions
) -> Table:
    """The labels of two or more corpora."""
    numbers = options.numbers
    names = list(layers)
    columns = ["label", *names, *(f"{name}: share" for name in names)]
    rows = []
    labels = order_labels(list(layers.values()))
    shown = (*labels[: options.max_rows], None)
    for label in shown:
        each_layer = [layer.of_label(label) for layer in layers.values()]
        cells = [ALL_LABELS if label is None else label]
        cells += [f"{each.annotations:,}" for each in each_layer]
        cells += [numbers.format(each.share) for each in each_layer]
        rows.append(cells)
    if differences is not None:
        columns.append("difference")
        of_label = {each.label: each.difference for each in differences.labels}
        for cells, label in zip(rows, shown, strict=True):
            cells.append("" if label is None else _format_difference(of_label[label], numbers))
    return Table(
        title=ANNOTATED_LAYERS[next(iter(layers.values())).layer].title,
        columns=tuple(columns),
        rows=tuple(map(tuple, rows)),
        notes=(
            *options.note_hidden(len(labels), "label", CSV_AND_JSON),
            *_side_by_side_notes(layers, differences, options),
        ),
        # Columns of all corpora are shown or hidden together.
        droppable_columns=(tuple(f"{name}: share" for name in names), "difference"),
        first_average=len(rows) - 1,
    )


def _format_difference(difference: float | None, numbers: NumberFormat) -> str:
    """A difference of shares with its sign; – where it is undefined."""
    text = numbers.format(difference)
    return f"+{text}" if difference is not None and difference > 0 else text.replace("-", "−")


def _side_by_side_notes(
    layers: Mapping[str, LayerStats], differences: LayerDifferences | None, options: TableOptions
) -> Iterator[str]:
    numbers = options.numbers
    if differences is not None:
        distance = differences.total_variation
        if distance is not None:
            yield (
                f"total variation distance of the shares: {numbers.format(distance)} (half the sum"
                f" of the absolute differences: 0 if shares are equal, {numbers.format(1.0)} if no"
                " label is in both)"
            )
        only = (differences.only_in_first, differences.only_in_second)
        for name, labels in zip(layers, only):
            if labels and differences.total_variation is not None:
                yield f"only in {name}: {_join_labels(labels)}"
    for name, layer in layers.items():
        for note in _layer_notes(layer, options):
            yield f"{name}: {note}"
