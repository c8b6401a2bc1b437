"""Tables with the details of a layer: lengths, examples, overlaps, unseen surface forms, roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalkit.results.corpus_counts import CorpusCounts
from evalkit.results.corpus_differences import CorpusDifferences, LayerDifferences
from evalkit.results.corpus_examples import DEFAULT_EXAMPLES
from evalkit.results.layer_stats import ANNOTATED_LAYERS, LabelStats, LayerStats
from evalkit.results.table_cells import (
    ALL_LABELS,
    CSV_AND_JSON,
    LONGEST_EXAMPLE,
    TableOptions,
    list_forms,
    list_roles,
    median_and_largest,
    order_labels,
    room_for_text,
    show_form,
)
from evalkit.results.tables import Table

NO_TYPE = "(no type)"
MAX_CHECKED = 12  # labels in the table of overlaps

# The columns of the table of overlaps by the fields of LabelStats, with what they mean
CHECKS = {
    "nested": ("nested", "inside another annotation"),
    "crossing": ("crossing", "overlapping another one in part"),
    "same_span": ("same span", "another label has exactly this span"),
    "discontinuous": ("discontinuous", "with a gap"),
    "duplicates": ("duplicates", "repeating another one in full"),
    "edges": ("edges", "beginning or ending with white space or punctuation"),
}


def build_novelty_tables(
    differences: CorpusDifferences, layer: LayerDifferences, options: TableOptions
) -> Iterator[Table]:
    """How many annotations of the second corpus have a surface form of the first."""
    first, second = differences.first, differences.second
    if differences.same_documents or not layer.total.second_annotations:
        return
    rows = []
    labels = [each for each in layer.labels if each.novelty is not None and each.second_annotations]
    for each in (*labels[: options.max_rows], layer.total):
        if each.novelty is None:
            continue
        cells = [ALL_LABELS if each.label is None else each.label, f"{each.second_annotations:,}"]
        cells += [f"{number:,}" for number in each.novelty]
        cells.append(options.numbers.format(each.novelty.unseen_share))
        rows.append(tuple(cells))
    if rows:
        title = ANNOTATED_LAYERS[layer.layer].title
        yield Table(
            title=f"{title}: surface forms of {second} in {first}",
            columns=("label", "count", "same label", "other label", "unseen", "unseen share"),
            rows=tuple(rows),
            notes=(
                *options.note_hidden(len(labels), "label"),
                f"annotations of {second} whose surface form {first} has with the same label, only"
                " with another label, or not at all (unseen)",
            ),
            droppable_columns=("count", "unseen share"),
            first_average=len(rows) - 1,
        )


def build_detail_tables(layers: Mapping[str, LayerStats], options: TableOptions) -> Iterator[Table]:
    """Lengths, examples and overlaps of a layer of one or more corpora."""
    yield _length_table(layers, options)
    yield from _example_tables(layers, options)
    for name, layer in layers.items():
        checks = _check_table(name, layer, is_only=len(layers) == 1)
        if checks is not None:
            yield checks


def _length_table(layers: Mapping[str, LayerStats], options: TableOptions) -> Table:
    """Lengths and surface forms of each label, with a row for each corpus."""
    is_only = len(layers) == 1
    columns = ["label", *(() if is_only else ("corpus",)), "tokens", "characters"]
    columns += ["surface forms", "most frequent form"]
    rows = []
    labels = order_labels(list(layers.values()))
    shown = (*labels[: options.max_rows], None)
    for label in shown:
        for name, layer in layers.items():
            each = layer.of_label(label)
            cells = [ALL_LABELS if label is None else label]
            cells += [] if is_only else [name]
            cells += [median_and_largest(each.tokens), median_and_largest(each.characters)]
            cells += [f"{each.surface_forms:,}", options.numbers.format(each.most_frequent_share)]
            rows.append(tuple(cells))
    title = ANNOTATED_LAYERS[next(iter(layers.values())).layer].title
    return Table(
        title=f"{title}: lengths and surface forms",
        columns=tuple(columns),
        rows=tuple(rows),
        notes=(
            *options.note_hidden(len(labels), "label", CSV_AND_JSON),
            "tokens and characters of an annotation: median, largest; most frequent form: its share"
            " of the annotations of the label",
        ),
        droppable_columns=("most frequent form", "characters"),
        first_average=len(rows) - len(layers),
    )


def _example_tables(layers: Mapping[str, LayerStats], options: TableOptions) -> Iterator[Table]:
    """More surface forms than the first table has, and those of several corpora."""
    count = options.examples.count
    rows: list[tuple[str, ...]] = []
    title = ANNOTATED_LAYERS[next(iter(layers.values())).layer].title
    if len(layers) == 1:
        if count <= DEFAULT_EXAMPLES:
            return
        layer = next(iter(layers.values()))
        for each in layer.labels[: options.max_rows]:
            label = each.label or ""
            for key, number in layer.surfaces.most_frequent(label, count):
                rows.append((label, f"{number:,}", show_form(key, 2 * LONGEST_EXAMPLE)))
        yield Table(
            f"{title}: most frequent surface forms",
            ("label", "count", "surface form"),
            tuple(rows),
            options.note_hidden(len(layer.labels), "label"),
        )
    elif count:
        labels = order_labels(list(layers.values()))
        shown = labels[: options.max_rows]
        room = room_for_text(["label"], [[label] for label in shown], options.width, len(layers))
        for label in shown:
            forms = [list_forms(layer, label, count, room) for layer in layers.values()]
            rows.append((label, *forms))
        yield Table(
            f"{title}: most frequent surface forms",
            ("label", *layers),
            tuple(rows),
            options.note_hidden(len(labels), "label"),
        )


def _check_table(name: str, layer: LayerStats, *, is_only: bool) -> Table | None:
    """The labels with overlaps, duplicates and odd edges; None if there are none."""
    checks = [check for check in CHECKS if getattr(layer.total, check)]
    if not checks:
        return None
    flagged = [(_count_checks(each, checks), each) for each in layer.labels]
    flagged = [(number, each) for number, each in flagged if number]
    flagged.sort(key=lambda item: (-item[0], item[1].label))
    rows = []
    for each in (*(each for _, each in flagged[:MAX_CHECKED]), layer.total):
        label = ALL_LABELS if each.label is None else each.label
        rows.append((label, *(f"{getattr(each, check):,}" for check in checks)))
    title = ANNOTATED_LAYERS[layer.layer].title
    if not is_only:
        title += f" of {name}"
    names = [CHECKS[check][0] for check in checks]
    notes = ["; ".join(": ".join(CHECKS[check]) for check in checks)]
    more = len(flagged) - MAX_CHECKED
    if more > 0:
        notes.append(f"{more:,} more labels have such annotations")
    return Table(
        f"{title}: overlaps, duplicates, edges",
        ("label", *names),
        tuple(rows),
        notes=tuple(notes),
        droppable_columns=tuple(reversed(names[1:])),
        first_average=len(rows) - 1,
    )


def _count_checks(each: LabelStats, checks: Sequence[str]) -> int:
    return sum(getattr(each, check) for check in checks)


def build_structure_tables(
    name: str, corpus: CorpusCounts, layer: str, options: TableOptions, *, is_only: bool
) -> Iterator[Table]:
    """Arguments by event type beside roles, types beside parts of attributions."""
    if layer == "arguments" and corpus.event_types:
        yield _event_table(name, corpus, options, is_only=is_only)
    if layer == "attributions" and corpus.attribution_types:
        yield _attribution_table(name, corpus, options, is_only=is_only)


def _event_table(name: str, corpus: CorpusCounts, options: TableOptions, *, is_only: bool) -> Table:
    """The number of arguments and the roles of each event type."""
    columns = ["event type", "events", "arguments", "per event", "events without"]
    rows = []
    *types, total = corpus.event_types
    shown = (*types[: options.max_rows], total)
    for each in shown:
        per_event = each.arguments_per_event
        rows.append(
            [
                ALL_LABELS if each.label is None else each.label,
                f"{each.events:,}",
                f"{each.arguments.total:,}",
                "–" if per_event is None else f"{per_event:.1f}",
                f"{each.without_arguments:,}",
            ]
        )
    room = room_for_text(columns, rows, options.width)
    columns.append("roles (count)")
    for cells, each in zip(rows, shown, strict=True):
        cells.append("" if each.label is None else list_roles(each.roles, room))
    title = "Arguments by event type"
    return Table(
        title if is_only else f"{title} of {name}",
        tuple(columns),
        tuple(map(tuple, rows)),
        options.note_hidden(len(types), "event type"),
        droppable_columns=("roles (count)", "events without", "arguments"),
        first_average=len(rows) - 1,
    )


def _attribution_table(
    name: str, corpus: CorpusCounts, options: TableOptions, *, is_only: bool
) -> Table:
    """The share of attributions without source or cue, by type."""
    rows: list[tuple[str, ...]] = []
    *types, total = corpus.attribution_types
    for each in (*types[: options.max_rows], total):
        label = ALL_LABELS if each.label is None else each.label or NO_TYPE
        cells = [label, f"{each.attributions:,}"]
        for number in (each.without_source, each.without_cue, each.nested):
            cells.append(f"{number:,} ({options.numbers.format(each.share(number))})")
        rows.append(tuple(cells))
    title = "Attributions by type"
    return Table(
        title if is_only else f"{title} of {name}",
        ("type", "count", "without source", "without cue", "nested"),
        tuple(rows),
        droppable_columns=("nested", "count"),
        notes=(
            *options.note_hidden(len(types), "type"),
            "in parentheses: the share of the attributions of the type; nested: with another"
            " attribution as parent",
        ),
        first_average=len(rows) - 1,
    )
