"""The dataset, described for the Hugging Face Hub: a corpus and what a person wrote of it in, a
complete card out.

    headings    where does a Markdown text have its sections?
    part        which words did a person write? (corpus/card.md)
    hubvalues   which values does the Hub know?
    tables      how many of each are there, and what does each mean?
    metadata    what do the Hub and `load_dataset` read of it?
    figures     which scores does it show?
    checking    is it complete and true?
    card.md.j2  how is it laid out?

A card is of one of two versions, with the texts or without them, and says which. Without them
nothing in it is taken from a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from evalkit.corpus import BUNDLED, Corpus, load_corpus, resolve_location
from evalkit.data.document import LAYERS
from evalkit.errors import LoadError
from evalkit.evaluation.corpus_scores import evaluate
from evalkit.formats.registry import CorpusLocation
from evalkit.hub.card_check import card_errors
from evalkit.hub.card_metadata import metadata, to_yaml
from evalkit.hub.card_scores import agreement, render_agreement, render_baseline
from evalkit.hub.card_source import CardSource, read_part
from evalkit.hub.card_tables import escape_markdown, tables
from evalkit.results.scores import Scores

REPO = "OWNER/NAME"
COMMAND = "evalkit run"  # of the baseline of the bundled corpus


def card_for_path(
    path: str | Path | None = None,
    *,
    corpus: Corpus | None = None,
    source: str | Path | None = None,
    with_text: bool = False,
    repo: str = REPO,
    scores: Scores | None = None,
    command: str = "",
) -> str:
    """The card of the corpus at a path (without one, the bundled corpus), with all that lies beside
    it: the hand-written part, the passes.

    corpus: the corpus at the path, where it is loaded already. part: a hand-written part that lies
    elsewhere. scores: of a baseline, and the command that gives them; the bundled corpus has those
    of `rules`. The rest: see `build_card`.
    """
    location = resolve_location(path)
    known = corpus if corpus is not None else load_corpus(location)
    place = location.path
    written = read_part(source or card_source_path(location))
    if scores is None and known.name == BUNDLED:
        scores, command = evaluate("rules", known), COMMAND
    passes = agreement(place) if place.is_dir() else []
    return build_card(
        known,
        written,
        with_text=with_text,
        repo=repo,
        scores=scores,
        command=command,
        passes=passes,
    )


def build_card(
    corpus: Corpus,
    part: CardSource,
    *,
    with_text: bool = False,
    repo: str = REPO,
    scores: Scores | None = None,
    command: str = "",
    passes: Sequence[Scores] = (),
) -> str:
    """The card of a corpus: YAML metadata, then every section of the Hub's template.

    with_text: of the version that holds the texts. repo: its name on the Hub, for the lines that
    load it. scores: of a baseline, and the command that gives them. passes: scores of each two
    passes of annotation, see `agreement`. Raises LoadError where the card would not be complete and
    true: see `faults`.
    """
    from jinja2 import Environment, StrictUndefined

    layout = (resources.files("evalkit.hub") / "card.md.j2").read_text(encoding="utf-8")
    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(  # noqa: S701
        layout
    )
    data = metadata(corpus, part, with_text=with_text)
    body = template.render(
        title=escape_markdown(str(data["pretty_name"])),
        part=part,
        with_text=with_text,
        repo=repo,
        corpus=corpus,
        tables=tables(corpus, with_text=with_text),
        zoned=any(document.zones for document in corpus),
        version=escape_markdown(corpus.schema.version) if corpus.schema else "",
        baseline=render_baseline(scores, command) if scores else "",
        flat=next(
            (layer for layer in LAYERS if any(getattr(document, layer) for document in corpus)), ""
        ),
        agreement=(
            render_agreement(
                passes,
                machine=data["annotations_creators"]
                in (["machine-generated"], "machine-generated"),
            )
            if passes
            else ""
        ),
    )
    text = f"---\n{to_yaml(data)}---\n\n{body}"
    found = list(card_errors(text, corpus, with_text=with_text, name=f"{part.where}, as a card"))
    if found:
        raise LoadError(found)
    return text


def card_source_path(path: str | Path | CorpusLocation | None = None) -> Path:
    """Where the hand-written part of a corpus is looked for: corpus/card.md in a folder that has
    corpus/, else card.md in or beside it.
    """
    place = resolve_location(path).path
    if not place.is_dir():
        return place.parent / "card.md"
    return place / "corpus" / "card.md" if (place / "corpus").is_dir() else place / "card.md"
