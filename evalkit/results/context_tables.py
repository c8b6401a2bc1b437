"""Examples in context as tables."""

from __future__ import annotations

from evalkit.errors import escape_controls, shorten
from evalkit.results.corpus_counts import CorpusCounts
from evalkit.results.corpus_examples import FormContext, find_examples
from evalkit.results.layer_stats import ANNOTATED_LAYERS
from evalkit.results.table_cells import TableOptions
from evalkit.results.tables import Table

LEAST_ROOM = 30  # characters of an example in a narrow terminal
WIDEST = 78


def build_context_tables(
    name: str, corpus: CorpusCounts, options: TableOptions, *, is_only: bool
) -> list[Table]:
    """A table for each layer: the examples of each label in their texts."""
    rows_by_layer: dict[str, list[tuple[str, str]]] = {}
    examples = find_examples(corpus, options.examples)
    room = WIDEST
    if options.width is not None:
        widest = max([len("label"), *(len(shorten(example.label)) for example in examples)])
        room = min(max(options.width - widest - 2, LEAST_ROOM), WIDEST)
    for example in examples:
        if example.context is not None:
            line = fit_context(example.context, room)
            rows_by_layer.setdefault(example.layer, []).append((example.label, line))
    tables = []
    for layer, rows in rows_by_layer.items():
        title = ANNOTATED_LAYERS[layer].title
        if not is_only:
            title += f" of {name}"
        labels = list(dict.fromkeys(label for label, _ in rows))
        shown = set(labels[: options.max_rows])
        tables.append(
            Table(
                f"{title} in context",
                ("label", "[example] in its text"),
                tuple(row for row in rows if row[0] in shown),
                options.note_hidden(len(labels), "label"),
            )
        )
    return tables


def fit_context(context: FormContext, room: int) -> str:
    """An example in brackets in a line of `room` characters, with the text before and after it;
    examples below each other begin in the same column.
    """
    of_before = (room - 2) * 2 // 5
    before = show_line(context.before)
    if len(before) > of_before:
        before = "…" + before[len(before) - of_before + 1 :]
    surface = shorten(show_line(context.surface), room - 2 - of_before)
    after = show_line(context.after)
    of_after = room - 2 - of_before - len(surface)
    after = shorten(after, of_after) if of_after > 0 else ""
    return f"{before:>{of_before}}[{surface}]{after}".ljust(room)


def show_line(text: str) -> str:
    """A text on one line: white space as single spaces, control characters as escapes."""
    line = " ".join(text.split())
    leading = " " if text[:1].isspace() and line else ""
    trailing = " " if text[-1:].isspace() and line else ""
    return escape_controls(f"{leading}{line}{trailing}")
