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

from evalkit.corpus import BUNDLED, Corpus, load_corpus, located
from evalkit.data.document import LAYERS
from evalkit.errors import LoadError
from evalkit.evaluation.corpus_scores import evaluate
from evalkit.hub.card_check import faults
from evalkit.hub.card_metadata import dumped, metadata
from evalkit.hub.card_scores import agreement, agreement_shown, baseline_shown
from evalkit.hub.card_source import Part, part_of, read_part, to_fill
from evalkit.hub.card_tables import escaped, tables
from evalkit.results.scores import Scores

__all__ = [
    "REPO",
    "Part",
    "card",
    "described",
    "faults",
    "part_of",
    "read_part",
    "to_fill",
    "where_part_is",
]

REPO = "OWNER/NAME"
COMMAND = "evalkit run"  # of the baseline of the bundled corpus


def described(
    path: str | Path | None = None,
    *,
    corpus: Corpus | None = None,
    part: str | Path | None = None,
    with_text: bool = False,
    repo: str = REPO,
    scores: Scores | None = None,
    command: str = "",
) -> str:
    """The card of the corpus at a path (without one, the bundled corpus), with all that lies beside
    it: the hand-written part, the passes.

    corpus: the corpus at the path, where it is loaded already. part: a hand-written part that lies
    elsewhere. scores: of a baseline, and the command that gives them; the bundled corpus has those
    of `rules`. The rest: see `card`.
    """
    known = corpus if corpus is not None else load_corpus(path)
    place = located(path).path
    written = read_part(part or where_part_is(path))
    if scores is None and known.name == BUNDLED:
        scores, command = evaluate("rules", known), COMMAND
    passes = agreement(place) if place.is_dir() else []
    return card(
        known,
        written,
        with_text=with_text,
        repo=repo,
        scores=scores,
        command=command,
        passes=passes,
    )


def card(
    corpus: Corpus,
    part: Part,
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
        title=escaped(str(data["pretty_name"])),
        part=part,
        with_text=with_text,
        repo=repo,
        corpus=corpus,
        tables=tables(corpus, with_text=with_text),
        zoned=any(document.zones for document in corpus),
        version=escaped(corpus.schema.version) if corpus.schema else "",
        baseline=baseline_shown(scores, command) if scores else "",
        flat=next(
            (layer for layer in LAYERS if any(getattr(document, layer) for document in corpus)), ""
        ),
        agreement=(
            agreement_shown(
                passes,
                machine=data["annotations_creators"]
                in (["machine-generated"], "machine-generated"),
            )
            if passes
            else ""
        ),
    )
    text = f"---\n{dumped(data)}---\n\n{body}"
    found = list(faults(text, corpus, with_text=with_text, name=f"{part.where}, as a card"))
    if found:
        raise LoadError(found)
    return text


def where_part_is(path: str | Path | None = None) -> Path:
    """Where the hand-written part of a corpus is looked for: corpus/card.md in a folder that has
    corpus/, else card.md in or beside it.
    """
    place = located(path).path
    if not place.is_dir():
        return place.parent / "card.md"
    return place / "corpus" / "card.md" if (place / "corpus").is_dir() else place / "card.md"
