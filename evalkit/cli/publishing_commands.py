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
from evalkit.corpus import load_corpus, resolve_location
from evalkit.errors import InputError, LoadError, print_line, print_notice, quoted_repr
from evalkit.hub.card_builder import REPO, card_for_path, card_source_path, read_card_source
from evalkit.hub.card_check import card_errors
from evalkit.hub.card_source import CardSource, split_card
from evalkit.hub.licenses import load_license
from evalkit.hub.publishing import publish as publish_corpus
from evalkit.hub.publishing import validate_repo_id
from evalkit.hub.text_rights import decide_texts
from evalkit.results.scores import Scores
from evalkit.results.wording import pluralize

MAX_SHOWN_DIFFERENCES = 5  # places where a card differs from the generated one

WithText = Annotated[
    bool | None,
    typer.Option(
        "--with-text/--without-text",
        help="Publish the texts, or not. Default: if the corpus declares their rights as cleared.",
        show_default=False,
    ),
]


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
    draft: Annotated[
        bool,
        typer.Option(
            "--draft",
            metavar="",
            help="Write a card with placeholders, and list on stderr what is to be filled.",
        ),
    ] = False,
    with_text: WithText = None,
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
        check_card(check, corpus, with_text=with_text)
        return
    check_writable(output, corpus)
    scores = Scores.load(baseline) if baseline else None
    text = card_for_path(
        corpus,
        with_text=with_text,
        draft=draft,
        repo=hub_dataset,
        scores=scores,
        command=baseline_command,
    )
    if draft:
        report_unfilled(text, corpus, output)
    write_output(text.removesuffix("\n"), output)


def publish(
    repo: Annotated[
        str, typer.Argument(metavar="OWNER/NAME", help="The data set's name on the Hub.")
    ],
    corpus: CorpusPath = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Show what would be sent; send nothing.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="With --dry-run: write the files into this folder.",
        ),
    ] = None,
    with_text: WithText = None,
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
    license_name: Annotated[
        str | None,
        typer.Option(
            "--license",
            metavar="FILE|ID",
            help=(
                "A license file, or an SPDX identifier such as CC-BY-4.0. Default: LICENSE of the"
                " corpus, or the license of its card."
            ),
        ),
    ] = None,
) -> None:
    """Publish a corpus on the Hugging Face Hub.

    Sends the card, tables, schema, license and Croissant file, and sets a version tag.
    """
    validate_repo_id(repo)
    if output and not dry_run:
        raise InputError(f"-o {output}: is for --dry-run")
    location = resolve_location(corpus)
    loaded = load_and_report_losses(corpus)
    if card_file:
        card_text = read_text(card_file).replace(REPO, repo)
        metadata = split_card(card_text, str(card_file))[0]
        if card_source_path(location).is_file():
            source = read_card_source(location, loaded)
            check_license_fields(metadata, source, card_file)
    else:
        metadata = dict(read_card_source(location, loaded).metadata)
    texts = decide_texts(loaded, metadata.get("license"), requested=with_text)
    if not card_file:
        card_text = card_for_path(corpus, corpus=loaded, with_text=texts.with_text, repo=repo)
    license_text = load_license(
        location.path,
        metadata.get("license"),
        str(metadata.get("pretty_name", loaded.name)),
        requested=license_name,
        with_text=texts.with_text,
    )
    print_line(texts.reason)
    lines = publish_corpus(
        loaded,
        repo,
        card=card_text,
        license=license_text,
        with_text=texts.with_text,
        dry_run=dry_run,
        output=output,
        revision=revision,
        private=private,
        create_pr=create_pr,
        tag=tag,
    )
    for line in lines:
        print_line(line)


def check_card(path: Path, corpus: str | None, *, with_text: bool | None) -> None:
    """Print that a card is complete, and where it differs from the generated one.

    Raises LoadError with its errors.
    """
    loaded = load_and_report_losses(corpus)
    text = read_text(path)
    errors = list(card_errors(text, loaded, with_text=with_text, name=str(path)))
    if errors:
        raise LoadError(errors)
    print_line(f"{path}: every section is filled, and the counts are those of this corpus")
    for line in card_differences(text, corpus, with_text=with_text):
        print_line(f"{path}:{line}")


def report_unfilled(text: str, corpus: str | None, output: Path | None) -> None:
    """Print on stderr what is to be filled in a draft of a card, or wrong in it.

    The lines are those of the written draft. A draft on stdout has none: the sections are named.
    """
    source = str(card_source_path(corpus))
    name = source if output is None else str(output)
    errors = list(card_errors(text, load_corpus(corpus), name=name))
    size = pluralize(len(errors), "place")
    if output is None:
        print_notice(f"{source}: {size} to fill:")
    else:
        print_notice(f"{name}: {size} to fill, here or in {source}:")
    for error in errors:
        message = error
        if output is None:
            message = re.sub(r"^\d+: ", "", error.removeprefix(f"{name}:").lstrip())
        print_notice(f"  {message}")


def card_differences(
    text: str, corpus: str | None, *, with_text: bool | None = None
) -> Iterator[str]:
    """The places where a card differs from the generated one."""
    loading = re.search(r'load_dataset\("([^"]+)"', text)
    repo = loading[1] if loading else REPO
    expected = card_for_path(corpus, with_text=with_text, repo=repo).splitlines()
    lines = text.splitlines()
    matcher = SequenceMatcher(None, expected, lines, autojunk=False)
    changed = [opcode for opcode in matcher.get_opcodes() if opcode[0] != "equal"]
    for _, _, _, start, end in changed[:MAX_SHOWN_DIFFERENCES]:
        content = " ".join(lines[start:end]) or "lines are missing"
        yield f"{start + 1}: differs from what evalkit card writes: {quoted_repr(content)}"
    if len(changed) > MAX_SHOWN_DIFFERENCES:
        yield f" and {len(changed) - MAX_SHOWN_DIFFERENCES} more places"


def check_license_fields(metadata: Mapping[str, Any], source: CardSource, card_path: Path) -> None:
    """Raise InputError if the license or language of a card differs from that of the corpus."""
    for name in ("license", "license_name", "license_link", "language", "annotations_creators"):
        if metadata.get(name) != source.metadata.get(name):
            raise InputError(
                f"{card_path}: {name} is {quoted_repr(metadata.get(name))}, and in {source.where}"
                f" {quoted_repr(source.metadata.get(name))}; change one of them"
            )


def read_text(path: Path) -> str:
    """A text file. Raises InputError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
