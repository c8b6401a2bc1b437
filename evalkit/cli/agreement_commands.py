"""The command for the agreement of annotators."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.inputs import report_annotators
from evalkit.cli.option_values import (
    check_outputs,
    output_format,
    parse_max_documents,
    parse_systems,
    parse_zones,
    read_label_options,
    terminal_width,
    write_output,
)
from evalkit.cli.options import (
    OUTPUT,
    SCORING,
    Boot,
    Digits,
    LabelMapTexts,
    Labels,
    Level,
    Metrics,
    Output,
    OutputFormat,
    Percent,
    Zones,
)
from evalkit.cli.report_output import describe_command
from evalkit.cli.string_options import Heads, Nil, Normalization
from evalkit.corpus import CorpusSource
from evalkit.errors import InputError
from evalkit.evaluation.agreement_inputs import load_annotators
from evalkit.evaluation.annotator_scores import measure_agreement
from evalkit.report.agreement_page import build_agreement_page
from evalkit.results.tables import NumberFormat

AgreementLayer = Annotated[
    str | None,
    typer.Option(
        "--layer",
        metavar="LAYER",
        help="Layer of the measures beside f1: entities, triggers, realis or attributions.",
        rich_help_panel=SCORING,
    ),
]
Measures = Annotated[
    str | None,
    typer.Option(
        "--measures",
        metavar="LIST",
        help="Measures, as in f1,kappa: f1, kappa, fleiss, alpha, alpha-tokens, alpha-u, gamma."
        " Default: all but alpha-tokens and gamma.",
        rich_help_panel=SCORING,
    ),
]
GammaSeed = Annotated[
    int,
    typer.Option(
        "--seed",
        metavar="N",
        min=0,
        help="Random seed of the expected disorder of gamma.",
        rich_help_panel=SCORING,
    ),
]
AreModels = Annotated[
    bool | None,
    typer.Option(
        "--models/--people",
        help="Whether the annotators are models, whose agreement is called consistency. Default:"
        " whether all have scores, failures or items without offsets.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
SaveAgreement = Annotated[
    Path | None,
    typer.Option(
        "--save",
        metavar="FILE",
        help="Save the result (JSON).",
        rich_help_panel=OUTPUT,
    ),
]

AgreementWithoutText = Annotated[
    bool,
    typer.Option(
        "--no-text",
        metavar="",
        help="Leave the text of the corpus out of the HTML page.",
        rich_help_panel=OUTPUT,
    ),
]
DisputedDocuments = Annotated[
    str,
    typer.Option(
        "--max-documents",
        metavar="N|all",
        help="Documents whose disagreements are shown on the HTML page.",
        rich_help_panel=OUTPUT,
    ),
]


def agreement_command(
    annotations: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]ANNOTATIONS",
            help="The annotations of each annotator, in any format; or one file with several"
            " annotators (labelstudio, prodigy, cas, webanno).",
        ),
    ],
    *,
    metrics: Metrics = None,
    layer: AgreementLayer = None,
    measures: Measures = None,
    labels: Labels = None,
    label_map: LabelMapTexts = None,
    zones: Zones = "primary",
    boot: Boot = 1000,
    seed: GammaSeed = 12345,
    level: Level = 0.95,
    normalization: Normalization = None,
    nil: Nil = None,
    heads: Heads = None,
    models: AreModels = None,
    form: OutputFormat = None,
    output: Output = None,
    digits: Digits = None,
    percent: Percent = False,
    save: SaveAgreement = None,
    no_text: AgreementWithoutText = False,
    max_documents: DisputedDocuments = "20",
) -> None:
    """Measure the agreement of annotators: F1 of pairs, κ, α and γ."""
    sources: list[tuple[str | None, CorpusSource]] = []
    for name, path in parse_systems(annotations):
        if isinstance(path, list):
            raise InputError(
                f"{','.join(path)}: several files of one annotator: give one corpus for each"
                " annotator, such as a folder"
            )
        sources.append((name, path))
    paths = [str(source) for _, source in sources]
    check_outputs({"-o": output, "--save": save}, *paths)
    report_format = output_format(form, output)
    documents_shown = parse_max_documents(max_documents)
    annotators = load_annotators(sources)
    report_annotators(annotators, paths)
    agreement = measure_agreement(
        annotators,
        metrics=metrics,
        layer=layer,
        measures=measures,
        models=models,
        **read_label_options(annotators[0].corpus, labels, label_map),
        zones=parse_zones(zones),
        boot=boot,
        seed=seed,
        level=level,
        normalization=normalization,
        nil=nil,
        heads=heads,
    )
    if save is not None:
        agreement.save(save)
    if report_format == "html":
        text = build_agreement_page(
            agreement,
            text=not no_text,
            max_documents=documents_shown,
            numbers=NumberFormat(digits, percent),
            command=describe_command(sys.argv[1:]),
        )
    else:
        text = agreement.render(
            report_format, width=terminal_width(output), digits=digits, percent=percent
        )
    write_output(text, output)
