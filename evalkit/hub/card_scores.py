"""The scores in a dataset card: those of a baseline, and the agreement of annotation passes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

from evalkit.corpus import load_corpus
from evalkit.evaluation.corpus_scores import score
from evalkit.hub.card_tables import code_span, escape_markdown
from evalkit.results.report_builder import ReportBuilder, format_interval, name_interval
from evalkit.results.scores import Scores
from evalkit.results.summary import signatures
from evalkit.results.tables import DEFAULT_FORMAT
from evalkit.scoring.lenient_gold import find_kinds

PASSES = "annotations/passes"  # of a corpus folder: a folder for each independent pass


def score_passes(folder: Path) -> list[Scores]:
    """The scores of each two annotation passes of a corpus folder, over all zones; none where there
    are fewer than two passes. Neither pass is gold, so that alternatives, optional items and ignore
    regions are ignored.
    """
    passes = sorted(path for path in (folder / PASSES).glob("*") if any(path.glob("*.jsonl")))
    loaded = [load_corpus(path) for path in passes]
    return [
        score(one, other, zones="all", boot=0, plain_gold=any(map(find_kinds, one)))
        for one, other in combinations(loaded, 2)
    ]


def render_baseline(scores: Scores, command: str) -> str:
    """The micro averages of each metric, with intervals, warnings and signatures, as Markdown."""
    rows = []
    for metric in scores:
        row = scores[metric].micro
        ratios = (_ratio(row.precision), _ratio(row.recall), _ratio(row.f1))
        intervals = (format_interval(row.interval("f1")),) if scores.resampling.boot else ()
        rows.append((metric, *ratios, *intervals))
    model = f"Of the model {code_span(scores.metadata.model)}"
    if command:
        model += f", by {code_span(command)}"
    names = (name_interval(scores.resampling),) if scores.resampling.boot else ()
    header = ("Metric", "Precision", "Recall", "F1", *names)
    micro_rows = [scores[metric].micro for metric in scores]
    notes = ReportBuilder(scores.resampling, DEFAULT_FORMAT).notes(micro_rows, list(scores))
    lines = [
        f"{model}: micro averages over the scored zones.",
        _table(header, rows),
        *([_interval_note(scores)] if scores.resampling.boot else []),
        *(f"{escape_markdown(note)}." for note in notes),
        *(f"Warning: {escape_markdown(warning)}." for warning in scores.warnings),
        "\n".join(["```", *signatures(scores.signature_fields), "```"]),
    ]
    return "\n\n".join(lines)


def render_agreement(pairs: Sequence[Scores], *, machine: bool) -> str:
    """The strict F1 of each two passes. machine: whether the passes were made by machines."""
    rows = []
    commands = []
    for scores in pairs:
        one, other = scores.metadata.corpus.name, scores.metadata.model
        options = (
            "--zones all --plain-gold" if scores.metadata.options.plain_gold else "--zones all"
        )
        commands.append(code_span(f"evalkit score {PASSES}/{one} {PASSES}/{other} {options}"))
        passes = f"{escape_markdown(one)}, {escape_markdown(other)}"
        for metric in scores:
            if metric.endswith("/strict"):
                row = scores[metric].micro
                rows.append((passes, metric, str(row.gold), str(row.predicted), _ratio(row.f1)))
    title = "Agreement of two machine passes, F1" if machine else "Agreement of two passes, F1"
    meaning = (
        "Agreement measures how consistently the guidelines were applied, not whether the"
        " annotations are right."
    )
    if machine:
        meaning += " No person took part in it."
    header = ("Passes", "Metric", "Items of the first", "Items of the second", "F1")
    table = _table(header, rows, text_columns=2)
    return f"**{title}**, over all zones, by {' and '.join(commands)}. {meaning}\n\n{table}"


def _interval_note(scores: Scores) -> str:
    """What the intervals are, and how they were computed."""
    resampling = scores.resampling
    method = f"{resampling.method} over {resampling.units}"
    if resampling.describes_sample_only:
        return (
            f"The range of F1 ({method}) describes these documents only. It is not a confidence"
            " interval, and nothing follows from it for other texts."
        )
    return f"{name_interval(resampling)} of F1: {method}."


def _ratio(value: float | None) -> str:
    """A ratio with three decimals, or a dash."""
    return "–" if value is None else f"{value:.3f}"


def _table(
    columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, text_columns: int = 1
) -> str:
    """A Markdown table; the first columns are aligned left, the others right."""
    sides = (":---",) * text_columns + ("---:",) * (len(columns) - text_columns)
    return "\n".join(f"| {' | '.join(row)} |" for row in (columns, sides, *rows))
