"""The command `adjudicate`: from the annotations of several annotators to gold."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, cast

import typer

from evalkit.cli.corpus_commands import count_annotations
from evalkit.cli.inputs import report_annotators, report_losses
from evalkit.cli.option_values import check_writable, parse_systems
from evalkit.cli.report_output import check_report
from evalkit.corpus import Corpus, CorpusSource
from evalkit.errors import InputError, print_line, print_notice, quoted_repr
from evalkit.evaluation.adjudication import AdjudicatedCorpus, Adjudication, adjudicate_corpora
from evalkit.evaluation.adjudication_files import (
    annotations_path,
    holds_lines,
    load_adjudication,
    refuse_overwriting,
    save_adjudication,
    stale_path,
)
from evalkit.evaluation.adjudication_tools import TOOLS, holds_tasks
from evalkit.evaluation.agreement_inputs import load_annotators
from evalkit.evaluation.inferred_decisions import infer_report
from evalkit.files import write_atomically
from evalkit.formats.registry import CorpusLocation, parse_location
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
        help="Write here what needs a decision (.jsonl, brat:DIR or labelstudio:FILE); with"
        " --apply, the gold, in any format.",
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
        metavar="RULE",
        help="Decide by this rule where it applies: majority, longest or shortest; the report says"
        " so.",
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
    """Merge the annotations of several annotators into gold.

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
    sources = _parse_annotations(annotations)
    location = None if output is None else parse_location(output)
    if location is not None:
        _check_target(location, str(output), [path for _, path in sources], previous)
    corpora = load_corpora(sources)
    adjudication = adjudicate_corpora(corpora, previous=previous, resolve=rule)
    _report_differences(adjudication)
    if location is None:
        print(encode_lines(adjudication.lines).decode(), end="")
        _list_stale(adjudication.stale, "")
        return
    tool = TOOLS.get(location.format or "")
    if tool is None:
        save_adjudication(adjudication, location.path, previous=previous)
        _list_stale(adjudication.stale, f"; they are kept in {stale_path(location.path)}")
    else:
        report_losses(tool.save(adjudication, location), str(output), "not written")
        _list_stale(adjudication.stale, "")
    print_line(f"{location.path}: {_describe(adjudication)}")
    decide = "decide, then " if adjudication.undecided else ""
    print_line(f"next: {decide}evalkit adjudicate --apply {output} -o gold.jsonl")


def _check_target(
    location: CorpusLocation, output: str, sources: list[str], previous: Path | None
) -> None:
    """Refuse an output that cannot be written, or whose decisions would be overwritten."""
    is_tool = location.format in TOOLS
    check_writable(location.path, *sources, folders=is_tool)
    if location.format == "brat":
        _refuse_within(location.path, sources)
    if is_tool:
        return
    if location.format not in (None, "jsonl") or location.path.suffix != ".jsonl":
        raise InputError(
            f"-o {output}: expected a name that ends in .jsonl, brat:DIR or labelstudio:FILE"
        )
    refuse_overwriting(location.path, previous)


def _refuse_within(folder: Path, sources: list[str]) -> None:
    """Refuse a folder in a folder of annotations, whose subfolders are read, too."""
    for source in sources:
        path = parse_location(source).path
        if path.resolve() in folder.resolve().parents:
            raise InputError(
                f"-o brat:{folder}: lies in the folder {path}, which is read with its subfolders;"
                " name a folder outside of it"
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
    target = parse_location(output)
    source = parse_location(decisions)
    named = [path for _, path in _parse_annotations(annotations)]
    inputs = [str(source.path), str(annotations_path(source.path)), *named]
    check_writable(target.path, *inputs, folders=True)
    check_writable(report, *inputs, str(target.path), option="--report")
    check_report(report)
    if holds_tasks(target) or holds_lines(target.path):
        raise InputError(
            f"-o {output}: holds an adjudication, which the gold would overwrite; name another"
        )
    if source.format in TOOLS:
        if report is not None and not annotations:
            raise InputError(
                f"--report {report}: the tool kept no record of decisions: name the annotations,"
                f" with which gold is compared: evalkit adjudicate A B --apply {decisions}"
            )
        adjudication = _load_from_tool(source, decisions, "none" if rule else undecided)
        result = adjudication.apply(undecided=undecided, resolve=rule)
        if annotations:
            corpora = load_corpora(_parse_annotations(annotations))
            inferred = infer_report(corpora, result.corpus, str(source.format))
            problems = result.report.problems
            result = replace(result, report=replace(inferred, problems=problems))
    else:
        if annotations:
            adjudication = adjudicate_corpora(load_corpora(_parse_annotations(annotations)))
        else:
            adjudication = load_adjudication(source.path)
        _report_differences(adjudication)
        result = adjudication.apply(source.path, undecided=undecided, resolve=rule)
    report_losses(result.corpus.save(output), output, "not written")
    _write_report(result, report)
    for problem in result.report.problems:
        print_notice(f"{output}: {problem}")
    layers = result.report.gold_counts
    contents = ", ".join(count_annotations(result.corpus, layer) for layer in layers)
    summary = f"{pluralize(len(result.corpus), 'document')}, {contents or 'no annotations'}"
    if source.format not in TOOLS or annotations:
        made_by = result.report.describe_sources()
        summary += f"; {pluralize(len(result.report.decisions), 'decision')}"
        summary += f" ({made_by})" if made_by else ""
    print_line(f"{output}: {summary}")


def _load_from_tool(source: CorpusLocation, decisions: str, undecided: str) -> Adjudication:
    """The adjudication that comes back from an annotation tool."""
    if not source.path.exists():
        raise InputError(f"{source.path}: no such file or folder")
    adjudication = TOOLS[str(source.format)].load(decisions, undecided=undecided)
    first = adjudication.corpora[adjudication.annotators[0]]
    report_losses(first.conversion, decisions)
    return adjudication


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


def load_corpora(sources: list[tuple[str | None, str]]) -> dict[str, Corpus]:
    """The corpus of each annotator by name: the one that is given, else that of the corpus."""
    annotators = load_annotators(cast("list[tuple[str | None, CorpusSource]]", sources))
    report_annotators(annotators, [path for _, path in sources])
    return {annotator.name: annotator.corpus for annotator in annotators}


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
    if not undecided and adjudication.lines:
        text += ", all with a decision"
    elif undecided < len(adjudication.lines):
        text += f", {undecided:,} without a decision"
    return text
