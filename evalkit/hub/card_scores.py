"""Which scores does a card show?

The baseline's, with their ranges and signatures, and the agreement of the passes, as Markdown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

from evalkit.corpus import load_corpus
from evalkit.evaluation.corpus_scores import score
from evalkit.hub.card_tables import code_span, escape_markdown
from evalkit.results.scores import MetricScores, Row, Scores
from evalkit.results.summary import signatures

PASSES = "annotations/passes"  # of a corpus folder: a folder for each independent pass


def agreement(folder: Path) -> list[Scores]:
    """The scores of each two passes below a corpus folder, over all zones; none where there are
    fewer than two passes.
    """
    passes = sorted(of for of in (folder / PASSES).glob("*") if any(of.glob("*.jsonl")))
    loaded = [load_corpus(of) for of in passes]
    return [score(one, other, zones="all", boot=0) for one, other in combinations(loaded, 2)]


def render_baseline(scores: Scores, command: str) -> str:
    """The micro averages of each metric, what the ranges are, the warnings, and the signatures."""
    rows = [
        (metric, *(_ratio(getattr(of, name)) for name in ("precision", "recall", "f1")), _range(of))
        for metric in scores
        for of in [scores[metric].micro]
    ]
    level = f"{100 * scores.resampling.level:g} % range"
    said = (
        f"Of the model {code_span(scores.metadata['model'])}"
        + (f", by {code_span(command)}" if command else "")
        + ": micro averages over the scored zones."
    )
    lines = [said, _table(("Metric", "Precision", "Recall", "F1", level), rows), _how_sure(scores)]
    lines += [f"Warning: {escape_markdown(warning)}." for warning in scores.warnings]
    return "\n\n".join([*lines, "\n".join(["```", *signatures(scores.signature_fields), "```"])])


def render_agreement(pairs: Sequence[Scores], *, machine: bool) -> str:
    """The strict F1 of each two passes. machine: they were made by machines, which is said."""
    names = [
        (str(scores.metadata["corpus"]["name"]), str(scores.metadata["model"])) for scores in pairs
    ]
    rows = [
        (
            f"{escape_markdown(one)}, {escape_markdown(other)}",
            metric,
            str(of.gold),
            str(of.predicted),
            _ratio(of.f1),
        )
        for (one, other), scores in zip(names, pairs, strict=True)
        for metric, of in _strict(scores)
    ]
    title = "Agreement of two machine passes, F1" if machine else "Agreement of two passes, F1"
    means = (
        "It tells how consistently the guidelines were applied, and nothing of how right the"
        " result is." + (" No person took part in it." if machine else "")
    )
    commands = [
        code_span(f"evalkit score {PASSES}/{one} {PASSES}/{other} --zones all")
        for one, other in names
    ]
    header = ("Passes", "Metric", "Items of the first", "Items of the second", "F1")
    table = _table(header, rows, words=2)
    return f"**{title}**, over all zones, by {' and '.join(commands)}. {means}\n\n{table}"


def _strict(scores: Scores) -> Iterable[tuple[str, Row]]:
    return [(metric, scores[metric].micro) for metric in scores if metric.endswith("/strict")]


def _how_sure(scores: Scores) -> str:
    how, signed = scores.resampling, _first(scores).signature_fields
    units = "sentences" if signed.get("units") == "sentences" else "documents"
    drawn = f"{how.boot:,} replicates over {units}, seed {how.seed}"
    if signed["docs"].startswith("1/"):
        return (
            "The range is that of F1 when the sentences of this one text are drawn again"
            f" ({drawn}); it is no confidence interval. – stands where there are too few items for"
            " one."
        )
    return f"The range is a bootstrap interval of F1 ({drawn}). – stands where there is none."


def _first(scores: Scores) -> MetricScores:
    return scores[next(iter(scores))]


def _range(of: Row) -> str:
    return "–" if of.f1_low is None or of.f1_high is None else f"{of.f1_low:.3f}–{of.f1_high:.3f}"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, words: int = 1) -> str:
    sides = (":---",) * words + ("---:",) * (len(columns) - words)
    return "\n".join(f"| {' | '.join(row)} |" for row in (columns, sides, *rows))
