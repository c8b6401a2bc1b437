"""The options that several commands share.

An option has one name, one help text and one panel on all commands; see `aliases.py` for names that
are still accepted.
"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

SCORING = "Scoring"
RUNNING = "Running"
OUTPUT = "Output"
PUBLISHING = "Publishing"


class ReportFormat(str, enum.Enum):
    """The formats of a report."""

    table = "table"
    json = "json"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    html = "html"


CorpusPath = Annotated[
    str | None,
    typer.Argument(
        metavar="CORPUS",
        help="A corpus in any format (see evalkit formats). Default: the bundled article.",
        show_default=False,
    ),
]
SecondCorpusPath = Annotated[
    str | None,
    typer.Argument(
        metavar="CORPUS",
        help="Predictions for the same documents, or another corpus to be shown beside the first.",
        show_default=False,
    ),
]
Detect = Annotated[
    float | None,
    typer.Option(
        "--detect",
        metavar="D",
        help="Number of documents needed to detect a difference of D in F1, such as 0.02.",
    ),
]
Examples = Annotated[
    int,
    typer.Option(
        "--examples",
        metavar="N",
        min=0,
        help="Examples of each label: its most frequent surface forms.",
    ),
]
ExampleContext = Annotated[
    bool, typer.Option("--context", metavar="", help="Also show each example in a text.")
]
NoText = Annotated[
    bool, typer.Option("--no-text", metavar="", help="Leave out surface forms and texts.")
]
GoldPath = Annotated[str, typer.Argument(metavar="GOLD", help="The gold corpus.")]
PredictedPath = Annotated[
    str, typer.Argument(metavar="PREDICTED", help="Predictions for the same documents.")
]
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="LIST",
        help="Metrics to compute: entities/strict,tri-c. Default: those that fit the data.",
        rich_help_panel=SCORING,
    ),
]
ComparedMetrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="LIST",
        help=(
            "Metrics to compare: entities/strict,tri-c. Default: one for each layer: entities,"
            " triggers, arguments, attribution-relations and relations, each strict."
        ),
        rich_help_panel=SCORING,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="LIST",
        help="Score these labels only: PER,LOC (event types where all --metrics are of events).",
        rich_help_panel=SCORING,
    ),
]
LabelMapTexts = Annotated[
    list[str] | None,
    typer.Option(
        "--label-map",
        metavar="MAP",
        help=(
            "Rename labels: person=PER,org=ORG,*= · FILE.json · name of a map in the schema. An"
            " empty value drops a label, * stands for all others. May be repeated."
        ),
        rich_help_panel=SCORING,
    ),
]
Zones = Annotated[
    str,
    typer.Option(
        "--zones",
        metavar="LIST",
        help="Document zones (sections) to score: primary, all, or names.",
        rich_help_panel=SCORING,
    ),
]
Missing = Annotated[
    str,
    typer.Option(
        "--missing",
        metavar="VALUE",
        help="Gold documents without prediction: error, or empty (score them as empty).",
        rich_help_panel=SCORING,
    ),
]
Units = Annotated[
    str,
    typer.Option(
        "--units",
        metavar="UNITS",
        help="Sampling unit of intervals and tests: documents, sentences or auto.",
        rich_help_panel=SCORING,
    ),
]
Gates = Annotated[
    list[str] | None,
    typer.Option(
        "--gate",
        metavar="RULE",
        help="Exit with code 5 if this rule fails, such as 'ner>=0.80'; repeatable.",
        rich_help_panel=OUTPUT,
    ),
]
GateFile = Annotated[
    Path | None,
    typer.Option(
        "--gate-file",
        metavar="FILE",
        help="Read gates from this file, one a line; # begins a comment.",
        rich_help_panel=OUTPUT,
    ),
]
JUnitFile = Annotated[
    Path | None,
    typer.Option(
        "--junit",
        metavar="FILE",
        help="Write the gates and their outcome to this file (JUnit XML).",
        rich_help_panel=OUTPUT,
    ),
]
Boot = Annotated[
    int,
    typer.Option(
        "--boot",
        metavar="N",
        min=0,
        help="0 turns intervals off; any other number has no effect.",
        rich_help_panel=SCORING,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        metavar="N",
        min=0,
        help="Random seed of permutation tests.",
        rich_help_panel=SCORING,
    ),
]
Level = Annotated[
    float,
    typer.Option(
        "--level", metavar="P", help="Confidence level of the intervals.", rich_help_panel=SCORING
    ),
]

OptionalZones = Annotated[
    str | None,
    typer.Option(
        "--zones",
        metavar="LIST",
        help="For predictions: document zones (sections) to score.",
        rich_help_panel=SCORING,
    ),
]
OptionalMissing = Annotated[
    str | None,
    typer.Option(
        "--missing",
        metavar="VALUE",
        help="For predictions: gold documents without prediction: error, or empty.",
        rich_help_panel=SCORING,
    ),
]
OptionalUnits = Annotated[
    str | None,
    typer.Option(
        "--units",
        metavar="UNITS",
        help="For predictions: sampling unit: documents, sentences or auto.",
        rich_help_panel=SCORING,
    ),
]
OptionalBoot = Annotated[
    int | None,
    typer.Option(
        "--boot",
        metavar="N",
        min=0,
        help="For predictions: 0 turns intervals off.",
        rich_help_panel=SCORING,
    ),
]
OptionalSeed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        min=0,
        help="For predictions: random seed of permutation tests.",
        rich_help_panel=SCORING,
    ),
]
OptionalLevel = Annotated[
    float | None,
    typer.Option(
        "--level",
        metavar="P",
        help="For predictions: confidence level of the intervals.",
        rich_help_panel=SCORING,
    ),
]
Gold = Annotated[
    str | None,
    typer.Option(
        "--gold",
        metavar="CORPUS",
        help="The gold corpus, for predictions.",
        rich_help_panel=SCORING,
    ),
]
Average = Annotated[
    str,
    typer.Option(
        "--average",
        metavar="AVERAGE",
        help="Average of F1 to compare: micro or macro.",
        rich_help_panel=SCORING,
    ),
]
ComparedFeatures = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="LIST",
        help="Split each difference by label, document, zone or kind (of error); macro F1 by label"
        " only.",
        rich_help_panel=SCORING,
    ),
]
Permutations = Annotated[
    int,
    typer.Option(
        "--permutations",
        metavar="N",
        min=1,
        help="Number of random permutations, where there are too many to enumerate.",
        rich_help_panel=SCORING,
    ),
]
CurveMetric = Annotated[
    str,
    typer.Option(
        "--metric",
        metavar="METRIC",
        help="A strict metric: entities/strict, triggers/strict, …",
        rich_help_panel=SCORING,
    ),
]

ModelName = Annotated[
    str,
    typer.Option(
        "-m",
        "--model",
        metavar="MODEL",
        help="KIND[:NAME], such as spacy:en_core_web_sm; see evalkit models.",
        rich_help_panel=RUNNING,
    ),
]
ModelArguments = Annotated[
    list[str] | None,
    typer.Option(
        "-a",
        "--model-arg",
        metavar="KEY=VALUE",
        help="Argument of the model; repeatable. See evalkit models KIND.",
        rich_help_panel=RUNNING,
    ),
]
Threshold = Annotated[
    str | None,
    typer.Option(
        "--threshold",
        metavar="T",
        help="Drop predictions with a lower score: 0.5, or PER=0.7,ORG=0.4.",
        rich_help_panel=RUNNING,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        min=1,
        metavar="N",
        help="Use the first N documents only.",
        rich_help_panel=RUNNING,
    ),
]
RunDir = Annotated[
    Path | None,
    typer.Option(
        "--run-dir",
        metavar="DIR",
        help="Store answers here; the same command resumes.",
        rich_help_panel=RUNNING,
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        metavar="",
        help="Rerun the documents that failed in --run-dir.",
        rich_help_panel=RUNNING,
    ),
]
MaxFailures = Annotated[
    int | None,
    typer.Option(
        "--max-failures",
        metavar="N",
        min=0,
        help="Stop after more failed documents than this.",
        rich_help_panel=RUNNING,
    ),
]
Concurrency = Annotated[
    int,
    typer.Option(
        "--concurrency",
        metavar="N",
        min=1,
        help="Concurrent requests to an endpoint.",
        rich_help_panel=RUNNING,
    ),
]
Jobs = Annotated[
    int,
    typer.Option("--jobs", metavar="N", min=1, help="Worker processes.", rich_help_panel=RUNNING),
]

OutputFormat = Annotated[
    ReportFormat | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="table, json, markdown, latex, csv or html. Default: by the suffix of -o, or table.",
        rich_help_panel=OUTPUT,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write here instead of stdout; the suffix sets the format.",
        rich_help_panel=OUTPUT,
    ),
]
CurveOutput = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write here instead of stdout; .png, .svg and .pdf plot the curves.",
        rich_help_panel=OUTPUT,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="NAME",
        help="Name of the system in headings and files.",
        rich_help_panel=OUTPUT,
    ),
]
Digits = Annotated[
    int | None,
    typer.Option(
        "--digits",
        min=0,
        max=15,
        metavar="N",
        help="Decimals of ratios. Default: 3, in percent 1.",
        rich_help_panel=OUTPUT,
    ),
]
Percent = Annotated[
    bool,
    typer.Option(
        "--percent",
        metavar="",
        help="Percent instead of fractions (not in csv and json).",
        rich_help_panel=OUTPUT,
    ),
]
Save = Annotated[
    Path | None,
    typer.Option(
        "--save",
        metavar="FILE",
        help="Save the result (JSON) for report, compare and verify.",
        rich_help_panel=OUTPUT,
    ),
]
ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Also write the full report here: a page for readers (.html), or .md.",
        rich_help_panel=OUTPUT,
    ),
]
ModelCardFile = Annotated[
    Path | None,
    typer.Option(
        "--model-card",
        metavar="README.md",
        help="Write the results into this model card, as model-index metadata.",
        rich_help_panel=PUBLISHING,
    ),
]
EvalResults = Annotated[
    Path | None,
    typer.Option(
        "--eval-results",
        metavar="FILE.yaml",
        help="Write the results for a model repository's .eval_results folder.",
        rich_help_panel=PUBLISHING,
    ),
]
HubDatasetId = Annotated[
    str | None,
    typer.Option(
        "--hub-dataset",
        metavar="OWNER/NAME",
        help="Name of the data set on the Hub, for --model-card and --eval-results.",
        rich_help_panel=PUBLISHING,
    ),
]
