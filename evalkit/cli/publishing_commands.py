"""Commands for publishing a corpus: card, publish."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from pathlib import Path
from typing import Annotated, Any

import typer

from evalkit.cli.inputs import load_and_report_losses
from evalkit.cli.option_values import check_writable, write_output
from evalkit.cli.options import CorpusPath, Output
from evalkit.corpus import resolve_location
from evalkit.errors import InputError, LoadError, print_line, quoted_repr
from evalkit.hub.card_builder import REPO, card_for_path, card_source_path
from evalkit.hub.card_check import card_errors
from evalkit.hub.card_source import CardSource, read_part, split_card
from evalkit.hub.dataset_files import read_license
from evalkit.hub.publishing import publish as publish_corpus
from evalkit.results.scores import Scores

MAX_SHOWN_DIFFERENCES = 5  # places where a card differs from the generated one


def card(
    corpus: CorpusPath = None,
    *,
    output: Output = None,
    check: Annotated[
        Path | None,
        typer.Option(
            "--check",
            metavar="FILE",
            help="Check a card against the corpus instead of writing one.",
        ),
    ] = None,
    with_text: Annotated[
        bool, typer.Option("--with-text", metavar="", help="Card of a publication with texts.")
    ] = False,
    hub_dataset: Annotated[
        str,
        typer.Option(
            "--hub-dataset", metavar="OWNER/NAME", help="Name of the data set on the Hub."
        ),
    ] = "OWNER/NAME",
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline", metavar="RESULT", help="A saved result to show as the baseline."
        ),
    ] = None,
    baseline_command: Annotated[
        str,
        typer.Option(
            "--baseline-command", metavar="COMMAND", help="The command that made --baseline."
        ),
    ] = "",
) -> None:
    """Write the dataset card of a corpus, or check one.

    It is built from the schema, the counts and corpus/card.md.
    """
    if check:
        wrong = list(card_errors(read_text(check), load_and_report_losses(corpus), name=str(check)))
        if wrong:
            raise LoadError(wrong)
        print_line(f"{check}: every section is filled, and the counts are those of this corpus")
        for line in card_differences(read_text(check), corpus, with_text=with_text):
            print_line(f"{check}:{line}")
        return
    check_writable(output, corpus)
    scores = Scores.load(baseline) if baseline else None
    write_output(
        card_for_path(
            corpus,
            with_text=with_text,
            repo=hub_dataset,
            scores=scores,
            command=baseline_command,
        ).removesuffix("\n"),
        output,
    )


def publish(
    repo: Annotated[
        str, typer.Argument(metavar="OWNER/NAME", help="The data set's name on the Hub.")
    ],
    corpus: CorpusPath = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Show what would be sent; send nothing.")
    ] = False,
    with_text: Annotated[
        bool,
        typer.Option(
            "--with-text",
            metavar="",
            help="Send the texts too; without, offsets and digests only.",
        ),
    ] = False,
    revision: Annotated[
        str | None,
        typer.Option("--revision", metavar="BRANCH", help="Branch on the Hub (its default: main)."),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", metavar="", help="Create a private data set.")
    ] = False,
    create_pr: Annotated[
        bool,
        typer.Option("--create-pr", metavar="", help="Open a pull request instead of committing."),
    ] = False,
    tag: Annotated[
        str | None,
        typer.Option(
            "--tag", metavar="TAG", help="Version tag. Default: v and the schema's version."
        ),
    ] = None,
    card_file: Annotated[
        Path | None,
        typer.Option(
            "--card",
            metavar="FILE",
            help="The card to send. Default: the one that evalkit card writes.",
        ),
    ] = None,
    license_file: Annotated[
        Path | None,
        typer.Option(
            "--license", metavar="FILE", help="The license. Default: LICENSE of the corpus."
        ),
    ] = None,
) -> None:
    """Publish a corpus on the Hugging Face Hub.

    Sends the card, tables, schema, license and Croissant file, and sets a version tag.
    """
    location = resolve_location(corpus)
    loaded = load_and_report_losses(corpus)
    card_text = (
        read_text(card_file).replace(REPO, repo)
        if card_file
        else card_for_path(corpus, corpus=loaded, with_text=with_text, repo=repo)
    )
    license_text = read_text(license_file) if license_file else read_license(location.path)
    if card_file and card_source_path(location).is_file():
        check_license_fields(
            split_card(card_text, str(card_file))[0],
            read_part(card_source_path(location)),
            card_file,
        )
    lines = publish_corpus(
        loaded,
        repo,
        card=card_text,
        licence=license_text,
        with_text=with_text,
        dry_run=dry_run,
        revision=revision,
        private=private,
        create_pr=create_pr,
        tag=tag,
    )
    for line in lines:
        print_line(line)


def card_differences(text: str, corpus: str | None, *, with_text: bool) -> Iterator[str]:
    """The places where a card differs from the generated one."""
    found = re.search(r'load_dataset\("([^"]+)"', text)
    wanted = card_for_path(
        corpus, with_text=with_text, repo=found[1] if found else REPO
    ).splitlines()
    lines = text.splitlines()
    changed = [
        tag
        for tag in SequenceMatcher(None, wanted, lines, autojunk=False).get_opcodes()
        if tag[0] != "equal"
    ]
    for _, _, _, start, end in changed[:MAX_SHOWN_DIFFERENCES]:
        yield (
            f"{start + 1}: not as evalkit card writes it:"
            f" {quoted_repr(' '.join(lines[start:end]) or 'lines are missing')}"
        )
    if len(changed) > MAX_SHOWN_DIFFERENCES:
        yield f" and {len(changed) - MAX_SHOWN_DIFFERENCES} more places"


def check_license_fields(metadata: Mapping[str, Any], part: CardSource, where: Path) -> None:
    """Raise InputError if the license or language of a card differs from that of the corpus."""
    for name in ("license", "license_name", "license_link", "language", "annotations_creators"):
        if metadata.get(name) != part.metadata.get(name):
            raise InputError(
                f"{where}: {name}: {quoted_repr(metadata.get(name))}, and {part.where} says"
                f" {quoted_repr(part.metadata.get(name))}; change one of them"
            )


def read_text(path: Path) -> str:
    """A text file. Raises InputError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None


COMMANDS = {"card": card, "publish": publish}
