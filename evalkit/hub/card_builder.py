"""Builds the dataset card for the Hugging Face Hub from a corpus and a hand-written part.

    card_source    the hand-written part, corpus/card.md
    markdown       sections of a Markdown text
    allowed_values values that the Hub allows in the metadata
    card_tables    counts and definitions
    card_metadata  the metadata that the Hub and `load_dataset` read
    card_scores    scores of a baseline, agreement of annotation passes
    card_check     checks that a card is complete and agrees with its corpus
    card.md.j2     the template

A card is of a data set with the texts or without them, and says which. Without them nothing in it
is quoted from a text.
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
from evalkit.hub.card_metadata import build_metadata, to_yaml
from evalkit.hub.card_scores import render_agreement, render_baseline, score_passes
from evalkit.hub.card_source import (
    CardSource,
    card_template,
    load_card_source,
    parse_card_source,
)
from evalkit.hub.card_tables import escape_markdown, tables
from evalkit.hub.text_rights import decide_texts
from evalkit.results.scores import Scores

REPO = "OWNER/NAME"
COMMAND = "evalkit run"  # of the baseline of the bundled corpus


def card_for_path(
    path: str | Path | None = None,
    *,
    corpus: Corpus | None = None,
    source: str | Path | None = None,
    with_text: bool | None = None,
    draft: bool = False,
    repo: str = REPO,
    scores: Scores | None = None,
    command: str = "",
) -> str:
    """The card of the corpus at a path, without one of the bundled corpus; with the hand-written
    part and the annotation passes beside it.

    corpus: the corpus at the path, if it is loaded already. source: a hand-written part elsewhere.
    scores: of a baseline, and the command that computes them; the bundled corpus has those of
    `rules`. The others: see `build_card`.
    """
    location = resolve_location(path)
    known = corpus if corpus is not None else load_corpus(location)
    hand_written = read_card_source(location, known, source=source, draft=draft)
    if scores is None and known.name == BUNDLED:
        scores, command = evaluate("rules", known), COMMAND
    return build_card(
        known,
        hand_written,
        with_text=with_text,
        draft=draft,
        repo=repo,
        scores=scores,
        command=command,
        passes=score_passes(location.path) if location.path.is_dir() else [],
    )


def read_card_source(
    path: str | Path | CorpusLocation | None,
    corpus: Corpus,
    *,
    source: str | Path | None = None,
    draft: bool = False,
) -> CardSource:
    """The hand-written part of the corpus at a path; for a draft, an empty one if there is none."""
    file = Path(source) if source is not None else card_source_path(path)
    if draft and not file.exists():
        return parse_card_source(card_template(corpus.name), str(file), draft=True)
    return load_card_source(file, draft=draft)


def build_card(
    corpus: Corpus,
    source: CardSource,
    *,
    with_text: bool | None = None,
    draft: bool = False,
    repo: str = REPO,
    scores: Scores | None = None,
    command: str = "",
    passes: Sequence[Scores] = (),
) -> str:
    """The card of a corpus: YAML metadata, then the sections of the Hub's template.

    with_text: of the data set that has the texts; None: by the rights that the corpus declares, see
    `decide_texts`. draft: keep placeholders and do not check the card. repo: its name on the Hub,
    in the lines that load it. scores: of a baseline, and the command that computes them. passes:
    scores of each two annotation passes, see `score_passes`. Raises LoadError where the card is not
    complete or does not agree with the corpus: see `card_errors`.
    """
    from jinja2 import Environment, StrictUndefined

    if with_text is None:
        with_text = decide_texts(corpus, source.metadata.get("license")).with_text
    layout = (resources.files("evalkit.hub") / "card.md.j2").read_text(encoding="utf-8")
    environment = Environment(  # noqa: S701 - Markdown, which card_tables escapes
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    data = build_metadata(corpus, source, with_text=with_text)
    creators = data.get("annotations_creators")
    machine = creators in (["machine-generated"], "machine-generated")
    annotated = [layer for layer in LAYERS if _has_annotations(corpus, layer)]
    body = environment.from_string(layout).render(
        title=escape_markdown(str(data["pretty_name"])),
        summary=source.summary,
        sections=source.sections,
        with_text=with_text,
        repo=repo,
        corpus=corpus,
        tables=tables(corpus, with_text=with_text),
        has_zones=any(document.zones for document in corpus),
        version=escape_markdown(corpus.schema.version) if corpus.schema else "",
        baseline=render_baseline(scores, command) if scores else "",
        flat_config=annotated[0] if annotated else "",
        agreement=render_agreement(passes, machine=machine) if passes else "",
    )
    text = f"---\n{to_yaml(data)}---\n\n{body}"
    if draft:
        return text
    errors = list(card_errors(text, corpus, with_text=with_text, name=f"{source.where}, as a card"))
    if errors:
        raise LoadError(errors)
    return text


def _has_annotations(corpus: Corpus, layer: str) -> bool:
    """Whether any document of a corpus has an annotation in a layer."""
    return any(getattr(document, layer) for document in corpus)


def card_source_path(path: str | Path | CorpusLocation | None = None) -> Path:
    """The path of the hand-written part of a corpus: corpus/card.md in a folder that has corpus/,
    else card.md in or beside it.
    """
    location = resolve_location(path).path
    if not location.is_dir():
        return location.parent / "card.md"
    folder = location / "corpus" if (location / "corpus").is_dir() else location
    return folder / "card.md"
