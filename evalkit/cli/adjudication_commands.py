"""The command `adjudicate`: from the annotations of several annotators to gold."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.inputs import load_and_report_losses, report_losses
from evalkit.cli.option_values import check_writable, parse_systems
from evalkit.cli.report_output import check_report
from evalkit.corpus import Corpus
from evalkit.errors import InputError, print_line, print_notice, quoted_repr
from evalkit.evaluation.adjudication import AdjudicatedCorpus, Adjudication, adjudicate_corpora
from evalkit.evaluation.adjudication_files import (
    load_adjudication,
    refuse_overwriting,
    save_adjudication,
    stale_path,
)
from evalkit.files import to_path, write_atomically
from evalkit.formats.registry import parse_location
from evalkit.results.adjudication_lines import AdjudicationLine, encode_lines
from evalkit.results.wording import join_some, pluralize

ADJUDICATION = "Adjudication"


class Rule(str, enum.Enum):
    """The rules that decide what they can."""

    majority = "majority"
    longest = "longest"
    shortest = "shortest"


Annotations = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME=]ANNOTATIONS…",
        help="The annotations of each annotator, in any format (see evalkit formats); NAME names"
        " the annotator.",
        show_default=False,
    ),
]
AdjudicationOutput = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write here: what needs a decision (.jsonl); with --apply, the gold, in any format.",
        rich_help_panel=ADJUDICATION,
    ),
]
Apply = Annotated[
    str | None,
    typer.Option(
        "--apply",
        metavar="FILE",
        help="Apply the decisions in this file, and write the gold.",
        rich_help_panel=ADJUDICATION,
    ),
]
Previous = Annotated[
    Path | None,
    typer.Option(
        "--previous",
        metavar="FILE",
        help="Reuse the decisions of this file where they still fit; list the others.",
        rich_help_panel=ADJUDICATION,
    ),
]
Undecided = Annotated[
    str,
    typer.Option(
        "--undecided",
        metavar="error|none|majority|NAME",
        help="With --apply, what becomes of clusters without a decision; NAME is an annotator.",
        rich_help_panel=ADJUDICATION,
    ),
]
Resolve = Annotated[
    Rule | None,
    typer.Option(
        "--resolve",
        help="Decide by this rule where it applies; the report says so.",
        rich_help_panel=ADJUDICATION,
    ),
]
AdjudicationReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="With --apply, write every decision and note here (.md or .html).",
        rich_help_panel=ADJUDICATION,
    ),
]


def adjudicate_command(
    annotations: Annotations = None,
    *,
    output: AdjudicationOutput = None,
    apply: Apply = None,
    previous: Previous = None,
    undecided: Undecided = "error",
    resolve: Resolve = None,
    report: AdjudicationReportFile = None,
) -> None:
    """Make gold of the work of several annotators.

    evalkit adjudicate A B -o todo.jsonl writes a line for each cluster of disagreement.

    Write the name of an annotator, all, none or a list of items under "decision" of each line.

    evalkit adjudicate --apply todo.jsonl -o gold.jsonl writes what all agree on and the decisions.
    """
    rule = None if resolve is None else resolve.value
    if apply is None:
        _list_disagreements(annotations or [], output, previous, undecided, rule, report)
    else:
        _apply_decisions(annotations or [], output, apply, previous, undecided, rule, report)


def _list_disagreements(
    annotations: list[str],
    output: str | None,
    previous: Path | None,
    undecided: str,
    rule: str | None,
    report: Path | None,
) -> None:
    if undecided != "error" or report is not None:
        option = "--report" if undecided == "error" else "--undecided"
        raise InputError(f"{option}: needs --apply FILE, the file with the decisions")
    target = None if output is None else to_path(output)
    check_writable(target, *(path for _, path in _parse_annotations(annotations)))
    if target is not None:
        if target.suffix != ".jsonl":
            raise InputError(f"-o {output}: expected a name that ends in .jsonl")
        refuse_overwriting(target, previous)
    corpora = load_annotators(annotations)
    adjudication = adjudicate_corpora(corpora, previous=previous, resolve=rule)
    _report_differences(adjudication)
    if target is None:
        print(encode_lines(adjudication.lines).decode(), end="")
        _list_stale(adjudication.stale, "")
        return
    save_adjudication(adjudication, target, previous=previous)
    _list_stale(adjudication.stale, f"; they are kept in {stale_path(target)}")
    print_line(f"{target}: {_describe(adjudication)}")
    print_line(
        f"next: fill in the decisions, then evalkit adjudicate --apply {target} -o gold.jsonl"
    )


def _apply_decisions(
    annotations: list[str],
    output: str | None,
    decisions: str,
    previous: Path | None,
    undecided: str,
    rule: str | None,
    report: Path | None,
) -> None:
    if previous is not None:
        raise InputError(
            "--previous: reuses decisions when disagreements are listed; give it without --apply"
        )
    if output is None:
        raise InputError("--apply: name the file of the gold: -o gold.jsonl")
    location = parse_location(output)
    check_writable(location.path, decisions, folders=True)
    check_writable(report, decisions, str(location.path), option="--report")
    check_report(report)
    path = to_path(decisions)
    if annotations:
        adjudication = adjudicate_corpora(load_annotators(annotations))
    else:
        adjudication = load_adjudication(path)
    _report_differences(adjudication)
    result = adjudication.apply(path, undecided=undecided, resolve=rule)
    losses = result.corpus.save(output)
    report_losses(losses, output, "not written")
    _write_report(result, report)
    for problem in result.report.problems:
        print_notice(f"{output}: {problem}")
    counts = result.report.gold_counts
    sources = result.report.count_sources()
    made_by = f" ({', '.join(f'{n} by {by}' for by, n in sources.items())})" if sources else ""
    contents = ", ".join(f"{count:,} {layer}" for layer, count in counts.items())
    print_line(
        f"{output}: {pluralize(len(result.corpus), 'document')},"
        f" {contents or 'no annotations'};"
        f" {pluralize(len(result.report.decisions), 'decision')}{made_by}"
    )


def _write_report(result: AdjudicatedCorpus, report: Path | None) -> None:
    if report is None:
        return
    format = "html" if report.suffix == ".html" else "markdown"
    write_atomically(report, result.report.render(format) + "\n")


def _parse_annotations(annotations: Iterable[str]) -> list[tuple[str | None, str]]:
    """The name, if one is given, and the path of each annotator."""
    named = []
    for name, path in parse_systems(annotations):
        if not isinstance(path, str):
            raise InputError(
                f"{','.join(path)}: expected one path for each annotator, separated by spaces"
            )
        named.append((name, path))
    return named


def load_annotators(annotations: Iterable[str]) -> dict[str, Corpus]:
    """The corpus of each annotator by name: the one that is given, else that of the file."""
    named = _parse_annotations(annotations)
    if len(named) < 2:
        raise InputError(
            "adjudicate: expected the annotations of two or more annotators: evalkit adjudicate A"
            " B -o todo.jsonl"
        )
    corpora: dict[str, Corpus] = {}
    for given_name, path in named:
        corpus = load_and_report_losses(path, predictions=True)
        name = given_name or corpus.name
        if name in corpora:
            raise InputError(
                f"{path}: a second annotator of the name {quoted_repr(name)}: write"
                " NAME=ANNOTATIONS"
            )
        corpora[name] = corpus
    return corpora


def _report_differences(adjudication: Adjudication) -> None:
    """Print on stderr which documents an annotator lacks, and what was left out."""
    for name, ids in adjudication.lacking.items():
        print_notice(
            f"{name}: did not annotate {pluralize(len(ids), 'document')} that others did:"
            f" {join_some(ids)}"
        )
    for line in adjudication.dropped.lines():
        print_notice(f"left out: {line}")


def _list_stale(stale: tuple[AdjudicationLine, ...], where: str) -> None:
    if not stale:
        return
    print_notice(
        f"{pluralize(len(stale), 'stale decision')}, whose clusters are not there any more{where}:"
    )
    for line in stale:
        print_notice(f"  {line.id}: {line.describe()}: {quoted_repr(line.decision)}")


def _describe(adjudication: Adjudication) -> str:
    """The number of agreed items and of lines, in words."""
    agreed = sum(counts["agreed"] for counts in adjudication.item_counts().values())
    clusters = len(adjudication.clusters)
    undecided = len(adjudication.undecided)
    text = f"{pluralize(agreed, 'agreed item')}, {pluralize(clusters, 'cluster')} of disagreement"
    if undecided < len(adjudication.lines):
        text += f", of which {undecided:,} have no decision"
    return text
